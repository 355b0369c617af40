/* SPDX-License-Identifier: MIT */
#include "storage_fixture.h"

#include <errno.h>
#include <sys/syscall.h>

/* In place of the C library's: a bad sector at this offset of the file with this inode. */
static ino_t bad_inode;
static off_t bad_at;
static int read_error;

ssize_t pread(int fd, void *bytes, size_t n, off_t offset)
{
    struct stat st;

    if (read_error && !fstat(fd, &st) && st.st_ino == bad_inode && offset <= bad_at &&
        bad_at < offset + (off_t)n) {
        errno = read_error;
        return -1;
    }
    return lseek(fd, offset, SEEK_SET) < 0 ? -1 : read(fd, bytes, n);
}

/* Writes some pieces in random order, so that many lie in slots of others. Not saved. */
static void download_in_disorder(struct sample *sample, uint32_t n)
{
    struct storage *s = open_storage(sample, ALLOCATION_COMPACT, NULL);

    while (n--) {
        uint32_t piece = rng_below(&rng, sample->n_pieces);

        write_blocks(sample, s, piece, 0, n_blocks_of(sample, piece), &alice, GOOD_BYTES);
        hash_waiting(s);
    }
    storage_free(s);
}

/* Sets KINDS, one per piece: 0 missing, 1 in its own slot, 2 in another one. */
static void list_pieces(struct storage *s, uint32_t n_pieces, uint8_t *kinds)
{
    struct stored_blocks stored;

    for (uint32_t piece = 0; piece < n_pieces; piece++)
        kinds[piece] = bitfield_test(storage_have(s), piece);
    ck_assert_int_eq(storage_list_stored(s, &stored), 0);
    for (size_t i = 0; i < stored.n; i++)
        kinds[stored.runs[i].piece] = 2;
    stored_blocks_deinit(&stored);
}

