/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdio.h>
#include <string.h>

#include "cli/config.h"
#include "conjure/base/alloc.h"

#define HASH "0123456789abcdef0123456789abcdef01234567"

/* The result of parsing a text. */
struct run {
    struct options o;
    unsigned n_wrong;
    char complaints[8192]; /* complaints, a newline after each */
};

static void note(void *arg, const char *text)
{
    struct run *r = arg;

    ck_assert_uint_lt(strlen(r->complaints) + strlen(text) + 2, sizeof r->complaints);
    strcat(strcat(r->complaints, text), "\n");
}

static void run_bytes(struct run *r, const char *text, size_t size)
{
    *r = (struct run){.o = OPTIONS_DEFAULT};
    r->n_wrong = config_parse("c.conf", text, size, &r->o, note, r);
}

static void run(struct run *r, const char *text)
{
    run_bytes(r, text, strlen(text));
}

static void expect_good(struct run *r, const char *text)
{
    run(r, text);
    ck_assert_msg(!r->n_wrong, "'%s'", r->complaints);
    ck_assert_str_eq(r->complaints, "");
}

START_TEST(an_empty_file_changes_nothing)
{
    static const char *const texts[] = {"", "\n", "\n\n", "# nothing", "#\n  # x = 1\n\t\n \r\n"};
    struct run r;

    for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
        expect_good(&r, texts[i]);
        ck_assert(!r.o.port_given && !r.o.dir && !r.o.n_sections && r.o.limit_lan);
        ck_assert_uint_eq(r.o.max_peers, 0);
        options_deinit(&r.o);
    }
}
END_TEST

START_TEST(every_option_may_stand_there)
{
    struct run r;

    expect_good(&r, "output = /srv/in\n"
                    "port=51413\r\n"
                    "  verbose  =  yes  \n"
                    "quiet = no\n"
                    "foreground = yes\n"
                    "max-peers\t=\t17\n"
                    "max-download-limit = 1.5M\n"
                    "max-upload-limit = 64K\n"
                    "limit-lan = no\n"
                    "seed-ratio = 2.5\n"
                    "seed-time = 0.5\n"
                    "super-seed = yes\n"
                    "check-integrity = yes\n"
                    "allow-overwrite = yes\n"
                    "allocation = compact\n"
                    "save-interval = 5\n"
                    "state-dir = /var/lib/a = b # c\n"
                    "torrents-dir = t\n"
                    "pid-file = /run/p");
    ck_assert_str_eq(r.o.dir, "/srv/in");
    ck_assert(r.o.port_given && r.o.verbose && !r.o.quiet && r.o.foreground);
    ck_assert_uint_eq(r.o.port, 51413);
    ck_assert_uint_eq(r.o.max_peers, 17);
    ck_assert_uint_eq(r.o.max_download_limit, 1572864);
    ck_assert_uint_eq(r.o.max_upload_limit, 65536);
    ck_assert(!r.o.limit_lan && r.o.super_seed && r.o.check_integrity);
    ck_assert(r.o.allow_overwrite);
    ck_assert_double_eq(r.o.seed_ratio, 2.5);
    ck_assert_uint_eq(r.o.seed_time_s, 30);
    ck_assert_int_eq(r.o.allocation, ALLOCATION_COMPACT);
    ck_assert_uint_eq(r.o.save_interval_s, 5);
    ck_assert_str_eq(r.o.state_dir, "/var/lib/a = b # c");
    ck_assert_str_eq(r.o.torrents_dir, "t");
    ck_assert_str_eq(r.o.pid_file, "/run/p");
    options_deinit(&r.o);
    options_deinit(&r.o);
}
END_TEST

START_TEST(a_mark_of_utf8_is_no_part_of_the_first_line)
{
    struct run r;

    expect_good(&r, "\xef\xbb\xbf"
                    "port = 51413\r\n");
    ck_assert_uint_eq(r.o.port, 51413);
    options_deinit(&r.o);
    expect_good(&r, "\xef\xbb\xbf");
    run(&r, "port = 51413\n\xef\xbb\xbfquiet = yes\n");
    ck_assert_uint_eq(r.n_wrong, 1);
    options_deinit(&r.o);
}
END_TEST

