/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_ACTOR_H
#define CONJURE_ACTORS_ACTOR_H

#include <pthread.h>
#include <stdbool.h>

/*
 * An actor is a thread that owns a struct and loops over an inbox. Its module has:
 *
 *   struct x *x_start(config...)     makes the struct and the thread; the inbox is open on return.
 *                                    NULL with errno set: the thread or a resource is not available
 *   struct x_inbox *x_inbox(x)       where to send; any thread, until x_join
 *   x_shutdown query                 from Master; answered when the actor has closed its inbox
 *   x_join(x)                        after that, in another thread: waits for the thread's end and
 *                                    frees the struct. NULL is fine
 */
struct actor {
    pthread_t thread;
    bool running;
};
#define ACTOR_EMPTY ((struct actor){0})

#define ACTOR_STACK (256 * 1024) /* bytes */
#define PEER_STACK  (64 * 1024)

/* Starts RUN(ARG) in a thread named NAME (at most 15 characters) with all signals blocked: Master
 * reads them from a signalfd. Any thread. Returns 0, or -errno with errno set. */
int actor_start(struct actor *a, const char *name, void *(*run)(void *arg), void *arg);
/* Waits for the end of the thread. In any other thread; safe when not started, safe twice. */
void actor_join(struct actor *a);

/* The same for a thread that is never joined, with a stack of PEER_STACK bytes. */
int actor_start_detached(const char *name, void *(*run)(void *arg), void *arg);

#endif
