/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_OWNER_H
#define CONJURE_BASE_OWNER_H

/*
 * The one thread that may use an object. Checked in builds with assertions; costs nothing in
 * others. The first thread that asserts to be the owner becomes it. An object that changes hands (a
 * connection, between the Lobby and its thread) is released by one owner before the next asserts.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

/* The same in every build: tests have assertions, also against a library without. */
struct owner {
    atomic_int thread; /* the kernel's id of the thread; 0: none yet, or released */
};
#define OWNER_NONE ((struct owner){0})

#ifdef NDEBUG

#define owner_release(owner) ((void)(owner))
#define owner_assert(owner)  ((void)(owner))

#else

static inline int owner_self(void)
{
    static _Thread_local int self;

    return self ? self : (self = (int)gettid());
}

/* The next thread that calls owner_assert becomes the owner. */
static inline void owner_release(struct owner *owner)
{
    int before = atomic_exchange(&owner->thread, 0);

    assert(before == 0 || before == owner_self());
    (void)before;
}

/* The calling thread is the owner, or becomes it if there is none. */
static inline void owner_assert(struct owner *owner)
{
    int expected = 0;

    if (!atomic_compare_exchange_strong(&owner->thread, &expected, owner_self()))
        assert(expected == owner_self());
}

#endif

#endif
