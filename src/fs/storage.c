/* SPDX-License-Identifier: MIT */
/*
 * The books of one torrent. A block is missing, being written, or on disk; when all blocks of a piece
 * are on disk it waits for its hash, and then it is verified or all its blocks are missing again.
 *
 * COMPACT. Pieces move between slots, and a move must not meet a write or a hash of the same bytes;
 * so with compact allocation one job runs at a time. That costs speed where it does not matter: file
 * systems without holes are slow ones. A piece counts as completed only when it is in its own slot,
 * so that nobody else needs to know of slots.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/fs/io.h"
#include "fs/resume.h"
#include "fs/storage_struct.h"

/* --- life ------------------------------------------------------------------------------------ */

static bool is_wanted(const void *arg, uint32_t piece)
{
    return store_piece_is_wanted(arg, piece);
}

static int open_dir(const char *dir, int *fdp)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        if (mkdir(dir, 0777) < 0 && errno != EEXIST)
            return -errno;
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0)
        return -errno;
    *fdp = fd;
    return 0;
}

/* The lock file is removed at the end, so the one that we locked may no longer be the one that
 * others find under its name: then once more. */
static int lock_torrent(struct storage *s)
{
    for (;;) {
        struct stat ours, named;
        int fd = open(s->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);

        if (fd < 0)
            return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            int r = errno == EWOULDBLOCK ? -EBUSY : -errno;

            io_close(fd);
            return r;
        }
        if (!fstat(fd, &ours) && !stat(s->lock_path, &named) && ours.st_ino == named.st_ino &&
            ours.st_dev == named.st_dev) {
            s->lock_fd = fd;
            return 0;
        }
        io_close(fd);
    }
}

static int init_tables(struct storage *s)
{
    uint32_t n = s->store.n_pieces;
    int r = bitfield_init(&s->verified, n);

    if (!r)
        r = bitfield_init(&s->have, n);
    if (!r)
        r = bitfield_init(&s->doubtful, n);
    if (!r && storage_is_compact(s))
        r = slots_init(&s->slots, n, is_wanted, &s->store);
    if (r)
        return r;
    s->partials = calloc((size_t)n + 1, sizeof *s->partials);
    s->stamps = calloc((size_t)s->store.n_files + 1, sizeof *s->stamps);
    s->unsynced = calloc((size_t)s->store.n_files + 1, sizeof *s->unsynced);
    return s->partials && s->stamps && s->unsynced ? 0 : -ENOMEM;
}

int storage_new(const struct storage_config *config, struct handle_pool *pool,
                struct storage **storagep, char reason[STORAGE_REASON_MAX])
{
    struct storage *s = NEW(struct storage);
    const char *what = config->dir;
    int dir_fd = -1, r;

    s->store = STORE_EMPTY;
    s->pool = pool;
    s->owner = config->owner;
    s->refuse_lost = config->refuse_lost;
    s->trusting = config->trusting;
    s->lock_fd = -1;
    s->check_at = UINT32_MAX;
    s->failed_file = JOB_FILE_NONE;
    s->dir = mem_dup_string(config->dir);
    r = open_dir(s->dir, &dir_fd);
    if (!r) {
        r = store_init(&s->store, config->meta, dir_fd, config->allocation, config->skip_file);
        if (r)
            io_close(dir_fd);
    }
    if (!r)
        r = init_tables(s);
    if (!r && config->resume_path) {
        size_t size = strlen(config->resume_path) + sizeof ".lock";

        s->resume_path = mem_dup_string(config->resume_path);
        s->lock_path = mem_new(size);
        snprintf(s->lock_path, size, "%s.lock", s->resume_path);
        what = s->lock_path;
        r = lock_torrent(s);
    }
    if (r) {
        snprintf(reason, STORAGE_REASON_MAX, "%s: %s", what,
                 r == -EBUSY ? "another process works on this torrent" : strerror(-r));
        storage_free(s);
        return r;
    }
    *storagep = s;
    return 0;
}

