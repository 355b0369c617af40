/* SPDX-License-Identifier: MIT */
/*
 * Announcer. What to say to which tracker and when is decided by src/tracker/state.c, one for every
 * torrent; here are the wires. A call is one announce under way, over HTTP by libcurl's multi
 * interface or over UDP. All of them, and the inbox, are waited for in one curl_multi_poll.
 *
 *     torrent_started -> entry -> (due) -> call -> reply or failure -> (due) ...
 *                          ^                                             |
 *                          +------- Timer.After, the hold-over ----------+
 *
 * Time limits of calls are poll's timeout, for they are short and must hold when Timer has gone; the
 * hold-over between announces is Timer's. Master shuts Timer down first, so then all Afters come home
 * and no more announces begin, except `stopped`.
 *
 * A thousand torrents must not storm: no more than n_at_once_max calls are under way, and no more than
 * PER_SERVICE_MAX to one service (a tracker's host and port). A call to a UDP tracker that does not answer
 * at once no longer counts, since it costs nothing but memory for the two hours of BEP 15's schedule.
 * Torrents whose next announce is due lie in a heap; who finds no room at its service waits in a queue
 * there, and each call that ends makes room for one.
 *
 * UNREACHABLE. A service that one torrent cannot reach the others need not try: until it is tried again,
 * by one of them, announces there fail at once, and the torrents turn to their next trackers.
 */
#include "actors/announcer/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/log.h"
#include "conjure/swarm/swarm.h"

#define FACILITY        "announcer"
#define PER_SERVICE_MAX 16

static const struct announcer_transport *const transports[N_TRACKER_TRANSPORTS] = {
    [TRACKER_TRANSPORT_HTTP] = &announcer_http,
    [TRACKER_TRANSPORT_UDP] = &announcer_udp,
};

/* --- what we tell ------------------------------------------------------------------------- */

static void tell_master(struct announcer_call *c, bool ok, const struct announce_reply *reply,
                        const char *text)
{
    struct master_tracker_says *m = master_new_tracker_says();

    m->swarm = c->entry->swarm;
    m->ok = ok;
    if (reply) {
        m->n_seeders = reply->n_seeders;
        m->n_leechers = reply->n_leechers;
        m->n_peers = reply->n_addrs;
    }
    if (text[0])
        snprintf(m->text, sizeof m->text, "%.50s: %.199s", c->url.host, text);
    master_tell_or_drop_tracker_says(c->announcer->master, m);
}

static void tell_lobby(struct announcer_call *c, const struct announce_reply *reply)
{
    struct lobby_peers_found *m;

    if (!reply->n_addrs)
        return;
    m = lobby_new_peers_found_with(reply->n_addrs * sizeof m->addrs[0]);
    m->swarm = c->entry->swarm;
    m->n_addrs = reply->n_addrs;
    memcpy(m->addrs, reply->addrs, reply->n_addrs * sizeof m->addrs[0]);
    lobby_tell_or_drop_peers_found(c->announcer->lobby, m);
}

/* A tracker that fails for days is news once. */
static void log_failure(struct announcer_call *c, const char *text, bool is_news)
{
    const char *name = c->entry->swarm->name;

    if (is_news)
        log_warning(FACILITY, "%s: tracker %s: %s", name, c->url.host, text);
    else
        log_info(FACILITY, "%s: tracker %s: %s", name, c->url.host, text);
}

/* --- what is due -------------------------------------------------------------------------- */

/* Sees to it that E's next announce begins when it is due. */
static void reschedule(struct announcer *a, struct announcer_entry *e)
{
    uint64_t at = announce_state_due_at(&e->state);

    if (e->stopping || !list_is_empty(&e->in_queue))
        return;
    if (at == UINT64_MAX)
        due_heap_remove(&a->due, &e->due);
    else
        due_heap_set(&a->due, &e->due, at);
}

static void call_off_waiting(struct announcer *a, struct announcer_service *s, uint32_t n)
{
    struct list *first;

    while (n-- && (first = list_first(&s->waiting))) {
        list_remove(first);
        reschedule(a, container_of(first, struct announcer_entry, in_queue));
    }
}

