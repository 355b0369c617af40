/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_SETTINGS_H
#define CONJURE_SRC_ACTORS_MASTER_SETTINGS_H

#include "conjure/actors/master_settings.h"

struct master;
struct master_torrent;

/* Tells Bandwidth and Choker the limits of all torrents together. */
void master_settings_tell_limits(struct master *m);
/* How many connections the Lobby may have; it is told so. Logs a setting that the limit of open
 * files overrides. */
unsigned master_settings_max_peers(struct master *m);
/* Tells the Lobby when torrents that came or went have changed that number: when a torrent is
 * opened, and once a second. */
void master_settings_fit_connections(struct master *m);
/* Gives T the settings of its section, and tells Bandwidth its limits. Call when T is opened, when
 * it is closed, and when the settings have changed. */
void master_settings_apply(struct master_torrent *t);
/* Logs the sections of no torrent: their name is misspelt, or their torrent is added later. */
void master_settings_log_unused_sections(const struct master *m);
/* Reads the settings again, by the callback, and tells all actors. Changes nothing when the
 * settings are invalid. */
void master_settings_reload(struct master *m);

#endif