void storage_free(struct storage *s)
{
    if (!s)
        return;
    assert(s->n_jobs == 0);
    if (s->store.meta)
        handle_pool_close_store(s->pool, &s->store);
    for (uint32_t i = 0; s->partials && i < s->store.n_pieces; i++)
        free(s->partials[i]);
    free(s->partials);
    free(s->stamps);
    free(s->unsynced);
    free(s->events);
    slots_deinit(&s->slots);
    scan_deinit(&s->scan);
    blame_deinit(&s->blame);
    bitfield_deinit(&s->verified);
    bitfield_deinit(&s->have);
    bitfield_deinit(&s->doubtful);
    store_deinit(&s->store);
    if (s->lock_fd >= 0) {
        unlink(s->lock_path);
        io_close(s->lock_fd);
    }
    free(s->lock_path);
    free(s->resume_path);
    free(s->dir);
    free(s);
}

/* --- books ----------------------------------------------------------------------------------- */

uint32_t storage_n_blocks(const struct storage *s, uint32_t piece)
{
    return geometry_n_blocks(metainfo_geometry(s->store.meta), piece);
}

struct partial *storage_add_partial(struct storage *s, uint32_t piece)
{
    uint32_t n_blocks = storage_n_blocks(s, piece);
    size_t n_words = ((size_t)n_blocks + 63) / 64;
    struct partial *p = s->partials[piece];

    if (p)
        return p;
    p = calloc(1, sizeof *p + n_words * 2 * sizeof(uint64_t) + n_blocks * sizeof(struct addr));
    if (!p)
        return NULL;
    p->piece = piece;
    p->n_blocks = n_blocks;
    p->on_disk = (uint64_t *)(p + 1);
    p->writing = p->on_disk + n_words;
    p->from = (struct addr *)(p->writing + n_words);
    s->partials[piece] = p;
    return p;
}

void storage_drop_partial(struct storage *s, uint32_t piece)
{
    free(s->partials[piece]);
    s->partials[piece] = NULL;
}

uint32_t storage_slot_of(const struct storage *s, uint32_t piece)
{
    return storage_is_compact(s) ? s->slots.slot_of[piece] : piece;
}

void storage_set_verified(struct storage *s, uint32_t piece)
{
    bitfield_set(&s->verified, piece);
    if (!storage_is_compact(s))
        bitfield_clear(&s->doubtful, piece);
    if (storage_slot_of(s, piece) == piece)
        bitfield_set(&s->have, piece);
}

void storage_add_event(struct storage *s, enum storage_event_kind kind, uint32_t piece,
                       const struct addr *addr)
{
    if (s->n_events == s->events_room) {
        s->events_room = s->events_room ? s->events_room * 2 : 32;
        s->events = mem_resize(s->events, s->events_room, sizeof *s->events);
    }
    s->events[s->n_events] = (struct storage_event){.kind = kind, .piece = piece};
    if (addr)
        s->events[s->n_events].addr = *addr;
    s->n_events++;
}

bool storage_next_event(struct storage *s, struct storage_event *eventp)
{
    if (s->events_at == s->n_events) {
        s->events_at = s->n_events = 0;
        return false;
    }
    *eventp = s->events[s->events_at++];
    return true;
}

static void queue_for_hash(struct storage *s, struct partial *p)
{
    p->state = PARTIAL_WAITING;
    p->next = NULL;
    *(s->unhashed_last ? &s->unhashed_last->next : &s->unhashed_first) = p;
    s->unhashed_last = p;
    s->n_unhashed++;
}

/* --- writing --------------------------------------------------------------------------------- */

/* Whether a job of this storage has to wait for those under way. */
static bool must_wait(const struct storage *s)
{
    return storage_is_compact(s) && s->n_jobs > 0;
}

