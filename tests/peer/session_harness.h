/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_PEER_SESSION_HARNESS_H
#define CONJURE_TESTS_PEER_SESSION_HARNESS_H

#include "../suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conjure/base/bytes.h"
#include "conjure/base/rng.h"
#include "conjure/peer/session.h"

/*
 * Drives a session: the test feeds bytes to it and checks its output. Every event becomes a word of
 * a log, so that a test reads as a conversation.
 */
struct harness {
    struct geometry geometry;
    struct session s;
    struct session_scratch x;
    uint64_t now;
    char log[65536];
    size_t n_log;
    int error; /* of session_next_event */
    struct session_claim done[64];
    unsigned n_done;
    struct bitfield has;
    uint64_t n_aimed; /* bytes that were read into place or into aimed headers */
};

/* Whether both ends have BEP 6. */
enum protocol { PLAIN, FAST };

static inline void harness_init(struct harness *w, enum protocol protocol)
{
    memset(w, 0, sizeof *w);
    /* Ten pieces of four blocks, the last of one and a half. */
    w->geometry =
        (struct geometry){.total_length = 9 * 65536 + 24576, .piece_length = 65536, .n_pieces = 10};
    w->now = 1000 * UINT64_C(1000000000);
    session_init(&w->s, &w->geometry, protocol == FAST, w->now);
    w->s.keep_bitfield = true;
    ck_assert_int_eq(session_scratch_init(&w->x), 0);
}

static inline void harness_deinit(struct harness *w)
{
    struct session_claim c;

    while (session_drop_claim(&w->s, &c))
        free(c.data);
    for (unsigned i = 0; i < w->n_done; i++)
        free(w->done[i].data);
    bitfield_deinit(&w->has);
    session_deinit(&w->s);
    session_deinit(&w->s);
    session_scratch_deinit(&w->x);
    session_scratch_deinit(&w->x);
}

static inline void harness_log(struct harness *w, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    w->n_log += (size_t)vsnprintf(w->log + w->n_log, sizeof w->log - w->n_log, format, args);
    va_end(args);
    ck_assert_uint_lt(w->n_log, sizeof w->log);
}

static inline void harness_event(struct harness *w, int kind, struct session_event *e)
{
    static const char *const plain[] = {
        [SESSION_CHOKED] = "choked ",         [SESSION_UNCHOKED] = "unchoked ",
        [SESSION_INTERESTED] = "interested ", [SESSION_NOT_INTERESTED] = "uninterested ",
        [SESSION_REQUESTED] = "requested ",
    };

    switch (kind) {
    case SESSION_HAS:
        harness_log(w,
                    e->has_all     ? "has-all "
                    : e->has.bytes ? "has-%u "
                                   : "has-none ",
                    e->has.n_set);
        bitfield_deinit(&w->has);
        w->has = e->has;
        break;
    case SESSION_HAVE:
        harness_log(w, "have-%u ", e->piece);
        break;
    case SESSION_SUGGESTED:
        harness_log(w, "suggested-%u ", e->piece);
        break;
    case SESSION_EXTENDED:
        harness_log(w, "extended(%s) ", e->client);
        break;
    case SESSION_EXTENSION_MESSAGE:
        harness_log(w, "ext-%u(%.*s) ", e->extension, (int)e->n_bytes,
                    e->n_bytes ? (const char *)e->bytes : "");
        break;
    case SESSION_REFUSED:
        harness_log(w, "refused-%u ", e->piece);
        break;
    case SESSION_CLAIM_DONE:
        ck_assert_uint_eq(e->claim.in_flight, 0);
        harness_log(w, "done-%u:%llx ", (unsigned)e->claim.claim.id,
                    (unsigned long long)e->claim.received);
        ck_assert_uint_lt(w->n_done, 64);
        w->done[w->n_done++] = e->claim;
        break;
    default:
        harness_log(w, "%s", plain[kind]);
    }
}

static inline void harness_events(struct harness *w)
{
    struct session_event e;
    int kind;

    while ((kind = session_next_event(&w->s, &w->x, w->now, &e)) > 0)
        harness_event(w, kind, &e);
    w->error = kind;
}

/* One read of at most N bytes; returns the number of bytes read. */
static inline size_t harness_read(struct harness *w, const uint8_t *bytes, size_t n)
{
    struct iovec iov[SESSION_IOV_MAX];
    size_t aimed, got = 0;
    unsigned n_iov = session_plan_read(&w->s, &w->x, iov, &aimed);

    ck_assert_uint_le(n_iov, SESSION_IOV_MAX);
    for (unsigned i = 0; i < n_iov && got < n; i++) {
        size_t part = n - got < iov[i].iov_len ? n - got : iov[i].iov_len;

        memcpy(iov[i].iov_base, bytes + got, part);
        got += part;
    }
    if (aimed)
        w->n_aimed += got;
    session_did_read(&w->s, &w->x, got, w->now);
    harness_events(w);
    return got;
}

/* All N bytes, in reads of at most CUT bytes. */
static inline void harness_feed(struct harness *w, const void *bytes, size_t n, size_t cut)
{
    const uint8_t *p = bytes;

    while (n && !w->error) {
        size_t got = harness_read(w, p, n < cut ? n : cut);

        ck_assert_uint_gt(got, 0);
        p += got;
        n -= got;
    }
}

