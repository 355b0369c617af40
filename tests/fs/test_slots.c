/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/rng.h"
#include "fs/slots.h"

#define N 200

static bool wanted[N];

static bool is_wanted(const void *arg, uint32_t piece)
{
    return wanted[piece];
}

/* One assertion for all slots, because each assertion costs a system call. */
static void check_invariant(const struct slots *s)
{
    uint32_t n_wrong = 0, n_free = 0;

    for (uint32_t i = 0; i < s->n_used; i++) {
        bool free = s->piece_in[s->order[i]] == SLOT_NONE;

        n_free += free;
        n_wrong += free && i < s->free_from;
    }
    n_wrong += n_free != s->n_free;
    for (uint32_t piece = 0; piece < N; piece++) {
        uint32_t slot = s->slot_of[piece];

        if (slot == SLOT_NONE)
            continue;
        n_wrong += s->piece_in[slot] != piece;
        n_wrong += s->rank[slot] >= s->n_used;
        n_wrong += s->rank[piece] < s->n_used && slot != piece;
    }
    ck_assert_uint_eq(n_wrong, 0);
}

/* Pieces arrive in random order, and some moves fail. The test carries the moves out on a table. */
static void arrive(uint64_t seed)
{
    uint32_t disk[N], order[N], n = 0, n_wrong = 0;
    struct slots s;
    struct rng rng;

    rng_seed(&rng, seed);
    for (uint32_t i = 0; i < N; i++) {
        wanted[i] = rng_below(&rng, 3);
        disk[i] = SLOT_NONE;
        if (wanted[i])
            order[n++] = i;
    }
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = rng_below(&rng, i), t = order[i - 1];

        order[i - 1] = order[j];
        order[j] = t;
    }
    ck_assert_int_eq(slots_init(&s, N, is_wanted, NULL), 0);
    for (uint32_t i = 0; i < n;) {
        struct slot_moves m;
        unsigned n_done;

        slots_place(&s, order[i], &m);
        n_done = rng_below(&rng, 8) ? m.n : rng_below(&rng, m.n + 1);
        for (unsigned j = 0; j < n_done; j++) {
            ck_assert_uint_eq(disk[m.move[j].from], m.move[j].piece);
            disk[m.move[j].to] = m.move[j].piece;
        }
        if (n_done < m.n)
            slots_undo(&s, &m, n_done);
        else
            disk[s.slot_of[order[i++]]] = m.piece;
        check_invariant(&s);
        for (uint32_t slot = 0; slot < N; slot++)
            n_wrong += s.piece_in[slot] != SLOT_NONE && disk[slot] != s.piece_in[slot];
        ck_assert_uint_eq(n_wrong, 0);
        if (rng_below(&rng, 20) == 0) {
            uint32_t found[N], n_lost = 0;

            for (uint32_t slot = 0; slot < N; slot++)
                found[slot] = s.piece_in[slot];
            slots_load(&s, found);
            check_invariant(&s);
            for (uint32_t slot = 0; slot < N; slot++)
                n_lost += s.piece_in[slot] != found[slot];
            ck_assert_uint_eq(n_lost, 0);
        }
    }
    for (uint32_t i = 0; i < n; i++)
        ck_assert_uint_eq(s.slot_of[order[i]], order[i]);
    slots_deinit(&s);
    slots_deinit(&s);
}

START_TEST(every_piece_ends_in_its_own_slot)
{
    for (uint64_t seed = 0; seed < 300; seed++)
        arrive(seed);
}
END_TEST

START_TEST(any_table_of_slots_is_loaded_without_breaking_the_invariant)
{
    uint32_t found[N];
    struct slots s;
    struct rng rng;

    rng_seed(&rng, 9);
    for (uint32_t i = 0; i < N; i++)
        wanted[i] = true;
    ck_assert_int_eq(slots_init(&s, N, is_wanted, NULL), 0);
    for (unsigned round = 0; round < 1000; round++) {
        for (uint32_t i = 0; i < N; i++)
            found[i] = rng_below(&rng, 2) ? SLOT_NONE : rng_below(&rng, N);
        slots_load(&s, found);
        check_invariant(&s);
    }
    slots_deinit(&s);
}
END_TEST

static bool wants_all(const void *arg, uint32_t piece)
{
    return true;
}

/* Takes a minute if a place is searched among all used slots, and the time of the suite is less. */
START_TEST(many_pieces_are_placed_without_a_search)
{
    enum { MANY = 300000 };
    uint32_t n_wrong = 0;
    struct slot_moves moves;
    struct slots s;

    ck_assert_int_eq(slots_init(&s, MANY, wants_all, NULL), 0);
    for (uint32_t piece = MANY; piece--;)
        slots_place(&s, piece, &moves);
    for (uint32_t piece = 0; piece < MANY; piece++)
        n_wrong += s.slot_of[piece] != piece;
    ck_assert_uint_eq(n_wrong, 0);
    slots_deinit(&s);
}
END_TEST

/* After a scan that has found every second piece only. */
START_TEST(holes_are_filled_without_a_search)
{
    enum { MANY = 300000 };
    uint32_t n_wrong = 0;
    uint32_t *found = malloc(2 * (size_t)MANY * sizeof *found);
    struct slot_moves moves;
    struct slots s;

    ck_assert_int_eq(slots_init(&s, 2 * MANY, wants_all, NULL), 0);
    for (uint32_t slot = 0; slot < 2 * MANY; slot++)
        found[slot] = slot < MANY && slot % 2 ? slot : SLOT_NONE;
    slots_load(&s, found);
    for (uint32_t piece = 2 * MANY; piece-- > MANY;)
        slots_place(&s, piece, &moves);
    for (uint32_t piece = 0; piece < MANY; piece += 2)
        slots_place(&s, piece, &moves);
    for (uint32_t piece = 0; piece < 2 * MANY; piece++)
        n_wrong += s.slot_of[piece] != piece;
    ck_assert_uint_eq(n_wrong, 0);
    slots_deinit(&s);
    free(found);
}
END_TEST

RUN_SUITE("slots", 60, every_piece_ends_in_its_own_slot,
          any_table_of_slots_is_loaded_without_breaking_the_invariant,
          many_pieces_are_placed_without_a_search, holes_are_filled_without_a_search);
