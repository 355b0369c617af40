/* SPDX-License-Identifier: MIT */
/*
 * The thread of an active connection: poll on the socket and on the inbox, then move what can be
 * moved. It has one wait, at the bottom of its loop, and hands the connection back to the Lobby
 * when nothing has moved for a while or when it is over.
 *
 * BULK. While many blocks are in flight there is no use in waking up for each segment: SO_RCVLOWAT
 * makes the kernel gather. The far end might fall silent just below the mark (it choked us, or it
 * is slow), so a bulk wait is short, and after it the socket is read whatever poll said.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "actors/peer.h"
#include "conjure/actors/actor.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

#define IDLE_AFTER_NS   (5 * NS_PER_S)
#define REPORT_EVERY_NS NS_PER_S

#define BULK_BLOCKS  32           /* in flight, from here on gather */
#define BULK_LOWAT   (128 * 1024) /* bytes; well below what BULK_BLOCKS bring */
#define BULK_WAIT_MS 20

struct driver {
    struct peer *peer;
    struct session_scratch scratch;
    int lowat; /* as set on the socket */
};

static void report_rates(struct peer *p, uint64_t now)
{
    struct peer_work *w = p->work;
    struct choker_rates *m;
    bool snubbed = session_is_snubbed(&p->session, now);

    if (p->session.down.total == w->reported_down && p->session.up.total == w->reported_up &&
        !snubbed)
        return;
    m = choker_new_rates();
    m->peer = p->id;
    m->downloaded = p->session.down.total - w->reported_down;
    m->uploaded = p->session.up.total - w->reported_up;
    m->snubbed = snubbed;
    w->reported_down = p->session.down.total;
    w->reported_up = p->session.up.total;
    w->reported_ns = now;
    choker_tell_or_drop_rates(p->env->choker, m);
}

static void set_lowat(struct driver *d, int bytes)
{
    if (d->lowat == bytes)
        return;
    setsockopt(d->peer->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
    d->lowat = bytes;
}

/* One round of all that can be done without waiting. 0: wait for more, 1: and for room in the
 * socket, negative: over. */
static int move(struct driver *d, bool readable, uint64_t now)
{
    struct peer *p = d->peer;
    int r;

    peer_receive_all(p);
    if (p->events_due && (r = peer_take_events(p, &d->scratch, now)))
        return r;
    if (readable) {
        ssize_t got = peer_read(p, &d->scratch, now);

        if (got < 0)
            return (int)got;
    }
    if (p->must_close)
        return -ECANCELED;
    peer_want(p, now);
    r = peer_serve(p, now);
    if (r >= 0 && now - p->work->reported_ns >= REPORT_EVERY_NS) {
        report_rates(p, now);
        p->work->reported_ns = now;
        if (session_tick(&p->session, now)) {
            p->reason = "silent for too long";
            return -ETIMEDOUT;
        }
    }
    return r;
}

static bool is_idle(const struct peer *p, uint64_t now)
{
    if (session_is_active(&p->session) || p->work->upload.length || p->n_stores)
        return now - p->work->moved_ns > 60 * NS_PER_S && !p->work->upload.length && !p->n_stores &&
               !session_n_in_flight(&p->session);
    return now - p->work->moved_ns > IDLE_AFTER_NS;
}

static int drive(struct driver *d)
{
    struct peer *p = d->peer;
    bool readable = true;

    for (;;) {
        uint64_t now = clock_now();
        int r = move(d, readable, now), wait_ms;
        bool bulk = session_n_in_flight(&p->session) >= BULK_BLOCKS;
        struct pollfd fds[2] = {{.fd = p->fd, .events = POLLIN}, {.fd = p->thread_waker.fd}};

        if (r < 0)
            return r;
        if (is_idle(p, now))
            return 0;
        set_lowat(d, bulk ? BULK_LOWAT : 1);
        if (r == 1)
            fds[0].events |= POLLOUT;
        fds[1].events = POLLIN;
        waker_arm(&p->thread_waker);
        wait_ms = !channel_is_empty(&p->inbox.channel) ? 0 : bulk ? BULK_WAIT_MS : 1000;
        r = poll(fds, 2, wait_ms);
        waker_disarm(&p->thread_waker);
        readable = fds[0].revents & (POLLIN | POLLERR | POLLHUP) || (r == 0 && bulk && wait_ms);
    }
}

static void *run(void *arg)
{
    struct driver d = {.peer = arg, .lowat = 1};
    struct peer *p = d.peer;
    struct lobby_adopt *back = lobby_new_adopt();

    if (session_scratch_init(&d.scratch)) {
        p->must_close = true;
        p->reason = "out of memory";
    } else {
        peer_work_begin(p, clock_now());
        if (drive(&d) < 0)
            p->must_close = true;
        set_lowat(&d, 1);
        report_rates(p, clock_now());
    }
    session_scratch_deinit(&d.scratch);
    back->peer = p;
    lobby_tell_or_drop_adopt(p->env->lobby, back);
    return NULL;
}

int peer_thread_start(struct peer *p)
{
    return actor_start_detached("peer", run, p);
}
