/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <errno.h>

#include "actors/master/disk.h"
#include "actors/master/state.h"

START_TEST(how_a_torrent_is_opened_depends_on_the_process)
{
    static const struct {
        bool daemon, check_integrity, needs_restat;
        bool refuse_lost, trusting;
    } cases[] = {
        {false, false, false, false, false}, {true, false, false, true, true},
        {true, true, false, false, false},   {true, false, true, true, false},
        {false, true, true, false, false},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct fs_open_torrent *x;
        struct master_torrent *t;

        begin();
        config.daemon = cases[i].daemon;
        config.check_integrity = cases[i].check_integrity;
        config.allow_overwrite = cases[i].needs_restat;
        t = make(small(1), NULL);
        t->lasting.needs_restat = cases[i].needs_restat;
        disk_open(t);
        x = EXPECT(fs, open_torrent);
        ck_assert_ptr_eq(x->torrent, &t->torrent);
        ck_assert_msg(x->refuse_lost == cases[i].refuse_lost, "case %zu", i);
        ck_assert_msg(x->trusting == cases[i].trusting, "case %zu", i);
        ck_assert(x->policy.overwrite == cases[i].needs_restat && !x->policy.seed_only);
        ck_assert(x->policy.repair_changed == cases[i].check_integrity);
        ck_assert(x->policy.repair_gone == (!cases[i].daemon || cases[i].check_integrity));
        ck_assert(!t->lasting.needs_restat && t->n_queries == 1);
        msg_free(&x->msg);
        end();
    }
}
END_TEST

START_TEST(repairs_and_writes_are_as_the_user_wishes)
{
    struct fs_open_torrent *x;

    begin();
    config.daemon = config.repair_changed = config.seed_only = true;
    disk_open(make(small(1), NULL));
    x = EXPECT(fs, open_torrent);
    ck_assert(x->policy.repair_changed && x->policy.repair_gone && x->policy.seed_only);
    msg_free(&x->msg);
    end();
}
END_TEST

START_TEST(a_check_is_of_everything_when_asked_for)
{
    struct fs_check_pieces *x;
    struct master_torrent *t;

    begin();
    t = make(small(1), NULL);
    disk_check(t);
    x = EXPECT(fs, check_pieces);
    ck_assert(!x->all && x->of == &t->torrent);
    msg_free(&x->msg);
    config.check_integrity = true;
    disk_check(t);
    x = EXPECT(fs, check_pieces);
    ck_assert(x->all);
    msg_free(&x->msg);
    end();
}
END_TEST

/* Two pieces of 32 KiB and one of 1000 bytes. */
static struct master_torrent *three_pieces(void)
{
    struct master_torrent *t =
        make(parse("d4:infod6:lengthi66536e4:name1:x12:piece lengthi32768e6:pieces60:"
                   "012345678901234567890123456789012345678901234567890123456789ee"),
             NULL);

    ck_assert(!record_mark_wanted(t));
    return t;
}

START_TEST(bytes_are_counted_by_what_is_wanted)
{
    struct bitfield have = BITFIELD_EMPTY;
    struct stored_blocks stored = STORED_BLOCKS_EMPTY;
    struct master_torrent *t;

    begin();
    t = three_pieces();
    t->opened_ns = 42;
    ck_assert(!bitfield_init(&have, 3));
    bitfield_set(&have, 0);
    disk_take_content(t, &have, &stored);
    ck_assert_uint_eq(have.n_bits, 0);
    disk_count(t);
    ck_assert_uint_eq(t->verified, 32768);
    ck_assert_uint_eq(t->had_at_start, 32768);
    ck_assert_uint_eq(t->unwanted, 0);
    ck_assert(!t->complete);
    record_free(t);
    /* The second piece is not wanted, and the others are there. */
    t = three_pieces();
    bitfield_clear(&t->torrent.wanted, 1);
    t->wanted = 33768;
    ck_assert(!bitfield_init(&have, 3));
    bitfield_set(&have, 0);
    bitfield_set(&have, 2);
    disk_take_content(t, &have, &stored);
    t->opened_ns = 42;
    disk_count(t);
    ck_assert_uint_eq(t->verified, 33768);
    ck_assert_uint_eq(t->unwanted, 32768);
    ck_assert(t->complete && t->completed_ns == 42);
    end();
}
END_TEST

