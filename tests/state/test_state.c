/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/state/state.h"

#define GOOD "d7:conjurei1e10:downloadedi2e7:runningi3e6:startsi4e8:uploadedi5ee"

static char folder[64], path[96];

static void make_world(const char *name)
{
    strcpy(folder, "/tmp/conjure-state-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/%s", folder, name);
}

static void end_world(void)
{
    char command[160];

    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert(!system(command));
}

static void put(const char *text)
{
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    ck_assert(!fclose(f));
}

START_TEST(statistics_are_read_as_they_stand_and_written_the_same)
{
    struct statistics s = STATISTICS_EMPTY;
    char reason[STATISTICS_REASON_MAX];
    uint8_t *bytes;
    size_t n;

    ck_assert(!statistics_decode((const uint8_t *)GOOD, strlen(GOOD), &s, reason));
    ck_assert_uint_eq(s.downloaded, 2);
    ck_assert_uint_eq(s.running_s, 3);
    ck_assert_uint_eq(s.n_starts, 4);
    ck_assert_uint_eq(s.uploaded, 5);
    ck_assert(!statistics_encode(&s, &bytes, &n));
    ck_assert_uint_eq(n, strlen(GOOD));
    ck_assert(!memcmp(bytes, GOOD, n));
    free(bytes);
    for (n = 0; n < strlen(GOOD); n++)
        ck_assert_int_eq(statistics_decode((const uint8_t *)GOOD, n, &s, reason), STATE_CORRUPT);
}
END_TEST

START_TEST(wrong_statistics_are_named_and_change_nothing)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"le", "must be a dictionary"},
        {"d7:conjurei9ee", "conjure: must be 1"},
        {"d7:conjurei1e10:downloadedi-2e7:runningi3e6:startsi4e8:uploadedi5ee", "downloaded"},
        {GOOD "e", "follow"},
    };

    make_world("statistics");
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct statistics s = {.uploaded = 77};
        char reason[STATISTICS_REASON_MAX];

        put(cases[i].text);
        ck_assert_int_eq(statistics_load(path, &s, reason), STATE_CORRUPT);
        ck_assert_msg(strstr(reason, cases[i].reason), "%zu: %s", i, reason);
        ck_assert_uint_eq(s.uploaded, 77);
    }
    end_world();
}
END_TEST

START_TEST(a_file_of_statistics_is_saved_loaded_and_set_aside)
{
    struct statistics s = {.uploaded = INT64_MAX, .n_starts = 1}, again = STATISTICS_EMPTY;
    char reason[STATISTICS_REASON_MAX], aside[128];
    struct stat st;

    make_world("statistics");
    ck_assert_int_eq(statistics_load(path, &again, reason), -ENOENT);
    ck_assert(!statistics_save(path, &s));
    ck_assert(!statistics_load(path, &again, reason));
    ck_assert(!memcmp(&s, &again, sizeof s));
    snprintf(aside, sizeof aside, "%s.corrupt", path);
    ck_assert(!state_set_aside(path));
    ck_assert(!stat(aside, &st) && stat(path, &st));
    ck_assert(!statistics_save(path, &s));
    ck_assert(!state_set_aside(path)); /* in place of the first */
    ck_assert_int_eq(state_set_aside(path), -ENOENT);
    end_world();
}
END_TEST

/* What another process says of the lock: 0, STATE_LOCKED with the pid of this one, or 99. */
static int ask_another_process(void)
{
    pid_t child = fork(), holder;
    int fd, status;

    if (!child) {
        int r = state_lock(path, &fd, &holder);

        _exit(r == STATE_LOCKED ? (holder == getppid() ? STATE_LOCKED : 99) : r);
    }
    ck_assert(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(one_process_has_the_lock_and_is_named)
{
    pid_t holder;
    int fd;

    make_world("lock");
    put("4711 is a number that a dead one left here, and this is longer than any pid");
    ck_assert(!state_lock(path, &fd, &holder));
    ck_assert_int_eq(ask_another_process(), STATE_LOCKED);
    close(fd);
    ck_assert_int_eq(ask_another_process(), 0); /* and it died with it */
    ck_assert(!state_lock(path, &fd, &holder));
    close(fd);
    end_world();
    ck_assert_int_eq(state_lock(path, &fd, &holder), -ENOENT);
}
END_TEST

RUN_SUITE("A daemon's state", 10, statistics_are_read_as_they_stand_and_written_the_same,
          wrong_statistics_are_named_and_change_nothing,
          a_file_of_statistics_is_saved_loaded_and_set_aside,
          one_process_has_the_lock_and_is_named);
