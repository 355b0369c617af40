/* SPDX-License-Identifier: MIT */
/*
 * Uploads. Blocks are read from leased files into a small buffer, three with their headers, and
 * sent with one call: no message per block. A cold disk blocks only this thread, in pread.
 *
 * WHY NOT SENDFILE. It copies nothing, but the kernel then sends every block as a packet of its
 * own, made of five scattered parts, and each packet costs time up to the receiver. Three blocks
 * in one piece of memory make one packet of the largest size, and a buffer of 48 KiB never
 * leaves the second level cache: both copies together cost less than a third of what the packets
 * do. With one leecher that is 0.22 against 0.6 CPU seconds for a GiB; see docs/performance.md.
 *
 * COLD CONTENT. Peers that are served from one file share its descriptor, and with it the kernel's
 * read-ahead, to which each of them looks like a random reader. So after a read that was not
 * cached, the content of the next queued requests is prefetched. Cached content costs nothing: the
 * read itself (RWF_NOWAIT) reports whether it was cached.
 */
#include "actors/peer/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "actors/peer/internal.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/clock.h"

#define HEADER_SIZE 13
#define AHEAD       (2u << 20)       /* bytes that are prefetched, at most */
#define STUCK_NS    (250 * NS_PER_S) /* without a byte that the far end accepts */

/* Blocks to send, with their headers: as many as the largest packet (64 KiB) takes whole. */
struct peer_batch {
    uint32_t at, end;   /* not sent yet: bytes[at, end) */
    uint32_t n_content; /* without headers */
    uint8_t bytes[3 * (HEADER_SIZE + BLOCK_SIZE)];
};

void peer_upload_end(struct peer_upload *u)
{
    free(u->batch);
    u->batch = NULL;
}

bool peer_is_sending(const struct peer *p)
{
    const struct peer_upload *u = &p->work->upload;

    return u->block.length || (u->batch && u->batch->end);
}

bool peer_is_stuck(const struct peer *p, uint64_t now)
{
    const struct peer_batch *b = p->work->upload.batch;

    return b && b->end && now - p->work->moved_ns > STUCK_NS;
}

/* --- the next block ----------------------------------------------------------------------- */

/* Tells the session whether we have PIECE, or asks InterestStat. True: the session knows now. */
static bool look_up_piece(struct peer *p, uint32_t piece)
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
        msg_free(&m->msg); /* InterestStat has ended: Completed is in the inbox */
    }
    return false;
}

/* Takes the next request off the queue. False when there is none, or it must wait. */
static bool take_block(struct peer *p, uint64_t now)
{
    struct peer_upload *u = &p->work->upload;
    uint32_t n = session_n_uploads(&p->session);
    enum session_upload_kind kind;
    struct session_upload block;

    if (n && peer_quota_get(p, DIRECTION_UP, BLOCK_SIZE, n * BLOCK_SIZE, now) < BLOCK_SIZE)
        return false;
    while ((kind = session_next_upload(&p->session, &block)) == SESSION_UPLOAD_UNKNOWN)
        if (!look_up_piece(p, block.piece))
            return false;
    if (kind == SESSION_UPLOAD_NONE)
        return false;
    u->block = block;
    u->n_taken = 0;
    peer_report_began(p, block.piece);
    return true;
}

/* Where the block that is being sent begins in the content. */
static uint64_t block_start(const struct peer *p)
{
    const struct session_upload *b = &p->work->upload.block;

    return (uint64_t)b->piece * p->torrent->geometry.piece_length + b->begin;
}

/* Whether the data of the block can be read: its header is not sent before that. */
static bool have_lease(struct peer *p)
{
    uint32_t file = metainfo_file_at(p->torrent->meta, block_start(p));

    return metainfo_file(p->torrent->meta, file)->padding || peer_lease_get(p, file);
}

/* --- content ------------------------------------------------------------------------------ */

/* The end of the content that is requested without a gap from AT on, judged by the last request in
 * the queue. */
static uint64_t end_of_requests(const struct peer *p, uint64_t at)
{
    struct session_upload last;
    uint64_t end;

    if (session_last_upload(&p->session, &last)) {
        end = (uint64_t)last.piece * p->torrent->geometry.piece_length + last.begin + last.length;
        if (end > at && end - at <= 2 * AHEAD)
            return end;
    }
    return block_start(p) + p->work->upload.block.length;
}

static void read_ahead(struct peer *p, const struct peer_lease *l, const struct metainfo_file *file,
                       uint64_t at)
{
    struct peer_upload *u = &p->work->upload;
    bool continues = at >= u->ahead_from && at < u->ahead_to;
    uint64_t from = continues ? u->ahead_to : at, to = end_of_requests(p, at);

    if (continues && u->ahead_to - at > AHEAD / 2)
        return;
    if (to > at + AHEAD)
        to = at + AHEAD;
    if (to > file->offset + file->length)
        to = file->offset + file->length;
    if (to <= from)
        return;
    posix_fadvise(l->fd, (off_t)(from - file->offset), (off_t)(to - from), POSIX_FADV_WILLNEED);
    u->ahead_from = at;
    u->ahead_to = to;
}

