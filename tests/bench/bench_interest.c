/* SPDX-License-Identifier: MIT */
/* How long one operation of the InterestTable takes: 100,000 pieces of 1 MiB, 1,000 peers. Prints
 * ns per operation. Run: meson test -C build --benchmark */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "conjure/base/clock.h"
#include "conjure/interest/table.h"

#define PIECES 100000u
#define PEERS  1000u
#define BLOCKS 64u

static struct rng rng;
static struct interest_table *table;

static void report(const char *what, uint64_t begin_ns, uint64_t n)
{
    printf("%-44s %9.0f ns  (%" PRIu64 " times)\n", what,
           (double)(clock_now() - begin_ns) / (double)(n ? n : 1), n);
}

static void drop_effects(void)
{
    struct interest_effect e;

    while (interest_table_next_effect(table, &e))
        ;
}

/* Every tenth peer is a seed, the others have from 0 to all of the pieces. */
static void join(uint32_t peer, struct bitfield *has)
{
    interest_table_peer_joined(table, peer, NULL, has, peer % 10 == 0);
}

static struct bitfield random_pieces(uint32_t percent)
{
    struct bitfield has = BITFIELD_EMPTY;

    if (bitfield_init(&has, PIECES))
        abort();
    for (uint32_t i = 0; i < PIECES; i++)
        if (rng_below(&rng, 100) < percent)
            bitfield_set(&has, i);
    return has;
}

static void bench_join(void)
{
    uint64_t spent = 0, n = 0;

    for (uint32_t p = 0; p < PEERS; p++) {
        struct bitfield has = p % 10 ? random_pieces(p % 100) : BITFIELD_EMPTY;
        uint64_t begin = clock_now();

        n += has.n_set;
        join(p, &has);
        spent += clock_now() - begin;
    }
    drop_effects();
    report("PeerJoined, for each piece it has", clock_now() - spent, n);
    report("PeerJoined", clock_now() - spent, PEERS);
}

static void bench_leave_and_join(void)
{
    uint64_t spent = 0;
    uint32_t n = 200;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t p = rng_below(&rng, PEERS);
        struct bitfield has = p % 10 ? random_pieces(p % 100) : BITFIELD_EMPTY;
        uint64_t begin = clock_now();

        interest_table_peer_left(table, p);
        join(p, &has);
        spent += clock_now() - begin;
    }
    drop_effects();
    report("PeerLeft and PeerJoined", clock_now() - spent, n);
}

static void bench_got(void)
{
    uint32_t n = 2000000;
    uint64_t begin;

    begin = clock_now();
    for (uint32_t i = 0; i < n; i++)
        interest_table_peer_got_piece(table, rng_below(&rng, PEERS), rng_below(&rng, PIECES));
    report("PeerGotPiece", begin, n);
    drop_effects();
}

/* Peers claim N_BLOCKS in random order; all claims are returned now and then. */
static void bench_next(const char *what, uint32_t n_blocks, uint32_t n)
{
    struct claim *claims = calloc(n, sizeof *claims);
    uint32_t *peers = calloc(n, sizeof *peers);
    uint64_t begin, spent_next = 0, spent_back = 0, n_given = 0;

    if (!claims || !peers)
        abort();
    for (uint32_t round = 0; round < n / 4000; round++) {
        uint32_t first = round * 4000;

        begin = clock_now();
        for (uint32_t i = first; i < first + 4000; i++) {
            peers[i] = rng_below(&rng, PEERS);
            if (interest_table_next_piece(table, peers[i], n_blocks, &claims[i]))
                n_given++;
        }
        spent_next += clock_now() - begin;
        begin = clock_now();
        for (uint32_t i = first; i < first + 4000; i++)
            if (claims[i].id)
                interest_table_blocks_stored(table, claims[i].id, claims[i].piece,
                                             claims[i].first_block, claims[i].blocks);
        spent_back += clock_now() - begin;
    }
    report(what, clock_now() - spent_next, n);
    report("  BlocksStored, whole claims", clock_now() - spent_back, n_given);
    begin = clock_now();
    n_given = 0;
    for (uint32_t i = 0; i < n; i++)
        if (claims[i].id && n_blocks == BLOCKS)
            n_given += interest_table_piece_completed(table, claims[i].piece);
    if (n_given)
        report("  PieceCompleted, with 1000 peers", begin, n_given);
    drop_effects();
    free(claims);
    free(peers);
}

/* A peer whose few pieces are all claimed gets no claim. */
static void bench_vain(void)
{
    struct bitfield has = BITFIELD_EMPTY;
    struct claim claim;
    uint32_t n = 200000;
    uint64_t begin;

    interest_table_peer_joined(table, PEERS, NULL, &has, false);
    for (uint32_t i = 0; i < PIECES; i += 10000)
        interest_table_peer_got_piece(table, PEERS, i);
    while (interest_table_next_piece(table, PEERS, 64, &claim))
        ;
    begin = clock_now();
    for (uint32_t i = 0; i < n; i++)
        if (interest_table_next_piece(table, PEERS, 64, &claim))
            abort();
    report("NextPiece in vain, of a peer with ten pieces", begin, n);
}

int main(void)
{
    struct geometry g = {.total_length = (uint64_t)PIECES * BLOCKS * BLOCK_SIZE,
                         .piece_length = BLOCKS * BLOCK_SIZE,
                         .n_pieces = PIECES};
    struct bitfield have;

    rng_seed(&rng, 1);
    if (bitfield_init(&have, PIECES))
        abort();
    table = interest_table_new(&g, NULL, &have, &rng);
    bench_join();
    bench_leave_and_join();
    bench_got();
    bench_next("NextPiece, whole pieces (64 blocks)", BLOCKS, 40000);
    bench_next("NextPiece, 8 blocks", 8, 40000);
    bench_vain();
    interest_table_free(table);
    return 0;
}
