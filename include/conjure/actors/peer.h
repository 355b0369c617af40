/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_PEER_H
#define CONJURE_ACTORS_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/actors/stream.h"
#include "conjure/base/addr.h"
#include "conjure/base/bitfield.h"
#include "conjure/base/credits.h"
#include "conjure/base/direction.h"
#include "conjure/base/list.h"
#include "conjure/base/owner.h"
#include "conjure/msg/lobby.h"
#include "conjure/msg/peer.h"
#include "conjure/peer/session.h"

struct lobby_torrent;
struct torrent;

/*
 * A connection after its handshake. The Lobby owns it while it idles, a thread of its own while
 * data moves. At every moment one of the two owns all of it. Both call the same functions: they
 * receive messages, read bytes, act on events and flush the output.
 *
 *     handshake done          session_is_active            nothing moved for a while
 *   ----------------> Lobby ----------------------> thread --------------------------> Lobby ...
 *                       |                              | error, Shutdown
 *                       |<-----------------------------+
 *                       v  peer_close: claims are returned, PeerLeft is asked
 *                    closing --- all queries are answered ---> freed, by the Lobby only
 */

#define PEER_BUFFERS_MAX ((int64_t)64 << 20) /* bytes of claim buffers of all connections */

/* The actors that a connection talks to; one for all connections. */
struct peer_env {
    struct lobby_inbox *lobby;
    struct choker_inbox *choker;
    struct fs_inbox *fs;
    struct bandwidth_inbox *bandwidth;
    struct credits *buffers; /* of PEER_BUFFERS_MAX; one credit is one byte */
};

enum peer_state {
    PEER_IN_LOBBY,
    PEER_IN_THREAD,
    PEER_CLOSING, /* in the Lobby, until all its queries are answered */
};

/* A remote peer in one torrent. Any host may claim the peer id of another, so the host is part of
 * the key: see addr_host. */
struct peer_key {
    uint8_t peer_id[20];
    uint32_t torrent; /* its number in the Lobby */
    uint64_t host;    /* addr_host */
};

/* What other actors have not learned yet about a connection (src/actors/peer/report.c). */
struct peer_unreported {
    struct interest_peer_got_piece *got; /* each is the next report of its kind, or NULL */
    struct interest_peer_lost_piece *lost;
    struct interest_piece_suggested *suggested;
    struct choker_began *began;
    bool not_interested; /* PeerNotInterested is due */
    uint8_t out;         /* kinds of reports without a reply */
};

struct peer {
    struct peer_inbox inbox;
    struct session session;
    const struct peer_env *env;
    struct torrent *torrent;
    struct peer_work *work; /* while a thread owns it; private to src/actors/peer */
    struct stream stream;
    struct addr addr;
    uint32_t id;
    uint32_t n_seen; /* pieces that we announced after the handshake (interest.PeerJoined) */
    enum peer_state state;

    /* The pieces that we have, once InterestStat has ended; it belongs to the Lobby and does not
     * change. NULL: all pieces, or InterestStat knows. */
    const struct bitfield *have;
    uint32_t n_haves; /* HAVEs received */
    struct peer_unreported unreported;

    /* Queries without a reply yet. The peer is not freed before all have one. */
    uint16_t n_queries;      /* of all kinds */
    uint16_t n_stores;       /* StoreBlocks among them */
    uint16_t n_blocks_asked; /* blocks that the NextPiece among them ask for */
    uint8_t n_next_piece;
    bool asked_piece : 1, asked_lease : 1;
    bool asked_quota[N_DIRECTIONS];
    bool limited[N_DIRECTIONS]; /* Bandwidth limits what we move, by its last reply */

