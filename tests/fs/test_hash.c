/* SPDX-License-Identifier: MIT */
#include "storage_fixture.h"

#include "conjure/piece/claim.h"

START_TEST(the_only_sender_of_a_wrong_piece_is_guilty)
{
    struct storage_event e;
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_int_eq(write_blocks(&sample, s, 3, 0, 2, &bob, WRONG_BYTES), 0);
    ck_assert_int_eq(write_blocks(&sample, s, 3, 2, 2, &bob, GOOD_BYTES), 0);
    hash_waiting(s);
    ck_assert(storage_next_event(s, &e));
    ck_assert_int_eq(e.kind, STORAGE_GUILTY);
    ck_assert(addr_equal(&e.addr, &bob));
    ck_assert(storage_next_event(s, &e));
    ck_assert_int_eq(e.kind, STORAGE_FAILED);
    ck_assert(!storage_has_block(s, 3, 0));
    ck_assert(!storage_next_event(s, &e));
    write_piece(&sample, s, 3);
    hash_waiting(s);
    ck_assert_uint_eq(count_events(s, STORAGE_COMPLETED), 1);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(a_liar_among_several_is_found_when_the_piece_passes)
{
    struct storage_event e;
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_int_eq(write_blocks(&sample, s, 3, 0, 2, &bob, WRONG_BYTES), 0);
    ck_assert_int_eq(write_blocks(&sample, s, 3, 2, 2, &alice, GOOD_BYTES), 0);
    hash_waiting(s);
    ck_assert_uint_eq(count_events(s, STORAGE_FAILED), 1);
    write_piece(&sample, s, 3);
    hash_waiting(s);
    ck_assert(storage_next_event(s, &e));
    ck_assert_int_eq(e.kind, STORAGE_GUILTY);
    ck_assert(addr_equal(&e.addr, &bob));
    ck_assert(storage_next_event(s, &e));
    ck_assert_int_eq(e.kind, STORAGE_COMPLETED);
    ck_assert(!storage_next_event(s, &e));
    close_storage(s);
    end(&sample);
}
END_TEST

/* Buffers that differ from the disk show where a hash was taken from. */
START_TEST(a_piece_is_hashed_from_its_buffer_and_others_from_disk)
{
    enum { N = 12 };
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    for (uint32_t i = 0; i < N; i++) {
        uint8_t *data = malloc((size_t)CLAIM_BLOCKS_MAX * BLOCK_SIZE), *other;

        write_piece(&sample, s, i);
        memcpy(data, sample.content + (uint64_t)i * sample.piece_length, sample.piece_length);
        if (i % 3 == 1)
            data[sample.piece_length - 1] ^= 1;
        other = i % 3 ? storage_exchange_buffer(s, i, data) : data;
        ck_assert_ptr_nonnull(other);
        free(other);
    }
    ck_assert_uint_eq(buffers.n_held, N - N / 3);
    hash_waiting(s);
    ck_assert_uint_eq(buffers.n_held, 0);
    ck_assert_uint_eq(storage_have(s)->n_set, N - N / 3);
    ck_assert_uint_eq(count_events(s, STORAGE_FAILED), N / 3);
    close_storage(s);
    end(&sample);
}
END_TEST

START_TEST(a_buffer_is_taken_only_for_a_piece_that_waits_for_its_hash)
{
    uint8_t *data = malloc((size_t)CLAIM_BLOCKS_MAX * BLOCK_SIZE), *other;
    struct sample sample;
    struct storage *s;

    make_plain(&sample);
    s = open_storage(&sample, ALLOCATION_SPARSE, NULL);
    ck_assert_ptr_null(storage_exchange_buffer(s, 0, data));
    ck_assert_int_eq(write_blocks(&sample, s, 0, 0, 1, &alice, GOOD_BYTES), 0);
    ck_assert_ptr_null(storage_exchange_buffer(s, 0, data));
    write_piece(&sample, s, 0);
    other = storage_exchange_buffer(s, 0, data);
    ck_assert_ptr_nonnull(other);
    ck_assert_ptr_null(storage_exchange_buffer(s, 0, other));
    storage_free(s); /* not hashed any more: the pool has the buffer */
    ck_assert_uint_eq(buffers.n_held, 0);
    ck_assert_uint_eq(buffers.n_spare, 1);
    free(other);
    end(&sample);
}
END_TEST

RUN_SUITE("hash", 20, the_only_sender_of_a_wrong_piece_is_guilty,
          a_liar_among_several_is_found_when_the_piece_passes,
          a_piece_is_hashed_from_its_buffer_and_others_from_disk,
          a_buffer_is_taken_only_for_a_piece_that_waits_for_its_hash);
