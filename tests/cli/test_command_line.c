/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdio.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/option_table.h"
#include "conjure/base/alloc.h"

/* A command line and its outcome. */
struct run {
    struct options o;
    char *words; /* owned copy that argv points into */
    char *argv[40];
    int argc;
    int result;
    char *out, *err;
};

/* LINE is split at spaces; there is no quoting. */
static void run(struct run *r, const char *line)
{
    size_t n_out, n_err;
    FILE *out, *err;

    *r = (struct run){.o = OPTIONS_DEFAULT, .words = mem_dup_string(line)};
    out = open_memstream(&r->out, &n_out);
    err = open_memstream(&r->err, &n_err);
    for (char *word = strtok(r->words, " "); word; word = strtok(NULL, " "))
        r->argv[r->argc++] = word;
    r->result = command_line_parse(&r->o, r->argc, r->argv, out, err);
    fclose(out);
    fclose(err);
}

static void done(struct run *r)
{
    options_deinit(&r->o);
    options_deinit(&r->o);
    free(r->words);
    free(r->out);
    free(r->err);
}

START_TEST(defaults_are_those_of_the_manual)
{
    struct run r;

    setenv("XDG_STATE_HOME", "/var/state", 1);
    run(&r, "conjure a.torrent");
    ck_assert_int_eq(r.result, COMMAND_LINE_RUN);
    ck_assert_uint_eq(r.o.n_torrents, 1);
    ck_assert_str_eq(r.o.torrents[0], "a.torrent");
    ck_assert_str_eq(r.o.dir, ".");
    ck_assert_uint_eq(r.o.port, 6881);
    ck_assert(!r.o.port_given && !r.o.verbose && !r.o.quiet && !r.o.daemon && !r.o.foreground);
    ck_assert(!r.o.check_integrity && !r.o.super_seed && r.o.limit_lan);
    ck_assert(!r.o.allow_overwrite && !r.o.repair_changed && !r.o.seed_only);
    ck_assert(!r.o.torrents_dir && !r.o.config && !r.o.pid_file);
    ck_assert_uint_eq(r.o.max_peers, 200);
    ck_assert_uint_eq(r.o.max_download_limit, 0);
    ck_assert_uint_eq(r.o.max_upload_limit, 0);
    ck_assert_double_eq(r.o.seed_ratio, 0);
    ck_assert_uint_eq(r.o.seed_time_s, OPTIONS_SEED_TIME_NONE);
    ck_assert_int_eq(r.o.allocation, ALLOCATION_SPARSE);
    ck_assert_str_eq(r.o.state_dir, "/var/state/conjure");
    ck_assert_uint_eq(r.o.save_interval_s, 60);
    ck_assert(options_selects(&r.o, 0) && options_selects(&r.o, UINT32_MAX));
    ck_assert_uint_eq(options_last_selected(&r.o), 0);
    ck_assert_str_eq(r.out, "");
    ck_assert_str_eq(r.err, "");
    done(&r);
}
END_TEST

