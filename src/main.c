/* SPDX-License-Identifier: MIT */
/*
 * conjure: the program. Runs a subcommand; or reads the settings, loads the torrents and calls
 * master_run. Errors of the command line and of torrents end the program before a daemon detaches;
 * errors of Master's start reach the calling process through a pipe (struct starting).
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "conjure/actors/logger.h"
#include "conjure/actors/master.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"
#include "conjure/cli/commands.h"
#include "conjure/cli/exit_code.h"
#include "conjure/cli/paths.h"
#include "conjure/cli/pid_file.h"
#include "conjure/cli/settings.h"
#include "conjure/cli/terminal.h"
#include "conjure/cli/torrent_file.h"

/* All threads share two arenas of malloc. With one for each thread, memory that one thread frees
 * would not be reused by the others. */
#define MALLOC_ARENAS 2

/* Claim buffers are mapped, so that they return to the system when a connection becomes idle. */
#define MALLOC_MMAP (512 * 1024)

#define NOT_A_SUBCOMMAND (-1)

static int run_subcommand(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {
        {"create", cli_create},
        {"show", cli_show},
#if CONJURE_WITH_TRACKER
        {"tracker", cli_tracker},
#endif
    };

    for (unsigned i = 0; argc > 1 && i < N_ELEMENTS(commands); i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    if (!CONJURE_WITH_TRACKER && argc > 1 && !strcmp(argv[1], "tracker")) {
        fputs("conjure: built without the tracker (libmicrohttpd)\n", stderr);
        return EXIT_ERROR;
    }
    return NOT_A_SUBCOMMAND;
}

/* --- torrents ----------------------------------------------------------------------------- */

static int load(const struct options *o, const char *path, struct master_torrent_config *t)
{
    char reason[METAINFO_REASON_MAX];
    uint32_t n_files;
    int r;

    if (!strncasecmp(path, "magnet:", 7)) {
        fprintf(stderr, "conjure: %.60s%s: magnet links are not supported yet\n", path,
                strlen(path) > 60 ? "..." : "");
        return EXIT_REFUSED;
    }
    r = torrent_file_load(path, &t->meta, reason);
    if (r)
        return r;
    n_files = metainfo_n_files(t->meta);
    if (options_last_selected(o) > n_files) {
        fprintf(stderr, "conjure: %s: --select-file names file %u, but there are only %u\n", path,
                options_last_selected(o), n_files);
        return EXIT_USAGE;
    }
    if (!o->selected)
        return 0;
    t->skip_file = mem_new_array(n_files, sizeof *t->skip_file);
    for (uint32_t i = 0; i < n_files; i++)
        t->skip_file[i] = !options_selects(o, i);
    return 0;
}

static int load_all(const struct options *o, struct master_torrent_config *torrents)
{
    for (uint32_t i = 0; i < o->n_torrents; i++) {
        int r = load(o, o->torrents[i], &torrents[i]);

        if (r)
            return r;
        for (uint32_t k = 0; k < i; k++) {
            if (info_hash_equal(metainfo_info_hash(torrents[i].meta),
                                metainfo_info_hash(torrents[k].meta))) {
                fprintf(stderr, "conjure: %s and %s are the same torrent\n", o->torrents[k],
                        o->torrents[i]);
                return EXIT_USAGE;
            }
            if (!strcmp(metainfo_name(torrents[i].meta), metainfo_name(torrents[k].meta))) {
                fprintf(stderr, "conjure: %s and %s both have the content %s/%s\n", o->torrents[k],
                        o->torrents[i], o->dir, metainfo_name(torrents[i].meta));
                return EXIT_FILE_EXISTS;
            }
        }
    }
    return 0;
}

static void unload_all(struct master_torrent_config *torrents, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        metainfo_free(torrents[i].meta);
        free(torrents[i].skip_file);
    }
}

/* --- daemon ------------------------------------------------------------------------------- */

/* A daemon at its start. The process that the user called waits in wait_for_start for its
 * result. */
struct starting {
    int fd;   /* receives one byte, the exit code of the waiting process; -1: no process waits */
    int null; /* /dev/null, to replace stderr */
    const char *pid_file;
    bool pid_file_written;
};
#define STARTING_EMPTY ((struct starting){.fd = -1, .null = -1})

