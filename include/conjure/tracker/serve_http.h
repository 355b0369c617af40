/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_SERVE_HTTP_H
#define CONJURE_TRACKER_SERVE_HTTP_H

#include "conjure/bencode/writer.h"
#include "conjure/tracker/service.h"

/* The tracker's side of HTTP: announce (BEP 3, 7, 21, 23) and scrape (BEP 48). */

enum {
    TRACKER_HTTP_STATUS_OK = 200,
    TRACKER_HTTP_STATUS_NOT_FOUND = 404,
};

/* Serves GET URI, escaped as in the request line, to FROM. Writes the body to W and returns the
 * HTTP status; with TRACKER_HTTP_STATUS_NOT_FOUND nothing is written. A refusal is a body with a
 * failure reason (BEP 3) and TRACKER_HTTP_STATUS_OK. */
int tracker_serve_http(struct tracker_service *s, const char *uri, const struct addr *from,
                       uint64_t now, struct bencode_writer *w);

#endif
