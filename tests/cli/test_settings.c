/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/base/log.h"
#include "conjure/cli/settings.h"

#define HASH "0123456789abcdef0123456789abcdef01234567"

static char folder[64], path[128]; /* of the default configuration file */
static char logged[4096];

/* A run with a command line and a configuration file. */
struct run {
    struct settings s;
    char *words;
    char *argv[16];
    int argc;
    int result;
    char *out, *err;
};

static void note_log(enum log_level level, const char *facility, const char *text)
{
    size_t n = strlen(logged);

    snprintf(logged + n, sizeof logged - n, "%s: %s\n", log_level_name(level), text);
}

static void remove_folder(void)
{
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
    rmdir(folder);
}

static void set_up(void)
{
    char below[80];

    atexit(remove_folder);
    strcpy(folder, "/tmp/conjure-test-settings-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(below, sizeof below, "%s/conjure", folder);
    ck_assert_int_eq(mkdir(below, 0755), 0);
    snprintf(path, sizeof path, "%s/conjure.conf", below);
    setenv("XDG_CONFIG_HOME", folder, 1);
    setenv("XDG_STATE_HOME", "/var/state", 1);
    logged[0] = '\0';
    log_set_sink(note_log);
}

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

/* TEXT: of the default file; NULL: there is none. */
static void run(struct run *r, const char *line, const char *text)
{
    size_t n_out, n_err;
    FILE *out, *err;

    if (!*folder)
        set_up();
    if (text)
        write_file(text);
    *r = (struct run){.s = SETTINGS_EMPTY, .words = mem_dup_string(line)};
    out = open_memstream(&r->out, &n_out);
    err = open_memstream(&r->err, &n_err);
    for (char *word = strtok(r->words, " "); word; word = strtok(NULL, " "))
        r->argv[r->argc++] = word;
    r->result = settings_read(&r->s, r->argc, r->argv, out, err);
    fclose(out);
    fclose(err);
}

static void run_well(struct run *r, const char *line, const char *text)
{
    run(r, line, text);
    ck_assert_msg(r->result == SETTINGS_RUN, "stderr: '%s'", r->err);
    ck_assert_str_eq(r->err, "");
}

static void done(struct run *r)
{
    settings_deinit(&r->s);
    settings_deinit(&r->s);
    free(r->words);
    free(r->out);
    free(r->err);
    unlink(path);
}

static void expect_usage(const char *line, const char *text, const char *says)
{
    struct run r;

    run(&r, line, text);
    ck_assert_int_eq(r.result, SETTINGS_WRONG);
    ck_assert_msg(strstr(r.err, says), "stderr: '%s'", r.err);
    done(&r);
}

START_TEST(the_command_line_overrides_the_file)
{
    static const char text[] = "max-peers = 5\nseed-ratio = 3\nverbose = yes\noutput = /srv\n"
                               "limit-lan = no\nport = 7\n";
    struct run r;

    run_well(&r, "conjure a --max-peers=9 -q --limit-lan=yes -p 8 b", text);
    ck_assert_uint_eq(r.s.o.max_peers, 9);
    ck_assert_double_eq(r.s.o.seed_ratio, 3);
    ck_assert(r.s.o.quiet && !r.s.o.verbose && r.s.o.limit_lan && r.s.o.port_given);
    ck_assert_uint_eq(r.s.o.port, 8);
    ck_assert_str_eq(r.s.o.dir, "/srv");
    ck_assert_uint_eq(r.s.o.n_torrents, 2);
    ck_assert_str_eq(r.s.o.torrents[1], "b");
    done(&r);
    run_well(&r, "conjure a --select-file=1 --select-file=3", text);
    ck_assert_uint_eq(r.s.o.max_peers, 5);
    ck_assert(r.s.o.verbose && !r.s.o.limit_lan);
    /* The command line is parsed twice, but the list is not doubled. */
    ck_assert_uint_eq(r.s.o.n_selected, 2);
    done(&r);
}
END_TEST

START_TEST(options_of_a_daemon_are_ignored_without_one)
{
    static const char text[] = "pid-file = /run/p\ntorrents-dir = /t\nforeground = yes\n";
    struct run r;

    run_well(&r, "conjure a", text);
    ck_assert(!r.s.o.pid_file && !r.s.o.torrents_dir && !r.s.o.foreground);
    ck_assert_uint_eq(r.s.o.max_peers, 200);
    done(&r);
    run_well(&r, "conjure -d", text);
    ck_assert_str_eq(r.s.o.pid_file, "/run/p");
    ck_assert_str_eq(r.s.o.torrents_dir, "/t");
    ck_assert(r.s.o.foreground);
    ck_assert_uint_eq(r.s.o.max_peers, 0);
    done(&r);
}
END_TEST

START_TEST(the_file_is_found)
{
    char line[200];
    struct run r;

    run_well(&r, "conjure a", NULL); /* none */
    ck_assert_str_eq(r.s.path, path);
    ck_assert_uint_eq(r.s.o.max_peers, 200);
    done(&r);
    run_well(&r, "conjure a --config=/dev/null", "max-peers = 5");
    ck_assert_uint_eq(r.s.o.max_peers, 200);
    done(&r);
    snprintf(line, sizeof line, "conjure a --config=%s", path);
    setenv("XDG_CONFIG_HOME", "/nonesuch", 1);
    run_well(&r, line, "max-peers = 5");
    ck_assert_uint_eq(r.s.o.max_peers, 5);
    done(&r);
    ck_assert_int_eq(chdir(folder), 0);
    run_well(&r, "conjure a --config=conjure/conjure.conf", "max-peers = 6");
    ck_assert_uint_eq(r.s.o.max_peers, 6);
    ck_assert_str_eq(r.s.path, path);
    done(&r);
    setenv("XDG_CONFIG_HOME", folder, 1);
    expect_usage("conjure a --config=/nonesuch/x", NULL,
                 "conjure: /nonesuch/x: No such file or directory\n");
    expect_usage("conjure a --config=/", NULL, "conjure: /: Is a directory\n");
    expect_usage("conjure a --config=/dev/zero", NULL, "conjure: /dev/zero: longer than 1 MiB\n");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    expect_usage("conjure a", NULL, "conjure.conf: not a regular file\n");
}
END_TEST

START_TEST(a_wrong_file_is_a_usage_error)
{
    expect_usage("conjure a", "\nmax-peers = many\nx\n",
                 "/conjure/conjure.conf:2: max-peers: 'many' is not a number between 1 and 100000\n"
                 "conjure: /");
    expect_usage("conjure a", "\nmax-peers = many\nx\n",
                 "/conjure/conjure.conf:3: 'x' is not 'key = value'\n");
    /* An error of the command line is reported first. */
    expect_usage("conjure a --seed-ratio=x", "x", "conjure: --seed-ratio: 'x' is not a ratio");
}
END_TEST

START_TEST(sections_override_the_settings_of_all)
{
    struct master_settings m = MASTER_SETTINGS_EMPTY;
    struct run r;

    run_well(&r, "conjure -d --seed-time=2 --max-upload-limit=1M --save-interval=5",
             "seed-ratio = 2\nmax-peers = 7\n[x]\nmax-upload-limit = 5\nseed-ratio = 0\n[" HASH
             "]\nsuper-seed = yes\nseed-time = 1\nmax-download-limit = 6\n");
    settings_for_master(&r.s.o, &m);
    done(&r);
    ck_assert_uint_eq(m.max_peers, 7);
    ck_assert_uint_eq(m.save_interval_s, 5);
    ck_assert_uint_eq(m.max_upload_limit, 1 << 20);
    ck_assert_uint_eq(m.max_download_limit, 0);
    ck_assert(m.limit_lan);
    ck_assert_double_eq(m.each.seed_ratio, 2);
    ck_assert_uint_eq(m.each.seed_time_s, 120);
    ck_assert_uint_eq(m.each.max_upload_limit, 0);
    ck_assert_uint_eq(m.n_sections, 2);
    ck_assert_str_eq(m.sections[0].torrent, "x");
    ck_assert_uint_eq(m.sections[0].settings.max_upload_limit, 5);
    ck_assert_double_eq(m.sections[0].settings.seed_ratio, 0);
    ck_assert_uint_eq(m.sections[0].settings.seed_time_s, 120);
    ck_assert(!m.sections[0].settings.super_seed);
    ck_assert_str_eq(m.sections[1].torrent, HASH);
    ck_assert_uint_eq(m.sections[1].settings.max_download_limit, 6);
    ck_assert_double_eq(m.sections[1].settings.seed_ratio, 2);
    ck_assert_uint_eq(m.sections[1].settings.seed_time_s, 60);
    ck_assert(m.sections[1].settings.super_seed);
    master_settings_deinit(&m);
    master_settings_deinit(&m);
}
END_TEST

START_TEST(a_reload_applies_what_can_change_and_names_the_rest)
{
    struct master_settings m = MASTER_SETTINGS_EMPTY;
    struct run r;

    run_well(&r, "conjure -d --seed-ratio=4", "max-peers = 7\nport = 5\nseed-ratio = 1\n");
    log_threshold = settings_log_level(&r.s.o);
    ck_assert_int_eq(log_threshold, LOG_LEVEL_NOTICE);
    write_file("max-peers = 8\nport = 6\nseed-ratio = 2\nverbose = yes\noutput = /x\n[a]\n");
    ck_assert_int_eq(settings_reload(&r.s, &m), 0);
    ck_assert_uint_eq(m.max_peers, 8);
    ck_assert_double_eq(m.each.seed_ratio, 4); /* the value of the command line */
    ck_assert_uint_eq(m.n_sections, 1);
    ck_assert_int_eq(log_threshold, LOG_LEVEL_DEBUG);
    ck_assert_ptr_nonnull(strstr(logged, "warning: port: takes effect at the next start\n"));
    ck_assert_ptr_nonnull(strstr(logged, "warning: output: takes effect at the next start\n"));
    ck_assert_str_eq(m.source, r.s.path);
    ck_assert_ptr_null(strstr(logged, "state-dir"));
    master_settings_deinit(&m);
    /* The first values again: nothing waits for the next start. */
    logged[0] = '\0';
    write_file("port = 5\n");
    ck_assert_int_eq(settings_reload(&r.s, &m), 0);
    ck_assert_uint_eq(m.max_peers, 0);
    ck_assert_int_eq(log_threshold, LOG_LEVEL_NOTICE);
    ck_assert_ptr_null(strstr(logged, "warning"));
    master_settings_deinit(&m);
    done(&r);
}
END_TEST

START_TEST(a_reload_that_fails_changes_nothing)
{
    struct master_settings m = MASTER_SETTINGS_EMPTY;
    struct run r;

    run_well(&r, "conjure -d", "max-peers = 7\n");
    log_threshold = settings_log_level(&r.s.o);
    write_file("max-peers = 8\nverbose = yes\n[x\n");
    ck_assert_int_eq(settings_reload(&r.s, &m), -1);
    ck_assert_ptr_nonnull(strstr(logged, "error: /"));
    ck_assert_ptr_nonnull(strstr(logged, "conjure.conf:3: '[x' is not [NAME] or [INFO-HASH]\n"));
    ck_assert_ptr_nonnull(strstr(logged, "error: no setting was changed\n"));
    ck_assert_int_eq(log_threshold, LOG_LEVEL_NOTICE);
    ck_assert(!m.sections && !m.n_sections && !m.max_peers);
    /* A file that existed at the start must still exist: it may be missing while it is replaced. */
    logged[0] = '\0';
    unlink(path);
    ck_assert_int_eq(settings_reload(&r.s, &m), -1);
    ck_assert_ptr_nonnull(strstr(logged, "conjure.conf: No such file or directory\n"));
    done(&r);
    /* A file that did not exist at the start may be missing, and may appear. */
    run_well(&r, "conjure -d", NULL);
    ck_assert_int_eq(settings_reload(&r.s, &m), 0);
    master_settings_deinit(&m);
    write_file("max-peers = 9\n");
    ck_assert_int_eq(settings_reload(&r.s, &m), 0);
    ck_assert_uint_eq(m.max_peers, 9);
    master_settings_deinit(&m);
    done(&r);
}
END_TEST

RUN_SUITE("settings", 20, the_command_line_overrides_the_file,
          options_of_a_daemon_are_ignored_without_one, the_file_is_found,
          a_wrong_file_is_a_usage_error, sections_override_the_settings_of_all,
          a_reload_applies_what_can_change_and_names_the_rest, a_reload_that_fails_changes_nothing);
