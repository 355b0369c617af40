/* SPDX-License-Identifier: MIT */
#include "storage_fixture.h"

/* Three torrents, each too small for all lanes, and one of them with a wrong piece. */
START_TEST(pieces_of_several_torrents_are_hashed_together)
{
    static const struct sample_file files[] = {{"a", 5 * 32768, NULL}};
    struct sample samples[3];
    struct storage *s[3];
    struct disk_job *jobs[3];

    begin(22);
    for (unsigned i = 0; i < 3; i++) {
        sample_make(&samples[i], &rng, 32768, files, 1);
        sample_write_file(&samples[i], 0);
        if (i == 1) {
            samples[i].content[3 * 32768] ^= 1;
            sample_write_file(&samples[i], 0);
        }
        s[i] = open_storage(&samples[i], ALLOCATION_SPARSE, NULL);
        ck_assert_uint_eq(begin_check(s[i], CHECK_DOUBTFUL), 5);
        ck_assert_uint_eq(storage_next_check_size(s[i]), 32768);
        ck_assert_int_eq(storage_prepare_check(s[i], SHA1_LANES_MAX, &jobs[i]), 0);
        if (i)
            jobs[i - 1]->next = jobs[i];
    }
    disk_jobs_run(jobs[0], &scratch);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(storage_finish(jobs[i]), 0);
        ck_assert_uint_eq(storage_have(s[i])->n_set, i == 1 ? 4 : 5);
        ck_assert(i != 1 || !bitfield_test(storage_have(s[i]), 3));
        close_storage(s[i]);
    }
    for (unsigned i = 0; i < 2; i++)
        sample_free(&samples[i]);
    end(&samples[2]);
}
END_TEST

RUN_SUITE("lanes", 20, pieces_of_several_torrents_are_hashed_together);
