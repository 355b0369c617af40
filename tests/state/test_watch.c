/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "conjure/state/watch.h"

/* The type that fstatfs reports; 0: the real one. */
static __typeof__(((struct statfs *)NULL)->f_type) file_system;

int fstatfs(int fd, struct statfs *fs)
{
    long r = syscall(SYS_fstatfs, fd, fs);

    if (!r && file_system)
        fs->f_type = file_system;
    return (int)r;
}

/* The kernel queues an event before the system call that causes it returns, so no test waits. */

static char folder[64], beside[64];

static void make_world(void)
{
    strcpy(folder, "/tmp/conjure-watch-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(beside, sizeof beside, "%s.beside", folder);
    ck_assert(!mkdir(beside, 0700));
}

static void end_world(struct watch *w)
{
    char command[200];

    watch_free(w);
    snprintf(command, sizeof command, "rm -rf %s %s", folder, beside);
    ck_assert(!system(command));
}

static const char *path_in(const char *in, const char *name)
{
    static char paths[2][200];
    static unsigned i;

    snprintf(paths[i ^= 1], sizeof paths[0], "%s/%s", in, name);
    return paths[i];
}

static void put(const char *in, const char *name, const char *text)
{
    FILE *f = fopen(path_in(in, name), "w");

    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    ck_assert(!fclose(f));
}

/* The next news must be NEWS of NAME (NULL: of no file). */
static struct watch_entry *expect(struct watch *w, enum watch_news news, const char *name)
{
    struct watch_entry *e;
    enum watch_news got = watch_next(w, &e);

    ck_assert_msg(got == news, "news %d instead of %d (%s)", got, news, e ? e->name : "no file");
    if (name)
        ck_assert_str_eq(e->name, name);
    else
        ck_assert_ptr_null(e);
    return e;
}

static void expect_nothing(struct watch *w)
{
    ck_assert(!watch_has_news(w));
    expect(w, WATCH_NOTHING, NULL);
}

static struct watch *start(void)
{
    struct watch *w;

    make_world();
    w = watch_new(folder, ".torrent");
    expect_nothing(w);
    return w;
}

/* Writes a file to the folder, and takes the news of it. */
static struct watch_entry *put_and_find(struct watch *w, const char *name, const char *text)
{
    put(folder, name, text);
    watch_poll(w);
    return expect(w, WATCH_FILE, name);
}

/* Polls often enough for a rescan without an event. */
static void poll_often(struct watch *w)
{
    for (unsigned i = 0; i < WATCH_RESCAN_POLLS; i++)
        watch_poll(w);
}

START_TEST(existing_files_are_found_and_no_others)
{
    struct watch *w;

    make_world();
    put(folder, "a.torrent", "a");
    put(folder, ".hidden.torrent", "h");
    put(folder, ".torrent", "h");
    put(folder, "a.torrent.part", "p");
    ck_assert(!mkdir(path_in(folder, "folder.torrent"), 0700));
    w = watch_new(folder, ".torrent");
    ck_assert(watch_has_news(w));
    expect(w, WATCH_FILE, "a.torrent");
    expect_nothing(w);
    end_world(w);
}
END_TEST

START_TEST(a_file_is_news_when_it_is_whole)
{
    struct watch *w = start();
    int fd = open(path_in(folder, "x.torrent"), O_WRONLY | O_CREAT, 0600);

    ck_assert(write(fd, "x", 1) == 1);
    watch_poll(w);
    expect_nothing(w);
    close(fd);
    watch_poll(w);
    expect(w, WATCH_FILE, "x.torrent");
    watch_poll(w);
    expect_nothing(w);
    end_world(w);
}
END_TEST

START_TEST(moves_links_and_changes_are_news)
{
    struct watch *w = start();

    put(beside, "m.torrent", "m");
    watch_poll(w);
    expect_nothing(w);
    ck_assert(!rename(path_in(beside, "m.torrent"), path_in(folder, "m.torrent")));
    watch_poll(w);
    expect(w, WATCH_FILE, "m.torrent");
    put(beside, "l.torrent", "l");
    ck_assert(!link(path_in(beside, "l.torrent"), path_in(folder, "hard.torrent")));
    ck_assert(!symlink(path_in(beside, "l.torrent"), path_in(folder, "soft.torrent")));
    watch_poll(w);
    expect(w, WATCH_FILE, "hard.torrent");
    expect(w, WATCH_FILE, "soft.torrent");
    expect_nothing(w);
    put_and_find(w, "m.torrent", "other");
    /* A change of permissions is news: the owner may be able to read the file now. */
    ck_assert(!chmod(path_in(folder, "m.torrent"), 0));
    watch_poll(w);
    expect(w, WATCH_FILE, "m.torrent");
    expect_nothing(w);
    end_world(w);
}
END_TEST

START_TEST(a_removed_file_is_news_with_its_owners_fields)
{
    struct watch *w = start();
    struct watch_entry *e;

    put(folder, "a.torrent", "a");
    put(folder, "b.torrent", "b");
    watch_poll(w);
    e = expect(w, WATCH_FILE, "a.torrent");
    e->taken = true;
    e->info_hash.bytes[19] = 7;
    expect(w, WATCH_FILE, "b.torrent");
    ck_assert(!unlink(path_in(folder, "a.torrent")));
    ck_assert(!rename(path_in(folder, "b.torrent"), path_in(beside, "b.torrent")));
    watch_poll(w);
    e = expect(w, WATCH_REMOVED, "a.torrent");
    ck_assert(e->taken && e->info_hash.bytes[19] == 7);
    e = expect(w, WATCH_REMOVED, "b.torrent");
    ck_assert(!e->taken);
    expect_nothing(w);
    /* A later file of that name gets a new entry. */
    e = put_and_find(w, "a.torrent", "a");
    ck_assert(!e->taken);
    end_world(w);
}
END_TEST

START_TEST(a_replaced_file_has_changed)
{
    struct watch *w = start();

    put_and_find(w, "a.torrent", "a")->taken = true;
    ck_assert(!unlink(path_in(folder, "a.torrent")));
    ck_assert(put_and_find(w, "a.torrent", "another")->taken);
    expect_nothing(w);
    end_world(w);
}
END_TEST

START_TEST(postponed_news_are_repeated)
{
    struct watch *w = start();
    struct watch_entry *e;

    e = put_and_find(w, "a.torrent", "a");
    watch_postpone(w, e);
    watch_postpone(w, e);
    expect_nothing(w);
    watch_poll(w);
    e = expect(w, WATCH_FILE, "a.torrent");
    watch_postpone(w, e);
    ck_assert(!unlink(path_in(folder, "a.torrent")));
    watch_poll(w);
    expect(w, WATCH_REMOVED, "a.torrent");
    watch_poll(w);
    expect_nothing(w);
    end_world(w);
}
END_TEST

START_TEST(a_file_that_the_owner_writes_is_no_news)
{
    struct watch *w = start();
    struct watch_entry *e;

    put(folder, "a.torrent", "a");
    e = watch_expect(w, "a.torrent");
    e->taken = true;
    watch_poll(w);
    expect_nothing(w);
    ck_assert(watch_is_settled(w, e));
    put(folder, "a.torrent", "later");
    ck_assert(!watch_is_settled(w, e));
    watch_poll(w);
    ck_assert(expect(w, WATCH_FILE, "a.torrent")->taken);
    end_world(w);
}
END_TEST

START_TEST(a_removed_folder_and_its_return_are_news)
{
    struct watch *w = start();

    put(folder, "a.torrent", "a");
    put(folder, "b.torrent", "b");
    watch_poll(w);
    expect(w, WATCH_FILE, "a.torrent");
    expect(w, WATCH_FILE, "b.torrent");
    ck_assert(!rename(folder, path_in(beside, "moved")));
    watch_poll(w);
    expect(w, WATCH_FOLDER_GONE, NULL);
    ck_assert_int_eq(watch_error(w), ENOENT);
    put(beside, "moved/c.torrent", "c");
    ck_assert(!unlink(path_in(beside, "moved/b.torrent")));
    watch_poll(w);
    expect_nothing(w);
    ck_assert(!rename(path_in(beside, "moved"), folder));
    watch_poll(w);
    expect(w, WATCH_FOLDER_BACK, NULL);
    /* Only files that differ are news. */
    expect(w, WATCH_FILE, "c.torrent");
    expect(w, WATCH_REMOVED, "b.torrent");
    expect_nothing(w);
    put_and_find(w, "d.torrent", "d");
    end_world(w);
}
END_TEST

START_TEST(a_missing_folder_is_found_when_it_is_made)
{
    struct watch *w;

    make_world();
    ck_assert(!rmdir(folder));
    w = watch_new(folder, ".torrent");
    expect(w, WATCH_FOLDER_GONE, NULL);
    watch_poll(w);
    expect_nothing(w);
    ck_assert(!mkdir(folder, 0700));
    put(folder, "a.torrent", "a");
    watch_poll(w);
    expect(w, WATCH_FOLDER_BACK, NULL);
    expect(w, WATCH_FILE, "a.torrent");
    expect_nothing(w);
    end_world(w);
}
END_TEST

static bool write_once(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool done = fd >= 0 && write(fd, text, strlen(text)) > 0;

    if (fd >= 0)
        close(fd);
    return done;
}

/* As for a user who has used up all inotify instances. That needs a user namespace, which not every
 * system allows. */
static bool forbid_inotify(void)
{
    char map[40];

    snprintf(map, sizeof map, "0 %u 1", (unsigned)geteuid());
    if (unshare(CLONE_NEWUSER))
        return false;
    return write_once("/proc/self/uid_map", map) &&
           write_once("/proc/sys/user/max_inotify_instances", "0");
}

START_TEST(without_inotify_the_folder_is_rescanned)
{
    struct watch *w;
    int error;

    make_world();
    if (!forbid_inotify()) {
        end_world(NULL);
        SKIP("no user namespace can be made");
    }
    w = watch_new(folder, ".torrent");
    ck_assert(watch_is_late(w, &error));
    ck_assert_int_eq(error, EMFILE);
    ck_assert_int_eq(watch_fd(w), -1);
    put(folder, "a.torrent", "a");
    poll_often(w);
    expect(w, WATCH_FILE, "a.torrent");
    ck_assert(!unlink(path_in(folder, "a.torrent")));
    poll_often(w);
    expect(w, WATCH_REMOVED, "a.torrent");
    expect_nothing(w);
    end_world(w);
}
END_TEST

/* The target of a link changes: inotify does not report that, nor changes by other machines. */
static void change_beside(bool on_network)
{
    struct watch *w;

    file_system = on_network ? NFS_SUPER_MAGIC : 0;
    w = start();
    put(beside, "a.torrent", "a");
    ck_assert(!symlink(path_in(beside, "a.torrent"), path_in(folder, "a.torrent")));
    watch_poll(w);
    expect(w, WATCH_FILE, "a.torrent");
    put(beside, "a.torrent", "aa");
    poll_often(w);
    if (on_network)
        expect(w, WATCH_FILE, "a.torrent");
    expect_nothing(w);
    end_world(w);
}

START_TEST(changes_by_other_machines_are_found)
{
    change_beside(false);
    change_beside(true);
}
END_TEST

/* Permissions do not apply to root. */
static void become_nobody(void)
{
    if (geteuid())
        return;
    ck_assert(!chown(folder, 65534, 65534));
    ck_assert(!seteuid(65534));
}

static void become_root_again(void)
{
    if (!getuid())
        ck_assert(!seteuid(0));
}

START_TEST(a_file_that_cannot_be_examined_is_not_removed)
{
    struct watch *w = start();

    put_and_find(w, "a.torrent", "a");
    put(folder, "a.torrent", "aa");
    put(folder, "b.torrent", "b");
    become_nobody();
    ck_assert(!chmod(folder, 0400));
    watch_poll(w);
    expect_nothing(w);
    /* A rescan finds that the folder cannot be read. */
    poll_often(w);
    expect(w, WATCH_FOLDER_GONE, NULL);
    ck_assert_int_eq(watch_error(w), EACCES);
    watch_poll(w);
    expect_nothing(w);
    ck_assert(!chmod(folder, 0700));
    watch_poll(w);
    expect(w, WATCH_FOLDER_BACK, NULL);
    while (watch_has_news(w)) {
        struct watch_entry *e;

        ck_assert_int_eq(watch_next(w, &e), WATCH_FILE);
        e->taken = true;
    }
    ck_assert(watch_expect(w, "a.torrent")->taken);
    ck_assert(watch_expect(w, "b.torrent")->taken);
    expect_nothing(w);
    become_root_again();
    end_world(w);
}
END_TEST

START_TEST(a_file_that_can_be_examined_again_is_found)
{
    struct watch *w = start();

    put(beside, "b.torrent", "b");
    put(folder, "a.torrent", "a");
    ck_assert(!symlink(path_in(beside, "b.torrent"), path_in(folder, "b.torrent")));
    become_nobody();
    ck_assert(geteuid() == 65534 || !chmod(beside, 0));
    watch_poll(w);
    expect(w, WATCH_FILE, "a.torrent");
    expect_nothing(w);
    become_root_again();
    ck_assert(!chmod(beside, 0755));
    poll_often(w);
    expect(w, WATCH_FILE, "b.torrent");
    expect_nothing(w);
    end_world(w);
}
END_TEST

/* More events than the kernel queues: the folder is scanned again. */
START_TEST(lost_events_lose_no_file)
{
    struct watch *w = start();
    FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
    unsigned n_queued = 16384, n = 0;
    struct watch_entry *e;
    char name[40];

    if (f) {
        ck_assert(fscanf(f, "%u", &n_queued) == 1);
        fclose(f);
    }
    /* Each file gives two events that we ask for. Equal neighbours are merged: use two in turn. */
    for (unsigned i = 0; i < n_queued; i++)
        put(folder, i % 2 ? "x.torrent" : "y.torrent", "x");
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "%u.torrent", i);
        put(folder, name, "n");
    }
    watch_poll(w);
    while (watch_next(w, &e) == WATCH_FILE)
        n++;
    ck_assert_uint_eq(n, 302);
    expect_nothing(w);
    end_world(w);
}
END_TEST

RUN_SUITE("A folder that is watched", 60, existing_files_are_found_and_no_others,
          a_file_is_news_when_it_is_whole, moves_links_and_changes_are_news,
          a_removed_file_is_news_with_its_owners_fields, a_replaced_file_has_changed,
          postponed_news_are_repeated, a_file_that_the_owner_writes_is_no_news,
          a_removed_folder_and_its_return_are_news, a_missing_folder_is_found_when_it_is_made,
          lost_events_lose_no_file, without_inotify_the_folder_is_rescanned,
          a_file_that_cannot_be_examined_is_not_removed, a_file_that_can_be_examined_again_is_found,
          changes_by_other_machines_are_found);
