/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "actors/master/internal.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

/*
 * One torrent's life as Master leads it, message by message and second by second. The test takes the
 * places of all other actors: what Master asks them for their inboxes is defined here, and so are the
 * parts of Master that touch disks.
 */
struct fs {
    struct fs_inbox inbox;
};
struct lobby {
    struct lobby_inbox inbox;
};
struct announcer {
    struct announcer_inbox inbox;
};
struct choker {
    struct choker_inbox inbox;
};
struct bandwidth {
    struct bandwidth_inbox inbox;
};

struct fs_inbox *fs_inbox(struct fs *x)
{
    return &x->inbox;
}

struct lobby_inbox *lobby_inbox(struct lobby *x)
{
    return &x->inbox;
}

struct announcer_inbox *announcer_inbox(struct announcer *x)
{
    return &x->inbox;
}

struct choker_inbox *choker_inbox(struct choker *x)
{
    return &x->inbox;
}

struct bandwidth_inbox *bandwidth_inbox(struct bandwidth *x)
{
    return &x->inbox;
}

static unsigned n_stop_all, n_be_known;
static int state_error;

void master_stop_all(struct master *m)
{
    n_stop_all++;
}

void managed_be_known(struct managed *t)
{
    n_be_known++;
}

void master_note_state(struct master *m, enum master_state_part part, int error)
{
    state_error = error;
}

struct interest_stat *interest_stat_start(struct torrent *t, struct bitfield *have,
                                          const struct stored_blocks *stored,
                                          struct master_inbox *master, struct lobby_inbox *lobby)
{
    return (struct interest_stat *)t; /* only ever joined */
}

void interest_stat_join(struct interest_stat *is)
{
}

static struct waker waker;
static struct fs fs;
static struct lobby lobby;
static struct announcer announcer;
static struct choker choker;
static struct bandwidth bandwidth;
static struct master_config config;
static struct master *m;

static void begin(void)
{
    log_threshold = LOG_LEVEL_ERR;
    waker_init_futex(&waker);
    channel_init(&fs.inbox.channel, &waker);
    channel_init(&lobby.inbox.channel, &waker);
    channel_init(&announcer.inbox.channel, &waker);
    channel_init(&choker.inbox.channel, &waker);
    channel_init(&bandwidth.inbox.channel, &waker);
    config = (struct master_config){.state_dir = "/state", .daemon = true};
    m = NEW(struct master);
    channel_init(&m->inbox.channel, &waker);
    m->config = &config;
    m->settings = MASTER_SETTINGS_EMPTY;
    m->dir = mem_dup_string("/content");
    m->fs = &fs;
    m->lobby = &lobby;
    m->announcer = &announcer;
    m->choker = &choker;
    m->bandwidth = &bandwidth;
    m->by_hash = KEY_MAP(struct managed, info_hash);
    m->now = 1000 * NS_PER_S;
    m->ready = true;
}

static void expect_silence(void)
{
    struct channel *const all[] = {&fs.inbox.channel, &lobby.inbox.channel,
                                   &announcer.inbox.channel, &choker.inbox.channel,
                                   &bandwidth.inbox.channel};

    for (size_t i = 0; i < N_ELEMENTS(all); i++) {
        struct msg *x = channel_receive(all[i]);

        ck_assert_msg(!x, "%s was sent", x ? msg_name(x->kind) : "");
    }
}

static void end(void)
{
    expect_silence();
    while (m->first)
        managed_free(m->first);
    for (unsigned life = 0; life < N_LIVES; life++)
        ck_assert_uint_eq(m->n_in[life], 0);
    key_map_deinit(&m->by_hash);
    free(m->dir);
    free(m);
}

/* The next message to C must be of KIND. */
static void *expect(struct channel *c, uint16_t kind)
{
    struct msg *x = channel_receive(c);

    ck_assert_msg(x, "%s does not come", msg_name(kind));
    ck_assert_msg(x->kind == kind, "%s comes instead of %s", msg_name(x->kind), msg_name(kind));
    return x;
}

#define EXPECT(actor, message) expect(&actor.inbox.channel, actor##_kind_##message)
#define DROP(actor, message)   msg_free(EXPECT(actor, message))