static struct announcer_service *service_of(struct announcer *a, const struct announce_tracker *t)
{
    struct {
        char host[TRACKER_HOST_MAX];
        uint16_t port, transport;
    } where = {.transport = (uint16_t)t->protocol->transport};
    struct announcer_service *s;
    struct tracker_url url;
    uint64_t key;

    tracker_url_parse(t->url, &url);
    memcpy(where.host, url.host, strlen(url.host));
    where.port = url.port;
    key = siphash(sip_secret_of_process(), &where, sizeof where);
    s = key_map_get(&a->services, &key);
    if (!s) {
        s = NEW(struct announcer_service);
        s->key = key;
        list_init(&s->waiting);
        key_map_put(&a->services, s);
    }
    return s;
}

/* Forgets services that nobody waits for; more often than that is not worth it. */
static void sweep_services(struct announcer *a, bool all)
{
    if (!all && a->services.n <= 2 * a->entries.n + 64)
        return;
    for (uint32_t i = 0; i < a->services.n_slots;) {
        struct announcer_service *s = a->services.slots[i].value;

        if (!s || s->n_calls || !list_is_empty(&s->waiting)) {
            i++;
            continue;
        }
        /* What follows may move into this place. */
        key_map_remove(&a->services, &s->key);
        free(s);
    }
}

static void service_failed(struct announcer *a, struct announcer_service *s, const char *text,
                           uint64_t now)
{
    uint64_t hold = TRACKER_HOLD_DOWN_FIRST_S;

    if (now < s->held_until)
        return; /* one of those that were under way when the first failed */
    for (uint32_t i = 0; i < s->n_failures && hold < TRACKER_HOLD_DOWN_MAX_S; i++)
        hold *= 2;
    s->failing = true;
    s->n_failures++;
    s->held_until =
        now + (hold < TRACKER_HOLD_DOWN_MAX_S ? hold : TRACKER_HOLD_DOWN_MAX_S) * NS_PER_S;
    snprintf(s->error, sizeof s->error, "%s", text);
    call_off_waiting(a, s, UINT32_MAX);
}

static void service_answered(struct announcer_call *c)
{
    struct announcer_service *s = c->service;

    if (!s->failing)
        return;
    log_notice(FACILITY, "tracker %s answers again", c->url.host);
    s->failing = false;
    s->n_failures = 0;
    s->held_until = 0;
    call_off_waiting(c->announcer, s, UINT32_MAX);
}

/* --- calls -------------------------------------------------------------------------------- */

static void call_uncount(struct announcer_call *c)
{
    if (!c->counted)
        return;
    c->counted = false;
    c->announcer->n_counted--;
    c->service->n_counted--;
    call_off_waiting(c->announcer, c->service, 1);
}

static void call_end(struct announcer_call *c)
{
    struct announcer *a = c->announcer;
    struct announcer_entry *e = c->entry;

    c->transport->deinit(c);
    due_heap_remove(&a->steps, &c->due);
    list_remove(&c->in_entry);
    call_uncount(c);
    c->service->n_calls--;
    free(c);
    if (!e->stopping)
        reschedule(a, e);
    else if (list_is_empty(&e->in_queue))
        list_append(&a->saying, &e->in_queue);
}

void call_step_at(struct announcer_call *c, uint64_t at_ns)
{
    due_heap_set(&c->announcer->steps, &c->due, at_ns);
}

static void fail(struct announcer_call *c, const char *text, uint32_t retry_s, bool is_news)
{
    log_failure(c, text, is_news);
    if (c->request.event != ANNOUNCE_STOPPED) {
        tell_master(c, false, NULL, text);
        announce_state_failed(&c->entry->state, retry_s, clock_now());
    }
    call_end(c);
}

void call_failed(struct announcer_call *c, const char *text)
{
    bool is_news = !c->tracker->told_failing;

    c->tracker->told_failing = true;
    fail(c, text, 0, is_news);
}

void call_unreachable(struct announcer_call *c, const char *text)
{
    bool is_news = !c->service->failing;

    /* The last words of a torrent have a short time; that they were not taken says little. */
    if (c->request.event != ANNOUNCE_STOPPED)
        service_failed(c->announcer, c->service, text, clock_now());
    fail(c, text, 0, is_news);
}

