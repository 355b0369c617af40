/* SPDX-License-Identifier: MIT */
/*
 * What is on disk already. Resume data is believed for pieces whose files have the size and the
 * mtime that it names; pieces that touch another file are doubtful as far as they can be there at
 * all, whether claimed or not: so what was written after the last save is found again. A download
 * that was killed has newer mtimes, and all that costs is hashing.
 *
 * TRUST. A daemon has thousands of torrents, and their files' inodes may lie anywhere on a disk that
 * has just been mounted. So it opens a torrent that was complete on the word of the resume data, after a
 * look at one file, which tells whether the disk is there at all; and looks at the other files soon, one
 * torrent after another (DISK_LOOK). If one of them has changed, the torrent is opened again, and then
 * every file is looked at first.
 *
 * Holes. A piece that lies in holes altogether was never written, and is not read either, unless it
 * is one of all zeros.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conjure/base/log.h"
#include "conjure/fs/io.h"
#include "fs/resume.h"
#include "fs/storage_struct.h"

static struct file_stamp stamp_of(const struct stat *st)
{
    return (struct file_stamp){true, (uint64_t)st->st_size,
                               (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec};
}

static int stat_file(const struct store *store, uint32_t file, struct file_stamp *stamp)
{
    char buffer[STORE_PATH_MAX];
    struct stat st;

    *stamp = (struct file_stamp){0};
    if (fstatat(store->dir_fd, store_path(store, file, buffer), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    if (S_ISREG(st.st_mode))
        *stamp = stamp_of(&st);
    return 0;
}

int storage_stat_files(const struct store *store, const uint8_t *unsynced,
                       struct file_stamp *stamps)
{
    int r = 0;

    for (uint32_t file = 0; file < store->n_files && !r; file++)
        if (!unsynced || unsynced[file] & UNSYNCED_WRITTEN)
            r = stat_file(store, file, &stamps[file]);
    return r;
}

static bool stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->exists == b->exists && a->size == b->size && a->mtime_ns == b->mtime_ns;
}

bool storage_is_unchanged(int fd, const struct file_stamp *stamp)
{
    struct file_stamp now;
    struct stat st;

    if (fstat(fd, &st))
        return false;
    now = stamp_of(&st);
    return stamp_equal(&now, stamp);
}

void job_run_look(struct job *job)
{
    struct file_stamp now;

    for (uint32_t file = 0; file < job->store->n_files; file++) {
        job->head.error = stat_file(job->store, file, &now);
        if (job->head.error)
            job->failed_file = file;
        else if (!stamp_equal(&now, &job->stamps[file]))
            job->changed = file;
        if (job->head.error || job->changed != JOB_FILE_NONE)
            return;
    }
}

/* Sets or clears the pieces that touch content [from, to). */
static void mark(struct bitfield *pieces, const struct store *store, uint64_t from, uint64_t to,
                 bool value)
{
    if (from >= to)
        return;
    for (uint64_t piece = from / store->piece_length; piece <= (to - 1) / store->piece_length;
         piece++) {
        if (value)
            bitfield_set(pieces, (uint32_t)piece);
        else
            bitfield_clear(pieces, (uint32_t)piece);
    }
}

/* Sets the pieces that hold a byte of data of FILE, as far as its first SIZE bytes go. */
static int mark_data(struct bitfield *pieces, const struct store *store, uint32_t file,
                     uint64_t size)
{
    const struct metainfo_file *f = metainfo_file(store->meta, file);
    uint64_t at = 0, end;
    int fd, r = store_open_file(store, file, FILE_READ, &fd);

    if (r == FILE_MISSING || r == -ELOOP || r == -ENOTDIR)
        return 0;
    if (r)
        return r;
    while (at < size) {
        off_t data = lseek(fd, (off_t)at, SEEK_DATA), hole;

        if (data < 0 && errno == ENXIO)
            break;
        if (data < 0) { /* not on this file system: all may be data */
            mark(pieces, store, f->offset + at, f->offset + size, true);
            break;
        }
        hole = lseek(fd, data, SEEK_HOLE);
        end = hole < 0 || (uint64_t)hole > size ? size : (uint64_t)hole;
        mark(pieces, store, f->offset + (uint64_t)data, f->offset + end, true);
        /* The rest of that piece is decided, so small neighbouring extents cost nothing. */
        at = (f->offset + end + store->piece_length - 1) / store->piece_length *
                 store->piece_length -
             f->offset;
    }
    io_close(fd);
    return 0;
}

