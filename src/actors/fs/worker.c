/* SPDX-License-Identifier: MIT */
#include "actors/fs/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "conjure/actors/actor.h"
#include "conjure/base/alloc.h"
#include "conjure/fs/disk_job.h"

#define CHECKER_NICE 15 /* added */
#define NICE_MAX     19

struct worker {
    struct actor actor;
    struct waker waker;
    struct worker_inbox inbox;
    struct disk_scratch scratch;
    enum worker_role role;
    struct worker_shutdown *shutdown;
};

static void on_run(struct worker *self, struct worker_run *m)
{
    disk_jobs_run(m->job, &self->scratch);
    msg_reply(&m->msg);
}

static void on_shutdown(struct worker *self, struct worker_shutdown *m)
{
    self->shutdown = m;
}

MSG_DISPATCH(worker, WORKER_TABLE, struct worker);

/* The best-effort class of ioprio_set(2): in the idle class it could wait forever on a busy
 * disk. */
static void give_way(void)
{
    enum { WHO_PROCESS = 1, CLASS_BEST_EFFORT = 2, CLASS_SHIFT = 13, LOWEST = 7 };
    int nice = getpriority(PRIO_PROCESS, 0) + CHECKER_NICE;

    /* On Linux both are for this thread alone. Where they fail it runs as the others. */
    setpriority(PRIO_PROCESS, 0, nice < NICE_MAX ? nice : NICE_MAX);
    syscall(SYS_ioprio_set, WHO_PROCESS, 0, CLASS_BEST_EFFORT << CLASS_SHIFT | LOWEST);
}

static void *run(void *arg)
{
    struct worker *self = arg;

    if (self->role == WORKER_CHECKER)
        give_way();

    while (!self->shutdown) {
        struct msg *m = channel_receive_wait(&self->inbox.channel, UINT64_MAX);

        if (m)
            worker_dispatch(self, m);
    }
    channel_close(&self->inbox.channel);
    disk_scratch_deinit(&self->scratch);
    msg_reply(&self->shutdown->msg);
    return NULL;
}

struct worker *worker_start(unsigned number, enum worker_role role)
{
    struct worker *w = NEW(struct worker);
    char name[16];
    int r;

    waker_init_futex(&w->waker);
    channel_init(&w->inbox.channel, &w->waker);
    w->role = role;
    snprintf(name, sizeof name, "%s %u", role == WORKER_CHECKER ? "check" : "disk", number);
    r = actor_start(&w->actor, name, run, w);
    if (r) {
        waker_deinit(&w->waker);
        free(w);
        errno = -r;
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
