/* SPDX-License-Identifier: MIT */
/* Folders of torrents on disk. Time is counted in ticks, and inotify queues each event at once. */
#include "world.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/master/folders.h"
#include "actors/master/torrent.h"
#include "conjure/state/known.h"

static char root[64], watched[96], known[96];

static void begin_in_folders(void)
{
    begin();
    strcpy(root, "/tmp/conjure-folders-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(watched, sizeof watched, "%s/watched", root);
    snprintf(known, sizeof known, "%s/torrents", root);
    ck_assert(!mkdir(watched, 0777));
    config.state_dir = root;
    config.torrents_dir = watched;
    ck_assert(!folders_open(m));
}

static void end_with_folders(void)
{
    char command[160];

    folders_close(m);
    snprintf(command, sizeof command, "rm -rf %s", root);
    ck_assert(!system(command));
    end();
}

static const char *path_of(const char *dir, const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(path_of(watched, name), "w");

    ck_assert(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
}

static void put_torrent(const char *name, unsigned number)
{
    struct metainfo *meta = small(number);
    const uint8_t *raw;
    size_t n;

    raw = metainfo_raw(meta, &n);
    put(name, raw, n);
    metainfo_free(meta);
}

/* Looks, and works until nothing is left to do. */
static void settle(void)
{
    folders_look(m);
    while (folders_have_work(m))
        folders_work(m);
}

static void tick(unsigned n)
{
    while (n--) {
        m->n_ticks++;
        settle();
        torrent_sweep(m);
    }
}

/* FS refuses to open the added torrents: they stay closed, and cause no other messages. */
static void refuse_all(void)
{
    struct msg *x;

    while ((x = channel_receive(&fs.inbox.channel))) {
        struct fs_open_torrent *open = (struct fs_open_torrent *)x;

        ck_assert_int_eq(x->kind, fs_kind_open_torrent);
        open->error = -ENOENT;
        torrent_reply_open(record_of(open->torrent), open);
    }
}

static unsigned n_known_files(void)
{
    DIR *dir = opendir(known);
    unsigned n = 0;

    for (const struct dirent *d; (d = readdir(dir));)
        n += strstr(d->d_name, KNOWN_SUFFIX) != NULL;
    closedir(dir);
    return n;
}

START_TEST(a_torrent_that_appears_is_started_and_one_that_is_removed_stops)
{
    begin_in_folders();
    settle();
    put_torrent("a.torrent", 1);
    put_torrent("b.torrent", 1); /* the same torrent */
    put_torrent("c.torrent", 2);
    tick(1);
    ck_assert_uint_eq(m->n_torrents, 2);
    refuse_all();
    unlink(path_of(watched, "a.torrent"));
    tick(4);
    ck_assert_uint_eq(m->n_torrents, 2); /* b.torrent is a file of it too */
    unlink(path_of(watched, "b.torrent"));
    tick(1);
    ck_assert_uint_eq(m->n_torrents, 2); /* the file must be absent for a whole tick */
    tick(3);
    ck_assert_uint_eq(m->n_torrents, 1);
    ck_assert(strstr(logged, "file0001: removed\n"));
    end_with_folders();
}
END_TEST

START_TEST(a_file_that_gets_another_name_keeps_its_torrent)
{
    char from[256];

    begin_in_folders();
    put_torrent("a.torrent", 1);
    tick(1);
    refuse_all();
    strcpy(from, path_of(watched, "a.torrent"));
    ck_assert(!rename(from, path_of(watched, "b.torrent")));
    tick(5);
    ck_assert_uint_eq(m->n_torrents, 1);
    ck_assert(!strstr(logged, "removed"));
    expect_silence(); /* it was not opened again */
    end_with_folders();
}
END_TEST

START_TEST(a_file_that_is_no_torrent_is_logged_once)
{
    begin_in_folders();
    put("bad.torrent", "nonsense", 8);
    put(".hidden.torrent", "nonsense", 8);
    put("readme.txt", "nonsense", 8);
    tick(1);
    ck_assert(strstr(logged, "bad.torrent: ignored: "));
    logged[0] = '\0';
    tick(30);
    ck_assert_str_eq(logged, "");
    ck_assert_uint_eq(m->n_torrents, 0);
    end_with_folders();
}
END_TEST

START_TEST(a_known_torrent_is_taken_up_at_the_next_start)
{
    struct master_torrent *t;

    begin_in_folders();
    t = make(small(1), NULL);
    t->lasting.seeded_s = 1234;
    record_save_known(t);
    m->ready = false;
    tick(1);
    ck_assert_uint_eq(n_known_files(), 0); /* not before the start is over */
    m->ready = true;
    tick(1);
    ck_assert_uint_eq(n_known_files(), 1);
    ck_assert(t->lasting.known && !t->lasting.known_due && !m->known_due);
    folders_close(m);
    record_free(t);
    ck_assert(!folders_open(m));
    settle();
    ck_assert_uint_eq(m->n_torrents, 1);
    t = m->first;
    ck_assert(t->lasting.known && t->lasting.seeded_s == 1234);
    ck_assert_str_eq(t->torrent.dir, "/content");
    refuse_all();
    end_with_folders();
}
END_TEST

START_TEST(removing_the_file_of_a_known_torrent_removes_the_torrent)
{
    char name[KNOWN_NAME_MAX];
    struct master_torrent *t;

    begin_in_folders();
    t = make(small(1), NULL);
    record_save_known(t);
    tick(1);
    unlink(path_of(known, known_name(&t->info_hash, name)));
    tick(4);
    ck_assert_uint_eq(m->n_torrents, 0);
    end_with_folders();
}
END_TEST

START_TEST(a_corrupt_file_is_set_aside)
{
    char name[KNOWN_NAME_MAX];
    struct info_hash info_hash = {0};
    FILE *f;

    begin_in_folders();
    f = fopen(path_of(known, known_name(&info_hash, name)), "w");
    ck_assert(f && fputs("nonsense", f) >= 0 && !fclose(f));
    tick(1);
    ck_assert(strstr(logged, "set aside as"));
    ck_assert_uint_eq(m->n_torrents, 0);
    ck_assert_int_ne(access(path_of(known, name), F_OK), 0);
    end_with_folders();
}
END_TEST

START_TEST(while_master_stops_the_folders_are_not_read)
{
    int a, b;

    begin_in_folders();
    folders_fds(m, &a, &b);
    ck_assert(a >= 0 && b >= 0);
    m->stopping = true;
    put_torrent("a.torrent", 1);
    tick(2);
    ck_assert_uint_eq(m->n_torrents, 0);
    folders_fds(m, &a, &b);
    ck_assert(a < 0 && b < 0);
    end_with_folders();
}
END_TEST

RUN_SUITE("folders", 20, a_torrent_that_appears_is_started_and_one_that_is_removed_stops,
          a_file_that_gets_another_name_keeps_its_torrent, a_file_that_is_no_torrent_is_logged_once,
          a_known_torrent_is_taken_up_at_the_next_start,
          removing_the_file_of_a_known_torrent_removes_the_torrent, a_corrupt_file_is_set_aside,
          while_master_stops_the_folders_are_not_read);
