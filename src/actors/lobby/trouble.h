/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_LOBBY_TROUBLE_H
#define CONJURE_SRC_ACTORS_LOBBY_TROUBLE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Shortages of the whole system: each is logged at most once a minute, because it repeats itself
 * with every connection. One thread at a time.
 */
enum trouble {
    TROUBLE_ACCEPT, /* accept failed */
    TROUBLE_FULL,   /* all connections are taken */
    TROUBLE_THREAD, /* no thread for a peer */
    TROUBLE_DIAL,   /* no socket to dial with */
    TROUBLE_WATCH,  /* epoll refused a descriptor */
    N_TROUBLES,
};

struct troubles {
    uint64_t logged_ns[N_TROUBLES]; /* 0: never */
};

/* Whether TROUBLE is to be logged at NOW, which then counts as logged. */
bool troubles_must_log(struct troubles *t, enum trouble trouble, uint64_t now);

#endif
