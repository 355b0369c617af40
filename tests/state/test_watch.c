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

/* What the file system says that it is; 0: the truth. */
static __typeof__(((struct statfs *)NULL)->f_type) file_system;

int fstatfs(int fd, struct statfs *fs)
{
    long r = syscall(SYS_fstatfs, fd, fs);

    if (!r && file_system)
        fs->f_type = file_system;
    return (int)r;
}

/* The kernel queues an event before the call that causes it returns: nothing here waits. */

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

/* The news of a file that is put into the folder. */
static struct watch_entry *put_and_find(struct watch *w, const char *name, const char *text)
{
    put(folder, name, text);
    watch_look(w);
    return expect(w, WATCH_FILE, name);
}

/* So often that the whole folder is read again if that is ever done without an event. */
static void look_often(struct watch *w)
{
    for (unsigned i = 0; i < WATCH_RESCAN_LOOKS; i++)
        watch_look(w);
}

START_TEST(what_is_there_is_found_and_nothing_else)
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
    watch_look(w);
    expect_nothing(w);
    close(fd);
    watch_look(w);
    expect(w, WATCH_FILE, "x.torrent");
    watch_look(w);
    expect_nothing(w);
    end_world(w);
}
END_TEST

START_TEST(moves_links_and_changes_are_news)
{
    struct watch *w = start();

    put(beside, "m.torrent", "m");
    watch_look(w);
    expect_nothing(w);
    ck_assert(!rename(path_in(beside, "m.torrent"), path_in(folder, "m.torrent")));
    watch_look(w);
    expect(w, WATCH_FILE, "m.torrent");
    put(beside, "l.torrent", "l");
    ck_assert(!link(path_in(beside, "l.torrent"), path_in(folder, "hard.torrent")));
    ck_assert(!symlink(path_in(beside, "l.torrent"), path_in(folder, "soft.torrent")));
    watch_look(w);
    expect(w, WATCH_FILE, "hard.torrent");
    expect(w, WATCH_FILE, "soft.torrent");
    expect_nothing(w);
    put_and_find(w, "m.torrent", "other");
    /* Who may not read it is told again when that changes. */
    ck_assert(!chmod(path_in(folder, "m.torrent"), 0));
    watch_look(w);
    expect(w, WATCH_FILE, "m.torrent");
    expect_nothing(w);
    end_world(w);
}
END_TEST

START_TEST(what_goes_is_news_with_the_owners_note)
{
    struct watch *w = start();
    struct watch_entry *e;

    put(folder, "a.torrent", "a");
    put(folder, "b.torrent", "b");
    watch_look(w);
    e = expect(w, WATCH_FILE, "a.torrent");
    e->taken = true;
    e->info_hash.bytes[19] = 7;
    expect(w, WATCH_FILE, "b.torrent");
    ck_assert(!unlink(path_in(folder, "a.torrent")));
    ck_assert(!rename(path_in(folder, "b.torrent"), path_in(beside, "b.torrent")));
    watch_look(w);
    e = expect(w, WATCH_REMOVED, "a.torrent");
    ck_assert(e->taken && e->info_hash.bytes[19] == 7);
    e = expect(w, WATCH_REMOVED, "b.torrent");
    ck_assert(!e->taken);
    expect_nothing(w);
    /* One of that name later is a new one. */
    e = put_and_find(w, "a.torrent", "a");
    ck_assert(!e->taken);
    end_world(w);
}
END_TEST

START_TEST(a_file_that_is_replaced_at_once_is_one_that_changed)
{
    struct watch *w = start();

    put_and_find(w, "a.torrent", "a")->taken = true;
    ck_assert(!unlink(path_in(folder, "a.torrent")));
    ck_assert(put_and_find(w, "a.torrent", "another")->taken);
    expect_nothing(w);
    end_world(w);
}
END_TEST

START_TEST(what_is_postponed_comes_again)
{
    struct watch *w = start();
    struct watch_entry *e;

    e = put_and_find(w, "a.torrent", "a");
    watch_postpone(w, e);
    watch_postpone(w, e);
    expect_nothing(w);
    watch_look(w);
    e = expect(w, WATCH_FILE, "a.torrent");
    watch_postpone(w, e);
    ck_assert(!unlink(path_in(folder, "a.torrent")));
    watch_look(w);
    expect(w, WATCH_REMOVED, "a.torrent");
    watch_look(w);
    expect_nothing(w);
    end_world(w);
}
END_TEST

START_TEST(what_the_owner_writes_is_no_news)
{
    struct watch *w = start();
    struct watch_entry *e;

    put(folder, "a.torrent", "a");
    e = watch_expect(w, "a.torrent");
    e->taken = true;
    watch_look(w);
    expect_nothing(w);
    ck_assert(watch_is_settled(w, e));
    put(folder, "a.torrent", "later");
    ck_assert(!watch_is_settled(w, e));
    watch_look(w);
    ck_assert(expect(w, WATCH_FILE, "a.torrent")->taken);
    end_world(w);
}
END_TEST

