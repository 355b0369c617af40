/* SPDX-License-Identifier: MIT */
#include "conjure/fs/dirs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "conjure/base/alloc.h"
#include "conjure/fs/io.h"

struct folder {
    struct list place;
    dev_t device;
    ino_t inode;
    int fd;
    unsigned n_users;
};

void dirs_init(struct dirs *f)
{
    list_init(&f->open);
}

void dirs_deinit(struct dirs *f)
{
    assert(list_is_empty(&f->open));
    (void)f;
}

static struct folder *find(struct dirs *f, const struct stat *st)
{
    for (struct list *at = f->open.next; at != &f->open; at = at->next) {
        struct folder *x = container_of(at, struct folder, place);

        if (x->device == st->st_dev && x->inode == st->st_ino)
            return x;
    }
    return NULL;
}

static int open_new(const char *path, int *fdp)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        if (mkdir(path, 0777) < 0 && errno != EEXIST)
            return -errno;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0)
        return -errno;
    *fdp = fd;
    return 0;
}

int dirs_open(struct dirs *f, const char *path, int *fdp)
{
    struct stat st;
    struct folder *x = stat(path, &st) ? NULL : find(f, &st);
    int fd = -1, r;

    if (!x) {
        r = open_new(path, &fd);
        if (r)
            return r;
        if (fstat(fd, &st)) {
            r = -errno;
            io_close(fd);
            return r;
        }
        x = NEW(struct folder);
        *x = (struct folder){.device = st.st_dev, .inode = st.st_ino, .fd = fd};
        list_append(&f->open, &x->place);
    }
    x->n_users++;
    *fdp = x->fd;
    return 0;
}

void dirs_close(struct dirs *f, int fd)
{
    for (struct list *at = f->open.next; at != &f->open; at = at->next) {
        struct folder *x = container_of(at, struct folder, place);

        if (x->fd != fd)
            continue;
        if (--x->n_users)
            return;
        list_remove(&x->place);
        io_close(x->fd);
        free(x);
        return;
    }
    assert(!"a folder that is not open");
}
