/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_SIPHASH_H
#define CONJURE_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * SipHash-2-4 (Aumasson, Bernstein 2012): a hash for tables whose keys a peer may choose. Without
 * the secret a peer cannot choose keys that collide. Pure; any thread.
 */
struct sip_secret {
    uint64_t k[2];
};

/* The secret of this process, from the kernel at the first call. */
const struct sip_secret *sip_secret_of_process(void);

uint64_t siphash(const struct sip_secret *secret, const void *bytes, size_t n);

#endif
