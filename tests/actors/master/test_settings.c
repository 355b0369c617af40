/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "actors/master/settings.h"
#include "conjure/actors/master_settings.h"

static const char hash_1[] = "5d5c5b", *const names[] = {"file0001", "file0002"};

static struct torrent_section *sections(uint32_t n)
{
    return mem_new_array(n, sizeof(struct torrent_section));
}

static void expect_limit(uint32_t torrent, enum direction direction, uint64_t limit)
{
    struct bandwidth_set_limit *x = EXPECT(bandwidth, set_limit);

    ck_assert_uint_eq(x->torrent, torrent);
    ck_assert_int_eq(x->direction, direction);
    ck_assert_uint_eq(x->bytes_per_s, limit);
    msg_free(&x->msg);
}

START_TEST(a_section_is_found_by_info_hash_before_name)
{
    struct master_settings s = MASTER_SETTINGS_EMPTY;
    struct metainfo *meta = small(1);
    char hash[INFO_HASH_TEXT_SIZE];

    info_hash_text(metainfo_info_hash(meta), hash);
    ck_assert_ptr_eq(master_settings_of(&s, meta), &s.each);
    s.sections = sections(3);
    s.n_sections = 2;
    s.sections[0].torrent = mem_dup_string(names[1]);
    s.sections[1].torrent = mem_dup_string(names[0]);
    ck_assert_ptr_eq(master_settings_of(&s, meta), &s.sections[1].settings);
    s.n_sections = 3;
    s.sections[2].torrent = mem_dup_string(hash);
    ck_assert_ptr_eq(master_settings_of(&s, meta), &s.sections[2].settings);
    master_settings_deinit(&s);
    master_settings_deinit(&s);
    ck_assert_ptr_eq(master_settings_of(&s, meta), &s.each);
    metainfo_free(meta);
}
END_TEST

START_TEST(changed_limits_of_a_torrent_are_sent_to_bandwidth)
{
    struct master_torrent *t;

    begin();
    t = make(small(1), NULL);
    m->settings.each.max_upload_limit = 10;
    master_settings_apply(t);
    expect_silence(); /* it is closed */
    record_set_state(t, LIFE_OPENING);
    master_settings_apply(t);
    expect_limit(t->swarm.id, DIRECTION_UP, 10);
    master_settings_apply(t);
    expect_silence();
    m->settings.each.max_download_limit = 20;
    master_settings_apply(t);
    expect_limit(t->swarm.id, DIRECTION_DOWN, 20);
    record_set_state(t, LIFE_CLOSED);
    master_settings_apply(t);
    expect_limit(t->swarm.id, DIRECTION_UP, 0);
    expect_limit(t->swarm.id, DIRECTION_DOWN, 0);
    end();
}
END_TEST

/* Each torrent has a file of its own. */
START_TEST(torrents_take_places_of_connections)
{
    struct lobby_set_max_peers *l;

    begin();
    m->max_peers_possible = 100;
    ck_assert_uint_eq(master_settings_max_peers(m), 100);
    master_settings_fit_connections(m);
    expect_silence();
    make(small(1), NULL);
    make(small(2), NULL);
    master_settings_fit_connections(m);
    l = EXPECT(lobby, set_max_peers);
    ck_assert_uint_eq(l->max_peers, 98);
    msg_free(&l->msg);
    master_settings_fit_connections(m);
    expect_silence();
    m->max_peers_possible = 2;
    ck_assert_uint_eq(master_settings_max_peers(m), 1);
    end();
}
END_TEST

START_TEST(connections_are_bounded_by_the_setting_and_by_open_files)
{
    static const struct {
        unsigned setting, possible, max;
    } cases[] = {{0, 100, 100},
                 {0, 1000000, MASTER_PEERS_MAX},
                 {50, 100, 50},
                 {200, 100, 100},
                 {60000, 1000000, 60000}};

    begin();
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        logged[0] = '\0';
        m->settings.max_peers = cases[i].setting;
        m->max_peers_possible = cases[i].possible;
        ck_assert_uint_eq(master_settings_max_peers(m), cases[i].max);
        ck_assert_int_eq(!!logged[0], cases[i].setting > cases[i].possible);
    }
    end();
}
END_TEST

static bool reload_fails;

static int reload(void *arg, struct master_settings *new)
{
    new->source = "a file";
    new->max_upload_limit = 7;
    new->max_peers = 33;
    new->each.max_upload_limit = 9;
    if (reload_fails)
        return -1;
    new->sections = sections(12);
    for (new->n_sections = 0; new->n_sections < 12; new->n_sections++)
        new->sections[new->n_sections].torrent = mem_dup_string(hash_1);
    return 0;
}

START_TEST(a_reload_tells_all_actors_or_changes_nothing)
{
    struct lobby_set_max_peers *l;
    struct choker_set_limit *c;
    struct bandwidth_exempt_lan *b;
    struct master_torrent *t;

    begin();
    config.reload = reload;
    m->max_peers_possible = 1000;
    t = make(small(1), NULL);
    record_set_state(t, LIFE_RUNNING);
    reload_fails = true;
    master_settings_reload(m);
    expect_silence();
    ck_assert_uint_eq(m->settings.max_peers, 0);
    reload_fails = false;
    master_settings_reload(m);
    b = EXPECT(bandwidth, exempt_lan);
    ck_assert(!b->exempt);
    msg_free(&b->msg);
    expect_limit(BANDWIDTH_ALL, DIRECTION_UP, 7);
    expect_limit(BANDWIDTH_ALL, DIRECTION_DOWN, 0);
    c = EXPECT(choker, set_limit);
    ck_assert_uint_eq(c->bytes_per_s, 7);
    msg_free(&c->msg);
    l = EXPECT(lobby, set_max_peers);
    ck_assert_uint_eq(l->max_peers, 33);
    msg_free(&l->msg);
    expect_limit(t->swarm.id, DIRECTION_UP, 9);
    ck_assert(strstr(logged, "[5d5c5b]: no torrent has this name or info-hash now\n"));
    ck_assert(strstr(logged, "2 more sections"));
    record_set_state(t, LIFE_CLOSED);
    master_settings_deinit(&m->settings);
    end();
}
END_TEST

RUN_SUITE("settings", 10, a_section_is_found_by_info_hash_before_name,
          changed_limits_of_a_torrent_are_sent_to_bandwidth, torrents_take_places_of_connections,
          connections_are_bounded_by_the_setting_and_by_open_files,
          a_reload_tells_all_actors_or_changes_nothing);
