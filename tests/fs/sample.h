/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_FS_SAMPLE_H
#define CONJURE_TESTS_FS_SAMPLE_H

#include "../suite.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conjure/base/rng.h"
#include "conjure/bencode/writer.h"
#include "conjure/torrent/metainfo.h"

/* A torrent of random content, and a folder of its own to keep it in. */
struct sample_file {
    const char *name;
    uint64_t length;
    const char *attr; /* BEP 47, or NULL */
};

/* What a test writes: the content of the sample, or bytes that fail the hash. */
enum bytes {
    GOOD_BYTES,
    WRONG_BYTES,
};

struct sample {
    char dir[64];    /* download folder */
    char resume[96]; /* beside it */
    struct metainfo *meta;
    uint8_t *content;
    uint64_t length;
    uint32_t piece_length, n_pieces;
};

static inline int sample_unlink(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static inline void sample_free(struct sample *s)
{
    char base[64];

    snprintf(base, sizeof base, "%.*s", (int)(strrchr(s->dir, '/') - s->dir), s->dir);
    nftw(base, sample_unlink, 16, FTW_DEPTH | FTW_PHYS);
    metainfo_free(s->meta);
    free(s->content);
}

/* Multi-file: everything lies below "T". Content of padding files is zeros. */
static inline void sample_make(struct sample *s, struct rng *rng, uint32_t piece_length,
                               const struct sample_file *files, unsigned n_files)
{
    struct bencode_writer w = BENCODE_WRITER_EMPTY;
    char base[48] = "/tmp/conjure-fs-XXXXXX", reason[METAINFO_REASON_MAX];
    uint64_t at = 0;

    *s = (struct sample){.piece_length = piece_length};
    ck_assert_ptr_nonnull(mkdtemp(base));
    snprintf(s->dir, sizeof s->dir, "%s/d", base);
    snprintf(s->resume, sizeof s->resume, "%s/r.resume", base);
    for (unsigned i = 0; i < n_files; i++)
        s->length += files[i].length;
    s->content = malloc(s->length + 1);
    for (uint64_t i = 0; i < s->length; i++)
        s->content[i] = (uint8_t)rng_next(rng);
    bencode_begin_dict(&w);
    bencode_put_key(&w, "info");
    bencode_begin_dict(&w);
    bencode_put_key(&w, "files");
    bencode_begin_list(&w);
    for (unsigned i = 0; i < n_files; i++) {
        bencode_begin_dict(&w);
        if (files[i].attr) {
            bencode_put_key(&w, "attr");
            bencode_put_text(&w, files[i].attr);
            if (strchr(files[i].attr, 'p'))
                memset(s->content + at, 0, files[i].length);
        }
        bencode_put_key(&w, "length");
        bencode_put_integer(&w, (int64_t)files[i].length);
        bencode_put_key(&w, "path");
        bencode_begin_list(&w);
        for (const char *p = files[i].name; *p;) {
            size_t n = strcspn(p, "/");

            bencode_put_string(&w, p, n);
            p += n + (p[n] == '/');
        }
        bencode_end(&w);
        bencode_end(&w);
        at += files[i].length;
    }
    bencode_end(&w);
    bencode_put_key(&w, "name");
    bencode_put_text(&w, "T");
    bencode_put_key(&w, "piece length");
    bencode_put_integer(&w, piece_length);
    s->n_pieces = (uint32_t)((s->length + piece_length - 1) / piece_length);
    bencode_put_key(&w, "pieces");
    {
        uint8_t *hashes = malloc((size_t)s->n_pieces * SHA1_SIZE + 1);

        for (uint32_t i = 0; i < s->n_pieces; i++) {
            uint64_t from = (uint64_t)i * piece_length;
            uint64_t n = s->length - from < piece_length ? s->length - from : piece_length;

            sha1(s->content + from, n, hashes + (size_t)i * SHA1_SIZE);
        }
        bencode_put_string(&w, hashes, (size_t)s->n_pieces * SHA1_SIZE);
        free(hashes);
    }
    bencode_end(&w);
    bencode_end(&w);
    ck_assert_int_eq(bencode_writer_finish(&w), 0);
    ck_assert_msg(metainfo_parse(w.bytes, w.n, &s->meta, reason) == 0, "%s", reason);
    bencode_writer_deinit(&w);
}

static inline void sample_path(const struct sample *s, uint32_t file, char path[640])
{
    snprintf(path, 640, "%s/%s", s->dir, metainfo_file(s->meta, file)->path);
}

/* Whether FILE on disk is correct. */
static inline bool sample_file_is_good(const struct sample *s, uint32_t file)
{
    const struct metainfo_file *f = metainfo_file(s->meta, file);
    char path[640];
    uint8_t *bytes;
    struct stat st;
    bool good;
    int fd;

    sample_path(s, file, path);
    if (stat(path, &st) || (uint64_t)st.st_size != f->length)
        return false;
    fd = open(path, O_RDONLY);
    bytes = malloc(f->length + 1);
    good = read(fd, bytes, f->length) == (ssize_t)f->length &&
           !memcmp(bytes, s->content + f->offset, f->length);
    free(bytes);
    close(fd);
    return good;
}

/* Writes all of FILE to disk, not through a storage. */
static inline void sample_write_file(const struct sample *s, uint32_t file)
{
    const struct metainfo_file *f = metainfo_file(s->meta, file);
    char path[640];
    int fd;

    sample_path(s, file, path);
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(path, 0777);
        *slash = '/';
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, s->content + f->offset, f->length), (ssize_t)f->length);
    close(fd);
}

/* Writes FILE again, with another modification time even if the clock has not ticked since. */
static inline void sample_change_file(const struct sample *s, uint32_t file)
{
    const struct timespec times[2] = {{.tv_sec = 1000 + file}, {.tv_sec = 1000 + file}};
    char path[640];

    sample_write_file(s, file);
    sample_path(s, file, path);
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

#endif
