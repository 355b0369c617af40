/* SPDX-License-Identifier: MIT */
#include "conjure/actors/peer.h"

#include <assert.h>
#include <stdlib.h>

#include "actors/peer/report.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/alloc.h"

static void ring_lobby(void *arg)
{
    struct peer *p = arg;

    lobby_tell_or_drop_mail(p->env->lobby, &p->mail);
}

struct peer *peer_new(const struct peer_env *env, struct torrent *torrent, struct stream *stream,
                      const struct peer_options *options, uint64_t now)
{
    struct peer *p = NEW(struct peer);

    p->env = env;
    p->torrent = torrent;
    stream_move(&p->stream, stream);
    p->addr = options->addr;
    p->id = options->id;
    p->connected_ns = p->idle_since_ns = now;
    p->seeding = options->seeding;
    p->have = options->have;
    p->thread_waker = WAKER_EMPTY;
    lobby_init_mail(&p->mail);
    p->mail.peer = p;
    waker_init_call(&p->mail_waker, ring_lobby, p);
    waker_arm(&p->mail_waker);
    channel_init(&p->inbox.channel, &p->mail_waker);
    session_init(&p->session, &torrent->geometry, options->fast, now);
    p->session.we_have_all = p->seeding && !p->have;
    p->session.keep_bitfield = !p->seeding;
    return p;
}

void peer_super_seed(struct peer *p)
{
    owner_assert(&p->owner);
    p->super_seeding = true;
    p->session.we_have_all = false;
    p->session.keep_bitfield = true;
}

void peer_free(struct peer *p)
{
    owner_assert(&p->owner);
    assert(!p->work && !p->n_queries);
    channel_close(&p->inbox.channel);
    session_deinit(&p->session);
    peer_report_deinit(&p->unreported);
    stream_close(&p->stream);
    waker_deinit(&p->mail_waker);
    free(p);
}
