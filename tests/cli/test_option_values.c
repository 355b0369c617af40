/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "cli/option_values.h"
#include "conjure/base/alloc.h"

static char reason[OPTION_REASON_MAX];

START_TEST(numbers_have_bounds)
{
    static const struct {
        enum option_id id;
        const char *value, *reason; /* NULL: valid */
    } cases[] = {
        {OPTION_PORT, "0", NULL},
        {OPTION_PORT, "65535", NULL},
        {OPTION_PORT, "65536", "'65536' is not a port between 0 and 65535"},
        {OPTION_PORT, "-1", "'-1' is not a port between 0 and 65535"},
        {OPTION_PORT, "", "'' is not a port between 0 and 65535"},
        {OPTION_MAX_PEERS, "1", NULL},
        {OPTION_MAX_PEERS, "100000", NULL},
        {OPTION_MAX_PEERS, "0", "'0' is not a number between 1 and 100000"},
        {OPTION_MAX_PEERS, "100001", "'100001' is not a number between 1 and 100000"},
        {OPTION_MAX_UPLOAD_LIMIT, "0", NULL},
        {OPTION_MAX_UPLOAD_LIMIT, "1.5M", NULL},
        {OPTION_MAX_UPLOAD_LIMIT, "1 M", "'1 M' is not bytes per second such as 500K or 1.5M"},
        {OPTION_MAX_DOWNLOAD_LIMIT, "fast", "'fast' is not bytes per second such as 500K or 1.5M"},
        {OPTION_SEED_RATIO, "1000000", NULL},
        {OPTION_SEED_RATIO, "1000001", "'1000001' is not a ratio such as 1.5"},
        {OPTION_SEED_RATIO, "1e3", "'1e3' is not a ratio such as 1.5"},
        {OPTION_SEED_TIME, "0", NULL},
        {OPTION_SEED_TIME, "100000001", "'100000001' is not a number of minutes such as 30 or 0.5"},
        {OPTION_SAVE_INTERVAL, "1", NULL},
        {OPTION_SAVE_INTERVAL, "3600", NULL},
        {OPTION_SAVE_INTERVAL, "0", "'0' is not a number of seconds between 1 and 3600"},
        {OPTION_SAVE_INTERVAL, "3601", "'3601' is not a number of seconds between 1 and 3600"},
        {OPTION_QUIET, "yes", NULL},
        {OPTION_QUIET, "Yes", "'Yes' is not yes or no"},
        {OPTION_ALLOCATION, "full", NULL},
        {OPTION_ALLOCATION, "Full", "'Full' is not one of sparse, full and compact"},
        {OPTION_OUTPUT, "", "'' is not the name of a folder"},
        {OPTION_PID_FILE, "", "'' is not the name of a file"},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct options o = OPTIONS_DEFAULT;
        enum option_result r = option_set(&o, cases[i].id, cases[i].value, reason);

        ck_assert_msg((r == OPTION_INVALID) == !!cases[i].reason, "'%s'", cases[i].value);
        if (cases[i].reason)
            ck_assert_str_eq(reason, cases[i].reason);
        options_deinit(&o);
    }
}
END_TEST

START_TEST(an_invalid_value_changes_nothing)
{
    struct options o = OPTIONS_DEFAULT;

    ck_assert_int_eq(option_set(&o, OPTION_PORT, "7", reason), OPTION_SET);
    ck_assert_int_eq(option_set(&o, OPTION_PORT, "x", reason), OPTION_INVALID);
    ck_assert_uint_eq(o.port, 7);
    ck_assert_int_eq(option_set(&o, OPTION_OUTPUT, "a", reason), OPTION_SET);
    ck_assert_int_eq(option_set(&o, OPTION_OUTPUT, "", reason), OPTION_INVALID);
    ck_assert_str_eq(o.dir, "a");
    options_deinit(&o);
}
END_TEST

START_TEST(units_are_those_of_struct_options)
{
    struct options o = OPTIONS_DEFAULT;

    ck_assert_int_eq(option_set(&o, OPTION_SEED_TIME, "1.5", reason), OPTION_SET);
    ck_assert_uint_eq(o.seed_time_s, 90);
    ck_assert_int_eq(option_set(&o, OPTION_MAX_DOWNLOAD_LIMIT, "2K", reason), OPTION_SET);
    ck_assert_uint_eq(o.max_download_limit, 2048);
    ck_assert_int_eq(option_set(&o, OPTION_LIMIT_LAN, "no", reason), OPTION_SET);
    ck_assert(!o.limit_lan);
    options_deinit(&o);
}
END_TEST

START_TEST(a_list_of_files_has_an_end)
{
    struct options o = OPTIONS_DEFAULT;
    char *list = mem_new(2 * OPTIONS_RANGES_MAX + 3), *p = list;

    for (unsigned i = 0; i < OPTIONS_RANGES_MAX; i++)
        p = stpcpy(p, i ? ",1" : "1");
    ck_assert_int_eq(option_set(&o, OPTION_SELECT_FILE, list, reason), OPTION_SET);
    ck_assert_uint_eq(o.n_selected, OPTIONS_RANGES_MAX);
    ck_assert_int_eq(option_set(&o, OPTION_SELECT_FILE, "1", reason), OPTION_INVALID);
    options_deinit(&o);
    strcpy(p, ",1");
    ck_assert_int_eq(option_set(&o, OPTION_SELECT_FILE, list, reason), OPTION_INVALID);
    /* Only the beginning of a long value is quoted. */
    ck_assert_ptr_nonnull(strstr(reason, "...' is not a list of file numbers such as 1-3,7"));
    options_deinit(&o);
    free(list);
}
END_TEST

RUN_SUITE("option values", 10, numbers_have_bounds, an_invalid_value_changes_nothing,
          units_are_those_of_struct_options, a_list_of_files_has_an_end);