START_TEST(a_section_is_about_one_torrent)
{
    const struct option_section *s;
    struct run r;

    expect_good(&r, "seed-ratio = 3\n"
                    "[0123456789ABCDEF0123456789abcdef01234567]\n"
                    "max-upload-limit = 2K\n"
                    "seed-time = 2\n"
                    "[ [Group] a name = with #2 ]\n"
                    "max-download-limit = 1K\n"
                    "seed-ratio = 0\n"
                    "super-seed = no\n"
                    "[0123]");
    ck_assert_double_eq(r.o.seed_ratio, 3);
    ck_assert_uint_eq(r.o.max_upload_limit, 0);
    ck_assert_uint_eq(r.o.max_download_limit, 0);
    ck_assert_uint_eq(r.o.seed_time_s, OPTIONS_SEED_TIME_NONE);
    ck_assert_uint_eq(r.o.n_sections, 3);
    s = r.o.sections;
    ck_assert_str_eq(s->torrent, HASH);
    ck_assert_uint_eq(s->line, 2);
    ck_assert_uint_eq(s->max_upload_limit, 2048);
    ck_assert_uint_eq(s->max_download_limit, 0);
    ck_assert(s->has_seed_time && !s->has_seed_ratio && !s->has_super_seed);
    ck_assert_uint_eq(s->seed_time_s, 120);
    s++;
    ck_assert_str_eq(s->torrent, " [Group] a name = with #2 ");
    ck_assert_uint_eq(s->line, 5);
    ck_assert_uint_eq(s->max_download_limit, 1024);
    ck_assert(!s->has_seed_time && s->has_seed_ratio && s->has_super_seed && !s->super_seed);
    ck_assert_double_eq(s->seed_ratio, 0);
    s++;
    ck_assert_str_eq(s->torrent, "0123");
    ck_assert(!s->has_seed_time && !s->has_seed_ratio && !s->has_super_seed);
    options_deinit(&r.o);
}
END_TEST

START_TEST(every_wrong_line_is_named)
{
    static const struct {
        const char *text, *complaints;
    } cases[] = {
        {"\n\n#\n\n\n\nmax-peers = many",
         "c.conf:7: max-peers: 'many' is not a number between 1 and 100000\n"},
        {"port = 65536", "c.conf:1: port: '65536' is not a port between 0 and 65535\n"},
        {"port =", "c.conf:1: port: '' is not a port between 0 and 65535\n"},
        {"verbose = true", "c.conf:1: verbose: 'true' is not yes or no\n"},
        {"limit-lan = 1", "c.conf:1: limit-lan: '1' is not yes or no\n"},
        {"max-upload-limit = 10 # K",
         "c.conf:1: max-upload-limit: '10 # K' is not bytes per second such as 500K or 1.5M\n"},
        {"output =", "c.conf:1: output: '' is not the name of a folder\n"},
        {"verbose", "c.conf:1: 'verbose' is not 'key = value'\n"},
        {" = yes", "c.conf:1: '= yes' is not 'key = value'\n"},
        {"Port = 1", "c.conf:1: 'Port' is not an option\n"},
        {"--port = 1", "c.conf:1: '--port' is not an option\n"},
        {"por = 1", "c.conf:1: 'por' is not an option\n"},
        {"a\033[31mb = 1", "c.conf:1: 'a?[31mb' is not an option\n"},
        {"daemon = yes", "c.conf:1: daemon is allowed on the command line only\n"},
        {"config = x", "c.conf:1: config is allowed on the command line only\n"},
        {"select-file = 1", "c.conf:1: select-file is allowed on the command line only\n"},
        {"help = yes", "c.conf:1: help is allowed on the command line only\n"},
        {"port = 1\nport = 1", "c.conf:2: port is already set in line 1\n"},
        {"verbose = yes\nquiet = yes", "c.conf:2: verbose and quiet contradict each other\n"},
        {"[]", "c.conf:1: '[]' is not [NAME] or [INFO-HASH]\n"},
        {"[x", "c.conf:1: '[x' is not [NAME] or [INFO-HASH]\n"},
        {"[x] # y", "c.conf:1: '[x] # y' is not [NAME] or [INFO-HASH]\n"},
        {"[x]\nport = 1", "c.conf:2: port cannot be set for one torrent\n"},
        {"[x]\nmax-peers = many", "c.conf:2: max-peers cannot be set for one torrent\n"},
        {"[x]\nseed-time = 1h",
         "c.conf:2: seed-time: '1h' is not a number of minutes such as 30 or 0.5\n"},
        {"[x]\nseed-time = 1\nseed-time = 2", "c.conf:3: seed-time is already set in line 2\n"},
        {"[x]\n[y]\n[x]", "c.conf:3: [x] already begins in line 1\n"},
        {"[" HASH "]\n[0123456789ABCDEF0123456789ABCDEF01234567]",
         "c.conf:2: [0123456789ABCDEF0123456789ABCDEF01234567] already begins in line 1\n"},
        /* Lines below a wrong heading are still parsed, but apply to no torrent. */
        {"[x\nseed-ratio = 1\nseed-time = x\n",
         "c.conf:1: '[x' is not [NAME] or [INFO-HASH]\n"
         "c.conf:3: seed-time: 'x' is not a number of minutes such as 30 or 0.5\n"},
        {"port = x\n\nquiet = 1\n[a]\nnone = 1\n",
         "c.conf:1: port: 'x' is not a port between 0 and 65535\n"
         "c.conf:3: quiet: '1' is not yes or no\n"
         "c.conf:5: 'none' is not an option\n"},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct run r;

        run(&r, cases[i].text);
        ck_assert_msg(!strcmp(r.complaints, cases[i].complaints), "'%s' -> '%s'", cases[i].text,
                      r.complaints);
        ck_assert_uint_gt(r.n_wrong, 0);
        options_deinit(&r.o);
    }
}
END_TEST

