/* SPDX-License-Identifier: MIT */
#include "fs_world.h"

START_TEST(files_on_disk_are_checked)
{
    struct fs_check_pieces *m;
    char path[640];
    struct world w;
    int fd;

    make_two_files(&w);
    for (uint32_t file = 0; file < 3; file++)
        sample_write_file(&w.sample, file);
    sample_path(&w.sample, 0, path);
    fd = open(path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "wrong", 5, 70000), 5);
    close(fd);
    for (int all = 0; all < 2; all++) {
        expect_opened(&w, all ? w.sample.n_pieces - 1 : 0, all ? 0 : w.sample.n_pieces);
        m = fs_new_check_pieces();
        m->storage = w.storage;
        m->all = all;
        m->save_ns = 60 * NS_PER_S;
        m->msg.reply_to = &w.master.channel;
        ck_assert(channel_send(&fs_inbox(w.fs)->channel, &m->msg));
        ck_assert_ptr_eq(wait_master(&w, fs_kind_check_pieces), m);
        ck_assert_int_eq(m->error, 0);
        ck_assert_uint_eq(m->n_bad, 1);
        ck_assert_uint_eq(m->have.n_set, w.sample.n_pieces - 1);
        ck_assert(!bitfield_test(&m->have, 1));
        bitfield_deinit(&m->have);
        msg_free(&m->msg);
        world_close(&w);
    }
    world_end(&w);
}
END_TEST

START_TEST(closing_ends_a_check)
{
    struct fs_check_pieces *check = fs_new_check_pieces();
    struct fs_close_torrent *last = fs_new_close_torrent();
    struct world w;

    make_two_files(&w);
    for (uint32_t file = 0; file < 2; file++)
        sample_write_file(&w.sample, file);
    expect_opened(&w, 0, w.sample.n_pieces);
    check->storage = last->storage = w.storage;
    check->save_ns = 60 * NS_PER_S;
    check->msg.reply_to = last->msg.reply_to = &w.master.channel;
    ck_assert(channel_send(&fs_inbox(w.fs)->channel, &check->msg));
    ck_assert(channel_send(&fs_inbox(w.fs)->channel, &last->msg));
    ck_assert_ptr_eq(wait_master(&w, fs_kind_check_pieces), check); /* first */
    ck_assert_ptr_eq(wait_master(&w, fs_kind_close_torrent), last);
    ck_assert_int_eq(check->error | last->error, 0);
    bitfield_deinit(&check->have);
    stored_blocks_deinit(&check->stored);
    msg_free(&check->msg);
    msg_free(&last->msg);
    world_end(&w);
}
END_TEST

/* Closes the torrent during each check: no result is lost. */
START_TEST(a_check_continues_where_it_was_stopped)
{
    static const struct sample_file files[] = {{"large", 24u << 20}};
    struct world w = {0};
    struct rng rng;
    uint32_t had = 0;

    rng_seed(&rng, 5);
    sample_make(&w.sample, &rng, 32768, files, 1);
    sample_write_file(&w.sample, 0);
    world_start(&w);
    for (unsigned round = 0; round < 6; round++) {
        struct fs_check_pieces *check = fs_new_check_pieces();
        struct fs_open_torrent *open = world_open(&w);
        struct fs_close_torrent *last = fs_new_close_torrent();

        ck_assert_int_eq(open->error, 0);
        ck_assert_uint_ge(open->have.n_set, had);
        ck_assert_uint_eq(open->have.n_set + open->n_doubtful, w.sample.n_pieces);
        had = open->have.n_set;
        check->storage = last->storage = w.storage;
        check->save_ns = 60 * NS_PER_S;
        check->msg.reply_to = last->msg.reply_to = &w.master.channel;
        ck_assert(channel_send(&fs_inbox(w.fs)->channel, &check->msg));
        if (round < 5)
            ck_assert(channel_send(&fs_inbox(w.fs)->channel, &last->msg));
        ck_assert_ptr_eq(wait_master(&w, fs_kind_check_pieces), check);
        if (round == 5)
            ck_assert(channel_send(&fs_inbox(w.fs)->channel, &last->msg));
        ck_assert_ptr_eq(wait_master(&w, fs_kind_close_torrent), last);
        ck_assert_int_eq(check->error | last->error, 0);
        had = check->have.n_set;
        ck_assert(round < 5 || had == w.sample.n_pieces);
        bitfield_deinit(&open->have);
        stored_blocks_deinit(&open->stored);
        bitfield_deinit(&check->have);
        stored_blocks_deinit(&check->stored);
        msg_free(&open->msg);
        msg_free(&check->msg);
        msg_free(&last->msg);
    }
    world_end(&w);
}
END_TEST

START_TEST(a_check_saves_its_progress_at_the_interval)
{
    static const struct sample_file files[] = {{"large", 24u << 20}};

    for (int often = 0; often < 2; often++) {
        struct fs_check_pieces *check = fs_new_check_pieces();
        struct world w = {0};
        struct rng rng;

        rng_seed(&rng, 5);
        sample_make(&w.sample, &rng, 32768, files, 1);
        sample_write_file(&w.sample, 0);
        world_start(&w);
        expect_opened(&w, 0, w.sample.n_pieces);
        check->storage = w.storage;
        check->save_ns = often ? 1 : 60 * NS_PER_S;
        check->msg.reply_to = &w.master.channel;
        ck_assert(channel_send(&fs_inbox(w.fs)->channel, &check->msg));
        ck_assert_ptr_eq(wait_master(&w, fs_kind_check_pieces), check);
        ck_assert_int_eq(access(w.sample.resume, F_OK) == 0, often);
        bitfield_deinit(&check->have);
        msg_free(&check->msg);
        world_close(&w);
        world_end(&w);
    }
}
END_TEST

RUN_SUITE("fs check", 60, files_on_disk_are_checked, closing_ends_a_check,
          a_check_continues_where_it_was_stopped, a_check_saves_its_progress_at_the_interval);
