/* SPDX-License-Identifier: MIT */
/*
 * Announcer. src/tracker/state.c decides what a torrent announces, when, and to which tracker; this
 * file makes the announces of all torrents in one thread, and waits for libcurl, UDP sockets and
 * the inbox in one curl_multi_poll.
 *
 *     TorrentStarted -> torrent -> (due) -> call -> reply or failure -> (due) ...
 *                                    ^                                    |
 *                                    +---------- Timer.After -------------+
 *
 * Timeouts of calls are the timeout of the poll: they are short, and must work after Timer has
 * ended. The time between announces is Timer's. Master shuts Timer down first; its Afters are then
 * cancelled, and no more announces begin but `stopped`.
 *
 * LIMITS. Over all torrents n_at_once_max calls are under way, and SERVICE_CALLS_MAX to one
 * service. A call to a UDP tracker that does not reply to the first datagram no longer counts: it
 * needs only memory for the two hours of BEP 15's schedule. The repetition of an announce over the
 * other address family does not wait for a place, so there may be twice as many calls. A torrent
 * whose announce is due lies in the heap `due` until n_at_once_max allows a call, and then in the
 * queue of its service until that has room.
 */
#include "conjure/actors/announcer.h"

#include <errno.h>
#include <stdlib.h>

#include "actors/announcer/call.h"
#include "actors/announcer/easy.h"
#include "actors/announcer/http.h"
#include "actors/announcer/internal.h"
#include "actors/announcer/udp.h"
#include "conjure/actors/actor.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/log.h"

#define POLL_MAX_NS (3600 * NS_PER_S)

/* A Timer.After under way. */
struct tick {
    struct timer_after *after;
    uint64_t due;
};

struct announcer {
    struct actor actor;
    struct waker waker;
    struct announcer_inbox inbox;
    struct timer_inbox *timer;
    struct announcer_options options;
    struct rng rng;
    struct easy_multi curl;
    struct announcer_transport *http, *udp;
    struct announcer_calls calls;
    struct key_map torrents;   /* by their swarm */
    struct due_heap due;       /* torrents that run: their next announce */
    struct due_heap deadlines; /* torrents that stop */
    struct list stopping;      /* those of them that may have more to announce, by their in_queue */
    struct tick *ticks;        /* owned */
    size_t n_ticks;
    bool timer_ended; /* the program is shutting down */
    struct announcer_shutdown *shutdown;
};

/* --- what is due -------------------------------------------------------------------------- */

static void schedule(struct announcer *a, struct announcer_torrent *t)
{
    uint64_t at = announce_state_due_at(&t->state);

    if (t->stopping || !list_is_empty(&t->in_queue))
        return;
    if (at == UINT64_MAX)
        due_heap_remove(&a->due, &t->due);
    else
        due_heap_set(&a->due, &t->due, at);
}

/* Chooses the next announce of each torrent whose call ended or whose service has room. */
static void schedule_ready(struct announcer *a)
{
    struct list *first;

    while ((first = list_first(&a->calls.ready))) {
        struct announcer_torrent *t = container_of(first, struct announcer_torrent, in_queue);

        list_remove(first);
        if (t->stopping)
            list_append(&a->stopping, &t->in_queue);
        else
            schedule(a, t);
    }
}

/* Begins the announce of T to TRACKER that is due, or queues T until its service has
 * room. */
static void begin_or_wait(struct announcer *a, struct announcer_torrent *t,
                          struct announce_tracker *tracker, uint64_t now)
{
    struct announcer_service *s = services_get(&a->calls.services, tracker);
    struct announce_request request;

    if (service_is_held(s, now)) {
        announce_state_begin(&t->state, now, &request);
        call_fail_held(&a->calls, t, tracker, &request, now);
    } else if (service_has_room(s)) {
        announce_state_begin(&t->state, now, &request);
        call_begin(&a->calls, t, tracker, &request, now);
    } else {
        list_append(&s->waiting, &t->in_queue);
    }
}

