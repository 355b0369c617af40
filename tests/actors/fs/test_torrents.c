/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include "actors/fs/torrents.h"
#include "conjure/base/alloc.h"

static unsigned n_active(const struct fs *fs)
{
    unsigned n = 0;

    for (const struct fs_torrent *t = fs->active; t; t = t->next_active)
        n++;
    return n;
}

START_TEST(a_torrent_is_active_once_and_until_it_is_freed)
{
    struct fs_torrent *t[3];
    struct fs fs = {0};

    list_init(&fs.torrents);
    for (unsigned i = 0; i < 3; i++) {
        t[i] = NEW(struct fs_torrent);
        list_append(&fs.torrents, &t[i]->place);
        fs_torrent_activate(&fs, t[i]);
        fs_torrent_activate(&fs, t[i]);
    }
    ck_assert_uint_eq(n_active(&fs), 3);
    fs_torrent_deactivate(&fs, t[1]);
    fs_torrent_deactivate(&fs, t[1]);
    ck_assert_uint_eq(n_active(&fs), 2);
    due_heap_set(&fs.restats, &t[0]->restat, 5);
    fs_torrent_free(&fs, t[0]);
    ck_assert(fs.active == t[2] && !t[2]->next_active);
    ck_assert_uint_eq(due_heap_next_ns(&fs.restats), UINT64_MAX);
    fs_torrent_activate(&fs, t[1]);
    fs_torrent_free(&fs, t[2]);
    fs_torrent_free(&fs, t[1]);
    ck_assert(!fs.active && list_is_empty(&fs.torrents));
    due_heap_deinit(&fs.restats);
}
END_TEST

RUN_SUITE("fs torrents", 10, a_torrent_is_active_once_and_until_it_is_freed);
