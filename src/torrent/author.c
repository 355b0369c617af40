/* SPDX-License-Identifier: MIT */
#include "conjure/torrent/author.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/bencode/writer.h"
#include "torrent/content.h"

/*
 * Pieces are hashed side by side, as many as the CPU has lanes for. Each lane reads its own piece
 * in parts, so that the memory needed does not grow with the piece length. The last piece, which
 * may be short, is hashed alone.
 *
 * The new torrent is loaded before it is returned, so that none is made that we would refuse.
 */

_Static_assert(AUTHOR_REASON_MAX == CONTENT_REASON_MAX && AUTHOR_REFUSED == (int)CONTENT_REFUSED,
               "reasons and results of content are passed on");

#define PART (128u << 10) /* bytes of a lane at a time; a multiple of SHA-1's blocks of 64 */

struct hashing {
    struct content *content;
    uint32_t piece_length;
    uint8_t *parts;  /* PART bytes for every lane */
    uint8_t *hashes; /* SHA1_SIZE bytes for every piece */
    char *reason;
};

uint32_t author_choose_piece_length(uint64_t total)
{
    uint32_t length = AUTHOR_PIECE_LENGTH_MIN;

    while (length < AUTHOR_PIECE_LENGTH_MAX && total / length >= AUTHOR_PIECES_AIM)
        length *= 2;
    return length;
}

/* N_LANES pieces of SIZE bytes each, from piece FIRST on. */
static int hash_pieces(struct hashing *h, struct sha1_streams *streams, uint64_t first,
                       unsigned n_lanes, uint32_t size)
{
    uint8_t(*digests)[SHA1_SIZE] = (uint8_t(*)[SHA1_SIZE])(h->hashes + first * SHA1_SIZE);
    const uint8_t *lanes[SHA1_LANES_MAX];
    uint32_t at = 0, n;

    sha1_streams_init(streams, n_lanes);
    for (;;) {
        n = size - at < PART ? size - at : PART;
        for (unsigned i = 0; i < n_lanes; i++) {
            uint8_t *part = h->parts + (size_t)i * PART;
            int r =
                content_read(h->content, (first + i) * h->piece_length + at, part, n, h->reason);

            if (r)
                return r;
            lanes[i] = part;
        }
        at += n;
        if (at == size)
            break;
        sha1_streams_update(streams, lanes, n_lanes, n);
    }
    sha1_streams_finish(streams, lanes, n_lanes, n, digests);
    return 0;
}

static int hash_all(struct hashing *h)
{
    struct sha1_streams streams = SHA1_STREAMS_EMPTY;
    uint64_t n_whole = h->content->total / h->piece_length;
    uint32_t rest = (uint32_t)(h->content->total % h->piece_length);
    unsigned lanes = sha1_lanes();
    int r = 0;

    for (uint64_t i = 0; i < n_whole && !r; i += lanes)
        r = hash_pieces(h, &streams, i, (unsigned)(n_whole - i < lanes ? n_whole - i : lanes),
                        h->piece_length);
    if (!r && rest)
        r = hash_pieces(h, &streams, n_whole, 1, rest);
    sha1_streams_deinit(&streams);
    return r;
}

static void write_path(struct bencode_writer *w, const char *path)
{
    bencode_begin_list(w);
    while (*path) {
        size_t n = strcspn(path, "/");

        bencode_put_string(w, path, n);
        path += n;
        path += *path == '/';
    }
    bencode_end(w);
}

static void write_files(struct bencode_writer *w, const struct content *c)
{
    bencode_put_key(w, "files");
    bencode_begin_list(w);
    for (uint32_t i = 0; i < c->n_files; i++) {
        bencode_begin_dict(w);
        bencode_put_key(w, "length");
        bencode_put_integer(w, (int64_t)c->files[i].length);
        bencode_put_key(w, "path");
        write_path(w, c->files[i].name);
        bencode_end(w);
    }
    bencode_end(w);
}

