/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include "actors/lobby/hosts.h"
#include "conjure/swarm/eviction.h"

static struct addr parse(const char *text)
{
    struct addr a;

    ck_assert_int_eq(addr_parse(text, &a), 0);
    return a;
}

/* Adds one more than a host may have before it is crowded, and takes one away again. */
static void crowd(struct hosts *h, const struct addr *a, const struct addr *same)
{
    for (unsigned i = 0; i < EVICTION_CROWD; i++)
        hosts_add(h, a);
    ck_assert(!hosts_is_crowded(h, a));
    hosts_add(h, same);
    ck_assert(hosts_is_crowded(h, a));
    ck_assert(hosts_is_crowded(h, same));
}

START_TEST(a_host_is_an_address_whatever_the_port)
{
    struct addr a = parse("192.0.2.1:1"), same = parse("192.0.2.1:2"), other = parse("192.0.2.2:1");
    struct hosts h = HOSTS_EMPTY;

    hosts_init(&h);
    crowd(&h, &a, &same);
    ck_assert(!hosts_is_crowded(&h, &other));
    hosts_remove(&h, &a);
    ck_assert(!hosts_is_crowded(&h, &same));
    hosts_deinit(&h);
    hosts_deinit(&h);
}
END_TEST

START_TEST(an_ipv6_host_is_a_64_bit_prefix)
{
    struct addr a = parse("[2001:db8:0:1::1]:1"), same = parse("[2001:db8:0:1:2::3]:4"),
                other = parse("[2001:db8:0:2::1]:1");
    struct hosts h = HOSTS_EMPTY;

    hosts_init(&h);
    crowd(&h, &a, &same);
    ck_assert(!hosts_is_crowded(&h, &other));
    hosts_deinit(&h);
}
END_TEST

RUN_SUITE("Hosts", 20, a_host_is_an_address_whatever_the_port, an_ipv6_host_is_a_64_bit_prefix);