static void begin_due(struct announcer *a, uint64_t now)
{
    struct due *due;

    schedule_ready(a);
    /* During shutdown no reply would be read. */
    while (!a->timer_ended && a->calls.n_counted < a->options.n_at_once_max &&
           (due = due_heap_pop_due(&a->due, now))) {
        struct announcer_torrent *t = container_of(due, struct announcer_torrent, due);
        struct announce_tracker *tracker = announce_state_peek(&t->state, now);

        if (tracker)
            begin_or_wait(a, t, tracker, now);
        else
            schedule(a, t);
        schedule_ready(a);
    }
}

/* --- torrents that stop ------------------------------------------------------------------- */

static void remove_torrent(struct announcer *a, struct announcer_torrent *t)
{
    struct announcer_torrent_stopped *stopping = t->stopping;

    calls_cut_off(t);
    list_remove(&t->in_queue);
    due_heap_remove(stopping ? &a->deadlines : &a->due, &t->due);
    key_map_remove(&a->torrents, &t->swarm);
    announcer_torrent_free(t);
    if (stopping)
        msg_reply(&stopping->msg);
    services_sweep(&a->calls.services, a->torrents.n);
}

/* Announces `completed` if that is still to be done. Returns whether `stopped` may follow;
 * otherwise a call is under way. */
static bool begin_completed(struct announcer *a, struct announcer_torrent *t, uint64_t now)
{
    struct announce_request request;
    struct announce_tracker *tracker;

    while (t->state.completed) {
        if (t->state.under_way)
            return false;
        tracker = announce_state_peek(&t->state, now);
        if (!tracker || !tracker->knows_us)
            return true;
        announce_state_begin(&t->state, now, &request);
        call_begin(&a->calls, t, tracker, &request, now);
    }
    return true;
}

/* Announces `stopped` to all trackers that know us. Returns false when calls must end before
 * the next of them can begin. */
static bool begin_stopped(struct announcer *a, struct announcer_torrent *t, uint64_t now)
{
    struct announce_request request;
    struct announce_tracker *tracker;

    announce_state_stop(&t->state);
    while (a->calls.n_counted < a->options.n_at_once_max) {
        tracker = announce_state_next_stop(&t->state, &request);
        if (!tracker)
            return true;
        call_begin_stopped(&a->calls, t, tracker, &request, now);
    }
    return false;
}

/* Each call of a stopping torrent that ends brings the torrent back into the list. */
static void continue_stopping(struct announcer *a, uint64_t now)
{
    struct list *first;
    struct due *due;

    while ((due = due_heap_pop_due(&a->deadlines, now)))
        remove_torrent(a, container_of(due, struct announcer_torrent, due));
    schedule_ready(a);
    while ((first = list_first(&a->stopping))) {
        struct announcer_torrent *t = container_of(first, struct announcer_torrent, in_queue);
        bool may_stop = begin_completed(a, t, now);

        if (may_stop && !begin_stopped(a, t, now))
            return;
        list_remove(first);
        if (may_stop && list_is_empty(&t->calls))
            remove_torrent(a, t);
    }
}

/* --- messages ----------------------------------------------------------------------------- */

static struct announcer_torrent *find(const struct announcer *a, const struct swarm *swarm)
{
    return key_map_get(&a->torrents, &swarm);
}

static void on_torrent_started(struct announcer *a, struct announcer_torrent_started *m)
{
    struct announcer_torrent *t;

    if (find(a, m->swarm))
        return;
    t = announcer_torrent_new(m->swarm, m->left, m->partial, &a->rng);
    key_map_put(&a->torrents, t);
    schedule(a, t);
}

static void on_torrent_stopped(struct announcer *a, struct announcer_torrent_stopped *m)
{
    struct announcer_torrent *t = find(a, m->swarm);

    if (!t || t->stopping) {
        msg_reply(&m->msg);
        return;
    }
    /* A client that only downloads stops as soon as it is complete: `completed` must not be lost.
     * Any other announce under way is cut off. */
    if (!t->state.under_way || t->state.event != ANNOUNCE_COMPLETED) {
        calls_cut_off(t);
        announce_state_abort(&t->state);
    }
    list_remove(&t->in_queue);
    due_heap_remove(&a->due, &t->due);
    t->stopping = m;
    due_heap_set(&a->deadlines, &t->due, clock_now() + a->options.stop_timeout_ms * NS_PER_MS);
    list_append(&a->stopping, &t->in_queue);
}

