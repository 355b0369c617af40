/* SPDX-License-Identifier: MIT */
#include "fs_world.h"

START_TEST(a_liar_is_banned_when_the_piece_passes)
{
    struct world w;
    struct lobby_ban *ban;

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    send_blocks(&w, 0, 0, 2, &honest, GOOD_BYTES);
    send_blocks(&w, 0, 2, 2, &liar, WRONG_BYTES);
    receive_stored(&w, 0);
    receive_stored(&w, 0);
    receive_verdict(&w);
    ck_assert_uint_eq(w.n_failed, 1);
    ck_assert(channel_is_empty(&w.lobby.channel));
    send_blocks(&w, 0, 0, 4, &honest, GOOD_BYTES);
    receive_stored(&w, 0);
    receive_verdict(&w);
    ck_assert(bitfield_test(&w.completed, 0));
    ban = (struct lobby_ban *)wait_at(&w.lobby.channel);
    ck_assert(addr_equal(&ban->addr, &liar));
    msg_free(&ban->msg);
    ck_assert(channel_is_empty(&w.lobby.channel));
    world_close(&w);
    world_end(&w);
}
END_TEST

START_TEST(a_disk_error_is_reported_once)
{
    struct master_storage_failed *m;
    struct world w;
    char path[640];

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    snprintf(path, sizeof path, "%s/T/sub", w.sample.dir);
    ck_assert_int_eq(symlink("/tmp", path), 0);
    send_blocks(&w, 20, 0, 4, &honest, GOOD_BYTES);
    receive_stored(&w, -ELOOP);
    ck_assert(channel_is_empty(&w.torrent.interest.channel)); /* none of it is on disk */
    send_blocks(&w, 21, 0, 4, &honest, GOOD_BYTES);
    receive_stored(&w, -ELOOP);
    m = (struct master_storage_failed *)wait_master(&w, master_kind_storage_failed);
    ck_assert_ptr_nonnull(strstr(m->reason, "T/sub/b"));
    ck_assert_int_eq(m->error, ELOOP);
    msg_free(&m->msg);
    ck_assert(channel_is_empty(&w.master.channel));
    world_close(&w);
    world_end(&w);
}
END_TEST

START_TEST(a_read_that_failed_while_serving_is_reported_once)
{
    struct master_storage_failed *m;
    struct world w;

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    download_all(&w);
    for (unsigned i = 0; i < 2; i++) {
        struct fs_lease_file *lease = fs_new_lease_file();
        struct fs_return_lease *back = fs_new_return_lease();

        lease->storage = back->storage = w.storage;
        lease->file = 1;
        lease->msg.reply_to = &w.peer.channel;
        ck_assert(channel_send(&fs_inbox(w.fs)->channel, &lease->msg));
        ck_assert_ptr_eq(wait_at(&w.peer.channel), lease);
        back->handle = lease->handle;
        back->error = -EIO;
        ck_assert(fs_tell_return_lease(fs_inbox(w.fs), back));
        msg_free(&lease->msg);
    }
    m = (struct master_storage_failed *)wait_master(&w, master_kind_storage_failed);
    ck_assert_ptr_nonnull(strstr(m->reason, "T/sub/b"));
    ck_assert_int_eq(m->error, EIO);
    msg_free(&m->msg);
    world_close(&w);
    ck_assert(channel_is_empty(&w.master.channel));
    world_end(&w);
}
END_TEST

RUN_SUITE("fs report", 60, a_liar_is_banned_when_the_piece_passes, a_disk_error_is_reported_once,
          a_read_that_failed_while_serving_is_reported_once);