/* As pread, from content AT on, which is in FILE; L is the lease of FILE. */
static ssize_t read_content(struct peer *p, struct peer_lease *l, const struct metainfo_file *file,
                            uint64_t at, void *bytes, size_t n)
{
    const struct peer_upload *u = &p->work->upload;
    off_t offset = (off_t)(at - file->offset);
    struct iovec v = {bytes, n};
    bool cold = at >= u->ahead_from && at < u->ahead_to;
    ssize_t got = -1;

    if (!l->in_memory) {
        got = preadv2(l->fd, &v, 1, offset, RWF_NOWAIT);
        l->in_memory = got < 0 && errno == EOPNOTSUPP;
        if (!l->in_memory && (got <= 0 || cold))
            read_ahead(p, l, file, at);
        if (got >= 0 || (errno != EINTR && errno != EAGAIN && errno != EOPNOTSUPP))
            return got;
    }
    do
        got = pread(l->fd, bytes, n, offset);
    while (got < 0 && errno == EINTR);
    return got;
}

/* --- the batch ---------------------------------------------------------------------------- */

enum {
    LEASE_PENDING = 1, /* for read_data */
};

/* Reads as much of the block as one file has and the batch has room for. 0, LEASE_PENDING or
 * negative. */
static int read_data(struct peer *p)
{
    const struct metainfo *meta = p->torrent->meta;
    struct peer_upload *u = &p->work->upload;
    struct peer_batch *b = u->batch;
    uint32_t done = u->n_taken - HEADER_SIZE;
    uint64_t at = block_start(p) + done;
    uint32_t n_file = metainfo_file_at(meta, at);
    const struct metainfo_file *file = metainfo_file(meta, n_file);
    uint64_t left_in_file = file->offset + file->length - at;
    size_t n = u->block.length - done;
    struct peer_lease *l;
    ssize_t got;

    if (n > left_in_file)
        n = (size_t)left_in_file;
    if (n > sizeof b->bytes - b->end)
        n = sizeof b->bytes - b->end;
    if (file->padding) {
        memset(b->bytes + b->end, 0, n);
        got = (ssize_t)n;
    } else if (!(l = peer_lease_get(p, n_file))) {
        return LEASE_PENDING;
    } else {
        got = read_content(p, l, file, at, b->bytes + b->end, n);
        if (got <= 0) {
            p->reason = got ? strerror(errno) : "a file to serve from became shorter";
            l->error = got ? -errno : -ESTALE;
            return l->error;
        }
    }
    b->end += (uint32_t)got;
    u->n_taken += (uint32_t)got;
    return 0;
}

/* Puts the header of the block into the batch. False when the block must wait. */
static bool begin_block(struct peer *p, uint64_t now)
{
    struct peer_upload *u = &p->work->upload;
    uint32_t n = u->block.length;

    if (peer_quota_get(p, DIRECTION_UP, n, n, now) < n || !have_lease(p))
        return false;
    peer_quota_use(p, DIRECTION_UP, n);
    session_upload_header(&u->block, u->batch->bytes + u->batch->end);
    u->batch->end += HEADER_SIZE;
    u->n_taken = HEADER_SIZE;
    return true;
}

/* Puts blocks into the empty batch until it is full or no other can be sent now. 0 or negative. */
static int fill_batch(struct peer *p, uint64_t now)
{
    struct peer_upload *u = &p->work->upload;
    struct peer_batch *b = u->batch;

    while (b->end < sizeof b->bytes) {
        int r;

        if (!u->block.length && !take_block(p, now))
            break;
        /* A longer block than usual is sent in parts, but begins a batch. */
        if (!u->n_taken && b->end && b->end + HEADER_SIZE + u->block.length > sizeof b->bytes)
            break;
        if (!u->n_taken && !begin_block(p, now))
            break;
        r = read_data(p);
        if (r == LEASE_PENDING)
            break;
        if (r)
            return r;
        if (u->n_taken == HEADER_SIZE + u->block.length) {
            b->n_content += u->block.length;
            u->block.length = u->n_taken = 0;
        }
    }
    return 0;
}

/* 0: all of it is sent, and it is empty; PEER_FULL; or negative. */
static int send_batch(struct peer *p, uint64_t now)
{
    struct peer_batch *b = p->work->upload.batch;

    while (b->at < b->end) {
        size_t n_sent;
        int r = stream_send(&p->stream, b->bytes + b->at, b->end - b->at, &n_sent);

        if (r == STREAM_AGAIN)
            return PEER_FULL;
        if (r) {
            p->reason = strerror(-r);
            return r;
        }
        b->at += (uint32_t)n_sent;
        p->work->moved_ns = now;
    }
    session_uploaded(&p->session, b->n_content, now);
    b->at = b->end = b->n_content = 0;
    return 0;
}

int peer_serve(struct peer *p, uint64_t now)
{
    struct peer_upload *u = &p->work->upload;
    int r;

    owner_assert(&p->owner);
    for (;;) {
        if (u->batch && u->batch->end && (r = send_batch(p, now)))
            return r;
        /* Control messages go between two blocks, also while a block waits for quota or lease. */
        if (!u->n_taken && (r = peer_flush(p, now)))
            return r;
        if (!u->batch) {
            if (!session_has_uploads(&p->session))
                return 0;
            u->batch = malloc(sizeof *u->batch);
            if (!u->batch) {
                p->reason = "out of memory";
                return -ENOMEM;
            }
            u->batch->at = u->batch->end = u->batch->n_content = 0;
        }
        if ((r = fill_batch(p, now)))
            return r;
        if (!u->batch->end)
            return 0;
    }
}
