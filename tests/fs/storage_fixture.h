/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_FS_STORAGE_FIXTURE_H
#define CONJURE_TESTS_FS_STORAGE_FIXTURE_H

#include "sample.h"

#include "conjure/fs/storage.h"

/* A storage over a sample; its jobs run in the test's thread. */

static struct handle_pool pool;
static struct piece_buffers buffers;
static struct disk_scratch scratch;
static struct rng rng;

static const struct addr alice = {.ip = {10, 0, 0, 1}, .port = 1, .family = AF_INET};
static const struct addr bob = {.ip = {10, 0, 0, 2}, .port = 2, .family = AF_INET};

static inline void begin(uint64_t seed)
{
    rng_seed(&rng, seed);
    handle_pool_init(&pool, 8);
}

static inline void end(struct sample *sample)
{
    handle_pool_deinit(&pool);
    piece_buffers_deinit(&buffers);
    disk_scratch_deinit(&scratch);
    sample_free(sample);
}

static inline int run(struct disk_job *job)
{
    disk_jobs_run(job, &scratch);
    return storage_finish(job);
}

#define REPAIRING ((struct write_policy){.repair_changed = true, .repair_gone = true})
static struct write_policy policy = REPAIRING;

static inline int try_open(struct sample *sample, enum allocation allocation, const bool *skip,
                           struct storage **sp)
{
    struct storage_config config = {.meta = sample->meta,
                                    .dir = sample->dir,
                                    .resume_path = sample->resume,
                                    .allocation = allocation,
                                    .skip_file = skip,
                                    .policy = policy};
    char reason[STORAGE_REASON_MAX];

    return storage_new(&config, &pool, &buffers, sp, reason);
}

static inline struct storage *open_storage(struct sample *sample, enum allocation allocation,
                                           const bool *skip)
{
    struct storage *s = NULL;
    struct disk_job *job;

    ck_assert_int_eq(try_open(sample, allocation, skip, &s), 0);
    ck_assert_int_eq(storage_prepare_open(s, &job), 0);
    ck_assert_int_eq(run(job), 0);
    return s;
}

/* Returns how many pieces it will read. */
static inline uint32_t begin_check(struct storage *s, enum check_scope scope)
{
    uint32_t n;

    ck_assert_int_eq(storage_begin_check(s, scope, &n), 0);
    return n;
}

static inline void check_all_but_make(struct storage *s, enum check_scope scope)
{
    struct disk_job *job;

    begin_check(s, scope);
    for (;;) {
        ck_assert_int_eq(storage_prepare_check(s, SHA1_LANES_MAX, &job), 0);
        if (!job)
            break;
        ck_assert_int_eq(run(job), 0);
    }
    ck_assert_uint_eq(storage_n_doubtful(s), 0);
}

static inline void save(struct storage *s, enum save_reason reason)
{
    struct disk_job *job;

    ck_assert_int_eq(storage_prepare_save(s, 11, 22, reason, &job), 0);
    if (job)
        ck_assert_int_eq(run(job), 0);
}

static inline void check(struct storage *s, enum check_scope scope)
{
    struct disk_job *job;
    int r;

    check_all_but_make(s, scope);
    r = storage_prepare_make(s, &job);
    if (r == STORAGE_UNSAVED) {
        save(s, SAVE_RUNNING);
        r = storage_prepare_make(s, &job);
    }
    ck_assert_int_eq(r, 0);
    if (job)
        ck_assert_int_eq(run(job), 0);
}

static inline void close_storage(struct storage *s)
{
    save(s, SAVE_CLOSING);
    storage_free(s);
}

static inline uint32_t n_blocks_of(const struct sample *sample, uint32_t piece)
{
    return geometry_n_blocks(metainfo_geometry(sample->meta), piece);
}

