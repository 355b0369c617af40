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
 * A torrent, for all actors. Master makes it, and frees it when no other actor uses it any more. It
 * does not change once another actor has it, except that Master sets `storage` after FS has opened
 * the torrent, before Lobby, Announcer and InterestStat receive it. The inbox of InterestStat is a
 * member, so that other actors can send to it even after InterestStat has ended: the send fails.
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
