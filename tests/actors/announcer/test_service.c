/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include <stdio.h>

#include "actors/announcer/service.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

#define S NS_PER_S

static struct announcer_services services;
static struct list ready;
static struct list torrents[40];

static struct announcer_service *get(const char *url)
{
    struct announce_tracker t = {.url = (char *)url, .protocol = tracker_protocol_find(url)};

    return services_get(&services, &t);
}

static void begin(void)
{
    services_init(&services);
    list_init(&ready);
    for (size_t i = 0; i < N_ELEMENTS(torrents); i++)
        list_init(&torrents[i]);
}

static void wait_for(struct announcer_service *s, unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++)
        list_append(&s->waiting, &torrents[i]);
}

/* The N torrents from FIRST on are ready, in this order, and no others. */
static void expect_ready(unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++) {
        ck_assert_ptr_eq(list_first(&ready), &torrents[i]);
        list_remove(&torrents[i]);
    }
    ck_assert_ptr_null(list_first(&ready));
}

START_TEST(protocol_host_and_port_make_a_service)
{
    begin();
    ck_assert_ptr_eq(get("http://a/x"), get("http://a:80/y"));
    ck_assert_ptr_ne(get("http://a/x"), get("http://b/x"));
    ck_assert_ptr_ne(get("http://a/x"), get("http://a:81/x"));
    ck_assert_ptr_ne(get("http://a:80/x"), get("udp://a:80/x"));
    services_deinit(&services);
}
END_TEST

START_TEST(each_call_that_ends_makes_room_for_one)
{
    struct announcer_service *s;

    begin();
    s = get("udp://a:1");
    for (int i = 0; i < SERVICE_CALLS_MAX; i++) {
        ck_assert(service_has_room(s));
        service_call_began(s);
    }
    ck_assert(!service_has_room(s));
    wait_for(s, 0, 3);
    service_call_uncounted(s, &ready);
    expect_ready(0, 1);
    ck_assert(service_has_room(s));
    service_call_uncounted(s, &ready);
    service_call_uncounted(s, &ready);
    expect_ready(1, 2);
    for (int i = 3; i < SERVICE_CALLS_MAX; i++)
        service_call_uncounted(s, &ready);
    for (int i = 0; i < SERVICE_CALLS_MAX; i++)
        service_call_ended(s);
    services_deinit(&services);
}
END_TEST

START_TEST(an_unreachable_service_is_held_ever_longer)
{
    static const uint64_t holds_s[] = {15, 30, 60, 120, 240, 480, 960, 1800, 1800};
    struct announcer_service *s;
    uint64_t now = 100 * S;

    begin();
    s = get("http://a/");
    wait_for(s, 0, 20);
    for (size_t i = 0; i < N_ELEMENTS(holds_s); i++) {
        service_failed(s, "down", now, &ready);
        ck_assert(service_is_held(s, now + holds_s[i] * S - 1));
        /* The other calls that were under way fail as well: they do not prolong the hold. */
        service_failed(s, "again", now + 1, &ready);
        ck_assert_str_eq(s->error, "down");
        now += holds_s[i] * S;
        ck_assert(!service_is_held(s, now));
    }
    expect_ready(0, 20);
    services_deinit(&services);
}
END_TEST

START_TEST(one_call_tries_a_failing_service_and_a_reply_frees_all)
{
    struct announcer_service *s;

    begin();
    s = get("http://a/");
    ck_assert(!service_replied(s, &ready));
    service_failed(s, "down", 0, &ready);
    ck_assert(service_has_room(s));
    service_call_began(s);
    ck_assert(!service_has_room(s));
    wait_for(s, 0, 5);
    ck_assert(service_replied(s, &ready));
    expect_ready(0, 5);
    ck_assert(service_has_room(s) && !service_is_held(s, 0));
    service_failed(s, "down", 1 * S, &ready);
    ck_assert(!service_is_held(s, 16 * S)); /* the back-off begins anew */
    service_call_uncounted(s, &ready);
    service_call_ended(s);
    services_deinit(&services);
}
END_TEST

START_TEST(a_sweep_frees_unused_services_only)
{
    struct announcer_service *used, *waited;
    char url[32];

    begin();
    used = get("http://used/");
    service_call_began(used);
    waited = get("http://waited/");
    wait_for(waited, 0, 1);
    for (int i = 0; i < 100; i++) {
        snprintf(url, sizeof url, "http://h%d/", i);
        get(url);
    }
    services_sweep(&services, 100);
    ck_assert_uint_eq(services.by_key.n, 102);
    services_sweep(&services, 1);
    ck_assert_uint_eq(services.by_key.n, 2);
    ck_assert_ptr_eq(get("http://used/"), used);
    ck_assert_ptr_eq(get("http://waited/"), waited);
    list_remove(&torrents[0]);
    service_call_uncounted(used, &ready);
    service_call_ended(used);
    services_deinit(&services);
}
END_TEST

RUN_SUITE("announcer's services", 10, protocol_host_and_port_make_a_service,
          each_call_that_ends_makes_room_for_one, an_unreachable_service_is_held_ever_longer,
          one_call_tries_a_failing_service_and_a_reply_frees_all,
          a_sweep_frees_unused_services_only);
