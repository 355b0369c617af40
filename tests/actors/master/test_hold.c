/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "actors/master/hold.h"
#include "actors/master/torrent.h"

/* Torrent NUMBER, of one file with the name "x". */
static struct master_torrent *add(unsigned number)
{
    struct master_torrent *t;
    char text[160];

    snprintf(text, sizeof text,
             "d4:infod6:lengthi1000e4:name1:x12:piece lengthi32768e6:pieces20:%020uee", number);
    t = make(parse(text), NULL);
    torrent_start(t);
    return t;
}

/* The torrent of the next OpenTorrent. */
static struct master_torrent *expect_open(void)
{
    struct fs_open_torrent *x = EXPECT(fs, open_torrent);
    struct master_torrent *t = record_of(x->torrent);

    msg_free(&x->msg);
    return t;
}

START_TEST(a_torrent_is_held_while_another_one_has_its_path)
{
    struct master_torrent *a, *b, *c;

    begin();
    a = add(1);
    DROP(fs, open_torrent);
    b = add(2);
    c = add(3);
    ck_assert(!a->held && b->held && c->held);
    ck_assert(a->state == LIFE_OPENING && b->state == LIFE_CLOSED);
    torrent_tick(b);
    ck_assert_ptr_null(channel_receive(&fs.inbox.channel));
    ck_assert(!hold_is_over(a) && !hold_is_over(b));
    record_free(a);
    ck_assert(hold_is_over(b) && hold_is_over(c));
    torrent_tick(b); /* a new record replaces it */
    b = expect_open();
    ck_assert(!b->held && b->state == LIFE_OPENING);
    ck_assert(!hold_is_over(c));
    torrent_tick(c);
    ck_assert_ptr_null(channel_receive(&fs.inbox.channel));
    end();
}
END_TEST

START_TEST(a_retry_keeps_the_path)
{
    struct master_torrent *a, *b;

    begin();
    a = add(1);
    DROP(fs, open_torrent);
    b = add(2);
    record_set_state(a, LIFE_CLOSED);
    a->retry_ns = m->now;
    torrent_tick(b);
    torrent_tick(a);
    a = expect_open();
    ck_assert(!a->held && b->held);
    end();
}
END_TEST

START_TEST(a_held_torrent_can_be_removed)
{
    struct master_torrent *b;

    begin();
    add(1);
    DROP(fs, open_torrent);
    b = add(2);
    torrent_remove(b);
    torrent_sweep(m);
    ck_assert_uint_eq(m->n_torrents, 1);
    end();
}
END_TEST

RUN_SUITE("hold", 10, a_torrent_is_held_while_another_one_has_its_path, a_retry_keeps_the_path,
          a_held_torrent_can_be_removed);
