/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_FAMILIES_H
#define CONJURE_TRACKER_FAMILIES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The address families over which a tracker is announced to (BEP 7). A tracker learns one address
 * of ours from an announce, so each announce that succeeded is repeated over the other family. That
 * repetition has a state of its own for each family: a family that does not work, because the
 * tracker or we have no address of it, is tried ever more rarely, and harms nothing else. Pure:
 * `now` in ns.
 */
#define FAMILY_BACK_OFF_FIRST_S 1500 /* doubled with each failure in a row */
#define FAMILY_BACK_OFF_MAX_S   86400

struct announce_family {
    bool knows_us; /* the tracker accepted `started` over it */
    uint32_t n_failures;
    uint64_t retry_at;
};

struct announce_families {
    struct announce_family four, six;
};

/* An announce over USED succeeded: the family over which it is to be repeated at NOW, or 0. USED is
 * AF_INET, AF_INET6, or 0 if it is unknown. */
uint8_t families_next(const struct announce_families *f, uint8_t used, uint64_t now);
/* The only family over which to announce at NOW, because it works and the other one has failed; or
 * 0 for any. */
uint8_t families_only(const struct announce_families *f, uint64_t now);
bool families_know_us(const struct announce_families *f, uint8_t family);
/* The outcome of an announce over FAMILY; 0 changes nothing. */
void families_succeeded(struct announce_families *f, uint8_t family);
void families_failed(struct announce_families *f, uint8_t family, uint64_t now);

#endif
