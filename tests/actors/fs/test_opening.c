/* SPDX-License-Identifier: MIT */
#include "fs_world.h"

static void ask_to_open(struct world *w)
{
    struct fs_open_torrent *m = fs_new_open_torrent();

    m->torrent = &w->torrent;
    m->msg.reply_to = &w->master.channel;
    ck_assert(channel_send(&fs_inbox(w->fs)->channel, &m->msg));
}

/* More torrents than one list to a worker has. */
START_TEST(many_are_opened_at_once)
{
    enum { N = 50 };
    static const struct sample_file files[] = {{"a", 40000}, {"b", 100}};
    struct torrent torrents[N] = {0};
    struct storage *storages[N];
    struct sample *samples = calloc(N, sizeof *samples);
    struct world w = {0};
    struct rng rng;

    rng_seed(&rng, 8);
    sample_make(&w.sample, &rng, 32768, files, 2);
    world_start(&w);
    for (unsigned i = 0; i < N; i++) {
        struct fs_open_torrent *m = fs_new_open_torrent();

        sample_make(&samples[i], &rng, 32768, files, 2);
        for (uint32_t file = 0; i % 3 && file < 2; file++)
            sample_write_file(&samples[i], file);
        torrents[i].meta = samples[i].meta;
        torrents[i].resume_path = samples[i].resume;
        torrents[i].dir = i == 17 ? "/proc/nothing/there" : samples[i].dir;
        m->torrent = &torrents[i];
        m->msg.reply_to = &w.master.channel;
        ck_assert(channel_send(&fs_inbox(w.fs)->channel, &m->msg));
    }
    for (unsigned n = 0; n < N; n++) {
        struct fs_open_torrent *m = (struct fs_open_torrent *)wait_master(&w, fs_kind_open_torrent);
        unsigned i = (unsigned)(m->torrent - torrents);

        ck_assert_int_eq(m->error, i == 17 ? -ENOENT : 0);
        ck_assert_uint_eq(m->n_doubtful, i != 17 && i % 3 ? samples[i].n_pieces : 0);
        storages[i] = m->storage;
        bitfield_deinit(&m->have);
        stored_blocks_deinit(&m->stored);
        msg_free(&m->msg);
    }
    for (unsigned i = 0; i < N; i++) {
        w.storage = storages[i];
        if (i != 17)
            world_close(&w);
        sample_free(&samples[i]);
    }
    free(samples);
    world_end(&w);
}
END_TEST

START_TEST(a_folder_that_cannot_be_opened_is_named_in_the_reply)
{
    struct fs_open_torrent *m;
    struct world w;

    make_two_files(&w);
    w.torrent.dir = "/proc/none/such";
    m = world_open(&w);
    ck_assert_int_ne(m->error, 0);
    ck_assert_ptr_nonnull(strstr(m->reason, "/proc/none/such"));
    msg_free(&m->msg);
    world_end(&w);
}
END_TEST

/* After StopOpening no waiting torrent is opened. */
START_TEST(waiting_torrents_can_be_cancelled)
{
    struct world w;
    unsigned n = 1000, n_cancelled = 0;

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    for (unsigned i = 0; i < n; i++)
        ask_to_open(&w);
    fs_tell_or_drop_stop_opening(fs_inbox(w.fs), fs_new_stop_opening());
    ask_to_open(&w);
    for (unsigned i = 0; i <= n; i++) {
        struct fs_open_torrent *m = (struct fs_open_torrent *)wait_master(&w, fs_kind_open_torrent);

        ck_assert_int_ne(m->error, 0); /* it is open already */
        n_cancelled += m->error == -ECANCELED;
        msg_free(&m->msg);
    }
    ck_assert_uint_ge(n_cancelled, 2);
    world_close(&w);
    world_end(&w);
}
END_TEST

RUN_SUITE("fs opening", 60, many_are_opened_at_once,
          a_folder_that_cannot_be_opened_is_named_in_the_reply, waiting_torrents_can_be_cancelled);
