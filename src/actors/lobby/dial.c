/* SPDX-License-Identifier: MIT */
#include "actors/lobby/dial.h"

#include <errno.h>
#include <string.h>

#include "actors/lobby/handshake.h"
#include "actors/lobby/internal.h"
#include "conjure/base/clock.h"
#include "conjure/base/log.h"

#define FACILITY "lobby"

#define PAUSE_NS (NS_PER_S / 2) /* until a torrent that dialled may dial other addresses */

/* Whether ERROR is a shortage of this system. The address is then retried without a longer
 * back-off. */
static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void dial(struct lobby *l, struct lobby_torrent *t, const struct addr *addr)
{
    struct stream stream;
    int r = stream_dial_tcp(&stream, addr);

    if (is_shortage(-r)) {
        if (troubles_must_log(&l->troubles, TROUBLE_DIAL, l->now))
            log_warning(FACILITY, "cannot dial peers for now: %s", strerror(-r));
        l->dialling.is_paused = true;
        candidates_release(&t->candidates, addr, CANDIDATE_NEUTRAL, l->now);
        return;
    }
    if (r || handshakes_add(l, &stream, addr, PEER_SOURCE_TRACKER, t))
        candidates_release(&t->candidates, addr, CANDIDATE_FAILED, l->now);
}

static bool may_dial(const struct lobby *l, const struct lobby_torrent *t)
{
    /* An eighth is reserved for incoming connections: we may not be able to dial those peers. */
    unsigned max = l->options.max_peers - l->options.max_peers / 8;

    return !l->shutdown && !l->dialling.is_paused && l->handshakes.n_dialling < DIALLING_MAX &&
           lobby_n_connections(l) < max && t->n_dialling < DIALLING_EACH_MAX;
}

void lobby_dial(struct lobby *l, struct lobby_torrent *t)
{
    /* If T may not dial now: the next tick. Torrents keep the order of these calls, and precede
     * those that dialled. */
    uint64_t next = l->now + 1 + l->dialling.n_put_off++;

    owner_assert(&l->owner);
    if (t->removal)
        return;
    while (may_dial(l, t)) {
        struct addr addr;
        uint64_t ban_ends;

        if (!candidates_next(&t->candidates, l->now, &addr, &next))
            break;
        ban_ends = bans_until(&l->bans, &addr, l->now);
        if (ban_ends)
            candidates_hold(&t->candidates, &addr, ban_ends);
        else
            dial(l, t, &addr);
        next = l->now + PAUSE_NS;
    }
    if (t->candidates.n)
        lobby_torrents_due(&l->torrents, t, next);
}

void dialling_tick(struct lobby *l)
{
    owner_assert(&l->owner);
    l->dialling = (struct dialling){0};
}
