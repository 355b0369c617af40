/* SPDX-License-Identifier: MIT */
/* Fuzzes datagrams of trackers to us, and of clients to our own tracker. */
#include <stdlib.h>
#include <string.h>

#include "conjure/base/bytes.h"
#include "conjure/tracker/serve_udp.h"
#include "conjure/tracker/udp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tracker_service service;
    static int n_runs;
    struct addr from = {.ip = {10, 0, 0, 1}, .port = 5, .family = AF_INET};
    struct tracker_udp_connection connection = {.id = 1, .valid_until = size & 1 ? 1000 : 0};
    static const struct announce_request request = {.n_want = 5};
    uint8_t packet[TRACKER_UDP_PACKET_MAX], answer[TRACKER_SERVE_UDP_MAX], *copy;
    struct announce_reply reply;
    struct tracker_udp u;
    struct rng rng;
    size_t n;

    rng_seed(&rng, 1);
    tracker_udp_start(&u, &request, "/x", &connection, &rng, 9, 0);
    tracker_udp_step(&u, 0, packet, &n);
    copy = malloc(size + 8);
    memcpy(copy, data, size);
    if (size >= 8)
        put_be32(copy + 4, u.transaction);
    tracker_udp_receive(&u, copy, size, size & 2 ? AF_INET6 : AF_INET, 1, &reply);
    if (n_runs++ % 1000 == 0) {
        tracker_service_deinit(&service);
        tracker_service_init(&service, 60, 1, (const uint8_t[32]){1});
    }
    tracker_serve_udp(&service, data, size, &from, 0, answer);
    /* The same with a valid connection id. */
    memcpy(packet, "\0\0\4\x17\x27\x10\x19\x80\0\0\0\0", 12);
    tracker_serve_udp(&service, packet, 16, &from, 0, answer);
    memcpy(copy, data, size);
    if (size >= 8)
        memcpy(copy, answer + 8, 8);
    if (tracker_serve_udp(&service, copy, size, &from, 0, answer) > TRACKER_SERVE_UDP_MAX)
        abort();
    free(copy);
    return 0;
}