static void write_info(struct bencode_writer *w, const struct hashing *h, size_t n_pieces,
                       bool private)
{
    const struct content *c = h->content;

    bencode_put_key(w, "info");
    bencode_begin_dict(w);
    if (c->multi) {
        write_files(w, c);
    } else {
        bencode_put_key(w, "length");
        bencode_put_integer(w, (int64_t)c->total);
    }
    bencode_put_key(w, "name");
    bencode_put_text(w, c->name);
    bencode_put_key(w, "piece length");
    bencode_put_integer(w, h->piece_length);
    bencode_put_key(w, "pieces");
    bencode_put_string(w, h->hashes, n_pieces * SHA1_SIZE);
    if (private) {
        bencode_put_key(w, "private");
        bencode_put_integer(w, 1);
    }
    bencode_end(w);
}

static void write_trackers(struct bencode_writer *w, const struct author_options *o)
{
    if (!o->n_trackers)
        return;
    bencode_put_key(w, "announce");
    bencode_put_text(w, o->trackers[0]);
    if (o->n_trackers == 1)
        return;
    bencode_put_key(w, "announce-list");
    bencode_begin_list(w);
    for (size_t i = 0; i < o->n_trackers; i++) {
        bencode_begin_list(w);
        bencode_put_text(w, o->trackers[i]);
        bencode_end(w);
    }
    bencode_end(w);
}

static int write_torrent(const struct hashing *h, size_t n_pieces, const struct author_options *o,
                         struct metainfo **outp, char reason[AUTHOR_REASON_MAX])
{
    struct bencode_writer w = BENCODE_WRITER_EMPTY;
    char fault[METAINFO_REASON_MAX] = "";
    int r;

    bencode_begin_dict(&w);
    write_trackers(&w, o);
    if (o->comment) {
        bencode_put_key(&w, "comment");
        bencode_put_text(&w, o->comment);
    }
    bencode_put_key(&w, "created by");
    bencode_put_text(&w, "Conjure " CONJURE_VERSION);
    if (o->creation_date) {
        bencode_put_key(&w, "creation date");
        bencode_put_integer(&w, o->creation_date);
    }
    write_info(&w, h, n_pieces, o->private);
    bencode_end(&w);
    r = bencode_writer_finish(&w);
    if (!r)
        r = metainfo_parse(w.bytes, w.n, outp, fault);
    if (r)
        snprintf(reason, AUTHOR_REASON_MAX, "%s", *fault ? fault : strerror(-r));
    bencode_writer_deinit(&w);
    return r;
}

static int make(struct content *c, const struct author_options *o, struct metainfo **outp,
                char reason[AUTHOR_REASON_MAX])
{
    struct hashing h = {.content = c, .piece_length = o->piece_length, .reason = reason};
    uint64_t n_pieces;
    int r;

    if (!h.piece_length)
        h.piece_length = author_choose_piece_length(c->total);
    n_pieces = c->total / h.piece_length + !!(c->total % h.piece_length);
    if (n_pieces > METAINFO_PIECES_MAX || n_pieces * SHA1_SIZE > METAINFO_FILE_MAX) {
        snprintf(reason, AUTHOR_REASON_MAX, "pieces of %u bytes are too many", h.piece_length);
        return AUTHOR_REFUSED;
    }
    h.parts = malloc((size_t)PART * SHA1_LANES_MAX);
    h.hashes = malloc((size_t)n_pieces * SHA1_SIZE + 1);
    if (h.parts && h.hashes) {
        r = hash_all(&h);
        if (!r)
            r = write_torrent(&h, (size_t)n_pieces, o, outp, reason);
    } else {
        r = -ENOMEM;
        snprintf(reason, AUTHOR_REASON_MAX, "%s", strerror(ENOMEM));
    }
    free(h.parts);
    free(h.hashes);
    return r;
}

int author_make(const char *path, const struct author_options *options, struct metainfo **outp,
                char reason[AUTHOR_REASON_MAX])
{
    struct content content = CONTENT_EMPTY;
    int r;

    *reason = '\0';
    if (options->piece_length &&
        (options->piece_length % 1024 || options->piece_length < METAINFO_PIECE_MIN ||
         options->piece_length > METAINFO_PIECE_MAX)) {
        snprintf(reason, AUTHOR_REASON_MAX, "a piece length of %u bytes", options->piece_length);
        return AUTHOR_REFUSED;
    }
    r = content_list(&content, path, reason);
    if (!r)
        r = make(&content, options, outp, reason);
    content_deinit(&content);
    return r;
}
