/* SPDX-License-Identifier: MIT */
/*
 * Uploads. FS is asked once per file for a lease; then blocks are read into a small buffer, three
 * with their headers, and sent with one call: no message per block. A cold disk blocks this thread
 * in pread and nobody else.
 *
 * WHY NOT SENDFILE. It copies nothing, but the kernel then sends every block as a packet of its own,
 * made of five scattered parts, and pays for each packet all the way up the other side. Three blocks
 * in one piece of memory make one packet as large as they come, and a buffer of 48 KiB never leaves
 * the second level cache: both copies together cost less than a third of what the packets do. With
 * one leecher that is 0.22 against 0.6 CPU seconds for a GiB; see docs/performance.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "actors/peer/internal.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/alloc.h"

#define HEADER_SIZE PEER_BLOCK_HEADER

static void lease_return(struct peer *p, struct open_file *handle)
{
    struct fs_return_lease *m = fs_new_return_lease();

    m->handle = handle;
    fs_tell_or_drop_return_lease(p->env->fs, m);
}

void peer_leases_return(struct peer *p)
{
    for (unsigned i = 0; i < PEER_LEASES; i++) {
        struct peer_lease *l = &p->work->leases[i];

        if (l->handle)
            lease_return(p, l->handle);
        *l = (struct peer_lease){0};
    }
}

void peer_lease_home(struct peer *p, struct fs_lease_file *m)
{
    struct peer_lease *oldest;

    if (m->error) {
        /* The request cannot be answered, and BEP 3 has no word for that. */
        p->must_close = true;
        p->reason = "a file to serve from cannot be opened";
    } else if (!p->work || p->state == PEER_CLOSING) {
        lease_return(p, m->handle);
    } else {
        oldest = &p->work->leases[0];
        for (unsigned i = 1; i < PEER_LEASES; i++)
            if (p->work->leases[i].used < oldest->used)
                oldest = &p->work->leases[i];
        if (oldest->handle)
            lease_return(p, oldest->handle);
        *oldest = (struct peer_lease){.file = m->file,
                                      .handle = m->handle,
                                      .fd = m->fd,
                                      .at = m->at,
                                      .used = ++p->work->n_used};
    }
    msg_free(&m->msg);
}

/* The lease of FILE; NULL while it is on its way. */
static struct peer_lease *lease_of(struct peer *p, uint32_t file)
{
    struct fs_lease_file *m;

    for (unsigned i = 0; i < PEER_LEASES; i++) {
        struct peer_lease *l = &p->work->leases[i];

        if (l->handle && l->file == file) {
            l->used = ++p->work->n_used;
            return l;
        }
    }
    if (p->asked_lease)
        return NULL;
    m = fs_new_lease_file();
    m->storage = p->torrent->storage;
    m->file = file;
    if (peer_ask_fs_lease_file(&p->inbox, p->env->fs, m)) {
        p->asked_lease = true;
        p->n_queries++;
    } else {
        msg_free(&m->msg);
    }
    return NULL;
}

/* Whether the data of the upload under way can begin: its header is not sent before that. */
static bool have_lease(struct peer *p)
{
    const struct session_upload *u = &p->work->upload;
    uint64_t at = (uint64_t)u->piece * p->torrent->geometry.piece_length + u->begin;
    uint32_t file = metainfo_file_at(p->torrent->meta, at);

    return metainfo_file(p->torrent->meta, file)->padding || lease_of(p, file);
}

static void tell_began(struct peer *p, uint32_t piece)
{
    struct choker_began *m;

    if (!p->guided || p->work->began == piece)
        return;
    p->work->began = piece;
    m = choker_new_began();
    m->peer = p->id;
    m->piece = piece;
    choker_tell_or_drop_began(p->env->choker, m);
}

