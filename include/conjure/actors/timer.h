/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_TIMER_H
#define CONJURE_ACTORS_TIMER_H

#include "conjure/msg/timer.h"

/*
 * Timer: everybody's clock, one thread. An After comes home when its delay has passed, never
 * before. After a Shutdown all parked Afters come home at once, cancelled, and then the Shutdown;
 * from then on the inbox is closed, so that asking returns false: that is how actors learn that the
 * program ends.
 */
struct timer;

/* Starts the thread. NULL, with errno set, when the system has no thread for it. Any thread. */
struct timer *timer_start(void);
/* Where to send; valid until timer_join. */
struct timer_inbox *timer_inbox(struct timer *t);
/* After Shutdown came home: waits for the thread's end and frees T. NULL is fine. */
void timer_join(struct timer *t);

#endif
