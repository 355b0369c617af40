/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_ANNOUNCER_HTTP_H
#define CONJURE_SRC_ACTORS_ANNOUNCER_HTTP_H

#include "actors/announcer/call.h"
#include "actors/announcer/easy.h"
#include "conjure/actors/announcer.h"

/* The transport for trackers over HTTP and HTTPS. Both arguments are borrowed. */
struct announcer_transport *announcer_http_new(const struct easy_multi *curl,
                                               const struct announcer_options *options);
/* No call of it is under way. */
void announcer_http_free(struct announcer_transport *transport);

#endif
