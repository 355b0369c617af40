/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/help.h"
#include "cli/option_table.h"
#include "conjure/base/alloc.h"

static char *written; /* --help */

static void write_help(void)
{
    size_t n;
    FILE *out = open_memstream(&written, &n);

    help_write(out);
    fclose(out);
}

START_TEST(the_help_names_every_option)
{
    write_help();
    for (size_t i = 0; i < N_OPTIONS; i++) {
        char option[64];

        snprintf(option, sizeof option, "--%s%s", option_table[i].name,
                 option_table[i].argument ? "=" : " ");
        ck_assert_msg(strstr(written, option), "help does not name %s", option);
    }
    free(written);
}
END_TEST

START_TEST(no_line_is_wider_than_a_terminal)
{
    write_help();
    for (char *line = strtok(written, "\n"); line; line = strtok(NULL, "\n"))
        ck_assert_msg(strlen(line) < 80, "too wide: '%s'", line);
    free(written);
}
END_TEST

START_TEST(every_explanation_begins_in_one_column)
{
    size_t n_options = 0;

    write_help();
    for (char *line = strtok(written, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, "  ", 2) || !strstr(line, "--") || strlen(line) < 40 || line[6] != '-')
            continue;
        n_options++;
        ck_assert_msg(line[32] == ' ' && line[33] != ' ', "'%s'", line);
    }
    ck_assert_uint_eq(n_options, N_OPTIONS);
    free(written);
}
END_TEST

START_TEST(only_subcommands_that_were_built_are_shown)
{
    write_help();
    ck_assert_int_eq(!!strstr(written, "conjure tracker"), CONJURE_WITH_TRACKER);
    ck_assert_int_eq(!!strstr(written, "[--json]"), CONJURE_WITH_JSON);
    free(written);
}
END_TEST

/* Whether TEXT contains "--name" as a whole word; roff writes a dash as "\-". */
static bool names_option(const char *text, const char *name)
{
    char with_escape[80], with_mdoc[80];
    const char *forms[] = {with_escape, with_mdoc};

    snprintf(with_escape, sizeof with_escape, "\\-\\-%s", name);
    snprintf(with_mdoc, sizeof with_mdoc, "Fl -%s", name);
    for (size_t i = 0; i < N_ELEMENTS(forms); i++)
        for (const char *p = text; (p = strstr(p, forms[i])); p++) {
            char after = p[strlen(forms[i])];

            if (after != '-' && !(after >= 'a' && after <= 'z'))
                return true;
        }
    return false;
}

START_TEST(the_manual_names_every_option)
{
    static char text[256 * 1024];
    FILE *f = fopen(MAN_PAGE, "r");
    size_t n;

    ck_assert_ptr_nonnull(f);
    n = fread(text, 1, sizeof text - 1, f);
    ck_assert_int_gt((int)n, 0);
    fclose(f);
    for (size_t i = 0; i < N_OPTIONS; i++)
        ck_assert_msg(names_option(text, option_table[i].name), "the manual does not name --%s",
                      option_table[i].name);
}
END_TEST

RUN_SUITE("help", 10, the_help_names_every_option, no_line_is_wider_than_a_terminal,
          every_explanation_begins_in_one_column, only_subcommands_that_were_built_are_shown,
          the_manual_names_every_option);
