/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_LOBBY_DIAL_H
#define CONJURE_SRC_ACTORS_LOBBY_DIAL_H

#include <stdbool.h>

struct lobby;
struct lobby_torrent;

/* Dials the addresses of torrents, within these bounds. */
#define DIALLING_MAX      64 /* dialled, without a complete handshake, over all torrents */
#define DIALLING_EACH_MAX 32 /* the same for one torrent */

struct dialling {
    bool is_paused;     /* no socket was left: until the next tick */
    unsigned n_put_off; /* torrents that could not dial since the last tick */
};

/* Dials as many addresses of T as it may now, and makes T due when it may dial the next. */
void lobby_dial(struct lobby *l, struct lobby_torrent *t);
/* Once a second, before any torrent dials. */
void dialling_tick(struct lobby *l);

#endif
