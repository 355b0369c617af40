/* SPDX-License-Identifier: MIT */
/*
 * Two sessions are connected by pipes in memory whose reads end at random. Each claims blocks at
 * random, cancels some, chokes at times, and serves the other. In any case every claim is reported,
 * the blocks it received are the true content, and no byte is left.
 */
#include "session_harness.h"

#define N_PIECES 100

struct pipe {
    uint8_t bytes[1 << 20];
    size_t n;
};

struct end {
    struct harness w;
    struct pipe in;
    uint8_t
        requested[N_PIECES]; /* blocks of each piece that are requested: none is twice at a time */
};

/* In which order the blocks of a turn are sent. */
enum order { ORDERLY, SHUFFLED };

struct pair {
    struct rng rng;
    struct end a, b; /* both download and upload */
    uint64_t n_received;
    uint32_t n_claims;
};

static void put_pipe(struct pipe *p, const void *bytes, size_t n)
{
    ck_assert_uint_le(n, sizeof p->bytes - p->n);
    if (n)
        memcpy(p->bytes + p->n, bytes, n);
    p->n += n;
}

/* Control messages first and whole, then some blocks, as a driver sends them. */
static void write_some(struct pair *pair, struct end *from, struct end *to, enum order order)
{
    const struct geometry *g = &from->w.geometry;
    struct session_upload u, all[64];
    const uint8_t *out;
    unsigned n_all = 0;
    size_t n = session_output(&from->w.s, &out);

    put_pipe(&to->in, out, n);
    session_output_sent(&from->w.s, n, from->w.now);
    while (n_all < 20 && to->in.n < 500000 && rng_below(&pair->rng, 10)) {
        enum session_upload_kind kind = session_next_upload(&from->w.s, &u);

        if (kind == SESSION_UPLOAD_NONE)
            break;
        if (kind == SESSION_UPLOAD_UNKNOWN)
            /* Without BEP 6 the peer does not learn of a refusal. */
            session_know_piece(&from->w.s, u.piece, !from->w.s.fast || rng_below(&pair->rng, 10));
        else
            all[n_all++] = u;
    }
    /* Refusals of pieces that we do not have are sent before the blocks or after them. */
    for (unsigned i = 0; i < n_all; i++) {
        static uint8_t bytes[13 + BLOCK_SIZE];
        unsigned k = order == SHUFFLED ? i + rng_below(&pair->rng, n_all - i) : i;

        u = all[k];
        all[k] = all[i];
        put_block(g, u.piece, u.begin / BLOCK_SIZE, bytes);
        put_pipe(&to->in, bytes, 13 + u.length);
        session_uploaded(&from->w.s, u.length, from->w.now);
    }
}

static void read_some(struct pair *pair, struct end *e)
{
    size_t most = rng_below(&pair->rng, 3) ? sizeof e->in.bytes : 1 + rng_below(&pair->rng, 40000);
    size_t n = e->in.n < most ? e->in.n : most;

    if (!n)
        return;
    n = harness_read(&e->w, e->in.bytes, n);
    memmove(e->in.bytes, e->in.bytes + n, e->in.n - n);
    e->in.n -= n;
    e->w.n_log = 0;
}

static void take_done(struct pair *pair, struct end *e)
{
    ck_assert_msg(!e->w.error, "%s", e->w.s.reason);
    for (; e->w.n_done; e->w.n_done--) {
        struct session_claim *c = &e->w.done[e->w.n_done - 1];

        check_claim(&e->w.geometry, c);
        pair->n_received += (unsigned)__builtin_popcountll(c->received);
        pair->n_claims--;
        e->requested[c->claim.piece] &= (uint8_t) ~(c->claim.blocks << c->claim.first_block);
        free(c->data);
    }
}

