/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_TIMER_H
#define CONJURE_ACTORS_TIMER_H

#include "conjure/msg/timer.h"

/*
 * Timer: delays for all actors, in one thread. An After is answered when its delay has passed,
 * never before. A Shutdown answers all Afters at once, as cancelled, and then itself. From then on
 * the inbox is closed, and a sender learns from the failed send that the program ends.
 */
struct timer;

struct timer *timer_start(void);
struct timer_inbox *timer_inbox(struct timer *t);
void timer_join(struct timer *t);

#endif
