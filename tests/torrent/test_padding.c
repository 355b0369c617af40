/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdio.h>
#include <string.h>

#include "conjure/torrent/metainfo.h"
#include "conjure/torrent/padding.h"

/* Files of these lengths, every second one padding, in pieces of four blocks. */
static struct metainfo *torrent_of(const uint64_t *lengths, unsigned n_files)
{
    char text[4096], reason[METAINFO_REASON_MAX];
    struct metainfo *m = NULL;
    uint64_t total = 0;
    size_t n = 0;
    uint32_t n_pieces;

    n += (size_t)snprintf(text, sizeof text, "d4:infod5:filesl");
    for (unsigned i = 0; i < n_files; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "d%s6:lengthi%llue4:pathl2:f%uee",
                              i % 2 ? "4:attr1:p" : "", (unsigned long long)lengths[i], i);
        total += lengths[i];
    }
    n_pieces = (uint32_t)((total + 65535) / 65536);
    n += (size_t)snprintf(text + n, sizeof text - n,
                          "e4:name1:T12:piece lengthi65536e6:pieces%u:", n_pieces * 20);
    memset(text + n, 'h', n_pieces * 20);
    n += n_pieces * 20;
    memcpy(text + n, "ee", 2);
    ck_assert_msg(metainfo_parse((uint8_t *)text, n + 2, &m, reason) == 0, "%s", reason);
    return m;
}

START_TEST(blocks_of_padding_alone_are_named)
{
    /* A file of 400 bytes that is padded to a piece, one of a piece and a half, padding of half a
     * piece, and a last file of 1 byte with padding in a short last piece. */
    static const uint64_t lengths[] = {400, 65136, 98304, 32768, 1, 39999};
    struct metainfo *m = torrent_of(lengths, 6);

    ck_assert_uint_eq(padding_blocks(m, 0, 0), 0xe); /* block 0 begins with 400 bytes */
    ck_assert_uint_eq(padding_blocks(m, 0, 1), 0x7);
    ck_assert_uint_eq(padding_blocks(m, 0, 4), 0);
    ck_assert_uint_eq(padding_blocks(m, 1, 0), 0);
    ck_assert_uint_eq(padding_blocks(m, 2, 0), 0xc);
    ck_assert_uint_eq(padding_blocks(m, 3, 0), 0x6); /* 40,000 bytes: three blocks */
    metainfo_free(m);
}
END_TEST

START_TEST(a_block_between_two_files_is_no_padding)
{
    /* Padding that begins and ends inside of blocks. */
    static const uint64_t lengths[] = {10000, 30000, 20000, 5536};
    struct metainfo *m = torrent_of(lengths, 4);

    ck_assert_uint_eq(padding_blocks(m, 0, 0), 0x2);
    metainfo_free(m);
}
END_TEST

/* It is not downloaded at all. */
START_TEST(a_piece_of_padding_alone_has_none)
{
    static const uint64_t lengths[] = {65536, 70000, 61072};
    struct metainfo *m = torrent_of(lengths, 3);

    ck_assert_uint_eq(padding_blocks(m, 1, 0), 0);
    ck_assert_uint_eq(padding_blocks(m, 2, 0), 0); /* 4464 bytes of padding, then a file */
    metainfo_free(m);
}
END_TEST

START_TEST(long_pieces_are_asked_for_in_parts)
{
    static const uint64_t lengths[] = {1, 65535};
    struct metainfo *m = torrent_of(lengths, 2);

    ck_assert_uint_eq(padding_blocks(m, 0, 3), 0x1);
    ck_assert_uint_eq(padding_blocks(m, 0, 64), 0);
    metainfo_free(m);
}
END_TEST

RUN_SUITE("padding", 10, blocks_of_padding_alone_are_named, a_block_between_two_files_is_no_padding,
          a_piece_of_padding_alone_has_none, long_pieces_are_asked_for_in_parts);
