/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_PEER_SERVE_H
#define CONJURE_SRC_ACTORS_PEER_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/peer/session.h"

struct peer;

/* The block that is being sent, and the buffer that it is sent from. */
struct peer_upload {
    struct session_upload block; /* taken off the queue, not whole in a batch yet; length 0: none */
    uint32_t n_taken;            /* bytes of its header and data that are, or were, in a batch */
    struct peer_batch *batch;    /* NULL before the first upload */
    uint64_t ahead_from, ahead_to; /* prefetched content; 0, 0: none */
};

/* Serves requests as far as the stream accepts data. 0: nothing more can be sent now; PEER_FULL;
 * or negative, and p->reason says why. Only with p->work, as the next two. */
int peer_serve(struct peer *p, uint64_t now);
/* Whether a block is partly sent, or taken off the queue to be sent. */
bool peer_is_sending(const struct peer *p);
/* Whether the far end has not read for minutes, although blocks are being sent to it. */
bool peer_is_stuck(const struct peer *p, uint64_t now);

void peer_upload_end(struct peer_upload *u);

#endif
