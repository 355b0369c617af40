/* SPDX-License-Identifier: MIT */
/*
 * A slice is a twentieth of a second's worth, divided among those who ask now so that nobody waits
 * long for its turn, within [BUCKET_SLICE_MIN, BUCKET_SLICE_MAX]. The bucket holds at least a slice,
 * or a slow one would never give any.
 */
#include "conjure/choke/bucket.h"

#include <stdlib.h>

#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

static double burst(const struct bucket *b)
{
    double n = (double)b->rate * (double)BUCKET_BURST_NS / 1e9;

    return n > BUCKET_SLICE_MIN ? n : BUCKET_SLICE_MIN;
}

static void fill(struct bucket *b, uint64_t now)
{
    if (now <= b->now_ns)
        return;
    b->tokens += (double)(now - b->now_ns) / 1e9 * (double)b->rate;
    if (b->tokens > burst(b))
        b->tokens = burst(b);
    b->now_ns = now;
}

void bucket_init(struct bucket *b, uint64_t rate, uint64_t now)
{
    *b = (struct bucket){.rate = rate, .now_ns = now};
}

void bucket_deinit(struct bucket *b)
{
    free(b->askers);
    *b = BUCKET_EMPTY;
}

void bucket_set_rate(struct bucket *b, uint64_t rate, uint64_t now)
{
    fill(b, now);
    b->rate = rate;
    if (b->tokens > burst(b))
        b->tokens = burst(b);
}

void bucket_ask(struct bucket *b, void *user, uint32_t n_bytes)
{
    if (b->n_askers == b->askers_size) {
        uint32_t size = b->askers_size ? b->askers_size * 2 : 16;
        struct bucket_asker *ring = mem_new_array(size, sizeof *ring);

        for (uint32_t i = 0; i < b->n_askers; i++)
            ring[i] = b->askers[(b->askers_at + i) & (b->askers_size - 1)];
        free(b->askers);
        b->askers = ring;
        b->askers_at = 0;
        b->askers_size = size;
    }
    b->askers[(b->askers_at + b->n_askers++) & (b->askers_size - 1)] =
        (struct bucket_asker){.user = user, .n_bytes = n_bytes ? n_bytes : 1};
}

/* What the first in the queue gets. */
static uint32_t slice(const struct bucket *b)
{
    uint64_t n = b->rate / 20 / b->n_askers;
    uint32_t wanted = b->askers[b->askers_at].n_bytes;

    if (!b->rate)
        return wanted;
    n = n < BUCKET_SLICE_MIN ? BUCKET_SLICE_MIN : n > BUCKET_SLICE_MAX ? BUCKET_SLICE_MAX : n;
    return n < wanted ? (uint32_t)n : wanted;
}

bool bucket_next_grant(struct bucket *b, uint64_t now, void **userp, uint32_t *n_grantedp)
{
    uint32_t n;

    if (!b->n_askers)
        return false;
    fill(b, now);
    n = slice(b);
    if (b->rate) {
        if (b->tokens < n)
            return false;
        b->tokens -= n;
    }
    *userp = b->askers[b->askers_at].user;
    *n_grantedp = n;
    b->askers_at = (b->askers_at + 1) & (b->askers_size - 1);
    b->n_askers--;
    return true;
}

uint64_t bucket_wait_ns(const struct bucket *b)
{
    double lack;

    if (!b->n_askers)
        return UINT64_MAX;
    lack = b->rate ? slice(b) - b->tokens : 0;
    return lack <= 0 ? 0 : (uint64_t)(lack / (double)b->rate * 1e9) + 1;
}

bool bucket_withdraw(struct bucket *b, bool (*is_it)(const void *user, const void *arg),
                     const void *arg, void **userp)
{
    for (uint32_t i = 0; i < b->n_askers; i++) {
        uint32_t at = (b->askers_at + i) % b->askers_size;

        if (!is_it(b->askers[at].user, arg))
            continue;
        *userp = b->askers[at].user;
        for (; i + 1 < b->n_askers; i++) {
            uint32_t next = (b->askers_at + i + 1) % b->askers_size;

            b->askers[at] = b->askers[next];
            at = next;
        }
        b->n_askers--;
        return true;
    }
    return false;
}