START_TEST(a_check_continues_where_it_was_stopped)
{
    struct sample sample;
    struct storage *s;
    uint32_t left;

    make_hundred_files(&sample);
    for (uint32_t file = 0; file < 100; file++)
        sample_write_file(&sample, file);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(begin_check(s, CHECK_DOUBTFUL), sample.n_pieces);
    check_some(s, 5);
    save(s, SAVE_RUNNING); /* then kill -9 */
    check_some(s, 3);
    storage_free(s);

    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, 5);
    left = sample.n_pieces - 5;
    ck_assert_uint_eq(storage_n_doubtful(s), left);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_n_checked(s), left);
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces);
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_n_doubtful(s), 0);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(a_check_of_all_continues_and_the_next_one_begins_anew)
{
    struct sample sample;
    struct storage *s;

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(begin_check(s, CHECK_ALL), sample.n_pieces);
    check_some(s, 7);
    close_storage(s);

    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, 7);
    ck_assert_uint_eq(begin_check(s, CHECK_ALL), sample.n_pieces - 7);
    check_some(s, sample.n_pieces - 7);
    ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces);
    close_storage(s);

    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(begin_check(s, CHECK_ALL), sample.n_pieces);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(pieces_in_a_job_are_as_doubtful_as_those_that_wait)
{
    struct disk_job *checking, *saving;
    struct sample sample;
    struct storage *s;

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    begin_check(s, CHECK_ALL);
    ck_assert_int_eq(storage_prepare_check(s, 4, &checking), 0);
    ck_assert_int_eq(storage_prepare_save(s, 0, 0, SAVE_RUNNING, &saving), 0);
    ck_assert_int_eq(run(saving), 0);
    ck_assert_int_eq(run(checking), 0);
    storage_free(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_uint_eq(storage_have(s)->n_set, 0);
    ck_assert_uint_eq(storage_n_doubtful(s), sample.n_pieces);
    storage_free(s);
    end(&sample);
}
END_TEST

START_TEST(cancelled_pieces_stay_doubtful)
{
    struct sample sample;
    struct disk_job *job;
    struct storage *s;

    make_hundred_files(&sample);
    close_storage(open_complete(&sample));
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    begin_check(s, CHECK_ALL);
    ck_assert_int_eq(storage_prepare_check(s, SHA1_LANES_MAX, &job), 0);
    disk_job_cancel(job);
    ck_assert_int_eq(run(job), 0);
    ck_assert_uint_eq(storage_have(s)->n_set, 0);
    ck_assert_uint_eq(storage_n_bad(s), 0);
    ck_assert_uint_eq(storage_n_doubtful(s), sample.n_pieces);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(a_scan_of_slots_continues_where_it_was_stopped)
{
    unsigned n_elsewhere = 0, n_less = 0;

    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint8_t expected[64] = {0}, found[64] = {0};
        uint32_t n_doubtful, n_to_check;
        struct sample sample;
        struct disk_job *job;
        struct storage *s;

        make_hundred_files(&sample);
        rng_seed(&rng, seed);
        download_in_disorder(&sample, 6 + rng_below(&rng, sample.n_pieces));
        s = open_storage(&sample, ALLOCATION_COMPACT, NULL);
        n_to_check = n_doubtful = storage_n_doubtful(s);
        for (unsigned i = 0; i < 3; i++) {
            begin_check(s, CHECK_DOUBTFUL);
            for (unsigned left = 1 + rng_below(&rng, 2 * n_to_check); left; left--) {
                ck_assert_int_eq(storage_prepare_check(s, 1, &job), 0);
                if (!job || run(job))
                    break;
            }
            save(s, storage_n_doubtful(s) ? SAVE_RUNNING : SAVE_CLOSING);
            storage_free(s); /* kill -9 */
            s = open_storage(&sample, ALLOCATION_COMPACT, NULL);
            ck_assert_uint_le(storage_n_doubtful(s), n_doubtful);
            n_doubtful = storage_n_doubtful(s);
        }
        n_less += n_doubtful < n_to_check;
        check(s, CHECK_DOUBTFUL);
        list_pieces(s, sample.n_pieces, found);
        storage_free(s);

        unlink(sample.resume);
        s = open_storage(&sample, ALLOCATION_COMPACT, NULL);
        ck_assert_uint_eq(storage_n_doubtful(s), n_to_check);
        check(s, CHECK_DOUBTFUL);
        list_pieces(s, sample.n_pieces, expected);
        ck_assert_mem_eq(found, expected, sizeof found);
        for (uint32_t piece = 0; piece < sample.n_pieces; piece++)
            n_elsewhere += expected[piece] == 2;
        close_storage(s);
        end(&sample);
    }
    ck_assert_uint_ge(n_less, 20);
    ck_assert_uint_ge(n_elsewhere, 40);
}
END_TEST

static int stat_error;

int fstatat(int dir_fd, const char *path, struct stat *st, int flags)
{
    if (stat_error) {
        errno = stat_error;
        return -1;
    }
    return (int)syscall(SYS_newfstatat, dir_fd, path, st, flags);
}

static void break_sector(const struct sample *sample, off_t at)
{
    struct stat st;
    char path[640];

    sample_path(sample, 0, path);
    ck_assert_int_eq(stat(path, &st), 0);
    bad_inode = st.st_ino;
    bad_at = at;
    read_error = EIO;
}

/* Of all pieces but the one with the bad sector, which is missing until it is written again. Resume
 * data has it as doubtful: the disk may have been away for a moment. */
static void expect_bad_sector_to_heal(enum allocation allocation)
{
    static const struct sample_file files[] = {{"a", 20 * 32768}};
    struct sample sample;
    struct storage *s;

    begin(41);
    sample_make(&sample, &rng, 32768, files, 1);
    sample_write_file(&sample, 0);
    break_sector(&sample, 7 * 32768 + 20000);
    for (unsigned run = 0; run < 2; run++) {
        s = open_storage(&sample, allocation, NULL);
        ck_assert(storage_n_doubtful(s) == (run ? 1 : sample.n_pieces));
        check(s, CHECK_DOUBTFUL);
        ck_assert_uint_eq(storage_have(s)->n_set, sample.n_pieces - 1);
        ck_assert(!bitfield_test(storage_have(s), 7));
        ck_assert_uint_eq(count_events(s, STORAGE_UNREADABLE), 1);
        close_storage(s);
    }
    s = open_storage(&sample, allocation, NULL);
    check(s, CHECK_DOUBTFUL);
    read_error = 0;
    write_piece(&sample, s, 7);
    hash_waiting(s);
    ck_assert(bitfield_all(storage_have(s)));
    close_storage(s);
    s = open_storage(&sample, allocation, NULL);
    ck_assert_uint_eq(storage_n_doubtful(s), 0);
    ck_assert(bitfield_all(storage_have(s)));
    close_storage(s);
    end(&sample);
}

START_TEST(a_piece_with_a_bad_sector_is_missing_until_it_is_written_again)
{
    expect_bad_sector_to_heal(ALLOCATION_SPARSE);
    expect_bad_sector_to_heal(ALLOCATION_COMPACT);
}
END_TEST

/* An error that is not about the disk: no piece is missing because of it. */
START_TEST(pieces_that_could_not_be_read_for_want_of_memory_stay_doubtful)
{
    for (unsigned i = 0; i < 2; i++) {
        enum allocation allocation = i ? ALLOCATION_COMPACT : ALLOCATION_SPARSE;
        struct sample sample;
        struct disk_job *job;
        struct storage *s;

        make_plain(&sample);
        sample_write_file(&sample, 0);
        sample_write_file(&sample, 1);
        s = open_storage(&sample, allocation, NULL);
        begin_check(s, CHECK_ALL);
        break_sector(&sample, 100);
        read_error = ENOMEM;
        ck_assert_int_eq(storage_prepare_check(s, 1, &job), 0);
        ck_assert_int_eq(run(job), -ENOMEM);
        read_error = 0;
        ck_assert_uint_eq(storage_n_doubtful(s), sample.n_pieces);
        close_storage(s);
        s = open_storage(&sample, allocation, NULL);
        check(s, CHECK_DOUBTFUL);
        ck_assert(bitfield_all(storage_have(s)));
        close_storage(s);
        end(&sample);
    }
}
END_TEST

START_TEST(a_received_piece_that_could_not_be_hashed_is_read_again_at_the_next_start)
{
    for (unsigned i = 0; i < 2; i++) {
        enum allocation allocation = i ? ALLOCATION_COMPACT : ALLOCATION_SPARSE;
        struct sample sample;
        struct disk_job *job;
        struct storage *s;

        make_plain(&sample);
        s = open_storage(&sample, allocation, NULL);
        write_piece(&sample, s, i ? 0 : 3);
        break_sector(&sample, i ? 100 : 3 * 65536 + 100);
        read_error = ENOMEM;
        ck_assert_int_eq(storage_prepare_hash(s, 1, &job), 0);
        ck_assert_int_eq(run(job), -ENOMEM);
        ck_assert_uint_eq(count_events(s, STORAGE_FAILED), 1);
        read_error = 0;
        close_storage(s);
        s = open_storage(&sample, allocation, NULL);
        check(s, CHECK_DOUBTFUL);
        ck_assert_uint_eq(storage_have(s)->n_set, 1);
        close_storage(s);
        end(&sample);
    }
}
END_TEST

START_TEST(a_check_that_cannot_begin_changes_nothing)
{
    struct sample sample;
    struct storage *s;
    uint32_t n;

    make_plain(&sample);
    s = open_complete(&sample);
    stat_error = EIO;
    ck_assert_int_eq(storage_begin_check(s, CHECK_ALL, &n), -EIO);
    stat_error = 0;
    ck_assert(bitfield_all(storage_have(s)));
    ck_assert_uint_eq(storage_n_doubtful(s), 0);
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert(bitfield_all(storage_have(s)));
    close_storage(s);
    end(&sample);
}
END_TEST

RUN_SUITE("check", 60, a_check_continues_where_it_was_stopped,
          a_check_of_all_continues_and_the_next_one_begins_anew,
          pieces_in_a_job_are_as_doubtful_as_those_that_wait, cancelled_pieces_stay_doubtful,
          a_scan_of_slots_continues_where_it_was_stopped,
          a_piece_with_a_bad_sector_is_missing_until_it_is_written_again,
          pieces_that_could_not_be_read_for_want_of_memory_stay_doubtful,
          a_received_piece_that_could_not_be_hashed_is_read_again_at_the_next_start,
          a_check_that_cannot_begin_changes_nothing);
