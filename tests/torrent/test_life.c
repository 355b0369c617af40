/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/torrent/life.h"

static const char state_letters[] =
    "cOXKRLE"; /* closed, opening, cancelled, checking, running, ... */

/* A row for each state, a column for each event in the order of the enum: the letter of the next
 * state, or '.' where the event is impossible. */
static const char *const next_states[N_LIFE_STATES] = {
    /*  OPEN, OPEN_FAILED, DOUBTFUL, CHECK_FAILED, READY, NOT_NEEDED, STOP, ALL_REPLIED */
    [LIFE_CLOSED] = "O.....cc",    /**/
    [LIFE_OPENING] = ".cK.REX.",   /**/
    [LIFE_CANCELLED] = ".cE.EEX.", /**/
    [LIFE_CHECKING] = "...EREE.",  /**/
    [LIFE_RUNNING] = "......LR",   /**/
    [LIFE_LEAVING] = "......LE",   /**/
    [LIFE_CLOSING] = "......Ec",
};

START_TEST(every_event_in_every_state_is_defined_or_impossible)
{
    for (unsigned state = 0; state < N_LIFE_STATES; state++) {
        ck_assert_uint_eq(strlen(next_states[state]), N_LIFE_EVENTS);
        for (unsigned event = 0; event < N_LIFE_EVENTS; event++) {
            char expected = next_states[state][event];

            ck_assert_msg(life_is_possible(state, event) == (expected != '.'), "state %u event %u",
                          state, event);
            if (expected == '.')
                continue;
            ck_assert_msg(state_letters[life_step(state, event).next] == expected,
                          "state %u event %u", state, event);
        }
    }
}
END_TEST

/* The resources of a torrent, checked on every path through the table. */
struct resources {
    bool storage; /* FS has it open, or was asked to open it */
    bool swarm;   /* Lobby and Announcer have it */
    bool inbox;   /* of its InterestStat, open */
};

static void carry_out(struct resources *r, enum life_event event, unsigned actions)
{
    if (event == LIFE_OPEN_FAILED)
        r->storage = false;
    if (actions & LIFE_DO_OPEN) {
        ck_assert(!r->storage);
        r->storage = r->inbox = true;
    }
    if (actions & LIFE_DO_CHECK)
        ck_assert(r->storage);
    if (actions & LIFE_DO_RUN) {
        ck_assert(r->storage && !r->swarm);
        r->swarm = true;
    }
    if (actions & LIFE_DO_CLOSE_INBOX) {
        ck_assert(r->inbox && !r->swarm);
        r->inbox = false;
    }
    if (actions & LIFE_DO_LEAVE)
        ck_assert(r->swarm);
    if (actions & LIFE_DO_ANNOUNCE_STOPPED) {
        ck_assert(r->swarm && r->inbox);
        r->swarm = r->inbox = false;
    }
    if (actions & LIFE_DO_CLOSE) {
        ck_assert(r->storage && !r->swarm);
        r->storage = false;
    }
    if (actions & LIFE_DO_CONCLUDE)
        ck_assert(!r->storage && !r->swarm && !r->inbox);
}

static void walk(enum life_state state, struct resources r, unsigned depth)
{
    for (unsigned event = 0; depth && event < N_LIFE_EVENTS; event++) {
        struct resources after = r;
        struct life_step step;

        if (!life_is_possible(state, event))
            continue;
        step = life_step(state, event);
        carry_out(&after, event, step.actions);
        ck_assert(step.next != LIFE_CLOSED || !after.storage);
        walk(step.next, after, depth - 1);
    }
}

START_TEST(every_order_of_events_opens_once_and_closes_in_order)
{
    walk(LIFE_CLOSED, (struct resources){0}, 9);
}
END_TEST

START_TEST(a_stop_leads_to_closed_from_every_state)
{
    /* The replies that each state may wait for. */
    static const enum life_event replies[][2] = {
        {LIFE_OPEN_FAILED, LIFE_ALL_REPLIED},
        {LIFE_DOUBTFUL, LIFE_ALL_REPLIED},
        {LIFE_READY, LIFE_ALL_REPLIED},
        {LIFE_NOT_NEEDED, LIFE_ALL_REPLIED},
    };

    for (unsigned start = 0; start < N_LIFE_STATES; start++) {
        for (unsigned i = 0; i < N_ELEMENTS(replies); i++) {
            enum life_state state = life_step(start, LIFE_STOP).next;

            for (unsigned n = 0; n < 6; n++) {
                enum life_event event = replies[i][n > 0];

                if (life_is_possible(state, event))
                    state = life_step(state, event).next;
            }
            ck_assert_int_eq(state, LIFE_CLOSED);
        }
    }
}
END_TEST

RUN_SUITE("life", 10, every_event_in_every_state_is_defined_or_impossible,
          every_order_of_events_opens_once_and_closes_in_order,
          a_stop_leads_to_closed_from_every_state);
