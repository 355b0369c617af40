/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "conjure/peer/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A prefix of a handshake that can be read has no prefix that cannot, and a whole one encodes to
 * itself, except for reserved bits that we do not know. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[HANDSHAKE_SIZE];
    struct handshake h;
    int bad = 0;

    if (size > HANDSHAKE_SIZE)
        size = HANDSHAKE_SIZE;
    for (unsigned n = 0; n <= size; n++) {
        int r = handshake_decode(data, n, &h);

        if (bad && !r)
            abort();
        bad = r;
    }
    if (bad || size < HANDSHAKE_SIZE)
        return 0;
    handshake_encode(&h, bytes);
    if (memcmp(bytes, data, 20) != 0 || memcmp(bytes + 28, data + 28, 40) != 0)
        abort();
    return 0;
}
