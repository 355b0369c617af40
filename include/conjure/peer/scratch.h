/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_PEER_SCRATCH_H
#define CONJURE_PEER_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#include "conjure/peer/extension_handshake.h"
#include "conjure/piece/geometry.h"

/*
 * Memory for reading that sessions share: one for each peer thread, one for the Lobby. Empty
 * between two reads; the functions of session_read.h fill and empty it. One thread at a time.
 */
#define SCRATCH_AIMED_MAX   32 /* blocks that one read is aimed at: 512 KiB */
#define SCRATCH_HEADER_SIZE 13 /* what precedes a block: length, id, piece, begin */
#define SCRATCH_SIZE        (SCRATCH_AIMED_MAX * (size_t)(SCRATCH_HEADER_SIZE + BLOCK_SIZE))

struct session_scratch {
    uint8_t *bytes; /* SCRATCH_SIZE, owned; what the parser reads is bytes[at, end) */
    size_t at, end;
    char client[EXTENSION_CLIENT_MAX]; /* of the last SESSION_EXTENDED */
    unsigned n_aimed;                  /* blocks that the current plan aims at; 0: a plain read */
    struct {
        uint8_t header[SCRATCH_HEADER_SIZE];
        uint8_t from; /* bytes of the header that had arrived before this plan */
    } aimed[SCRATCH_AIMED_MAX];
};
#define SESSION_SCRATCH_EMPTY ((struct session_scratch){0})

int session_scratch_init(struct session_scratch *x);    /* 0 or -ENOMEM */
void session_scratch_deinit(struct session_scratch *x); /* safe twice */

#endif
