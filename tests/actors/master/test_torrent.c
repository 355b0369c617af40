/* SPDX-License-Identifier: MIT */
/* A torrent's life: Master's messages, and its ticks once a second. */
#include "world.h"

#include <errno.h>

#include "actors/master/settings.h"
#include "actors/master/state.h"
#include "actors/master/torrent.h"

static struct master_torrent *add(unsigned number)
{
    struct master_torrent *t = make(small(number), NULL);

    torrent_start(t);
    return t;
}

enum found {
    NOTHING,
    COMPLETE,
};

/* FS replies to OpenTorrent. Returns the torrent. */
static struct master_torrent *reply_open(int error, enum found found, uint64_t uploaded)
{
    struct fs_open_torrent *x = EXPECT(fs, open_torrent);
    struct master_torrent *t = record_of(x->torrent);

    ck_assert(x->refuse_lost);
    x->error = error;
    if (!error) {
        x->storage = (struct storage *)&fs;
        x->uploaded = uploaded;
        ck_assert(!bitfield_init(&x->have, 1));
        if (found == COMPLETE)
            bitfield_set(&x->have, 0);
    }
    torrent_reply_open(t, x);
    return t;
}

static void reply_close(struct master_torrent *t)
{
    struct fs_close_torrent *x = EXPECT(fs, close_torrent);

    ck_assert_int_eq(x->unchanged, t->complete && !t->changed);
    ck_assert_ptr_eq(x->of, &t->torrent);
    torrent_reply_close(t, x);
    ck_assert_ptr_null(t->torrent.storage);
}

/* A complete torrent that seeds. */
static struct master_torrent *start(unsigned number)
{
    struct lobby_torrent_added *added;
    struct master_torrent *t = add(number);

    ck_assert_ptr_eq(reply_open(0, COMPLETE, 0), t);
    added = EXPECT(lobby, torrent_added);
    ck_assert_ptr_eq(added->torrent, &t->torrent);
    bitfield_deinit(&added->have);
    msg_free(&added->msg);
    DROP(choker, torrent_completed);
    DROP(announcer, torrent_started);
    ck_assert_int_eq(t->state, LIFE_RUNNING);
    return t;
}

static void tick(void)
{
    m->n_ticks++;
    m->now += NS_PER_S;
    for (struct master_torrent *t = m->first, *next; t; t = next) {
        next = t->next;
        torrent_tick(t);
    }
}

static void tick_times(unsigned n)
{
    while (n--) {
        tick();
        expect_silence();
    }
}

/* Does what Master's loop does after a removed torrent has been closed. */
static void sweep(struct master_torrent *t)
{
    ck_assert(m->sweep_due && t->removed && t->state == LIFE_CLOSED);
    ck_assert_uint_eq(t->n_queries, 0);
    torrent_sweep(m);
    ck_assert(!m->sweep_due);
}

START_TEST(a_torrent_at_rest_costs_no_message)
{
    begin();
    for (unsigned i = 0; i < 100; i++)
        start(i);
    tick_times(200);
    end();
}
END_TEST

START_TEST(changes_are_announced_once_and_saved_once_within_a_minute)
{
    unsigned n_saves = 0;

    begin();
    for (unsigned i = 0; i < 100; i++)
        start(i);
    for (struct master_torrent *t = m->first; t; t = t->next) {
        t->uploaded = 5;
        t->changed = true;
    }
    for (unsigned second = 0; second < 60; second++) {
        unsigned n_now = 0;
        struct msg *x;

        tick();
        for (unsigned i = 0; !second && i < 100; i++) {
            struct announcer_progress *p = EXPECT(announcer, progress);

            ck_assert_uint_eq(p->uploaded, 5);
            msg_free(&p->msg);
        }
        while ((x = channel_receive(&fs.inbox.channel))) {
            struct fs_save_resume *save = (struct fs_save_resume *)x;

            ck_assert_int_eq(x->kind, fs_kind_save_resume);
            ck_assert_uint_eq(save->uploaded, 5);
            torrent_reply_save(record_of(save->of), save);
            n_now++;
        }
        ck_assert_uint_le(n_now, 2);
        n_saves += n_now;
        expect_silence();
    }
    ck_assert_uint_eq(n_saves, 100);
    tick_times(130);
    end();
}
END_TEST

