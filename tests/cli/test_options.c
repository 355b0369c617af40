/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/alloc.h"
#include "conjure/cli/options.h"

static void select_files(struct options *o, const struct file_range *ranges, uint32_t n)
{
    *o = OPTIONS_DEFAULT;
    o->selected = mem_new_array(n, sizeof *ranges);
    for (uint32_t i = 0; i < n; i++)
        o->selected[i] = ranges[i];
    o->n_selected = n;
}

START_TEST(all_files_are_selected_by_default)
{
    struct options o = OPTIONS_DEFAULT;

    ck_assert(options_selects(&o, 0) && options_selects(&o, UINT32_MAX));
    ck_assert_uint_eq(options_last_selected(&o), 0);
}
END_TEST

START_TEST(ranges_of_file_numbers_count_from_one)
{
    static const struct file_range ranges[] = {{7, 8}, {1, 2}, {2, 2}};
    struct options o;

    select_files(&o, ranges, N_ELEMENTS(ranges));
    for (uint32_t i = 0; i < 10; i++)
        ck_assert_int_eq(options_selects(&o, i), i < 2 || i == 6 || i == 7);
    ck_assert_uint_eq(options_last_selected(&o), 8);
    options_deinit(&o);
}
END_TEST

START_TEST(the_highest_file_number_is_the_last_of_all)
{
    static const struct file_range ranges[] = {{1, UINT32_MAX}};
    struct options o;

    select_files(&o, ranges, N_ELEMENTS(ranges));
    ck_assert(options_selects(&o, 0) && options_selects(&o, UINT32_MAX - 1));
    ck_assert(!options_selects(&o, UINT32_MAX));
    ck_assert_uint_eq(options_last_selected(&o), UINT32_MAX);
    options_deinit(&o);
}
END_TEST

/* ASan reports memory that is freed twice or never. */
START_TEST(deinit_frees_everything_and_is_safe_twice)
{
    static const struct file_range ranges[] = {{1, 1}};
    struct options o;

    select_files(&o, ranges, N_ELEMENTS(ranges));
    o.dir = mem_dup_string("a");
    o.state_dir = mem_dup_string("b");
    o.torrents_dir = mem_dup_string("c");
    o.config = mem_dup_string("d");
    o.pid_file = mem_dup_string("e");
    o.sections = mem_new_array(1, sizeof *o.sections);
    o.sections[0].torrent = mem_dup_string("f");
    o.n_sections = 1;
    options_deinit(&o);
    ck_assert(!o.dir && !o.selected && !o.sections && o.limit_lan);
    ck_assert_uint_eq(o.port, OPTIONS_PORT);
    options_deinit(&o);
}
END_TEST

RUN_SUITE("options", 10, all_files_are_selected_by_default, ranges_of_file_numbers_count_from_one,
          the_highest_file_number_is_the_last_of_all, deinit_frees_everything_and_is_safe_twice);