static void hash_zeros(uint32_t size, uint8_t digest[SHA1_SIZE])
{
    static const uint8_t zeros[64 * 1024];
    const uint8_t *lane = zeros;
    struct sha1_streams x = SHA1_STREAMS_EMPTY;

    sha1_streams_init(&x, 1);
    for (; size > sizeof zeros; size -= (uint32_t)sizeof zeros)
        sha1_streams_update(&x, &lane, 1, sizeof zeros);
    sha1_streams_finish(&x, &lane, 1, size, (uint8_t(*)[SHA1_SIZE])digest);
    sha1_streams_deinit(&x);
}

/* Pieces that are there by size but hold no data stay only if zeros are what they should hold. */
static void drop_holes(const struct store *store, const struct bitfield *data,
                       struct bitfield *present)
{
    uint8_t digest[SHA1_SIZE];
    uint32_t hashed_size = 0;

    for (uint32_t piece = 0; piece < store->n_pieces; piece++) {
        uint32_t size = geometry_piece_size(metainfo_geometry(store->meta), piece);

        if (!bitfield_test(present, piece) || bitfield_test(data, piece))
            continue;
        if (size != hashed_size) {
            hash_zeros(size, digest);
            hashed_size = size;
        }
        if (memcmp(digest, metainfo_piece_hash(store->meta, piece), SHA1_SIZE))
            bitfield_clear(present, piece);
    }
}

/* Compact: anything of it on disk, or nothing of it ever to be there. */
static bool slot_may_hold_piece(const struct store *store, const struct file_stamp *stamps,
                                uint32_t slot)
{
    uint64_t at = (uint64_t)slot * store->piece_length,
             end = at + geometry_piece_size(metainfo_geometry(store->meta), slot);
    bool only_padding = true;
    struct extent e;

    while (store_next_extent(store, &at, end, true, &e)) {
        if (stamps[e.file].exists && stamps[e.file].size > e.offset)
            return true;
        only_padding &= metainfo_file(store->meta, e.file)->padding;
    }
    return only_padding;
}

/* Whether a piece of ASKED holds a byte of file F. */
static bool is_asked(const struct store *store, const struct metainfo_file *f,
                     const struct bitfield *asked)
{
    if (!asked || !f->length)
        return !asked;
    for (uint64_t piece = f->offset / store->piece_length;
         piece <= (f->offset + f->length - 1) / store->piece_length; piece++)
        if (bitfield_test(asked, (uint32_t)piece))
            return true;
    return false;
}

int storage_find_present(struct storage *s, const struct file_stamp *stamps,
                         const struct bitfield *asked, struct bitfield *present)
{
    const struct store *store = &s->store;
    struct bitfield data;
    int r = 0;

    if (storage_is_compact(s)) {
        bitfield_clear_all(present);
        for (uint32_t slot = 0; slot < store->n_pieces; slot++)
            if (slot_may_hold_piece(store, stamps, slot))
                bitfield_set(present, slot);
        return 0;
    }
    r = bitfield_init(&data, store->n_pieces);
    if (r)
        return r;
    bitfield_set_all(present);
    for (uint32_t file = 0; file < store->n_files && !r; file++) {
        const struct metainfo_file *f = metainfo_file(store->meta, file);
        uint64_t size = stamps[file].exists ? stamps[file].size : 0;

        if (f->padding || !is_asked(store, f, asked))
            continue;
        if (size > f->length)
            size = f->length;
        mark(present, store, f->offset + size, f->offset + f->length, false);
        if (size)
            r = mark_data(&data, store, file, size);
    }
    if (!r)
        drop_holes(store, &data, present);
    bitfield_deinit(&data);
    return r;
}

/* --- resume data ----------------------------------------------------------------------------- */

static void set_aside(struct storage *s)
{
    size_t size = strlen(s->resume_path) + sizeof ".corrupt";
    char *aside = malloc(size);

    if (!aside)
        return;
    snprintf(aside, size, "%s.corrupt", s->resume_path);
    log_warning("fs", "%s: no resume data of this torrent; set aside as %s", s->resume_path, aside);
    rename(s->resume_path, aside);
    free(aside);
}

