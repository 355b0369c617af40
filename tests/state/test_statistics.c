/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/state/statistics.h"

#define GOOD "d7:conjurei1e10:downloadedi2e7:runningi3e6:startsi4e8:uploadedi5ee"

static char folder[64], path[96];

static void make_world(const char *name)
{
    strcpy(folder, "/tmp/conjure-state-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/%s", folder, name);
}

static void end_world(void)
{
    char command[160];

    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert(!system(command));
}

static void put(const char *text)
{
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    ck_assert(!fclose(f));
}

START_TEST(statistics_are_decoded_and_encoded_again)
{
    struct statistics s = STATISTICS_EMPTY;
    char reason[STATISTICS_REASON_MAX];
    uint8_t *bytes;
    size_t n;

    ck_assert(!statistics_decode((const uint8_t *)GOOD, strlen(GOOD), &s, reason));
    ck_assert_uint_eq(s.downloaded, 2);
    ck_assert_uint_eq(s.running_s, 3);
    ck_assert_uint_eq(s.n_starts, 4);
    ck_assert_uint_eq(s.uploaded, 5);
    ck_assert(!statistics_encode(&s, &bytes, &n));
    ck_assert_uint_eq(n, strlen(GOOD));
    ck_assert(!memcmp(bytes, GOOD, n));
    free(bytes);
    for (n = 0; n < strlen(GOOD); n++)
        ck_assert_int_eq(statistics_decode((const uint8_t *)GOOD, n, &s, reason),
                         STATISTICS_CORRUPT);
}
END_TEST

START_TEST(corrupt_statistics_are_named_and_not_taken)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"le", "must be a dictionary"},
        {"d7:conjurei9ee", "conjure: must be 1"},
        {"d7:conjurei1e10:downloadedi-2e7:runningi3e6:startsi4e8:uploadedi5ee", "downloaded"},
        {GOOD "e", "follow"},
    };

    make_world("statistics");
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct statistics s = {.uploaded = 77};
        char reason[STATISTICS_REASON_MAX];

        put(cases[i].text);
        ck_assert_int_eq(statistics_load(path, &s, reason), STATISTICS_CORRUPT);
        ck_assert_msg(strstr(reason, cases[i].reason), "%zu: %s", i, reason);
        ck_assert_uint_eq(s.uploaded, 77);
    }
    end_world();
}
END_TEST

START_TEST(a_file_of_statistics_is_saved_and_loaded)
{
    struct statistics s = {.uploaded = INT64_MAX, .n_starts = 1}, again = STATISTICS_EMPTY;
    char reason[STATISTICS_REASON_MAX];

    make_world("statistics");
    ck_assert_int_eq(statistics_load(path, &again, reason), -ENOENT);
    ck_assert(!statistics_save(path, &s));
    ck_assert(!statistics_load(path, &again, reason));
    ck_assert(!memcmp(&s, &again, sizeof s));
    end_world();
}
END_TEST

RUN_SUITE("statistics", 10, statistics_are_decoded_and_encoded_again,
          corrupt_statistics_are_named_and_not_taken, a_file_of_statistics_is_saved_and_loaded);
