/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <errno.h>
#include <unistd.h>

#include "actors/master/state.h"
#include "conjure/state/statistics.h"

static char folder[64], file[96];

static void begin_in_folder(void)
{
    begin();
    strcpy(folder, "/tmp/conjure-state-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/statistics", folder);
    config.state_dir = folder;
    m->lock_fd = -1;
}

static void end_with_folder(void)
{
    char command[160];

    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert(!system(command));
    end();
}

/* The statistics on disk. */
static struct statistics on_disk(void)
{
    struct statistics s = STATISTICS_EMPTY;
    char reason[STATISTICS_REASON_MAX];

    ck_assert(!statistics_load(file, &s, reason));
    return s;
}

START_TEST(the_first_failure_and_the_last_recovery_are_logged)
{
    static const struct {
        enum master_state_part part;
        int error;
        const char *line;
    } lines[] = {
        {MASTER_STATE_RESUME, 0, ""},
        {MASTER_STATE_RESUME, -ENOSPC, "/state: state cannot be saved: No space left on device\n"},
        {MASTER_STATE_RESUME, -ENOSPC, ""},
        {MASTER_STATE_KNOWN, -EACCES, ""},
        {MASTER_STATE_RESUME, 0, ""},
        {MASTER_STATE_STATISTICS, 0, ""},
        {MASTER_STATE_KNOWN, 0, "/state: state is saved again\n"},
        {MASTER_STATE_KNOWN, 0, ""},
    };

    begin();
    for (size_t i = 0; i < N_ELEMENTS(lines); i++) {
        logged[0] = '\0';
        state_note(m, lines[i].part, lines[i].error);
        ck_assert_msg(!strcmp(logged, lines[i].line), "line %zu: %s", i, logged);
    }
    end();
}
END_TEST

START_TEST(statistics_are_saved_each_minute_while_they_change)
{
    begin_in_folder();
    state_begin_statistics(m);
    ck_assert_uint_eq(on_disk().n_starts, 1);
    m->statistics.uploaded = 77;
    for (m->n_ticks = 1; m->n_ticks < 60; m->n_ticks++)
        state_tick(m);
    ck_assert_uint_eq(on_disk().uploaded, 0);
    m->now += 60 * NS_PER_S;
    state_tick(m);
    ck_assert_uint_eq(on_disk().uploaded, 77);
    ck_assert_uint_eq(on_disk().running_s, 60);
    /* The time alone is saved once an hour. */
    m->now += 60 * NS_PER_S;
    m->n_ticks = 120;
    state_tick(m);
    ck_assert_uint_eq(on_disk().running_s, 60);
    m->n_ticks = 3600;
    state_tick(m);
    ck_assert_uint_eq(on_disk().running_s, 120);
    ck_assert_uint_eq(state_statistics(m).running_s, 120);
    m->settings.save_interval_s = 7;
    m->statistics.uploaded = 78;
    m->n_ticks = 3606;
    state_tick(m);
    ck_assert_uint_eq(on_disk().uploaded, 77);
    m->n_ticks = 3612;
    state_tick(m);
    ck_assert_uint_eq(on_disk().uploaded, 78);
    end_with_folder();
}
END_TEST

START_TEST(corrupt_statistics_are_set_aside)
{
    char aside[128];
    FILE *f;

    begin_in_folder();
    f = fopen(file, "w");
    ck_assert(f && fputs("nonsense", f) >= 0 && !fclose(f));
    state_begin_statistics(m);
    snprintf(aside, sizeof aside, "%s.corrupt", file);
    ck_assert(strstr(logged, "set aside as"));
    ck_assert(!access(aside, F_OK));
    ck_assert_uint_eq(on_disk().n_starts, 1);
    end_with_folder();
}
END_TEST

START_TEST(the_lock_is_released_at_the_end)
{
    int other;

    begin_in_folder();
    state_end(m); /* without a lock: nothing */
    ck_assert_int_ne(access(file, F_OK), 0);
    ck_assert(!state_lock_folder(m));
    other = m->lock_fd;
    m->lock_fd = -1;
    ck_assert_int_eq(state_lock_folder(m), -EBUSY);
    ck_assert(strstr(logged, "in use by another daemon, pid "));
    m->lock_fd = other;
    m->statistics.uploaded = 5;
    state_end(m);
    state_end(m);
    ck_assert_uint_eq(on_disk().uploaded, 5);
    ck_assert(!state_lock_folder(m));
    state_end(m);
    end_with_folder();
}
END_TEST

RUN_SUITE("state", 10, the_first_failure_and_the_last_recovery_are_logged,
          statistics_are_saved_each_minute_while_they_change, corrupt_statistics_are_set_aside,
          the_lock_is_released_at_the_end);
