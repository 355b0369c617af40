/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_LOBBY_H
#define CONJURE_ACTORS_LOBBY_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/msg/announcer.h"
#include "conjure/msg/bandwidth.h"
#include "conjure/msg/choker.h"
#include "conjure/msg/fs.h"
#include "conjure/msg/lobby.h"

struct lobby;

/* Lobby: listens, dials, shakes hands and keeps every connection that is idle (actors/lobby.c). */
struct lobby_options {
    int listen_fd;      /* from lobby_listen; owned by the Lobby from lobby_run on */
    unsigned max_peers; /* connections over all torrents */
    struct timer_inbox *timer;
    struct announcer_inbox *announcer;
    struct choker_inbox *choker;
    struct fs_inbox *fs;
    struct bandwidth_inbox *bandwidth;
};

/* Opens a listening TCP socket for IPv6 and IPv4 on PORT (0: any). Returns 0 with the descriptor
 * and the port that it got, or -errno. */
int lobby_listen(uint16_t port, int *fdp, uint16_t *portp);

/* In two steps, since FS and Announcer, which Lobby sends to, send to Lobby themselves: the inbox
 * is there after lobby_new, the thread after lobby_run. */
struct lobby *lobby_new(void); /* NULL with errno: the process is about to end */
struct lobby_inbox *lobby_inbox(struct lobby *l);
int lobby_run(struct lobby *l, const struct lobby_options *options); /* 0 or -errno */
void lobby_join(struct lobby *l);

#endif
