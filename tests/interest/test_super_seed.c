/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/interest/super_seed.h"

#define S        UINT64_C(1000000000)
#define N_PIECES 200u
#define N_PEERS  12u

static struct super_seed *seed;
static struct rng rng;
static uint64_t now;
static uint32_t users[N_PEERS];

/* The pieces offered to each peer, in order. */
static uint32_t offers[N_PEERS][4 * N_PIECES], n_offers[N_PEERS];

static void begin(uint32_t piece_length, uint64_t rng_start)
{
    rng_seed(&rng, rng_start);
    now = 100 * S;
    memset(n_offers, 0, sizeof n_offers);
    seed = super_seed_new(N_PIECES, piece_length, &rng, now);
    ck_assert_ptr_nonnull(seed);
}

static void take_offers(void)
{
    struct super_seed_offer o;

    while (super_seed_next(seed, &o)) {
        ck_assert_ptr_eq(o.user, &users[o.peer]);
        ck_assert_uint_lt(o.piece, N_PIECES);
        offers[o.peer][n_offers[o.peer]++] = o.piece;
    }
}

#define HOST (UINT64_C(0xffffffff0a000001)) /* 10.0.0.1 */

static void join_from(uint32_t peer, uint64_t host, const struct bitfield *has)
{
    const struct super_seed_peer p = {.peer = peer, .user = &users[peer], .host = host};

    ck_assert_int_eq(super_seed_joined(seed, &p, has, false, now), 0);
    take_offers();
}

static void join_seed_from(uint32_t peer, uint64_t host)
{
    const struct super_seed_peer p = {.peer = peer, .user = &users[peer], .host = host};
    const bool has_all = true;

    ck_assert_int_eq(super_seed_joined(seed, &p, &BITFIELD_EMPTY, has_all, now), 0);
    take_offers();
}

static void join(uint32_t peer)
{
    join_from(peer, HOST, &BITFIELD_EMPTY);
}

static void got(uint32_t peer, uint32_t piece)
{
    super_seed_got_piece(seed, peer, piece, now);
    take_offers();
}

static void leave(uint32_t peer)
{
    super_seed_left(seed, peer);
}

static void tick(uint64_t later)
{
    now += later;
    super_seed_tick(seed, now);
    take_offers();
}

static void end(void)
{
    super_seed_free(seed);
    super_seed_free(NULL);
}

/* Pieces of 2 MiB: two offers for each, four while there are two peers and so on. */
START_TEST(a_peer_that_passes_a_piece_on_is_offered_another)
{
    begin(2 << 20, 1);
    for (uint32_t i = 0; i < 4; i++)
        join(i);
    ck_assert_uint_eq(n_offers[3], 2);
    ck_assert(super_seed_requested(seed, 3, offers[3][0], now));
    ck_assert(!super_seed_requested(seed, 2, offers[3][0], now));
    ck_assert(!super_seed_requested(seed, 9, offers[3][0], now));
    ck_assert(!super_seed_requested(seed, 3, N_PIECES, now));
    /* Receiving the piece itself brings the peer no new offer. */
    got(3, offers[3][0]);
    ck_assert_uint_eq(n_offers[3], 2);
    got(2, offers[3][0]);
    ck_assert_uint_eq(n_offers[3], 3);
    ck_assert_uint_eq(n_offers[2], 2);
    /* A piece that was passed on before brings no new offer. */
    got(1, offers[3][0]);
    got(2, offers[3][0]);
    ck_assert_uint_eq(n_offers[3], 3);
    /* An offer stays good after it has ended. */
    ck_assert(super_seed_requested(seed, 3, offers[3][0], now));
    end();
}
END_TEST

START_TEST(every_piece_is_offered_once)
{
    uint8_t seen[N_PIECES] = {0};

    begin(256 << 10, 2);
    for (uint32_t i = 0; i < N_PEERS; i++)
        join(i);
    /* Every offer is passed on at once until all are out. */
    for (uint32_t k = 0; k < N_PIECES; k++) {
        for (uint32_t i = 0; i < N_PEERS; i++)
            if (k < n_offers[i])
                got((i + 1) % N_PEERS, offers[i][k]);
    }
    for (uint32_t i = 0; i < N_PEERS; i++)
        for (uint32_t k = 0; k < n_offers[i]; k++)
            seen[offers[i][k]]++;
    for (uint32_t i = 0; i < N_PIECES; i++)
        ck_assert_uint_eq(seen[i], 1);
    ck_assert(!super_seed_is_over(seed));
    end();
}
END_TEST

