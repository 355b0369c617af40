/* SPDX-License-Identifier: MIT */
#include "sample.h"

#include "fs/resume.h"
#include "fs/slots.h"
#include "fs/stamps.h"

static struct sample sample;

static void begin(void)
{
    static const struct sample_file files[] = {{"a", 100000}, {"b", 100000}};
    struct rng rng;

    rng_seed(&rng, 1);
    sample_make(&sample, &rng, 65536, files, 2);
}

/* With a value in every field. */
static struct resume *make_resume(void)
{
    struct resume *r = resume_new(sample.meta);

    r->allocation = ALLOCATION_COMPACT;
    r->clean = r->checking = true;
    r->uploaded = UINT64_C(5) << 40;
    r->downloaded = 7;
    bitfield_set(&r->pieces, 1);
    bitfield_set(&r->doubtful, 3);
    r->stamps[1] = (struct file_stamp){true, 100000, 1234567890123, 99};
    r->parts[1] = r->foreign[1] = true;
    r->partials = calloc(1, sizeof *r->partials);
    r->partials[0] = (struct resume_partial){2, 4, calloc(1, sizeof(uint64_t))};
    r->partials[0].blocks[0] = 5;
    r->n_partials = 1;
    r->slots = malloc(sample.n_pieces * sizeof *r->slots);
    for (uint32_t i = 0; i < sample.n_pieces; i++)
        r->slots[i] = i ? SLOT_NONE : 1;
    return r;
}

START_TEST(resume_data_is_read_as_it_was_written)
{
    struct resume *r, *again;
    uint8_t *bytes;
    size_t n;

    begin();
    r = make_resume();
    ck_assert_int_eq(resume_encode(r, sample.meta, &bytes, &n), 0);
    ck_assert_int_eq(resume_decode(bytes, n, sample.meta, &again), 0);
    ck_assert_int_eq(again->allocation, ALLOCATION_COMPACT);
    ck_assert(again->clean && again->checking);
    ck_assert(again->uploaded == r->uploaded && again->downloaded == 7);
    ck_assert(again->pieces.n_set == 1 && bitfield_test(&again->pieces, 1));
    ck_assert(again->doubtful.n_set == 1 && bitfield_test(&again->doubtful, 3));
    ck_assert(!again->stamps[0].exists && stamp_equal(&again->stamps[1], &r->stamps[1]));
    ck_assert_uint_eq(again->stamps[1].inode, 99);
    ck_assert(!again->parts[0] && again->parts[1]);
    ck_assert(!again->foreign[0] && again->foreign[1]);
    ck_assert(again->n_partials == 1 && again->partials[0].piece == 2);
    ck_assert_uint_eq(again->partials[0].blocks[0], 5);
    ck_assert(again->slots[0] == 1 && again->slots[3] == SLOT_NONE);
    resume_free(again);
    resume_free(r);
    free(bytes);
    sample_free(&sample);
}
END_TEST

/* Every cut is corrupt, and so is data of another torrent. */
START_TEST(truncated_or_foreign_resume_data_is_corrupt)
{
    struct resume *r, *again;
    struct sample other;
    uint8_t *bytes;
    size_t n;

    begin();
    r = make_resume();
    ck_assert_int_eq(resume_encode(r, sample.meta, &bytes, &n), 0);
    for (size_t cut = 0; cut < n; cut++)
        ck_assert_int_eq(resume_decode(bytes, cut, sample.meta, &again), RESUME_CORRUPT);
    other = sample;
    begin(); /* the same shape and content; another file makes another torrent */
    sample_free(&sample);
    {
        static const struct sample_file files[] = {{"a", 100000}, {"c", 100000}};
        struct rng rng;

        rng_seed(&rng, 1);
        sample_make(&sample, &rng, 65536, files, 2);
    }
    ck_assert_int_eq(resume_decode(bytes, n, sample.meta, &again), RESUME_CORRUPT);
    r->slots[0] = sample.n_pieces; /* no such piece */
    free(bytes);
    ck_assert_int_eq(resume_encode(r, other.meta, &bytes, &n), 0);
    ck_assert_int_eq(resume_decode(bytes, n, other.meta, &again), RESUME_CORRUPT);
    free(bytes);
    resume_free(r);
    sample_free(&sample);
    sample_free(&other);
}
END_TEST

RUN_SUITE("resume", 20, resume_data_is_read_as_it_was_written,
          truncated_or_foreign_resume_data_is_corrupt);
