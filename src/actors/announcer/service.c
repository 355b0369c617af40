/* SPDX-License-Identifier: MIT */
#include "actors/announcer/service.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

#define UNUSED_MIN 64 /* fewer unused services are not swept */

void services_init(struct announcer_services *s)
{
    s->by_key = KEY_MAP(struct announcer_service, key);
}

static void free_unused(struct announcer_services *services)
{
    for (uint32_t i = 0; i < services->by_key.n_slots;) {
        struct announcer_service *s = services->by_key.slots[i].value;

        if (!s || s->n_calls || !list_is_empty(&s->waiting)) {
            i++;
            continue;
        }
        /* The removal may move the next value into this slot. */
        key_map_remove(&services->by_key, &s->key);
        free(s);
    }
}

void services_deinit(struct announcer_services *s)
{
    free_unused(s);
    assert(!s->by_key.n);
    key_map_deinit(&s->by_key);
}

void services_sweep(struct announcer_services *s, uint32_t n_torrents)
{
    if (s->by_key.n > 2 * n_torrents + UNUSED_MIN)
        free_unused(s);
}

struct announcer_service *services_get(struct announcer_services *services,
                                       const struct announce_tracker *tracker)
{
    struct {
        char host[TRACKER_HOST_MAX];
        uint16_t port, transport;
    } where = {.transport = (uint16_t)tracker->protocol->transport};
    struct announcer_service *s;
    struct tracker_url url;
    uint64_t key;

    tracker_url_parse(tracker->url, &url);
    memcpy(where.host, url.host, strlen(url.host));
    where.port = url.port;
    key = siphash(sip_secret_of_process(), &where, sizeof where);
    s = key_map_get(&services->by_key, &key);
    if (!s) {
        s = NEW(struct announcer_service);
        s->key = key;
        list_init(&s->waiting);
        key_map_put(&services->by_key, s);
    }
    return s;
}

bool service_is_held(const struct announcer_service *s, uint64_t now)
{
    return s->failing && now < s->held_until;
}

bool service_has_room(const struct announcer_service *s)
{
    return s->n_counted < (s->failing ? 1 : SERVICE_CALLS_MAX);
}

static void make_ready(struct announcer_service *s, uint32_t n_max, struct list *ready)
{
    struct list *first;

    while (n_max-- && (first = list_first(&s->waiting))) {
        list_remove(first);
        list_append(ready, first);
    }
}

void service_call_began(struct announcer_service *s)
{
    s->n_calls++;
    s->n_counted++;
}

void service_call_uncounted(struct announcer_service *s, struct list *ready)
{
    s->n_counted--;
    make_ready(s, 1, ready);
}

void service_call_ended(struct announcer_service *s)
{
    s->n_calls--;
}

void service_failed(struct announcer_service *s, const char *text, uint64_t now, struct list *ready)
{
    uint64_t hold_s = TRACKER_BACK_OFF_FIRST_S;

    if (now < s->held_until)
        return;
    for (uint32_t i = 0; i < s->n_failures && hold_s < TRACKER_BACK_OFF_MAX_S; i++)
        hold_s *= 2;
    if (hold_s > TRACKER_BACK_OFF_MAX_S)
        hold_s = TRACKER_BACK_OFF_MAX_S;
    s->failing = true;
    s->n_failures++;
    s->held_until = now + hold_s * NS_PER_S;
    snprintf(s->error, sizeof s->error, "%s", text);
    make_ready(s, UINT32_MAX, ready);
}

bool service_replied(struct announcer_service *s, struct list *ready)
{
    if (!s->failing)
        return false;
    s->failing = false;
    s->n_failures = 0;
    s->held_until = 0;
    make_ready(s, UINT32_MAX, ready);
    return true;
}
