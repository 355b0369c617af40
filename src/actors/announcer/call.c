/* SPDX-License-Identifier: MIT */
#include "actors/announcer/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/announcer/internal.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

void calls_init(struct announcer_calls *calls, struct lobby_inbox *lobby,
                struct master_inbox *master)
{
    *calls = (struct announcer_calls){.lobby = lobby, .master = master, .steps = DUE_HEAP_EMPTY};
    services_init(&calls->services);
    list_init(&calls->ready);
}

void calls_deinit(struct announcer_calls *calls)
{
    services_deinit(&calls->services);
    due_heap_deinit(&calls->steps);
}

/* --- the outcome: messages and log lines ----------------------------------------------------- */

static bool is_last(const struct announcer_call *c)
{
    return c->request.event == ANNOUNCE_STOPPED;
}

/* REPLY is NULL when there is none; TEXT may be empty. */
static void tell_master(struct announcer_call *c, const struct announce_reply *reply,
                        const char *text)
{
    struct master_tracker_says *m = master_new_tracker_says();

    m->swarm = c->torrent->swarm;
    if (reply) {
        m->ok = true;
        m->n_seeders = reply->n_seeders;
        m->n_peers = reply->n_addrs;
    }
    if (text[0])
        snprintf(m->text, sizeof m->text, "%.50s: %.199s", c->url.host, text);
    master_tell_or_drop_tracker_says(c->calls->master, m);
}

static void tell_lobby(struct announcer_call *c, const struct announce_reply *reply)
{
    struct lobby_peers_found *m;

    if (!reply->n_addrs)
        return;
    m = lobby_new_peers_found_with(reply->n_addrs * sizeof m->addrs[0]);
    m->swarm = c->torrent->swarm;
    m->source = PEER_SOURCE_TRACKER;
    m->n_addrs = reply->n_addrs;
    memcpy(m->addrs, reply->addrs, reply->n_addrs * sizeof m->addrs[0]);
    lobby_tell_or_drop_peers_found(c->calls->lobby, m);
}

/* Of failures in a row only the first is a warning. */
static enum log_level failure_level(bool failed_before)
{
    return failed_before ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;
}

static void log_failure(const struct announcer_call *c, const char *text, enum log_level level)
{
    log_at(level, FACILITY, "%s: tracker %s: %s", c->torrent->swarm->name, c->url.host, text);
}

/* --- a call from beginning to end ------------------------------------------------------------ */

static struct announcer_call *call_new(struct announcer_calls *calls, struct announcer_torrent *t,
                                       struct announce_tracker *tracker,
                                       const struct announce_request *request)
{
    struct announcer_transport *transport = calls->transports[tracker->protocol->transport];
    struct announcer_call *c = mem_new(transport->ops->call_size);

    c->calls = calls;
    c->torrent = t;
    c->tracker = tracker;
    c->service = services_get(&calls->services, tracker);
    c->transport = transport;
    c->request = *request;
    c->timeout_ms = is_last(c) ? calls->stop_timeout_ms : calls->total_timeout_ms;
    tracker_url_parse(tracker->url, &c->url);
    list_append(&t->calls, &c->in_torrent);
    c->counted = true;
    calls->n_counted++;
    service_call_began(c->service);
    return c;
}

static void uncount(struct announcer_call *c)
{
    if (!c->counted)
        return;
    c->counted = false;
    c->calls->n_counted--;
    service_call_uncounted(c->service, &c->calls->ready);
}

static void call_end(struct announcer_call *c)
{
    struct announcer_calls *calls = c->calls;
    struct announcer_torrent *t = c->torrent;

    c->transport->ops->deinit(c);
    due_heap_remove(&calls->steps, &c->step);
    list_remove(&c->in_torrent);
    uncount(c);
    service_call_ended(c->service);
    free(c);
    if (list_is_empty(&t->in_queue))
        list_append(&calls->ready, &t->in_queue);
}

void calls_cut_off(struct announcer_torrent *t)
{
    struct list *first;

    while ((first = list_first(&t->calls)))
        call_end(container_of(first, struct announcer_call, in_torrent));
}

