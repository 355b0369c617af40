/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/swarm/bans.h"

#define START NS_PER_S

static struct addr addr_of(unsigned host, uint16_t port)
{
    return (struct addr){.ip = {10, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host},
                         .port = port,
                         .family = AF_INET};
}

START_TEST(a_strike_bans_the_host_whatever_the_port)
{
    struct bans b = BANS_EMPTY;
    struct addr banned = addr_of(1, 6881), again = addr_of(1, 40001), other = addr_of(2, 6881);

    ck_assert_uint_eq(bans_until(&b, &banned, START), 0);
    ck_assert_uint_eq(bans_strike(&b, &banned, START), START + BAN_FIRST_NS);
    ck_assert_uint_eq(bans_until(&b, &banned, START), START + BAN_FIRST_NS);
    ck_assert_uint_eq(bans_until(&b, &again, START), START + BAN_FIRST_NS);
    ck_assert_uint_eq(bans_until(&b, &other, START), 0);
    bans_deinit(&b);
    bans_deinit(&b);
    ck_assert_uint_eq(bans_until(&b, &banned, START), 0);
}
END_TEST

START_TEST(an_ipv6_host_is_a_64_bit_prefix)
{
    struct bans b = BANS_EMPTY;
    struct addr banned, same, other;

    ck_assert_int_eq(addr_parse("[2001:db8:0:1::1]:6881", &banned), 0);
    ck_assert_int_eq(addr_parse("[2001:db8:0:1:ffff::9]:1", &same), 0);
    ck_assert_int_eq(addr_parse("[2001:db8:0:2::1]:6881", &other), 0);
    bans_strike(&b, &banned, START);
    ck_assert_uint_ne(bans_until(&b, &same, START), 0);
    ck_assert_uint_eq(bans_until(&b, &other, START), 0);
    bans_deinit(&b);
}
END_TEST

/* A neighbour behind the same address is not banned for ever. */
START_TEST(a_ban_expires)
{
    struct bans b = BANS_EMPTY;
    struct addr a = addr_of(1, 6881);
    uint64_t end = bans_strike(&b, &a, START);

    ck_assert_uint_ne(bans_until(&b, &a, end - 1), 0);
    ck_assert_uint_eq(bans_until(&b, &a, end), 0);
    bans_deinit(&b);
}
END_TEST

START_TEST(each_strike_bans_for_longer_until_strikes_are_forgotten)
{
    struct bans b = BANS_EMPTY;
    struct addr a = addr_of(1, 6881);
    uint64_t now = START, last = 0, end = 0;

    for (unsigned i = 0; i < 300; i++) {
        end = bans_strike(&b, &a, now);
        ck_assert_uint_ge(end - now, last);
        ck_assert_uint_le(end - now, BAN_MAX_NS);
        if (i == 1)
            ck_assert_uint_eq(end - now, BAN_FIRST_NS * BAN_FACTOR);
        last = end - now;
        now = end;
    }
    ck_assert_uint_eq(last, BAN_MAX_NS);
    now = end + BAN_FORGOTTEN_NS;
    ck_assert_uint_eq(bans_strike(&b, &a, now), now + BAN_FIRST_NS);
    bans_deinit(&b);
}
END_TEST

/* Many hosts lie: the latest is banned, and those of a while ago give way to it. */
START_TEST(the_table_stays_bounded)
{
    struct bans b = BANS_EMPTY;
    unsigned n_banned = 0;

    for (unsigned i = 0; i < 100000; i++) {
        struct addr a = addr_of(i, 6881);

        bans_strike(&b, &a, START + i);
        ck_assert_uint_ne(bans_until(&b, &a, START + i), 0);
    }
    for (unsigned i = 0; i < 100000; i++) {
        struct addr a = addr_of(i, 6881);

        n_banned += bans_until(&b, &a, START + 100000) != 0;
    }
    ck_assert_uint_eq(n_banned, 4096);
    bans_deinit(&b);
}
END_TEST

RUN_SUITE("Bans", 20, a_strike_bans_the_host_whatever_the_port, an_ipv6_host_is_a_64_bit_prefix,
          a_ban_expires, each_strike_bans_for_longer_until_strikes_are_forgotten,
          the_table_stays_bounded);
