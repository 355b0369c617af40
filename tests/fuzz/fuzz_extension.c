/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/peer/extension.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read of an extension handshake can be logged, and is the same when read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct extension_handshake h, again;
    int r;

    memset(&h, 0xcc, sizeof h);
    r = extension_decode(data, size, &h);
    if (r != 0 && r != -EPROTO)
        abort();
    if (r)
        return 0;
    if (h.upload_only && !h.upload_only_said)
        abort();
    if (!memchr(h.client, 0, sizeof h.client))
        abort();
    for (const char *p = h.client; *p; p++)
        if (*p < ' ' || *p > '~')
            abort();
    if (extension_decode(data, size, &again) || again.reqq != h.reqq ||
        again.upload_only != h.upload_only || strcmp(again.client, h.client) != 0)
        abort();
    return 0;
}
