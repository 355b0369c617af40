/* SPDX-License-Identifier: MIT */
#include "conjure/cli/commands.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/show_json.h"
#include "conjure/base/bytes.h"
#include "conjure/base/size.h"
#include "conjure/cli/torrent_file.h"

static const char help[] =
    "Usage: conjure show FILE...\n"
    "\n"
    "Prints the properties of each torrent, or why it is invalid (exit status 3).\n"
    "\n"
#if CONJURE_WITH_JSON
    "      --json    print JSON: an object, or an array of objects for several files\n"
#endif
    "  -h, --help    show this help and exit\n";

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

        printf("%6" PRIu32 "  %10s  %s%s%s%s", i + 1, size_format(f->length, size), f->path,
               f->link ? " -> " : "", f->link ? f->link : "",
               f->padding ? "  (padding, not on disk)" : "");
        if (f->original)
            printf("  (in the torrent: %s)", f->original);
        putchar('\n');
    }
}

static void show_one(const struct metainfo *m)
{
    char hash[INFO_HASH_TEXT_SIZE], size[SIZE_TEXT_MAX], date[DATE_TEXT_MAX];

    printf("Name           %s", metainfo_name(m));
    if (metainfo_original_name(m))
        printf("  (in the torrent: %s)", metainfo_original_name(m));
    putchar('\n');
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

/* Prints the torrents at PATHS as text. Returns the highest exit code. */
static int show_text(char **paths)
{
    int worst = EXIT_DONE;

    for (char **path = paths; *path; path++) {
        struct metainfo *m = NULL;
        char reason[METAINFO_REASON_MAX];
        int code = torrent_file_load(*path, &m, reason);

        if (!code)
            show_one(m);
        if (!code && path[1])
            putchar('\n');
        if (code > worst)
            worst = code;
        metainfo_free(m);
    }
    return worst;
}

static int usage(const char *what, const char *subject)
{
    fprintf(stderr, "conjure show: %s%s%s\nTry 'conjure show --help'.\n", what, subject ? " " : "",
            subject ? subject : "");
    return EXIT_USAGE;
}

int cli_show(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    bool json = false;
    int option, code;

    optind = 0; /* glibc: reinitialise */
    while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        switch (option) {
        case 'j':
            json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return EXIT_DONE;
        default:
            return usage("unknown option", argv[optind - 1]);
        }
    }
    if (optind == argc)
        return usage("no file given", NULL);
    if (!json) {
        code = show_text(argv + optind);
    } else {
#if CONJURE_WITH_JSON
        code = show_json(argv + optind);
#else
        fputs("conjure show: built without --json (jansson)\n", stderr);
        return EXIT_ERROR;
#endif
    }
    if (fflush(stdout) || ferror(stdout)) {
        perror("conjure show");
        code = EXIT_ERROR;
    }
    return code;
}