START_TEST(every_option_is_parsed)
{
    struct run r;

    run(&r, "conjure a.torrent -o /srv/in -p 0 -v -d --foreground --max-peers 17 b.torrent "
            "--max-download-limit=1.5M --max-upload-limit 64K --seed-ratio=2.5 --seed-time 0.5 "
            "--select-file=1-3,7 --check-integrity --allow-overwrite --allocation=compact "
            "--on-change=repair --seed-only "
            "--state-dir st --save-interval=5 --limit-lan=no --super-seed --torrents-dir t "
            "--config=c --pid-file p -- -c");
    ck_assert_int_eq(r.result, COMMAND_LINE_RUN);
    ck_assert_uint_eq(r.o.n_torrents, 3);
    ck_assert_str_eq(r.o.torrents[0], "a.torrent");
    ck_assert_str_eq(r.o.torrents[1], "b.torrent");
    ck_assert_str_eq(r.o.torrents[2], "-c");
    ck_assert_str_eq(r.o.dir, "/srv/in");
    ck_assert_uint_eq(r.o.port, 0);
    ck_assert(r.o.port_given && r.o.verbose && r.o.daemon && r.o.foreground);
    ck_assert(r.o.check_integrity && r.o.allow_overwrite);
    ck_assert(r.o.repair_changed && r.o.seed_only);
    ck_assert_uint_eq(r.o.max_peers, 17);
    ck_assert_uint_eq(r.o.max_download_limit, 1572864);
    ck_assert_uint_eq(r.o.max_upload_limit, 65536);
    ck_assert_double_eq(r.o.seed_ratio, 2.5);
    ck_assert_uint_eq(r.o.seed_time_s, 30);
    ck_assert_int_eq(r.o.allocation, ALLOCATION_COMPACT);
    ck_assert_str_eq(r.o.state_dir, "st");
    ck_assert_uint_eq(r.o.save_interval_s, 5);
    ck_assert(!r.o.limit_lan && r.o.super_seed);
    ck_assert_str_eq(r.o.torrents_dir, "t");
    ck_assert_str_eq(r.o.config, "c");
    ck_assert_str_eq(r.o.pid_file, "p");
    ck_assert_uint_eq(options_last_selected(&r.o), 7);
    for (uint32_t i = 0; i < 10; i++)
        ck_assert_int_eq(options_selects(&r.o, i), i < 3 || i == 6);
    done(&r);
}
END_TEST

START_TEST(a_daemon_needs_no_torrent)
{
    struct run r;

    run(&r, "conjure -d");
    ck_assert_uint_eq(r.o.max_peers, 0); /* as many as the limit of open files allows */
    ck_assert_int_eq(r.result, COMMAND_LINE_RUN);
    ck_assert_uint_eq(r.o.n_torrents, 0);
    done(&r);
}
END_TEST

START_TEST(the_last_value_of_an_option_wins)
{
    struct run r;

    run(&r, "conjure x -p 1 -p 2 -vv --state-dir a --state-dir b --select-file 1 --select-file 3");
    ck_assert_int_eq(r.result, COMMAND_LINE_RUN);
    ck_assert_uint_eq(r.o.port, 2);
    ck_assert_str_eq(r.o.state_dir, "b");
    /* Lists add up. */
    ck_assert(options_selects(&r.o, 0) && !options_selects(&r.o, 1) && options_selects(&r.o, 2));
    done(&r);
}
END_TEST

START_TEST(the_state_folder_is_below_home_by_default)
{
    struct run r;

    setenv("XDG_STATE_HOME", "relative", 1);
    setenv("HOME", "/home/u", 1);
    run(&r, "conjure x");
    ck_assert_str_eq(r.o.state_dir, "/home/u/.local/state/conjure");
    done(&r);
    unsetenv("XDG_STATE_HOME");
    run(&r, "conjure x");
    ck_assert_str_eq(r.o.state_dir, "/home/u/.local/state/conjure");
    done(&r);
}
END_TEST

