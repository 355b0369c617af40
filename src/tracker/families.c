/* SPDX-License-Identifier: MIT */
#include "conjure/tracker/families.h"

#include <stddef.h>
#include <sys/socket.h>

#include "conjure/base/clock.h"

static struct announce_family *get(const struct announce_families *f, uint8_t family)
{
    struct announce_families *all = (struct announce_families *)f;

    return family == AF_INET ? &all->four : family == AF_INET6 ? &all->six : NULL;
}

uint8_t families_next(const struct announce_families *f, uint8_t used, uint64_t now)
{
    uint8_t other = used == AF_INET ? AF_INET6 : used == AF_INET6 ? AF_INET : 0;
    const struct announce_family *x = get(f, other);

    return x && x->retry_at <= now ? other : 0;
}

uint8_t families_only(const struct announce_families *f, uint64_t now)
{
    bool four_failed = f->four.retry_at > now, six_failed = f->six.retry_at > now;

    if (four_failed == six_failed)
        return 0;
    return four_failed ? (f->six.knows_us ? AF_INET6 : 0) : f->four.knows_us ? AF_INET : 0;
}

bool families_know_us(const struct announce_families *f, uint8_t family)
{
    const struct announce_family *x = get(f, family);

    return x && x->knows_us;
}

void families_succeeded(struct announce_families *f, uint8_t family)
{
    struct announce_family *x = get(f, family);

    if (x)
        *x = (struct announce_family){.knows_us = true};
}

void families_failed(struct announce_families *f, uint8_t family, uint64_t now)
{
    struct announce_family *x = get(f, family);
    uint64_t s = FAMILY_BACK_OFF_FIRST_S;

    if (!x)
        return;
    for (uint32_t i = 0; i < x->n_failures && s < FAMILY_BACK_OFF_MAX_S; i++)
        s *= 2;
    x->n_failures++;
    x->retry_at = now + (s < FAMILY_BACK_OFF_MAX_S ? s : FAMILY_BACK_OFF_MAX_S) * NS_PER_S;
}