static void on_torrent_completed(struct announcer *a, struct announcer_torrent_completed *m)
{
    struct announcer_torrent *t = find(a, m->swarm);

    if (!t)
        return;
    announce_state_complete(&t->state);
    schedule(a, t);
}

static void on_need_peers(struct announcer *a, struct announcer_need_peers *m)
{
    struct announcer_torrent *t = find(a, m->swarm);

    if (!t)
        return;
    announce_state_need_peers(&t->state);
    schedule(a, t);
}

static void on_progress(struct announcer *a, struct announcer_progress *m)
{
    struct announcer_torrent *t = find(a, m->swarm);

    if (!t)
        return;
    t->state.uploaded = m->uploaded;
    t->state.downloaded = m->downloaded;
    t->state.left = m->left;
    t->state.partial = m->partial;
}

static void on_shutdown(struct announcer *a, struct announcer_shutdown *m)
{
    a->shutdown = m;
}

static void reply_timer_after(struct announcer *a, struct timer_after *m)
{
    size_t i = 0;

    if (m->cancelled)
        a->timer_ended = true;
    while (a->ticks[i].after != m)
        i++;
    a->ticks[i] = a->ticks[--a->n_ticks];
    msg_free(&m->msg);
}

MSG_DISPATCH(announcer, ANNOUNCER_TABLE, struct announcer);

/* --- the loop ----------------------------------------------------------------------------- */

/* Asks Timer for a tick at the time of the next announce, unless one comes before that. */
static void ask_for_tick(struct announcer *a, uint64_t now)
{
    uint64_t due = due_heap_next_ns(&a->due);
    struct timer_after *after;

    /* A torrent that is due already waits for a call to end, not for time to pass. */
    if (due <= now || due == UINT64_MAX || a->timer_ended)
        return;
    for (size_t i = 0; i < a->n_ticks; i++)
        if (a->ticks[i].due <= due)
            return;
    after = timer_new_after();
    after->delay_ns = due - now;
    if (!announcer_ask_timer_after(&a->inbox, a->timer, after)) {
        a->timer_ended = true;
        msg_free(&after->msg);
        return;
    }
    a->ticks = mem_resize(a->ticks, a->n_ticks + 1, sizeof a->ticks[0]);
    a->ticks[a->n_ticks++] = (struct tick){.after = after, .due = due};
}

static void run_transfers(struct announcer *a)
{
    struct announcer_call *c;
    CURLcode code;

    easy_run(&a->curl);
    while ((c = easy_next_done(&a->curl, &code)))
        c->transport->ops->transfer_done(c, (int)code, clock_now());
}

static int poll_timeout_ms(const struct announcer *a, uint64_t now)
{
    uint64_t at = now + POLL_MAX_NS, step = due_heap_next_ns(&a->calls.steps),
             deadline = due_heap_next_ns(&a->deadlines);

    at = step < at ? step : at;
    at = deadline < at ? deadline : at;
    return at <= now ? 0 : (int)((at - now + NS_PER_MS - 1) / NS_PER_MS);
}

static void sleep_and_read(struct announcer *a)
{
    struct curl_waitfd *fds;
    unsigned n = announcer_udp_poll_fds(a->udp, &fds);
    int n_ready = 0;

    waker_arm(&a->waker);
    if (channel_is_empty(&a->inbox.channel))
        curl_multi_poll(a->curl.multi, fds, n, poll_timeout_ms(a, clock_now()), &n_ready);
    waker_disarm(&a->waker);
    announcer_udp_read(a->udp, clock_now());
}

static void wake_up(void *arg)
{
    curl_multi_wakeup(((struct announcer *)arg)->curl.multi);
}

static void dispatch_all(struct announcer *a)
{
    struct msg *m;

    while ((m = channel_receive(&a->inbox.channel)))
        announcer_dispatch(a, m);
}