void call_replied(struct announcer_call *c, const struct announce_reply *reply)
{
    const char *name = c->entry->swarm->name;

    service_answered(c);
    if (reply->failed && c->request.event == ANNOUNCE_PAUSED) {
        log_info(FACILITY, "%s: tracker %s: %s; announcing without the event", name, c->url.host,
                 reply->text);
        announce_state_refused_paused(&c->entry->state);
        call_end(c);
        return;
    }
    if (reply->failed) {
        bool is_news = !c->tracker->told_failing;

        c->tracker->told_failing = true;
        fail(c, reply->text, reply->retry_s, is_news);
        return;
    }
    if (c->request.event != ANNOUNCE_STOPPED) {
        if (c->tracker->told_failing)
            log_notice(FACILITY, "%s: tracker %s answers again", name, c->url.host);
        c->tracker->told_failing = false;
        if (reply->text[0])
            log_warning(FACILITY, "%s: tracker %s warns: %s", name, c->url.host, reply->text);
        log_info(FACILITY, "%s: tracker %s: %u seeders, %u leechers, %u addresses", name,
                 c->url.host, reply->n_seeders, reply->n_leechers, reply->n_addrs);
        announce_state_succeeded(&c->entry->state, reply, clock_now());
        tell_lobby(c, reply);
        tell_master(c, true, reply, reply->text);
    }
    call_end(c);
}

void call_is_slow(struct announcer_call *c, const char *text)
{
    bool is_news = !c->service->failing;

    if (!c->counted)
        return; /* said before */
    if (c->request.event != ANNOUNCE_STOPPED)
        service_failed(c->announcer, c->service, text, clock_now());
    call_uncount(c);
    log_failure(c, text, is_news);
    if (c->request.event != ANNOUNCE_STOPPED)
        tell_master(c, false, NULL, text);
}

static struct announcer_call *call_new(struct announcer *a, struct announcer_entry *e,
                                       struct announce_tracker *tracker,
                                       const struct announce_request *request)
{
    struct announcer_call *c = NEW(struct announcer_call);

    c->announcer = a;
    c->entry = e;
    c->tracker = tracker;
    c->service = service_of(a, tracker);
    c->transport = transports[tracker->protocol->transport];
    c->request = *request;
    tracker_url_parse(tracker->url, &c->url);
    list_append(&e->calls, &c->in_entry);
    c->counted = true;
    a->n_counted++;
    c->service->n_calls++;
    c->service->n_counted++;
    return c;
}

static void call_begin(struct announcer *a, struct announcer_entry *e,
                       struct announce_tracker *tracker, const struct announce_request *request,
                       uint64_t now)
{
    struct announcer_call *c = call_new(a, e, tracker, request);

    log_debug(FACILITY, "%s: announce %u to %s", e->swarm->name, request->event, tracker->url);
    c->transport->begin(c, now);
}

static void cut_off_calls(struct announcer_entry *e)
{
    struct list *first;

    while ((first = list_first(&e->calls)))
        call_end(container_of(first, struct announcer_call, in_entry));
}

/* --- torrents ----------------------------------------------------------------------------- */

static struct announcer_entry *find_entry(const struct announcer *a, const struct swarm *swarm)
{
    return key_map_get(&a->entries, &swarm);
}

static void add_trackers(struct announcer_entry *e, struct rng *rng)
{
    const struct tracker_list *trackers = e->swarm->trackers;

    for (uint32_t tier = 0; tier < tracker_list_n_tiers(trackers); tier++) {
        for (uint32_t i = 0; i < tracker_list_n_in_tier(trackers, tier); i++) {
            const char *url = tracker_list_url(trackers, tier, i);

            switch (tiers_add(&e->state.tiers, tier, url)) {
            case TIERS_UNKNOWN_SCHEME:
                log_info(FACILITY, "%s: cannot use tracker %.200s", e->swarm->name, url);
                break;
            case TIERS_FULL:
                log_warning(FACILITY, "%s: only the first %u trackers are used", e->swarm->name,
                            TIERS_TRACKERS_MAX);
                tiers_shuffle(&e->state.tiers, rng);
                return;
            default:
                break;
            }
        }
    }
    tiers_shuffle(&e->state.tiers, rng);
}