START_TEST(a_usage_error_is_one_line)
{
    static const struct {
        const char *line;
        const char *says;
    } cases[] = {
        {"conjure -v", "no torrent given"},
        {"conjure -x a", "unknown option '-x'"},
        {"conjure --nonesuch a", "unknown or ambiguous option '--nonesuch'"},
        {"conjure a --max b", "unknown or ambiguous option '--max'"},
        {"conjure --quiet=1 a", "--quiet takes no argument"},
        {"conjure a -p", "--port needs an argument"},
        {"conjure a --seed-ratio", "--seed-ratio needs an argument"},
        {"conjure a -p 65536", "--port: '65536' is not a port between 0 and 65535"},
        {"conjure a -p http", "--port: 'http' is not a port between 0 and 65535"},
        {"conjure a --max-peers 0", "--max-peers: '0' is not a number between 1 and 100000"},
        {"conjure a --max-download-limit 1X", "--max-download-limit: '1X' is not bytes per"},
        {"conjure a --max-upload-limit -5", "--max-upload-limit: '-5' is not bytes per"},
        {"conjure a --seed-ratio nan", "--seed-ratio: 'nan' is not a ratio such as 1.5"},
        {"conjure a --seed-time 1h", "--seed-time: '1h' is not a number of minutes"},
        {"conjure a --select-file 0", "--select-file: '0' is not a list"},
        {"conjure a --select-file 3-1", "--select-file: '3-1' is not a list"},
        {"conjure a --select-file 1,", "--select-file: '1,' is not a list"},
        {"conjure a --select-file ,1", "--select-file: ',1' is not a list"},
        {"conjure a --select-file 1--2", "--select-file: '1--2' is not a list"},
        {"conjure a --select-file 4294967296", "--select-file: '4294967296' is not a list"},
        {"conjure a --select-file=", "--select-file: '' is not a list"},
        {"conjure a --allocation=holes", "--allocation: 'holes' is not one of"},
        {"conjure a --output=", "--output: '' is not the name of a folder"},
        {"conjure a --state-dir=", "--state-dir: '' is not the name of a folder"},
        {"conjure -d --torrents-dir=", "--torrents-dir: '' is not the name of a folder"},
        {"conjure -d --config=", "--config: '' is not the name of a file"},
        {"conjure a --limit-lan=maybe", "--limit-lan: 'maybe' is not yes or no"},
        {"conjure a --super-seed=yes", "--super-seed takes no argument"},
        {"conjure a --torrents-dir=b", "--torrents-dir requires --daemon"},
        {"conjure a --pid-file=b", "--pid-file requires --daemon"},
        {"conjure a -q -v", "--verbose and --quiet contradict each other"},
        {"conjure a --foreground", "--foreground requires --daemon"},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct run r;
        char *nl;

        run(&r, cases[i].line);
        ck_assert_msg(r.result == COMMAND_LINE_WRONG, "'%s' was accepted", cases[i].line);
        ck_assert_str_eq(r.out, "");
        nl = strchr(r.err, '\n');
        ck_assert_ptr_nonnull(nl);
        ck_assert_str_eq(nl + 1, "Try 'conjure --help'.\n");
        *nl = '\0';
        ck_assert_msg(!strncmp(r.err, "conjure: ", 9) && strstr(r.err, cases[i].says) == r.err + 9,
                      "'%s' printed '%s'", cases[i].line, r.err);
        done(&r);
    }
}
END_TEST

START_TEST(a_call_without_arguments_prints_a_short_usage)
{
    struct run r;

    run(&r, "conjure");
    ck_assert_int_eq(r.result, COMMAND_LINE_WRONG);
    ck_assert_str_eq(r.err, "Usage: conjure [OPTION]... FILE.torrent...\nTry 'conjure --help'.\n");
    done(&r);
}
END_TEST

START_TEST(help_and_version_go_to_stdout)
{
    struct run r;

    run(&r, "conjure --version");
    ck_assert_int_eq(r.result, COMMAND_LINE_SHOWN);
    ck_assert_str_eq(r.out, "conjure " CONJURE_VERSION "\n");
    ck_assert_str_eq(r.err, "");
    done(&r);
    run(&r, "conjure --help");
    ck_assert_int_eq(r.result, COMMAND_LINE_SHOWN);
    ck_assert_str_eq(r.err, "");
    ck_assert_ptr_eq(strstr(r.out, "Usage: conjure "), r.out);
    done(&r);
}
END_TEST

RUN_SUITE("command line", 10, defaults_are_those_of_the_manual, every_option_is_parsed,
          a_daemon_needs_no_torrent, the_last_value_of_an_option_wins,
          the_state_folder_is_below_home_by_default, a_usage_error_is_one_line,
          a_call_without_arguments_prints_a_short_usage, help_and_version_go_to_stdout);