static uint64_t filter_blocks(const struct partial *p, uint32_t first_block, uint32_t n_blocks,
                              uint64_t blocks)
{
    for (uint32_t i = 0; i < n_blocks; i++)
        if (bit_test(p->on_disk, first_block + i) || bit_test(p->writing, first_block + i))
            blocks &= ~(UINT64_C(1) << i);
    return blocks;
}

/* One range for each run of neighbouring blocks: they are neighbours in memory too. */
static int add_runs(struct job *job, uint32_t slot, const uint8_t *data)
{
    struct storage *s = job->head.storage;
    uint32_t size = geometry_piece_size(metainfo_geometry(s->store.meta), job->piece);
    int r = 0;

    for (uint32_t i = 0, run; i < job->n_blocks && !r; i += run + 1) {
        uint64_t begin = (uint64_t)(job->first_block + i) * BLOCK_SIZE, end;

        for (run = 0; i + run < job->n_blocks && job->blocks >> (i + run) & 1; run++)
            ;
        if (!run)
            continue;
        end = begin + (uint64_t)run * BLOCK_SIZE;
        if (end > size)
            end = size;
        r = job_add_ranges(job, (uint64_t)slot * s->store.piece_length + begin,
                           (uint32_t)(end - begin), slot != job->piece,
                           data + (size_t)i * BLOCK_SIZE, FILE_WRITE);
    }
    return r;
}

static void mark_unsynced(struct storage *s, uint8_t mark, uint32_t slot, uint32_t size,
                          bool foreign)
{
    uint64_t at = (uint64_t)slot * s->store.piece_length, end = at + size;
    struct extent e;

    while (store_next_extent(&s->store, &at, end, foreign, &e))
        if (e.file != STORE_PADDING)
            s->unsynced[e.file] |= mark;
}

int storage_prepare_write(struct storage *s, uint32_t piece, uint32_t first_block,
                          uint32_t n_blocks, uint64_t blocks, const uint8_t *data,
                          const struct addr *from, struct disk_job **jobp)
{
    struct partial *p;
    struct job *job;
    uint32_t slot;
    int r;

    *jobp = NULL;
    if (piece >= s->store.n_pieces || !n_blocks || n_blocks > 64 ||
        first_block >= storage_n_blocks(s, piece) ||
        n_blocks > storage_n_blocks(s, piece) - first_block ||
        (n_blocks < 64 && blocks >> n_blocks))
        return -EINVAL;
    if (bitfield_test(&s->verified, piece) ||
        (storage_is_compact(s) && s->slots.rank[piece] == SLOT_NONE))
        return 0;
    if (must_wait(s))
        return STORAGE_BUSY;
    p = storage_add_partial(s, piece);
    if (!p)
        return -ENOMEM;
    if (p->state != PARTIAL_OPEN)
        return 0;
    blocks = filter_blocks(p, first_block, n_blocks, blocks);
    if (!blocks)
        return 0;
    job = job_new(s, DISK_WRITE);
    job->piece = piece;
    job->first_block = first_block;
    job->n_blocks = n_blocks;
    job->blocks = blocks;
    job->from = from ? *from : ADDR_NONE;
    if (storage_is_compact(s) && s->slots.slot_of[piece] == SLOT_NONE)
        slots_place(&s->slots, piece, &job->moves);
    slot = storage_slot_of(s, piece);
    r = add_runs(job, slot, data);
    if (r) {
        if (job->moves.n)
            slots_undo(&s->slots, &job->moves, 0);
        job_free(job);
        return r;
    }
    for (uint32_t i = 0; i < n_blocks; i++)
        if (blocks >> i & 1)
            bit_set(p->writing, first_block + i);
    *jobp = &job->head;
    return 0;
}

