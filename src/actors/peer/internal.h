/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_PEER_INTERNAL_H
#define CONJURE_SRC_ACTORS_PEER_INTERNAL_H

#include "conjure/actors/stream.h"
#include "conjure/base/addr.h"
#include "conjure/base/direction.h"
#include "conjure/base/list.h"
#include "conjure/msg/lobby.h"
#include "conjure/msg/peer.h"
#include "conjure/peer/session.h"

struct lobby_torrent;
struct torrent;

/*
 * A connection. It belongs to the Lobby while it idles and to its own thread while data moves; at
 * every moment one of the two owns all of it, and hands it over whole. Whoever owns it drives the
 * same code (peer_core.c): messages are dispatched, bytes are fed to the session, events acted on.
 *
 *      handshake done          session_is_active            nothing moved for a while
 *   ----------------> Lobby ----------------------> thread --------------------------> Lobby ...
 *                       |                              | error, Shutdown
 *                       |<-----------------------------+
 *                       v  peer_close: claims returned, PeerLeft asked
 *                    closing --- all queries home ---> freed, by the Lobby only
 */
#define PEER_LEASES   4
#define PEER_REFUSALS 16

/* The actors that a connection talks to, and what never changes; one for all. */
struct peer_env {
    struct lobby_inbox *lobby;
    struct choker_inbox *choker;
    struct fs_inbox *fs;
    struct bandwidth_inbox *bandwidth;
};

/* Blocks on their way out, with their headers: as many as the largest packet (64 KiB) takes whole. */
#define PEER_BLOCK_HEADER 13
struct peer_batch {
    uint32_t at, end;   /* what is not sent: bytes[at, end) */
    uint32_t n_content; /* without headers */
    uint8_t bytes[3 * (PEER_BLOCK_HEADER + BLOCK_SIZE)];
};

/* What only a moving connection needs; owned by the peer, gone while it idles. */
struct peer_work {
    struct peer_lease {
        uint32_t file;
        struct open_file *handle; /* NULL: free place */
        int fd;
        uint64_t at;
        uint64_t used;  /* ticks of `n_used`, for least recently used */
        bool in_memory; /* its file system has no other place (tmpfs), or cannot tell */
    } leases[PEER_LEASES];
    uint64_t n_used;

    struct session_upload upload; /* taken off the queue and not whole in a batch; length 0: none */
    uint32_t taken;               /* bytes of its header and data that are, or were, in a batch */
    struct peer_batch *batch;     /* from the first upload on */

    uint64_t ahead_from, ahead_to; /* content that the disk was asked for ahead; 0, 0: none */

    uint32_t began; /* the piece that Choker heard of last */

    uint8_t *spare[10]; /* claim buffers that were used before: fresh memory is slow */
    unsigned n_spare;

    struct peer_quota {
        uint32_t n_bytes;       /* granted and not used */
        uint64_t free_until_ns; /* any number may be moved until then; 0: n_bytes */
        bool used;              /* since the last look */
    } quotas[N_DIRECTIONS];

    uint64_t reported_ns; /* last Rates to the Choker */
    uint64_t moved_ns;    /* last time content moved either way */
    uint64_t reported_up, reported_down;
    bool reported_snubbed;
    bool yields; /* others wait for a thread */

    /* A peer that does not give what we ask for. */
    uint64_t pause_ns;    /* nothing more is asked of it before */
    bool snubbed;         /* gave nothing for a minute, and nothing since */
    uint64_t snubbed_at;  /* content received by then */
    struct peer_refusal { /* pieces that it refused lately */
        uint32_t piece;
        uint64_t at_ns; /* the first time; 0: free place */
    } refusals[PEER_REFUSALS];
    unsigned n_refusals;
};

enum peer_state {
    PEER_IN_LOBBY,
    PEER_IN_THREAD,
    PEER_CLOSING, /* in the Lobby; waits for its queries to come home */
};

struct peer {
    struct peer_inbox inbox;
    struct session session;
    const struct peer_env *env;
    struct torrent *torrent;
    struct peer_work *work;
    struct stream stream;
    struct addr addr;
    uint32_t id;
    uint32_t n_seen; /* verified pieces it was told of in the handshake (see interest.PeerJoined) */
    enum peer_state state;

    /* While seeding and InterestStat has ended: what we have. Lobby's, and it does not change any more.
     * NULL: everything, or InterestStat knows. */
    const struct bitfield *have;
    struct bitfield told; /* once a second bitfield came: what it has of which InterestStat heard */
    uint32_t n_haves;     /* HAVEs that it sent */

    /* Queries that are out. The peer lives until all are home. */
    uint16_t n_queries;      /* of all kinds */
    uint16_t n_stores;       /* StoreBlocks among them */
    uint16_t n_blocks_asked; /* wanted by NextPiece queries that are out */
    uint8_t n_next_piece;
    bool asked_piece : 1, asked_lease : 1;
    bool asked_quota[N_DIRECTIONS];
    bool limited[N_DIRECTIONS]; /* Bandwidth counts what we move, as far as we know */

    bool joined_interest : 1; /* InterestStat knows us: PeerLeft is owed */
    bool joined_choker : 1;
    bool super_seed : 1; /* the far end has not heard of all that there is */
    bool seeding : 1;    /* no piece that we want lacks */
    bool guided : 1;     /* Choker hears which pieces it takes */
    bool events_due : 1; /* the session has events though nothing was read */
    bool must_close : 1; /* an error or a Shutdown: the owner closes */
    bool failed : 1;     /* closed for what it did, or did not: no need to dial it again soon */
    bool told_interested : 1, told_we_interested : 1, told_seed : 1; /* what Choker knows */
    const char *reason;                                              /* why it closes: a literal */

