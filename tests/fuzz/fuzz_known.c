/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "conjure/state/known.h"
#include "conjure/state/state.h"
#include "conjure/state/statistics.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void try_statistics(const uint8_t *bytes, size_t n)
{
    struct statistics s, again;
    char reason[STATISTICS_REASON_MAX];
    uint8_t *written;
    size_t n_written;

    if (statistics_decode(bytes, n, &s, reason))
        return;
    if (statistics_encode(&s, &written, &n_written) ||
        statistics_decode(written, n_written, &again, reason) || memcmp(&s, &again, sizeof s))
        abort();
    free(written);
}

/* An accepted record is written and read again without a change. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct known k = KNOWN_EMPTY, again = KNOWN_EMPTY;
    char reason[KNOWN_REASON_MAX];
    uint8_t *written;
    size_t n_written;

    try_statistics(bytes, n);
    if (known_decode(bytes, n, &k, reason))
        return 0;
    if (known_encode(&k, &written, &n_written) ||
        known_decode(written, n_written, &again, reason) || strcmp(k.folder, again.folder) ||
        k.seeded_s != again.seeded_s ||
        !info_hash_equal(metainfo_info_hash(k.meta), metainfo_info_hash(again.meta)))
        abort();
    free(written);
    known_deinit(&k);
    known_deinit(&again);
    return 0;
}
