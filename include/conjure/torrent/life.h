/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TORRENT_LIFE_H
#define CONJURE_TORRENT_LIFE_H

#include <stdbool.h>

/*
 * The states of a torrent as one table: each state and event determine the next state and the
 * actions that Master carries out (src/actors/master/torrent.c). Pure; any thread.
 *
 *   CLOSED --OPEN--> OPENING --DOUBTFUL--> CHECKING
 *     ^                | | |                | |  |
 *     |<-OPEN_FAILED---+ | +-READY--+ +READY+ |  |
 *     |                STOP         v v       |  |
 *     |                  |        RUNNING     |  |
 *     |                  v          |         |  |
 *     |<-OPEN_FAILED-CANCELLED    STOP        |  |
 *     |                  |          v         |  |
 *     |           any other reply LEAVING     |  |
 *     |                  |          |         |  |
 *     |                  |     ALL_REPLIED    |  |
 *     |                  v          v         |  |
 *     +--ALL_REPLIED-- CLOSING <--------------+--+  NOT_NEEDED (from OPENING too), STOP,
 *                                                   CHECK_FAILED
 *
 * A torrent that failed, or whose files changed, stays CLOSED until its retry is due.
 */
enum life_state {
    LIFE_CLOSED,    /* not opened yet, or closed again */
    LIFE_OPENING,   /* FS opens the storage */
    LIFE_CANCELLED, /* FS opens the storage; close it after the reply */
    LIFE_CHECKING,  /* FS hashes the pieces that resume data does not cover */
    LIFE_RUNNING,   /* Lobby and Announcer have it, and InterestStat while pieces are missing */
    LIFE_LEAVING,   /* Lobby closes its connections */
    LIFE_CLOSING,   /* Announcer sends `stopped`, InterestStat ends, FS saves and closes */
    N_LIFE_STATES,
};

enum life_event {
    LIFE_OPEN,         /* the first start, or a retry */
    LIFE_OPEN_FAILED,  /* FS could not open it */
    LIFE_DOUBTFUL,     /* FS opened it; pieces must be checked */
    LIFE_CHECK_FAILED, /* FS could not check it */
    LIFE_READY,        /* its verified pieces are known; it must run */
    LIFE_NOT_NEEDED,   /* its verified pieces are known; no download or seeding is needed */
    LIFE_STOP,         /* the process ends, or the torrent failed, was removed or met its goal */
    LIFE_ALL_REPLIED,  /* no query about it is pending any more */
    N_LIFE_EVENTS,
};

/* A set. Master carries the actions of a step out in this order. */
enum life_action {
    LIFE_DO_OPEN = 1 << 0,        /* ask FS to open the storage */
    LIFE_DO_CHECK = 1 << 1,       /* ask FS to check pieces */
    LIFE_DO_RUN = 1 << 2,         /* start InterestStat, add it to Lobby, Choker and Announcer */
    LIFE_DO_CLOSE_INBOX = 1 << 3, /* close the inbox of an InterestStat that never started */
    LIFE_DO_LEAVE = 1 << 4,       /* ask Lobby to close the connections */
    LIFE_DO_ANNOUNCE_STOPPED = 1 << 5, /* ask Announcer to send `stopped` and InterestStat to end */
    LIFE_DO_CLOSE = 1 << 6,            /* ask FS to close the storage */
    LIFE_DO_CONCLUDE = 1 << 7,         /* it is closed: report it; drop it or schedule a retry */
};

struct life_step {
    enum life_state next;
    unsigned actions; /* of enum life_action */
};

/* Whether EVENT can happen in STATE. */
bool life_is_possible(enum life_state state, enum life_event event);
/* EVENT must be possible in STATE. */
struct life_step life_step(enum life_state state, enum life_event event);

#endif