void calls_step_due(struct announcer_calls *calls, uint64_t now)
{
    struct due *due;

    while ((due = due_heap_pop_due(&calls->steps, now))) {
        struct announcer_call *c = container_of(due, struct announcer_call, step);

        c->transport->ops->step(c, now);
    }
}

/* The repetition C failed. */
static void fail_repetition(struct announcer_call *c, const char *text, uint64_t now)
{
    log_debug(FACILITY, "%s: tracker %s over the other address family: %s", c->torrent->swarm->name,
              c->url.host, text);
    families_failed(&c->tracker->families, c->only_family, now);
    call_end(c);
}

/* RETRY_S: see tiers_failed. */
static void fail(struct announcer_call *c, const char *text, uint32_t retry_s, enum log_level level,
                 uint64_t now)
{
    log_failure(c, text, level);
    if (!is_last(c)) {
        tell_master(c, NULL, text);
        families_failed(&c->tracker->families, c->only_family, now);
        announce_state_failed(&c->torrent->state, retry_s, now);
    }
    call_end(c);
}

enum is_repetition { NO_REPETITION, IS_REPETITION };

static void begin_over(struct announcer_calls *calls, struct announcer_torrent *t,
                       struct announce_tracker *tracker, const struct announce_request *request,
                       uint8_t family, enum is_repetition repeats, uint64_t now)
{
    struct announcer_call *c = call_new(calls, t, tracker, request);

    c->only_family = family;
    c->is_repetition = repeats == IS_REPETITION;
    log_debug(FACILITY, "%s: announce %u to %s", t->swarm->name, request->event, tracker->url);
    c->transport->ops->begin(c, now);
}

void call_begin(struct announcer_calls *calls, struct announcer_torrent *t,
                struct announce_tracker *tracker, const struct announce_request *request,
                uint64_t now)
{
    begin_over(calls, t, tracker, request, families_only(&tracker->families, now), NO_REPETITION,
               now);
}

void call_begin_stopped(struct announcer_calls *calls, struct announcer_torrent *t,
                        struct announce_tracker *tracker, const struct announce_request *request,
                        uint64_t now)
{
    bool four = families_know_us(&tracker->families, AF_INET);
    bool six = families_know_us(&tracker->families, AF_INET6);

    if (four || !six)
        begin_over(calls, t, tracker, request, four ? AF_INET : 0, NO_REPETITION, now);
    if (six)
        begin_over(calls, t, tracker, request, AF_INET6, NO_REPETITION, now);
}

/* The address in use was reached, but no reply arrived. Begins C anew over the other family, if it
 * used any address. */
static bool retry_over_other(struct announcer_call *c, uint64_t now)
{
    uint8_t family = families_next(&c->tracker->families, c->used_family, now);

    if (!family || c->only_family || is_last(c))
        return false;
    families_failed(&c->tracker->families, c->used_family, now);
    begin_over(c->calls, c->torrent, c->tracker, &c->request, family, NO_REPETITION, now);
    call_end(c);
    return true;
}

/* Repeats the announce of C, which succeeded, over the other family. */
static void repeat(const struct announcer_call *c, uint64_t now)
{
    const struct announce_families *families = &c->tracker->families;
    struct announce_request request = c->request;
    uint8_t family = families_next(families, c->used_family, now);

    if (!family || c->torrent->stopping)
        return;
    /* `completed` is counted once. */
    if (!families_know_us(families, family))
        request.event = ANNOUNCE_STARTED;
    else if (request.event == ANNOUNCE_STARTED || request.event == ANNOUNCE_COMPLETED)
        request.event = ANNOUNCE_NONE;
    begin_over(c->calls, c->torrent, c->tracker, &request, family, IS_REPETITION, now);
}

void call_fail_held(struct announcer_calls *calls, struct announcer_torrent *t,
                    struct announce_tracker *tracker, const struct announce_request *request,
                    uint64_t now)
{
    struct announcer_call *c = call_new(calls, t, tracker, request);

    fail(c, c->service->error, 0, LOG_LEVEL_INFO, now);
}

