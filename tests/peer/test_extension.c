/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <string.h>

#include "conjure/peer/extension.h"

/* From a heap block of exactly N bytes, so that a sanitizer sees a read past the end. */
static int decode(const void *bytes, size_t n, struct extension_handshake *h)
{
    uint8_t *copy = malloc(n ? n : 1);
    int r;

    memcpy(copy, bytes, n);
    r = extension_decode(copy, n, h);
    free(copy);
    return r;
}
#define DECODE(literal, h) decode((literal), sizeof(literal) - 1, (h))

/* What libtorrent 2.0 says, shortened. */
static const char usual[] = "d12:complete_agoi1e1:md11:lt_donthavei7e11:ut_metadatai2e11:upload_"
                            "onlyi3ee4:reqqi2000e11:upload_onlyi1e1:v15:libtorrent/2.0.6:yourip4:"
                            "\x7f\0\0\1e";

START_TEST(reads_what_others_say)
{
    struct extension_handshake h;

    ck_assert_int_eq(DECODE(usual, &h), 0);
    ck_assert(h.upload_only_said && h.upload_only);
    ck_assert_uint_eq(h.reqq, 2000);
    ck_assert_str_eq(h.client, "libtorrent/2.0.");

    ck_assert_int_eq(DECODE("de", &h), 0);
    ck_assert(!h.upload_only_said && !h.upload_only);
    ck_assert_uint_eq(h.reqq, 0);
    ck_assert_str_eq(h.client, "");

    ck_assert_int_eq(DECODE("d11:upload_onlyi0ee", &h), 0);
    ck_assert(h.upload_only_said && !h.upload_only);
}
END_TEST

START_TEST(needs_every_byte)
{
    struct extension_handshake h;

    for (size_t n = 0; n < sizeof usual - 1; n++)
        ck_assert_int_eq(decode(usual, n, &h), -EPROTO);
    ck_assert_int_eq(extension_decode(NULL, 0, &h), -EPROTO);
}
END_TEST

START_TEST(refuses_nonsense)
{
    struct extension_handshake h;
    char deep[EXTENSION_HANDSHAKE_MAX];

    ck_assert_int_eq(DECODE("le", &h), -EPROTO);
    ck_assert_int_eq(DECODE("i1e", &h), -EPROTO);
    ck_assert_int_eq(DECODE("d1:mle1:v1:xe", &h), -EPROTO);
    ck_assert_int_eq(DECODE("d4:reqq3:250e", &h), -EPROTO);
    ck_assert_int_eq(DECODE("d11:upload_only1:1e", &h), -EPROTO);
    ck_assert_int_eq(DECODE("d1:vi1ee", &h), -EPROTO);
    ck_assert_int_eq(DECODE("d1:v1:a1:v1:be", &h), -EPROTO);
    ck_assert_int_eq(DECODE("dex", &h), -EPROTO);
    /* As deep, and as many, as fit. */
    memset(deep, 'd', sizeof deep);
    ck_assert_int_eq(decode(deep, sizeof deep, &h), -EPROTO);
    memset(deep, 'e', sizeof deep);
    memcpy(deep, "d1:ml", 5);
    for (size_t i = 5; i < sizeof deep - 3; i += 2)
        memcpy(deep + i, "le", 2);
    ck_assert_int_eq(decode(deep, sizeof deep, &h), -EPROTO);
}
END_TEST

START_TEST(numbers_are_cut_to_what_makes_sense)
{
    struct extension_handshake h;

    ck_assert_int_eq(DECODE("d4:reqqi9223372036854775807ee", &h), 0);
    ck_assert_uint_eq(h.reqq, UINT16_MAX);
    ck_assert_int_eq(DECODE("d4:reqqi65536ee", &h), 0);
    ck_assert_uint_eq(h.reqq, UINT16_MAX);
    ck_assert_int_eq(DECODE("d4:reqqi-1ee", &h), 0);
    ck_assert_uint_eq(h.reqq, 0);
    ck_assert_int_eq(DECODE("d4:reqqi0ee", &h), 0);
    ck_assert_uint_eq(h.reqq, 0);
    ck_assert_int_eq(DECODE("d4:reqqi1ee", &h), 0);
    ck_assert_uint_eq(h.reqq, 1);
    ck_assert_int_eq(DECODE("d11:upload_onlyi-7ee", &h), 0);
    ck_assert(h.upload_only);
}
END_TEST

START_TEST(a_name_is_short_and_printable)
{
    struct extension_handshake h;

    ck_assert_int_eq(DECODE("d1:v9:\xc2\xb5T\n\x1b[2J\0e", &h), 0);
    ck_assert_str_eq(h.client, "??T??[2J?");
    ck_assert_int_eq(DECODE("d1:v40:0123456789012345678901234567890123456789e", &h), 0);
    ck_assert_str_eq(h.client, "0123456789012345678901234567890");
}
END_TEST

START_TEST(says_who_we_are)
{
    static const char expected[] =
        "d1:mde1:pi6881e4:reqqi1024e11:upload_onlyi1e1:v13:Conjure 0.1.0e";
    static const char shorter[] = "d1:mde4:reqqi1024e11:upload_onlyi0e1:v13:Conjure 0.1.0e";
    uint8_t bytes[EXTENSION_OURS_MAX];
    struct extension_handshake h;
    size_t n = extension_encode(6881, 1024, true, bytes);

    ck_assert_str_eq(CONJURE_VERSION, "0.1.0"); /* or the literals say another one */
    ck_assert_uint_eq(n, sizeof expected - 1);
    ck_assert_mem_eq(bytes, expected, n);
    ck_assert_int_eq(decode(bytes, n, &h), 0);
    ck_assert(h.upload_only);
    ck_assert_uint_eq(h.reqq, 1024);
    ck_assert_str_eq(h.client, "Conjure 0.1.0");

    n = extension_encode(0, 1024, false, bytes);
    ck_assert_uint_eq(n, sizeof shorter - 1);
    ck_assert_mem_eq(bytes, shorter, n);
    /* The longest that it can be. */
    ck_assert_uint_lt(extension_encode(65535, UINT32_MAX, true, bytes), EXTENSION_OURS_MAX);
}
END_TEST

RUN_SUITE("extension", 20, reads_what_others_say, needs_every_byte, refuses_nonsense,
          numbers_are_cut_to_what_makes_sense, a_name_is_short_and_printable, says_who_we_are);
