/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include "actors/fs/piece_buffers.h"
#include "conjure/msg/interest.h"

/* Storages are only compared, never looked into. */
static char names[2];
#define STORAGE(i) ((const struct storage *)(const void *)&names[i])

static uint8_t *buffer(void)
{
    return malloc((size_t)CLAIM_BLOCKS_MAX * BLOCK_SIZE);
}

START_TEST(an_exchange_gives_another_buffer_until_there_is_no_room)
{
    struct kept k = KEPT_EMPTY;
    uint8_t *data = buffer(), *other;

    for (unsigned i = 0; i < KEPT_MAX; i++) {
        other = kept_exchange(&k, STORAGE(0), i, data);
        ck_assert_ptr_nonnull(other);
        ck_assert_ptr_ne(other, data);
        data = other;
    }
    ck_assert_ptr_null(kept_exchange(&k, STORAGE(0), KEPT_MAX, data));
    ck_assert_uint_eq(k.n_pieces, KEPT_MAX);
    free(data);
    kept_deinit(&k);
    kept_deinit(&k);
}
END_TEST

START_TEST(what_a_storage_leaves_is_used_again_and_given_back)
{
    struct kept k = KEPT_EMPTY;
    uint8_t *first = buffer(), *second, *third, *fourth;

    second = kept_exchange(&k, STORAGE(0), 7, first);
    third = kept_exchange(&k, STORAGE(1), 7, second);
    kept_forget(&k, STORAGE(0));
    ck_assert_uint_eq(k.n_pieces, 1);
    ck_assert_uint_eq(k.n_spare, 1);
    fourth = kept_exchange(&k, STORAGE(1), 8, third);
    ck_assert_ptr_eq(fourth, first);
    ck_assert_uint_eq(k.n_spare, 0);
    kept_forget(&k, STORAGE(1));
    ck_assert_uint_eq(k.n_pieces, 0);
    ck_assert_uint_eq(k.n_spare, 2);
    kept_shrink(&k);
    ck_assert_uint_eq(k.n_spare, 0);
    free(fourth);
    kept_deinit(&k);
}
END_TEST

RUN_SUITE("kept buffers", 10, an_exchange_gives_another_buffer_until_there_is_no_room,
          what_a_storage_leaves_is_used_again_and_given_back);
