/* SPDX-License-Identifier: MIT */
#include "conjure/state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/bencode/bencode.h"
#include "conjure/bencode/schema.h"
#include "conjure/bencode/writer.h"
#include "conjure/fs/io.h"

#define STATISTICS_VERSION  1
#define STATISTICS_FILE_MAX 4096
#define PID_TEXT_MAX        24

/* --- the lock -------------------------------------------------------------------------------- */

static pid_t read_pid(int fd)
{
    char text[PID_TEXT_MAX] = "";
    size_t n = 0;
    long pid;

    if (io_read(fd, text, sizeof text - 1, 0, &n))
        return 0;
    pid = strtol(text, NULL, 10);
    return pid > 0 && pid == (pid_t)pid ? (pid_t)pid : 0;
}

int state_lock(const char *path, int *fdp, pid_t *holderp)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    char text[PID_TEXT_MAX];

    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int r = errno == EWOULDBLOCK ? STATE_LOCKED : -errno;

        if (r == STATE_LOCKED)
            *holderp = read_pid(fd);
        io_close(fd);
        return r;
    }
    snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* On a full disk the lock holds all the same; it only has no name on it. */
    if (!io_truncate(fd, 0))
        (void)io_write(fd, text, strlen(text), 0);
    *fdp = fd;
    return 0;
}

int state_set_aside(const char *path)
{
    size_t size = strlen(path) + sizeof ".corrupt";
    char *aside = mem_new(size);
    int r;

    snprintf(aside, size, "%s.corrupt", path);
    r = rename(path, aside) ? -errno : 0;
    free(aside);
    return r;
}

/* --- statistics ------------------------------------------------------------------------------ */

int statistics_encode(const struct statistics *s, uint8_t **bytesp, size_t *np)
{
    struct bencode_writer w = BENCODE_WRITER_EMPTY;

    bencode_begin_dict(&w);
    bencode_put_key(&w, "conjure");
    bencode_put_integer(&w, STATISTICS_VERSION);
    bencode_put_key(&w, "downloaded");
    bencode_put_integer(&w, (int64_t)s->downloaded);
    bencode_put_key(&w, "running");
    bencode_put_integer(&w, (int64_t)s->running_s);
    bencode_put_key(&w, "starts");
    bencode_put_integer(&w, (int64_t)s->n_starts);
    bencode_put_key(&w, "uploaded");
    bencode_put_integer(&w, (int64_t)s->uploaded);
    bencode_end(&w);
    return bencode_writer_take(&w, bytesp, np);
}

static const struct bencode_schema version_schema =
    SCHEMA_INTEGER(STATISTICS_VERSION, STATISTICS_VERSION);
static const struct bencode_schema statistics_schema = SCHEMA_DICT(
    {"conjure", SCHEMA_REQUIRED, &version_schema}, {"downloaded", SCHEMA_REQUIRED, &schema_natural},
    {"running", SCHEMA_REQUIRED, &schema_natural}, {"starts", SCHEMA_REQUIRED, &schema_natural},
    {"uploaded", SCHEMA_REQUIRED, &schema_natural});

int statistics_decode(const uint8_t *bytes, size_t n, struct statistics *s,
                      char reason[STATISTICS_REASON_MAX])
{
    struct bencode tree = BENCODE_EMPTY;
    char fault[SCHEMA_REASON_MAX];
    int r = bencode_parse(&tree, bytes, n, BENCODE_NODES_SMALL);

    if (r > 0) {
        snprintf(reason, STATISTICS_REASON_MAX, "%s", bencode_condition_text(r));
        r = STATE_CORRUPT;
    } else if (!r && bencode_check(&tree, bencode_root(&tree), &statistics_schema, fault)) {
        snprintf(reason, STATISTICS_REASON_MAX, "%s", fault);
        r = STATE_CORRUPT;
    } else if (!r) {
        const struct bencode_node *root = bencode_root(&tree);

        *s = (struct statistics){
            .uploaded = (uint64_t)bencode_find_integer(&tree, root, "uploaded"),
            .downloaded = (uint64_t)bencode_find_integer(&tree, root, "downloaded"),
            .n_starts = (uint64_t)bencode_find_integer(&tree, root, "starts"),
            .running_s = (uint64_t)bencode_find_integer(&tree, root, "running"),
        };
    }
    bencode_deinit(&tree);
    return r;
}

int statistics_save(const char *path, const struct statistics *s)
{
    uint8_t *bytes;
    size_t n;
    int r = statistics_encode(s, &bytes, &n);

    if (r)
        return r;
    r = io_replace_file(path, bytes, n);
    free(bytes);
    return r;
}

int statistics_load(const char *path, struct statistics *s, char reason[STATISTICS_REASON_MAX])
{
    uint8_t *bytes;
    size_t n;
    int r = io_read_file(path, STATISTICS_FILE_MAX, &bytes, &n);

    if (r == -EFBIG) {
        snprintf(reason, STATISTICS_REASON_MAX, "larger than it can be");
        return STATE_CORRUPT;
    }
    if (r)
        return r;
    r = statistics_decode(bytes, n, s, reason);
    free(bytes);
    return r;
}
