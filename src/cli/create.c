/* SPDX-License-Identifier: MIT */
#include "conjure/cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/base/bytes.h"
#include "conjure/base/size.h"
#include "conjure/cli/exit_code.h"
#include "conjure/torrent/author.h"

static const char help[] =
    "Usage: conjure create PATH [-o FILE] [-t TRACKER]... [OPTION]...\n"
    "\n"
    "Makes a torrent of a file or a folder.\n"
    "\n"
    "  -o, --output=FILE        write the torrent to FILE (default: NAME.torrent)\n"
    "  -t, --tracker=URL        add a tracker (http, https or udp), as a tier of its\n"
    "                           own: clients try it when the tiers before it fail\n"
    "  -s, --piece-size=KIB     the size of a piece (default: by content size)\n"
    "      --private            make a private torrent (BEP 27)\n"
    "      --comment=TEXT       store TEXT as the comment\n"
    "      --force              overwrite FILE if it exists\n"
    "  -h, --help               show this help and exit\n";

#define CONTINUE (-1) /* not an exit code: the options are valid so far */

struct create {
    const char *path;
    const char *output; /* NULL: NAME.torrent */
    bool force;
    struct author_options author;
    const char **trackers; /* owned; the URLs are argv's */
};

static int usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int usage(const char *format, ...)
{
    va_list args;

    fputs("conjure create: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("\nTry 'conjure create --help'.\n", stderr);
    return EXIT_USAGE;
}

static bool is_tracker(const char *url)
{
    static const char *const schemes[] = {"http://", "https://", "udp://"};

    if (strlen(url) > TRACKER_URL_MAX)
        return false;
    for (const char *p = url; *p; p++)
        if (*p <= ' ' || *p >= 0x7f)
            return false;
    for (size_t i = 0; i < N_ELEMENTS(schemes); i++) {
        size_t n = strlen(schemes[i]);

        if (!strncasecmp(url, schemes[i], n) && url[n])
            return true;
    }
    return false;
}

enum {
    OPT_PRIVATE = 256,
    OPT_COMMENT,
    OPT_FORCE,
};

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"tracker", required_argument, NULL, 't'},
    {"piece-size", required_argument, NULL, 's'},
    {"private", no_argument, NULL, OPT_PRIVATE},
    {"comment", required_argument, NULL, OPT_COMMENT},
    {"force", no_argument, NULL, OPT_FORCE},
    {"help", no_argument, NULL, 'h'},
    {0},
};

/* Returns an exit code, or CONTINUE. */
static int take_option(struct create *c, int option, const char *bad)
{
    uint32_t kib;

    switch (option) {
    case 'o':
        c->output = optarg;
        return CONTINUE;
    case 't':
        if (!is_tracker(optarg))
            return usage("'%s' is not the URL of a tracker", optarg);
        c->trackers[c->author.n_trackers++] = optarg;
        return CONTINUE;
    case 's':
        if (size_parse_count(optarg, METAINFO_PIECE_MIN >> 10, METAINFO_PIECE_MAX >> 10, &kib))
            return usage("'%s' is not a piece size from %u to %u KiB", optarg,
                         METAINFO_PIECE_MIN >> 10, METAINFO_PIECE_MAX >> 10);
        c->author.piece_length = kib << 10;
        return CONTINUE;
    case OPT_PRIVATE:
        c->author.private = true;
        return CONTINUE;
    case OPT_COMMENT:
        c->author.comment = optarg;
        return CONTINUE;
    case OPT_FORCE:
        c->force = true;
        return CONTINUE;
    case 'h':
        fputs(help, stdout);
        return EXIT_DONE;
    case ':':
        return usage("%s needs an argument", bad);
    default:
        return usage("unknown option, or unexpected argument: %s", bad);
    }
}

static int parse(struct create *c, int argc, char **argv)
{
    int option, code;

    optind = 0;
    while ((option = getopt_long(argc, argv, ":o:t:s:h", long_options, NULL)) != -1) {
        code = take_option(c, option, argv[optind - 1]);
        if (code != CONTINUE)
            return code;
    }
    if (optind == argc)
        return usage("no file or folder given");
    if (optind + 1 < argc)
        return usage("more than one file or folder given: '%s'", argv[optind + 1]);
    c->path = argv[optind];
    return CONTINUE;
}

