/* SPDX-License-Identifier: MIT */
#include "storage_fixture.h"

#include <errno.h>
#include <stdarg.h>

/* In place of the C library's: fails for resume data. */
static int error_of_resume, error_of_read;
static int resume_fd = -1;

int open(const char *path, int flags, ...)
{
    size_t n = strlen(path);
    bool is_resume = n > 7 && !strcmp(path + n - 7, ".resume");
    mode_t mode;
    va_list args;
    int fd;

    va_start(args, flags);
    mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (is_resume && error_of_resume) {
        errno = error_of_resume;
        return -1;
    }
    fd = openat(AT_FDCWD, path, flags, mode);
    if (is_resume)
        resume_fd = fd;
    return fd;
}

ssize_t pread(int fd, void *bytes, size_t n, off_t offset)
{
    if (error_of_read && fd == resume_fd) {
        errno = error_of_read;
        return -1;
    }
    return lseek(fd, offset, SEEK_SET) < 0 ? -1 : read(fd, bytes, n);
}

/* Pieces are written after the last save, and the process is killed. */
START_TEST(after_a_crash_no_piece_is_claimed_that_is_not_on_disk)
{
    struct sample sample;
    struct storage *s;
    char path[640];
    int fd;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    write_piece(&sample, s, 0);
    write_piece(&sample, s, 1);
    ck_assert_int_eq(write_blocks(&sample, s, 9, 0, 2, &bob, GOOD_BYTES), 0);
    hash_waiting(s);
    save(s, SAVE_RUNNING);
    write_piece(&sample, s, 2);
    ck_assert_int_eq(write_blocks(&sample, s, 10, 0, 2, &bob, GOOD_BYTES), 0);
    hash_waiting(s);
    storage_free(s);
    /* Another program changes a byte. */
    sample_path(&sample, 0, path);
    fd = open(path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "x", 1, 65536 + 7), 1);
    close(fd);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, 0);
    ck_assert_uint_ge(storage_n_doubtful(s), 3);
    check(s, CHECK_DOUBTFUL);
    ck_assert(bitfield_test(storage_have(s), 0));
    ck_assert(!bitfield_test(storage_have(s), 1));
    ck_assert(bitfield_test(storage_have(s), 2));
    ck_assert_uint_eq(storage_have(s)->n_set, 2);
    ck_assert(storage_has_block(s, 9, 1));
    ck_assert(!storage_has_block(s, 9, 2));
    close_storage(s);
    end(&sample);
}
END_TEST

static uint32_t count_stored_blocks(struct sample *sample, struct storage *s)
{
    uint32_t n = storage_have(s)->n_set * n_blocks_of(sample, 0);
    struct stored_blocks stored;

    ck_assert_int_eq(storage_list_stored(s, &stored), 0);
    for (size_t i = 0; i < stored.n; i++)
        n += (uint32_t)__builtin_popcountll(stored.runs[i].blocks);
    stored_blocks_deinit(&stored);
    return n;
}

/* Some pieces are written with allocation FIRST, the others with SECOND. */
static void change_allocation(enum allocation first, enum allocation second)
{
    static const uint32_t order[] = {9, 4, 12, 0, 7};
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, first, NULL);
    for (unsigned i = 0; i < 5; i++)
        write_piece(&sample, s, order[i]);
    hash_waiting(s);
    ck_assert_int_eq(write_blocks(&sample, s, 2, 0, 1, &bob, GOOD_BYTES), 0);
    close_storage(s);
    s = open_storage(&sample, second, NULL);
    /* Nothing is lost, and nothing is doubtful. */
    ck_assert_uint_eq(storage_n_doubtful(s), 0);
    ck_assert_uint_eq(count_stored_blocks(&sample, s), 5 * n_blocks_of(&sample, 0) + 1);
    for (uint32_t piece = 0; piece < sample.n_pieces; piece++)
        write_piece(&sample, s, piece);
    hash_waiting(s);
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces);
    ck_assert(sample_file_is_good(&sample, 0) && sample_file_is_good(&sample, 1));
    close_storage(s);
    /* A complete torrent is the same in each layout. */
    s = open_storage(&sample, second, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces);
    close_storage(s);
    end(&sample);
}

