/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_CHANNEL_H
#define CONJURE_MSG_CHANNEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conjure/base/owner.h"

/*
 * Channels: many senders, one receiver, never a lock.
 *
 * A message is a struct that embeds `struct msg` first. After sending it the sender does not touch
 * it. A query names the channel of its reply. The reply is sent in the same memory, so that
 * replying cannot fail.
 *
 * Ordering guarantees, cited by letter in code and tests:
 *   A  Messages of one sender to one channel arrive in the order sent.
 *   B  The receiver of a message sees all that the sender wrote before sending.
 *   C  A receiver that arms its waker, finds its channels empty and then sleeps, is woken by the
 *      next message: no wake-up is lost.
 *   D  After channel_close returns, no message arrives any more; every later send fails and leaves
 *      the message to its sender.
 *   E  Causal order across senders: when sending M1 to a channel happened before sending M2 to the
 *      same channel (the sender of M2 learned, by any chain of messages, of an event after M1 was
 *      sent), M1 arrives before M2. So an actor may send news to a third one and then answer a
 *      query: no message that the asker sends because of the answer overtakes the news.
 *
 *              any thread        receiving thread only
 *   send, reply    x
 *   receive                           x
 *   close                             x
 *   set_waker                         x
 *   waker_arm, disarm, wait           x
 *
 * The receiving thread of a channel may change: the old one calls channel_release, and the next one
 * to receive is the receiver. Builds with assertions check all of this (conjure/base/owner.h).
 */

struct channel;

enum {
    MSG_EMBEDDED = 1, /* lives inside another struct: never freed by the dispatch */
};

struct msg {
    void *link;               /* in_channel: belongs to src/msg */
    struct channel *reply_to; /* where a query returns to; NULL for information */
    uint16_t kind;            /* one of the kinds of a message table, unique over all inboxes */
    uint16_t flags;
};

/* Frees a message that was not sent, or the reply to a query. NULL and embedded ones are fine. */
void msg_free(struct msg *m);

/* "Inbox.Message", for logs. */
const char *msg_name(uint16_t kind);

/*
 * A waker ends the sleep of one thread, its owner. Several channels may share it. Three kinds: a
 * futex for actors that wait only for messages, an eventfd for those that poll sockets as well, and
 * a call for those that sleep inside a library (curl_multi_wakeup) or have no thread of their own.
 */
struct waker {
    atomic_int armed; /* 1 while the owner sleeps or is about to; also the futex word */
    int fd;           /* eventfd, or -1 */
    unsigned n_due;   /* the owner's: rings written to the eventfd, or about to be, and not read */
    void (*call)(void *arg);
    void *arg;
};
#define WAKER_EMPTY ((struct waker){.fd = -1})

void waker_init_futex(struct waker *w);
int waker_init_eventfd(struct waker *w); /* 0 or -errno */
/* CALL may run in any thread, also while the owner is awake; it must not block. */
void waker_init_call(struct waker *w, void (*call)(void *arg), void *arg);
void waker_deinit(struct waker *w);

/* Before the owner sleeps: from now on a message wakes it. Check the channels again after this. */
void waker_arm(struct waker *w);
/* When the owner is awake: messages then cost no system call. Empties the eventfd if it was rung. A
 * ring that is written later ends one later sleep early, and the disarm after that reads it. */
void waker_disarm(struct waker *w);
/* Sleeps until rung or until TIMEOUT_NS has passed (UINT64_MAX: no timeout). A ring for an earlier
 * sleep may end this one early. Futex kind only. */
void waker_wait(struct waker *w, uint64_t timeout_ns);
/* Rings by hand; any thread. */
void waker_ring(struct waker *w);

struct channel {
    /* Sender side: what cds_wfcq calls head and tail. */
    void *head;
    void *tail;
    _Atomic(struct waker *) waker;
    atomic_uint senders; /* sends under way, and CHANNEL_CLOSED_BIT */
    struct owner receiver;
    /* Receiver side: messages that one splice took off, not returned yet. */
    void *taken_head;
    void *taken_tail;
};

void channel_init(struct channel *c, struct waker *w);

/* Sends M, which the receiver then owns. False when C is closed: the caller still owns M. */
bool channel_send(struct channel *c, struct msg *m) __attribute__((warn_unused_result));

/* The next message, or NULL when there is none now. */
struct msg *channel_receive(struct channel *c);

/* Whether channel_receive would return NULL. */
bool channel_is_empty(const struct channel *c);

/* As channel_receive, sleeping on the channel's futex waker until a message or TIMEOUT_NS. NULL may
 * come early: when the waker was rung by hand, for another channel, or for an earlier sleep. */
struct msg *channel_receive_wait(struct channel *c, uint64_t timeout_ns);

/* Moves the channel to another waker; after this returns no sender rings the old one for it. The
 * caller checks the channel afterwards, for messages that rang the old waker. */
void channel_set_waker(struct channel *c, struct waker *w);

/* The calling thread stops receiving from C; another thread may start. */
void channel_release(struct channel *c);

/* Guarantee D. Messages that were sent before can still be received. Safe twice. */
void channel_close(struct channel *c);
bool channel_is_closed(const struct channel *c);

/* Sends the reply to a query. The asker keeps its channel open until all its queries have
 * replies. */
void msg_reply(struct msg *m);

/* For the generated functions of the message tables. */
void *msg_new(size_t size, uint16_t kind);
void msg_init(struct msg *m, uint16_t kind, uint16_t flags);
_Noreturn void msg_unexpected(const struct msg *m, const char *inbox);

#endif
