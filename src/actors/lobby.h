/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_LOBBY_PRIVATE_H
#define CONJURE_ACTORS_LOBBY_PRIVATE_H

#include "actors/peer.h"
#include "conjure/actors/actor.h"
#include "conjure/actors/lobby.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/clock.h"
#include "conjure/base/rng.h"
#include "conjure/peer/handshake.h"

#define LOBBY_CANDIDATES_MAX 1000 /* addresses remembered for one torrent */
#define LOBBY_DIALLING_MAX   64   /* dialled and not yet shaken hands with, over all torrents */
#define LOBBY_DIALLING_EACH  32   /* the same for one torrent */
#define LOBBY_BANNED_MAX     4096

/* An address that somebody gave us for a torrent. */
struct candidate {
    struct addr addr;
    uint64_t next_ns; /* not to be dialled before */
    uint32_t peer;    /* while BUSY: id of the peer that it is; NO_PEER while dialling */
    uint8_t n_failures;
    bool busy; /* dialling or connected, in whichever direction */
};
#define NO_PEER UINT32_MAX

/* How it went with a candidate. */
enum outcome {
    OUTCOME_GOOD,      /* a connection of some use: try again soon */
    OUTCOME_FAILED,    /* try again, later and later */
    OUTCOME_NEUTRAL,   /* we gave up for reasons of our own */
    OUTCOME_USELESS,   /* neither end wants anything: not for a long while */
    OUTCOME_OURSELVES, /* never again */
};

struct lobby_torrent {
    struct lobby_torrent *next;
    struct torrent *torrent;
    struct bitfield
        have;           /* verified pieces, for the handshakes to come; for all, when none lacks */
    uint32_t n_lacking; /* pieces that we want and do not have */
    struct candidate *candidates;
    unsigned n_candidates, candidate_at;
    struct peer *peers; /* all of them, wherever they are and while they close */
    unsigned n_peers, n_greetings, n_dialling;
    uint64_t asked_ns;                     /* last NeedPeers */
    struct lobby_torrent_removed *removed; /* being removed: to answer when the last is gone */
};

/* A connection before it is a peer: connecting, or shaking hands. */
struct greeting {
    struct greeting *next, **prevp;
    struct lobby_torrent *torrent; /* of an incoming one: once it has named it */
    struct addr addr;
    uint64_t deadline_ns;
    int fd; /* -1: over, freed at the end of the round */
    uint8_t bytes[HANDSHAKE_SIZE];
    uint8_t n_bytes;
    bool incoming, connecting, greeted /* we have sent ours */;
};

struct lobby {
    struct actor actor;
    struct lobby_inbox inbox;
    struct waker waker;
    struct peer_env env;
    struct lobby_options options;
    struct session_scratch scratch;
    struct rng rng;
    int epoll_fd;

    struct lobby_torrent *torrents;
    struct greeting *greetings, *over; /* over: closed in this round */
    unsigned n_greetings, n_dialling;

    struct peer **peers; /* by id; NULL: free */
    uint32_t n_ids, n_peers, id_at;
    struct peer *gone; /* to be freed at the end of the round, by `next` */

    struct addr *banned;
    unsigned n_banned;

    struct timer_after *tick;
    bool tick_out;
    uint64_t slow_tick_ns;
    uint64_t warned_ns; /* last complaint about what the system refuses */
    bool deaf;          /* accept failed: the listening socket is not watched until the next tick */
    struct lobby_shutdown *shutdown;
    uint64_t now;
};

/* What an epoll event is about: the pointer's low bits. */
enum {
    TAG_PEER = 0,
    TAG_GREETING = 1,
    TAG_LISTEN = 2,
    TAG_WAKER = 3,
};

/* --- lobby_greet.c --- */
void lobby_accept(struct lobby *l);
void lobby_dial(struct lobby *l, struct lobby_torrent *t);
void greeting_event(struct lobby *l, struct greeting *g, uint32_t events);
void greeting_close(struct lobby *l, struct greeting *g, enum outcome outcome);
/* Looks at the listening socket again after a failure. */
void lobby_listen_again(struct lobby *l);

/* --- lobby_candidates.c --- */
void candidates_add(struct lobby_torrent *t, const struct addr *a, unsigned n);
/* The next one to dial, marked busy, or NULL. */
struct candidate *candidates_next(struct lobby_torrent *t, uint64_t now);
/* Dialling ADDR has ended without a peer. */
void candidates_release(struct lobby_torrent *t, const struct addr *a, enum outcome outcome,
                        uint64_t now);
/* Behind ADDR is the peer of this id, whoever dialled: it is not dialled again meanwhile. */
void candidates_connected(struct lobby_torrent *t, const struct addr *a, uint32_t peer);
void candidates_peer_gone(struct lobby_torrent *t, uint32_t peer, enum outcome outcome,
                          uint64_t now);
void lobby_ban(struct lobby *l, const struct addr *a, bool incoming);
bool lobby_is_banned(const struct lobby *l, const struct addr *a, bool incoming);

/* --- lobby.c --- */
struct lobby_torrent *lobby_find(struct lobby *l, const uint8_t info_hash[20]);
/* The handshakes are done: G, which is consumed, becomes a peer. */
void lobby_promote(struct lobby *l, struct greeting *g, const struct handshake *h);
/* Closes the least useful connection for a new one; false when all are of use. */
bool lobby_make_room(struct lobby *l);
void lobby_ask_for_tick(struct lobby *l);
/* At most one complaint a minute: a condition of the whole system would repeat itself by the event. */
bool lobby_may_warn(struct lobby *l);

#endif
