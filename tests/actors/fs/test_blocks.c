/* SPDX-License-Identifier: MIT */
#include "fs_world.h"

static void expect_booked(struct world *w, uint32_t piece, uint32_t first, uint64_t blocks)
{
    struct fs_store_blocks *m = (struct fs_store_blocks *)wait_at(&w->peer.channel);
    struct msg *none = NULL;

    ck_assert(m->msg.kind == fs_kind_store_blocks && !m->error);
    ck_assert_uint_eq(m->blocks, blocks);
    ck_assert(!channel_is_empty(&w->torrent.interest.channel));
    ck_assert(next_stored(w, &none));
    ck_assert_uint_eq(w->stored[piece], blocks << first);
    free(m->data);
    msg_free(&m->msg);
}

/* InterestStat receives BlocksStored before the peer gets its reply (guarantee E), with the same
 * blocks; also for blocks that another peer stored first. */
START_TEST(blocks_are_booked_before_the_reply)
{
    struct world w;

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    send_blocks(&w, 3, 1, 2, &honest, GOOD_BYTES);
    expect_booked(&w, 3, 1, 3);
    w.stored[3] = 0;
    send_blocks(&w, 3, 0, 3, &honest, GOOD_BYTES);
    expect_booked(&w, 3, 0, 7);
    w.stored[3] = 0;
    send_blocks(&w, 3, 0, 2, &honest, GOOD_BYTES); /* nothing to write */
    expect_booked(&w, 3, 0, 3);
    ck_assert(channel_is_empty(&w.torrent.interest.channel));
    world_close(&w);
    world_end(&w);
}
END_TEST

RUN_SUITE("fs blocks", 60, blocks_are_booked_before_the_reply);
