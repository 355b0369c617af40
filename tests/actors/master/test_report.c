/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "actors/master/report.h"

static struct master_status last;
static enum master_report last_kind;
static unsigned n_reports;

static void record(void *arg, const struct master_status *status, enum master_report kind)
{
    ck_assert_ptr_eq(arg, &n_reports);
    last = *status;
    last_kind = kind;
    n_reports++;
}

static void begin_with_report(void)
{
    begin();
    config.report = record;
    config.report_arg = &n_reports;
    n_reports = 0;
}

START_TEST(the_torrent_that_is_least_far_gives_the_state)
{
    static const struct {
        enum life_state states[2];
        bool complete[2];
        int state;
    } cases[] = {
        {{LIFE_OPENING, LIFE_RUNNING}, {false, true}, MASTER_OPENING},
        {{LIFE_CANCELLED, LIFE_CLOSING}, {false, false}, MASTER_OPENING},
        {{LIFE_RUNNING, LIFE_CHECKING}, {false, false}, MASTER_CHECKING},
        {{LIFE_RUNNING, LIFE_RUNNING}, {true, false}, MASTER_DOWNLOADING},
        {{LIFE_RUNNING, LIFE_RUNNING}, {true, true}, MASTER_SEEDING},
        {{LIFE_RUNNING, LIFE_LEAVING}, {true, true}, MASTER_SEEDING},
        {{LIFE_LEAVING, LIFE_CLOSED}, {true, true}, MASTER_STOPPING},
        {{LIFE_CLOSED, LIFE_CLOSED}, {true, true}, MASTER_ENDED},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        begin_with_report();
        for (unsigned k = 0; k < 2; k++) {
            struct master_torrent *t = make(small(k), NULL);

            record_set_state(t, cases[i].states[k]);
            t->complete = cases[i].complete[k];
            t->verified = 100 + k;
            t->wanted = 1000;
            t->n_peers = 2;
        }
        report_progress(m);
        ck_assert_uint_eq(n_reports, 1);
        ck_assert_int_eq(last_kind, MASTER_REPORT_PROGRESS);
        ck_assert_msg((int)last.state == cases[i].state, "case %zu", i);
        ck_assert_uint_eq(last.n_torrents, 2);
        ck_assert_uint_eq(last.verified, 201);
        ck_assert_uint_eq(last.wanted, 2000);
        for (struct master_torrent *t = m->first; t; t = t->next)
            record_set_state(t, LIFE_CLOSED);
        while (m->first)
            record_free(m->first);
        end();
    }
}
END_TEST

START_TEST(a_closed_torrent_counts_in_full_only_alone)
{
    struct master_torrent *t;

    begin_with_report();
    t = make(small(1), NULL);
    t->uploaded = 5;
    report_progress(m);
    ck_assert_str_eq(last.name, "file0001");
    ck_assert_uint_eq(last.uploaded, 5);
    ck_assert_int_eq(last.state, MASTER_STOPPING);
    make(small(2), NULL);
    report_progress(m);
    ck_assert_ptr_null(last.name);
    ck_assert_uint_eq(last.uploaded, 0);
    end();
}
END_TEST

START_TEST(a_finished_download_is_reported_with_its_numbers)
{
    struct master_torrent *t;

    begin_with_report();
    t = make(small(1), NULL);
    t->had_at_start = 100;
    t->verified = t->wanted = 1000;
    t->uploaded_before = 30;
    t->uploaded = 3;
    t->n_peers_most = 7;
    t->opened_ns = 10;
    t->completed_ns = 25;
    t->complete = true;
    report_finished(t);
    ck_assert_int_eq(last_kind, MASTER_REPORT_FINISHED);
    ck_assert_int_eq(last.state, MASTER_SEEDING);
    ck_assert_uint_eq(last.downloaded, 900);
    ck_assert_uint_eq(last.uploaded, 33);
    ck_assert_uint_eq(last.n_peers, 7);
    ck_assert_uint_eq(last.download_ns, 15);
    t->complete = false;
    t->verified = 50; /* less than at the start: a piece was wrong */
    report_finished(t);
    ck_assert_int_eq(last.state, MASTER_STOPPING);
    ck_assert_uint_eq(last.downloaded, 0);
    config.report = NULL;
    report_progress(m);
    report_finished(t);
    ck_assert_uint_eq(n_reports, 2);
    end();
}
END_TEST

RUN_SUITE("report", 10, the_torrent_that_is_least_far_gives_the_state,
          a_closed_torrent_counts_in_full_only_alone,
          a_finished_download_is_reported_with_its_numbers);