START_TEST(a_folder_that_goes_is_said_and_comes_back)
{
    struct watch *w = start();

    put(folder, "a.torrent", "a");
    put(folder, "b.torrent", "b");
    watch_look(w);
    expect(w, WATCH_FILE, "a.torrent");
    expect(w, WATCH_FILE, "b.torrent");
    ck_assert(!rename(folder, path_in(beside, "moved")));
    watch_look(w);
    expect(w, WATCH_FOLDER_GONE, NULL);
    ck_assert_int_eq(watch_error(w), ENOENT);
    put(beside, "moved/c.torrent", "c");
    ck_assert(!unlink(path_in(beside, "moved/b.torrent")));
    watch_look(w);
    expect_nothing(w);
    ck_assert(!rename(path_in(beside, "moved"), folder));
    watch_look(w);
    expect(w, WATCH_FOLDER_BACK, NULL);
    /* Only what is different is news. */
    expect(w, WATCH_FILE, "c.torrent");
    expect(w, WATCH_REMOVED, "b.torrent");
    expect_nothing(w);
    put_and_find(w, "d.torrent", "d");
    end_world(w);
}
END_TEST

START_TEST(a_folder_that_is_not_there_at_first_is_waited_for)
{
    struct watch *w;

    make_world();
    ck_assert(!rmdir(folder));
    w = watch_new(folder, ".torrent");
    expect(w, WATCH_FOLDER_GONE, NULL);
    watch_look(w);
    expect_nothing(w);
    ck_assert(!mkdir(folder, 0700));
    put(folder, "a.torrent", "a");
    watch_look(w);
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

/* As for a user who has no inotify left. That needs a user namespace, which not every system
 * gives. */
static bool forbid_inotify(void)
{
    char map[40];

    snprintf(map, sizeof map, "0 %u 1", (unsigned)geteuid());
    if (unshare(CLONE_NEWUSER))
        return false;
    return write_once("/proc/self/uid_map", map) &&
           write_once("/proc/sys/user/max_inotify_instances", "0");
}

START_TEST(without_inotify_it_is_looked_at_now_and_then)
{
    struct watch *w;
    int error;

    make_world();
    if (!forbid_inotify()) {
        end_world(NULL);
        return;
    }
    w = watch_new(folder, ".torrent");
    ck_assert(watch_is_late(w, &error));
    ck_assert_int_eq(error, EMFILE);
    ck_assert_int_eq(watch_fd(w), -1);
    put(folder, "a.torrent", "a");
    look_often(w);
    expect(w, WATCH_FILE, "a.torrent");
    ck_assert(!unlink(path_in(folder, "a.torrent")));
    look_often(w);
    expect(w, WATCH_REMOVED, "a.torrent");
    expect_nothing(w);
    end_world(w);
}
END_TEST

/* What a link names changes: inotify says as little of that as of other machines. */
static void change_beside(bool on_network)
{
    struct watch *w;

    file_system = on_network ? NFS_SUPER_MAGIC : 0;
    w = start();
    put(beside, "a.torrent", "a");
    ck_assert(!symlink(path_in(beside, "a.torrent"), path_in(folder, "a.torrent")));
    watch_look(w);
    expect(w, WATCH_FILE, "a.torrent");
    put(beside, "a.torrent", "aa");
    look_often(w);
    if (on_network)
        expect(w, WATCH_FILE, "a.torrent");
    expect_nothing(w);
    end_world(w);
}

START_TEST(what_other_machines_change_is_found)
{
    change_beside(false);
    change_beside(true);
}
END_TEST

/* Root may look anywhere. */
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

START_TEST(what_cannot_be_looked_at_is_not_gone)
{
    struct watch *w = start();

    put_and_find(w, "a.torrent", "a");
    put(folder, "a.torrent", "aa");
    put(folder, "b.torrent", "b");
    become_nobody();
    ck_assert(!chmod(folder, 0400));
    watch_look(w);
    expect_nothing(w);
    /* Sooner or later the whole folder is looked at. */
    look_often(w);
    expect(w, WATCH_FOLDER_GONE, NULL);
    ck_assert_int_eq(watch_error(w), EACCES);
    watch_look(w);
    expect_nothing(w);
    ck_assert(!chmod(folder, 0700));
    watch_look(w);
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

START_TEST(a_file_that_may_be_seen_again_is_found)
{
    struct watch *w = start();

    put(beside, "b.torrent", "b");
    put(folder, "a.torrent", "a");
    ck_assert(!symlink(path_in(beside, "b.torrent"), path_in(folder, "b.torrent")));
    become_nobody();
    ck_assert(geteuid() == 65534 || !chmod(beside, 0));
    watch_look(w);
    expect(w, WATCH_FILE, "a.torrent");
    expect_nothing(w);
    become_root_again();
    ck_assert(!chmod(beside, 0755));
    look_often(w);
    expect(w, WATCH_FILE, "b.torrent");
    expect_nothing(w);
    end_world(w);
}
END_TEST

/* More than the kernel keeps: everything is looked at again. */
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
    watch_look(w);
    while (watch_next(w, &e) == WATCH_FILE)
        n++;
    ck_assert_uint_eq(n, 302);
    expect_nothing(w);
    end_world(w);
}
END_TEST

RUN_SUITE("A folder that is watched", 60, what_is_there_is_found_and_nothing_else,
          a_file_is_news_when_it_is_whole, moves_links_and_changes_are_news,
          what_goes_is_news_with_the_owners_note,
          a_file_that_is_replaced_at_once_is_one_that_changed, what_is_postponed_comes_again,
          what_the_owner_writes_is_no_news, a_folder_that_goes_is_said_and_comes_back,
          a_folder_that_is_not_there_at_first_is_waited_for, lost_events_lose_no_file,
          without_inotify_it_is_looked_at_now_and_then, what_cannot_be_looked_at_is_not_gone,
          a_file_that_may_be_seen_again_is_found, what_other_machines_change_is_found);