START_TEST(a_removed_torrent_leaves_the_actors_in_order)
{
    struct master_torrent *t, *other;
    struct lobby_torrent_removed *l;
    struct choker_torrent_removed *c;
    struct announcer_torrent_stopped *a;

    begin();
    other = start(1);
    t = start(2);
    t->changed = true;
    torrent_remove(t);
    l = EXPECT(lobby, torrent_removed);
    ck_assert_ptr_eq(l->swarm, &t->swarm);
    expect_silence(); /* Lobby closes the connections first */
    torrent_replied(t, &l->msg);
    c = EXPECT(choker, torrent_removed);
    ck_assert_uint_eq(c->torrent, t->torrent.swarm->id);
    msg_free(&c->msg);
    a = EXPECT(announcer, torrent_stopped);
    ck_assert_ptr_eq(a->swarm, &t->swarm);
    ck_assert_int_eq(t->state, LIFE_CLOSING);
    reply_close(t);
    ck_assert(!m->sweep_due);
    torrent_replied(t, &a->msg);
    sweep(t);
    ck_assert_ptr_eq(m->first, other);
    ck_assert_ptr_eq(m->last, other);
    ck_assert_uint_eq(m->n_torrents, 1);
    ck_assert_ptr_eq(key_map_get(&m->by_hash, &other->info_hash), other);
    tick_times(70);
    end();
}
END_TEST

START_TEST(a_torrent_removed_while_opening_is_closed_at_once)
{
    struct master_torrent *t;

    begin();
    t = add(1);
    torrent_remove(t);
    reply_open(0, COMPLETE, 0);
    reply_close(t);
    sweep(t);
    /* A failure has no effect after the removal. */
    t = add(2);
    torrent_remove(t);
    reply_open(-EACCES, NOTHING, 0);
    sweep(t);
    ck_assert_int_eq(m->outcome, MASTER_DONE);
    ck_assert(!m->start_failed);
    end();
}
END_TEST

START_TEST(a_failed_torrent_is_retried_with_growing_pauses)
{
    static const unsigned pauses[] = {5, 10, 20, 40, 80, 160, 320, 600, 600};
    struct master_torrent *t;

    begin();
    add(1);
    for (size_t i = 0; i < N_ELEMENTS(pauses); i++) {
        t = reply_open(-ENOENT, NOTHING, 0);
        ck_assert_int_eq(t->state, LIFE_CLOSED);
        ck_assert_uint_eq(t->lasting.n_failures, i + 1);
        ck_assert_str_eq(t->lasting.last_error, strerror(ENOENT));
        tick_times(pauses[i] - 1);
        tick();
        ck_assert_uint_eq(m->n_torrents, 1);
    }
    reply_open(-ENOENT, NOTHING, 0);
    end();
}
END_TEST

START_TEST(pauses_are_short_again_after_a_recovery)
{
    struct lobby_torrent_added *added;
    struct master_torrent *t;

    begin();
    add(1);
    reply_open(-ENOENT, NOTHING, 0);
    tick_times(4);
    tick();
    t = reply_open(0, COMPLETE, 0);
    added = EXPECT(lobby, torrent_added);
    bitfield_deinit(&added->have);
    msg_free(&added->msg);
    DROP(choker, torrent_completed);
    DROP(announcer, torrent_started);
    ck_assert_uint_eq(t->lasting.n_failures, 1);
    tick_times(10);
    ck_assert_uint_eq(t->lasting.n_failures, 0);
    ck_assert_ptr_null(t->lasting.last_error);
    ck_assert_int_eq(m->outcome, MASTER_DONE);
    end();
}
END_TEST

START_TEST(a_failure_of_the_command_line_ends_the_start)
{
    struct master_torrent *t;

    begin();
    m->ready = false;
    t = add(1);
    t->lasting.named = true;
    reply_open(-EACCES, NOTHING, 0);
    ck_assert(m->start_failed);
    ck_assert_int_eq(m->outcome, MASTER_ERROR);
    tick_times(700);
    end();
}
END_TEST

START_TEST(an_interest_stat_that_cannot_start_is_retried_or_ends_the_start)
{
    struct master_torrent *t;

    begin();
    interest_error = EAGAIN;
    add(1);
    for (unsigned i = 1; i <= 2; i++) {
        t = reply_open(0, NOTHING, 0);
        ck_assert_int_eq(t->state, LIFE_CLOSING);
        reply_close(t);
        ck_assert_int_eq(t->state, LIFE_CLOSED);
        ck_assert_uint_eq(t->lasting.n_failures, i);
        ck_assert_str_eq(t->lasting.last_error, strerror(EAGAIN));
        tick_times(5 * i - 1);
        tick();
    }
    DROP(fs, open_torrent);
    ck_assert(!m->start_failed && m->outcome == MASTER_DONE);
    m->ready = false;
    t = add(2);
    t->lasting.named = true;
    reply_open(0, NOTHING, 0);
    reply_close(t);
    ck_assert(m->start_failed);
    ck_assert_int_eq(m->outcome, MASTER_ERROR);
    end();
}
END_TEST

START_TEST(a_torrent_that_opens_while_master_stops_is_closed_at_once)
{
    struct master_torrent *t;

    begin();
    m->stopping = true;
    t = add(1);
    reply_open(0, COMPLETE, 0);
    reply_close(t);
    ck_assert_int_eq(t->state, LIFE_CLOSED);
    /* FS has not opened it. */
    t = add(2);
    reply_open(-ECANCELED, NOTHING, 0);
    ck_assert_int_eq(t->state, LIFE_CLOSED);
    ck_assert(!t->lasting.last_error);
    /* After a signal a failure to open does not set the exit code. */
    t = add(3);
    m->signalled = true;
    reply_open(-ENOENT, NOTHING, 0);
    ck_assert_int_eq(t->state, LIFE_CLOSED);
    ck_assert(!t->lasting.last_error);
    ck_assert_int_eq(m->outcome, MASTER_DONE);
    end();
}
END_TEST

