/* SPDX-License-Identifier: MIT */
#include "conjure/torrent/life.h"

#include <assert.h>

struct transition {
    bool possible;
    enum life_state next;
    unsigned actions;
};

#define STAY(state)    \
    {                  \
        true, state, 0 \
    }
#define STEP(next, ...)                     \
    {                                       \
        true, next, (unsigned)(__VA_ARGS__) \
    }
#define CLOSE_WITHOUT_RUNNING STEP(LIFE_CLOSING, LIFE_DO_CLOSE_INBOX | LIFE_DO_CLOSE)
#define NEVER_OPENED          STEP(LIFE_CLOSED, LIFE_DO_CLOSE_INBOX | LIFE_DO_CONCLUDE)

/* clang-format off */
static const struct transition table[N_LIFE_STATES][N_LIFE_EVENTS] = {
    [LIFE_CLOSED] = {
        [LIFE_OPEN] = STEP(LIFE_OPENING, LIFE_DO_OPEN),
        [LIFE_STOP] = STAY(LIFE_CLOSED),
        [LIFE_ALL_REPLIED] = STAY(LIFE_CLOSED), /* FS could not open it */
    },
    [LIFE_OPENING] = {
        [LIFE_OPEN_FAILED] = NEVER_OPENED,
        [LIFE_DOUBTFUL] = STEP(LIFE_CHECKING, LIFE_DO_CHECK),
        [LIFE_READY] = STEP(LIFE_RUNNING, LIFE_DO_RUN),
        [LIFE_NOT_NEEDED] = CLOSE_WITHOUT_RUNNING,
        [LIFE_STOP] = STAY(LIFE_CANCELLED),
    },
    [LIFE_CANCELLED] = {
        [LIFE_OPEN_FAILED] = NEVER_OPENED,
        [LIFE_DOUBTFUL] = CLOSE_WITHOUT_RUNNING,
        [LIFE_READY] = CLOSE_WITHOUT_RUNNING,
        [LIFE_NOT_NEEDED] = CLOSE_WITHOUT_RUNNING,
        [LIFE_STOP] = STAY(LIFE_CANCELLED),
    },
    [LIFE_CHECKING] = {
        [LIFE_CHECK_FAILED] = CLOSE_WITHOUT_RUNNING,
        [LIFE_READY] = STEP(LIFE_RUNNING, LIFE_DO_RUN),
        [LIFE_NOT_NEEDED] = CLOSE_WITHOUT_RUNNING,
        /* FS ends the check early, and its reply arrives before the reply to the close. */
        [LIFE_STOP] = CLOSE_WITHOUT_RUNNING,
    },
    [LIFE_RUNNING] = {
        [LIFE_STOP] = STEP(LIFE_LEAVING, LIFE_DO_LEAVE),
        [LIFE_ALL_REPLIED] = STAY(LIFE_RUNNING),
    },
    [LIFE_LEAVING] = {
        [LIFE_STOP] = STAY(LIFE_LEAVING),
        [LIFE_ALL_REPLIED] = STEP(LIFE_CLOSING, LIFE_DO_ANNOUNCE_STOPPED | LIFE_DO_CLOSE),
    },
    [LIFE_CLOSING] = {
        [LIFE_STOP] = STAY(LIFE_CLOSING),
        [LIFE_ALL_REPLIED] = STEP(LIFE_CLOSED, LIFE_DO_CONCLUDE),
    },
};
/* clang-format on */

bool life_is_possible(enum life_state state, enum life_event event)
{
    return table[state][event].possible;
}

struct life_step life_step(enum life_state state, enum life_event event)
{
    const struct transition *x = &table[state][event];

    assert(x->possible);
    return (struct life_step){x->next, x->actions};
}
