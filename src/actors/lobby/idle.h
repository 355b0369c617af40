/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_LOBBY_IDLE_H
#define CONJURE_SRC_ACTORS_LOBBY_IDLE_H

#include <stdint.h>

struct lobby;
struct lobby_torrent;
struct peer;

/*
 * Driving the peers that have no thread. Ten thousand of them cost next to nothing: no loop visits
 * all. A tick checks a tenth of the ids for silence and due keep-alives.
 */

/* P is new: sends its output, acts on bytes that arrived with its handshake, and gives it a
 * thread if data can move. May close P. */
void idle_begin(struct lobby *l, struct peer *p);
/* EVENTS of epoll for the stream of P. */
void idle_event(struct lobby *l, struct peer *p, uint32_t events);
/* The inbox of P has messages. */
void idle_mail(struct lobby *l, struct peer *p);
/* The thread of P gave it back. */
void idle_adopt(struct lobby *l, struct peer *p);
/* Once a second. */
void idle_tick(struct lobby *l);
/* Every wanted piece of T is verified: sends Completed to its peers. */
void idle_complete(struct lobby *l, struct lobby_torrent *t);

#endif
