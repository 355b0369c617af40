/* SPDX-License-Identifier: MIT */
#include "torrent/loader.h"

#include <stdarg.h>
#include <stdio.h>

int loader_refuse(struct loader *l, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(l->reason, METAINFO_REASON_MAX, format, args);
    va_end(args);
    if (n >= METAINFO_REASON_MAX) {
        /* Cut where a character begins. */
        size_t end = METAINFO_REASON_MAX - 1;

        while (end && ((uint8_t)l->reason[end - 1] & 0xc0) == 0x80)
            end--;
        if (end && (uint8_t)l->reason[end - 1] >= 0xc0)
            end--;
        l->reason[end] = '\0';
    }
    return METAINFO_REFUSED;
}

const struct bencode_node *loader_find_utf8(const struct loader *l, const struct bencode_node *dict,
                                            const char *key_utf8, const char *key,
                                            enum bencode_kind kind)
{
    const struct bencode_node *node = bencode_find_kind(&l->tree, dict, key_utf8, kind);

    return node && (kind == BENCODE_STRING || node->n)
               ? node
               : bencode_find_kind(&l->tree, dict, key, kind);
}