/* Pieces that came home by the moves of a write. */
static void finish_moves(struct storage *s, struct job *job)
{
    for (unsigned i = 0; i < job->n_moved; i++) {
        uint32_t piece = job->moves.move[i].piece;

        if (!bitfield_test(&s->verified, piece) || s->slots.slot_of[piece] != piece)
            continue;
        if (bitfield_set(&s->have, piece))
            storage_add_event(s, STORAGE_COMPLETED, piece, NULL);
    }
    if (job->n_moved < job->moves.n)
        slots_undo(&s->slots, &job->moves, job->n_moved);
}

/* What a job has written to is to be synced before anything is claimed of it, and that is not before
 * now. Other files of the same piece may not be there yet. */
static void mark_written(struct storage *s, const struct job *job)
{
    for (unsigned i = 0; i < job->n_moved; i++) {
        const struct slot_move *m = &job->moves.move[i];

        mark_unsynced(s, UNSYNCED_WRITTEN, m->to,
                      geometry_piece_size(metainfo_geometry(s->store.meta), m->piece),
                      m->to != m->piece);
    }
    for (uint32_t i = 0; i < job->n_ranges && !job->head.error; i++)
        if (job->ranges[i].extent.file != STORE_PADDING)
            s->unsynced[job->ranges[i].extent.file] |= UNSYNCED_WRITTEN;
}

static void finish_write(struct storage *s, struct job *job)
{
    struct partial *p = s->partials[job->piece];

    mark_written(s, job);
    finish_moves(s, job);
    for (uint32_t i = 0; i < job->n_blocks; i++) {
        uint32_t block = job->first_block + i;

        if (!(job->blocks >> i & 1))
            continue;
        bit_clear(p->writing, block);
        if (job->head.error)
            continue;
        bit_set(p->on_disk, block);
        p->from[block] = job->from;
        p->n_stored++;
    }
    if (p->n_stored == p->n_blocks && p->state == PARTIAL_OPEN)
        queue_for_hash(s, p);
}

/* --- hashing --------------------------------------------------------------------------------- */

uint32_t storage_n_unhashed(const struct storage *s)
{
    return s->n_unhashed;
}

/* A lane for PIECE as it lies in SLOT; SLOT_NONE: for whatever piece lies there as a guest. */
static int add_lane(struct job *job, uint32_t piece, uint32_t slot, const uint8_t *expected)
{
    struct job_lane *lane = &job->lanes[job->n_lanes];
    int r;

    *lane = (struct job_lane){
        .piece = piece, .slot = slot, .first_range = job->n_ranges, .expected = expected};
    r = job_add_ranges(job, (uint64_t)slot * job->store->piece_length, job->lane_size,
                       slot != piece, NULL, FILE_READ);
    if (r)
        return r;
    lane->n_ranges = job->n_ranges - lane->first_range;
    job->n_lanes++;
    return 0;
}

int storage_prepare_hash(struct storage *s, unsigned max, struct disk_job **jobp)
{
    struct partial **at = &s->unhashed_first, *last = NULL, *p;
    struct job *job;
    int r = 0;

    *jobp = NULL;
    if (!s->n_unhashed)
        return 0;
    if (must_wait(s))
        return STORAGE_BUSY;
    job = job_new(s, DISK_HASH);
    job->lane_size =
        geometry_piece_size(metainfo_geometry(s->store.meta), s->unhashed_first->piece);
    while ((p = *at)) {
        struct job_lane *lane = &job->lanes[job->n_lanes];

        if (r || job->n_lanes == max ||
            geometry_piece_size(metainfo_geometry(s->store.meta), p->piece) != job->lane_size) {
            last = p;
            at = &p->next;
            continue;
        }
        r = add_lane(job, p->piece, storage_slot_of(s, p->piece),
                     metainfo_piece_hash(s->store.meta, p->piece));
        if (r)
            continue;
        lane->digest_if_bad = !blame_find_single(p->from, p->n_blocks);
        lane->digest_if_good = blame_has(&s->blame, p->piece);
        p->state = PARTIAL_HASHING;
        *at = p->next;
        s->n_unhashed--;
    }
    s->unhashed_last = last;
    if (!job->n_lanes) {
        job_free(job);
        return r;
    }
    *jobp = &job->head;
    return 0;
}

