/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include "actors/fs/queue.h"
#include "fs/internal.h"

/* FS without workers, so that every job is queued; storages without a disk. */
static struct fs fs;
static struct fs_torrent torrents[2];
static struct storage storages[2];
static struct disk_job jobs[64];
static unsigned n_jobs;

static void begin(void)
{
    n_jobs = 0;
    fs = (struct fs){0};
    for (unsigned i = 0; i < 2; i++) {
        torrents[i] = (struct fs_torrent){0};
        storages[i].owner = &torrents[i];
    }
}

static void add(unsigned torrent, enum disk_job_kind kind)
{
    struct disk_job *job = &jobs[n_jobs++];

    *job = (struct disk_job){.kind = kind, .storage = &storages[torrent]};
    fs_queue_add(&fs, job);
}

/* The jobs of the next list, by number. */
static void expect(const unsigned *numbers, unsigned n)
{
    struct disk_job *job = fs_queue_take(&fs);

    for (unsigned i = 0; i < n; i++, job = job->next) {
        ck_assert_ptr_nonnull(job);
        ck_assert_uint_eq(job - jobs, numbers[i]);
    }
    ck_assert_ptr_null(job);
}

START_TEST(a_list_of_writes_is_of_one_torrent)
{
    begin();
    add(0, DISK_WRITE);
    add(1, DISK_WRITE);
    add(0, DISK_HASH);
    add(0, DISK_WRITE);
    expect((const unsigned[]){0, 3}, 2);
    torrents[0].writing = true;
    add(0, DISK_WRITE);
    expect((const unsigned[]){1}, 1);
    expect((const unsigned[]){2}, 1);
    expect(NULL, 0); /* one writer at a time */
    torrents[0].writing = false;
    expect((const unsigned[]){4}, 1);
    ck_assert(!fs.queue_first && !fs.queue_last);
}
END_TEST

START_TEST(saves_are_gathered_up_to_sixteen)
{
    struct disk_job *job;
    unsigned n = 0;

    begin();
    for (unsigned i = 0; i < 20; i++) {
        add(i % 2, DISK_SAVE);
        add(i % 2, DISK_HASH);
    }
    for (job = fs_queue_take(&fs); job; job = job->next, n++)
        ck_assert_int_eq(job->kind, DISK_SAVE);
    ck_assert_uint_eq(n, 16);
    for (unsigned i = 0; i < 16; i++)
        expect((const unsigned[]){2 * i + 1}, 1);
    expect((const unsigned[]){32, 34, 36, 38}, 4);
    for (unsigned i = 16; i < 20; i++)
        expect((const unsigned[]){2 * i + 1}, 1);
    expect(NULL, 0);
}
END_TEST

START_TEST(only_idle_workers_are_found)
{
    struct fs_worker workers[2] = {{.busy = true}};

    ck_assert_ptr_eq(fs_queue_find_idle(workers, 2), &workers[1]);
    workers[1].busy = true;
    ck_assert_ptr_null(fs_queue_find_idle(workers, 2));
    begin();
    ck_assert(!fs_queue_has_idle(&fs));
}
END_TEST

RUN_SUITE("fs queue", 10, a_list_of_writes_is_of_one_torrent, saves_are_gathered_up_to_sixteen,
          only_idle_workers_are_found);
