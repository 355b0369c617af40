/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_RECORD_H
#define CONJURE_SRC_ACTORS_MASTER_RECORD_H

#include "actors/master/reachability.h"
#include "conjure/actors/master.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/rate.h"
#include "conjure/piece/stored_blocks.h"
#include "conjure/state/content_paths.h"
#include "conjure/torrent/life.h"

struct master;

/* The part of a record that the record of a retry inherits. */
struct master_torrent_lasting {
    bool named;           /* on the command line */
    bool known;           /* it has a file in STATE/torrents */
    bool known_due;       /* that file must be written */
    uint32_t known_tick;  /* but not before */
    uint32_t n_watched;   /* its files in --torrents-dir */
    uint32_t orphan_tick; /* when to remove it, unless a file is left; 0: never */
    uint64_t seeded_s;    /* after completion, before this try */
    unsigned n_failures;  /* in a row */
    bool needs_restat;    /* a file has changed: stat all before it runs again */
    char *last_error;     /* owned, as logged; NULL: no failure */
};

/* Master's record of a torrent. */
struct master_torrent {
    struct swarm swarm;     /* what other actors see of it: without the metainfo, */
    struct torrent torrent; /* and with it */
    struct master *master;
    struct master_torrent *next, *previous;
    struct info_hash info_hash;
    struct content_path path;
    struct torrent_settings settings; /* as they are now */
    uint64_t limit_up, limit_down;    /* of this torrent alone, as Bandwidth knows them */
    enum life_state state;
    struct master_torrent_lasting lasting;
    bool complete;           /* every wanted piece is verified */
    bool seed_goal_met;      /* therefore stopped, or not started */
    bool held;               /* closed: another torrent has its path */
    bool removed;            /* free it as soon as it is closed */
    bool report_when_closed; /* that the download is complete */
    uint64_t retry_ns;       /* closed: when to open it again; 0: never */
    unsigned n_queries;      /* about this torrent that are out */

    /* The actors that have it. */
    struct interest_stat *interest_stat;
    struct super_seeder *super_seeder; /* in its place, of a torrent that is complete; or NULL */
    bool interest_open;                /* InterestStat or SuperSeeder takes messages */
    bool in_lobby, in_announcer;
    bool storage_failed; /* and that is logged */

    /* Verified pieces, and the blocks of other pieces on disk: from opening to running. */
    struct bitfield have;
    struct stored_blocks stored;
    bool *skip_file;                /* one per file, owned; NULL: all are wanted */
    uint32_t n_checked, n_to_check; /* pieces */

    bool changed;     /* since resume data was saved last */
    bool saving;      /* FS.SaveResume is out */
    bool save_failed; /* the last one */

    /* Bytes. */
    uint64_t verified, wanted;
    uint64_t unwanted;             /* of pieces that are neither verified nor wanted */
    uint64_t stored_bytes;         /* on disk, of pieces that are not verified */
    uint64_t had_at_start;         /* verified or stored when it was opened */
    uint64_t downloaded, uploaded; /* in this run */
    uint64_t downloaded_before, uploaded_before; /* in all runs before it */
    struct {
        uint64_t uploaded, downloaded, left;
    } last_announced; /* the numbers that the Announcer has */
    struct rate down, up;

    uint32_t n_peers, n_seeds;  /* now */
    uint32_t n_peers_most;      /* at one time */
    uint32_t ask_until_tick;    /* InterestStat may have new numbers until then */
    uint64_t asked_progress_ns; /* when Interest.Progress went out; 0: none is out */
    struct reachability reachability;

    uint64_t opened_ns, started_ns, completed_ns, closed_ns; /* 0: not yet */
};

/* Takes over the contents of CONFIG, which is empty then. The record is LIFE_CLOSED and in the
 * list of M. */
struct master_torrent *record_new(struct master *m, struct master_torrent_config *config);
/* Takes T off the list and frees it. T is LIFE_CLOSED, or all actors have ended. */
void record_free(struct master_torrent *t);
/* Replaces T, which is closed, by a new record of the same torrent for a retry. Frees T. */
struct master_torrent *record_renew(struct master_torrent *t);
/* NULL: Master has no such torrent. */
struct master_torrent *record_find(const struct master *m, const struct info_hash *info_hash);
struct master_torrent *record_of(struct torrent *torrent);
struct master_torrent *record_of_swarm(struct swarm *swarm);
const char *record_name(const struct master_torrent *t);

void record_set_state(struct master_torrent *t, enum life_state state);
/* Finds the pieces that hold a byte of a wanted file. 0 or -ENOMEM. */
int record_mark_wanted(struct master_torrent *t);
/* Requests that folders.c writes its file in STATE/torrents. */
void record_save_known(struct master_torrent *t);
/* T has peers or moved bytes: InterestStat is asked for its numbers for ten more seconds. */
void record_expect_progress(struct master_torrent *t);
void record_set_peers(struct master_torrent *t, uint32_t n_peers, uint32_t n_seeds);

/* Bytes per second, for people. */
uint64_t record_down_rate(struct master_torrent *t);
uint64_t record_up_rate(struct master_torrent *t);
/* Bytes, in all runs. */
uint64_t record_uploaded(const struct master_torrent *t);
uint64_t record_downloaded(const struct master_torrent *t);
/* Seconds that it was seeded after its completion, in all runs. */
uint64_t record_seeded_s(const struct master_torrent *t);

#endif
