/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conjure/state/state.h"

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

/* Another process tries to lock: 0, STATE_LOCKED when it reads the pid of this one, or 99. */
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
    ck_assert_int_eq(ask_another_process(), 0); /* the lock was released when that process ended */
    ck_assert(!state_lock(path, &fd, &holder));
    close(fd);
    end_world();
    ck_assert_int_eq(state_lock(path, &fd, &holder), -ENOENT);
}
END_TEST

START_TEST(a_file_is_set_aside_in_place_of_an_earlier_one)
{
    char aside[128];
    struct stat st;

    make_world("statistics");
    snprintf(aside, sizeof aside, "%s.corrupt", path);
    put("first");
    ck_assert(!state_set_aside(path));
    ck_assert(!stat(aside, &st) && st.st_size == 5 && stat(path, &st));
    put("second");
    ck_assert(!state_set_aside(path));
    ck_assert(!stat(aside, &st) && st.st_size == 6);
    ck_assert_int_eq(state_set_aside(path), -ENOENT);
    end_world();
}
END_TEST

RUN_SUITE("state", 10, one_process_has_the_lock_and_is_named,
          a_file_is_set_aside_in_place_of_an_earlier_one);
