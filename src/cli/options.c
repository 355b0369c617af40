/* SPDX-License-Identifier: MIT */
/*
 * The parser of the main job's command line. getopt_long(3) walks argv; what it knows comes from
 * the option table, and what it complains about is said here, so that every usage error looks the
 * same: one line beginning with "conjure:" and one that names --help.
 */
#include "conjure/cli/options.h"

#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/option_table.h"
#include "conjure/base/alloc.h"
#include "conjure/cli/size.h"

/* What getopt returns for option i: above all letters. */
#define VALUE_OF(i) (256 + (int)(i))

static int complain(FILE *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int complain(FILE *err, const char *format, ...)
{
    va_list args;

    fputs("conjure: ", err);
    va_start(args, format);
    vfprintf(err, format, args);
    va_end(args);
    fputs("\nTry 'conjure --help'.\n", err);
    return OPTIONS_USAGE;
}

static int bad_value(FILE *err, enum option_id id, const char *value, const char *expected)
{
    return complain(err, "--%s: '%s' is not %s", option_table[id].name, value, expected);
}

static int parse_ranges(struct options *o, const char *text, FILE *err)
{
    static const char expected[] = "a list of file numbers such as 1-3,7";
    const char *all = text;

    while (*text) {
        struct file_range range;
        char item[32];
        size_t n = strcspn(text, ",");
        char *dash;

        if (!n || n >= sizeof item || o->n_selected == OPTIONS_RANGES_MAX)
            return bad_value(err, OPTION_SELECT_FILE, all, expected);
        memcpy(item, text, n);
        item[n] = '\0';
        dash = strchr(item, '-');
        if (dash)
            *dash++ = '\0';
        else
            dash = item;
        if (size_parse_count(item, 1, UINT32_MAX, &range.first) ||
            size_parse_count(dash, range.first, UINT32_MAX, &range.last))
            return bad_value(err, OPTION_SELECT_FILE, all, expected);
        o->selected = mem_resize(o->selected, o->n_selected + 1, sizeof *o->selected);
        o->selected[o->n_selected++] = range;
        text += n;
        if (*text == ',' && !*++text)
            return bad_value(err, OPTION_SELECT_FILE, all, expected);
    }
    return o->n_selected ? OPTIONS_RUN : bad_value(err, OPTION_SELECT_FILE, all, expected);
}

static int parse_allocation(struct options *o, const char *text, FILE *err)
{
    static const struct {
        const char *name;
        enum allocation allocation;
    } names[] = {
        {"sparse", ALLOCATION_SPARSE},
        {"full", ALLOCATION_FULL},
        {"compact", ALLOCATION_COMPACT},
    };

    for (size_t i = 0; i < N_ELEMENTS(names); i++)
        if (!strcmp(text, names[i].name)) {
            o->allocation = names[i].allocation;
            return OPTIONS_RUN;
        }
    return bad_value(err, OPTION_ALLOCATION, text, "one of sparse, full and compact");
}

static int parse_number(struct options *o, enum option_id id, const char *text, FILE *err)
{
    double value;
    uint32_t count;

    switch (id) {
    case OPTION_PORT:
        if (size_parse_count(text, 0, UINT16_MAX, &count))
            return bad_value(err, id, text, "a port between 0 and 65535");
        o->port = (uint16_t)count;
        o->port_given = true;
        break;
    case OPTION_MAX_PEERS:
        if (size_parse_count(text, 1, OPTIONS_PEERS_MAX, &o->max_peers))
            return bad_value(err, id, text, "a number between 1 and 100000");
        break;
    case OPTION_MAX_DOWNLOAD_LIMIT:
        if (size_parse(text, &o->max_download_limit))
            return bad_value(err, id, text, "bytes per second such as 500K or 1.5M");
        break;
    case OPTION_MAX_UPLOAD_LIMIT:
        if (size_parse(text, &o->max_upload_limit))
            return bad_value(err, id, text, "bytes per second such as 500K or 1.5M");
        break;
    case OPTION_SEED_RATIO:
        if (size_parse_decimal(text, &value) || value > 1e6)
            return bad_value(err, id, text, "a ratio such as 1.5");
        o->seed_ratio = value;
        break;
    case OPTION_SEED_TIME:
        if (size_parse_decimal(text, &value) || value > 1e8)
            return bad_value(err, id, text, "a number of minutes such as 30 or 0.5");
        o->seed_time_s = (uint64_t)(value * 60);
        break;
    default:
        abort();
    }
    return OPTIONS_RUN;
}

static int parse_one(struct options *o, enum option_id id, const char *value, FILE *out, FILE *err)
{
    switch (id) {
    case OPTION_OUTPUT:
        if (!*value)
            return complain(err, "--output needs the name of a folder");
        o->dir = value;
        break;
    case OPTION_VERBOSE:
        o->verbose = true;
        break;
    case OPTION_QUIET:
        o->quiet = true;
        break;
    case OPTION_DAEMON:
        o->daemon = true;
        break;
    case OPTION_FOREGROUND:
        o->foreground = true;
        break;
    case OPTION_SELECT_FILE:
        return parse_ranges(o, value, err);
    case OPTION_CHECK_INTEGRITY:
        o->check_integrity = true;
        break;
    case OPTION_ALLOCATION:
        return parse_allocation(o, value, err);
    case OPTION_STATE_DIR:
        if (!*value)
            return complain(err, "--state-dir needs the name of a folder");
        free(o->state_dir);
        o->state_dir = mem_dup_string(value);
        break;
    case OPTION_HELP:
        options_write_help(out);
        return OPTIONS_SHOWN;
    case OPTION_VERSION:
        fprintf(out, "conjure %s\n", CONJURE_VERSION);
        return OPTIONS_SHOWN;
    default:
        return parse_number(o, id, value, err);
    }
    return OPTIONS_RUN;
}

/* The folder of the XDG base directory specification; a relative XDG_STATE_HOME counts as unset. */
static char *default_state_dir(void)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    const struct passwd *user;
    char *dir;
    size_t size;

    if (xdg && *xdg == '/') {
        size = strlen(xdg) + sizeof "/conjure";
        dir = mem_new(size);
        snprintf(dir, size, "%s/conjure", xdg);
        return dir;
    }
    if (!home || *home != '/') {
        user = getpwuid(getuid());
        home = user && user->pw_dir && *user->pw_dir == '/' ? user->pw_dir : NULL;
    }
    if (!home)
        return NULL;
    size = strlen(home) + sizeof "/.local/state/conjure";
    dir = mem_new(size);
    snprintf(dir, size, "%s/.local/state/conjure", home);
    return dir;
}

