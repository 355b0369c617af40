/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_TORRENT_H
#define CONJURE_ACTORS_TORRENT_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/bitfield.h"
#include "conjure/fs/allocation.h"
#include "conjure/msg/interest.h"
#include "conjure/piece/geometry.h"
#include "conjure/swarm/swarm.h"
#include "conjure/torrent/metainfo.h"

struct storage;

/*
 * A torrent as all actors see it. Master makes it; it does not change from the moment that it is
 * sent to another actor (`storage` is set before Lobby, Announcer and InterestStat get it), and
 * Master frees it when none of them has it any more. The inbox of its InterestStat is in here, so
 * that sending to it fails, and does no harm, when InterestStat has ended.
 */
struct torrent {
    struct swarm *swarm; /* without the metainfo */
    struct metainfo *meta;
    struct geometry geometry;
    char *dir;         /* download folder, absolute */
    char *resume_path; /* the file of the resume data, absolute */
    enum allocation allocation;
    bool *skip_file;        /* one per file: not selected; NULL: all are wanted */
    struct bitfield wanted; /* pieces that hold a byte of a wanted file; without bytes: all */
    struct interest_inbox interest;
    struct waker interest_waker;
    struct storage *storage;
};

#endif
