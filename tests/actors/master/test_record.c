/* SPDX-License-Identifier: MIT */
#include "world.h"

START_TEST(the_list_keeps_the_order_and_the_index_finds)
{
    struct master_torrent *t[4];

    begin();
    for (unsigned i = 0; i < 4; i++) {
        t[i] = make(small(i), NULL);
        ck_assert_str_eq(record_name(t[i]), metainfo_name(t[i]->torrent.meta));
        ck_assert_ptr_eq(record_of(&t[i]->torrent), t[i]);
        ck_assert_ptr_eq(record_of_swarm(&t[i]->swarm), t[i]);
        ck_assert_ptr_eq(record_find(m, &t[i]->info_hash), t[i]);
        ck_assert_uint_eq(t[i]->swarm.id, i);
    }
    ck_assert(memcmp(t[0]->swarm.peer_id, t[1]->swarm.peer_id, 20));
    ck_assert(!memcmp(t[0]->swarm.peer_id, t[1]->swarm.peer_id, 8));
    ck_assert_uint_eq(m->n_in[LIFE_CLOSED], 4);
    record_free(t[0]);
    record_free(t[2]);
    ck_assert_ptr_eq(m->first, t[1]);
    ck_assert_ptr_eq(t[1]->next, t[3]);
    ck_assert_ptr_eq(t[3]->previous, t[1]);
    record_free(t[3]);
    ck_assert_ptr_eq(m->last, t[1]);
    record_set_state(t[1], LIFE_RUNNING);
    ck_assert_uint_eq(m->n_in[LIFE_RUNNING], 1);
    ck_assert_uint_eq(m->n_torrents, 1);
    end();
}
END_TEST

START_TEST(a_new_try_inherits_what_lasts)
{
    struct master_torrent *t;
    struct info_hash info_hash;
    uint32_t id;

    begin();
    t = make(small(1), NULL);
    info_hash = t->info_hash;
    id = t->swarm.id;
    t->lasting.n_failures = 3;
    t->lasting.last_error = mem_dup_string("the disk is gone");
    t->lasting.known = true;
    t->lasting.seeded_s = 10;
    t->complete = true;
    t->started_ns = t->completed_ns = m->now;
    t->uploaded = 5;
    m->now += 7 * NS_PER_S;
    t = record_renew(t);
    ck_assert_ptr_eq(record_find(m, &info_hash), t);
    ck_assert_uint_ne(t->swarm.id, id);
    ck_assert_uint_eq(m->n_torrents, 1);
    ck_assert_uint_eq(t->lasting.n_failures, 3);
    ck_assert_str_eq(t->lasting.last_error, "the disk is gone");
    ck_assert(t->lasting.known && !t->complete && !t->uploaded);
    ck_assert_uint_eq(t->lasting.seeded_s, 17);
    ck_assert_str_eq(t->torrent.dir, "/content");
    end();
}
END_TEST

/* Files of 12, 0 and 20 KiB in two pieces of 16 KiB. */
#define THREE_FILES                                                                         \
    "d4:infod5:filesl"                                                                      \
    "d6:lengthi12288e4:pathl1:aee"                                                          \
    "d6:lengthi0e4:pathl1:bee"                                                              \
    "d6:lengthi20480e4:pathl1:cee"                                                          \
    "e4:name3:abc12:piece lengthi16384e6:pieces40:0123456789012345678901234567890123456789" \
    "ee"

START_TEST(the_wanted_pieces_are_those_that_hold_a_byte_of_a_wanted_file)
{
    static const struct {
        bool skip[3];
        bool wanted[2];
        uint64_t bytes;
    } cases[] = {
        {{false, false, false}, {true, true}, 32768},
        {{true, false, false}, {true, true}, 32768}, /* the first piece holds bytes of both */
        {{false, false, true}, {true, false}, 16384},
        {{true, false, true}, {false, false}, 0}, /* an empty file has no byte */
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        bool *skip = mem_new_array(3, sizeof *skip);
        struct master_torrent *t;

        begin();
        memcpy(skip, cases[i].skip, 3);
        t = make(parse(THREE_FILES), skip);
        ck_assert(!record_mark_wanted(t));
        for (uint32_t k = 0; k < 2; k++)
            ck_assert_msg(bitfield_test(&t->torrent.wanted, k) == cases[i].wanted[k],
                          "case %zu piece %u", i, k);
        ck_assert_uint_eq(t->wanted, cases[i].bytes);
        end();
    }
}
END_TEST

START_TEST(the_rate_of_a_young_download_is_its_average)
{
    struct master_torrent *t;

    begin();
    t = make(small(1), NULL);
    ck_assert_uint_eq(record_down_rate(t), 0);
    t->started_ns = m->now;
    t->had_at_start = 1000;
    t->verified = 3000;
    t->stored_bytes = 2000;
    m->now += 2 * NS_PER_S;
    ck_assert_uint_eq(record_down_rate(t), 2000);
    m->now += 9 * NS_PER_S; /* no longer young, and nothing was counted */
    ck_assert_uint_eq(record_down_rate(t), 0);
    t->uploaded_before = 3;
    t->uploaded = 4;
    t->downloaded_before = 5;
    t->downloaded = 6;
    ck_assert_uint_eq(record_uploaded(t), 7);
    ck_assert_uint_eq(record_downloaded(t), 11);
    record_set_peers(t, 5, 2);
    record_set_peers(t, 3, 1);
    ck_assert(t->n_peers == 3 && t->n_seeds == 1 && t->n_peers_most == 5);
    end();
}
END_TEST

START_TEST(the_time_of_seeding_ends_when_the_torrent_is_closed)
{
    struct master_torrent *t;

    begin();
    t = make(small(1), NULL);
    t->lasting.seeded_s = 100;
    t->started_ns = t->completed_ns = m->now;
    m->now += 10 * NS_PER_S;
    ck_assert_uint_eq(record_seeded_s(t), 100); /* not complete */
    t->complete = true;
    ck_assert_uint_eq(record_seeded_s(t), 110);
    t->closed_ns = m->now;
    m->now += 10 * NS_PER_S;
    ck_assert_uint_eq(record_seeded_s(t), 110);
    end();
}
END_TEST

RUN_SUITE("record", 10, the_list_keeps_the_order_and_the_index_finds, a_new_try_inherits_what_lasts,
          the_wanted_pieces_are_those_that_hold_a_byte_of_a_wanted_file,
          the_rate_of_a_young_download_is_its_average,
          the_time_of_seeding_ends_when_the_torrent_is_closed);
