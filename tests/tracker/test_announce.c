/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/tracker/announce.h"

static struct announce_reply reply;

static const char *cleaned(const char *text, size_t n)
{
    announce_reply_set_text(&reply, text, n);
    return reply.text;
}
#define CLEANED(literal) cleaned(literal, sizeof literal - 1)

START_TEST(control_characters_are_replaced)
{
    ck_assert_str_eq(CLEANED(""), "");
    ck_assert_str_eq(CLEANED("plain"), "plain");
    ck_assert_str_eq(CLEANED("a\x1b[2J\n\x7f"), "a?[2J??");
    ck_assert_str_eq(CLEANED("a\xc2\x9b[2J\0hidden"), "a??[2J");
    ck_assert_str_eq(CLEANED("\xc2\xa0\xc3\x9b"), "\xc2\xa0\xc3\x9b");
    ck_assert_str_eq(CLEANED("a\xc2"), "a\xc2");
}
END_TEST

START_TEST(long_texts_are_cut_between_characters)
{
    char text[400];

    for (size_t i = 0; i < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    ck_assert_uint_eq(strlen(cleaned(text, sizeof text)), 198);
    memset(text, 'x', sizeof text);
    ck_assert_uint_eq(strlen(cleaned(text, sizeof text)), 199);
    ck_assert_uint_eq(strlen(cleaned(text, 199)), 199);
}
END_TEST

START_TEST(only_addresses_that_can_be_dialled_are_added)
{
    struct addr a = {.ip = {10, 0, 0, 1}, .port = 80, .family = AF_INET};

    reply = ANNOUNCE_REPLY_EMPTY;
    for (uint32_t i = 0; i < ANNOUNCE_PEERS_MAX + 1; i++)
        announce_reply_add(&reply, &a);
    ck_assert_uint_eq(reply.n_addrs, ANNOUNCE_PEERS_MAX);
    reply.n_addrs = 0;
    a.port = 0;
    announce_reply_add(&reply, &a);
    ck_assert_uint_eq(reply.n_addrs, 0);
}
END_TEST

RUN_SUITE("announce", 10, control_characters_are_replaced, long_texts_are_cut_between_characters,
          only_addresses_that_can_be_dialled_are_added);
