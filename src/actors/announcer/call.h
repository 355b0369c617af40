/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_ANNOUNCER_CALL_H
#define CONJURE_SRC_ACTORS_ANNOUNCER_CALL_H

#include "actors/announcer/service.h"
#include "actors/announcer/torrent.h"
#include "conjure/msg/lobby.h"
#include "conjure/msg/master.h"

/*
 * A call: one announce under way, over any transport. A transport ends it with call_replied,
 * call_failed or call_unreachable. Each of them logs the outcome, tells Master, the Lobby, the
 * torrent's announce state and the service, and frees the call. The torrent is then in the list
 * `ready`, and the caller of the transport chooses its next announce.
 *
 * FAMILIES. An announce may use any address of the tracker. When it succeeds, it is repeated over
 * the other address family (conjure/tracker/families.h). A repetition reports the peers that it
 * found, and nothing else: its failure is neither the torrent's nor the service's. When an announce
 * fails after it reached the tracker, it begins anew over the other family before it counts as
 * failed.
 */
struct announcer_transport;

struct announcer_call {
    struct list in_torrent;
    struct due step; /* when its transport must act; in no heap while it waits for libcurl */
    struct announcer_calls *calls;
    struct announcer_torrent *torrent;
    struct announcer_service *service;
    struct announce_tracker *tracker;
    struct announcer_transport *transport;
    struct tracker_url url; /* of the tracker, parsed */
    struct announce_request request;
    uint32_t timeout_ms; /* of its transfers over libcurl */
    uint8_t only_family; /* of the addresses that may be used; 0: any */
    uint8_t used_family; /* of the address in use, set by the transport; 0: unknown */
    bool is_repetition;
    bool counted; /* in n_counted of the service and of all calls */
};

/* Each of them, except deinit, may end the call and so free it. */
struct announcer_transport_ops {
    size_t
        call_size; /* of its own struct for a call, whose first member is a struct announcer_call */
    void (*begin)(struct announcer_call *c, uint64_t now);
    /* The time of call_step_at has come. NULL when the transport never asks for it. */
    void (*step)(struct announcer_call *c, uint64_t now);
    /* The transfer that the call began with easy_begin has ended with CODE, a CURLcode. */
    void (*transfer_done)(struct announcer_call *c, int code, uint64_t now);
    /* Releases what the call holds, under way or not. */
    void (*deinit)(struct announcer_call *c);
};

struct announcer_transport {
    const struct announcer_transport_ops *ops;
};

/* All calls under way. */
struct announcer_calls {
    struct lobby_inbox *lobby;
    struct master_inbox *master;
    struct announcer_transport *transports[N_TRACKER_TRANSPORTS];
    uint32_t total_timeout_ms, stop_timeout_ms; /* of a call; of `stopped` */
    struct announcer_services services;
    struct due_heap steps;
    uint32_t n_counted; /* calls that n_at_once_max bounds */
    struct list ready;  /* torrents, by their in_queue: a call ended, or their service has room */
};

/* The owner then fills in the transports and timeouts. */
void calls_init(struct announcer_calls *calls, struct lobby_inbox *lobby,
                struct master_inbox *master);
void calls_deinit(struct announcer_calls *calls); /* none is under way */
/* Calls `step` for each call whose time, set by call_step_at, has come. */
void calls_step_due(struct announcer_calls *calls, uint64_t now);
/* Ends all calls of T without an outcome. */
void calls_cut_off(struct announcer_torrent *t);

/* Begins the announce REQUEST of T to TRACKER. It may have ended on return. */
void call_begin(struct announcer_calls *calls, struct announcer_torrent *t,
                struct announce_tracker *tracker, const struct announce_request *request,
                uint64_t now);
/* Begins the announce of `stopped`, over each family over which the tracker knows us. */
void call_begin_stopped(struct announcer_calls *calls, struct announcer_torrent *t,
                        struct announce_tracker *tracker, const struct announce_request *request,
                        uint64_t now);
/* For a service that is held down: the announce fails at once with the service's last error, and no
 * call begins. */
void call_fail_held(struct announcer_calls *calls, struct announcer_torrent *t,
                    struct announce_tracker *tracker, const struct announce_request *request,
                    uint64_t now);

/* --- for transports --- */

/* Calls `step` at AT_NS; this replaces an earlier AT_NS. */
void call_step_at(struct announcer_call *c, uint64_t at_ns);
/* The tracker replied, maybe with a refusal. Frees C. */
void call_replied(struct announcer_call *c, const struct announce_reply *reply, uint64_t now);
/* This announce failed. TEXT is the reason, and need not name the tracker. Frees C. */
void call_failed(struct announcer_call *c, const char *text, uint64_t now);
/* The service cannot be reached: no other announce to it would get through. Frees C. */
void call_unreachable(struct announcer_call *c, const char *text, uint64_t now);
/* No reply yet, but the call goes on. It no longer counts, and the service is held down. */
void call_is_slow(struct announcer_call *c, const char *text, uint64_t now);

#endif