static void on_torrent_started(struct announcer *a, struct announcer_torrent_started *m)
{
    struct announcer_entry *e;

    if (find_entry(a, m->swarm))
        return;
    e = NEW(struct announcer_entry);
    e->swarm = m->swarm;
    e->state = ANNOUNCE_STATE_EMPTY;
    e->state.self.info_hash = m->swarm->info_hash;
    memcpy(e->state.self.peer_id, m->swarm->peer_id, sizeof e->state.self.peer_id);
    e->state.self.key = m->swarm->key;
    e->state.self.port = m->swarm->port;
    e->state.left = m->left;
    e->state.spread = (uint16_t)rng_next(&a->rng);
    e->state.partial = m->partial;
    add_trackers(e, &a->rng);
    list_init(&e->calls);
    list_init(&e->in_queue);
    key_map_put(&a->entries, e);
    reschedule(a, e);
}

static void remove_entry(struct announcer *a, struct announcer_entry *e)
{
    cut_off_calls(e);
    announce_state_deinit(&e->state);
    list_remove(&e->in_queue);
    due_heap_remove(e->stopping ? &a->deadlines : &a->due, &e->due);
    key_map_remove(&a->entries, &e->swarm);
    if (e->stopping)
        msg_reply(&e->stopping->msg);
    free(e);
    sweep_services(a, false);
}

static void on_torrent_stopped(struct announcer *a, struct announcer_torrent_stopped *m)
{
    struct announcer_entry *e = find_entry(a, m->swarm);

    if (!e || e->stopping) {
        msg_reply(&m->msg);
        return;
    }
    /* A client that was only here to download leaves the moment it is complete: `completed` must not be
     * lost. Anything else that is under way is not worth waiting for. */
    if (!e->state.under_way || e->state.event != ANNOUNCE_COMPLETED) {
        cut_off_calls(e);
        announce_state_cut_off(&e->state);
    }
    list_remove(&e->in_queue);
    due_heap_remove(&a->due, &e->due);
    e->stopping = m;
    due_heap_set(&a->deadlines, &e->due, clock_now() + a->options.stop_timeout_ms * NS_PER_MS);
    list_append(&a->saying, &e->in_queue);
}

static void on_torrent_completed(struct announcer *a, struct announcer_torrent_completed *m)
{
    struct announcer_entry *e = find_entry(a, m->swarm);

    if (!e)
        return;
    announce_state_complete(&e->state);
    reschedule(a, e);
}

static void on_need_peers(struct announcer *a, struct announcer_need_peers *m)
{
    struct announcer_entry *e = find_entry(a, m->swarm);

    if (!e)
        return;
    announce_state_need_peers(&e->state);
    reschedule(a, e);
}

static void on_progress(struct announcer *a, struct announcer_progress *m)
{
    struct announcer_entry *e = find_entry(a, m->swarm);

    if (!e)
        return;
    e->state.uploaded = m->uploaded;
    e->state.downloaded = m->downloaded;
    e->state.left = m->left;
    e->state.partial = m->partial;
}

static void on_shutdown(struct announcer *a, struct announcer_shutdown *m)
{
    a->shutdown = m;
}

/* --- time --------------------------------------------------------------------------------- */

static void reply_timer_after(struct announcer *a, struct timer_after *m)
{
    uint32_t i = 0;

    if (m->cancelled)
        a->timer_gone = true;
    while (a->holds[i].after != m)
        i++;
    a->holds[i] = a->holds[--a->n_holds];
    msg_free(&m->msg);
}

MSG_DISPATCH(announcer, ANNOUNCER_TABLE, struct announcer);

/* Sees to it that an After comes home by the time that the next torrent is due. */
static void hold_over(struct announcer *a, uint64_t now)
{
    uint64_t due = due_heap_next_ns(&a->due);
    struct timer_after *after;

    /* Those that are due already wait for room, not for time. */
    if (due <= now || due == UINT64_MAX || a->timer_gone)
        return;
    for (uint32_t i = 0; i < a->n_holds; i++)
        if (a->holds[i].due <= due)
            return;
    after = timer_new_after();
    after->delay_ns = due - now;
    if (!announcer_ask_timer_after(&a->inbox, a->timer, after)) {
        a->timer_gone = true;
        msg_free(&after->msg);
        return;
    }
    a->holds = mem_resize(a->holds, a->n_holds + 1, sizeof a->holds[0]);
    a->holds[a->n_holds++] = (struct announcer_hold){.after = after, .due = due};
}