/* What only shows when all options are read. */
static int check_whole(struct options *o, FILE *err)
{
    if (o->verbose && o->quiet)
        return complain(err, "--verbose and --quiet contradict each other");
    if (o->foreground && !o->daemon)
        return complain(err, "--foreground goes with --daemon");
    if (!o->n_torrents && !o->daemon)
        return complain(err, "no torrent given");
    if (!o->state_dir)
        o->state_dir = default_state_dir();
    if (!o->state_dir)
        return complain(err, "HOME is not set: say where to keep state with --state-dir");
    if (!o->max_peers && !o->daemon)
        o->max_peers = OPTIONS_PEERS;
    return OPTIONS_RUN;
}

/* '?' of getopt: an unknown option, an ambiguous one, or an argument where none belongs. */
static int complain_unknown(char **argv, int at, FILE *err)
{
    if (optopt >= VALUE_OF(0))
        return complain(err, "--%s takes no argument", option_table[optopt - VALUE_OF(0)].name);
    for (size_t i = 0; optopt && i < N_OPTIONS; i++)
        if (option_table[i].letter == optopt)
            return complain(err, "--%s takes no argument", option_table[i].name);
    if (optopt)
        return complain(err, "unknown option '-%c'", optopt);
    return complain(err, "unknown or ambiguous option '%s'", argv[at]);
}

static const char *name_of_missing(void)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (optopt == VALUE_OF(i) || (option_table[i].letter && optopt == option_table[i].letter))
            return option_table[i].name;
    return "?";
}

int options_parse(struct options *o, int argc, char **argv, FILE *out, FILE *err)
{
    struct option longs[N_OPTIONS + 1] = {0};
    char letters[2 * N_OPTIONS + 2] = ":", *p = letters + 1;
    int r, c;

    if (argc <= 1) {
        fputs("Usage: conjure [OPTION]... FILE.torrent...\nTry 'conjure --help'.\n", err);
        return OPTIONS_USAGE;
    }
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option_row *row = &option_table[i];

        longs[i] = (struct option){row->name, row->argument ? required_argument : no_argument, NULL,
                                   VALUE_OF(i)};
        if (row->letter)
            *p++ = row->letter;
        if (row->letter && row->argument)
            *p++ = ':';
    }
    optind = 0; /* glibc: start afresh, also in the second call of a process */
    opterr = 0;
    while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        size_t i = (size_t)(c - VALUE_OF(0));

        if (c == ':')
            return complain(err, "--%s needs an argument", name_of_missing());
        if (c == '?')
            return complain_unknown(argv, optind - 1, err);
        if (c < VALUE_OF(0))
            for (i = 0; option_table[i].letter != c; i++)
                ;
        r = parse_one(o, (enum option_id)i, optarg, out, err);
        if (r)
            return r;
    }
    o->torrents = argv + optind;
    o->n_torrents = (uint32_t)(argc - optind);
    return check_whole(o, err);
}

void options_deinit(struct options *o)
{
    free(o->selected);
    free(o->state_dir);
    *o = OPTIONS_DEFAULT;
}

bool options_selects(const struct options *o, uint32_t file)
{
    for (uint32_t i = 0; i < o->n_selected; i++)
        if (file >= o->selected[i].first - 1 && file <= o->selected[i].last - 1)
            return true;
    return !o->n_selected;
}

uint32_t options_last_selected(const struct options *o)
{
    uint32_t last = 0;

    for (uint32_t i = 0; i < o->n_selected; i++)
        if (o->selected[i].last > last)
            last = o->selected[i].last;
    return last;
}
