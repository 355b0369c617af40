/* SPDX-License-Identifier: MIT */
/*
 * The command line is parsed twice: first alone, to find the configuration file and to report its
 * own mistakes before those of the file; then again, over the options of the file. An option of the
 * file that requires -d is ignored in a run without -d, so that one file can serve both a daemon
 * and the downloads of its user.
 */
#include "conjure/cli/settings.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/config.h"
#include "cli/option_table.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"
#include "conjure/cli/paths.h"

#define FACILITY "settings"

/* --- the file ----------------------------------------------------------------------------- */

/* Refuses a pipe, which can be read only once and may block. */
static int open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    int r = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st))
        r = -errno;
    else if (S_ISDIR(st.st_mode))
        r = -EISDIR;
    else if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
        r = -EINVAL;
    if (r) {
        close(fd);
        return r;
    }
    return fd;
}

/* Reads at most CONFIG_SIZE_MAX + 1 bytes, one more than the parser accepts. The caller frees
 * *TEXTP. */
static int read_file(const char *path, char **textp, size_t *sizep)
{
    char *text = malloc(CONFIG_SIZE_MAX + 1);
    int fd = text ? open_file(path) : -ENOMEM;
    size_t size = 0;
    ssize_t n = 1;

    while (fd >= 0 && size <= CONFIG_SIZE_MAX && n > 0) {
        n = read(fd, text + size, CONFIG_SIZE_MAX + 1 - size);
        if (n > 0)
            size += (size_t)n;
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    if (fd < 0 || n < 0) {
        int r = fd < 0 ? fd : -errno;

        free(text);
        if (fd >= 0)
            close(fd);
        return r;
    }
    close(fd);
    *textp = text;
    *sizep = size;
    return 0;
}

/* Sets the options of the file in O. Returns false after an error, which was passed to COMPLAIN. */
static bool apply_file(struct settings *s, struct options *o, config_complain *complain, void *arg)
{
    char *text = NULL, *line;
    size_t size = 0;
    int r;

    if (!s->path)
        return true;
    r = read_file(s->path, &text, &size);
    if ((r == -ENOENT || r == -ENOTDIR) && !s->must_exist)
        return true;
    if (r) {
        if (asprintf(&line, "%s: %s", s->path, r == -EINVAL ? "not a regular file" : strerror(-r)) <
            0)
            abort();
        complain(arg, line);
        free(line);
        return false;
    }
    s->must_exist = true;
    r = config_parse(s->path, text, size, o, complain, arg) == 0;
    free(text);
    return r;
}

/* --- the file and the command line -------------------------------------------------------- */

static void forget(char **pathp)
{
    free(*pathp);
    *pathp = NULL;
}

/* Merges both into O, which is empty. */
static enum command_line_result read_both(struct settings *s, struct options *o, FILE *err,
                                          config_complain *complain, void *arg)
{
    const struct options *line = &s->line;

    if (!apply_file(s, o, complain, arg))
        return COMMAND_LINE_WRONG;
    if (line->verbose || line->quiet)
        o->verbose = o->quiet = false;
    if (!line->daemon) {
        o->foreground = false;
        forget(&o->torrents_dir);
        forget(&o->pid_file);
    }
    return command_line_parse(o, s->argc, s->argv, err, err);
}

static void complain_on_stderr(void *arg, const char *text)
{
    fprintf(arg, "conjure: %s\n", text);
}

static_assert((int)COMMAND_LINE_RUN == SETTINGS_RUN && (int)COMMAND_LINE_SHOWN == SETTINGS_SHOWN &&
                  (int)COMMAND_LINE_WRONG == SETTINGS_WRONG,
              "the outcome of the command line is that of the settings");

enum settings_result settings_read(struct settings *s, int argc, char **argv, FILE *out, FILE *err)
{
    enum command_line_result r;
    char *folder;

    s->argc = argc;
    s->argv = argv;
    r = command_line_parse(&s->line, argc, argv, out, err);
    if (r == COMMAND_LINE_RUN && s->line.config) {
        s->path = paths_absolute(s->line.config);
        s->must_exist = true;
        if (!s->path) {
            fprintf(err, "conjure: the current folder: %s\n", strerror(errno));
            return SETTINGS_WRONG;
        }
    } else if (r == COMMAND_LINE_RUN && (folder = paths_xdg("XDG_CONFIG_HOME", "/.config"))) {
        if (asprintf(&s->path, "%s/conjure.conf", folder) < 0)
            abort();
        free(folder);
    }
    if (r == COMMAND_LINE_RUN)
        r = read_both(s, &s->o, err, complain_on_stderr, err);
    return (enum settings_result)r;
}

void settings_deinit(struct settings *s)
{
    options_deinit(&s->o);
    options_deinit(&s->line);
    free(s->path);
    *s = SETTINGS_EMPTY;
}

/* --- reload ------------------------------------------------------------------------------- */

static bool same_path(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static void warn_if(bool differs, enum option_id id)
{
    if (differs)
        log_warning(FACILITY, "%s: takes effect at the next start", option_table[id].name);
}

static void warn_of_fixed_options(const struct options *a, const struct options *b)
{
    warn_if(a->port != b->port || a->port_given != b->port_given, OPTION_PORT);
    warn_if(!same_path(a->dir, b->dir), OPTION_OUTPUT);
    warn_if(!same_path(a->state_dir, b->state_dir), OPTION_STATE_DIR);
    warn_if(!same_path(a->torrents_dir, b->torrents_dir), OPTION_TORRENTS_DIR);
    warn_if(!same_path(a->pid_file, b->pid_file), OPTION_PID_FILE);
    warn_if(a->allocation != b->allocation, OPTION_ALLOCATION);
    warn_if(a->foreground != b->foreground, OPTION_FOREGROUND);
    warn_if(a->check_integrity != b->check_integrity, OPTION_CHECK_INTEGRITY);
    warn_if(a->allow_overwrite != b->allow_overwrite, OPTION_ALLOW_OVERWRITE);
    warn_if(a->repair_changed != b->repair_changed, OPTION_ON_CHANGE);
    warn_if(a->seed_only != b->seed_only, OPTION_SEED_ONLY);
}

static void complain_in_log(void *arg, const char *text)
{
    log_err(FACILITY, "%s", text);
}

int settings_reload(struct settings *s, struct master_settings *new)
{
    struct options o = OPTIONS_DEFAULT;
    char *error = NULL;
    size_t n_error;
    FILE *err = open_memstream(&error, &n_error);
    int r = -1;

    if (!err)
        abort();
    if (!s->path)
        log_notice(FACILITY, "there is no configuration file: HOME is not set");
    r = read_both(s, &o, err, complain_in_log, NULL);
    fclose(err);
    if (r) {
        /* The file and the command line contradict each other. */
        if (n_error)
            log_err(FACILITY, "%.*s", (int)strcspn(error, "\n"), error);
        log_err(FACILITY, "no setting was changed");
    } else {
        warn_of_fixed_options(&s->o, &o);
        log_threshold = settings_log_level(&o);
        settings_for_master(&o, new);
        new->source = s->path ? s->path : "command line";
    }
    free(error);
    options_deinit(&o);
    return r ? -1 : 0;
}

void settings_for_master(const struct options *o, struct master_settings *out)
{
    *out = MASTER_SETTINGS_EMPTY;
    out->each.seed_ratio = o->seed_ratio;
    out->each.seed_time_s = o->seed_time_s;
    out->each.super_seed = o->super_seed;
    out->max_peers = o->max_peers;
    out->max_upload_limit = o->max_upload_limit;
    out->max_download_limit = o->max_download_limit;
    out->limit_lan = o->limit_lan;
    out->save_interval_s = o->save_interval_s;
    out->n_sections = o->n_sections;
    out->sections = mem_new_array(o->n_sections + 1, sizeof *out->sections);
    for (uint32_t i = 0; i < o->n_sections; i++) {
        const struct option_section *from = &o->sections[i];
        struct torrent_settings *to = &out->sections[i].settings;

        out->sections[i].torrent = mem_dup_string(from->torrent);
        *to = out->each;
        to->max_upload_limit = from->max_upload_limit;
        to->max_download_limit = from->max_download_limit;
        if (from->has_seed_ratio)
            to->seed_ratio = from->seed_ratio;
        if (from->has_seed_time)
            to->seed_time_s = from->seed_time_s;
        if (from->has_super_seed)
            to->super_seed = from->super_seed;
    }
}

enum log_level settings_log_level(const struct options *o)
{
    if (o->verbose)
        return LOG_LEVEL_DEBUG;
    if (o->quiet)
        return LOG_LEVEL_ERR;
    return o->daemon ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING;
}