/* E's announce to TRACKER is due: begins it, or finds it another time or place. */
static void begin_or_wait(struct announcer *a, struct announcer_entry *e,
                          struct announce_tracker *tracker, uint64_t now)
{
    struct announcer_service *s = service_of(a, tracker);
    bool held = s->failing && now < s->held_until;
    struct announce_request request;

    if (!held && s->n_counted >= (s->failing ? 1 : PER_SERVICE_MAX)) {
        list_append(&s->waiting, &e->in_queue);
        return;
    }
    announce_state_begin(&e->state, now, &request);
    if (held) {
        struct announcer_call *c = call_new(a, e, tracker, &request);

        fail(c, s->error, 0, false);
    } else {
        call_begin(a, e, tracker, &request, now);
    }
}

static void begin_what_is_due(struct announcer *a, uint64_t now)
{
    struct due *due;

    /* With the program ending, what is due now could not be heard of any more. */
    while (!a->timer_gone && a->n_counted < a->options.n_at_once_max &&
           (due = due_heap_pop_due(&a->due, now))) {
        struct announcer_entry *e = container_of(due, struct announcer_entry, due);
        struct announce_tracker *tracker = announce_state_peek(&e->state, now);

        if (tracker)
            begin_or_wait(a, e, tracker, now);
        else
            reschedule(a, e);
    }
}

/* Whether a stopping torrent may go on to `stopped`; if not, a call is under way. */
static bool say_completed(struct announcer *a, struct announcer_entry *e, uint64_t now)
{
    struct announce_request request;
    struct announce_tracker *tracker;

    while (e->state.completed) {
        if (e->state.under_way)
            return false;
        tracker = announce_state_peek(&e->state, now);
        if (!tracker || !tracker->knows_us)
            return true;
        announce_state_begin(&e->state, now, &request);
        call_begin(a, e, tracker, &request, now);
    }
    return true;
}

/* Says what E has to say as far as there is room. Returns whether that is all. */
static bool say_last_words(struct announcer *a, struct announcer_entry *e, uint64_t now)
{
    struct announce_request request;
    struct announce_tracker *tracker;

    announce_state_stop(&e->state);
    while (a->n_counted < a->options.n_at_once_max) {
        tracker = announce_state_next_stop(&e->state, &request);
        if (!tracker)
            return true;
        call_begin(a, e, tracker, &request, now);
    }
    return false;
}

/* Each call of a stopping torrent that ends brings it back into `saying`. */
static void say_stopped(struct announcer *a, uint64_t now)
{
    struct list *first;
    struct due *due;

    while ((due = due_heap_pop_due(&a->deadlines, now)))
        remove_entry(a, container_of(due, struct announcer_entry, due));
    while ((first = list_first(&a->saying))) {
        struct announcer_entry *e = container_of(first, struct announcer_entry, in_queue);
        bool more = !say_completed(a, e, now);

        if (!more && !say_last_words(a, e, now))
            return;
        list_remove(first);
        if (!more && list_is_empty(&e->calls))
            remove_entry(a, e);
    }
}

static void step_calls(struct announcer *a, uint64_t now)
{
    struct due *due;

    while ((due = due_heap_pop_due(&a->steps, now))) {
        struct announcer_call *c = container_of(due, struct announcer_call, due);

        c->transport->step(c, now);
    }
}

/* --- the loop ----------------------------------------------------------------------------- */

