/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_DIRECTION_H
#define CONJURE_BASE_DIRECTION_H

/* Which way content moves, seen from us. */
enum direction {
    DIRECTION_DOWN, /* from peers to us */
    DIRECTION_UP,   /* from us to peers */
    N_DIRECTIONS,
};

#endif