    bool joined_interest : 1; /* InterestStat knows this peer: PeerLeft is owed */
    bool joined_choker : 1;
    bool super_seeding : 1; /* InterestStat (a SuperSeeder) decides which pieces we announce */
    bool seeding : 1;       /* we have every wanted piece */
    bool guided : 1;        /* report the pieces that are sent to it to Choker (Began) */
    bool events_due : 1;    /* the session has events though nothing was read */
    bool must_close : 1;    /* after an error or a Shutdown: the owner closes */
    bool at_fault : 1;      /* the far end caused the error: do not dial it again soon */
    /* The last InterestChanged. */
    bool reported_interested : 1, reported_we_interested : 1, reported_seed : 1;
    struct owner owner;
    const char *reason; /* why it closes: a literal */

    /* --- Owned by the Lobby even while a thread owns the rest. No bit-fields, which would share a
     * word with those above. --- */
    bool incoming;         /* the far end dialled */
    bool has_twin;         /* another connection with the same peer was there before this one */
    bool want_write;       /* EPOLLOUT is asked for */
    bool waits_for_thread; /* in_queue */
    struct peer_key key;
    struct peer *twin;       /* the next with the same key */
    struct waker mail_waker; /* unarmed: `mail` is on its way to the Lobby */
    struct lobby_mail mail;
    struct waker thread_waker; /* eventfd of the thread; the Lobby opens and closes it */
    uint64_t connected_ns;     /* end of the handshake */
    uint64_t idle_since_ns;    /* last time that a thread gave it back, or connected_ns */
    struct lobby_torrent *lobby_torrent;
    struct list in_torrent; /* peers of one torrent */
    struct list in_queue;   /* newcomers, or peers that wait for a thread */
};

/* A reason to close that the Lobby and the peer's thread both have. */
#define PEER_USELESS "neither end wants anything of the other"

struct peer_options {
    struct addr addr;
    uint32_t id;
    bool fast;                   /* both ends have BEP 6 */
    bool seeding;                /* we have every wanted piece */
    const struct bitfield *have; /* see struct peer */
};

/*
 * All functions below are for the owner's thread only, and builds with assertions check that. The
 * Lobby hands P to a thread by peer_thread_start, and the thread hands it back by lobby.Adopt.
 *
 * Where a function returns negative, the connection is over and p->reason says why: the owner
 * closes it.
 */

/* STREAM is connected and the handshakes are done; it is taken over and left empty. */
struct peer *peer_new(const struct peer_env *env, struct torrent *torrent, struct stream *stream,
                      const struct peer_options *options, uint64_t now);
/* InterestStat (a SuperSeeder) decides which pieces are announced to P, until Completed. */
void peer_super_seed(struct peer *p);
/* Only after peer_continue_close has returned true, or for a P that has sent no query. */
void peer_free(struct peer *p);

/* Acts on all messages in the inbox. */
void peer_receive_all(struct peer *p);

/* Reads once from the stream and acts on the bytes. 0 or negative. */
int peer_read(struct peer *p, struct session_scratch *scratch, uint64_t now);

enum peer_condition {
    PEER_FULL = 1, /* the stream accepts no more: go on when it is writable */
};

/* Sends the session's control messages. 0, PEER_FULL or negative. */
int peer_flush(struct peer *p, uint64_t now);

/* Tells InterestStat of P, which has no piece so far, unless InterestStat knows P already or has
 * ended. */
void peer_join_interest(struct peer *p);

/* Whether we may request blocks from P and wait for no reply to NextPiece: P needs a thread. */
bool peer_could_ask(const struct peer *p);

/* Whether it will never download: it has every piece, or declares upload_only (BEP 21). */
static inline bool peer_wants_nothing(const struct peer *p)
{
    return p->session.peer_upload_only || p->session.n_peer_has == p->session.geometry->n_pieces;
}

/* Begins to close P: closes the stream and leaves Choker and Bandwidth. Then peer_continue_close
 * is called at once and after each peer_receive_all, until it returns true: all queries are
 * answered. */
void peer_close(struct peer *p);
bool peer_continue_close(struct peer *p);

/* Hands P to a thread of its own. 0 or -errno: then P is still the caller's. */
int peer_thread_start(struct peer *p);

#endif
