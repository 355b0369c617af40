/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_PEER_LEASE_H
#define CONJURE_SRC_ACTORS_PEER_LEASE_H

#include <stdbool.h>
#include <stdint.h>

struct fs_lease_file;
struct open_file;
struct peer;

#define PEER_LEASES 4

/* An open file to serve from, lent by FS. */
struct peer_lease {
    uint32_t file;
    struct open_file *handle; /* NULL: a free place */
    int fd;
    int error;      /* of reading from it, or 0 */
    uint64_t used;  /* the value of n_used at the last use */
    bool in_memory; /* its file system does not report whether content is cached (tmpfs) */
};

struct peer_leases {
    struct peer_lease leases[PEER_LEASES];
    uint64_t n_used;
};

/* The lease of FILE; or NULL, and FS is asked for it. Only with p->work. */
struct peer_lease *peer_lease_get(struct peer *p, uint32_t file);
/* The reply of FS. Takes M. */
void peer_lease_replied(struct peer *p, struct fs_lease_file *m);
/* Returns all leases to FS. Only with p->work. */
void peer_lease_return_all(struct peer *p);

#endif
