/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "interest/free_pieces.h"

#define PIECES 40u

static struct rng rng;

START_TEST(a_piece_is_free_without_offers_and_without_peers_that_have_it)
{
    uint32_t n_have[PIECES] = {0}, n_offers[PIECES] = {0}, n_held[PIECES] = {0};
    struct bitfield none;
    struct free_pieces f;

    rng_seed(&rng, 3);
    ck_assert_int_eq(bitfield_init(&none, PIECES), 0);
    ck_assert_int_eq(free_pieces_init(&f, PIECES), 0);
    ck_assert_uint_eq(f.n_free, PIECES);
    for (int i = 0; i < 5000; i++) {
        uint32_t piece = rng_below(&rng, PIECES), n_free = 0;

        switch (rng_below(&rng, 5)) {
        case 0:
            n_have[piece]++;
            free_pieces_peer_has(&f, piece);
            break;
        case 1:
            if (n_have[piece]) {
                n_have[piece]--;
                free_pieces_peer_left(&f, piece);
            }
            break;
        case 2:
            n_offers[piece]++;
            n_held[piece]++;
            free_pieces_begin_offer(&f, piece);
            break;
        case 3:
            if (n_held[piece]) {
                n_held[piece]--;
                free_pieces_release(&f, piece);
            }
            break;
        default:
            if (n_offers[piece] > n_held[piece]) {
                n_offers[piece]--;
                free_pieces_end_offer(&f, piece);
            }
            break;
        }
        for (uint32_t p = 0; p < PIECES; p++) {
            bool is_free = !n_held[p] && (n_offers[p] || !n_have[p]);

            n_free += is_free;
            ck_assert_int_eq(f.index[p] != FREE_PIECE_NONE, is_free);
            if (is_free)
                ck_assert_uint_eq(f.free[f.index[p]], p);
        }
        ck_assert_uint_eq(f.n_free, n_free);
        piece = free_pieces_pick(&f, &none, &rng);
        ck_assert(n_free ? f.index[piece] < n_free : piece == FREE_PIECE_NONE);
    }
    bitfield_deinit(&none);
    free_pieces_deinit(&f);
    free_pieces_deinit(&f);
}
END_TEST

START_TEST(a_random_allowed_piece_is_picked)
{
    uint32_t n_picked[PIECES] = {0};
    struct bitfield but;
    struct free_pieces f;

    rng_seed(&rng, 4);
    ck_assert_int_eq(bitfield_init(&but, PIECES), 0);
    ck_assert_int_eq(free_pieces_init(&f, PIECES), 0);
    for (uint32_t p = 0; p < PIECES; p += 2)
        bitfield_set(&but, p);
    for (int i = 0; i < 2000; i++)
        n_picked[free_pieces_pick(&f, &but, &rng)]++;
    for (uint32_t p = 0; p < PIECES; p++)
        ck_assert(p % 2 ? n_picked[p] > 20 : n_picked[p] == 0);
    bitfield_set_all(&but);
    ck_assert_uint_eq(free_pieces_pick(&f, &but, &rng), FREE_PIECE_NONE);
    bitfield_deinit(&but);
    free_pieces_deinit(&f);
}
END_TEST

RUN_SUITE("free pieces", 20, a_piece_is_free_without_offers_and_without_peers_that_have_it,
          a_random_allowed_piece_is_picked);
