/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_WRITE_POLICY_H
#define CONJURE_BASE_WRITE_POLICY_H

#include <stdbool.h>

/* What the user allows to be written, beyond the missing pieces of a torrent that was never
 * complete. */
struct write_policy {
    bool overwrite;      /* files that are not of this torrent; they may be cut, too */
    bool repair_changed; /* files of a torrent that was complete, and that have changed */
    bool repair_gone;    /* files of such a torrent that are gone */
    bool seed_only;      /* nothing is written, and all wanted pieces must be on disk */
};

#endif
