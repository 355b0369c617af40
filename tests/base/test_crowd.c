/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/crowd.h"

static struct crowd c;
static struct crowd_member flood[1000], honest[20];

static struct addr addr_of(uint8_t host, unsigned port)
{
    return (struct addr){.ip = {10, 0, 0, host}, .port = (uint16_t)(1 + port), .family = AF_INET};
}

static void add(struct crowd_member *m, uint8_t host, unsigned port)
{
    struct addr a = addr_of(host, port);

    crowd_add(&c, m, &a);
}

START_TEST(a_host_that_floods_displaces_its_own)
{
    crowd_init(&c);
    ck_assert_ptr_null(crowd_first_to_go(&c));
    for (unsigned i = 0; i < 20; i++)
        add(&honest[i], (uint8_t)(2 + i / 2), i);
    for (unsigned i = 0; i < 1000; i++) {
        if (i >= 100) {
            ck_assert_ptr_eq(crowd_first_to_go(&c), &flood[i - 100]);
            crowd_remove(&c, crowd_first_to_go(&c));
        }
        add(&flood[i], 1, i);
    }
    for (unsigned i = 0; i < 1000; i++)
        crowd_remove(&c, &flood[i]); /* some of them twice */
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_ptr_nonnull(honest[i].host);
        crowd_remove(&c, &honest[i]);
    }
    ck_assert_ptr_null(crowd_first_to_go(&c));
    ck_assert_uint_eq(c.hosts.n, 0);
    crowd_deinit(&c);
}
END_TEST

START_TEST(the_host_with_most_is_first_whatever_the_order)
{
    crowd_init(&c);
    add(&honest[0], 1, 0);
    add(&honest[1], 2, 0);
    add(&honest[2], 2, 1);
    add(&honest[3], 3, 0);
    ck_assert_ptr_eq(crowd_first_to_go(&c), &honest[1]);
    crowd_remove(&c, &honest[2]);
    ck_assert_ptr_eq(crowd_first_to_go(&c), &honest[0]); /* all have one */
    for (unsigned i = 0; i < 4; i++)
        crowd_remove(&c, &honest[i]);
    crowd_deinit(&c);
}
END_TEST

START_TEST(larger_hosts_go_before_large_ones)
{
    crowd_init(&c);
    for (unsigned i = 0; i < 100; i++)
        add(&flood[i], 1, i);
    for (unsigned i = 100; i < 1000; i++)
        add(&flood[i], 2, i);
    for (unsigned i = 100; i < 880; i++) {
        ck_assert_ptr_eq(crowd_first_to_go(&c), &flood[i]);
        crowd_remove(&c, &flood[i]);
    }
    for (unsigned i = 0; i < 1000; i++)
        crowd_remove(&c, &flood[i]);
    crowd_deinit(&c);
}
END_TEST

START_TEST(all_addresses_of_a_64_bit_prefix_are_one_host)
{
    static const char *const texts[] = {"[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1",
                                        "[2001:db8:0:2::2]:1"};

    crowd_init(&c);
    for (unsigned i = 0; i < 3; i++) {
        struct addr a;

        ck_assert_int_eq(addr_parse(texts[i], &a), 0);
        crowd_add(&c, &honest[i], &a);
    }
    ck_assert_ptr_eq(crowd_first_to_go(&c), &honest[1]);
    for (unsigned i = 0; i < 3; i++)
        crowd_remove(&c, &honest[i]);
    crowd_deinit(&c);
}
END_TEST

RUN_SUITE("Crowd", 20, a_host_that_floods_displaces_its_own,
          the_host_with_most_is_first_whatever_the_order, larger_hosts_go_before_large_ones,
          all_addresses_of_a_64_bit_prefix_are_one_host);
