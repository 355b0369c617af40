/* SPDX-License-Identifier: MIT */
#include "pair.h"

START_TEST(leases_and_quota_are_returned_at_the_end)
{
    begin(SEEDING);
    x.actors.grant = UINT32_MAX;
    peer_lease_get(x.p, 0);
    peer_quota_get(x.p, DIRECTION_UP, 100, 100, x.now);
    settle();
    ck_assert_uint_eq(x.actors.n_leases, 1);
    ck_assert_uint_eq(x.actors.granted_up, 100);
    peer_work_end(x.p);
    actors_pump(&x.actors, 0);
    ck_assert_uint_eq(x.actors.n_leases, 0);
    ck_assert_uint_eq(x.actors.granted_up, 0);
    end();
}
END_TEST

START_TEST(bytes_of_an_earlier_thread_are_not_reported_again)
{
    begin(SEEDING);
    join_choker();
    actors_pump(&x.actors, 0);
    session_uploaded(&x.p->session, 1000, x.now);
    peer_report_rates(x.p, x.now);
    peer_work_end(x.p);
    peer_work_begin(x.p, x.now);
    peer_report_rates(x.p, x.now);
    session_uploaded(&x.p->session, 20, x.now);
    peer_report_rates(x.p, x.now);
    actors_pump(&x.actors, 0);
    ck_assert_uint_eq(x.actors.uploaded, 1020);
    end();
}
END_TEST

RUN_SUITE("Peer: work", 20, leases_and_quota_are_returned_at_the_end,
          bytes_of_an_earlier_thread_are_not_reported_again);
