/* SPDX-License-Identifier: MIT */
#include "conjure/base/siphash.h"

#include <pthread.h>
#include <string.h>

#include "conjure/base/rng.h"

static struct sip_secret of_process;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_secret(void)
{
    rng_secret(&of_process, sizeof of_process);
}

const struct sip_secret *sip_secret_of_process(void)
{
    pthread_once(&once, make_secret);
    return &of_process;
}

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static void round_of(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static uint64_t get_le64(const uint8_t *p, size_t n)
{
    uint64_t word = 0;

    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)p[i] << 8 * i;
    return word;
}

static void take(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    round_of(v);
    round_of(v);
    v[0] ^= word;
}

uint64_t siphash(const struct sip_secret *secret, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint64_t k0 = secret->k[0], k1 = secret->k[1];
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};
    size_t left = n;

    for (; left >= 8; left -= 8, p += 8)
        take(v, get_le64(p, 8));
    take(v, (uint64_t)n << 56 | get_le64(p, left));
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        round_of(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
