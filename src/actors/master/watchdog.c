/* SPDX-License-Identifier: MIT */
#include "actors/master/watchdog.h"

#include <assert.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/base/log.h"
#include "conjure/msg/table.h"

#define FACILITY "watchdog"

void watchdog_init(struct watchdog *w, struct waker *waker)
{
    memset(w, 0, sizeof *w);
    channel_init(&w->replies, waker);
}

void watchdog_watch(struct watchdog *w, const char *actor, struct channel *inbox)
{
    assert(w->n < WATCHDOG_ACTORS_MAX);
    w->pings[w->n].actor = actor;
    w->pings[w->n++].to = inbox;
}

static void receive_replies(struct watchdog *w)
{
    struct msg *m;

    while ((m = channel_receive(&w->replies))) {
        container_of(m, struct watchdog_ping, msg)->out = false;
        w->n_out--;
    }
}

static void begin_round(struct watchdog *w, uint64_t now)
{
    for (unsigned i = 0; i < w->n; i++) {
        struct watchdog_ping *p = &w->pings[i];

        msg_init(&p->msg, MSG_KIND_PING, MSG_EMBEDDED);
        p->msg.reply_to = &w->replies;
        p->out = channel_send(p->to, &p->msg); /* not to one that has ended */
        w->n_out += p->out;
    }
    w->asked_ns = now;
    w->in_round = true;
}

static void log_silent(struct watchdog *w)
{
    for (unsigned i = 0; i < w->n && !w->logged; i++)
        if (w->pings[i].out)
            log_err(FACILITY, "%s does not reply", w->pings[i].actor);
    w->logged = true;
}

bool watchdog_tick(struct watchdog *w, uint64_t now, uint64_t watchdog_ns)
{
    bool alive;

    receive_replies(w);
    alive = w->in_round && !w->n_out;
    if (alive)
        w->in_round = w->logged = false;
    else if (w->in_round && now - w->asked_ns > watchdog_ns / 2)
        log_silent(w);
    if (!w->in_round && (!w->asked_ns || now - w->asked_ns >= watchdog_ns / 4))
        begin_round(w, now);
    return alive;
}
