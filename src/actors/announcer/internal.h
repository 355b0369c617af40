/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_ANNOUNCER_INTERNAL_H
#define CONJURE_SRC_ACTORS_ANNOUNCER_INTERNAL_H

/*
 * The modules of this folder, each above those it uses. All of them run in Announcer's thread.
 *
 *                announcer            inbox, loop, which torrents announce now
 *              http   udp             transports: how an announce travels
 *           easy    call              libcurl's handles; one announce under way and its outcome
 *           service   torrent         a tracker's host and port; a torrent and its trackers
 */
#define FACILITY "announcer" /* of log lines */

#endif
