/* SPDX-License-Identifier: MIT */
#include "fs_world.h"

START_TEST(a_changed_file_is_reported_soon_after_opening)
{
    struct master_content_changed *m;
    struct world w;

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    download_all(&w);
    world_close(&w);
    w.trusting = true;
    expect_opened(&w, w.sample.n_pieces, 0);
    world_close(&w); /* perhaps during its restat */
    ck_assert(channel_is_empty(&w.master.channel));
    sample_change_file(&w.sample, 1);
    expect_opened(&w, w.sample.n_pieces, 0);
    m = (struct master_content_changed *)wait_master(&w, master_kind_content_changed);
    ck_assert_ptr_eq(m->torrent, &w.torrent);
    ck_assert_uint_eq(m->file, 1);
    msg_free(&m->msg);
    world_close(&w);
    world_end(&w);
}
END_TEST

RUN_SUITE("fs restat", 60, a_changed_file_is_reported_soon_after_opening);