START_TEST(a_single_leecher_need_not_pass_pieces_on)
{
    begin(256 << 10, 3);
    join(5);
    ck_assert_uint_eq(n_offers[5], 16);
    for (uint32_t k = 0; k < N_PIECES; k++) {
        ck_assert_uint_lt(k, n_offers[5]);
        ck_assert(!super_seed_is_over(seed));
        ck_assert(super_seed_requested(seed, 5, offers[5][k], now));
        got(5, offers[5][k]);
    }
    ck_assert_uint_eq(n_offers[5], N_PIECES);
    ck_assert(super_seed_is_over(seed) && super_seed_has_copy(seed));
    leave(5); /* super-seeding stays over */
    ck_assert(super_seed_is_over(seed));
    end();
}
END_TEST

/* The peer sends no HAVE but is not interested any more. */
START_TEST(a_peer_that_loses_interest_has_its_requested_pieces)
{
    begin(256 << 10, 4);
    join(0);
    for (uint32_t k = 0; k < 15; k++)
        ck_assert(super_seed_requested(seed, 0, offers[0][k], now));
    super_seed_not_interested(seed, 0, now);
    super_seed_not_interested(seed, 1, now);
    take_offers();
    /* All but the last piece, whose offer may still be in transit. */
    ck_assert_uint_eq(n_offers[0], 16 + 15);
    for (uint32_t k = 15; k < N_PIECES; k++)
        ck_assert(super_seed_requested(seed, 0, offers[0][k], now) && k < n_offers[0]),
            super_seed_not_interested(seed, 0, now), take_offers();
    ck_assert(super_seed_has_copy(seed));
    end();
}
END_TEST

START_TEST(a_late_offer_frees_its_piece)
{
    uint32_t n_again = 0;

    /* Four peers request nothing; the fifth passes pieces on until no piece is free. */
    begin(16 << 20, 5);
    for (uint32_t i = 0; i < 5; i++)
        join(i);
    for (uint32_t k = 0; k < N_PIECES - 8; k++) {
        ck_assert_uint_lt(k, n_offers[4]);
        got(3, offers[4][k]);
    }
    ck_assert_uint_eq(n_offers[4], N_PIECES - 8);
    tick(4 * S);
    ck_assert_uint_eq(n_offers[4], N_PIECES - 8);
    tick(2 * S);
    ck_assert_uint_eq(n_offers[4], N_PIECES - 8 + 2);
    for (uint32_t k = N_PIECES - 8; k < N_PIECES - 6; k++)
        for (uint32_t i = 0; i < 4; i++)
            n_again += offers[4][k] == offers[i][0] || offers[4][k] == offers[i][1];
    ck_assert_uint_eq(n_again, 2);
    /* The late peer may still request its piece. */
    ck_assert(super_seed_requested(seed, 0, offers[0][0], now));
    end();
}
END_TEST

START_TEST(pieces_of_a_peer_that_left_are_offered_again)
{
    uint32_t alone;

    begin(2 << 20, 6);
    for (uint32_t i = 0; i < 4; i++)
        join(i);
    alone = offers[3][0];
    got(3, alone);
    for (uint32_t k = 0; k < N_PIECES - 8; k++) {
        if (k >= n_offers[0])
            break;
        got(1, offers[0][k]);
    }
    /* Every piece is offered; then the only peer with piece `alone` leaves. */
    leave(3);
    tick(S);
    leave(3);
    for (uint32_t k = 0; k < n_offers[0]; k++)
        got(1, offers[0][k]);
    ck_assert_uint_gt(n_offers[0], 0);
    for (uint32_t k = 0; k < n_offers[0]; k++)
        if (offers[0][k] == alone)
            alone = N_PIECES;
    ck_assert_uint_eq(alone, N_PIECES);
    end();
}
END_TEST

