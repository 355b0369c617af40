/* SPDX-License-Identifier: MIT */
#include "pair.h"

START_TEST(a_file_that_cannot_be_opened_ends_the_peer)
{
    begin(SEEDING);
    x.actors.lease_error = -ENOENT;
    session_set_choking(&x.p->session, false);
    remote_send_message(&x.far, 6, 3, 3, 0, 16384);
    ck_assert_int_eq(turn(), -ECANCELED);
    remote_pull(&x.far);
    ck_assert_uint_eq(x.far.n, 5); /* no header of a block that cannot be sent */
    end();
}
END_TEST

static struct peer_lease *get(uint32_t file)
{
    if (!peer_lease_get(x.p, file))
        settle();
    return peer_lease_get(x.p, file);
}

START_TEST(the_least_recently_used_lease_makes_room)
{
    begin(SEEDING);
    for (uint32_t file = 0; file < PEER_LEASES; file++)
        ck_assert_uint_eq(get(file)->file, file);
    ck_assert_uint_eq(x.actors.n_leases, PEER_LEASES);
    ck_assert_ptr_nonnull(peer_lease_get(x.p, 0));
    ck_assert_ptr_nonnull(get(PEER_LEASES));
    actors_pump(&x.actors, 0);
    ck_assert_uint_eq(x.actors.n_leases, PEER_LEASES);
    ck_assert_ptr_nonnull(peer_lease_get(x.p, 0));
    ck_assert_ptr_null(peer_lease_get(x.p, 1)); /* used before all others */
    ck_assert_uint_eq(x.p->n_queries, 1);
    ck_assert_ptr_null(peer_lease_get(x.p, 9)); /* one query at a time */
    ck_assert_uint_eq(x.p->n_queries, 1);
    end();
}
END_TEST

START_TEST(a_lease_that_arrives_too_late_is_returned)
{
    begin(SEEDING);
    ck_assert_ptr_null(peer_lease_get(x.p, 0));
    peer_work_end(x.p);
    actors_pump(&x.actors, 0);
    ck_assert_uint_eq(x.actors.n_leases, 1);
    settle();
    ck_assert_uint_eq(x.actors.n_leases, 0);
    ck_assert_uint_eq(x.p->n_queries, 0);
    end();
}
END_TEST

RUN_SUITE("Peer: lease", 20, a_file_that_cannot_be_opened_ends_the_peer,
          the_least_recently_used_lease_makes_room, a_lease_that_arrives_too_late_is_returned);
