/* SPDX-License-Identifier: MIT */
/*
 * Uploads: 13 bytes of header with MSG_MORE, then sendfile straight from the page cache. FS is
 * asked once per file for a lease; no message per block, no copy in user space. A cold disk blocks
 * this thread in sendfile and nobody else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "actors/peer.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/alloc.h"

#define HEADER_SIZE 13

/* How much content is leased from Bandwidth at a time where there is a limit. */
#define QUOTA_SLICE (4 * BLOCK_SIZE)

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

static int send_failed(struct peer *p)
{
    if (errno == EAGAIN)
        return 1;
    p->reason = strerror(errno);
    return -errno;
}

/* Sends what is left of the data of the upload under way. 0 done, 1 socket full, 2 waits for a
 * lease, negative. */
static int send_data(struct peer *p)
{
    static const uint8_t zeros[4096];
    const struct metainfo *meta = p->torrent->meta;
    struct peer_work *w = p->work;
    struct session_upload *u = &w->upload;

    while (w->sent < HEADER_SIZE + u->length) {
        uint32_t done = w->sent - HEADER_SIZE;
        uint64_t at = (uint64_t)u->piece * p->torrent->geometry.piece_length + u->begin + done;
        uint32_t n_file = metainfo_file_at(meta, at);
        const struct metainfo_file *file = metainfo_file(meta, n_file);
        uint64_t left_in_file = file->offset + file->length - at;
        size_t n = u->length - done < left_in_file ? u->length - done : (size_t)left_in_file;
        ssize_t sent;

        if (file->padding) {
            sent = send(p->fd, zeros, n < sizeof zeros ? n : sizeof zeros,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
        } else {
            struct peer_lease *l = lease_of(p, n_file);
            off_t offset;

            if (!l)
                return 2;
            offset = (off_t)(l->at + (at - file->offset));
            sent = sendfile(p->fd, l->fd, &offset, n);
            if (sent == 0) {
                p->reason = "a file became shorter behind our back";
                return -EIO;
            }
        }
        if (sent < 0) {
            if (errno == EINTR)
                continue;
            return send_failed(p);
        }
        w->sent += (uint32_t)sent;
    }
    return 0;
}

static int send_header(struct peer *p)
{
    struct peer_work *w = p->work;
    uint8_t header[HEADER_SIZE];
    ssize_t sent;

    session_upload_header(&w->upload, header);
    do
        sent = send(p->fd, header + w->sent, HEADER_SIZE - w->sent,
                    MSG_MORE | MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return send_failed(p);
    w->sent += (uint32_t)sent;
    return w->sent < HEADER_SIZE;
}

/* Whether the block may go out as far as Bandwidth is concerned; asks for more when not. */
static bool have_quota(struct peer *p, uint32_t n_bytes)
{
    struct bandwidth_want_quota *m;

    if (!p->env->limit_up || p->work->quota_up >= n_bytes)
        return true;
    if (p->asked_up)
        return false;
    m = bandwidth_new_want_quota();
    m->peer = p->id;
    m->upload = true;
    m->n_bytes = n_bytes > QUOTA_SLICE ? n_bytes : QUOTA_SLICE;
    if (!peer_ask_bandwidth_want_quota(&p->inbox, p->env->bandwidth, m)) {
        msg_free(&m->msg);
        return true; /* Bandwidth has ended: so do we, soon */
    }
    p->asked_up = true;
    p->n_queries++;
    return false;
}

/* Takes the next request into w->upload. 0 taken, 2 none or not yet. */
static int next_upload(struct peer *p)
{
    struct session_upload u;

    if (p->env->limit_up && p->work->quota_up < BLOCK_SIZE && session_has_uploads(&p->session) &&
        !have_quota(p, BLOCK_SIZE))
        return 2;
    switch (session_next_upload(&p->session, &u)) {
    case SESSION_UPLOAD_READY:
        p->work->upload = u;
        p->work->sent = 0;
        return 0;
    case SESSION_UPLOAD_UNKNOWN:
        if (!p->asked_piece) {
            struct interest_have_piece *m = interest_new_have_piece();

            m->piece = u.piece;
            if (peer_ask_interest_have_piece(&p->inbox, &p->torrent->interest, m)) {
                p->asked_piece = true;
                p->n_queries++;
            } else {
                msg_free(&m->msg);
                p->we_have_all = p->session.we_have_all = true;
                return next_upload(p);
            }
        }
        return 2;
    default:
        return 2;
    }
}

int peer_serve(struct peer *p, uint64_t now)
{
    struct peer_work *w = p->work;
    int r;

    for (;;) {
        /* Control messages go between two blocks, also while a block waits for quota or lease. */
        if (!w->sent && (r = peer_flush(p, now)))
            return r;
        if (!w->upload.length && next_upload(p))
            return 0;
        if (!w->sent && !(have_quota(p, w->upload.length) && have_lease(p)))
            return 0;
        if (w->sent < HEADER_SIZE && (r = send_header(p)))
            return r;
        r = send_data(p);
        if (r == 2)
            return 0;
        if (r)
            return r;
        session_uploaded(&p->session, w->upload.length, now);
        if (p->env->limit_up)
            w->quota_up -= w->upload.length < w->quota_up ? w->upload.length : w->quota_up;
        w->upload.length = 0;
        w->sent = 0;
        w->moved_ns = now;
    }
}
