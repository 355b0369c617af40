/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "actors/master/announce.h"

static struct master_torrent *started(uint64_t verified, uint64_t wanted, uint64_t unwanted)
{
    struct announcer_torrent_started *a;
    struct master_torrent *t = make(small(1), NULL);

    t->verified = t->had_at_start = verified;
    t->wanted = wanted;
    t->unwanted = unwanted;
    t->complete = verified == wanted;
    announce_started(t);
    a = EXPECT(announcer, torrent_started);
    ck_assert_ptr_eq(a->swarm, &t->swarm);
    ck_assert_uint_eq(a->left, wanted - verified + unwanted);
    ck_assert_int_eq(a->partial, t->complete && unwanted);
    msg_free(&a->msg);
    ck_assert(t->in_announcer);
    return t;
}

static void expect_numbers(uint64_t uploaded, uint64_t downloaded, uint64_t left)
{
    struct announcer_progress *a = EXPECT(announcer, progress);

    ck_assert_uint_eq(a->uploaded, uploaded);
    ck_assert_uint_eq(a->downloaded, downloaded);
    ck_assert_uint_eq(a->left, left);
    msg_free(&a->msg);
}

START_TEST(numbers_are_sent_when_they_change)
{
    struct master_torrent *t;

    begin();
    t = started(100, 1000, 0);
    announce_numbers(t);
    expect_silence();
    t->uploaded = 5;
    announce_numbers(t);
    expect_numbers(5, 0, 900);
    announce_numbers(t);
    expect_silence();
    t->verified = 300; /* before Totals count it */
    t->stored_bytes = 50;
    announce_numbers(t);
    expect_numbers(5, 250, 700);
    t->downloaded = 260; /* some blocks were downloaded twice */
    announce_numbers(t);
    expect_numbers(5, 260, 700);
    end();
}
END_TEST

START_TEST(a_download_is_completed_and_a_partial_one_is_not)
{
    struct announcer_torrent_completed *a;
    struct master_torrent *t;

    begin();
    t = started(0, 1000, 0);
    t->verified = 1000;
    t->complete = true;
    announce_completed(t);
    expect_numbers(0, 1000, 0);
    a = EXPECT(announcer, torrent_completed);
    ck_assert_ptr_eq(a->swarm, &t->swarm);
    msg_free(&a->msg);
    end();
    begin();
    t = started(0, 1000, 500);
    t->verified = 1000;
    t->complete = true;
    announce_completed(t);
    expect_numbers(0, 1000, 500);
    end(); /* nothing else was sent */
}
END_TEST

START_TEST(stopped_carries_the_last_numbers_of_a_started_torrent)
{
    struct announcer_torrent_stopped *a;
    struct master_torrent *t;

    begin();
    t = make(small(2), NULL);
    announce_stopped(t);
    expect_silence();
    ck_assert_uint_eq(t->n_queries, 0);
    t = started(1000, 1000, 0);
    t->uploaded = 9;
    announce_stopped(t);
    expect_numbers(9, 0, 0);
    a = EXPECT(announcer, torrent_stopped);
    ck_assert_ptr_eq(a->swarm, &t->swarm);
    ck_assert_ptr_eq(a->msg.reply_to, &m->inbox.channel);
    ck_assert_uint_eq(t->n_queries, 1);
    msg_free(&a->msg);
    end();
}
END_TEST

RUN_SUITE("announce", 10, numbers_are_sent_when_they_change,
          a_download_is_completed_and_a_partial_one_is_not,
          stopped_carries_the_last_numbers_of_a_started_torrent);
