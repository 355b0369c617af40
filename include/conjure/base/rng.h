/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_RNG_H
#define CONJURE_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/*
 * A small fast generator of random numbers (xoshiro256**), a parameter of pure modules: tests seed
 * it with a constant, actors from the kernel. For secrets use rng_secret. One thread at a time;
 * rng_secret any thread.
 */
struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *rng, uint64_t seed);
void rng_seed_from_kernel(struct rng *rng);
uint64_t rng_next(struct rng *rng);

/* Uniform in [0, bound); BOUND is at least 1. */
uint32_t rng_below(struct rng *rng, uint32_t bound);

/* Fills BYTES from the kernel's generator; aborts when it is not available. */
void rng_secret(void *bytes, size_t n);

#endif