static inline int write_blocks(struct sample *sample, struct storage *s, uint32_t piece,
                               uint32_t first, uint32_t n, const struct addr *from,
                               enum bytes bytes)
{
    uint64_t at = (uint64_t)piece * sample->piece_length + (uint64_t)first * BLOCK_SIZE;
    uint64_t size = (uint64_t)n * BLOCK_SIZE;
    uint8_t *data = calloc(n, BLOCK_SIZE);
    struct disk_job *job;
    int r;

    if (size > sample->length - at)
        size = sample->length - at;
    memcpy(data, sample->content + at, size);
    if (bytes == WRONG_BYTES)
        data[0] ^= 1;
    r = storage_prepare_write(s, piece, first, n, n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1,
                              data, from, &job);
    if (!r && job)
        r = run(job);
    free(data);
    return r;
}

static inline void hash_waiting(struct storage *s)
{
    struct disk_job *job;

    while (storage_n_unhashed(s)) {
        ck_assert_int_eq(storage_prepare_hash(s, 1 + rng_below(&rng, SHA1_LANES_MAX), &job), 0);
        ck_assert_int_eq(run(job), 0);
    }
}

static inline void write_piece(struct sample *sample, struct storage *s, uint32_t piece)
{
    ck_assert_int_eq(
        write_blocks(sample, s, piece, 0, n_blocks_of(sample, piece), &alice, GOOD_BYTES), 0);
}

static inline void make_plain(struct sample *sample)
{
    static const struct sample_file files[] = {{"a", 500000}, {"b", 500000}};

    begin(5);
    sample_make(sample, &rng, 65536, files, 2);
}

static inline uint32_t count_events(struct storage *s, enum storage_event_kind kind)
{
    struct storage_event e;
    uint32_t n = 0;

    while (storage_next_event(s, &e))
        n += e.kind == kind;
    return n;
}

static inline void expect_all_files(struct sample *sample, const bool *skip)
{
    for (uint32_t file = 0; file < metainfo_n_files(sample->meta); file++) {
        char path[640];

        sample_path(sample, file, path);
        if (metainfo_file(sample->meta, file)->padding || (skip && skip[file]))
            ck_assert_msg(access(path, F_OK), "%s must not be there", path);
        else
            ck_assert_msg(sample_file_is_good(sample, file), "%s is wrong", path);
    }
}

/* Hashes N batches of one piece each, and no more. */
static inline void check_some(struct storage *s, unsigned n)
{
    struct disk_job *job;

    while (n--) {
        ck_assert_int_eq(storage_prepare_check(s, 1, &job), 0);
        ck_assert_ptr_nonnull(job);
        ck_assert_int_eq(run(job), 0);
    }
}

/* A storage with all of its content, verified. */
static inline struct storage *open_complete(struct sample *sample)
{
    struct storage *s;

    for (uint32_t file = 0; file < metainfo_n_files(sample->meta); file++)
        if (!metainfo_file(sample->meta, file)->padding)
            sample_write_file(sample, file);
    s = open_storage(sample, ALLOCATION_SPARSE, NULL);
    check(s, CHECK_DOUBTFUL);
    ck_assert_uint_eq(storage_have(s)->n_set, sample->n_pieces);
    return s;
}

static inline void make_hundred_files(struct sample *sample)
{
    static struct sample_file files[100];
    static char names[100][16];

    begin(21);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(names[i], sizeof names[i], "d/%u", i);
        files[i] = (struct sample_file){names[i], 10000 + i, NULL};
    }
    sample_make(sample, &rng, 32768, files, 100);
}

static inline struct storage *open_trusting(struct sample *sample)
{
    struct storage_config config = {.meta = sample->meta,
                                    .dir = sample->dir,
                                    .resume_path = sample->resume,
                                    .trusting = true,
                                    .policy = policy};
    char reason[STORAGE_REASON_MAX];
    struct storage *s = NULL;
    struct disk_job *job;

    ck_assert_int_eq(storage_new(&config, &pool, &buffers, &s, reason), 0);
    ck_assert_int_eq(storage_prepare_open(s, &job), 0);
    ck_assert_int_eq(run(job), 0);
    return s;
}

#endif