static void claim_some(struct pair *pair, struct end *e)
{
    struct rng *r = &pair->rng;
    struct geometry *g = &e->w.geometry;
    uint32_t wanted = session_blocks_wanted(&e->w.s, e->w.now);

    while (wanted && rng_below(r, 8)) {
        struct claim c = {.id = 1 + rng_below(r, 1000), .piece = rng_below(r, g->n_pieces)};
        uint32_t n_blocks = geometry_n_blocks(g, c.piece);
        uint8_t *data;

        c.first_block = rng_below(r, n_blocks);
        c.n_blocks = 1 + rng_below(r, n_blocks - c.first_block);
        c.blocks = rng_next(r) | rng_next(r);
        if (c.n_blocks < 64)
            c.blocks &= (UINT64_C(1) << c.n_blocks) - 1;
        c.blocks &= ~(uint64_t)e->requested[c.piece] >> c.first_block;
        data = malloc((size_t)c.n_blocks * BLOCK_SIZE);
        if (session_add_claim(&e->w.s, &c, data, e->w.now)) {
            free(data);
            return;
        }
        pair->n_claims++;
        e->requested[c.piece] |= (uint8_t)(c.blocks << c.first_block);
        wanted = session_blocks_wanted(&e->w.s, e->w.now);
    }
}

static void act(struct pair *pair, struct end *e, struct end *other, enum order order)
{
    struct rng *r = &pair->rng;

    switch (rng_below(r, 40)) {
    case 0:
        session_set_choking(&e->w.s, rng_below(r, 2));
        break;
    case 1:
        session_send_have(&e->w.s, rng_below(r, e->w.geometry.n_pieces));
        break;
    case 2:
        session_cancel(&e->w.s, rng_below(r, e->w.geometry.n_pieces), rng_below(r, 4), rng_next(r));
        break;
    case 3:
        session_set_interested(&e->w.s, rng_below(r, 2));
        break;
    case 4:
        session_shrink(&e->w.s);
        break;
    case 5:
        e->w.s.we_have_all = rng_below(r, 2);
        break;
    }
    e->w.now += rng_below(r, 1000000);
    harness_events(&e->w);
    claim_some(pair, e);
    harness_events(&e->w);
    take_done(pair, e);
    write_some(pair, e, other, order);
    read_some(pair, e);
    take_done(pair, e);
}

/* No more claims: what is in flight is delivered, refused or dropped. */
static void settle(struct pair *pair, struct end *e, struct end *other)
{
    session_set_choking(&e->w.s, false);
    e->w.s.we_have_all = true;
    for (unsigned i = 0; i < 2000; i++) {
        struct end *x = i & 1 ? e : other;

        write_some(pair, x, x == e ? other : e, ORDERLY);
        read_some(pair, x);
        take_done(pair, x);
    }
}

static void run_pair(uint64_t seed, enum protocol protocol, enum order order)
{
    struct pair *pair = calloc(1, sizeof *pair);
    struct end *ends[] = {&pair->a, &pair->b};

    rng_seed(&pair->rng, seed);
    for (unsigned i = 0; i < 2; i++) {
        harness_init(&ends[i]->w, protocol);
        ends[i]->w.geometry = (struct geometry){.total_length = (N_PIECES - 1) * 65536 + 20001,
                                                .piece_length = 65536,
                                                .n_pieces = N_PIECES};
        session_send_have_set(&ends[i]->w.s, NULL);
        session_set_choking(&ends[i]->w.s, false);
    }
    for (unsigned i = 0; i < 3000; i++) {
        unsigned who = rng_below(&pair->rng, 2);

        act(pair, ends[who], ends[!who], order);
    }
    settle(pair, &pair->a, &pair->b);
    settle(pair, &pair->b, &pair->a);
    ck_assert_uint_eq(pair->n_claims, 0);
    ck_assert_uint_gt(pair->n_received, 500);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_uint_eq(session_n_in_flight(&ends[i]->w.s), 0);
        ck_assert_uint_eq(ends[i]->in.n, 0);
        harness_deinit(&ends[i]->w);
    }
    free(pair);
}

START_TEST(two_sessions_with_fast_transfer_content)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        run_pair(seed, FAST, ORDERLY);
}
END_TEST

START_TEST(two_sessions_without_fast_transfer_content)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        run_pair(seed, PLAIN, ORDERLY);
}
END_TEST

START_TEST(blocks_in_any_order_are_received)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run_pair(seed, FAST, SHUFFLED);
        run_pair(seed, PLAIN, SHUFFLED);
    }
}
END_TEST

RUN_SUITE("session_pair", 60, two_sessions_with_fast_transfer_content,
          two_sessions_without_fast_transfer_content, blocks_in_any_order_are_received);