static struct managed *add(unsigned number)
{
    struct master_torrent_config c = {0};
    char bytes[160], reason[METAINFO_REASON_MAX];
    int n =
        snprintf(bytes, sizeof bytes,
                 "d4:infod6:lengthi1000e4:name8:file%04u12:piece lengthi32768e6:pieces20:%020uee",
                 number, number);
    struct managed *t;

    ck_assert_msg(!metainfo_parse((const uint8_t *)bytes, (size_t)n, &c.meta, reason), "%s",
                  reason);
    t = managed_new(m, &c);
    managed_open(t);
    return t;
}

/* Master has handled an answer about T. */
static void come_home(struct managed *t, struct msg *x)
{
    managed_answered(t);
    msg_free(x);
}

/* FS answers OpenTorrent. Returns whom it was about. */
static struct managed *answer_open(int error, bool complete, uint64_t uploaded)
{
    struct fs_open_torrent *x = EXPECT(fs, open_torrent);
    struct managed *t = managed_of(x->torrent);

    ck_assert(x->refuse_lost);
    x->error = error;
    if (!error) {
        x->storage = (struct storage *)&fs;
        x->uploaded = uploaded;
        ck_assert(!bitfield_init(&x->have, 1));
        if (complete)
            bitfield_set(&x->have, 0);
    }
    managed_opened(t, x);
    come_home(t, &x->msg);
    return t;
}

static void answer_close(struct managed *t)
{
    struct fs_close_torrent *x = EXPECT(fs, close_torrent);

    ck_assert_int_eq(x->unchanged, !t->unsaved);
    ck_assert_ptr_eq(x->of, &t->torrent);
    t->torrent.storage = NULL;
    come_home(t, &x->msg);
}

/* A complete torrent that seeds. */
static struct managed *start(unsigned number)
{
    struct lobby_torrent_added *added;
    struct managed *t = add(number);

    ck_assert_ptr_eq(answer_open(0, true, 0), t);
    added = EXPECT(lobby, torrent_added);
    ck_assert_ptr_eq(added->torrent, &t->torrent);
    bitfield_deinit(&added->have);
    msg_free(&added->msg);
    DROP(choker, torrent_completed);
    DROP(announcer, torrent_started);
    ck_assert_int_eq(t->life, LIFE_RUNNING);
    return t;
}

static void tick(void)
{
    m->n_ticks++;
    m->now += NS_PER_S;
    for (struct managed *t = m->first, *next; t; t = next) {
        next = t->next;
        managed_tick(t);
    }
}

static void tick_times(unsigned n)
{
    while (n--) {
        tick();
        expect_silence();
    }
}

/* Once a removed torrent has ended, what Master's loop does. */
static void sweep(struct managed *t)
{
    ck_assert(m->sweep_due && t->forget && t->life == LIFE_ENDED);
    ck_assert_uint_eq(t->n_queries, 0);
    managed_free(t);
}

START_TEST(a_torrent_that_nobody_asks_for_costs_no_message)
{
    begin();
    for (unsigned i = 0; i < 100; i++)
        start(i);
    tick_times(200);
    end();
}
END_TEST

