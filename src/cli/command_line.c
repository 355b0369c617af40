/* SPDX-License-Identifier: MIT */
/*
 * getopt_long(3) splits argv by the option table; option_values.c parses the values. Every usage
 * error is written here, so that all look the same.
 */
#include "cli/command_line.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"
#include "cli/option_values.h"
#include "conjure/base/alloc.h"
#include "conjure/cli/paths.h"

/* The value that getopt_long returns for option I: above all letters. */
#define VALUE_OF(i) (256 + (int)(i))

static enum command_line_result complain(FILE *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum command_line_result complain(FILE *err, const char *format, ...)
{
    va_list args;

    fputs("conjure: ", err);
    va_start(args, format);
    vfprintf(err, format, args);
    va_end(args);
    fputs("\nTry 'conjure --help'.\n", err);
    return COMMAND_LINE_WRONG;
}

/* Reports options that contradict each other, and sets defaults that depend on other options. */
static enum command_line_result check_whole(struct options *o, FILE *err)
{
    if (o->verbose && o->quiet)
        return complain(err, "--verbose and --quiet contradict each other");
    if (o->foreground && !o->daemon)
        return complain(err, "--foreground requires --daemon");
    if (!o->n_torrents && !o->daemon)
        return complain(err, "no torrent given");
    if (o->torrents_dir && !o->daemon)
        return complain(err, "--torrents-dir requires --daemon");
    if (o->pid_file && !o->daemon)
        return complain(err, "--pid-file requires --daemon");
    if (!o->dir)
        o->dir = mem_dup_string(".");
    if (!o->state_dir)
        o->state_dir = paths_xdg("XDG_STATE_HOME", "/.local/state");
    if (!o->state_dir)
        return complain(err, "HOME is not set: name the state folder with --state-dir");
    if (!o->max_peers && !o->daemon)
        o->max_peers = OPTIONS_PEERS;
    return COMMAND_LINE_RUN;
}

/* getopt_long returned '?': an option that is unknown, ambiguous or has an unexpected argument. */
static enum command_line_result complain_unknown(char **argv, int at, FILE *err)
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

static const char *name_of_option(void)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (optopt == VALUE_OF(i) || (option_table[i].letter && optopt == option_table[i].letter))
            return option_table[i].name;
    return "?";
}

enum command_line_result command_line_parse(struct options *o, int argc, char **argv, FILE *out,
                                            FILE *err)
{
    struct option longs[N_OPTIONS + 1] = {0};
    char letters[2 * N_OPTIONS + 2] = ":", *p = letters + 1;
    char reason[OPTION_REASON_MAX];
    int c;

    if (argc <= 1) {
        fputs("Usage: conjure [OPTION]... FILE.torrent...\nTry 'conjure --help'.\n", err);
        return COMMAND_LINE_WRONG;
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
    optind = 0; /* glibc: reinitialise, for the second call in a process */
    opterr = 0;
    while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        size_t i = (size_t)(c - VALUE_OF(0));

        if (c == ':')
            return complain(err, "--%s needs an argument", name_of_option());
        if (c == '?')
            return complain_unknown(argv, optind - 1, err);
        if (c < VALUE_OF(0))
            for (i = 0; option_table[i].letter != c; i++)
                ;
        if (i == OPTION_HELP) {
            help_write(out);
            return COMMAND_LINE_SHOWN;
        }
        if (i == OPTION_VERSION) {
            fprintf(out, "conjure %s\n", CONJURE_VERSION);
            return COMMAND_LINE_SHOWN;
        }
        if (option_set(o, (enum option_id)i, optarg ? optarg : "yes", reason))
            return complain(err, "--%s: %s", option_table[i].name, reason);
    }
    o->torrents = argv + optind;
    o->n_torrents = (uint32_t)(argc - optind);
    return check_whole(o, err);
}
