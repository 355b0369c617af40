/* SPDX-License-Identifier: MIT */
#include "actors/master/hold.h"

#include "actors/master/internal.h"
#include "actors/master/record.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

#define FACILITY "master"

bool hold_take_path(struct master_torrent *t)
{
    const struct content_path *path = content_paths_take(&t->master->paths, &t->path);
    const struct master_torrent *other = container_of(path, struct master_torrent, path);
    char hash[INFO_HASH_TEXT_SIZE], other_hash[INFO_HASH_TEXT_SIZE];

    t->held = other != t;
    if (t->held)
        log_warning(FACILITY, "%s: %s is held until %s is removed: both are %s/%s", record_name(t),
                    info_hash_text(&t->info_hash, hash),
                    info_hash_text(&other->info_hash, other_hash), t->torrent.dir, record_name(t));
    return !t->held;
}

bool hold_is_over(const struct master_torrent *t)
{
    return t->held && content_paths_may_take(&t->master->paths, &t->path);
}