START_TEST(a_torrent_past_its_seed_goal_starts_when_the_goal_rises)
{
    struct master_torrent *t;

    begin();
    m->settings.each.seed_ratio = 2;
    t = add(1);
    reply_open(0, COMPLETE, 2000);
    reply_close(t);
    ck_assert(t->seed_goal_met && t->state == LIFE_CLOSED && !t->retry_ns);
    tick_times(100);
    m->settings.each.seed_ratio = 3;
    master_settings_apply(t);
    tick();
    t = reply_open(0, COMPLETE, 3000);
    reply_close(t);
    ck_assert_uint_eq(m->n_torrents, 1);
    end();
}
END_TEST

START_TEST(seeding_times_of_all_runs_add_up)
{
    struct lobby_torrent_removed *l;
    struct announcer_torrent_stopped *a;
    struct master_torrent *t;

    begin();
    m->settings.each.seed_time_s = 100;
    t = start(1);
    t->lasting.seeded_s = 60;
    t->lasting.known = true;
    m->known = (struct watch *)m; /* any pointer but NULL */
    tick_times(39);
    tick();
    l = EXPECT(lobby, torrent_removed);
    torrent_replied(t, &l->msg);
    DROP(choker, torrent_removed);
    a = EXPECT(announcer, torrent_stopped);
    torrent_replied(t, &a->msg);
    reply_close(t);
    ck_assert(t->seed_goal_met);
    ck_assert(t->lasting.known_due && m->known_due);
    m->now += 50 * NS_PER_S;
    ck_assert_uint_eq(record_seeded_s(t), 100);
    end();
}
END_TEST

/* FS has saved the resume data of T: ERROR is 0 or -errno. */
static void reply_save(struct master_torrent *t, int error)
{
    struct fs_save_resume *x = fs_new_save_resume();

    x->of = &t->torrent;
    x->error = error;
    t->n_queries++;
    torrent_reply_save(t, x);
}

START_TEST(failed_saves_of_resume_data_are_logged_once_for_all)
{
    struct master_torrent *a, *b;

    begin();
    a = start(1);
    b = start(2);
    reply_save(a, -ENOSPC);
    ck_assert(m->state_failing);
    logged[0] = '\0';
    reply_save(b, -ENOSPC);
    reply_save(b, -ENOSPC);
    reply_save(a, 0);
    ck_assert_str_eq(logged, "");
    reply_save(b, 0);
    ck_assert_str_eq(logged, "/state: state is saved again\n");
    end();
}
END_TEST

/* The failure of a removed torrent does not hide the next one. */
START_TEST(removing_a_torrent_forgets_its_failed_save)
{
    struct master_torrent *t, *other;

    begin();
    other = start(1);
    t = add(2);
    reply_open(-EACCES, NOTHING, 0);
    reply_save(t, -ENOSPC);
    m->state_failing = 1u << MASTER_STATE_RESUME | 1u << MASTER_STATE_KNOWN;
    reply_save(other, -ENOSPC);
    torrent_remove(t);
    sweep(t);
    ck_assert_uint_eq(m->n_save_failed, 1);
    ck_assert_uint_eq(m->state_failing, 1u << MASTER_STATE_RESUME | 1u << MASTER_STATE_KNOWN);
    reply_save(other, 0);
    t = add(2);
    reply_open(-EACCES, NOTHING, 0);
    reply_save(t, -ENOSPC);
    torrent_remove(t);
    sweep(t);
    ck_assert_uint_eq(m->n_save_failed, 0);
    ck_assert_uint_eq(m->state_failing, 1u << MASTER_STATE_KNOWN);
    end();
}
END_TEST

RUN_SUITE("torrent", 10, a_torrent_at_rest_costs_no_message,
          changes_are_announced_once_and_saved_once_within_a_minute,
          a_removed_torrent_leaves_the_actors_in_order,
          a_torrent_removed_while_opening_is_closed_at_once,
          a_failed_torrent_is_retried_with_growing_pauses, pauses_are_short_again_after_a_recovery,
          a_failure_of_the_command_line_ends_the_start,
          an_interest_stat_that_cannot_start_is_retried_or_ends_the_start,
          a_torrent_that_opens_while_master_stops_is_closed_at_once,
          a_torrent_past_its_seed_goal_starts_when_the_goal_rises, seeding_times_of_all_runs_add_up,
          failed_saves_of_resume_data_are_logged_once_for_all,
          removing_a_torrent_forgets_its_failed_save);