static int complain(const char *path, const char *what)
{
    fprintf(stderr, "conjure: %s: %s\n", path, what);
    return EXIT_ERROR;
}

static int complain_errno(const char *path, int error)
{
    complain(path, strerror(error));
    return error == ENOSPC || error == EDQUOT ? EXIT_DISK_FULL : EXIT_ERROR;
}

static int write_all(int fd, const uint8_t *bytes, size_t n)
{
    while (n) {
        ssize_t done = write(fd, bytes, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        bytes += done;
        n -= (size_t)done;
    }
    return fsync(fd) && errno != EINVAL ? -errno : 0;
}

/* Renames the finished file. Replaces an existing file only with FORCE. */
static int put_in_place(const char *from, const char *to, bool force)
{
    if (force)
        return rename(from, to) ? -errno : 0;
    if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    /* The file system does not support the flag. link(2) also fails when TO exists. */
    if (link(from, to))
        return -errno;
    unlink(from);
    return 0;
}

/* Writes a temporary file and renames it, so that PATH never holds half a torrent. */
static int write_file(const char *path, const uint8_t *bytes, size_t n, bool force)
{
    char *temporary = NULL;
    mode_t mask = umask(0);
    int fd, r;

    umask(mask);
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return -ENOMEM;
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        r = -errno;
        free(temporary);
        return r;
    }
    r = write_all(fd, bytes, n);
    if (fchmod(fd, 0666 & ~mask) && !r)
        r = -errno;
    close(fd);
    if (!r)
        r = put_in_place(temporary, path, force);
    if (r)
        unlink(temporary);
    free(temporary);
    return r;
}

static int write_torrent(const struct create *c, const struct metainfo *m)
{
    char *by_name = NULL, hash[INFO_HASH_TEXT_SIZE], size[SIZE_TEXT_MAX];
    const char *output = c->output;
    const uint8_t *bytes;
    size_t n;
    int r;

    if (!output) {
        if (asprintf(&by_name, "%s.torrent", metainfo_name(m)) < 0)
            return complain_errno(c->path, ENOMEM);
        output = by_name;
    }
    bytes = metainfo_raw(m, &n);
    r = write_file(output, bytes, n, c->force);
    if (r == -EEXIST) {
        r = complain(output, "already exists; use --force to overwrite it");
    } else if (r) {
        r = complain_errno(output, -r);
    } else {
        printf("%s: %" PRIu32 " piece%s of %s, info-hash %s\n", output, metainfo_n_pieces(m),
               metainfo_n_pieces(m) == 1 ? "" : "s", size_format(metainfo_piece_length(m), size),
               info_hash_text(metainfo_info_hash(m), hash));
        r = EXIT_DONE;
    }
    free(by_name);
    return r;
}

static int create(const struct create *c)
{
    struct metainfo *m;
    char reason[AUTHOR_REASON_MAX];
    struct stat st;
    int r;

    /* An early error, before the content is hashed; put_in_place checks again. */
    if (c->output && !c->force && !lstat(c->output, &st))
        return complain(c->output, "already exists; use --force to overwrite it");
    if (author_make(c->path, &c->author, &m, reason)) {
        fprintf(stderr, "conjure: %s\n", reason);
        return EXIT_ERROR;
    }
    if (metainfo_n_mended(m))
        fprintf(stderr,
                "conjure: %s: names that differ by case only: Conjure would store %u of them under "
                "other names, as conjure show prints\n",
                c->path, metainfo_n_mended(m));
    r = write_torrent(c, m);
    metainfo_free(m);
    return r;
}

int cli_create(int argc, char **argv)
{
    struct create c = {.author = AUTHOR_OPTIONS_EMPTY};
    int code;

    c.trackers = mem_new_array((size_t)argc, sizeof *c.trackers);
    c.author.trackers = c.trackers;
    c.author.creation_date = time(NULL);
    code = parse(&c, argc, argv);
    if (code == CONTINUE)
        code = create(&c);
    free(c.trackers);
    return code;
}
