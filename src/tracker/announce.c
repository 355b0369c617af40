/* SPDX-License-Identifier: MIT */
#include "conjure/tracker/announce.h"

#include <string.h>

#include "conjure/base/log.h"

void announce_reply_add(struct announce_reply *r, const struct addr *a)
{
    if (r->n_addrs < ANNOUNCE_PEERS_MAX && addr_is_dialable(a))
        r->addrs[r->n_addrs++] = *a;
}

void announce_reply_set_text(struct announce_reply *r, const void *text, uint64_t n)
{
    const uint8_t *from = text;
    const uint8_t *nul = memchr(from, 0, n);

    if (nul)
        n = (uint64_t)(nul - from);
    if (n > ANNOUNCE_TEXT_MAX - 1) {
        n = ANNOUNCE_TEXT_MAX - 1;
        while (n && (from[n] & 0xc0) == 0x80) /* do not cut a character */
            n--;
    }
    memcpy(r->text, from, n);
    r->text[n] = 0;
    log_clean(r->text);
}
