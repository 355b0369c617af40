/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_DIRECTION_H
#define CONJURE_BASE_DIRECTION_H

/* The direction in which content moves. */
enum direction {
    DIRECTION_DOWN, /* from peers to us */
    DIRECTION_UP,   /* from us to peers */
    N_DIRECTIONS,
};

#endif
