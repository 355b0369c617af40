/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CHOKE_SLOTS_H
#define CONJURE_CHOKE_SLOTS_H

#include <stdint.h>

/*
 * The number of upload slots: how many peers may download from us at a time. The rules are at the
 * top of slots.c. Pure: `now` in ns. One thread at a time.
 */
#define CHOKE_SLOTS_START 8 /* without a limit */
#define CHOKE_SLOTS_MIN   4
#define CHOKE_SLOTS_MAX   1024

struct choke_slots {
    uint64_t limit;      /* of uploads, bytes per second; 0: none */
    uint32_t configured; /* the number; 0: by capacity */
    uint32_t n_grown;    /* slots above the first number */
    uint32_t n_trial;    /* those of them that are on trial */
    uint32_t n_before;   /* slots, and the rate, before the trial */
    uint64_t rate_before;
    uint64_t bytes, round_ns; /* uploaded since the last round */
    uint64_t rate;            /* bytes per second of the last round */
    uint64_t hold_ns;         /* no trial before this time */
};

/* N_BYTES more were uploaded. */
static inline void choke_slots_moved(struct choke_slots *s, uint64_t n_bytes)
{
    s->bytes += n_bytes;
}
/* At the begin of a round: N_WANTED peers may have a slot. */
void choke_slots_round(struct choke_slots *s, uint32_t n_wanted, uint64_t now);
/* A new limit: the number of slots follows it at once. */
void choke_slots_set_limit(struct choke_slots *s, uint64_t limit);
uint32_t choke_slots_n(const struct choke_slots *s);

#endif
