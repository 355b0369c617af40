/* SPDX-License-Identifier: MIT */
#include "conjure/base/rng.h"

#include <stdlib.h>
#include <sys/random.h>

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

void rng_seed(struct rng *rng, uint64_t seed)
{
    /* splitmix64 spreads a poor seed over the state, as the generator's authors advise. */
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        rng->s[i] = z ^ z >> 31;
    }
}

void rng_seed_from_kernel(struct rng *rng)
{
    rng_secret(rng->s, sizeof rng->s);
    rng->s[0] |= 1;
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint32_t rng_below(struct rng *rng, uint32_t bound)
{
    /* Multiply-shift: the bias is below 2^-32 for any bound we use. */
    return (uint32_t)((rng_next(rng) >> 32) * bound >> 32);
}

void rng_secret(void *bytes, size_t n)
{
    uint8_t *p = bytes;

    while (n) {
        ssize_t got = getrandom(p, n, 0);

        if (got < 0)
            abort();
        p += got;
        n -= (size_t)got;
    }
}
