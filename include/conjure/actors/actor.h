/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_ACTOR_H
#define CONJURE_ACTORS_ACTOR_H

#include <pthread.h>
#include <stdbool.h>

/*
 * What all actors share. An actor is a thread that owns a struct and loops over an inbox:
 *
 *   struct x *x_start(config...)     makes the struct and the thread; the inbox is open on return
 *   struct x_inbox *x_inbox(x)       where to send
 *   x_shutdown query                 asked by Master; home when the actor has closed its inbox
 *   x_join(x)                        after that: waits for the thread's end, frees the struct
 */
struct actor {
    pthread_t thread;
    bool running;
};
#define ACTOR_EMPTY ((struct actor){0})

#define ACTOR_STACK (256 * 1024)
#define PEER_STACK  (64 * 1024)

/* Starts RUN(ARG) in a thread named NAME (15 characters at most) with all signals blocked: they are
 * Master's, by signalfd. Returns 0 or -errno. */
int actor_start(struct actor *a, const char *name, void *(*run)(void *arg), void *arg);
void actor_join(struct actor *a); /* safe when not started, safe twice */

/* The same without a handle: nobody waits for the thread. The stack is PEER_STACK bytes. */
int actor_start_detached(const char *name, void *(*run)(void *arg), void *arg);

#endif