static void add_guilty(void *arg, uint32_t piece, const struct addr *who)
{
    storage_add_event(arg, STORAGE_GUILTY, piece, who);
}

static void finish_bad_piece(struct storage *s, struct job_lane *lane)
{
    struct partial *p = s->partials[lane->piece];
    const struct addr *single = blame_find_single(p->from, p->n_blocks);

    if (lane->result == LANE_BAD) {
        if (single)
            storage_add_event(s, STORAGE_GUILTY, lane->piece, single);
        else if (lane->digests)
            blame_add(&s->blame, lane->piece, p->from, (const uint8_t(*)[SHA1_SIZE])lane->digests,
                      p->n_blocks);
    }
    storage_drop_partial(s, lane->piece);
    storage_add_event(s, STORAGE_FAILED, lane->piece, NULL);
}

static void finish_hash(struct storage *s, struct job *job)
{
    for (unsigned i = 0; i < job->n_lanes; i++) {
        struct job_lane *lane = &job->lanes[i];

        if (lane->result != LANE_GOOD) {
            finish_bad_piece(s, lane);
            continue;
        }
        storage_drop_partial(s, lane->piece);
        storage_set_verified(s, lane->piece);
        if (blame_has(&s->blame, lane->piece))
            blame_settle(&s->blame, lane->piece, (const uint8_t(*)[SHA1_SIZE])lane->digests,
                         add_guilty, s);
        if (bitfield_test(&s->have, lane->piece))
            storage_add_event(s, STORAGE_COMPLETED, lane->piece, NULL);
    }
}

/* --- checking -------------------------------------------------------------------------------- */

static int find_all_present(struct storage *s)
{
    struct file_stamp *stamps = calloc((size_t)s->store.n_files + 1, sizeof *stamps);
    int r = stamps ? storage_stat_files(&s->store, NULL, stamps) : -ENOMEM;

    if (!r)
        r = storage_find_present(s, stamps, NULL, &s->doubtful);
    free(stamps);
    return r;
}

/* Where which piece is will be known when all slots have been looked at; or, unless ANEW, all that are
 * still in doubt. */
static void begin_scan(struct storage *s, bool anew)
{
    scan_deinit(&s->scan);
    if (scan_init(&s->scan, s->store.meta))
        bitfield_clear_all(&s->doubtful); /* no memory: nothing is found */
    for (uint32_t piece = 0; !anew && s->scan.found && piece < s->store.n_pieces; piece++)
        if (bitfield_test(&s->verified, piece))
            scan_keep(&s->scan, s->slots.slot_of[piece], piece);
    bitfield_clear_all(&s->verified);
    bitfield_clear_all(&s->have);
    for (uint32_t piece = 0; piece < s->store.n_pieces; piece++)
        storage_drop_partial(s, piece);
    s->unhashed_first = s->unhashed_last = NULL;
    s->n_unhashed = 0;
}

uint32_t storage_begin_check(struct storage *s, bool all)
{
    bool anew = all && !(s->checking && s->doubtful.n_set);

    assert(s->n_jobs == 0);
    s->check_at = 0;
    s->n_checked = s->n_bad = 0;
    if (anew) {
        /* Nothing counts until it has passed. */
        bitfield_clear_all(&s->verified);
        bitfield_clear_all(&s->have);
        find_all_present(s);
        s->checking = true;
    }
    if (storage_is_compact(s) && s->doubtful.n_set)
        begin_scan(s, anew);
    return s->doubtful.n_set;
}

static int add_check_lane(struct storage *s, struct job *job, uint32_t slot)
{
    if (!storage_is_compact(s))
        return add_lane(job, slot, slot, metainfo_piece_hash(s->store.meta, slot));
    return add_lane(job, s->scan.pass == SCAN_OWN ? slot : SLOT_NONE, slot, NULL);
}

