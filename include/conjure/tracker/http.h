/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_HTTP_H
#define CONJURE_TRACKER_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "conjure/tracker/announce.h"

/* Announces over HTTP (BEP 3, 7, 23): makes the URL and parses the B-coded reply. */

#define TRACKER_HTTP_URL_MAX   4096       /* with NUL: the longest announce URL and our query */
#define TRACKER_HTTP_REPLY_MAX (1u << 20) /* bytes; longer replies are malformed */

enum tracker_http_condition {
    TRACKER_HTTP_TOO_LONG = 1, /* the URL */
    TRACKER_HTTP_MALFORMED,    /* the reply */
};

/* Writes the URL that announces REQUEST to the tracker at BASE. Returns 0 or TRACKER_HTTP_TOO_LONG.
 */
int tracker_http_url(const char *base, const struct announce_request *request,
                     char url[TRACKER_HTTP_URL_MAX]);

/* Parses the body of a reply. Returns 0 (OUTP->failed when the tracker refused),
 * TRACKER_HTTP_MALFORMED with a REASON of one line, or -ENOMEM. */
int tracker_http_parse(const uint8_t *bytes, size_t n, struct announce_reply *outp,
                       char reason[ANNOUNCE_TEXT_MAX]);

#endif
