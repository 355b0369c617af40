/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/swarm/bans.h"

static struct addr addr_of(unsigned host, uint16_t port)
{
    return (struct addr){
        .ip = {10, 0, (uint8_t)(host >> 8), (uint8_t)host}, .port = port, .family = AF_INET};
}

START_TEST(a_dialled_peer_is_banned_by_its_port)
{
    struct bans b = BANS_EMPTY;
    struct addr banned = addr_of(1, 6881), neighbour = addr_of(1, 6882);
    struct rng rng;

    rng_seed(&rng, 1);
    ck_assert(!bans_include(&b, &banned, BAN_ENDPOINT));
    bans_add(&b, &banned, BAN_ENDPOINT, &rng);
    ck_assert(bans_include(&b, &banned, BAN_ENDPOINT));
    ck_assert(!bans_include(&b, &neighbour, BAN_ENDPOINT));
    ck_assert(!bans_include(&b, &banned, BAN_HOST)); /* another client of that host may dial us */
    bans_deinit(&b);
    bans_deinit(&b);
}
END_TEST

START_TEST(a_peer_that_dialled_us_is_banned_by_its_host)
{
    struct bans b = BANS_EMPTY;
    struct addr banned = addr_of(1, 40000), again = addr_of(1, 40001), other = addr_of(2, 40000);
    struct rng rng;

    rng_seed(&rng, 1);
    bans_add(&b, &banned, BAN_HOST, &rng);
    ck_assert(bans_include(&b, &again, BAN_HOST));
    ck_assert(!bans_include(&b, &other, BAN_HOST));
    ck_assert(!bans_include(&b, &banned, BAN_ENDPOINT));
    bans_add(&b, &again, BAN_HOST, &rng);
    ck_assert_uint_eq(b.n, 1);
    bans_deinit(&b);
}
END_TEST

START_TEST(a_full_list_stays_bounded)
{
    struct bans b = BANS_EMPTY;
    unsigned n_kept = 0;
    struct rng rng;

    rng_seed(&rng, 1);
    for (unsigned i = 0; i < BANS_MAX + 100; i++) {
        struct addr a = addr_of(i, 6881);

        bans_add(&b, &a, BAN_ENDPOINT, &rng);
        ck_assert(bans_include(&b, &a, BAN_ENDPOINT));
    }
    ck_assert_uint_eq(b.n, BANS_MAX);
    for (unsigned i = 0; i < BANS_MAX + 100; i++) {
        struct addr a = addr_of(i, 6881);

        n_kept += bans_include(&b, &a, BAN_ENDPOINT);
    }
    ck_assert_uint_eq(n_kept, BANS_MAX);
    bans_deinit(&b);
}
END_TEST

RUN_SUITE("Bans", 20, a_dialled_peer_is_banned_by_its_port,
          a_peer_that_dialled_us_is_banned_by_its_host, a_full_list_stays_bounded);
