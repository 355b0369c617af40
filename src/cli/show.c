/* SPDX-License-Identifier: MIT */
#include "conjure/cli/commands.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "conjure/base/bytes.h"
#include "conjure/base/size.h"
#include "conjure/cli/options.h"
#include "conjure/torrent/metainfo.h"

static const char help[] =
    "Usage: conjure show FILE... [--json]\n"
    "\n"
    "Says what is in a torrent, or why it is refused (exit status 3).\n"
    "\n"
    "      --json    as JSON: an object, or an array of them for several files\n"
    "  -h, --help    show this\n";

#define DATE_TEXT_MAX 64

static char *format_date(int64_t unix_time, char text[DATE_TEXT_MAX])
{
    time_t t = unix_time;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || !strftime(text, DATE_TEXT_MAX, "%Y-%m-%d %H:%M:%S UTC", &tm))
        snprintf(text, DATE_TEXT_MAX, "%" PRId64, unix_time);
    return text;
}

static void show_trackers(const struct metainfo *m)
{
    for (uint32_t tier = 0; tier < tracker_list_n_tiers(metainfo_trackers(m)); tier++)
        for (uint32_t i = 0; i < tracker_list_n_in_tier(metainfo_trackers(m), tier); i++)
            if (i)
                printf("               %s\n", tracker_list_url(metainfo_trackers(m), tier, i));
            else
                printf("Tier %-9" PRIu32 " %s\n", tier + 1,
                       tracker_list_url(metainfo_trackers(m), tier, i));
}

static void show_files(const struct metainfo *m)
{
    char size[SIZE_TEXT_MAX];

    printf("Files          %" PRIu32 "\n", metainfo_n_files(m));
    for (uint32_t i = 0; i < metainfo_n_files(m); i++) {
        const struct metainfo_file *f = metainfo_file(m, i);

        printf("%6" PRIu32 "  %10s  %s%s\n", i + 1, size_format(f->length, size), f->path,
               f->padding ? "  (not on disk)" : "");
    }
}

static void show_text(const struct metainfo *m)
{
    char hash[INFO_HASH_TEXT_SIZE], size[SIZE_TEXT_MAX], date[DATE_TEXT_MAX];

    printf("Name           %s\n", metainfo_name(m));
    printf("Info-hash      %s\n", info_hash_text(metainfo_info_hash(m), hash));
    printf("Size           %s (%" PRIu64 " bytes)\n", size_format(metainfo_total_length(m), size),
           metainfo_total_length(m));
    printf("Pieces         %" PRIu32 " of %s\n", metainfo_n_pieces(m),
           size_format(metainfo_piece_length(m), size));
    printf("Private        %s\n", metainfo_is_private(m) ? "yes" : "no");
    if (metainfo_comment(m))
        printf("Comment        %s\n", metainfo_comment(m));
    if (metainfo_created_by(m))
        printf("Created by     %s\n", metainfo_created_by(m));
    if (metainfo_creation_date(m))
        printf("Created        %s\n", format_date(metainfo_creation_date(m), date));
    show_trackers(m);
    show_files(m);
}

/* NULL is left out; text that is not UTF-8 (only the command line can bring any) becomes "?". */
static void set_text(json_t *object, const char *key, const char *text)
{
    if (text && json_object_set_new(object, key, json_string(text)))
        json_object_set_new(object, key, json_string("?"));
}

static json_t *files_to_json(const struct metainfo *m)
{
    json_t *files = json_array();

    for (uint32_t i = 0; i < metainfo_n_files(m); i++) {
        const struct metainfo_file *f = metainfo_file(m, i);
        json_t *file = json_object();

        set_text(file, "path", f->path);
        json_object_set_new(file, "length", json_integer((json_int_t)f->length));
        json_object_set_new(file, "padding", json_boolean(f->padding));
        json_object_set_new(file, "executable", json_boolean(f->executable));
        json_array_append_new(files, file);
    }
    return files;
}

