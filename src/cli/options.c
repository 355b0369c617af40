/* SPDX-License-Identifier: MIT */
/*
 * The parser of the main job's command line. getopt_long(3) walks argv; what it knows comes from
 * the option table, values are read by option_values.c, and what it complains about is said here, so that every usage error looks the
 * same: one line beginning with "conjure:" and one that names --help.
 */
#include "conjure/cli/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/option_values.h"
#include "conjure/base/alloc.h"
#include "conjure/cli/paths.h"

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

/* What only shows when all options are read. */
static int check_whole(struct options *o, FILE *err)
{
    if (o->verbose && o->quiet)
        return complain(err, "--verbose and --quiet contradict each other");
    if (o->foreground && !o->daemon)
        return complain(err, "--foreground goes with --daemon");
    if (!o->n_torrents && !o->daemon)
        return complain(err, "no torrent given");
    if (o->torrents_dir && !o->daemon)
        return complain(err, "--torrents-dir goes with --daemon");
    if (o->pid_file && !o->daemon)
        return complain(err, "--pid-file goes with --daemon");
    if (!o->dir)
        o->dir = mem_dup_string(".");
    if (!o->state_dir)
        o->state_dir = paths_xdg("XDG_STATE_HOME", "/.local/state");
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
    char reason[OPTION_REASON_MAX];
    int c;

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
        if (i == OPTION_HELP) {
            options_write_help(out);
            return OPTIONS_SHOWN;
        }
        if (i == OPTION_VERSION) {
            fprintf(out, "conjure %s\n", CONJURE_VERSION);
            return OPTIONS_SHOWN;
        }
        if (option_set(o, (enum option_id)i, optarg ? optarg : "yes", reason))
            return complain(err, "--%s: %s", option_table[i].name, reason);
    }
    o->torrents = argv + optind;
    o->n_torrents = (uint32_t)(argc - optind);
    return check_whole(o, err);
}

void options_deinit(struct options *o)
{
    for (uint32_t i = 0; i < o->n_sections; i++)
        free(o->sections[i].torrent);
    free(o->sections);
    free(o->selected);
    free(o->dir);
    free(o->state_dir);
    free(o->torrents_dir);
    free(o->config);
    free(o->pid_file);
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