    /* Lobby's, also while a thread owns the rest: no bit-fields, which share a word with others. */
    bool incoming;    /* the far end dialled */
    bool has_twin;    /* another connection with the same peer was there before this one */
    bool want_write;  /* EPOLLOUT is asked for */
    bool waits;       /* for a thread, in_queue */
    struct peer_key { /* who it is, in which torrent */
        uint8_t peer_id[20];
        uint32_t torrent; /* its number in the Lobby */
    } key;
    struct peer *twin;       /* the next with the same key */
    struct waker mail_waker; /* unarmed: `mail` is on its way to the Lobby */
    struct lobby_mail mail;
    struct waker thread_waker; /* eventfd of the thread; the Lobby opens and closes it */
    uint64_t since_ns;         /* handshake done */
    uint64_t idle_ns;          /* since when it has no thread */
    struct lobby_torrent *lobby_torrent;
    struct list in_torrent; /* peers of one torrent */
    struct list in_queue;   /* newcomers, or those who wait for a thread */
};

/* --- peer_core.c: called by the owner only -------------------------------------------------- */

/* STREAM is connected and the handshakes are done; it is taken over and left empty. SEEDING: no piece that we want lacks, and HAVE (borrowed;
 * NULL: everything) is what there is to serve. */
struct peer *peer_new(const struct peer_env *env, struct torrent *torrent, struct stream *stream,
                      const struct addr *addr, uint32_t id, bool fast, bool seeding,
                      const struct bitfield *have, uint64_t now);
/* InterestStat (a SuperSeeder) decides what this peer hears of, until Completed. */
void peer_super_seed(struct peer *p);
void peer_free(struct peer *p); /* after n_queries is 0 */

/* One message of the inbox. */
void peer_receive(struct peer *p, struct msg *m);
/* All messages that are there. */
void peer_receive_all(struct peer *p);

/* Reads once from the socket and acts on what came. Returns the number of bytes read, 0 when there
 * was nothing, or negative when the connection is over (reason is set). */
ssize_t peer_read(struct peer *p, struct session_scratch *scratch, uint64_t now);

/* Acts on events that are due without a read: a cancelled claim is done. 0 or negative: over. */
int peer_take_events(struct peer *p, struct session_scratch *scratch, uint64_t now);

/* Sends control messages as far as the socket takes them. 0, 1 when it took not all, or negative.
 */
int peer_flush(struct peer *p, uint64_t now);

/* Asks InterestStat for work as far as the session wants it. */
void peer_want(struct peer *p, uint64_t now);

/* Whether it will never download: it has everything, or says so (BEP 21). */
bool peer_wants_nothing(const struct peer *p);

/* Whether it may be asked for blocks and no query for such work is out: it needs a thread. */
bool peer_could_ask(const struct peer *p);

/* Once a second: a peer that sends nothing of what is in flight loses its claims, and one that goes
 * on so after another try is given up: then negative. */
int peer_look_for_snub(struct peer *p, uint64_t now);

/* Tells InterestStat that this peer is here, if it does not know; with what it has. */
void peer_join_interest(struct peer *p, struct bitfield *has, bool has_all);

/* Tells the Choker of a change of interest at either end. */
void peer_tell_choker(struct peer *p);

/* Begins to close: returns claims, asks PeerLeft where it is owed. Then, at every message, calls
 * peer_close_goes_on; true means that all queries are home. */
void peer_close(struct peer *p);
bool peer_close_goes_on(struct peer *p);

void peer_work_begin(struct peer *p, uint64_t now);
void peer_work_end(struct peer *p);

/* --- peer_quota.c ---------------------------------------------------------------------------- */

/* How many bytes of content may be moved now, N_MOST at most; when that is less than N_LEAST,
 * Bandwidth is asked for N_MOST. Only with p->work, as the next two. */
uint32_t peer_quota(struct peer *p, enum direction direction, uint32_t n_least, uint32_t n_most,
                    uint64_t now);
/* So many of them are moved. */
void peer_quota_use(struct peer *p, enum direction direction, uint32_t n_bytes);
/* Once a second: what nobody used goes back to Bandwidth. */
void peer_quota_look_after(struct peer *p);
/* What was used, or granted, and does not move after all: for others. */
void peer_quota_unuse(struct peer *p, enum direction direction, uint32_t n_bytes);
void peer_quota_home(struct peer *p, struct bandwidth_want_quota *m);
/* All that is left goes back. */
void peer_quota_end(struct peer *p);

/* --- peer_serve.c ---------------------------------------------------------------------------- */

/* Serves requests as far as the socket takes data. 0: nothing more to do now; 1: the socket is
 * full; negative: the connection is over. */
int peer_serve(struct peer *p, uint64_t now);
/* Whether a block is under way. */
bool peer_is_sending(const struct peer *p);
void peer_lease_home(struct peer *p, struct fs_lease_file *m);
void peer_leases_return(struct peer *p);

/* --- peer_thread.c --------------------------------------------------------------------------- */

/* Hands P to a thread of its own, which sends it back by lobby.Adopt. 0 or -errno. */
int peer_thread_start(struct peer *p);

#endif
