/* SPDX-License-Identifier: MIT */
/*
 * Holes. A piece that lies entirely in holes was never written, so it is not read either, unless it
 * is one of all zeros.
 */
#include "fs/present.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "conjure/base/sha1.h"
#include "conjure/fs/io.h"

void present_add(struct bitfield *pieces, const struct store *store, uint64_t from, uint64_t to)
{
    if (from >= to)
        return;
    for (uint64_t piece = from / store->piece_length; piece <= (to - 1) / store->piece_length;
         piece++)
        bitfield_set(pieces, (uint32_t)piece);
}

static void remove_pieces(struct bitfield *pieces, const struct store *store, uint64_t from,
                          uint64_t to)
{
    if (from >= to)
        return;
    for (uint64_t piece = from / store->piece_length; piece <= (to - 1) / store->piece_length;
         piece++)
        bitfield_clear(pieces, (uint32_t)piece);
}

/* Adds the pieces that have a byte of data, and not only holes, in the first SIZE bytes of FILE. */
static int add_data(struct bitfield *pieces, const struct store *store, uint32_t file,
                    uint64_t size)
{
    const struct metainfo_file *f = metainfo_file(store->meta, file);
    uint64_t at = 0, end;
    int fd, r = store_open_file(store, file, FILE_READ, &fd);

    if (r == FILE_MISSING || r == -ELOOP || r == -ENOTDIR)
        return 0;
    if (r)
        return r;
    while (at < size) {
        off_t data = lseek(fd, (off_t)at, SEEK_DATA), hole;

        if (data < 0 && errno == ENXIO)
            break;
        if (data < 0) { /* not supported by this file system: all may be data */
            present_add(pieces, store, f->offset + at, f->offset + size);
            break;
        }
        hole = lseek(fd, data, SEEK_HOLE);
        end = hole < 0 || (uint64_t)hole > size ? size : (uint64_t)hole;
        present_add(pieces, store, f->offset + (uint64_t)data, f->offset + end);
        /* The rest of that piece is decided, so small neighbouring extents cost nothing. */
        at = (f->offset + end + store->piece_length - 1) / store->piece_length *
                 store->piece_length -
             f->offset;
    }
    io_close(fd);
    return 0;
}

static void hash_zeros(uint32_t size, uint8_t digest[SHA1_SIZE])
{
    static const uint8_t zeros[64 * 1024];
    const uint8_t *lane = zeros;
    struct sha1_streams x = SHA1_STREAMS_EMPTY;

    sha1_streams_init(&x, 1);
    for (; size > sizeof zeros; size -= (uint32_t)sizeof zeros)
        sha1_streams_update(&x, &lane, 1, sizeof zeros);
    sha1_streams_finish(&x, &lane, 1, size, (uint8_t(*)[SHA1_SIZE])digest);
    sha1_streams_deinit(&x);
}

/* Removes the pieces that have no data, but holes only, and whose content is not all zeros. */
static void drop_holes(const struct store *store, const struct bitfield *data,
                       struct bitfield *present)
{
    uint8_t digest[SHA1_SIZE];
    uint32_t hashed_size = 0;

    for (uint32_t piece = 0; piece < store->n_pieces; piece++) {
        uint32_t size = store_piece_size(store, piece);

        if (!bitfield_test(present, piece) || bitfield_test(data, piece))
            continue;
        if (size != hashed_size) {
            hash_zeros(size, digest);
            hashed_size = size;
        }
        if (memcmp(digest, metainfo_piece_hash(store->meta, piece), SHA1_SIZE))
            bitfield_clear(present, piece);
    }
}

/* Whether a byte of SLOT is on disk, or all of it is padding. */
static bool slot_may_hold_piece(const struct store *store, const struct file_stamp *stamps,
                                uint32_t slot)
{
    uint64_t at = (uint64_t)slot * store->piece_length, end = at + store_piece_size(store, slot);
    bool only_padding = true;
    struct extent e;

    while (store_next_extent(store, &at, end, PADDING_STORED, &e)) {
        if (stamps[e.file].exists && stamps[e.file].size > e.offset)
            return true;
        only_padding &= metainfo_file(store->meta, e.file)->padding;
    }
    return only_padding;
}

/* Whether a piece of ASKED holds a byte of file F. */
static bool is_asked(const struct store *store, const struct metainfo_file *f,
                     const struct bitfield *asked)
{
    if (!asked || !f->length)
        return !asked;
    for (uint64_t piece = f->offset / store->piece_length;
         piece <= (f->offset + f->length - 1) / store->piece_length; piece++)
        if (bitfield_test(asked, (uint32_t)piece))
            return true;
    return false;
}

int present_find(const struct store *store, const struct file_stamp *stamps,
                 const struct bitfield *asked, struct bitfield *present)
{
    struct bitfield data;
    int r = bitfield_init(&data, store->n_pieces);

    if (r)
        return r;
    bitfield_set_all(present);
    for (uint32_t file = 0; file < store->n_files && !r; file++) {
        const struct metainfo_file *f = metainfo_file(store->meta, file);
        uint64_t size = stamps[file].exists ? stamps[file].size : 0;

        if (f->padding || !is_asked(store, f, asked))
            continue;
        if (size > f->length)
            size = f->length;
        remove_pieces(present, store, f->offset + size, f->offset + f->length);
        if (size)
            r = add_data(&data, store, file, size);
    }
    if (!r)
        drop_holes(store, &data, present);
    bitfield_deinit(&data);
    return r;
}

void present_find_slots(const struct store *store, const struct file_stamp *stamps,
                        struct bitfield *present)
{
    bitfield_clear_all(present);
    for (uint32_t slot = 0; slot < store->n_pieces; slot++)
        if (slot_may_hold_piece(store, stamps, slot))
            bitfield_set(present, slot);
}
