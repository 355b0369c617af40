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
 * PER_HOST_MAX to one host. A call to a UDP tracker that does not answer at once no longer counts, since
 * it costs nothing but memory for the two hours of BEP 15's schedule.
 */
#include "actors/announcer_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/actors/torrent.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/log.h"

#define FACILITY     "announcer"
#define PER_HOST_MAX 8

static const struct announcer_transport *const transports[N_TRACKER_TRANSPORTS] = {
    [TRACKER_TRANSPORT_HTTP] = &announcer_http,
    [TRACKER_TRANSPORT_UDP] = &announcer_udp,
};

/* --- what we tell ------------------------------------------------------------------------- */

static void tell_master(struct announcer_call *c, bool ok, const struct announce_reply *reply,
                        const char *text)
{
    struct master_tracker_says *m = master_new_tracker_says();

    m->torrent = c->entry->torrent;
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
    m->torrent = c->entry->torrent;
    m->n_addrs = reply->n_addrs;
    memcpy(m->addrs, reply->addrs, reply->n_addrs * sizeof m->addrs[0]);
    lobby_tell_or_drop_peers_found(c->announcer->lobby, m);
}

/* A tracker that fails for days is news once. */
static void log_failure(struct announcer_call *c, const char *text)
{
    const char *name = metainfo_name(c->entry->torrent->meta);

    if (c->tracker->told_failing)
        log_info(FACILITY, "%s: tracker %s: %s", name, c->url.host, text);
    else
        log_warning(FACILITY, "%s: tracker %s: %s", name, c->url.host, text);
    c->tracker->told_failing = true;
}

/* --- calls -------------------------------------------------------------------------------- */

static void call_uncount(struct announcer_call *c)
{
    c->announcer->n_counted -= c->counted;
    c->counted = false;
}

static void call_end(struct announcer_call *c)
{
    struct announcer_call **at = &c->announcer->calls;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->transport->deinit(c);
    call_uncount(c);
    c->entry->n_calls--;
    free(c);
}

static void fail(struct announcer_call *c, const char *text, uint32_t retry_s)
{
    log_failure(c, text);
    if (c->request.event != ANNOUNCE_STOPPED) {
        tell_master(c, false, NULL, text);
        announce_state_failed(&c->entry->state, retry_s, clock_now());
    }
    call_end(c);
}

void call_failed(struct announcer_call *c, const char *text)
{
    fail(c, text, 0);
}