START_TEST(an_unfinished_torrent_keeps_the_layout_of_its_files)
{
    change_allocation(ALLOCATION_COMPACT, ALLOCATION_SPARSE);
    change_allocation(ALLOCATION_COMPACT, ALLOCATION_FULL);
    change_allocation(ALLOCATION_SPARSE, ALLOCATION_COMPACT);
    change_allocation(ALLOCATION_FULL, ALLOCATION_COMPACT);
}
END_TEST

START_TEST(only_pieces_of_touched_files_are_doubtful)
{
    struct sample sample;
    struct storage *s;
    char path[640];
    int fd;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    for (uint32_t piece = 0; piece < sample.n_pieces; piece++)
        write_piece(&sample, s, piece);
    hash_waiting(s);
    close_storage(s);
    sample_path(&sample, 1, path);
    fd = open(path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "x", 1, 400000), 1);
    close(fd);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, 7); /* file b begins in piece 7 */
    ck_assert_uint_eq(storage_n_doubtful(s), 9);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_have(s)->n_set, 15);
    ck_assert_uint_eq(storage_n_bad(s), 1);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(only_the_changed_one_of_a_hundred_files_is_hashed_again)
{
    const struct metainfo_file *changed;
    struct sample sample;
    struct storage *s;
    uint32_t first, last;

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_n_doubtful(s), 0);
    close_storage(s);

    sample.content[metainfo_file(sample.meta, 42)->offset + 77] ^= 1;
    sample_write_file(&sample, 42);
    changed = metainfo_file(sample.meta, 42);
    first = (uint32_t)(changed->offset / sample.piece_length);
    last = (uint32_t)((changed->offset + changed->length - 1) / sample.piece_length);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_n_doubtful(s), last - first + 1);
    for (uint32_t piece = 0; piece < sample.n_pieces; piece++)
        ck_assert_int_eq(bitfield_test(storage_have(s), piece), piece < first || piece > last);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_n_bad(s), 1);
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces - 1);
    close_storage(s);
    end(&sample);
}
END_TEST

/* The first file is the witness: when it has changed, the stamps of all files are read at once. */
START_TEST(no_file_is_trusted_when_the_first_one_has_changed)
{
    struct sample sample;
    struct storage *s;
    char path[640];

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    sample_change_file(&sample, 0);
    s = open_trusting(&sample);
    ck_assert(!storage_needs_restat(s));
    ck_assert_uint_eq(storage_n_doubtful(s), 1);
    close_storage(s);
    sample_path(&sample, 0, path);
    ck_assert_int_eq(unlink(path), 0);
    s = open_trusting(&sample);
    ck_assert(!storage_needs_restat(s));
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces - 1);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(corrupt_resume_data_is_set_aside)
{
    char aside[128];
    struct sample sample;
    struct storage *s;
    FILE *f;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    write_piece(&sample, s, 0);
    hash_waiting(s);
    close_storage(s);
    f = fopen(sample.resume, "r+");
    fputs("rubbish", f);
    fclose(f);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    snprintf(aside, sizeof aside, "%s.corrupt", sample.resume);
    ck_assert_int_eq(access(aside, F_OK), 0);
    ck_assert_int_ne(access(sample.resume, F_OK), 0);
    ck_assert_uint_eq(storage_have(s)->n_set, 0);
    ck_assert_uint_eq(storage_n_doubtful(s), 1);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_have(s)->n_set, 1);
    close_storage(s);
    end(&sample);
}
END_TEST

static void expect_open_error(struct sample *sample, int error)
{
    char reason[STORAGE_REASON_MAX];
    struct storage *s = NULL;
    struct disk_job *job;

    ck_assert_int_eq(try_open(sample, ALLOCATION_SPARSE, NULL, &s), 0);
    ck_assert_int_eq(storage_prepare_open(s, &job), 0);
    ck_assert_int_eq(run(job), -error);
    ck_assert(!storage_failed_in_content(s));
    storage_describe_error(s, -error, reason);
    ck_assert_msg(strstr(reason, sample->resume) && strstr(reason, strerror(error)), "%s", reason);
    storage_free(s);
}

