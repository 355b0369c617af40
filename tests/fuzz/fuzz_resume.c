/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "fs/resume.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Resume data of a torrent of three pieces and two files: decoded data is encoded and decoded
 * again. */
static struct metainfo *make_torrent(void)
{
    static const char head[] = "d4:infod5:filesld6:lengthi40000e4:pathl1:aeed6:lengthi30000e4:pathl"
                               "1:beee4:name1:T12:piece lengthi32768e6:pieces60:";
    uint8_t bytes[sizeof head - 1 + 62];
    char reason[METAINFO_REASON_MAX];
    struct metainfo *meta;

    memset(bytes, 'e', sizeof bytes);
    memcpy(bytes, head, sizeof head - 1);
    if (metainfo_parse(bytes, sizeof bytes, &meta, reason))
        abort();
    return meta;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct metainfo *meta;
    struct resume *r, *again;
    uint8_t *written;
    size_t n_written;

    if (!meta)
        meta = make_torrent();
    if (resume_decode(bytes, n, meta, &r))
        return 0;
    if (resume_encode(r, meta, &written, &n_written) ||
        resume_decode(written, n_written, meta, &again))
        abort();
    if (again->checking != r->checking || again->clean != r->clean ||
        again->n_partials != r->n_partials || again->pieces.n_set != r->pieces.n_set ||
        again->doubtful.n_set != r->doubtful.n_set ||
        memcmp(again->doubtful.bytes, r->doubtful.bytes, bitfield_size(r->doubtful.n_bits)))
        abort();
    free(written);
    resume_free(again);
    resume_free(r);
    return 0;
}
