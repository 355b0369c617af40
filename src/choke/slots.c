/* SPDX-License-Identifier: MIT */
/*
 * The number of slots is configured, or begins with max(4, sqrt(0.6 * KiB/s)) of the upload limit,
 * as in the original client, or with eight if there is no limit.
 *
 * IT GROWS WHILE THE UPLINK IS NOT FULL. When peers wait for a slot, half as many slots are added
 * on trial. If they bring at least half of what as many slots brought before, they stay, and the
 * next trial begins; if not, the uplink is full: they are taken back, and the next trial begins a
 * minute later. There is no trial while the limit is reached. So five hundred slow
 * leechers fill an uplink that ten fast ones fill, too. A rate that falls takes no slots away: slow
 * readers would thus make themselves room. Slots that no peer wants are not kept.
 */
#include "conjure/choke/slots.h"

#include <stdbool.h>

#include "conjure/base/clock.h"

#define HOLD_NS (60 * NS_PER_S)

static uint32_t first_slots(const struct choke_slots *s)
{
    uint64_t square = s->limit / 1024 * 6 / 10;
    uint32_t n = CHOKE_SLOTS_MIN;

    if (!s->limit)
        return CHOKE_SLOTS_START;
    while (n < CHOKE_SLOTS_MAX && (uint64_t)(n + 1) * (n + 1) <= square)
        n++;
    return n;
}

uint32_t choke_slots_n(const struct choke_slots *s)
{
    uint32_t n = first_slots(s) + s->n_grown;

    return s->configured ? s->configured : n < CHOKE_SLOTS_MAX ? n : CHOKE_SLOTS_MAX;
}

static void judge_trial(struct choke_slots *s, uint64_t now)
{
    uint64_t expected = s->rate_before * s->n_trial / s->n_before;

    if (s->rate < s->rate_before + expected / 2) {
        s->n_grown -= s->n_trial;
        s->hold_ns = now + HOLD_NS;
    }
    s->n_trial = 0;
}

static void begin_trial(struct choke_slots *s, uint32_t n_wanted)
{
    uint32_t n = choke_slots_n(s), n_more = n / 2;

    if (n_more > n_wanted - n)
        n_more = n_wanted - n;
    if (n_more > CHOKE_SLOTS_MAX - n)
        n_more = CHOKE_SLOTS_MAX - n;
    s->n_trial = n_more;
    s->n_grown += n_more;
    s->n_before = n;
    s->rate_before = s->rate;
}

void choke_slots_round(struct choke_slots *s, uint32_t n_wanted, uint64_t now)
{
    uint32_t first = first_slots(s);
    bool is_first = !s->round_ns;

    if (now > s->round_ns && !is_first)
        s->rate = (uint64_t)((double)s->bytes * (double)NS_PER_S / (double)(now - s->round_ns));
    s->bytes = 0;
    s->round_ns = now;
    if (s->n_trial)
        judge_trial(s, now);
    if (n_wanted <= choke_slots_n(s)) {
        uint32_t n_needed = n_wanted > first ? n_wanted - first : 0;

        s->n_grown = s->n_grown < n_needed ? s->n_grown : n_needed;
    } else if (!is_first && !s->configured && now >= s->hold_ns &&
               (!s->limit || s->rate < s->limit / 20 * 19)) {
        begin_trial(s, n_wanted);
    }
}

void choke_slots_set_limit(struct choke_slots *s, uint64_t limit)
{
    if (s->limit == limit)
        return;
    s->limit = limit;
    s->n_grown = s->n_trial = 0;
    s->hold_ns = 0;
}
