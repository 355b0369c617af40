/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/peer/extension_handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct extension rows[] = {{.name = "ut_metadata"}, {.name = "ut_pex"}};
static const struct extension_registry registry = {rows, 2};

/* The fields of an extension handshake are in range, printable, and the same when read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct extension_handshake h, again;
    int r;

    memset(&h, 0xcc, sizeof h);
    r = extension_handshake_decode(data, size, &registry, &h);
    if (r != 0 && r != -EPROTO)
        abort();
    if (r)
        return 0;
    if (h.upload_only && !h.upload_only_present)
        abort();
    if (h.ids_present > 3 || (h.ids[0] && !(h.ids_present & 1)) ||
        (h.ids[1] && !(h.ids_present & 2)))
        abort();
    if (!memchr(h.client, 0, sizeof h.client))
        abort();
    for (const char *p = h.client; *p; p++)
        if (*p < ' ' || *p > '~')
            abort();
    if (extension_handshake_decode(data, size, &registry, &again) || again.reqq != h.reqq ||
        again.upload_only != h.upload_only || strcmp(again.client, h.client) != 0)
        abort();
    return 0;
}