static int load_resume(struct storage *s, struct resume **resumep)
{
    uint8_t *bytes;
    size_t n;
    int r;

    *resumep = NULL;
    if (!s->resume_path)
        return 0;
    r = io_read_file(s->resume_path, RESUME_FILE_MAX, &bytes, &n);
    if (r == -ENOENT)
        return 0;
    if (r == 0) {
        r = resume_decode(bytes, n, s->store.meta, resumep);
        s->is_saved = !r;
        sha1(bytes, n, s->saved);
        free(bytes);
    }
    if (r == -ENOMEM)
        return r;
    if (r)
        set_aside(s);
    return 0;
}

/* Blocks of pieces that are not verified. They are only ever claimed here, and the piece's hash has
 * the last word, so they are worth believing after a crash too. */
static int take_partials(struct storage *s, const struct resume *resume)
{
    for (uint32_t i = 0; i < resume->n_partials; i++) {
        const struct resume_partial *from = &resume->partials[i];
        struct partial *p;

        if (bitfield_test(&s->verified, from->piece))
            continue;
        if (storage_is_compact(s) && s->slots.slot_of[from->piece] == SLOT_NONE)
            continue;
        p = storage_add_partial(s, from->piece);
        if (!p)
            return -ENOMEM;
        for (uint32_t block = 0; block < p->n_blocks; block++)
            if (bit_test(from->blocks, block)) {
                bit_set(p->on_disk, block);
                p->n_stored++;
            }
    }
    return 0;
}

/* Full pieces without a verdict are not partial: they are hashed by the check. */
static void give_up_full_partials(struct storage *s)
{
    for (uint32_t piece = 0; piece < s->store.n_pieces; piece++) {
        struct partial *p = s->partials[piece];

        if (p && p->n_stored == p->n_blocks)
            storage_drop_partial(s, piece);
    }
}

/* Sets the pieces that touch a file which is not as the resume data says, and those that a check had
 * left. */
static void find_touched(const struct storage *s, const struct resume *resume,
                         struct bitfield *touched)
{
    for (uint32_t piece = 0; resume && resume->doubtful.n_set && piece < s->store.n_pieces; piece++)
        if (bitfield_test(&resume->doubtful, piece))
            bitfield_set(touched, piece);
    for (uint32_t file = 0; file < s->store.n_files; file++) {
        const struct metainfo_file *f = metainfo_file(s->store.meta, file);

        /* No file can vouch for itself by being gone as it was then. */
        if (!resume || resume->parts[file] != store_is_part(&s->store, file) ||
            (!s->stamps[file].exists && !f->padding) ||
            !stamp_equal(&resume->stamps[file], &s->stamps[file]))
            mark(touched, &s->store, f->offset, f->offset + f->length, true);
    }
}

static int judge(struct storage *s, const struct resume *resume)
{
    struct bitfield touched, present = BITFIELD_EMPTY;
    int r = bitfield_init(&touched, s->store.n_pieces);

    if (!r)
        find_touched(s, resume, &touched);
    if (!r && touched.n_set) /* else no file is opened: that is what makes a start fast */
        r = bitfield_init(&present, s->store.n_pieces);
    if (!r && touched.n_set)
        r = storage_find_present(s, s->stamps, &touched, &present);
    if (r)
        goto out;
    for (uint32_t piece = 0; piece < s->store.n_pieces; piece++) {
        if (bitfield_test(&touched, piece)) {
            if (bitfield_test(&present, piece))
                bitfield_set(&s->doubtful, piece);
        } else if (bitfield_test(&resume->pieces, piece)) {
            storage_set_verified(s, piece);
        }
    }
    if (resume)
        r = take_partials(s, resume);
out:
    bitfield_deinit(&touched);
    bitfield_deinit(&present);
    return r;
}

/* Compact: either all is as it was left in peace, with slots that a scan had left, or every slot is
 * looked at. */