static json_t *trackers_to_json(const struct metainfo *m)
{
    json_t *tiers = json_array();

    for (uint32_t i = 0; i < tracker_list_n_tiers(metainfo_trackers(m)); i++) {
        json_t *tier = json_array();

        for (uint32_t j = 0; j < tracker_list_n_in_tier(metainfo_trackers(m), i); j++)
            json_array_append_new(tier, json_string(tracker_list_url(metainfo_trackers(m), i, j)));
        json_array_append_new(tiers, tier);
    }
    return tiers;
}

static void metainfo_to_json(const struct metainfo *m, json_t *object)
{
    char hash[INFO_HASH_TEXT_SIZE];

    set_text(object, "name", metainfo_name(m));
    set_text(object, "info_hash", info_hash_text(metainfo_info_hash(m), hash));
    json_object_set_new(object, "size", json_integer((json_int_t)metainfo_total_length(m)));
    json_object_set_new(object, "piece_length", json_integer(metainfo_piece_length(m)));
    json_object_set_new(object, "pieces", json_integer(metainfo_n_pieces(m)));
    json_object_set_new(object, "private", json_boolean(metainfo_is_private(m)));
    json_object_set_new(object, "multi", json_boolean(metainfo_is_multi(m)));
    set_text(object, "comment", metainfo_comment(m));
    set_text(object, "created_by", metainfo_created_by(m));
    if (metainfo_creation_date(m))
        json_object_set_new(object, "creation_date", json_integer(metainfo_creation_date(m)));
    json_object_set_new(object, "trackers", trackers_to_json(m));
    json_object_set_new(object, "files", files_to_json(m));
}

/* Shows one file, as text when ALL is NULL. Returns an exit code. */
static int show(const char *path, json_t *all)
{
    struct metainfo *m = NULL;
    char reason[METAINFO_REASON_MAX];
    int r = metainfo_load(path, &m, reason);
    json_t *object;

    if (r) {
        if (r < 0)
            snprintf(reason, sizeof reason, "%s", strerror(-r));
        fprintf(stderr, "conjure: %s: %s\n", path, reason);
    }
    if (all) {
        object = json_object();
        set_text(object, "file", path);
        if (r)
            set_text(object, "error", reason);
        else
            metainfo_to_json(m, object);
        json_array_append_new(all, object);
    } else if (!r) {
        show_text(m);
    }
    metainfo_free(m);
    return !r ? EXIT_DONE : r > 0 ? EXIT_REFUSED : EXIT_ERROR;
}

static void print_json(const json_t *all)
{
    const json_t *one = json_array_size(all) == 1 ? json_array_get(all, 0) : all;

    json_dumpf(one, stdout, JSON_INDENT(2));
    putchar('\n');
}

static int show_all(char **paths, bool json)
{
    json_t *all = json ? json_array() : NULL;
    int code = EXIT_DONE;

    for (char **path = paths; *path; path++) {
        int one = show(*path, all);

        /* A refusal says more than a file that could not be read. */
        if (one > code)
            code = one;
        if (!json && path[1] && !one)
            putchar('\n');
    }
    if (json)
        print_json(all);
    json_decref(all);
    if (fflush(stdout) || ferror(stdout)) {
        perror("conjure: show");
        code = EXIT_ERROR;
    }
    return code;
}

int cli_show(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    bool json = false;
    int option;

    optind = 0;
    while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (option == 'j') {
            json = true;
        } else if (option == 'h') {
            fputs(help, stdout);
            return EXIT_DONE;
        } else {
            fprintf(stderr, "conjure: show: %s is no option\nTry 'conjure show --help'.\n",
                    argv[optind - 1]);
            return EXIT_USAGE;
        }
    }
    if (optind == argc) {
        fputs("conjure: show: no file given\nTry 'conjure show --help'.\n", stderr);
        return EXIT_USAGE;
    }
    return show_all(argv + optind, json);
}
