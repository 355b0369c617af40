/* SPDX-License-Identifier: MIT */
#include "storage_fixture.h"

START_TEST(thousands_of_files_in_one_piece)
{
    enum { N = 5000 };
    struct sample_file *files = calloc(N, sizeof *files);
    char(*names)[16] = calloc(N, sizeof *names);
    struct sample sample;
    struct storage *s;

    begin(6);
    for (unsigned i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "%u/%u", i % 10, i);
        files[i] = (struct sample_file){names[i], i % 7 ? 20 : 0, NULL};
    }
    sample_make(&sample, &rng, 65536, files, N);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    for (uint32_t piece = 0; piece < sample.n_pieces; piece++)
        write_piece(&sample, s, piece);
    hash_waiting(s);
    ck_assert(bitfield_all(storage_have(s)));
    ck_assert_uint_le(pool.n_open, pool.cap);
    expect_all_files(&sample, NULL);
    close_storage(s);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert(bitfield_all(storage_have(s)));
    check(s, CHECK_ALL);
    ck_assert(bitfield_all(storage_have(s)));
    close_storage(s);
    end(&sample);
    free(files);
    free(names);
}
END_TEST

RUN_SUITE("job", 110, thousands_of_files_in_one_piece);