START_TEST(what_is_no_text_is_refused)
{
    static const char nul[] = "port = 1\nquiet = y\0es\n";
    char *large = mem_new(CONFIG_SIZE_MAX + 1);
    struct run r;

    run_bytes(&r, nul, sizeof nul - 1);
    ck_assert_str_eq(r.complaints, "c.conf:2: contains a zero byte: not a text file\n");
    options_deinit(&r.o);
    memset(large, '\n', CONFIG_SIZE_MAX + 1);
    run_bytes(&r, large, CONFIG_SIZE_MAX);
    ck_assert_uint_eq(r.n_wrong, 0);
    options_deinit(&r.o);
    run_bytes(&r, large, CONFIG_SIZE_MAX + 1);
    ck_assert_str_eq(r.complaints, "c.conf: longer than 1 MiB\n");
    ck_assert_uint_eq(r.n_wrong, 1);
    options_deinit(&r.o);
    /* A binary file is not quoted at length. */
    memset(large, 0xc3, CONFIG_SIZE_MAX);
    run_bytes(&r, large, CONFIG_SIZE_MAX);
    ck_assert_uint_eq(r.n_wrong, 1);
    ck_assert_uint_lt(strlen(r.complaints), 200);
    options_deinit(&r.o);
    free(large);
}
END_TEST

START_TEST(complaints_and_sections_have_an_end)
{
    char *text = mem_new(CONFIG_SIZE_MAX + 1), *p = text;
    unsigned n_lines = 0;
    struct run r;

    for (int i = 0; i < 100; i++)
        p = stpcpy(p, "x\n");
    run(&r, text);
    ck_assert_uint_eq(r.n_wrong, 100);
    for (const char *q = r.complaints; (q = strchr(q, '\n')); q++)
        n_lines++;
    ck_assert_uint_eq(n_lines, CONFIG_WRONG_MAX + 1);
    ck_assert_ptr_nonnull(strstr(r.complaints, "c.conf:21: more lines are wrong\n"));
    options_deinit(&r.o);
    p = text;
    for (unsigned i = 0; i < CONFIG_SECTIONS_MAX; i++)
        p += sprintf(p, "[%u]\n", i);
    expect_good(&r, text);
    ck_assert_uint_eq(r.o.n_sections, CONFIG_SECTIONS_MAX);
    options_deinit(&r.o);
    strcpy(p, "[one more]\n");
    run(&r, text);
    ck_assert_str_eq(r.complaints, "c.conf:4097: more than 4096 sections\n");
    options_deinit(&r.o);
    free(text);
}
END_TEST

/* A file that is cut at any byte is parsed safely. */
START_TEST(a_cut_at_every_byte)
{
    static const char text[] = "# x\nport = 1\nverbose = yes\n[name]\nseed-ratio = 1.5\n[" HASH
                               "]\nmax-upload-limit = 1K\n";

    for (size_t n = 0; n < sizeof text; n++) {
        char *copy = malloc(n + 1); /* so that ASan reports a read beyond it */
        struct run r;

        memcpy(copy, text, n);
        copy = realloc(copy, n ? n : 1);
        run_bytes(&r, copy, n);
        ck_assert_uint_le(r.n_wrong, 1);
        options_deinit(&r.o);
        free(copy);
    }
}
END_TEST

RUN_SUITE("config", 30, an_empty_file_changes_nothing, every_option_may_stand_there,
          a_mark_of_utf8_is_no_part_of_the_first_line, a_section_is_about_one_torrent,
          every_wrong_line_is_named, what_is_no_text_is_refused,
          complaints_and_sections_have_an_end, a_cut_at_every_byte);