/* Asks InterestStat whether we have PIECE, or, once that has ended, looks. True: that is answered. */
static bool look_for_piece(struct peer *p, uint32_t piece)
{
    struct interest_have_piece *m;

    if (!p->session.keep_bitfield) {
        session_know_piece(&p->session, piece, !p->have || bitfield_test(p->have, piece));
        return true;
    }
    if (p->asked_piece)
        return false;
    m = interest_new_have_piece();
    m->peer = p->id;
    m->piece = piece;
    if (peer_ask_interest_have_piece(&p->inbox, &p->torrent->interest, m)) {
        p->asked_piece = true;
        p->n_queries++;
    } else {
        msg_free(&m->msg); /* Completed has come, and is read next */
    }
    return false;
}

/* Takes the next request into w->upload. 0 taken, 2 none or not yet. */
static int next_upload(struct peer *p, uint64_t now)
{
    uint32_t n = session_n_uploads(&p->session);
    enum session_upload_kind kind;
    struct session_upload u;

    if (n && peer_quota(p, DIRECTION_UP, BLOCK_SIZE, n * BLOCK_SIZE, now) < BLOCK_SIZE)
        return 2;
    while ((kind = session_next_upload(&p->session, &u)) == SESSION_UPLOAD_UNKNOWN)
        if (!look_for_piece(p, u.piece))
            return 2;
    if (kind == SESSION_UPLOAD_NONE)
        return 2;
    p->work->upload = u;
    p->work->taken = 0;
    tell_began(p, u.piece);
    return 0;
}

/*
 * COLD CONTENT. Peers of one file share its descriptor, and with it the kernel's read-ahead, which each of
 * them takes for a random reader. So the disk is asked, as soon as something was not cached, for what is
 * next in the queue of requests. What is cached costs nothing: that it was is known from the read itself.
 */
#define AHEAD (2u << 20) /* bytes, at most, between what is read and what is asked for */

/* Where what the peer has asked for ends, as far as it goes on from content AT. */
static uint64_t end_of_requests(const struct peer *p, uint64_t at)
{
    const struct session_upload *now = &p->work->upload;
    uint64_t length = p->torrent->geometry.piece_length, end, last_end = 0;
    struct session_upload last;

    end = now->piece * length + now->begin + now->length;
    if (session_last_upload(&p->session, &last))
        last_end = last.piece * length + last.begin + last.length;
    return last_end > at && last_end - at <= 2 * AHEAD ? last_end : end;
}

static void read_ahead(struct peer *p, int fd, uint64_t in_fd, const struct metainfo_file *file,
                       uint64_t at)
{
    struct peer_work *w = p->work;
    bool goes_on = at >= w->ahead_from && at < w->ahead_to;
    uint64_t from = goes_on ? w->ahead_to : at, to = end_of_requests(p, at);

    if (goes_on && w->ahead_to - at > AHEAD / 2)
        return;
    if (to > at + AHEAD)
        to = at + AHEAD;
    if (to > file->offset + file->length)
        to = file->offset + file->length;
    if (to <= from)
        return;
    posix_fadvise(fd, (off_t)(in_fd + (from - file->offset)), (off_t)(to - from),
                  POSIX_FADV_WILLNEED);
    w->ahead_from = at;
    w->ahead_to = to;
}