void call_replied(struct announcer_call *c, const struct announce_reply *reply)
{
    const char *name = metainfo_name(c->entry->torrent->meta);

    if (reply->failed && c->request.event == ANNOUNCE_PAUSED) {
        log_info(FACILITY, "%s: tracker %s: %s; announcing without the event", name, c->url.host,
                 reply->text);
        announce_state_refused_paused(&c->entry->state);
        call_end(c);
        return;
    }
    if (reply->failed) {
        fail(c, reply->text, reply->retry_s);
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
    call_uncount(c);
    if (c->tracker->told_failing)
        return;
    log_failure(c, text);
    if (c->request.event != ANNOUNCE_STOPPED)
        tell_master(c, false, NULL, text);
}

static void call_begin(struct announcer *a, struct announcer_entry *e,
                       struct announce_tracker *tracker, const struct announce_request *request,
                       uint64_t now)
{
    struct announcer_call *c = NEW(struct announcer_call);

    c->announcer = a;
    c->entry = e;
    c->tracker = tracker;
    c->transport = transports[tracker->protocol->transport];
    c->request = *request;
    tracker_url_parse(tracker->url, &c->url);
    c->counted = true;
    c->next = a->calls;
    a->calls = c;
    a->n_counted++;
    e->n_calls++;
    log_debug(FACILITY, "%s: announce %u to %s", metainfo_name(e->torrent->meta), request->event,
              tracker->url);
    c->transport->begin(c, now);
}

static bool has_room(const struct announcer *a, const struct announce_tracker *tracker)
{
    struct tracker_url url;
    uint32_t n = 0;

    if (a->n_counted >= a->options.n_at_once_max)
        return false;
    tracker_url_parse(tracker->url, &url);
    for (const struct announcer_call *c = a->calls; c; c = c->next)
        n += c->counted && !strcmp(c->url.host, url.host);
    return n < PER_HOST_MAX;
}

static void cut_off_calls(struct announcer *a, struct announcer_entry *e)
{
    struct announcer_call *c, *next;

    for (c = a->calls; c; c = next) {
        next = c->next;
        if (c->entry == e)
            call_end(c);
    }
}

/* --- torrents ----------------------------------------------------------------------------- */

static struct announcer_entry *find_entry(struct announcer *a, const struct torrent *torrent)
{
    for (uint32_t i = 0; i < a->n_entries; i++)
        if (a->entries[i]->torrent == torrent)
            return a->entries[i];
    return NULL;
}

static void add_trackers(struct announcer_entry *e, struct rng *rng)
{
    const struct metainfo *meta = e->torrent->meta;

    for (uint32_t tier = 0; tier < metainfo_n_tiers(meta); tier++) {
        for (uint32_t i = 0; i < metainfo_n_trackers(meta, tier); i++) {
            const char *url = metainfo_tracker(meta, tier, i);

            switch (tiers_add(&e->state.tiers, tier, url)) {
            case TIERS_UNKNOWN_SCHEME:
                log_info(FACILITY, "%s: cannot use tracker %.200s", metainfo_name(meta), url);
                break;
            case TIERS_FULL:
                log_warning(FACILITY, "%s: only the first %u trackers are used",
                            metainfo_name(meta), TIERS_TRACKERS_MAX);
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

    if (find_entry(a, m->torrent))
        return;
    e = NEW(struct announcer_entry);
    e->torrent = m->torrent;
    e->state = ANNOUNCE_STATE_EMPTY;
    memcpy(e->state.self.info_hash, metainfo_info_hash(m->torrent->meta), SHA1_SIZE);
    memcpy(e->state.self.peer_id, m->torrent->peer_id, sizeof e->state.self.peer_id);
    e->state.self.key = m->torrent->key;
    e->state.self.port = m->torrent->port;
    e->state.left = m->left;
    e->state.partial = m->partial;
    add_trackers(e, &a->rng);
    a->entries = mem_resize(a->entries, a->n_entries + 1, sizeof a->entries[0]);
    a->entries[a->n_entries++] = e;
}

static void remove_entry(struct announcer *a, uint32_t i)
{
    struct announcer_entry *e = a->entries[i];

    cut_off_calls(a, e);
    announce_state_deinit(&e->state);
    a->entries[i] = a->entries[--a->n_entries];
    if (e->stopping)
        msg_reply(&e->stopping->msg);
    free(e);
}

static void on_torrent_stopped(struct announcer *a, struct announcer_torrent_stopped *m)
{
    struct announcer_entry *e = find_entry(a, m->torrent);

    if (!e || e->stopping) {
        msg_reply(&m->msg);
        return;
    }
    /* A client that was only here to download leaves the moment it is complete: `completed` must not be
     * lost. Anything else that is under way is not worth waiting for. */
    if (!e->state.under_way || e->state.event != ANNOUNCE_COMPLETED) {
        cut_off_calls(a, e);
        announce_state_cut_off(&e->state);
    }
    e->stopping = m;
    e->stop_deadline = clock_now() + a->options.stop_timeout_ms * NS_PER_MS;
}

static void on_torrent_completed(struct announcer *a, struct announcer_torrent_completed *m)
{
    struct announcer_entry *e = find_entry(a, m->torrent);

    if (e)
        announce_state_complete(&e->state);
}

static void on_need_peers(struct announcer *a, struct announcer_need_peers *m)
{
    struct announcer_entry *e = find_entry(a, m->torrent);

    if (e)
        announce_state_need_peers(&e->state);
}

static void on_progress(struct announcer *a, struct announcer_progress *m)
{
    struct announcer_entry *e = find_entry(a, m->torrent);

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

static void home_timer_after(struct announcer *a, struct timer_after *m)
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
    uint64_t due = UINT64_MAX;
    struct timer_after *after;

    for (uint32_t i = 0; i < a->n_entries; i++) {
        uint64_t at = announce_state_due_at(&a->entries[i]->state);

        if (a->entries[i]->stopping)
            continue;
        /* Those that are due already wait for room, not for time. */
        if (at > now && at < due)
            due = at;
    }
    for (uint32_t i = 0; i < a->n_holds; i++)
        if (a->holds[i].due <= due)
            return;
    if (due == UINT64_MAX || a->timer_gone)
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

static void begin_what_is_due(struct announcer *a, uint64_t now)
{
    struct announce_request request;
    struct announce_tracker *tracker;

    /* With the program ending, what is due now could not be heard of any more. */
    for (uint32_t i = 0; i < a->n_entries && !a->timer_gone; i++) {
        struct announcer_entry *e = a->entries[i];

        /* A call may fail at once, and then the next tracker is due at once. */
        while (!e->stopping && (tracker = announce_state_peek(&e->state, now)) &&
               has_room(a, tracker)) {
            announce_state_begin(&e->state, now, &request);
            call_begin(a, e, tracker, &request, now);
        }
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

static void say_stopped(struct announcer *a, uint64_t now)
{
    struct announce_request request;
    struct announce_tracker *tracker;

    for (uint32_t i = 0; i < a->n_entries;) {
        struct announcer_entry *e = a->entries[i];
        bool more = true;

        if (!e->stopping || (now < e->stop_deadline && !say_completed(a, e, now))) {
            i++;
            continue;
        }
        announce_state_stop(&e->state);
        while (a->n_counted < a->options.n_at_once_max &&
               (more = (tracker = announce_state_next_stop(&e->state, &request))))
            call_begin(a, e, tracker, &request, now);
        if ((!more && !e->n_calls) || now >= e->stop_deadline)
            remove_entry(a, i);
        else
            i++;
    }
}

static void step_calls(struct announcer *a, uint64_t now)
{
    struct announcer_call *c, *next;

    for (c = a->calls; c; c = next) {
        next = c->next;
        if (c->transport->step)
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
    uint64_t at = now + 3600 * NS_PER_S;

    for (const struct announcer_call *c = a->calls; c; c = c->next)
        if (c->transport->deadline(c) < at)
            at = c->transport->deadline(c);
    for (uint32_t i = 0; i < a->n_entries; i++)
        if (a->entries[i]->stopping && a->entries[i]->stop_deadline < at)
            at = a->entries[i]->stop_deadline;
    return at <= now ? 0 : (int)((at - now + NS_PER_MS - 1) / NS_PER_MS);
}

static void sleep_and_read(struct announcer *a)
{
    unsigned n = 0;
    int n_ready = 0;

    for (struct udp_endpoint *e = a->endpoints; e; e = e->next) {
        if (!e->n_calls)
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
    while (a->n_entries)
        remove_entry(a, a->n_entries - 1);
    announcer_udp_sweep(a, UINT64_MAX);
    free(a->entries);
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
    curl_multi_setopt(a->multi, CURLMOPT_MAXCONNECTS, 16L);
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
