/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdio.h>
#include <string.h>

#include "conjure/base/log.h"

static enum log_level last_level;
static char last_facility[32], last_text[2 * LOG_LINE_MAX];
static unsigned n_lines;

static void sink(enum log_level level, const char *facility, const char *text)
{
    last_level = level;
    snprintf(last_facility, sizeof last_facility, "%s", facility);
    snprintf(last_text, sizeof last_text, "%s", text);
    n_lines++;
}

static unsigned n_formatted;

static const char *argument(void)
{
    n_formatted++;
    return "x";
}

START_TEST(lines_up_to_the_threshold_reach_the_sink)
{
    log_set_sink(sink);
    log_threshold = LOG_LEVEL_NOTICE;
    log_notice("fs", "%s %d", argument(), 7);
    ck_assert_uint_eq(n_lines, 1);
    ck_assert(last_level == LOG_LEVEL_NOTICE);
    ck_assert_str_eq(last_facility, "fs");
    ck_assert_str_eq(last_text, "x 7");
    log_err("fs", "%s", argument());
    ck_assert_uint_eq(n_lines, 2);
    log_info("fs", "%s", argument());
    log_debug("fs", "%s", argument());
    ck_assert_uint_eq(n_lines, 2);
    ck_assert_uint_eq(n_formatted, 2); /* below, not even the arguments are evaluated */
}
END_TEST

START_TEST(control_characters_are_replaced)
{
    log_set_sink(sink);
    log_err("peer", "%s", "a\033[2Jb\nc\177d \xc3\xa9");
    ck_assert_str_eq(last_text, "a?[2Jb?c?d \xc3\xa9");
    /* U+009B is CSI, as ESC [ is; U+00A0 and U+06DB are printed. */
    log_err("peer", "%s",
            "\xc2\x9b"
            "2J\xc2\x80\xc2\x9f\xc2\xa0\xdb\x9b\xc2");
    ck_assert_str_eq(last_text, "??2J????\xc2\xa0\xdb\x9b\xc2");
}
END_TEST

START_TEST(long_lines_are_cut)
{
    char text[2 * LOG_LINE_MAX];

    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_set_sink(sink);
    log_err("peer", "%s", text);
    ck_assert_uint_eq(strlen(last_text), LOG_LINE_MAX - 1);
}
END_TEST

START_TEST(every_level_has_a_name)
{
    ck_assert_str_eq(log_level_name(LOG_LEVEL_ERR), "error");
    ck_assert_str_eq(log_level_name(LOG_LEVEL_WARNING), "warning");
    ck_assert_str_eq(log_level_name(LOG_LEVEL_NOTICE), "notice");
    ck_assert_str_eq(log_level_name(LOG_LEVEL_INFO), "info");
    ck_assert_str_eq(log_level_name(LOG_LEVEL_DEBUG), "debug");
}
END_TEST

RUN_SUITE("log", 10, lines_up_to_the_threshold_reach_the_sink, control_characters_are_replaced,
          long_lines_are_cut, every_level_has_a_name);
