/* SPDX-License-Identifier: MIT */
#include "fs_world.h"

static struct fs_save_resume *ask_to_save(struct world *w, uint64_t uploaded)
{
    struct fs_save_resume *m = fs_new_save_resume();

    m->storage = w->storage;
    m->uploaded = uploaded;
    m->msg.reply_to = &w->master.channel;
    ck_assert(channel_send(&fs_inbox(w->fs)->channel, &m->msg));
    return m;
}

START_TEST(resume_data_is_on_disk_when_the_reply_arrives)
{
    struct fs_save_resume *m;
    struct world w;

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    download_all(&w);
    ck_assert_int_eq(unlink(w.sample.resume), 0); /* of the opening */
    m = ask_to_save(&w, 77);
    ck_assert_ptr_eq(wait_master(&w, fs_kind_save_resume), m);
    ck_assert_int_eq(m->error, 0);
    ck_assert_int_eq(access(w.sample.resume, F_OK), 0);
    msg_free(&m->msg);
    world_close(&w);
    world_end(&w);
}
END_TEST

START_TEST(a_second_save_is_refused_while_one_is_under_way)
{
    unsigned n_refused = 0;
    struct world w;

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    download_all(&w);
    for (unsigned i = 0; i < 50; i++)
        ask_to_save(&w, i);
    for (unsigned i = 0; i < 50; i++) {
        struct fs_save_resume *m = (struct fs_save_resume *)wait_master(&w, fs_kind_save_resume);

        ck_assert(!m->error || m->error == -EALREADY);
        n_refused += m->error != 0;
        msg_free(&m->msg);
    }
    ck_assert_uint_lt(n_refused, 50);
    world_close(&w);
    world_end(&w);
}
END_TEST

START_TEST(an_unchanged_torrent_is_closed_without_a_save)
{
    struct fs_close_torrent *m = fs_new_close_torrent();
    struct world w;

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    ck_assert_int_eq(unlink(w.sample.resume), 0); /* of the opening */
    m->storage = w.storage;
    m->unchanged = true;
    m->msg.reply_to = &w.master.channel;
    ck_assert(channel_send(&fs_inbox(w.fs)->channel, &m->msg));
    ck_assert_ptr_eq(wait_master(&w, fs_kind_close_torrent), m);
    ck_assert_int_eq(m->error, 0);
    ck_assert_int_ne(access(w.sample.resume, F_OK), 0);
    msg_free(&m->msg);
    world_end(&w);
}
END_TEST

RUN_SUITE("fs saving", 60, resume_data_is_on_disk_when_the_reply_arrives,
          a_second_save_is_refused_while_one_is_under_way,
          an_unchanged_torrent_is_closed_without_a_save);
