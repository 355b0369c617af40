/* SPDX-License-Identifier: MIT */
#include "storage_fixture.h"

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
    ck_assert_int_eq(write_blocks(&sample, s, 9, 0, 2, &bob, false), 0);
    hash_waiting(s);
    save(s, SAVE_RUNNING);
    write_piece(&sample, s, 2);
    ck_assert_int_eq(write_blocks(&sample, s, 10, 0, 2, &bob, false), 0);
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

RUN_SUITE("open", 20, after_a_crash_no_piece_is_claimed_that_is_not_on_disk,
          only_pieces_of_touched_files_are_doubtful,
          only_the_changed_one_of_a_hundred_files_is_hashed_again,
          no_file_is_trusted_when_the_first_one_has_changed, corrupt_resume_data_is_set_aside);
