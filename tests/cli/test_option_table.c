/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <ctype.h>
#include <string.h>

#include "cli/option_table.h"

START_TEST(names_and_letters_are_unique)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        for (size_t k = 0; k < i; k++) {
            ck_assert_str_ne(option_table[i].name, option_table[k].name);
            ck_assert(!option_table[i].letter || option_table[i].letter != option_table[k].letter);
        }
}
END_TEST

START_TEST(rows_are_in_the_form_that_help_expects)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option_row *o = &option_table[i];

        for (const char *p = o->name; *p; p++)
            ck_assert_msg(islower((unsigned char)*p) || *p == '-', "%s", o->name);
        ck_assert(!o->letter || isalpha((unsigned char)o->letter));
        ck_assert_msg(o->help[strlen(o->help) - 1] != '.', "%s", o->name);
        ck_assert_msg(islower((unsigned char)o->help[0]), "%s", o->name);
    }
}
END_TEST

START_TEST(ids_are_places_in_the_table)
{
    ck_assert_str_eq(option_table[OPTION_OUTPUT].name, "output");
    ck_assert_str_eq(option_table[OPTION_MAX_PEERS].name, "max-peers");
    ck_assert_str_eq(option_table[OPTION_VERSION].name, "version");
    ck_assert_uint_eq(OPTION_VERSION, N_OPTIONS - 1);
}
END_TEST

RUN_SUITE("option table", 10, names_and_letters_are_unique, rows_are_in_the_form_that_help_expects,
          ids_are_places_in_the_table);