void call_step_at(struct announcer_call *c, uint64_t at_ns)
{
    due_heap_set(&c->calls->steps, &c->step, at_ns);
}

void call_failed(struct announcer_call *c, const char *text, uint64_t now)
{
    enum log_level level = failure_level(c->tracker->reported_failing);

    if (c->is_repetition) {
        fail_repetition(c, text, now);
        return;
    }
    if (retry_over_other(c, now))
        return;
    c->tracker->reported_failing = true;
    fail(c, text, 0, level, now);
}

void call_unreachable(struct announcer_call *c, const char *text, uint64_t now)
{
    enum log_level level = failure_level(c->service->failing);

    if (c->is_repetition) {
        fail_repetition(c, text, now);
        return;
    }
    if (retry_over_other(c, now))
        return;
    /* `stopped` has a short timeout: its end does not show that the service is unreachable. */
    if (!is_last(c))
        service_failed(c->service, text, now, &c->calls->ready);
    fail(c, text, 0, level, now);
}

void call_is_slow(struct announcer_call *c, const char *text, uint64_t now)
{
    enum log_level level = failure_level(c->service->failing);

    if (!c->counted)
        return;
    if (c->is_repetition) {
        uncount(c);
        return;
    }
    if (!is_last(c))
        service_failed(c->service, text, now, &c->calls->ready);
    uncount(c);
    log_failure(c, text, level);
    if (!is_last(c))
        tell_master(c, NULL, text);
}

static void refused(struct announcer_call *c, const struct announce_reply *reply, uint64_t now)
{
    enum log_level level = failure_level(c->tracker->reported_failing);

    if (c->request.event == ANNOUNCE_PAUSED) {
        log_info(FACILITY, "%s: tracker %s: %s; announcing again without the event \"paused\"",
                 c->torrent->swarm->name, c->url.host, reply->text);
        announce_state_refused_paused(&c->torrent->state);
        call_end(c);
        return;
    }
    c->tracker->reported_failing = true;
    fail(c, reply->text, reply->retry_s, level, now);
}

static void succeeded(struct announcer_call *c, const struct announce_reply *reply, uint64_t now)
{
    const char *name = c->torrent->swarm->name;

    if (c->tracker->reported_failing)
        log_notice(FACILITY, "%s: tracker %s replies again", name, c->url.host);
    c->tracker->reported_failing = false;
    if (reply->text[0])
        log_warning(FACILITY, "%s: tracker %s warns: %s", name, c->url.host, reply->text);
    log_info(FACILITY, "%s: tracker %s: %u seeders, %u leechers, %u addresses", name, c->url.host,
             reply->n_seeders, reply->n_leechers, reply->n_addrs);
    announce_state_succeeded(&c->torrent->state, reply, now);
    tell_lobby(c, reply);
    tell_master(c, reply, reply->text);
}

static void repetition_replied(struct announcer_call *c, const struct announce_reply *reply,
                               uint64_t now)
{
    if (reply->failed) {
        fail_repetition(c, reply->text, now);
        return;
    }
    families_succeeded(&c->tracker->families, c->only_family);
    log_info(FACILITY, "%s: tracker %s over the other address family: %u addresses",
             c->torrent->swarm->name, c->url.host, reply->n_addrs);
    tell_lobby(c, reply);
    call_end(c);
}

void call_replied(struct announcer_call *c, const struct announce_reply *reply, uint64_t now)
{
    if (c->is_repetition) {
        repetition_replied(c, reply, now);
        return;
    }
    if (service_replied(c->service, &c->calls->ready))
        log_notice(FACILITY, "tracker %s replies again", c->url.host);
    if (reply->failed) {
        refused(c, reply, now);
        return;
    }
    if (!is_last(c)) {
        succeeded(c, reply, now);
        families_succeeded(&c->tracker->families, c->used_family);
        repeat(c, now);
    }
    call_end(c);
}
