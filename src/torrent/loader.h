/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_TORRENT_LOADER_H
#define CONJURE_SRC_TORRENT_LOADER_H

#include "conjure/bencode/bencode.h"
#include "torrent/metainfo_struct.h"

/* A metainfo while it is loaded, and the reason for a refusal. One thread at a time. */
struct loader {
    struct metainfo *m;
    struct bencode tree;
    const struct bencode_node *root;
    const struct bencode_node *info;
    char *reason; /* METAINFO_REASON_MAX bytes */
};

/* Writes the reason, cut at a whole UTF-8 character, and returns METAINFO_REFUSED. */
int loader_refuse(struct loader *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The value of KEY_UTF8 in DICT, or of KEY, of KIND; NULL when there is neither. Old clients wrote
 * KEY in a local encoding and KEY_UTF8 beside it. */
const struct bencode_node *loader_find_utf8(const struct loader *l, const struct bencode_node *dict,
                                            const char *key_utf8, const char *key,
                                            enum bencode_kind kind);

#endif