static int judge_slots(struct storage *s, const struct resume *resume)
{
    bool clean = resume && resume->clean && resume->slots;

    for (uint32_t file = 0; clean && file < s->store.n_files; file++)
        clean = resume->parts[file] == store_is_part(&s->store, file) &&
                stamp_equal(&resume->stamps[file], &s->stamps[file]);
    if (!clean)
        return storage_find_present(s, s->stamps, NULL, &s->doubtful);
    slots_load(&s->slots, resume->slots);
    for (uint32_t piece = 0; piece < s->store.n_pieces; piece++)
        if (bitfield_test(&resume->pieces, piece) && s->slots.slot_of[piece] != SLOT_NONE)
            storage_set_verified(s, piece);
    for (uint32_t slot = 0; slot < s->store.n_pieces; slot++)
        if (bitfield_test(&resume->doubtful, slot))
            bitfield_set(&s->doubtful, slot);
    return take_partials(s, resume);
}

/* A file that was there, when none of those is; JOB_FILE_NONE when one is, or nothing was. */
static uint32_t find_lost_file(const struct storage *s, const struct resume *resume)
{
    uint32_t lost = JOB_FILE_NONE;

    for (uint32_t file = 0; file < s->store.n_files; file++) {
        if (!resume->stamps[file].exists || !resume->stamps[file].size)
            continue;
        if (s->stamps[file].exists)
            return JOB_FILE_NONE;
        if (lost == JOB_FILE_NONE)
            lost = file;
    }
    return resume->pieces.n_set ? lost : JOB_FILE_NONE;
}

/* --- room and empty files -------------------------------------------------------------------- */

static int make_file(struct job *job, uint32_t file, uint64_t length)
{
    int fd, r = store_open_file(job->store, file, FILE_WRITE, &fd);

    if (!r) {
        r = io_reserve(fd, length);
        io_close(fd);
    }
    if (r)
        job->failed_file = file;
    return r;
}

/* *MADEP: whether anything changed on disk. */
static int make_files(struct storage *s, struct job *job, bool *madep)
{
    for (uint32_t file = 0; file < s->store.n_files; file++) {
        const struct metainfo_file *f = metainfo_file(s->store.meta, file);
        const struct file_stamp *stamp = &s->stamps[file];
        int r = 0;

        if (store_is_part(&s->store, file))
            continue;
        if (f->length ? s->store.allocation != ALLOCATION_FULL ||
                            (stamp->exists && stamp->size >= f->length)
                      : stamp->exists)
            continue;
        *madep = true;
        r = make_file(job, file, f->length);
        if (r)
            return r;
    }
    return 0;
}

/* See TRUST. */
static bool may_be_trusted(const struct storage *s, const struct resume *resume)
{
    uint32_t witness = JOB_FILE_NONE;
    struct file_stamp now;

    if (!s->trusting || !resume || storage_is_compact(s) || resume->doubtful.n_set ||
        resume->pieces.n_set != s->store.n_pieces)
        return false;
    for (uint32_t file = 0; file < s->store.n_files; file++) {
        if (resume->parts[file] != store_is_part(&s->store, file))
            return false;
        if (witness == JOB_FILE_NONE && resume->stamps[file].exists && resume->stamps[file].size)
            witness = file;
    }
    return witness != JOB_FILE_NONE && !stat_file(&s->store, witness, &now) &&
           stamp_equal(&now, &resume->stamps[witness]);
}

static int find_stamps(struct storage *s, const struct resume *resume)
{
    s->has_trusted = may_be_trusted(s, resume);
    if (!s->has_trusted)
        return storage_stat_files(&s->store, NULL, s->stamps);
    memcpy(s->stamps, resume->stamps, s->store.n_files * sizeof *s->stamps);
    return 0;
}

void job_run_open(struct job *job)
{
    struct storage *s = job->head.storage; /* nobody else has it yet */
    struct resume *resume = NULL;
    bool made = false;
    int r = load_resume(s, &resume);

    store_clean_parts(&s->store);
    if (!r)
        r = find_stamps(s, resume);
    if (!r && s->refuse_lost && resume) {
        job->failed_file = find_lost_file(s, resume);
        r = job->failed_file == JOB_FILE_NONE ? 0 : -ENOENT;
    }
    if (!r)
        r = (storage_is_compact(s) ? judge_slots : judge)(s, resume);
    if (!r) {
        give_up_full_partials(s);
        if (resume) {
            s->uploaded = resume->uploaded;
            s->downloaded = resume->downloaded;
            s->checking = resume->checking && s->doubtful.n_set;
        }
        r = make_files(s, job, &made);
    }
    if (!r && made)
        r = storage_stat_files(&s->store, NULL, s->stamps);
    resume_free(resume);
    job->head.error = r;
}
