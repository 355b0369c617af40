/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_LOBBY_INTERNAL_H
#define CONJURE_SRC_ACTORS_LOBBY_INTERNAL_H

#include "conjure/actors/actor.h"
#include "conjure/actors/lobby.h"
#include "conjure/actors/peer.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/clock.h"
#include "conjure/base/due_heap.h"
#include "conjure/base/info_hash.h"
#include "conjure/base/key_map.h"
#include "conjure/base/list.h"
#include "conjure/base/rng.h"
#include "conjure/peer/handshake.h"

#define LOBBY_CANDIDATES_MAX 1000 /* addresses remembered for one torrent */
#define LOBBY_DIALLING_MAX   64   /* dialled and not yet shaken hands with, over all torrents */
#define LOBBY_DIALLING_EACH  32   /* the same for one torrent */
#define LOBBY_BANNED_MAX     4096
#define LOBBY_HELD_MAX       256 /* who named a torrent that we do not know (yet) */

/* Of those who dial us no more than a part shakes hands at a time: a quarter of all connections. */
#define LOBBY_GREETINGS_PART 4
#define LOBBY_GREETINGS_MIN  64

/* Connections from one host beyond these are the first to go when places lack. */
#define LOBBY_CROWD       16
#define LOBBY_HOST_COUNTS 65536 /* a power of two */

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
    struct swarm *swarm; /* the key: others name it after it is gone, so it is not read before it
                            was found here */
    struct torrent *torrent;
    struct info_hash info_hash;
    uint32_t number; /* never given to another one */
    struct bitfield
        have;           /* verified pieces, for the handshakes to come; for all, when none lacks */
    uint32_t n_lacking; /* pieces that we want and do not have */
    bool super_seed;    /* peers do not hear of what we have */
    struct candidate *candidates;
    unsigned n_candidates, candidate_at;
    struct list peers; /* all of them, wherever they are and while they close */
    struct list greetings;
    unsigned n_peers, n_greetings, n_dialling;
    struct due due;                        /* when somebody is to be dialled, or asked for */
    uint64_t asked_ns;                     /* last NeedPeers */
    struct lobby_torrent_removed *removed; /* being removed: to answer when the last is gone */
    struct list in_ended;                  /* it is */
};

/* A connection before it is a peer: connecting, or shaking hands. */
struct greeting {
    struct list in_lobby;          /* greetings; or over */
    struct list in_torrent;        /* once it has one */
    struct lobby_torrent *torrent; /* of an incoming one: once it has named it */
    struct addr addr;
    uint64_t deadline_ns;
    int fd; /* -1: over, freed at the end of the round */
    uint8_t bytes[HANDSHAKE_SIZE];
    uint8_t n_bytes;
    bool incoming, connecting, greeted /* we have sent ours */;
    bool held; /* it has named a torrent that is not there yet */
};

/* What there is to complain about, each at most once a minute. */
enum lobby_trouble {
    TROUBLE_ACCEPT,
    TROUBLE_FULL,
    TROUBLE_THREAD,
    TROUBLE_DIAL,
    TROUBLE_WATCH,
    N_TROUBLES,
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

    struct key_map torrents; /* by their struct torrent */
    struct key_map by_hash;  /* the same by info-hash */
    struct due_heap due;     /* the same by what is due */
    struct list ended;       /* removed, and the last connection is gone */
    uint32_t n_torrents_ever;
    struct list greetings; /* oldest first */
    struct list over;      /* closed in this round */
    unsigned n_greetings, n_incoming, n_dialling, n_held;

    struct peer **peers; /* by id; NULL: free */
    uint32_t n_ids, n_peers, id_at;
    uint32_t n_open;                      /* those that are not closing */
    uint32_t look_at, evict_at, yield_at; /* where the next look at some of the ids begins */
    struct key_map by_key;                /* peers that are not closing: the latest with a key */
    struct list newcomers;                /* who have not said what they have, oldest first */
    struct list waiting;                  /* for a thread, longest first */
    struct peer *gone;                    /* to be freed at the end of the round, by `twin` */
    /* Connections by a hash of the host: an estimate, which is never too low. */
    uint16_t *n_from;

