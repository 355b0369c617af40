/* SPDX-License-Identifier: MIT */
/* Fuzzes replies of trackers over HTTP, and requests to our own tracker. */
#include <stdlib.h>
#include <string.h>

#include "conjure/tracker/http.h"
#include "conjure/tracker/serve_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tracker_service service;
    static int n_runs;
    struct addr from = {.ip = {10, 0, 0, 1}, .port = 5, .family = AF_INET};
    struct bencode_writer w = BENCODE_WRITER_EMPTY;
    struct announce_reply reply;
    char reason[ANNOUNCE_TEXT_MAX], *uri;

    if (!tracker_http_parse(data, size, &reply, reason))
        for (uint32_t i = 0; i < reply.n_addrs; i++)
            if (!addr_is_dialable(&reply.addrs[i]))
                abort();
    if (n_runs++ % 1000 == 0) {
        tracker_service_deinit(&service);
        tracker_service_init(&service, 60, 1, (const uint8_t[32]){1});
    }
    uri = malloc(size + 1);
    memcpy(uri, data, size);
    uri[size] = 0;
    from.ip[3] = (uint8_t)n_runs;
    tracker_serve_http(&service, uri, &from, 0, &w);
    bencode_writer_deinit(&w);
    free(uri);
    return 0;
}
