/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include <string.h>

#include "actors/master/reachability.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

#define START (1000 * NS_PER_S)

/* A conversation: at a second after the start something happens, or the verdict is asked for. */
struct line {
    unsigned second;
    enum { FAILURE, REPLY, PEERS, JUDGE } kind;
    uint32_t a, b; /* of a reply: peers and seeders; of JUDGE: the verdict */
};

static void play(uint32_t n_trackers, const struct line *lines, size_t n)
{
    struct reachability r = {.n_trackers = n_trackers};

    reachability_start(&r, START);
    for (size_t i = 0; i < n; i++) {
        const struct line *l = &lines[i];
        uint64_t now = START + l->second * NS_PER_S;

        switch (l->kind) {
        case FAILURE:
            reachability_note_failure(&r, now);
            break;
        case REPLY:
            reachability_note_reply(&r, l->a, l->b, now);
            break;
        case PEERS:
            reachability_note_peers(&r, l->a);
            break;
        case JUDGE:
            ck_assert_msg(reachability_judge(&r, now) == l->a, "line %zu", i);
        }
    }
}

#define PLAY(n_trackers, ...)                       \
    do {                                            \
        const struct line lines[] = {__VA_ARGS__};  \
        play(n_trackers, lines, N_ELEMENTS(lines)); \
    } while (0)

START_TEST(a_torrent_without_trackers_is_given_up_after_half_a_minute)
{
    PLAY(0, {30, JUDGE, REACHABILITY_OPEN}, {31, JUDGE, REACHABILITY_NO_TRACKER_NAMED});
    PLAY(0, {29, PEERS, 1}, {31, JUDGE, REACHABILITY_OPEN}, {999, JUDGE, REACHABILITY_OPEN});
}
END_TEST

START_TEST(a_download_is_given_up_when_all_trackers_have_failed)
{
    PLAY(2, {1, FAILURE}, {31, JUDGE, REACHABILITY_OPEN}, {32, FAILURE},
         {36, JUDGE, REACHABILITY_OPEN}, {37, JUDGE, REACHABILITY_NO_TRACKER_REPLIES});
    /* The next tracker is tried at once, and replies. */
    PLAY(2, {1, FAILURE}, {45, FAILURE}, {45, JUDGE, REACHABILITY_OPEN}, {46, REPLY, 0, 0},
         {60, JUDGE, REACHABILITY_OPEN});
    PLAY(2, {1, FAILURE}, {2, FAILURE}, {30, JUDGE, REACHABILITY_OPEN},
         {31, JUDGE, REACHABILITY_NO_TRACKER_REPLIES});
    /* One that neither fails nor replies is waited for longer. */
    PLAY(2, {1, FAILURE}, {180, JUDGE, REACHABILITY_OPEN},
         {181, JUDGE, REACHABILITY_NO_TRACKER_REPLIES});
}
END_TEST

START_TEST(a_tracker_that_names_only_us_is_waited_for)
{
    PLAY(1, {1, REPLY, 0, 0}, {1000, JUDGE, REACHABILITY_OPEN}, {1000, REPLY, 1, 0},
         {2000, JUDGE, REACHABILITY_OPEN});
}
END_TEST

START_TEST(a_download_is_given_up_when_no_named_peer_is_reached)
{
    PLAY(1, {1, REPLY, 2, 0}, {61, JUDGE, REACHABILITY_OPEN},
         {62, JUDGE, REACHABILITY_NO_PEER_REPLIES});
    PLAY(1, {1, REPLY, 1, 1}, {62, JUDGE, REACHABILITY_NO_PEER_REPLIES});
    /* Each reply is a sign; one peer in this run is enough. */
    PLAY(1, {1, REPLY, 2, 0}, {60, REPLY, 2, 0}, {120, JUDGE, REACHABILITY_OPEN},
         {121, JUDGE, REACHABILITY_NO_PEER_REPLIES}, {122, PEERS, 0},
         {123, JUDGE, REACHABILITY_NO_PEER_REPLIES}, {124, PEERS, 3}, {125, PEERS, 0},
         {9999, JUDGE, REACHABILITY_OPEN});
}
END_TEST

START_TEST(every_verdict_has_a_text)
{
    for (unsigned i = REACHABILITY_NO_PEER_REPLIES; i <= REACHABILITY_NO_TRACKER_REPLIES; i++)
        ck_assert(strlen(reachability_text(i)));
}
END_TEST

RUN_SUITE("reachability", 10, a_torrent_without_trackers_is_given_up_after_half_a_minute,
          a_download_is_given_up_when_all_trackers_have_failed,
          a_tracker_that_names_only_us_is_waited_for,
          a_download_is_given_up_when_no_named_peer_is_reached, every_verdict_has_a_text);
