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
 * A torrent as all actors know it: made by Master and immutable from the moment it is sent to
 * another actor (`storage` is set before the Lobby, the Announcer and InterestStat hear of it).
 * Master frees it when all of them have let go of it. The inbox of its InterestStat lives here, so
 * that it can be asked, and refuse, also after InterestStat has ended.
 */
struct torrent {
    struct swarm *swarm; /* what it is known by outside */
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
