/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TORRENT_METAINFO_H
#define CONJURE_TORRENT_METAINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conjure/base/info_hash.h"
#include "conjure/base/sha1.h"
#include "conjure/piece/geometry.h"
#include "conjure/torrent/tracker_list.h"

/*
 * A .torrent file (BEP 3, 12, 27, 47), fully checked when it is loaded: readers of a struct
 * metainfo need not check anything. Immutable after loading, so any thread may read it; the owner
 * frees it after all other threads have stopped using it.
 */
struct metainfo;

#define METAINFO_FILE_MAX   (64u << 20) /* bytes of the largest .torrent that we read */
#define METAINFO_FILES_MAX  (1u << 20)
#define METAINFO_PIECES_MAX (1u << 22) /* keeps bitfields below 512 KiB */
#define METAINFO_PIECE_MIN  1024u      /* bytes; real ones start at 16 KiB, tests at 1 */
#define METAINFO_PIECE_MAX  (512u << 20)
#define METAINFO_PATH_MAX   4095u        /* bytes of a file's path, as PATH_MAX without the NUL */
#define METAINFO_NAMES_MAX  (256u << 20) /* bytes of all paths together */
#define METAINFO_REMARK_MAX 4096u        /* bytes of a comment that we keep */
#define METAINFO_REASON_MAX 256

enum {
    METAINFO_REFUSED = 1, /* not a torrent, or a faulty one; REASON is set */
};

struct metainfo_file {
    const char *path;     /* below the download folder, '/'-separated, made safe; begins with the
                         torrent's name for a multi-file torrent. NUL-terminated UTF-8. No other
                         file has it, with regard to case or without, nor as a folder */
    const char *original; /* NULL unless it was mended: the path below the torrent's name as it was,
                             cut and clean, for people */
    const char *link;     /* BEP 47 attr l: the target of a symbolic link, relative, inside the
                             torrent's folder; or NULL. Has no content */
    uint64_t offset;      /* of its first byte in the content */
    uint64_t length;
    bool padding;    /* BEP 47: zeros for alignment, never on disk */
    bool executable; /* BEP 47 attr x */
};

/* Reads and checks PATH. Returns 0; METAINFO_REFUSED with a REASON (one line, without the file's
 * name); or -errno when it cannot be read. */
int metainfo_load(const char *path, struct metainfo **outp, char reason[METAINFO_REASON_MAX]);
/* The same for bytes in memory, which are copied. */
int metainfo_parse(const uint8_t *bytes, size_t n, struct metainfo **outp,
                   char reason[METAINFO_REASON_MAX]);
void metainfo_free(struct metainfo *m); /* NULL is fine */

/* Frees the bytes of the file, most of the memory of a metainfo, for callers that can read the file
 * again. Call it before another thread uses M. When memory is short the bytes are kept. */
void metainfo_drop_raw(struct metainfo *m);
/* The bytes of the whole file and of its info dict (BEP 9 serves the latter). NULL and 0 after
 * metainfo_drop_raw. */
const uint8_t *metainfo_raw(const struct metainfo *m, size_t *np);
const uint8_t *metainfo_raw_info(const struct metainfo *m, size_t *np);

const struct info_hash *metainfo_info_hash(const struct metainfo *m);
const char *metainfo_name(const struct metainfo *m); /* made safe, NUL-terminated */
/* As it was, clean, for people; NULL unless it was mended. */
const char *metainfo_original_name(const struct metainfo *m);
uint32_t metainfo_n_mended(const struct metainfo *m); /* names of files, and that of the torrent */
uint64_t metainfo_total_length(const struct metainfo *m);
uint32_t metainfo_piece_length(const struct metainfo *m);
uint32_t metainfo_n_pieces(const struct metainfo *m);
const struct geometry *metainfo_geometry(const struct metainfo *m);
const uint8_t *metainfo_piece_hash(const struct metainfo *m, uint32_t piece);

uint32_t metainfo_n_files(const struct metainfo *m);
const struct metainfo_file *metainfo_file(const struct metainfo *m, uint32_t file);
/* The file that holds byte OFFSET (below the total length) of the content; never one of length
 * zero. O(log n). */
uint32_t metainfo_file_at(const struct metainfo *m, uint64_t offset);

bool metainfo_is_private(const struct metainfo *m); /* BEP 27 */
bool metainfo_is_multi(const struct metainfo *m);   /* has a folder of its own */

/* `announce` is the only tier when there is no announce-list (BEP 12). */
const struct tracker_list *metainfo_trackers(const struct metainfo *m);

const char *metainfo_comment(const struct metainfo *m);    /* or NULL */
const char *metainfo_created_by(const struct metainfo *m); /* or NULL */
int64_t metainfo_creation_date(const struct metainfo *m);  /* Unix time, or 0 */

#endif
