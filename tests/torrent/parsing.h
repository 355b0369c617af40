/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_TORRENT_PARSING_H
#define CONJURE_TESTS_TORRENT_PARSING_H

#include "../suite.h"

#include <string.h>

#include "conjure/torrent/metainfo.h"

/* Parse torrents from literals: into the metainfo M, or with the REASON of a refusal. */

#define H20     "abcdefghijklmnopqrst"
#define PIECE   "12:piece lengthi1024e"
#define SINGLE  "d4:infod6:lengthi2500e4:name4:file" PIECE "6:pieces60:" H20 H20 H20 "ee"
#define NO_REST "6:pieces0:ee"

static struct metainfo *m;
static char reason[METAINFO_REASON_MAX];

/* Parses a copy of exact size, so that the sanitizer sees a read beyond the end. */
static inline int parse_n(const char *text, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    int r;

    memcpy(copy, text, n);
    m = NULL;
    r = metainfo_parse(copy, n, &m, reason);
    free(copy);
    return r;
}

#define parse(text) parse_n(text, sizeof(text) - 1)

static inline void must_parse_n(const char *text, size_t n)
{
    int r = parse_n(text, n);

    ck_assert_msg(!r, "refused: %s", reason);
}

#define must_parse(text) must_parse_n(text, sizeof(text) - 1)

#endif
