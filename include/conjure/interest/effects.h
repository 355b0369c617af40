/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_INTEREST_EFFECTS_H
#define CONJURE_INTEREST_EFFECTS_H

#include <stdint.h>

/* The results of calls to the InterestTable: see interest_table_next_effect. */

enum interest_effect_kind {
    INTEREST_BEGINS, /* the peer becomes interesting */
    INTEREST_ENDS,
    INTEREST_CANCEL, /* the peer need not fetch these blocks any more */
};

/* A message to a peer. */
struct interest_effect {
    enum interest_effect_kind kind;
    uint32_t peer;
    void *user;     /* as given when the peer joined */
    uint32_t piece; /* of INTEREST_CANCEL, with the next two */
    uint32_t first_block;
    uint64_t blocks; /* bit i is block first_block + i */
};

#endif