    struct addr *banned;
    unsigned n_banned;

    struct timer_after *tick;
    bool tick_out;
    bool deaf; /* accept failed: the listening socket is not watched until the next tick */
    unsigned n_displaced; /* for want of descriptors, since the last tick */
    bool no_dials;        /* the system refuses sockets: none until the next tick */
    unsigned n_put_off;   /* torrents that found no room to dial since the last tick */
    uint64_t warned_ns[N_TROUBLES];
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
/* Dials as many candidates as it may now, and says when the next is due. */
void lobby_dial(struct lobby *l, struct lobby_torrent *t);
void greeting_event(struct lobby *l, struct greeting *g, uint32_t events);
void greeting_close(struct lobby *l, struct greeting *g, enum outcome outcome);
/* Closes those that take too long. */
void lobby_tick_greetings(struct lobby *l);
/* Goes on with those who were too early for this torrent. */
void lobby_greet_held(struct lobby *l, struct lobby_torrent *t);
/* Looks at the listening socket again after a failure. */
void lobby_listen_again(struct lobby *l);

/* --- lobby_candidates.c --- */
void candidates_add(struct lobby_torrent *t, const struct addr *a, unsigned n);
/* The next one to dial, marked busy; or NULL, and then *NEXTP is when there is one, UINT64_MAX: nobody
 * knows. */
struct candidate *candidates_next(struct lobby_torrent *t, uint64_t now, uint64_t *nextp);
/* Dialling ADDR has ended without a peer. Returns when it may be dialled again, UINT64_MAX: it is none
 * of ours. */
uint64_t candidates_release(struct lobby_torrent *t, const struct addr *a, enum outcome outcome,
                            uint64_t now);
/* Behind ADDR is the peer of this id, whoever dialled: it is not dialled again meanwhile. */
void candidates_connected(struct lobby_torrent *t, const struct addr *a, uint32_t peer);
/* As candidates_release. */
uint64_t candidates_peer_gone(struct lobby_torrent *t, uint32_t peer, enum outcome outcome,
                              uint64_t now);
void lobby_ban(struct lobby *l, const struct addr *a, bool incoming);
bool lobby_is_banned(const struct lobby *l, const struct addr *a, bool incoming);

/* --- lobby_peers.c --- */
/* The handshakes are done: G, whose descriptor is taken, becomes a peer or nothing. */
void lobby_promote(struct lobby *l, struct greeting *g, const struct handshake *h);
void lobby_peer_event(struct lobby *l, struct peer *p, uint32_t events);
void lobby_peer_mail(struct lobby *l, struct peer *p);
/* P comes back from its thread. */
void lobby_peer_adopt(struct lobby *l, struct peer *p);
/* Closes P wherever it is. REASON, a literal, is for when P has none of its own. */
void lobby_peer_shut(struct lobby *l, struct peer *p, const char *reason);
/* Once a second: looks after newcomers, those who wait for a thread, and a tenth of all. */
void lobby_tick_peers(struct lobby *l);
/* No piece of T that we want lacks any more: tells all its peers. */
void lobby_peers_complete(struct lobby_torrent *t);
/* Closes the least useful of some connections for one from ADDR (NULL: for ourselves); false when all
 * of them are of more use than a stranger. */
bool lobby_make_room(struct lobby *l, const struct addr *a);
/* Counts a connection with this host, by +1 or -1. */
void lobby_count_host(struct lobby *l, const struct addr *a, int by);
bool lobby_is_crowd(const struct lobby *l, const struct addr *a);

/* --- lobby.c --- */
struct lobby_torrent *lobby_find(const struct lobby *l, const struct info_hash *info_hash);
/* Something of T is due at AT_NS, if nothing is before. */
void lobby_torrent_due(struct lobby *l, struct lobby_torrent *t, uint64_t at_ns);
/* One connection of T less: it may be time to ask for peers, or the end of T. */
void lobby_torrent_left(struct lobby *l, struct lobby_torrent *t);
void lobby_ask_for_tick(struct lobby *l);
/* At most one complaint of each kind a minute: a condition of the whole system would repeat itself by
 * the event. */
bool lobby_may_warn(struct lobby *l, enum lobby_trouble trouble);

#endif
