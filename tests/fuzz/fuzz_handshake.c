/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "conjure/peer/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* If a prefix of a handshake is accepted, so are its shorter prefixes; a whole handshake encodes to
 * itself, except for unknown reserved bits. */
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
