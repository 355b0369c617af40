/* SPDX-License-Identifier: MIT */
#include "fs/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/base/bytes.h"
#include "conjure/fs/io.h"

/* ".NAME-INFOHASH8.parts"; the name is cut between characters so that the whole fits NAME_MAX. */
static char *parts_name(const struct metainfo *meta)
{
    char hash[9], *text = mem_new(256);
    size_t n = strlen(metainfo_name(meta));

    hex_encode(metainfo_info_hash(meta)->bytes, 4, hash);
    if (n > 200)
        for (n = 200; n && ((uint8_t)metainfo_name(meta)[n] & 0xc0) == 0x80; n--)
            ;
    snprintf(text, 256, ".%.*s-%s.parts", (int)n, metainfo_name(meta), hash);
    return text;
}

/* FAT has no inode numbers, and those of SMB and FUSE may be made up anew. */
static bool has_stable_inodes(int dir_fd)
{
    enum { FAT = 0x4d44, EXFAT = 0x2011bab0, FUSE = 0x65735546 };
    enum { SMB = 0x517b, CIFS = 0xff534d42, SMB2 = 0xfe534d42 };
    struct statfs fs;

    if (fstatfs(dir_fd, &fs))
        return false;
    switch ((uint32_t)fs.f_type) {
    case FAT:
    case EXFAT:
    case FUSE:
    case SMB:
    case CIFS:
    case SMB2:
        return false;
    default:
        return true;
    }
}

int store_init(struct store *s, const struct metainfo *meta, int dir_fd, enum allocation allocation,
               const bool *skip_file)
{
    *s = (struct store){.meta = meta,
                        .dir_fd = dir_fd,
                        .allocation = allocation,
                        .n_pieces = metainfo_n_pieces(meta),
                        .piece_length = metainfo_piece_length(meta),
                        .n_files = metainfo_n_files(meta),
                        .total_length = metainfo_total_length(meta),
                        .stable_inodes = has_stable_inodes(dir_fd)};
    if (skip_file) {
        s->skip_file = malloc(s->n_files + 1);
        if (!s->skip_file) {
            *s = STORE_EMPTY;
            return -ENOMEM;
        }
        memcpy(s->skip_file, skip_file, s->n_files);
    }
    s->parts = parts_name(meta);
    return 0;
}

void store_deinit(struct store *s)
{
    free(s->skip_file);
    free(s->parts);
    *s = STORE_EMPTY;
}

uint32_t store_piece_size(const struct store *s, uint32_t piece)
{
    return geometry_piece_size(metainfo_geometry(s->meta), piece);
}

uint32_t store_n_blocks(const struct store *s, uint32_t piece)
{
    return geometry_n_blocks(metainfo_geometry(s->meta), piece);
}

bool store_next_extent(const struct store *s, uint64_t *atp, uint64_t end, enum padding padding,
                       struct extent *extentp)
{
    const struct metainfo_file *f;
    uint64_t left;
    uint32_t file;

    if (*atp >= end)
        return false;
    file = metainfo_file_at(s->meta, *atp);
    f = metainfo_file(s->meta, file);
    left = f->offset + f->length - *atp;
    if (left > end - *atp)
        left = end - *atp;
    extentp->file = f->padding && padding == PADDING_IMPLIED ? STORE_PADDING : file;
    extentp->offset = *atp - f->offset;
    extentp->length = (uint32_t)left;
    *atp += left;
    return true;
}

bool store_is_part(const struct store *s, uint32_t file)
{
    return metainfo_file(s->meta, file)->padding || (s->skip_file && s->skip_file[file]);
}

static void part_path(const struct store *s, uint32_t file, char path[STORE_PATH_MAX])
{
    snprintf(path, STORE_PATH_MAX, "%s/%u", s->parts, file);
}

const char *store_path(const struct store *s, uint32_t file, char buffer[STORE_PATH_MAX])
{
    if (!store_is_part(s, file))
        return metainfo_file(s->meta, file)->path;
    part_path(s, file, buffer);
    return buffer;
}

int store_open_file(const struct store *s, uint32_t file, enum file_mode mode, int *fdp)
{
    const struct metainfo_file *f = metainfo_file(s->meta, file);
    bool part = store_is_part(s, file);
    char buffer[STORE_PATH_MAX];
    const char *path = store_path(s, file, buffer);
    struct stat st;
    int fd, r;

    r = io_open_below(s->dir_fd, path, mode == FILE_WRITE ? O_RDWR | O_CREAT : O_RDONLY, &fd);
    if (r == -ENOENT && mode == FILE_READ)
        return FILE_MISSING;
    if (r)
        return r;
    if (mode == FILE_WRITE && !part) {
        if (fstat(fd, &st) < 0)
            r = -errno;
        /* No file may be longer than the torrent says. */
        else if (store_files_grow(s) ? (uint64_t)st.st_size > f->length
                                     : (uint64_t)st.st_size != f->length)
            r = io_truncate(fd, f->length);
        if (!r && f->executable && !(st.st_mode & 0100))
            fchmod(fd, (st.st_mode | (st.st_mode & 0444) >> 2) & 0777); /* BEP 47; best effort */
        if (r) {
            io_close(fd);
            return r;
        }
    }
    *fdp = fd;
    return 0;
}

bool store_piece_is_wanted(const struct store *s, uint32_t piece)
{
    uint64_t at = (uint64_t)piece * s->piece_length, end = at + store_piece_size(s, piece);
    struct extent e;

    if (!s->skip_file)
        return true;
    while (store_next_extent(s, &at, end, PADDING_IMPLIED, &e))
        if (e.file != STORE_PADDING && !s->skip_file[e.file])
            return true;
    return false;
}

bool store_has_parts(const struct store *s)
{
    struct stat st;

    return !fstatat(s->dir_fd, s->parts, &st, AT_SYMLINK_NOFOLLOW);
}

int store_place_part(const struct store *s, uint32_t file)
{
    char path[STORE_PATH_MAX];
    struct stat st;
    int r;

    assert(!store_is_part(s, file));
    part_path(s, file, path);
    if (fstatat(s->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    r = io_rename_below(s->dir_fd, path, metainfo_file(s->meta, file)->path);
    if (r == -EEXIST)
        return io_remove_below(s->dir_fd, path);
    return r ? r : PART_PLACED;
}

void store_remove_parts(const struct store *s)
{
    unlinkat(s->dir_fd, s->parts, AT_REMOVEDIR); /* fails while a part file is left */
}