uint32_t storage_next_check_size(struct storage *s)
{
    while (s->check_at < s->store.n_pieces && !bitfield_test(&s->doubtful, s->check_at))
        s->check_at++;
    if (s->check_at >= s->store.n_pieces)
        return 0;
    return storage_is_compact(s)
               ? scan_size(&s->scan, s->check_at)
               : geometry_piece_size(metainfo_geometry(s->store.meta), s->check_at);
}

int storage_prepare_check(struct storage *s, unsigned max, struct disk_job **jobp)
{
    uint32_t size = storage_next_check_size(s);
    struct job *job;
    int r = 0;

    *jobp = NULL;
    if (!size)
        return 0;
    job = job_new(s, DISK_HASH);
    job->lane_size = size;
    job->check = true;
    for (; job->n_lanes < max && storage_next_check_size(s) == size && !r; s->check_at++)
        r = add_check_lane(s, job, s->check_at);
    if (r) {
        job_free(job);
        return r;
    }
    *jobp = &job->head;
    return 0;
}

static void mark_checked(struct storage *s, uint32_t piece, uint32_t slot)
{
    mark_unsynced(s, UNSYNCED_CHECKED, slot,
                  geometry_piece_size(metainfo_geometry(s->store.meta), piece), slot != piece);
}

static void finish_check(struct storage *s, struct job *job)
{
    for (unsigned i = 0; i < job->n_lanes; i++) {
        struct job_lane *lane = &job->lanes[i];

        /* What the disk did not give, or nobody waited for, is as doubtful as before. */
        if (lane->result == LANE_CANCELLED ||
            (lane->result == LANE_ERROR && !storage_is_compact(s)))
            continue;
        s->n_checked++;
        bitfield_clear(&s->doubtful, lane->slot);
        if (storage_is_compact(s)) {
            scan_note(&s->scan, lane->slot, lane->result == LANE_GOOD ? lane->digest : NULL);
            if (s->scan.found[lane->slot] != SLOT_NONE)
                mark_checked(s, s->scan.found[lane->slot], lane->slot);
        } else if (lane->result == LANE_GOOD) {
            storage_drop_partial(s, lane->piece);
            storage_set_verified(s, lane->piece);
            mark_checked(s, lane->piece, lane->slot);
        } else if (lane->result == LANE_BAD) {
            s->n_bad++;
        }
    }
}

/* After the last job of a pass over the slots. */
static void move_scan_on(struct storage *s)
{
    scan_next_pass(&s->scan, &s->doubtful);
    s->check_at = 0;
    if (s->scan.pass != SCAN_DONE)
        return;
    slots_load(&s->slots, s->scan.found);
    scan_deinit(&s->scan);
    for (uint32_t piece = 0; piece < s->store.n_pieces; piece++)
        if (s->slots.slot_of[piece] != SLOT_NONE)
            storage_set_verified(s, piece);
}

uint32_t storage_n_bad(const struct storage *s)
{
    return s->n_bad;
}

uint32_t storage_n_checked(const struct storage *s)
{
    return s->n_checked;
}

/* --- the end of a job ------------------------------------------------------------------------ */

int storage_prepare_open(struct storage *s, struct disk_job **jobp)
{
    *jobp = &job_new(s, DISK_OPEN)->head;
    return 0;
}

/* Whether stamps[FILE] is how FILE is when nobody else has touched it: not before resume data says what we
 * have written. */
static bool is_stamp_known(const struct storage *s, uint32_t file)
{
    return s->verified.n_set == s->store.n_pieces && !storage_is_compact(s) && !s->saving &&
           !(s->unsynced[file] & UNSYNCED_WRITTEN);
}