START_TEST(resume_data_is_saved_in_the_torrents_own_second)
{
    struct fs_save_resume *x;
    struct master_torrent *t;
    unsigned n = 0;

    begin();
    make(small(1), NULL);
    t = make(small(2), NULL); /* number 1 */
    t->uploaded_before = 2;
    t->uploaded = 3;
    for (m->n_ticks = 0; m->n_ticks < 120; m->n_ticks++) {
        disk_tick(t);
        expect_silence(); /* nothing has changed */
    }
    t->changed = true;
    for (m->n_ticks = 0; m->n_ticks < 180; m->n_ticks++) {
        struct msg *msg;

        disk_tick(t);
        msg = channel_receive(&fs.inbox.channel);
        ck_assert_int_eq(!!msg, m->n_ticks == 59 || m->n_ticks == 119);
        if (!msg)
            continue;
        x = (struct fs_save_resume *)msg;
        ck_assert_uint_eq(x->uploaded, 5);
        disk_tick(t); /* one at a time */
        expect_silence();
        disk_saved(t, n++ ? 0 : -EIO); /* the first fails, and is repeated */
        msg_free(msg);
    }
    ck_assert_uint_eq(n, 2);
    ck_assert(!t->changed);
    m->settings.save_interval_s = 7;
    t->changed = true;
    for (m->n_ticks = 0; m->n_ticks < 6; m->n_ticks++) {
        disk_tick(t);
        expect_silence();
    }
    disk_tick(t);
    msg_free(channel_receive(&fs.inbox.channel));
    ck_assert(t->saving);
    end();
}
END_TEST

START_TEST(resume_data_is_left_alone_when_a_complete_torrent_did_not_change)
{
    static const struct {
        bool complete, changed, saving, storage_failed;
        enum allocation allocation;
        bool unchanged;
    } cases[] = {
        {true, false, false, false, ALLOCATION_SPARSE, true},
        {false, false, false, false, ALLOCATION_SPARSE, false},
        {true, true, false, false, ALLOCATION_SPARSE, false},
        {true, false, true, false, ALLOCATION_SPARSE, false},
        {true, false, false, true, ALLOCATION_SPARSE, false},
        {true, false, false, false, ALLOCATION_COMPACT, false},
        {true, false, false, false, ALLOCATION_FULL, true},
    };

    begin();
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct master_torrent *t = make(small((unsigned)i), NULL);
        struct fs_close_torrent *x;

        t->complete = cases[i].complete;
        t->changed = cases[i].changed;
        t->saving = cases[i].saving;
        t->storage_failed = cases[i].storage_failed;
        t->torrent.allocation = cases[i].allocation;
        disk_close(t);
        x = EXPECT(fs, close_torrent);
        ck_assert_msg(x->unchanged == cases[i].unchanged, "case %zu", i);
        msg_free(&x->msg);
    }
    end();
}
END_TEST

START_TEST(a_torrent_whose_disk_failed_does_not_count_as_unsaved_state)
{
    struct master_torrent *t;

    begin();
    t = make(small(1), NULL);
    t->storage_failed = true;
    disk_note_save(t, -EIO);
    ck_assert_uint_eq(m->state_failing, 0);
    t->storage_failed = false;
    disk_note_save(t, -EIO);
    ck_assert_uint_eq(m->state_failing, 1u << MASTER_STATE_RESUME);
    ck_assert_uint_eq(m->n_save_failed, 1);
    disk_note_save(t, 0);
    ck_assert_uint_eq(m->state_failing, 0);
    end();
}
END_TEST

RUN_SUITE("disk", 10, how_a_torrent_is_opened_depends_on_the_process,
          repairs_and_writes_are_as_the_user_wishes, a_check_is_of_everything_when_asked_for,
          bytes_are_counted_by_what_is_wanted, resume_data_is_saved_in_the_torrents_own_second,
          resume_data_is_left_alone_when_a_complete_torrent_did_not_change,
          a_torrent_whose_disk_failed_does_not_count_as_unsaved_state);