#define FEED(w, literal) harness_feed((w), (literal), sizeof(literal) - 1, 65536)

static inline void harness_expect(struct harness *w, const char *events)
{
    ck_assert_str_eq(w->log, events);
    w->n_log = 0;
    w->log[0] = 0;
}

/* One line of a conversation: what the peer sends, and the events of it. */
struct line {
    const char *bytes;
    size_t n;
    const char *events;
};
#define LINE(literal, events)                    \
    {                                            \
        (literal), sizeof(literal) - 1, (events) \
    }

/* The number of bytes of all lines. */
static inline size_t lines_size(const struct line *lines, size_t n_lines)
{
    size_t n = 0;

    for (size_t i = 0; i < n_lines; i++)
        n += lines[i].n;
    return n;
}

/* The peer sends all lines: a first read of FIRST bytes, then reads of at most CUT. The events are
 * those of the lines. */
static inline void harness_converse(struct harness *w, const struct line *lines, size_t n_lines,
                                    size_t first, size_t cut)
{
    uint8_t *bytes = malloc(lines_size(lines, n_lines)), *p = bytes;
    char events[4096] = "";

    for (size_t i = 0; i < n_lines; i++) {
        memcpy(p, lines[i].bytes, lines[i].n);
        p += lines[i].n;
        ck_assert_uint_lt(strlen(events) + strlen(lines[i].events), sizeof events);
        strcat(events, lines[i].events);
    }
    if (first)
        harness_feed(w, bytes, first, 65536);
    harness_feed(w, bytes + first, (size_t)(p - bytes) - first, cut);
    free(bytes);
    ck_assert_int_eq(w->error, 0);
    harness_expect(w, events);
}
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The output is exactly these bytes; marks them as sent. */
static inline void harness_sent(struct harness *w, const void *bytes, size_t n)
{
    const uint8_t *out;

    ck_assert_uint_eq(session_output(&w->s, &out), n);
    if (n)
        ck_assert_mem_eq(out, bytes, n);
    session_output_sent(&w->s, n, w->now);
}
#define SENT(w, literal) harness_sent((w), (literal), sizeof(literal) - 1)

/* The content of the torrent: a byte depends on its place. */
static inline uint8_t content_byte(uint64_t offset)
{
    return (uint8_t)((offset * 0x9E3779B97F4A7C15u) >> 56);
}

/* Appends a piece message with its true content to P. */
static inline uint8_t *put_block(const struct geometry *g, uint32_t piece, uint32_t block,
                                 uint8_t *p)
{
    uint32_t size = geometry_block_size(g, piece, block);
    const struct session_upload u = {piece, block * BLOCK_SIZE, size};
    uint64_t at = (uint64_t)piece * g->piece_length + u.begin;

    session_upload_header(&u, p);
    p += 13;
    for (uint32_t i = 0; i < size; i++)
        *p++ = content_byte(at + i);
    return p;
}

/* Claims BLOCKS of a piece into memory of exactly the size needed; drops the requests. */
static inline void harness_claim(struct harness *w, unsigned id, uint32_t piece, uint32_t first,
                                 uint32_t n_blocks, uint64_t blocks)
{
    const struct claim c = {
        .id = id, .piece = piece, .first_block = first, .n_blocks = n_blocks, .blocks = blocks};
    size_t size = (size_t)(n_blocks - 1) * BLOCK_SIZE +
                  geometry_block_size(&w->geometry, piece, first + n_blocks - 1);
    const uint8_t *out;

    ck_assert_int_eq(session_add_claim(&w->s, &c, calloc(1, size), w->now), 0);
    session_output_sent(&w->s, session_output(&w->s, &out), w->now);
}

/* The blocks that a claim has received are the true content. */
static inline void check_claim(const struct geometry *g, const struct session_claim *c)
{
    for (uint32_t i = 0; i < c->claim.n_blocks; i++) {
        uint32_t block = c->claim.first_block + i;
        uint32_t size = geometry_block_size(g, c->claim.piece, block);
        uint64_t at = (uint64_t)c->claim.piece * g->piece_length + (uint64_t)block * BLOCK_SIZE;

        if (!(c->received & UINT64_C(1) << i))
            continue;
        ck_assert(c->claim.blocks & UINT64_C(1) << i);
        for (uint32_t k = 0; k < size; k++) {
            if (c->data[(size_t)i * BLOCK_SIZE + k] != content_byte(at + k))
                ck_abort_msg("claim %u, block %u is wrong at byte %u", (unsigned)c->claim.id, i, k);
        }
    }
}

/* The peer has unchoked us, and the blocks of piece 2 are requested. */
static inline void harness_init_requesting(struct harness *w, enum protocol protocol)
{
    harness_init(w, protocol);
    FEED(w, "\0\0\0\x01\x01");
    harness_claim(w, 7, 2, 0, 4, 0xf);
    harness_expect(w, "unchoked ");
}

static inline void check_done(struct harness *w, unsigned n)
{
    ck_assert_uint_eq(w->n_done, n);
    for (unsigned i = 0; i < n; i++)
        check_claim(&w->geometry, &w->done[i]);
    ck_assert_uint_eq(session_n_in_flight(&w->s), 0);
}

#endif
