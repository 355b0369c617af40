/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "actors/master/summary.h"

START_TEST(each_torrent_has_a_line_and_all_together_another)
{
    static const struct {
        enum life_state state;
        bool complete;
        uint64_t retry_ns;
        const char *error;
        const char *line;
    } cases[] = {
        {LIFE_OPENING, false, 0, NULL, "file0000: opening, 512 B of 1.0 KiB, 1 peer, "},
        {LIFE_CANCELLED, false, 0, NULL, "file0001: opening, "},
        {LIFE_CHECKING, false, 0, NULL, "file0002: checking, "},
        {LIFE_RUNNING, false, 0, NULL, "file0003: downloading, "},
        {LIFE_RUNNING, true, 0, NULL, "file0004: seeding, "},
        {LIFE_LEAVING, true, 0, NULL, "file0005: stopping, "},
        {LIFE_CLOSING, true, 0, NULL, "file0006: stopping, "},
        {LIFE_CLOSED, true, 0, NULL, "file0007: finished, "},
        {LIFE_CLOSED, false, 1, "the disk is gone", "file0008: failed: the disk is gone, "},
    };

    begin();
    for (unsigned i = 0; i < N_ELEMENTS(cases); i++) {
        struct master_torrent *t = make(small(i), NULL);

        record_set_state(t, cases[i].state);
        t->complete = cases[i].complete;
        t->retry_ns = cases[i].retry_ns;
        t->lasting.last_error = cases[i].error ? mem_dup_string(cases[i].error) : NULL;
        t->verified = 512;
        t->wanted = 1024;
        t->uploaded = 2048;
        t->n_peers = 1;
    }
    m->statistics.n_starts = 1;
    m->statistics.running_s = 90061;
    m->began_ns = m->now;
    summary_log(m);
    for (unsigned i = 0; i < N_ELEMENTS(cases); i++)
        ck_assert_msg(strstr(logged, cases[i].line), "no \"%s\" in %s", cases[i].line, logged);
    ck_assert(strstr(logged, "uploaded 2.0 KiB, ratio 2.00\n"));
    ck_assert(strstr(logged, "9 torrents, 1 seeding, 1 downloading, 1 failed, 9 peers, "));
    ck_assert(strstr(logged, "KiB in use"));
    ck_assert(strstr(logged, "1 start, running for 1 d 1 h 1 min\n"));
    while (m->first) {
        record_set_state(m->first, LIFE_CLOSED);
        record_free(m->first);
    }
    end();
}
END_TEST

RUN_SUITE("summary", 10, each_torrent_has_a_line_and_all_together_another);