static void run_transfers(struct announcer *a)
{
    int n_running, n_left;
    CURLMsg *done;

    curl_multi_perform(a->multi, &n_running);
    while ((done = curl_multi_info_read(a->multi, &n_left))) {
        struct announcer_call *c = NULL;
        CURLcode code = done->data.result;

        if (done->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(done->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        curl_multi_remove_handle(a->multi, done->easy_handle);
        c->transport->done(c, code, clock_now());
    }
}

static int poll_timeout_ms(const struct announcer *a, uint64_t now)
{
    uint64_t at = now + 3600 * NS_PER_S, step = due_heap_next_ns(&a->steps),
             deadline = due_heap_next_ns(&a->deadlines);

    at = step < at ? step : at;
    at = deadline < at ? deadline : at;
    return at <= now ? 0 : (int)((at - now + NS_PER_MS - 1) / NS_PER_MS);
}

static void sleep_and_read(struct announcer *a)
{
    unsigned n = 0;
    int n_ready = 0;

    for (struct udp_endpoint *e = a->endpoints; e; e = e->next) {
        if (list_is_empty(&e->calls))
            continue;
        if (n == a->n_polls_room) {
            a->n_polls_room = n ? 2 * n : 8;
            a->polled = mem_resize(a->polled, a->n_polls_room, sizeof a->polled[0]);
            a->fds = mem_resize(a->fds, a->n_polls_room, sizeof a->fds[0]);
        }
        a->polled[n] = e;
        a->fds[n++] = (struct curl_waitfd){.fd = e->fd, .events = CURL_WAIT_POLLIN};
    }
    waker_arm(&a->waker);
    if (channel_is_empty(&a->inbox.channel))
        curl_multi_poll(a->multi, a->fds, n, poll_timeout_ms(a, clock_now()), &n_ready);
    waker_disarm(&a->waker);
    for (unsigned i = 0; i < n; i++)
        if (a->fds[i].revents)
            announcer_udp_readable(a, a->polled[i], clock_now());
}

static void wake_up(void *arg)
{
    curl_multi_wakeup(((struct announcer *)arg)->multi);
}

static void clean_up(struct announcer *a)
{
    struct msg *m;

    /* From here on nobody rings us, so that the multi handle may go. */
    channel_close(&a->inbox.channel);
    while ((m = channel_receive(&a->inbox.channel)))
        announcer_dispatch(a, m);
    for (uint32_t i = 0; i < a->entries.n_slots;)
        if (a->entries.slots[i].value)
            remove_entry(a, a->entries.slots[i].value); /* another may move into this place */
        else
            i++;
    announcer_udp_sweep(a, UINT64_MAX);
    announcer_http_deinit(a);
    sweep_services(a, true);
    key_map_deinit(&a->entries);
    key_map_deinit(&a->services);
    due_heap_deinit(&a->due);
    due_heap_deinit(&a->deadlines);
    due_heap_deinit(&a->steps);
    free(a->holds);
    free(a->polled);
    free(a->fds);
    curl_multi_cleanup(a->multi);
    msg_reply(&a->shutdown->msg);
}

static void *run(void *arg)
{
    struct announcer *a = arg;

    /* Here and not in announcer_start, for it takes milliseconds; nobody rings before we first sleep. */
    if (!curl_global_init(CURL_GLOBAL_DEFAULT))
        a->multi = curl_multi_init();
    if (!a->multi) {
        log_err(FACILITY, "libcurl cannot be used");
        abort();
    }
    /* Connections that are kept for the next torrent, and at one time to one host. */
    curl_multi_setopt(a->multi, CURLMOPT_MAXCONNECTS, 2L * PER_SERVICE_MAX);
    curl_multi_setopt(a->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)PER_SERVICE_MAX);
    /* The Afters must be home before the inbox may close. */
    while (!a->shutdown || a->n_holds) {
        struct msg *m;
        uint64_t now;

        while ((m = channel_receive(&a->inbox.channel)))
            announcer_dispatch(a, m);
        now = clock_now();
        begin_what_is_due(a, now);
        say_stopped(a, now);
        run_transfers(a);
        now = clock_now();
        step_calls(a, now);
        /* What has just failed may go on to the next tracker. */
        begin_what_is_due(a, now);
        say_stopped(a, now);
        announcer_udp_sweep(a, now);
        if (!a->shutdown)
            hold_over(a, now);
        if (!a->shutdown || a->n_holds)
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
    a->lobby = lobby;
    a->master = master;
    rng_seed_from_kernel(&a->rng);
    a->entries = KEY_MAP(struct announcer_entry, swarm);
    a->services = KEY_MAP(struct announcer_service, key);
    list_init(&a->saying);
    waker_init_call(&a->waker, wake_up, a);
    channel_init(&a->inbox.channel, &a->waker);
    r = actor_start(&a->actor, "announcer", run, a);
    if (r < 0) {
        free(a);
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
    waker_deinit(&a->waker);
    free(a);
}
