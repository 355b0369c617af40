/* SPDX-License-Identifier: MIT */
#include "torrent/metainfo_struct.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/search.h"

void metainfo_free(struct metainfo *m)
{
    if (!m)
        return;
    tracker_list_deinit(&m->trackers);
    for (uint32_t i = 0; m->own_paths && i < m->n_files; i++)
        free(m->own_paths[i]);
    free(m->own_paths);
    free(m->files);
    text_deinit(&m->paths);
    text_deinit(&m->links);
    text_deinit(&m->originals);
    free(m->name);
    free(m->original_name);
    free(m->comment);
    free(m->created_by);
    free(m->bytes);
    free(m->own_pieces);
    free(m);
}

void metainfo_drop_raw(struct metainfo *m)
{
    size_t n = (size_t)m->geometry.n_pieces * SHA1_SIZE;
    uint8_t *pieces = m->bytes ? malloc(n + 1) : NULL;

    if (!pieces)
        return;
    memcpy(pieces, m->pieces, n);
    free(m->bytes);
    m->bytes = NULL;
    m->n = m->info_start = m->info_end = 0;
    m->pieces = m->own_pieces = pieces;
}

const uint8_t *metainfo_raw(const struct metainfo *m, size_t *np)
{
    *np = m->n;
    return m->bytes;
}

const uint8_t *metainfo_raw_info(const struct metainfo *m, size_t *np)
{
    *np = m->info_end - m->info_start;
    return m->bytes ? m->bytes + m->info_start : NULL;
}

const struct info_hash *metainfo_info_hash(const struct metainfo *m)
{
    return &m->info_hash;
}

const char *metainfo_name(const struct metainfo *m)
{
    return m->name;
}

const char *metainfo_original_name(const struct metainfo *m)
{
    return m->original_name;
}

uint32_t metainfo_n_mended(const struct metainfo *m)
{
    return m->n_mended + (m->original_name != NULL);
}

uint64_t metainfo_total_length(const struct metainfo *m)
{
    return m->geometry.total_length;
}

uint32_t metainfo_piece_length(const struct metainfo *m)
{
    return m->geometry.piece_length;
}

uint32_t metainfo_n_pieces(const struct metainfo *m)
{
    return m->geometry.n_pieces;
}

const struct geometry *metainfo_geometry(const struct metainfo *m)
{
    return &m->geometry;
}

const uint8_t *metainfo_piece_hash(const struct metainfo *m, uint32_t piece)
{
    assert(piece < m->geometry.n_pieces);
    return m->pieces + (size_t)piece * SHA1_SIZE;
}

uint32_t metainfo_n_files(const struct metainfo *m)
{
    return m->n_files;
}

const struct metainfo_file *metainfo_file(const struct metainfo *m, uint32_t file)
{
    assert(file < m->n_files);
    return &m->files[file];
}

static bool begins_by(const void *files, uint32_t i, const void *offset)
{
    return ((const struct metainfo_file *)files)[i].offset <= *(const uint64_t *)offset;
}

uint32_t metainfo_file_at(const struct metainfo *m, uint64_t offset)
{
    assert(offset < m->geometry.total_length);
    /* The last file that begins at or before OFFSET; those of length zero at the same place come
     * before it. */
    return search_count(m->n_files, begins_by, m->files, &offset) - 1;
}

bool metainfo_is_private(const struct metainfo *m)
{
    return m->private;
}

bool metainfo_is_multi(const struct metainfo *m)
{
    return m->multi;
}

const struct tracker_list *metainfo_trackers(const struct metainfo *m)
{
    return &m->trackers;
}

const char *metainfo_comment(const struct metainfo *m)
{
    return m->comment;
}

const char *metainfo_created_by(const struct metainfo *m)
{
    return m->created_by;
}

int64_t metainfo_creation_date(const struct metainfo *m)
{
    return m->creation_date;
}
