/* SPDX-License-Identifier: MIT */
#include "conjure/choke/bucket.h"

#include "conjure/base/clock.h"

#define KEPT_PER_S         10
#define KEPT_AT_REST_PER_S 40

/* Limits the tokens to those of 1 / PER_S seconds and a chunk. */
static void cap_tokens(struct bucket *b, double per_s)
{
    double most = (double)b->rate / per_s + BUCKET_CHUNK;

    if (b->tokens > most)
        b->tokens = most;
}

void bucket_fill(struct bucket *b, uint64_t now)
{
    if (now <= b->now_ns)
        return;
    b->tokens += (double)(now - b->now_ns) / (double)NS_PER_S * (double)b->rate;
    cap_tokens(b, KEPT_PER_S);
    b->now_ns = now;
}

void bucket_rest(struct bucket *b)
{
    if (b->now_ns - b->taken_ns > NS_PER_S / KEPT_PER_S)
        cap_tokens(b, KEPT_AT_REST_PER_S);
}

void bucket_set_rate(struct bucket *b, uint64_t rate, uint64_t now)
{
    bucket_fill(b, now);
    if (!b->rate)
        b->tokens = 0;
    b->rate = rate;
    cap_tokens(b, KEPT_PER_S);
}

bool bucket_has(const struct bucket *b, uint32_t n_bytes)
{
    return !b->rate || b->tokens >= n_bytes;
}

void bucket_take(struct bucket *b, uint32_t n_bytes)
{
    if (b->rate)
        b->tokens -= n_bytes;
    b->taken_ns = b->now_ns;
}

void bucket_give_back(struct bucket *b, uint32_t n_bytes)
{
    b->tokens += n_bytes;
    cap_tokens(b, KEPT_PER_S);
}

uint64_t bucket_ready_ns(const struct bucket *b, uint32_t n_bytes)
{
    if (bucket_has(b, n_bytes))
        return b->now_ns;
    return b->now_ns + (uint64_t)((n_bytes - b->tokens) / (double)b->rate * (double)NS_PER_S) + 1;
}