START_TEST(what_changed_is_told_once_and_saved_once_spread_over_a_minute)
{
    unsigned n_saves = 0;

    begin();
    for (unsigned i = 0; i < 100; i++)
        start(i);
    for (struct managed *t = m->first; t; t = t->next) {
        t->uploaded = 5;
        t->unsaved = true;
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
            struct managed *t = managed_of(save->of);

            ck_assert_int_eq(x->kind, fs_kind_save_resume);
            ck_assert_uint_eq(save->uploaded, 5);
            t->saving = false;
            managed_note_save(t, 0);
            come_home(t, x);
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

START_TEST(one_that_is_removed_is_let_go_of_in_order)
{
    struct managed *t, *other;
    struct lobby_torrent_removed *l;
    struct choker_torrent_removed *c;
    struct announcer_torrent_stopped *a;

    begin();
    other = start(1);
    t = start(2);
    t->unsaved = true;
    managed_remove(t);
    l = EXPECT(lobby, torrent_removed);
    ck_assert_ptr_eq(l->swarm, &t->swarm);
    expect_silence(); /* connections first */
    come_home(t, &l->msg);
    c = EXPECT(choker, torrent_removed);
    ck_assert_uint_eq(c->torrent, t->torrent.swarm->id);
    msg_free(&c->msg);
    a = EXPECT(announcer, torrent_stopped);
    ck_assert_ptr_eq(a->swarm, &t->swarm);
    ck_assert_int_eq(t->life, LIFE_CLOSING);
    answer_close(t);
    ck_assert(!m->sweep_due);
    come_home(t, &a->msg);
    sweep(t);
    ck_assert_ptr_eq(m->first, other);
    ck_assert_ptr_eq(m->last, other);
    ck_assert_uint_eq(m->n_torrents, 1);
    ck_assert_ptr_eq(key_map_get(&m->by_hash, &other->info_hash), other);
    tick_times(70);
    end();
}
END_TEST

START_TEST(one_that_is_removed_while_it_opens_is_closed_at_once)
{
    struct managed *t;

    begin();
    t = add(1);
    managed_remove(t);
    answer_open(0, true, 0);
    answer_close(t);
    sweep(t);
    /* And its failure is nobody's business any more. */
    t = add(2);
    managed_remove(t);
    answer_open(-EACCES, false, 0);
    sweep(t);
    ck_assert_int_eq(m->outcome, MASTER_DONE);
    ck_assert_uint_eq(n_stop_all, 0);
    end();
}
END_TEST

START_TEST(a_failure_is_tried_again_with_growing_pauses)
{
    static const unsigned pauses[] = {5, 10, 20, 40, 80, 160, 320, 600, 600};
    struct managed *t;

    begin();
    add(1);
    for (size_t i = 0; i < N_ELEMENTS(pauses); i++) {
        t = answer_open(-ENOENT, false, 0);
        ck_assert_int_eq(t->life, LIFE_ENDED);
        ck_assert_uint_eq(t->lasting.n_failures, i + 1);
        ck_assert_str_eq(t->lasting.said, strerror(ENOENT));
        tick_times(pauses[i] - 1);
        tick();
        ck_assert_uint_eq(m->n_torrents, 1);
    }
    answer_open(-ENOENT, false, 0);
    end();
}
END_TEST

START_TEST(one_that_works_again_begins_anew_with_short_pauses)
{
    struct lobby_torrent_added *added;
    struct managed *t;

    begin();
    add(1);
    answer_open(-ENOENT, false, 0);
    tick_times(4);
    tick();
    t = answer_open(0, true, 0);
    added = EXPECT(lobby, torrent_added);
    bitfield_deinit(&added->have);
    msg_free(&added->msg);
    DROP(choker, torrent_completed);
    DROP(announcer, torrent_started);
    ck_assert_uint_eq(t->lasting.n_failures, 1);
    tick_times(10);
    ck_assert_uint_eq(t->lasting.n_failures, 0);
    ck_assert_ptr_null(t->lasting.said);
    ck_assert_int_eq(m->outcome, MASTER_DONE);
    end();
}
END_TEST

START_TEST(named_at_start_a_failure_ends_the_start)
{
    struct managed *t;

    begin();
    m->ready = false;
    t = add(1);
    t->lasting.named = true;
    answer_open(-EACCES, false, 0);
    ck_assert_uint_eq(n_stop_all, 1);
    ck_assert_int_eq(m->outcome, MASTER_ERROR);
    tick_times(700);
    end();
}
END_TEST

START_TEST(one_that_opens_while_all_stop_is_closed_at_once)
{
    struct managed *t;

    begin();
    m->stopping = true;
    t = add(1);
    answer_open(0, true, 0);
    answer_close(t);
    ck_assert_int_eq(t->life, LIFE_ENDED);
    /* Or not even opened. */
    t = add(2);
    answer_open(-ECANCELED, false, 0);
    ck_assert_int_eq(t->life, LIFE_ENDED);
    ck_assert(!t->lasting.said);
    /* That one could not be opened is no matter for an exit code once a signal has come. */
    t = add(3);
    m->signalled = true;
    answer_open(-ENOENT, false, 0);
    ck_assert_int_eq(t->life, LIFE_ENDED);
    ck_assert(!t->lasting.said);
    ck_assert_int_eq(m->outcome, MASTER_DONE);
    end();
}
END_TEST

START_TEST(seeded_enough_it_is_not_started_until_more_is_asked_for)
{
    struct managed *t;

    begin();
    m->settings.each.seed_ratio = 2;
    t = add(1);
    answer_open(0, true, 2000);
    answer_close(t);
    ck_assert(t->sated && t->life == LIFE_ENDED && !t->retry_ns);
    tick_times(100);
    m->settings.each.seed_ratio = 3;
    managed_take_settings(t);
    tick();
    t = answer_open(0, true, 3000);
    answer_close(t);
    ck_assert_uint_eq(m->n_torrents, 1);
    end();
}
END_TEST

START_TEST(the_time_of_seeding_adds_up)
{
    struct lobby_torrent_removed *l;
    struct announcer_torrent_stopped *a;
    struct managed *t;

    begin();
    m->settings.each.seed_time_s = 100;
    t = start(1);
    t->lasting.seeded_s = 60;
    t->lasting.known = true;
    m->known = (struct watch *)m; /* only whether it is there counts */
    tick_times(39);
    tick();
    l = EXPECT(lobby, torrent_removed);
    come_home(t, &l->msg);
    DROP(choker, torrent_removed);
    a = EXPECT(announcer, torrent_stopped);
    come_home(t, &a->msg);
    answer_close(t);
    ck_assert(t->sated);
    ck_assert_uint_eq(n_be_known, 1);
    m->now += 50 * NS_PER_S;
    ck_assert_uint_eq(managed_seeded_s(t), 100);
    end();
}
END_TEST

START_TEST(resume_data_that_cannot_be_saved_is_noted_once_for_all)
{
    struct managed *a, *b;

    begin();
    a = start(1);
    b = start(2);
    managed_note_save(a, -ENOSPC);
    ck_assert_int_eq(state_error, -ENOSPC);
    state_error = 1;
    managed_note_save(b, -ENOSPC);
    managed_note_save(b, -ENOSPC);
    managed_note_save(a, 0);
    ck_assert_int_eq(state_error, 1);
    managed_note_save(b, 0);
    ck_assert_int_eq(state_error, 0);
    end();
}
END_TEST

/* A failure that went with its torrent keeps no later one from being said. */
START_TEST(resume_data_that_cannot_be_saved_goes_with_its_torrent)
{
    struct managed *t, *other;

    begin();
    other = start(1);
    t = add(2);
    answer_open(-EACCES, false, 0);
    managed_note_save(t, -ENOSPC);
    m->state_failing = 1u << MASTER_STATE_RESUME | 1u << MASTER_STATE_KNOWN;
    managed_note_save(other, -ENOSPC);
    managed_remove(t);
    sweep(t);
    ck_assert_uint_eq(m->n_unsavable, 1);
    ck_assert_uint_eq(m->state_failing, 1u << MASTER_STATE_RESUME | 1u << MASTER_STATE_KNOWN);
    managed_note_save(other, 0);
    t = add(2);
    answer_open(-EACCES, false, 0);
    managed_note_save(t, -ENOSPC);
    managed_remove(t);
    sweep(t);
    ck_assert_uint_eq(m->n_unsavable, 0);
    ck_assert_uint_eq(m->state_failing, 1u << MASTER_STATE_KNOWN);
    end();
}
END_TEST

RUN_SUITE("Master's torrents", 10, a_torrent_that_nobody_asks_for_costs_no_message,
          what_changed_is_told_once_and_saved_once_spread_over_a_minute,
          one_that_is_removed_is_let_go_of_in_order,
          one_that_is_removed_while_it_opens_is_closed_at_once,
          a_failure_is_tried_again_with_growing_pauses,
          one_that_works_again_begins_anew_with_short_pauses,
          named_at_start_a_failure_ends_the_start, one_that_opens_while_all_stop_is_closed_at_once,
          seeded_enough_it_is_not_started_until_more_is_asked_for, the_time_of_seeding_adds_up,
          resume_data_that_cannot_be_saved_is_noted_once_for_all,
          resume_data_that_cannot_be_saved_goes_with_its_torrent);
