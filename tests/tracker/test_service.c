/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/clock.h"
#include "conjure/tracker/service.h"

static struct tracker_service service;

static void open_service(uint32_t interval_s)
{
    static const uint8_t secret[TRACKER_SECRET_SIZE] = "secret";

    tracker_service_init(&service, interval_s, 1, secret);
}

static struct addr peer(uint8_t i)
{
    return (struct addr){.ip = {10, 0, 0, i}, .port = 1000, .family = AF_INET};
}

static const struct tracked_swarm *announce(struct announce_request *r, uint8_t from)
{
    const struct tracked_swarm *swarm;
    struct addr a = peer(from);

    ck_assert_int_eq(swarm_table_announce(&service.swarms, r, &a, 0, &service.rng, &swarm), 0);
    return swarm;
}

START_TEST(a_seed_and_a_partial_seed_get_leechers)
{
    static const struct {
        enum announce_event event;
        uint64_t left;
        uint32_t n_picked;
    } cases[] = {
        {ANNOUNCE_NONE, 5, 3},    {ANNOUNCE_NONE, 0, 1},    {ANNOUNCE_PAUSED, 5, 1},
        {ANNOUNCE_STARTED, 5, 3}, {ANNOUNCE_STOPPED, 5, 0}, {ANNOUNCE_COMPLETED, 0, 1},
    };
    const struct tracked_peer *picked[SWARM_WANT_MAX];
    const struct tracked_swarm *swarm;
    struct addr asker = peer(9);

    open_service(120);
    announce(&(struct announce_request){.left = 0}, 1);
    announce(&(struct announce_request){.left = 7, .event = ANNOUNCE_PAUSED}, 2);
    swarm = announce(&(struct announce_request){.left = 7}, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct announce_request r = {
            .event = cases[i].event, .left = cases[i].left, .n_want = TRACKER_WANT_USUAL};

        ck_assert_uint_eq(tracker_service_pick(&service, swarm, &r, &asker, 0, picked),
                          cases[i].n_picked);
        ck_assert_uint_eq(tracker_service_pick(&service, NULL, &r, &asker, 0, picked), 0);
    }
    tracker_service_deinit(&service);
    tracker_service_deinit(&service);
}
END_TEST

START_TEST(a_short_interval_is_the_min_interval_too)
{
    open_service(120);
    ck_assert_uint_eq(service.min_interval_s, 60);
    ck_assert_uint_eq(service.swarms.limits.expiry_ns, 240 * NS_PER_S);
    tracker_service_deinit(&service);
    open_service(10);
    ck_assert_uint_eq(service.min_interval_s, 10);
    tracker_service_deinit(&service);
}
END_TEST

RUN_SUITE("tracker service", 20, a_seed_and_a_partial_seed_get_leechers,
          a_short_interval_is_the_min_interval_too);
