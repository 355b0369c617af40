/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "conjure/torrent/metainfo.h"

/* Any bytes: they are refused with a reason of one line, or the torrent has all properties that the
 * header promises. */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define HOLD(condition)   \
    do {                  \
        if (!(condition)) \
            abort();      \
    } while (0)

static void check_path(const char *path)
{
    HOLD(*path && *path != '/' && strlen(path) <= METAINFO_PATH_MAX);
    for (const char *p = path; *p; p += strcspn(p, "/"), p += *p == '/') {
        size_t size = strcspn(p, "/");

        HOLD(size && size <= 255);
        HOLD(!(size == 1 && p[0] == '.') && !(size == 2 && p[0] == '.' && p[1] == '.'));
        HOLD(p[size] != '/' || p[size + 1]);
    }
    for (const char *p = path; *p; p++)
        HOLD((unsigned char)*p >= 0x20 && *p != 0x7f);
}

/* Up, and then down to a path. */
static void check_link(const char *target)
{
    while (!strncmp(target, "../", 3))
        target += 3;
    check_path(target);
}

static void check_torrent(const struct metainfo *m)
{
    uint64_t offset = 0, pieces = 0;
    size_t n;

    check_path(metainfo_name(m));
    HOLD(metainfo_name(m)[0] != '.' && !strchr(metainfo_name(m), '/'));
    HOLD(metainfo_n_files(m));
    for (uint32_t i = 0; i < metainfo_n_files(m); i++) {
        const struct metainfo_file *f = metainfo_file(m, i);

        check_path(f->path);
        HOLD(!strncmp(f->path, metainfo_name(m), strlen(metainfo_name(m))));
        HOLD(!f->link || !f->length);
        if (f->link)
            check_link(f->link);
        HOLD(f->offset == offset);
        if (f->length) {
            HOLD(metainfo_file_at(m, offset) == i);
            HOLD(metainfo_file_at(m, offset + f->length - 1) == i);
        }
        offset += f->length;
    }
    HOLD(offset == metainfo_total_length(m));
    for (uint32_t i = 0; i < metainfo_n_pieces(m); i++) {
        HOLD(geometry_piece_size(metainfo_geometry(m), i) &&
             geometry_piece_size(metainfo_geometry(m), i) <= metainfo_piece_length(m));
        HOLD(metainfo_piece_hash(m, i) >= metainfo_raw_info(m, &n));
        pieces += geometry_piece_size(metainfo_geometry(m), i);
    }
    HOLD(pieces == offset);
    for (uint32_t i = 0; i < tracker_list_n_tiers(metainfo_trackers(m)); i++) {
        HOLD(tracker_list_n_in_tier(metainfo_trackers(m), i));
        for (uint32_t j = 0; j < tracker_list_n_in_tier(metainfo_trackers(m), i); j++)
            HOLD(*tracker_list_url(metainfo_trackers(m), i, j));
    }
    HOLD(metainfo_raw_info(m, &n)[0] == 'd');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct metainfo *m = NULL;
    char reason[METAINFO_REASON_MAX];
    int r = metainfo_parse(bytes, n, &m, reason);

    if (r) {
        HOLD(r == METAINFO_REFUSED && *reason && !strchr(reason, '\n') && !m);
        return 0;
    }
    check_torrent(m);
    metainfo_free(m);
    return 0;
}