/* Only bytes that cannot be decoded are corrupt. */
START_TEST(resume_data_that_cannot_be_read_is_kept)
{
    static const int errors[] = {EMFILE, ENFILE, ENOMEM, EACCES, EIO, ESTALE};
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    write_piece(&sample, s, 0);
    hash_waiting(s);
    close_storage(s);
    for (unsigned i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        error_of_resume = errors[i];
        expect_open_error(&sample, errors[i]);
        error_of_resume = 0;
        error_of_read = errors[i];
        expect_open_error(&sample, errors[i]);
        error_of_read = 0;
    }
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_n_doubtful(s), 0);
    ck_assert_uint_eq(storage_have(s)->n_set, 1);
    close_storage(s);
    end(&sample);
}
END_TEST

/* The piece on the border of a file that was not wanted is in a part file until then. */
START_TEST(a_wider_selection_loses_no_piece)
{
    const bool skip[] = {false, true};
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, skip);
    for (uint32_t piece = 0; piece < 8; piece++)
        write_piece(&sample, s, piece);
    hash_waiting(s);
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_n_doubtful(s), 0);
    ck_assert_uint_eq(storage_have(s)->n_set, 8);
    for (uint32_t piece = 8; piece < sample.n_pieces; piece++)
        write_piece(&sample, s, piece);
    hash_waiting(s);
    expect_all_files(&sample, NULL);
    close_storage(s);
    /* No part file is put over a file that is there already. */
    s = open_storage(&sample, ALLOCATION_SPARSE, skip);
    check(s, CHECK_DOUBTFUL);
    write_piece(&sample, s, 7);
    hash_waiting(s);
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    check(s, CHECK_DOUBTFUL);
    ck_assert(bitfield_all(storage_have(s)));
    close_storage(s);
    end(&sample);
}
END_TEST

static uint64_t n_allocated(const struct sample *sample, uint32_t file)
{
    struct stat st;
    char path[640];

    sample_path(sample, file, path);
    ck_assert_int_eq(stat(path, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

/* The download began with holes, or files were copied with holes. */
START_TEST(full_allocation_reserves_room_at_every_start)
{
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    write_piece(&sample, s, 0);
    write_piece(&sample, s, sample.n_pieces - 1);
    hash_waiting(s);
    ck_assert_uint_lt(n_allocated(&sample, 0), 500000);
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_FULL, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, 2);
    for (uint32_t file = 0; file < 2; file++)
        ck_assert_uint_ge(n_allocated(&sample, file), 500000);
    close_storage(s);
    end(&sample);
}
END_TEST

/* Names that are one file cannot hold two files; content that is there already can be served. */
START_TEST(one_file_under_two_names_is_not_written_to)
{
    char path[640], other[640], reason[STORAGE_REASON_MAX];
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    for (uint32_t piece = 0; piece < 8; piece++)
        write_piece(&sample, s, piece);
    hash_waiting(s);
    close_storage(s);
    sample_path(&sample, 0, path);
    sample_path(&sample, 1, other);
    ck_assert_int_eq(unlink(other), 0);
    ck_assert_int_eq(link(path, other), 0);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_have(s)->n_set, 7);
    ck_assert_int_eq(write_blocks(&sample, s, 9, 0, 4, &alice, GOOD_BYTES), -EMLINK);
    ck_assert(storage_failed_in_content(s));
    storage_describe_error(s, -EMLINK, reason);
    ck_assert_msg(strstr(reason, "T/b: another file of the torrent is the same file"), "%s",
                  reason);
    ck_assert(sample_file_is_good(&sample, 0));
    close_storage(s);
    ck_assert_int_eq(unlink(other), 0);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    check(s, CHECK_DOUBTFUL);
    write_piece(&sample, s, 9);
    close_storage(s);
    end(&sample);
}
END_TEST

RUN_SUITE("open", 20, after_a_crash_no_piece_is_claimed_that_is_not_on_disk,
          an_unfinished_torrent_keeps_the_layout_of_its_files,
          only_pieces_of_touched_files_are_doubtful,
          only_the_changed_one_of_a_hundred_files_is_hashed_again,
          no_file_is_trusted_when_the_first_one_has_changed, corrupt_resume_data_is_set_aside,
          resume_data_that_cannot_be_read_is_kept, a_wider_selection_loses_no_piece,
          full_allocation_reserves_room_at_every_start, one_file_under_two_names_is_not_written_to);