static void report_start(struct starting *x, int code)
{
    uint8_t byte = (uint8_t)code;

    if (x->fd < 0)
        return;
    if (write(x->fd, &byte, 1) < 0)
        log_info("main", "the process that started the daemon has ended");
    close(x->fd);
    x->fd = -1;
}

/* All torrents are open, and the lock on the state folder is ours: writes the pid file. From now on
 * errors are logged to syslog only. */
static void on_ready(void *arg)
{
    struct starting *x = arg;
    int r = x->pid_file ? pid_file_write(x->pid_file) : 0;

    x->pid_file_written = x->pid_file && !r;
    if (r)
        log_err("main", "%s: %s", x->pid_file, strerror(-r));
    if (x->null >= 0) {
        dup2(x->null, STDERR_FILENO);
        close(x->null);
    }
    report_start(x, EXIT_DONE);
}

/* Clears the progress line and removes the pid file. Also called when a second signal ends the
 * process at once. */
static void tidy_up(void *arg)
{
    const struct starting *x = arg;

    terminal_clear();
    if (x->pid_file_written)
        unlink(x->pid_file);
}

static int probe_pid_file(const char *path)
{
    int r = pid_file_probe(path);

    if (r)
        fprintf(stderr, "conjure: --pid-file: %s: %s\n", path, strerror(-r));
    return r ? EXIT_ERROR : 0;
}

static noreturn void wait_for_start(int fd)
{
    uint8_t code;

    _exit(read(fd, &code, 1) == 1 ? code : EXIT_ERROR);
}

/* Detaches from the terminal, except for stderr, which on_ready replaces. Returns 0 in the
 * grandchild, or an exit code. */
static int detach(struct starting *x)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC))
        goto fail;
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();

        if (child < 0)
            goto fail;
        if (child && i)
            _exit(EXIT_DONE);
        if (child) {
            close(fds[1]);
            wait_for_start(fds[0]);
        }
        if (!i)
            setsid();
    }
    close(fds[0]);
    x->fd = fds[1];
    x->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (!chdir("/") && x->null >= 0 && dup2(x->null, STDIN_FILENO) >= 0 &&
        dup2(x->null, STDOUT_FILENO) >= 0)
        return 0;
fail:
    fprintf(stderr, "conjure: cannot detach: %s\n", strerror(errno));
    return EXIT_ERROR;
}

/* --- progress ----------------------------------------------------------------------------- */

static void report(void *arg, const struct master_status *s, enum master_report kind)
{
    static unsigned n_seconds; /* only Master's thread calls this */
    struct progress_view v = {
        .name = s->name,
        .n_torrents = s->n_torrents,
        .verified = s->verified + s->stored,
        .wanted = s->wanted,
        .download_rate = s->down_rate,
        .upload_rate = s->up_rate,
        .uploaded = s->uploaded,
        .n_peers = s->n_peers,
        .n_seeds = s->n_seeds,
        .eta_s = PROGRESS_ETA_UNKNOWN,
    };

    if (kind == MASTER_REPORT_FINISHED) {
        struct progress_summary sum = {.name = s->name,
                                       .downloaded = s->downloaded,
                                       .uploaded = s->uploaded,
                                       .wanted = s->wanted,
                                       .elapsed_ns = s->download_ns,
                                       .n_peers = s->n_peers};
        char text[PROGRESS_TEXT_MAX];

        sum.verified = s->verified + s->stored;
        sum.stopped = s->state == MASTER_STOPPING;
        terminal_clear();
        terminal_print(progress_format_summary(&sum, text));
        return;
    }
    if (!terminal_is_live() && n_seconds++ % TERMINAL_PLAIN_S)
        return;
    switch (s->state) {
    case MASTER_OPENING:
    case MASTER_CHECKING:
        v.state = PROGRESS_CHECKING;
        v.verified = s->n_checked;
        v.wanted = s->n_to_check;
        break;
    case MASTER_DOWNLOADING:
        v.state = s->n_peers ? PROGRESS_DOWNLOADING : PROGRESS_CONNECTING;
        if (s->down_rate)
            v.eta_s = (v.wanted - v.verified) / s->down_rate;
        break;
    case MASTER_SEEDING:
        v.state = PROGRESS_SEEDING;
        break;
    case MASTER_STOPPING:
        v.state = PROGRESS_STOPPING;
        break;
    case MASTER_ENDED:
        terminal_clear();
        return;
    }
    terminal_show(&v);
}