/* As pread, of content AT in FILE, which L is the lease of. */
static ssize_t read_content(struct peer *p, struct peer_lease *l, const struct metainfo_file *file,
                            uint64_t at, void *bytes, size_t n)
{
    struct peer_work *w = p->work;
    off_t offset = (off_t)(l->at + (at - file->offset));
    struct iovec v = {bytes, n};
    bool cold = at >= w->ahead_from && at < w->ahead_to;
    ssize_t got = -1;

    if (!l->in_memory) {
        got = preadv2(l->fd, &v, 1, offset, RWF_NOWAIT);
        l->in_memory = got < 0 && errno == EOPNOTSUPP;
        if (!l->in_memory && (got <= 0 || cold))
            read_ahead(p, l->fd, l->at, file, at);
        if (got >= 0 || (errno != EINTR && errno != EAGAIN && errno != EOPNOTSUPP))
            return got;
    }
    do
        got = pread(l->fd, bytes, n, offset);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Reads from one file what fits of the upload under way. 0, 2 waits for a lease, negative. */
static int read_data(struct peer *p)
{
    const struct metainfo *meta = p->torrent->meta;
    struct peer_work *w = p->work;
    struct peer_batch *b = w->batch;
    uint32_t done = w->taken - HEADER_SIZE;
    uint64_t at =
        (uint64_t)w->upload.piece * p->torrent->geometry.piece_length + w->upload.begin + done;
    uint32_t n_file = metainfo_file_at(meta, at);
    const struct metainfo_file *file = metainfo_file(meta, n_file);
    uint64_t left_in_file = file->offset + file->length - at;
    size_t n = w->upload.length - done;
    struct peer_lease *l;
    ssize_t got;

    if (n > left_in_file)
        n = (size_t)left_in_file;
    if (n > sizeof b->bytes - b->end)
        n = sizeof b->bytes - b->end;
    if (file->padding) {
        memset(b->bytes + b->end, 0, n);
        got = (ssize_t)n;
    } else if (!(l = lease_of(p, n_file))) {
        return 2;
    } else {
        got = read_content(p, l, file, at, b->bytes + b->end, n);
        if (got <= 0) {
            p->reason = got ? strerror(errno) : "a file became shorter behind our back";
            return got ? -errno : -EIO;
        }
    }
    b->end += (uint32_t)got;
    w->taken += (uint32_t)got;
    return 0;
}

/* Puts blocks into the empty batch until it is full or nothing more can go now. 0 or negative. */
static int fill_batch(struct peer *p, uint64_t now)
{
    struct peer_work *w = p->work;
    struct peer_batch *b = w->batch;

    while (b->end < sizeof b->bytes) {
        int r;

        if (!w->upload.length && next_upload(p, now))
            break;
        /* A longer block than usual goes in parts, but begins a batch. */
        if (!w->taken && b->end && b->end + HEADER_SIZE + w->upload.length > sizeof b->bytes)
            break;
        if (!w->taken) {
            uint32_t n = w->upload.length;

            if (peer_quota(p, DIRECTION_UP, n, n, now) < n || !have_lease(p))
                break;
            peer_quota_use(p, DIRECTION_UP, n);
            session_upload_header(&w->upload, b->bytes + b->end);
            b->end += HEADER_SIZE;
            w->taken = HEADER_SIZE;
        }
        r = read_data(p);
        if (r == 2)
            break;
        if (r)
            return r;
        if (w->taken == HEADER_SIZE + w->upload.length) {
            b->n_content += w->upload.length;
            w->upload.length = w->taken = 0;
        }
    }
    return 0;
}

/* 0 all is out, 1 the socket is full, negative. */
static int send_batch(struct peer *p, uint64_t now)
{
    struct peer_batch *b = p->work->batch;

    while (b->at < b->end) {
        size_t sent;
        int r = stream_send(&p->stream, b->bytes + b->at, b->end - b->at, &sent);

        if (r == STREAM_AGAIN)
            return 1;
        if (r) {
            p->reason = strerror(-r);
            return r;
        }
        b->at += (uint32_t)sent;
        p->work->moved_ns = now;
    }
    session_uploaded(&p->session, b->n_content, now);
    b->at = b->end = b->n_content = 0;
    return 0;
}

bool peer_is_sending(const struct peer *p)
{
    const struct peer_work *w = p->work;

    return w->upload.length || (w->batch && w->batch->end);
}

int peer_serve(struct peer *p, uint64_t now)
{
    struct peer_work *w = p->work;
    int r;

    for (;;) {
        if (w->batch && w->batch->end && (r = send_batch(p, now)))
            return r;
        /* Control messages go between two blocks, also while a block waits for quota or lease. */
        if (!w->taken && (r = peer_flush(p, now)))
            return r;
        if (!w->batch) {
            if (!session_has_uploads(&p->session))
                return 0;
            w->batch = malloc(sizeof *w->batch);
            if (!w->batch) {
                p->reason = "out of memory";
                return -ENOMEM;
            }
            w->batch->at = w->batch->end = w->batch->n_content = 0;
        }
        if ((r = fill_batch(p, now)))
            return r;
        if (!w->batch->end)
            return 0;
    }
}
