/* SPDX-License-Identifier: MIT */
/*
 * The thread of an active connection: it polls the stream and the inbox and moves all that can be
 * moved. It waits in one place, at the bottom of its loop, and hands the connection back to the
 * Lobby when nothing has moved for a while or when the connection is over.
 *
 * BULK. While many blocks are in flight and arrive fast, a wake-up for each segment is wasteful:
 * the receive mark of the stream makes the kernel gather the bytes of about 8 ms. The far end may
 * fall silent just below the mark (it chokes us, or it is limited). So a bulk wait is short, the
 * stream is read after it whatever poll returned, and if there was nothing to read the mark is 1
 * until the next byte.
 */
#include <errno.h>
#include <poll.h>

#include "actors/peer/events.h"
#include "actors/peer/internal.h"
#include "conjure/actors/actor.h"
#include "conjure/base/clock.h"

/* A test builds this file with shorter ones, so that connections change hands all the time. */
#ifndef IDLE_AFTER_NS
#define IDLE_AFTER_NS        (5 * NS_PER_S)
#define ACTIVE_IDLE_AFTER_NS (60 * NS_PER_S)
#endif
#define TICK_NS        NS_PER_S
#define YIELD_AFTER_NS (100 * NS_PER_MS) /* without movement, when others wait for a thread */

#define BULK_BLOCKS   32           /* in flight: bulk from so many on */
#define BULK_MARK_MIN (32 * 1024)  /* bytes; less is not worth it */
#define BULK_MARK_MAX (512 * 1024) /* never more than a quarter of what is in flight */
#define BULK_PER_S    128          /* reads a second to aim at */
#define BULK_WAIT_MS  20

struct driver {
    struct peer *peer;
    struct session_scratch scratch;
    int mark;          /* receive mark of the stream; 1: no bulk */
    uint64_t quiet_ns; /* session.received_ns when a bulk wait ended with nothing to read */
};

static void set_mark(struct driver *d, int bytes)
{
    if (d->mark == bytes)
        return;
    stream_tune(&d->peer->stream, STREAM_RECEIVE_MARK, bytes);
    d->mark = bytes;
}

/* Bytes that are worth a wake-up: 1, or a power of two, so that the mark seldom changes. */
static int bulk_mark(struct driver *d, uint64_t now)
{
    struct session *s = &d->peer->session;
    uint64_t wanted, in_flight;
    int mark = BULK_MARK_MIN;

    if (session_n_in_flight(s) < BULK_BLOCKS || d->quiet_ns == s->received_ns)
        return 1;
    wanted = rate_get(&s->down, now) / BULK_PER_S;
    if (wanted < BULK_MARK_MIN)
        return 1;
    in_flight = (uint64_t)session_n_in_flight(s) * BLOCK_SIZE;
    while (mark < BULK_MARK_MAX && 2 * (uint64_t)mark <= wanted && 8 * (uint64_t)mark <= in_flight)
        mark *= 2;
    return mark;
}

/* Once a second. 0 or negative. */
static int tick(struct peer *p, uint64_t now)
{
    peer_report_rates(p, now);
    peer_quota_tick(p);
    if (session_tick(&p->session, now)) {
        p->reason = p->session.reason ? p->session.reason : "silent for too long";
        return -ETIMEDOUT;
    }
    if (peer_is_stuck(p, now)) {
        p->reason = "does not read the blocks that it requested";
        return -ETIMEDOUT;
    }
    return peer_download_tick(p, now);
}

/* Does all that can be done without waiting. 0; PEER_FULL: wait until the stream is writable as
 * well; or negative. */