/* SIGHUP. */
static int reload(void *arg, struct master_settings *new)
{
    return settings_reload(arg, new);
}

static_assert((int)MASTER_DONE == EXIT_DONE && (int)MASTER_ERROR == EXIT_ERROR &&
                  (int)MASTER_UNREACHABLE == EXIT_UNREACHABLE &&
                  (int)MASTER_STOPPED == EXIT_STOPPED && (int)MASTER_DISK_FULL == EXIT_DISK_FULL &&
                  (int)MASTER_FILE_EXISTS == EXIT_FILE_EXISTS,
              "Master's outcomes are exit codes");

/* Logger starts before Master and ends after it, so that no message is lost. */
static struct logger *start_logger(const struct options *o)
{
    struct logger_config c = LOGGER_CONFIG_DEFAULT;

    if (o->daemon && !o->foreground) {
        c.target = LOGGER_SYSLOG;
        c.also_stderr = true; /* until on_ready */
    }
    c.detailed = o->verbose;
    c.journal = logger_is_journal(c.fd);
    c.prefix = terminal_log_prefix();
    return logger_start(&c);
}

/* Makes PATH absolute, unless it is NULL. Returns an exit code. */
static int make_absolute(const char *path, char **resultp)
{
    if (!path)
        return 0;
    *resultp = paths_absolute(path);
    if (*resultp)
        return 0;
    fprintf(stderr, "conjure: the current folder: %s\n", strerror(errno));
    return EXIT_ERROR;
}

static int run(struct settings *s, struct master_torrent_config *torrents)
{
    const struct options *o = &s->o;
    struct master_config c = {
        .torrents = torrents,
        .n_torrents = o->n_torrents,
        .allocation = o->allocation,
        .check_integrity = o->check_integrity,
        .allow_overwrite = o->allow_overwrite,
        .repair_changed = o->repair_changed,
        .seed_only = o->seed_only,
        .daemon = o->daemon,
        .port = o->port,
        .last_port = o->port_given ? o->port : OPTIONS_PORT_LAST,
        .report = o->daemon ? NULL : report,
        .reload = reload,
        .reload_arg = s,
    };
    char *dir = NULL, *state_dir = NULL, *torrents_dir = NULL, *pid_file = NULL;
    struct starting starting = STARTING_EMPTY;
    struct logger *logger;
    int r = make_absolute(o->dir, &dir);

    if (!r)
        r = make_absolute(o->state_dir, &state_dir);
    if (!r)
        r = make_absolute(o->torrents_dir, &torrents_dir);
    if (!r)
        r = make_absolute(o->pid_file, &pid_file);
    if (!r)
        r = load_all(o, torrents);
    if (!r && pid_file)
        r = probe_pid_file(pid_file);
    if (!r && o->daemon && !o->foreground)
        r = detach(&starting);
    if (!r) {
        starting.pid_file = pid_file;
        c.ready = on_ready;
        c.cut_short = tidy_up;
        c.process_arg = &starting;
        c.dir = dir;
        c.state_dir = state_dir;
        c.torrents_dir = torrents_dir;
        settings_for_master(o, &c.settings);
        terminal_start(o->quiet || o->daemon);
        logger = start_logger(o);
        r = (int)master_run(&c);
        tidy_up(&starting);
        logger_stop(logger);
        report_start(&starting, r);
    }
    unload_all(torrents, o->n_torrents); /* those that Master has not taken */
    free(dir);
    free(state_dir);
    free(torrents_dir);
    free(pid_file);
    return r;
}

int main(int argc, char **argv)
{
    struct settings s = SETTINGS_EMPTY;
    struct master_torrent_config *torrents;
    int r;

    setlocale(LC_CTYPE, "");
    mallopt(M_ARENA_MAX, MALLOC_ARENAS);
    mallopt(M_MMAP_THRESHOLD, MALLOC_MMAP);
    r = run_subcommand(argc, argv);
    if (r != NOT_A_SUBCOMMAND)
        return r;
    r = settings_read(&s, argc, argv, stdout, stderr);
    if (r) {
        settings_deinit(&s);
        return r == SETTINGS_SHOWN ? EXIT_DONE : EXIT_USAGE;
    }
    log_threshold = settings_log_level(&s.o);
    torrents = mem_new_array(s.o.n_torrents + 1, sizeof *torrents);
    r = run(&s, torrents);
    free(torrents);
    settings_deinit(&s);
    return r;
}
