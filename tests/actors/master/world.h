/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_ACTORS_MASTER_WORLD_H
#define CONJURE_TESTS_ACTORS_MASTER_WORLD_H

#include "../../suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "actors/master/internal.h"
#include "actors/master/record.h"
#include "conjure/actors/announcer.h"
#include "conjure/actors/bandwidth.h"
#include "conjure/actors/choker.h"
#include "conjure/actors/fs.h"
#include "conjure/actors/interest_stat.h"
#include "conjure/actors/lobby.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

/*
 * Master without its loop, and the inboxes of the actors that it sends to: the test plays all of
 * them. These functions replace the library's functions of the same names.
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

/* 0, or the errno of each start of an InterestStat. */
static int interest_error;

struct interest_stat *interest_stat_start(struct torrent *t, struct bitfield *have,
                                          const struct stored_blocks *stored,
                                          struct master_inbox *master, struct lobby_inbox *lobby)
{
    errno = interest_error;
    return interest_error ? NULL : (struct interest_stat *)t; /* only ever joined */
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

/* The logged lines. */
static char logged[4096];

static void keep_line(enum log_level level, const char *facility, const char *text)
{
    size_t n = strlen(logged);

    snprintf(logged + n, sizeof logged - n, "%s\n", text);
}

static inline void begin(void)
{
    interest_error = 0;
    log_threshold = LOG_LEVEL_NOTICE;
    log_set_sink(keep_line);
    logged[0] = '\0';
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
    m->max_peers_possible = 2 * MASTER_PEERS_MAX;
    m->max_peers_told = MASTER_PEERS_MAX;
    m->dir = mem_dup_string("/content");
    m->fs = &fs;
    m->lobby = &lobby;
    m->announcer = &announcer;
    m->choker = &choker;
    m->bandwidth = &bandwidth;
    m->by_hash = KEY_MAP(struct master_torrent, info_hash);
    m->paths = CONTENT_PATHS();
    m->now = 1000 * NS_PER_S;
    m->ready = true;
}

static inline void expect_silence(void)
{
    struct channel *const all[] = {&fs.inbox.channel, &lobby.inbox.channel,
                                   &announcer.inbox.channel, &choker.inbox.channel,
                                   &bandwidth.inbox.channel};

    for (size_t i = 0; i < N_ELEMENTS(all); i++) {
        struct msg *x = channel_receive(all[i]);

        ck_assert_msg(!x, "%s was sent", x ? msg_name(x->kind) : "");
    }
}

static inline void end(void)
{
    expect_silence();
    while (m->first)
        record_free(m->first);
    for (unsigned i = 0; i < N_LIFE_STATES; i++)
        ck_assert_uint_eq(m->n_in[i], 0);
    key_map_deinit(&m->by_hash);
    content_paths_deinit(&m->paths);
    free(m->dir);
    free(m);
}

/* The next message to C must be of KIND. */
static inline void *expect(struct channel *c, uint16_t kind)
{
    struct msg *x = channel_receive(c);

    ck_assert_msg(x, "%s was not sent", msg_name(kind));
    ck_assert_msg(x->kind == kind, "%s was sent instead of %s", msg_name(x->kind), msg_name(kind));
    return x;
}

#define EXPECT(actor, message) expect(&actor.inbox.channel, actor##_kind_##message)
#define DROP(actor, message)   msg_free(EXPECT(actor, message))

/* TEXT is a B-coded torrent. */
static inline struct metainfo *parse(const char *text)
{
    char reason[METAINFO_REASON_MAX] = "";
    struct metainfo *meta = NULL;

    ck_assert_msg(!metainfo_parse((const uint8_t *)text, strlen(text), &meta, reason), "%s",
                  reason);
    return meta;
}

/* One file of 1000 bytes in one piece. */
static inline struct metainfo *small(unsigned number)
{
    char text[160];

    snprintf(text, sizeof text,
             "d4:infod6:lengthi1000e4:name8:file%04u12:piece lengthi32768e6:pieces20:%020uee",
             number, number);
    return parse(text);
}

/* Takes META and SKIP_FILE over. */
static inline struct master_torrent *make(struct metainfo *meta, bool *skip_file)
{
    struct master_torrent_config c = {.meta = meta, .skip_file = skip_file};

    return record_new(m, &c);
}

#endif