static void free_transports(struct announcer *a)
{
    announcer_udp_free(a->udp);
    announcer_http_free(a->http);
    easy_multi_deinit(&a->curl);
}

static void announcer_free(struct announcer *a)
{
    calls_deinit(&a->calls);
    key_map_deinit(&a->torrents);
    due_heap_deinit(&a->due);
    due_heap_deinit(&a->deadlines);
    free(a->ticks);
    waker_deinit(&a->waker);
    free(a);
}

static void clean_up(struct announcer *a)
{
    /* Once the inbox is closed no sender uses the multi handle. */
    channel_close(&a->inbox.channel);
    dispatch_all(a);
    for (uint32_t i = 0; i < a->torrents.n_slots;)
        if (a->torrents.slots[i].value)
            remove_torrent(a, a->torrents.slots[i].value); /* may move another into this slot */
        else
            i++;
    free_transports(a);
    msg_reply(&a->shutdown->msg);
}

static void *run(void *arg)
{
    struct announcer *a = arg;

    /* Here, because it takes milliseconds; no sender wakes us before we first sleep. */
    if (easy_multi_init(&a->curl, a->options.connect_timeout_ms, SERVICE_CALLS_MAX)) {
        log_err(FACILITY, "libcurl cannot be used");
        abort();
    }
    /* Until all Afters are back, the inbox must not close. */
    while (!a->shutdown || a->n_ticks) {
        uint64_t now;

        dispatch_all(a);
        now = clock_now();
        begin_due(a, now);
        continue_stopping(a, now);
        run_transfers(a);
        now = clock_now();
        calls_step_due(&a->calls, now);
        /* A torrent whose call has just failed may try its next tracker. */
        begin_due(a, now);
        continue_stopping(a, now);
        announcer_udp_sweep(a->udp, now);
        if (!a->shutdown)
            ask_for_tick(a, now);
        if (!a->shutdown || a->n_ticks)
            sleep_and_read(a);
    }
    clean_up(a);
    return NULL;
}

static uint32_t or_default(uint32_t option, uint32_t otherwise)
{
    return option ? option : otherwise;
}

struct announcer *announcer_start(struct timer_inbox *timer, struct lobby_inbox *lobby,
                                  struct master_inbox *master,
                                  const struct announcer_options *options)
{
    struct announcer *a = NEW(struct announcer);
    int r;

    if (options)
        a->options = *options;
    a->options.connect_timeout_ms = or_default(a->options.connect_timeout_ms, 15000);
    a->options.total_timeout_ms = or_default(a->options.total_timeout_ms, 30000);
    a->options.stop_timeout_ms = or_default(a->options.stop_timeout_ms, 3000);
    a->options.n_at_once_max = or_default(a->options.n_at_once_max, 50);
    a->timer = timer;
    rng_seed_from_kernel(&a->rng);
    calls_init(&a->calls, lobby, master);
    a->calls.total_timeout_ms = a->options.total_timeout_ms;
    a->calls.stop_timeout_ms = a->options.stop_timeout_ms;
    a->http = announcer_http_new(&a->curl, a->options.ca_file, a->options.n_at_once_max);
    a->udp = announcer_udp_new(&a->curl, &a->rng);
    a->calls.transports[TRACKER_TRANSPORT_HTTP] = a->http;
    a->calls.transports[TRACKER_TRANSPORT_UDP] = a->udp;
    a->torrents = KEY_MAP(struct announcer_torrent, swarm);
    list_init(&a->stopping);
    waker_init_call(&a->waker, wake_up, a);
    channel_init(&a->inbox.channel, &a->waker);
    r = actor_start(&a->actor, "announcer", run, a);
    if (r < 0) {
        free_transports(a);
        announcer_free(a);
        errno = -r;
        return NULL;
    }
    return a;
}

struct announcer_inbox *announcer_inbox(struct announcer *a)
{
    return &a->inbox;
}

void announcer_join(struct announcer *a)
{
    if (!a)
        return;
    actor_join(&a->actor);
    announcer_free(a);
}
