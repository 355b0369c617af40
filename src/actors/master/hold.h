/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_HOLD_H
#define CONJURE_SRC_ACTORS_MASTER_HOLD_H

#include <stdbool.h>

struct master_torrent;

/* A torrent whose content has the path of another torrent's is held: it stays closed until the
 * other one is removed. */

/* Takes the path of T, for as long as its record exists. Otherwise holds T, logs why, and returns
 * false. */
bool hold_take_path(struct master_torrent *t);
/* Whether T is held and need not be any more. O(1). */
bool hold_is_over(const struct master_torrent *t);

#endif
