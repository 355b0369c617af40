/* SPDX-License-Identifier: MIT */
/*
 * The cost of a session per block, without socket and data: claims, requests, plans, comparison of
 * headers, claims done. "aimed" is the usual case; "mended" has a HAVE before every sixteenth
 * block, so that the blocks behind it in the same read are copied twice.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/clock.h"
#include "conjure/peer/session.h"

#define N_BLOCKS   (1u << 20)
#define PER_PIECE  64u
#define READ_BYTES (16u * (13 + BLOCK_SIZE))

static const struct geometry geometry = {.total_length = UINT64_C(16384) << 20,
                                         .piece_length = PER_PIECE * BLOCK_SIZE,
                                         .n_pieces = N_BLOCKS / PER_PIECE};

struct bench {
    struct session s;
    struct session_scratch x;
    uint8_t *buffers[SESSION_CLAIMS_MAX];
    uint32_t n_buffers;
    uint64_t now;
    uint32_t next_piece, n_received;
};

static void take_events(struct bench *b)
{
    struct session_event e;

    for (int kind; (kind = session_next_event(&b->s, &b->x, b->now, &e)) != SESSION_NONE;) {
        if (kind < 0) {
            fprintf(stderr, "session ended: %s\n", b->s.reason);
            exit(1);
        }
        if (kind == SESSION_CLAIM_DONE) {
            b->n_received += (uint32_t)__builtin_popcountll(e.claim.received);
            b->buffers[b->n_buffers++] = e.claim.data;
        }
    }
}

static void ask(struct bench *b)
{
    const uint8_t *out;

    while (b->next_piece < geometry.n_pieces && session_blocks_wanted(&b->s, b->now)) {
        const struct claim c = {
            .id = 1, .piece = b->next_piece, .n_blocks = PER_PIECE, .blocks = UINT64_MAX};

        if (session_add_claim(&b->s, &c, b->buffers[--b->n_buffers], b->now)) {
            b->n_buffers++;
            break;
        }
        b->next_piece++;
    }
    session_output_sent(&b->s, session_output(&b->s, &out), b->now);
}

/* A stream of piece messages of which only the headers are written. */
struct stream {
    uint32_t block; /* the next to begin */
    uint32_t left;  /* bytes of the current part */
    uint8_t part[13 + 9];
    uint32_t part_size;
    bool in_data;
    uint32_t have_every;
};

static void next_part(struct stream *st)
{
    struct session_upload u = {.piece = st->block / PER_PIECE,
                               .begin = st->block % PER_PIECE * BLOCK_SIZE,
                               .length = BLOCK_SIZE};
    uint32_t n = 0;

    st->in_data = !st->in_data;
    st->left = BLOCK_SIZE;
    if (st->in_data)
        return;
    if (st->have_every && st->block % st->have_every == 0) {
        memcpy(st->part, "\0\0\0\x05\x04\0\0\0\x01", 9);
        n = 9;
    }
    session_upload_header(&u, st->part + n);
    st->block++;
    st->part_size = st->left = n + 13;
}

static void pour(struct stream *st, uint8_t *to, size_t n)
{
    while (n) {
        size_t k;

        if (!st->left)
            next_part(st);
        k = n < st->left ? n : st->left;
        if (!st->in_data)
            memcpy(to, st->part + st->part_size - st->left, k);
        st->left -= (uint32_t)k;
        to += k;
        n -= k;
    }
}

static void run(const char *name, uint32_t have_every, size_t read_bytes)
{
    struct bench b = {.now = 1000 * NS_PER_S};
    struct stream st = {.in_data = true, .have_every = have_every};
    uint64_t start, took, n_reads = 0;

    if (session_scratch_init(&b.x))
        exit(1);
    session_init(&b.s, &geometry, true, b.now);
    for (; b.n_buffers < SESSION_CLAIMS_MAX; b.n_buffers++)
        b.buffers[b.n_buffers] = malloc(PER_PIECE * BLOCK_SIZE);
    b.s.peer_chokes = false;
    start = clock_now();
    while (b.n_received < N_BLOCKS) {
        struct iovec iov[SESSION_IOV_MAX];
        size_t aimed, got = 0;
        unsigned n_iov;

        ask(&b);
        n_iov = session_plan_read(&b.s, &b.x, iov, &aimed);
        for (unsigned i = 0; i < n_iov && got < read_bytes; i++) {
            size_t n = read_bytes - got < iov[i].iov_len ? read_bytes - got : iov[i].iov_len;

            pour(&st, iov[i].iov_base, n);
            got += n;
        }
        b.now += 200 * NS_PER_US;
        session_did_read(&b.s, &b.x, got, b.now);
        take_events(&b);
        n_reads++;
    }
    took = clock_now() - start;
    printf("%-8s %7.1f ns a block, %4.1f blocks a read\n", name, (double)took / N_BLOCKS,
           N_BLOCKS / (double)n_reads);
    while (b.n_buffers)
        free(b.buffers[--b.n_buffers]);
    session_deinit(&b.s);
    session_scratch_deinit(&b.x);
}

int main(void)
{
    printf("an idle session: %zu bytes\n", sizeof(struct session));
    run("aimed", 0, READ_BYTES);
    run("mended", 16, READ_BYTES);
    return 0;
}
