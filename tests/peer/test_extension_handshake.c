/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conjure/peer/extension_handshake.h"

/* Two extensions, as a registry has them. */
static const struct extension rows[] = {{.name = "ut_a", .message_max = 100},
                                        {.name = "ut_b", .message_max = 100, .public_only = true}};
static const struct extension_registry registry = {rows, 2};

/* From a heap block of exactly N bytes, so that a sanitizer sees a read past the end. */
static int decode(const void *bytes, size_t n, struct extension_handshake *h)
{
    uint8_t *copy = malloc(n ? n : 1);
    int r;

    memcpy(copy, bytes, n);
    r = extension_handshake_decode(copy, n, &registry, h);
    free(copy);
    return r;
}
#define DECODE(literal, h) decode((literal), sizeof(literal) - 1, (h))

/* As libtorrent 2.0 sends it, shortened. */
static const char usual[] = "d12:complete_agoi1e1:md11:lt_donthavei7e11:ut_metadatai2e11:upload_"
                            "onlyi3ee4:reqqi2000e11:upload_onlyi1e1:v15:libtorrent/2.0.6:yourip4:"
                            "\x7f\0\0\1e";

START_TEST(reads_handshakes_of_other_clients)
{
    struct extension_handshake h;

    ck_assert_int_eq(DECODE(usual, &h), 0);
    ck_assert(h.upload_only_present && h.upload_only);
    ck_assert_uint_eq(h.reqq, 2000);
    ck_assert_str_eq(h.client, "libtorrent/2.0.");

    ck_assert_int_eq(DECODE("de", &h), 0);
    ck_assert(!h.upload_only_present && !h.upload_only);
    ck_assert_uint_eq(h.reqq, 0);
    ck_assert_str_eq(h.client, "");

    ck_assert_int_eq(DECODE("d11:upload_onlyi0ee", &h), 0);
    ck_assert(h.upload_only_present && !h.upload_only);
}
END_TEST

START_TEST(a_cut_handshake_is_malformed)
{
    struct extension_handshake h;

    for (size_t n = 0; n < sizeof usual - 1; n++)
        ck_assert_int_eq(decode(usual, n, &h), -EPROTO);
    ck_assert_int_eq(extension_handshake_decode(NULL, 0, &registry, &h), -EPROTO);
}
END_TEST

START_TEST(refuses_wrong_types_and_depths)
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
    /* As many levels, and as many values, as fit. */
    memset(deep, 'd', sizeof deep);
    ck_assert_int_eq(decode(deep, sizeof deep, &h), -EPROTO);
    memset(deep, 'e', sizeof deep);
    memcpy(deep, "d1:ml", 5);
    for (size_t i = 5; i < sizeof deep - 3; i += 2)
        memcpy(deep + i, "le", 2);
    ck_assert_int_eq(decode(deep, sizeof deep, &h), -EPROTO);
}
END_TEST

START_TEST(numbers_are_cut_to_their_range)
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

START_TEST(the_client_is_short_and_printable)
{
    struct extension_handshake h;

    ck_assert_int_eq(DECODE("d1:v9:\xc2\xb5T\n\x1b[2J\0e", &h), 0);
    ck_assert_str_eq(h.client, "??T??[2J?");
    ck_assert_int_eq(DECODE("d1:v40:0123456789012345678901234567890123456789e", &h), 0);
    ck_assert_str_eq(h.client, "0123456789012345678901234567890");
}
END_TEST

static void expect_encoded(const struct extension_offer *offer, const char *expected)
{
    uint8_t bytes[EXTENSION_OURS_MAX];
    size_t n = extension_handshake_encode(offer, bytes);

    ck_assert_uint_eq(n, strlen(expected));
    ck_assert_mem_eq(bytes, expected, n);
}

