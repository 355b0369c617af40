/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_ANNOUNCER_HTTP_H
#define CONJURE_SRC_ACTORS_ANNOUNCER_HTTP_H

#include "actors/announcer/call.h"
#include "actors/announcer/easy.h"

/* The transport for trackers over HTTP and HTTPS. CA_FILE: certificates to trust, NULL for the
 * system's. N_SPARE_MAX: easy handles to keep between calls. Pointers are borrowed. */
struct announcer_transport *announcer_http_new(const struct easy_multi *curl, const char *ca_file,
                                               uint32_t n_spare_max);
/* None of its calls may be under way. */
void announcer_http_free(struct announcer_transport *transport);

#endif
