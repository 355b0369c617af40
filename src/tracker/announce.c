/* SPDX-License-Identifier: MIT */
#include "conjure/tracker/announce.h"

#include <string.h>

void announce_reply_add(struct announce_reply *r, const struct addr *a)
{
    if (r->n_addrs < ANNOUNCE_PEERS_MAX && addr_is_dialable(a))
        r->addrs[r->n_addrs++] = *a;
}

void announce_reply_set_text(struct announce_reply *r, const void *text, uint64_t n)
{
    const uint8_t *from = text;
    uint64_t i;
    const uint8_t *nul = memchr(from, 0, n);

    if (nul)
        n = (uint64_t)(nul - from);
    if (n > ANNOUNCE_TEXT_MAX - 1) {
        n = ANNOUNCE_TEXT_MAX - 1;
        while (n && (from[n] & 0xc0) == 0x80) /* do not cut a character */
            n--;
    }
    for (i = 0; i < n; i++) {
        /* Control characters may confuse a terminal. Those of C1 are C2 80 to C2 9F in UTF-8. */
        bool is_c1 = i + 1 < n && from[i] == 0xc2 && from[i + 1] < 0xa0;

        r->text[i] = from[i] < 0x20 || from[i] == 0x7f || is_c1 ? '?' : (char)from[i];
    }
    r->text[i] = 0;
}