int storage_prepare_look(struct storage *s, struct disk_job **jobp)
{
    bool known = true;
    struct job *job;

    *jobp = NULL;
    for (uint32_t file = 0; file < s->store.n_files && known; file++)
        known = is_stamp_known(s, file);
    if (!known)
        return 0;
    job = job_new(s, DISK_LOOK);
    job->changed = JOB_FILE_NONE;
    job->stamps = malloc(((size_t)s->store.n_files + 1) * sizeof *job->stamps);
    if (!job->stamps) {
        job_free(job);
        return -ENOMEM;
    }
    memcpy(job->stamps, s->stamps, s->store.n_files * sizeof *job->stamps);
    *jobp = &job->head;
    return 0;
}

static void finish_look(struct storage *s, const struct job *job)
{
    if (job->head.error)
        return;
    s->has_trusted = false;
    if (job->changed != JOB_FILE_NONE)
        storage_add_event(s, STORAGE_CHANGED, job->changed, NULL);
}

static void finish_resume(struct storage *s, struct job *job)
{
    s->saving = false;
    s->is_saved = job->on_disk;
    memcpy(s->saved, job->digest, SHA1_SIZE);
    if (!job->head.error)
        memcpy(s->stamps, job->resume->stamps, s->store.n_files * sizeof *s->stamps);
    for (uint32_t i = 0; job->head.error && i < s->store.n_files; i++)
        s->unsynced[i] |= job->unsynced[i];
}

int storage_finish(struct disk_job *head)
{
    struct job *job = container_of(head, struct job, head);
    struct storage *s = head->storage;
    int error = head->error;

    if (error)
        s->failed_file = job->failed_file;
    if (head->kind == DISK_WRITE)
        finish_write(s, job);
    else if (head->kind == DISK_HASH)
        (job->check ? finish_check : finish_hash)(s, job);
    else if (head->kind == DISK_RESUME)
        finish_resume(s, job);
    else if (head->kind == DISK_LOOK)
        finish_look(s, job);
    job_free(job);
    s->checking &= s->doubtful.n_set > 0;
    if (s->scan.found && !s->n_jobs && !s->doubtful.n_set)
        move_scan_on(s);
    return error;
}

/* --- questions ------------------------------------------------------------------------------- */

void *storage_owner(const struct storage *s)
{
    return s->owner;
}

const struct bitfield *storage_have(const struct storage *s)
{
    return &s->have;
}

uint32_t storage_n_doubtful(const struct storage *s)
{
    return s->doubtful.n_set;
}

bool storage_has_trusted(const struct storage *s)
{
    return s->has_trusted;
}

bool storage_is_busy(const struct storage *s)
{
    return s->n_jobs > 0;
}

bool storage_has_block(const struct storage *s, uint32_t piece, uint32_t block)
{
    const struct partial *p = s->partials[piece];

    return p && bit_test(p->on_disk, block);
}

uint64_t storage_uploaded(const struct storage *s)
{
    return s->uploaded;
}

uint64_t storage_downloaded(const struct storage *s)
{
    return s->downloaded;
}

bool storage_failed_in_content(const struct storage *s)
{
    return s->failed_file != JOB_FILE_NONE;
}

const char *storage_describe_error(struct storage *s, int error, char reason[STORAGE_REASON_MAX])
{
    const char *path = s->failed_file < s->store.n_files
                           ? metainfo_file(s->store.meta, s->failed_file)->path
                           : NULL;

    snprintf(reason, STORAGE_REASON_MAX, "%s%s%s: %s", s->dir, path ? "/" : "", path ? path : "",
             strerror(error < 0 ? -error : error));
    return reason;
}

int storage_lease(struct storage *s, uint32_t file, struct open_file **handlep)
{
    int r;

    if (file >= s->store.n_files)
        return -EINVAL;
    r = handle_pool_lease(s->pool, &s->store, file, FILE_READ, handlep);
    if (r || !is_stamp_known(s, file) || storage_is_unchanged((*handlep)->fd, &s->stamps[file]))
        return r;
    handle_pool_return(s->pool, *handlep);
    storage_add_event(s, STORAGE_CHANGED, file, NULL);
    return -ESTALE;
}
