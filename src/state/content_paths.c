/* SPDX-License-Identifier: MIT */
#include "conjure/state/content_paths.h"

#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"

void content_path_init(struct content_path *p, const char *dir, const char *name)
{
    char *path = mem_new(strlen(dir) + strlen(name) + 3), *end = path;

    for (; *dir; dir++)
        if (*dir != '/' || end == path || end[-1] != '/')
            *end++ = *dir;
    if (end == path || end[-1] != '/')
        *end++ = '/';
    end = stpcpy(end, name);
    sha1(path, (size_t)(end - path), p->key);
    free(path);
}

const struct content_path *content_paths_take(struct content_paths *c, struct content_path *p)
{
    const struct content_path *holder = key_map_get(&c->taken, p->key);

    if (holder)
        return holder;
    key_map_put(&c->taken, p);
    return p;
}

bool content_paths_may_take(const struct content_paths *c, const struct content_path *p)
{
    const struct content_path *holder = key_map_get(&c->taken, p->key);

    return !holder || holder == p;
}

void content_paths_release(struct content_paths *c, const struct content_path *p)
{
    if (key_map_get(&c->taken, p->key) == p)
        key_map_remove(&c->taken, p->key);
}

void content_paths_deinit(struct content_paths *c)
{
    key_map_deinit(&c->taken);
}