/* Any stranger can say that it has everything. */
START_TEST(one_claim_of_all_pieces_ends_nothing)
{
    begin(2 << 20, 7);
    for (uint32_t i = 0; i < 4; i++)
        join(i);
    ck_assert_uint_eq(n_offers[1], 2);
    join_seed_from(4, HOST);
    leave(4);
    join_seed_from(4, HOST + 1); /* the same network */
    super_seed_got_pieces(seed, 3, NULL, now);
    super_seed_got_pieces(seed, 3, NULL, now);
    take_offers();
    tick(S);
    ck_assert(!super_seed_is_over(seed));
    ck_assert_uint_eq(n_offers[4], 0);
    ck_assert_uint_le(n_offers[1], 2 + 2); /* a leecher less, and no offer has ended */
    join_seed_from(5, HOST ^ 1 << 20);
    ck_assert(super_seed_is_over(seed) && super_seed_has_copy(seed));
    end();
}
END_TEST

/* A peer that is connected by IPv4 and by IPv6 is one peer. */
START_TEST(a_claim_by_each_family_is_one_claim)
{
    begin(2 << 20, 7);
    join_seed_from(4, HOST);
    join_seed_from(5, UINT64_C(0x20010db800010002));
    ck_assert(!super_seed_is_over(seed));
    join_seed_from(6, UINT64_C(0x20010db8000100ff));
    ck_assert(!super_seed_is_over(seed));
    join_seed_from(7, UINT64_C(0x20010db8000200ff));
    ck_assert(super_seed_is_over(seed));
    end();
}
END_TEST

START_TEST(a_peer_with_all_pieces_ends_super_seeding)
{
    struct bitfield has;

    begin(256 << 10, 8);
    ck_assert_int_eq(bitfield_init(&has, N_PIECES), 0);
    for (uint32_t i = 0; i < N_PIECES; i++)
        if (i != 77)
            bitfield_set(&has, i);
    join_from(0, HOST, &has);
    ck_assert_uint_eq(n_offers[0], 1); /* pieces that peers have are not offered */
    ck_assert_uint_eq(offers[0][0], 77);
    join_from(1, HOST ^ 1 << 20, &has);
    got(0, 77);
    ck_assert(!super_seed_is_over(seed)); /* one peer may lie */
    super_seed_got_pieces(seed, 1, &has, now);
    ck_assert(!super_seed_is_over(seed));
    got(1, 77);
    ck_assert(super_seed_is_over(seed));
    bitfield_deinit(&has);
    end();
}
END_TEST

START_TEST(super_seeding_ends_when_no_peer_passes_pieces_on)
{
    begin(256 << 10, 9);
    for (unsigned i = 0; i < 1000; i++)
        tick(S); /* without leechers super-seeding does not stall */
    ck_assert(!super_seed_is_over(seed));
    join(0);
    join(1);
    for (unsigned i = 0; i < 70; i++)
        tick(S);
    got(0, offers[0][0]); /* progress restarts the wait */
    for (unsigned i = 0; i < 70; i++)
        tick(S);
    ck_assert(!super_seed_is_over(seed));
    for (unsigned i = 0; i < 10; i++)
        tick(S);
    ck_assert(super_seed_is_over(seed) && !super_seed_has_copy(seed));
    end();
}
END_TEST

/* --- a swarm ------------------------------------------------------------------------------ */

/* In steps of a quarter second: the seed sends UPLINK pieces, and every peer passes on as many as
 * its own. Peers pass on the rarest piece; QUIET ones send the seed no HAVE for pieces that it
 * sent. */
struct swarm {
    uint32_t n_peers, uplink, n_selfish;
    bool quiet;
    bool has[N_PEERS][N_PIECES];
    uint32_t n_has[N_PEERS];
    uint32_t n_with[N_PIECES];
    uint32_t n_uploaded;
    uint32_t at;
};

enum source {
    FROM_SEED,
    FROM_LEECHER,
};

static bool receives(struct swarm *w, uint32_t peer, uint32_t piece, enum source source)
{
    if (w->has[peer][piece])
        return false;
    w->has[peer][piece] = true;
    w->n_has[peer]++;
    w->n_with[piece]++;
    if (source == FROM_LEECHER || !w->quiet)
        got(peer, piece);
    return true;
}