static int move(struct driver *d, bool readable, uint64_t now)
{
    struct peer *p = d->peer;
    int r;

    peer_receive_all(p);
    if (p->events_due && (r = peer_take_events(p, &d->scratch, now)))
        return r;
    if (readable && (r = peer_read(p, &d->scratch, now)))
        return r;
    if (p->must_close)
        return -ECANCELED;
    peer_download_ask(p, now);
    r = peer_serve(p, now);
    if (r >= 0 && now - p->work->report.rates_ns >= TICK_NS) {
        int over = tick(p, now);

        if (over)
            return over;
    }
    return r;
}

/* A peer that may move data but does not (a leecher that requests nothing, or one that does not
 * have a piece for us yet) keeps its thread longer. */
static bool is_idle(const struct peer *p, uint64_t now)
{
    if (peer_is_sending(p) || p->n_stores || session_n_in_flight(&p->session) ||
        session_has_uploads(&p->session) || peer_could_ask(p))
        return false;
    if (p->work->yields)
        return now - p->work->moved_ns > YIELD_AFTER_NS;
    return now - p->work->moved_ns >
           (session_is_active(&p->session) ? ACTIVE_IDLE_AFTER_NS : IDLE_AFTER_NS);
}

static int wait_ms(struct driver *d)
{
    struct peer *p = d->peer;
    int idle_ms = IDLE_AFTER_NS / NS_PER_MS, tick_ms = TICK_NS / NS_PER_MS;

    if (!channel_is_empty(&p->inbox.channel))
        return 0;
    if (d->mark > 1)
        return BULK_WAIT_MS;
    if (p->work->yields)
        return YIELD_AFTER_NS / NS_PER_MS;
    /* A tick has nothing to do while nothing is in flight, to be sent or to be reported. */
    if (!session_n_in_flight(&p->session) && !peer_is_sending(p) && !peer_could_ask(p) &&
        p->session.down.total == p->work->report.down && p->session.up.total == p->work->report.up)
        return idle_ms;
    return tick_ms < idle_ms ? tick_ms : idle_ms;
}

/* 0: idle; or negative. */
static int drive(struct driver *d)
{
    struct peer *p = d->peer;
    bool readable = true, bulk_ended = false;

    for (;;) {
        struct pollfd fds[2] = {{.fd = stream_fd(&p->stream), .events = POLLIN},
                                {.fd = p->thread_waker.fd, .events = POLLIN}};
        uint64_t now = clock_now(), received_ns = p->session.received_ns;
        int r = move(d, readable, now), ms;

        if (r < 0)
            return r;
        if (is_idle(p, now))
            return 0;
        if (bulk_ended && p->session.received_ns == received_ns)
            d->quiet_ns = received_ns;
        set_mark(d, bulk_mark(d, now));
        if (r == PEER_FULL)
            fds[0].events |= POLLOUT;
        waker_arm(&p->thread_waker);
        ms = wait_ms(d);
        r = poll(fds, 2, ms);
        waker_disarm(&p->thread_waker);
        bulk_ended = r == 0 && d->mark > 1 && ms;
        readable = fds[0].revents & (POLLIN | POLLERR | POLLHUP) || bulk_ended;
    }
}

static void *run(void *arg)
{
    struct driver d = {.peer = arg, .mark = 1};
    struct peer *p = d.peer;
    struct lobby_adopt *adopt = lobby_new_adopt();

    if (session_scratch_init(&d.scratch)) {
        peer_must_close(p, "out of memory");
    } else {
        peer_work_begin(p, clock_now());
        if (drive(&d) < 0)
            p->must_close = true;
        set_mark(&d, 1);
        peer_report_rates(p, clock_now());
        peer_work_end(p);
    }
    session_scratch_deinit(&d.scratch);
    channel_release(&p->inbox.channel);
    owner_release(&p->owner);
    adopt->peer = p;
    lobby_tell_or_drop_adopt(p->env->lobby, adopt);
    return NULL;
}

int peer_thread_start(struct peer *p)
{
    owner_assert(&p->owner);
    channel_release(&p->inbox.channel);
    owner_release(&p->owner);
    return actor_start_detached("peer", run, p);
}
