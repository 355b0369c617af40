/* SPDX-License-Identifier: MIT */
#include "actors/worker.h"

#include <stdio.h>
#include <stdlib.h>

#include "conjure/actors/actor.h"
#include "conjure/base/alloc.h"
#include "conjure/fs/storage.h"

struct worker {
    struct actor actor;
    struct waker waker;
    struct worker_inbox inbox;
    struct disk_scratch scratch;
    struct msg *parting; /* the shutdown query */
};

static void on_run(struct worker *self, struct worker_run *m)
{
    for (struct disk_job *job = m->job; job; job = job->next)
        disk_job_run(job, &self->scratch);
    msg_reply(&m->msg);
}

static void on_shutdown(struct worker *self, struct worker_shutdown *m)
{
    self->parting = &m->msg;
}

MSG_DISPATCH(worker, WORKER_TABLE, struct worker);

static void *run(void *arg)
{
    struct worker *self = arg;

    while (!self->parting) {
        struct msg *m = channel_receive_wait(&self->inbox.channel, UINT64_MAX);

        if (m)
            worker_dispatch(self, m);
    }
    channel_close(&self->inbox.channel);
    disk_scratch_deinit(&self->scratch);
    msg_reply(self->parting);
    return NULL;
}

struct worker *worker_start(unsigned number)
{
    struct worker *w = NEW(struct worker);
    char name[16];

    waker_init_futex(&w->waker);
    channel_init(&w->inbox.channel, &w->waker);
    snprintf(name, sizeof name, "disk %u", number);
    if (actor_start(&w->actor, name, run, w)) {
        free(w);
        return NULL;
    }
    return w;
}

struct worker_inbox *worker_inbox(struct worker *w)
{
    return &w->inbox;
}

void worker_join(struct worker *w)
{
    actor_join(&w->actor);
    waker_deinit(&w->waker);
    free(w);
}
