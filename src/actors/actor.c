/* SPDX-License-Identifier: MIT */
#include "conjure/actors/actor.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "conjure/base/alloc.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif

/* A thread names itself: a detached one may end before its starter could do so. */
struct start_args {
    char name[16];
    void *(*run)(void *arg);
    void *arg;
};

static void *begin(void *arg)
{
    struct start_args args = *(struct start_args *)arg;

    free(arg);
    prctl(PR_SET_NAME, args.name);
    return args.run(args.arg);
}

static int start(pthread_t *threadp, const char *name, void *(*run)(void *arg), void *arg,
                 size_t stack, int detach_state)
{
    struct start_args *args = NEW(struct start_args);
    pthread_attr_t attr;
    sigset_t all, old;
    int r;

#ifdef UNDER_SANITIZER
    stack *= 8; /* the frames of sanitizers are large */
#endif
    *args = (struct start_args){.run = run, .arg = arg};
    snprintf(args->name, sizeof args->name, "%s", name);
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, stack);
    pthread_attr_setdetachstate(&attr, detach_state);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    r = pthread_create(threadp, &attr, begin, args);
    if (r)
        free(args);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (r)
        errno = r;
    return -r;
}

int actor_start(struct actor *a, const char *name, void *(*run)(void *arg), void *arg)
{
    int r = start(&a->thread, name, run, arg, ACTOR_STACK, PTHREAD_CREATE_JOINABLE);

    a->running = r == 0;
    return r;
}

void actor_join(struct actor *a)
{
    assert(!a->running || !pthread_equal(a->thread, pthread_self()));
    if (a->running)
        pthread_join(a->thread, NULL);
    *a = ACTOR_EMPTY;
}

int actor_start_detached(const char *name, void *(*run)(void *arg), void *arg)
{
    pthread_t thread;

    return start(&thread, name, run, arg, PEER_STACK, PTHREAD_CREATE_DETACHED);
}