START_TEST(ours_names_the_client_and_its_settings)
{
    static const char expected[] =
        "d1:mde1:pi6881e4:reqqi1024e11:upload_onlyi1e1:v13:Conjure 0.1.0e";
    struct extension_offer offer = {
        .registry = &extensions_ours, .port = 6881, .reqq = 1024, .upload_only = true};
    struct extension_handshake h;

    ck_assert_str_eq(CONJURE_VERSION, "0.1.0"); /* as the literals below */
    expect_encoded(&offer, expected);
    ck_assert_int_eq(DECODE(expected, &h), 0);
    ck_assert(h.upload_only);
    ck_assert_uint_eq(h.reqq, 1024);
    ck_assert_str_eq(h.client, "Conjure 0.1.0");
    offer.port = 0;
    offer.upload_only = false;
    expect_encoded(&offer, "d1:mde4:reqqi1024e11:upload_onlyi0e1:v13:Conjure 0.1.0e");
}
END_TEST

START_TEST(ours_names_the_extensions_of_the_registry)
{
    struct extension_offer offer = {.registry = &registry, .reqq = 9};

    expect_encoded(&offer,
                   "d1:md4:ut_ai1e4:ut_bi2ee4:reqqi9e11:upload_onlyi0e1:v13:Conjure 0.1.0e");
    offer.is_private = true;
    expect_encoded(&offer, "d1:md4:ut_ai1ee4:reqqi9e11:upload_onlyi0e1:v13:Conjure 0.1.0e");
}
END_TEST

START_TEST(the_longest_of_ours_fits)
{
    static const struct extension longest = {.name = "01234567890123456789"};
    struct extension all[EXTENSIONS_MAX];
    const struct extension_registry full = {all, EXTENSIONS_MAX};
    const struct extension_offer offer = {
        .registry = &full, .port = 65535, .reqq = UINT32_MAX, .upload_only = true};
    uint8_t bytes[EXTENSION_OURS_MAX];

    ck_assert_uint_eq(strlen(longest.name), EXTENSION_NAME_MAX);
    for (unsigned i = 0; i < EXTENSIONS_MAX; i++)
        all[i] = longest;
    ck_assert_uint_lt(extension_handshake_encode(&offer, bytes), EXTENSION_OURS_MAX);
}
END_TEST

/* `m`, and what is read of it for the two rows. */
START_TEST(reads_the_ids_that_the_peer_gives)
{
    static const struct {
        const char *m;
        uint8_t present, ids[2];
    } cases[] = {
        {"de", 0, {0, 0}},
        {"d4:ut_ai1e4:ut_bi255ee", 3, {1, 255}},
        {"d4:ut_ai0ee", 1, {0, 0}},
        {"d4:ut_bi7e4:ut_ci8ee", 2, {0, 7}},
        {"d4:ut_ai256e4:ut_bi-1ee", 3, {0, 0}},
        {"d4:ut_a1:34:ut_bi9223372036854775807ee", 3, {0, 0}},
        {"d4:ut_ade4:ut_bi5ee", 3, {0, 5}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct extension_handshake h;
        char text[100];
        int n = snprintf(text, sizeof text, "d1:m%se", cases[i].m);

        ck_assert_int_eq(decode(text, (size_t)n, &h), 0);
        ck_assert_uint_eq(h.ids_present, cases[i].present);
        ck_assert_mem_eq(h.ids, cases[i].ids, 2);
        ck_assert_int_eq(
            extension_handshake_decode((const uint8_t *)text, (size_t)n, &extensions_ours, &h), 0);
        ck_assert_uint_eq(h.ids_present & ~3u, 0);
    }
}
END_TEST

RUN_SUITE("extension_handshake", 20, reads_handshakes_of_other_clients,
          a_cut_handshake_is_malformed, refuses_wrong_types_and_depths,
          numbers_are_cut_to_their_range, the_client_is_short_and_printable,
          ours_names_the_client_and_its_settings, ours_names_the_extensions_of_the_registry,
          the_longest_of_ours_fits, reads_the_ids_that_the_peer_gives);