/* Whether PEER has every piece that was offered to it. */
static bool has_all_offers(const struct swarm *w, uint32_t peer)
{
    for (uint32_t k = 0; k < n_offers[peer]; k++)
        if (!w->has[peer][offers[peer][k]])
            return false;
    return true;
}

static bool seed_sends(struct swarm *w)
{
    for (uint32_t i = 0; i < w->n_peers; i++) {
        uint32_t peer = w->at++ % w->n_peers;

        for (uint32_t k = 0; k < n_offers[peer]; k++) {
            uint32_t piece = offers[peer][k];

            if (w->has[peer][piece])
                continue;
            ck_assert(super_seed_requested(seed, peer, piece, now));
            w->n_uploaded++;
            receives(w, peer, piece, FROM_SEED);
            if (w->quiet && has_all_offers(w, peer)) {
                super_seed_not_interested(seed, peer, now);
                take_offers();
            }
            return true;
        }
    }
    return false;
}

static void pass_on(struct swarm *w, uint32_t from)
{
    uint32_t to = (from + 1 + rng_below(&rng, w->n_peers - 1)) % w->n_peers, best = N_PIECES;

    for (uint32_t i = 0; i < N_PIECES; i++)
        if (w->has[from][i] && !w->has[to][i] &&
            (best == N_PIECES || w->n_with[i] < w->n_with[best]))
            best = i;
    if (best < N_PIECES)
        receives(w, to, best, FROM_LEECHER);
}

/* Returns how many pieces the seed sent until one peer had all. */
static uint32_t run(struct swarm w, uint64_t start, unsigned max_steps)
{
    static struct swarm state;

    begin(256 << 10, start);
    state = w;
    for (uint32_t i = 0; i < w.n_peers; i++)
        join(i);
    for (unsigned step = 0; !super_seed_is_over(seed); step++) {
        ck_assert_uint_lt(step, max_steps);
        for (uint32_t k = 0; k < w.uplink && seed_sends(&state); k++)
            ;
        for (uint32_t i = w.n_selfish; i < w.n_peers && w.n_peers > 1; i++)
            for (uint32_t k = 0; k < w.uplink; k++)
                pass_on(&state, i);
        tick(S / 4);
    }
    ck_assert(super_seed_has_copy(seed));
    end();
    return state.n_uploaded;
}

START_TEST(a_swarm_gets_one_copy)
{
    for (uint64_t start = 1; start <= 20; start++) {
        for (unsigned quiet = 0; quiet < 2; quiet++) {
            ck_assert_uint_le(
                run((struct swarm){.n_peers = 8, .uplink = 4, .quiet = quiet}, start, 300),
                N_PIECES + N_PIECES / 50);
            ck_assert_uint_le(
                run((struct swarm){.n_peers = 2, .uplink = 2, .quiet = quiet}, start, 600),
                N_PIECES + N_PIECES / 50);
            ck_assert_uint_eq(
                run((struct swarm){.n_peers = 1, .uplink = 4, .quiet = quiet}, start, 300),
                N_PIECES);
        }
        /* Three of eight peers pass nothing on: the pieces first offered to them are sent once
         * more. */
        ck_assert_uint_le(
            run((struct swarm){.n_peers = 8, .uplink = 4, .n_selfish = 3}, start, 600),
            N_PIECES + N_PIECES / 3);
    }
}
END_TEST

RUN_SUITE("super-seeding", 60, a_peer_that_passes_a_piece_on_is_offered_another,
          every_piece_is_offered_once, a_single_leecher_need_not_pass_pieces_on,
          a_peer_that_loses_interest_has_its_requested_pieces, a_late_offer_frees_its_piece,
          pieces_of_a_peer_that_left_are_offered_again, a_peer_with_all_pieces_ends_super_seeding,
          one_claim_of_all_pieces_ends_nothing, a_claim_by_each_family_is_one_claim,
          super_seeding_ends_when_no_peer_passes_pieces_on, a_swarm_gets_one_copy);
