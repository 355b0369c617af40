/* SPDX-License-Identifier: MIT */
#include "conjure/cli/paths.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conjure/base/alloc.h"

char *paths_xdg(const char *variable, const char *below_home)
{
    const char *xdg = getenv(variable), *home = getenv("HOME");
    const struct passwd *user;
    char *path;

    if (xdg && *xdg == '/') {
        home = xdg;
        below_home = "";
    } else if (!home || *home != '/') {
        user = getpwuid(getuid());
        home = user && user->pw_dir && *user->pw_dir == '/' ? user->pw_dir : NULL;
    }
    if (!home)
        return NULL;
    if (asprintf(&path, "%s%s/conjure", home, below_home) < 0)
        abort();
    return path;
}

char *paths_absolute(const char *path)
{
    char *folder, *result;

    if (path[0] == '/')
        return mem_dup_string(path);
    folder = getcwd(NULL, 0);
    if (!folder)
        return NULL;
    if (asprintf(&result, "%s/%s", folder, path) < 0)
        abort();
    free(folder);
    return result;
}
