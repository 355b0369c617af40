/* SPDX-License-Identifier: MIT */
/*
 * Leases: counted handles of open files, which FS does not close while they are out. FS is asked
 * for one when a block of the file is to be sent; it replaces the least recently used one.
 */
#include "actors/peer/lease.h"

#include "actors/peer/internal.h"
#include "conjure/actors/torrent.h"

/* ERROR: of reading, or 0. */
static void return_lease(struct peer *p, struct open_file *handle, int error)
{
    struct fs_return_lease *m = fs_new_return_lease();

    m->handle = handle;
    m->storage = p->torrent->storage;
    m->error = error;
    fs_tell_or_drop_return_lease(p->env->fs, m);
}

void peer_lease_return_all(struct peer *p)
{
    owner_assert(&p->owner);
    for (unsigned i = 0; i < PEER_LEASES; i++) {
        struct peer_lease *l = &p->work->leases.leases[i];

        if (l->handle)
            return_lease(p, l->handle, l->error);
        *l = (struct peer_lease){0};
    }
}

static void keep_lease(struct peer *p, const struct fs_lease_file *m)
{
    struct peer_leases *leases = &p->work->leases;
    struct peer_lease *oldest = &leases->leases[0];

    for (unsigned i = 1; i < PEER_LEASES; i++)
        if (leases->leases[i].used < oldest->used)
            oldest = &leases->leases[i];
    if (oldest->handle)
        return_lease(p, oldest->handle, oldest->error);
    *oldest = (struct peer_lease){
        .file = m->file, .handle = m->handle, .fd = m->fd, .used = ++leases->n_used};
}

void peer_lease_replied(struct peer *p, struct fs_lease_file *m)
{
    owner_assert(&p->owner);
    p->n_queries--;
    p->asked_lease = false;
    if (m->error)
        /* The request cannot be answered, and BEP 3 has no message for that. FS reports it. */
        peer_must_close(p, "a file to serve from cannot be opened");
    else if (!p->work || p->state == PEER_CLOSING)
        return_lease(p, m->handle, 0);
    else
        keep_lease(p, m);
    msg_free(&m->msg);
}

struct peer_lease *peer_lease_get(struct peer *p, uint32_t file)
{
    struct fs_lease_file *m;

    owner_assert(&p->owner);
    for (unsigned i = 0; i < PEER_LEASES; i++) {
        struct peer_lease *l = &p->work->leases.leases[i];

        if (l->handle && l->file == file) {
            l->used = ++p->work->leases.n_used;
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
