/* SPDX-License-Identifier: MIT */
/*
 * The packets are at the top of src/tracker/udp.c. A connection id proves that the sender of a
 * datagram receives datagrams at its address. It is a hash of address, minute and our secret, so
 * that no id needs to be stored, and is valid for one to two minutes.
 */
#include "conjure/tracker/serve_udp.h"

#include <string.h>

#include "conjure/base/bytes.h"
#include "conjure/base/clock.h"
#include "conjure/tracker/udp.h"

static uint64_t connection_id(const struct tracker_service *s, const struct addr *from,
                              uint64_t epoch)
{
    uint8_t text[TRACKER_SECRET_SIZE + 1 + 16 + 8], digest[SHA1_SIZE], *p = text;

    memcpy(p, s->secret, sizeof s->secret);
    p += sizeof s->secret;
    *p++ = from->family;
    memcpy(p, from->ip, 16);
    put_be64(p + 16, epoch);
    sha1(text, sizeof text, digest);
    return get_be64(digest);
}

static bool connection_is_ours(const struct tracker_service *s, const struct addr *from,
                               uint64_t id, uint64_t now)
{
    uint64_t epoch = now / TRACKER_UDP_CONNECTION_NS;

    return id == connection_id(s, from, epoch) || id == connection_id(s, from, epoch - 1);
}

static size_t put_error(uint8_t *reply, uint32_t transaction, const char *text)
{
    uint8_t *p = put_be32(reply, TRACKER_UDP_ERROR);

    p = put_be32(p, transaction);
    memcpy(p, text, strlen(text));
    return 8 + strlen(text);
}

static void read_announce(const uint8_t *in, struct announce_request *r)
{
    uint32_t event = get_be32(in + 80), n_want = get_be32(in + 92);

    *r = (struct announce_request){
        .downloaded = get_be64(in + 56),
        .left = get_be64(in + 64),
        .uploaded = get_be64(in + 72),
        .event = event <= ANNOUNCE_STOPPED ? (enum announce_event)event : ANNOUNCE_NONE,
        .n_want = n_want == UINT32_MAX ? TRACKER_WANT_USUAL : n_want, /* -1: the tracker chooses */
    };
    r->self.info_hash = info_hash_from(in + 16);
    memcpy(r->self.peer_id, in + 36, 20);
    r->self.key = get_be32(in + 88);
    r->self.port = get_be16(in + 96);
}

static size_t announce(struct tracker_service *s, const uint8_t *in, const struct addr *from,
                       uint64_t now, uint8_t *reply)
{
    const struct tracked_peer *picked[SWARM_WANT_MAX];
    size_t size = from->family == AF_INET6 ? ADDR_COMPACT6 : ADDR_COMPACT4;
    uint32_t transaction = get_be32(in + 12), n;
    struct announce_request request;
    const struct tracked_swarm *swarm;
    struct addr peer = *from;
    uint8_t *p = reply;

    read_announce(in, &request);
    peer.port = request.self.port;
    if (!addr_is_dialable(&peer))
        return put_error(reply, transaction, "port cannot be dialled");
    if (swarm_table_announce(&s->swarms, &request, &peer, now, &s->rng, &swarm))
        return put_error(reply, transaction, "the tracker is full");
    n = tracker_service_pick(s, swarm, &request, &peer, from->family, picked);
    p = put_be32(p, TRACKER_UDP_ANNOUNCE);
    p = put_be32(p, transaction);
    p = put_be32(p, s->interval_s);
    p = put_be32(p, swarm ? swarm->n_peers - swarm->n_seeds : 0);
    p = put_be32(p, swarm ? swarm->n_seeds : 0);
    for (uint32_t i = 0; i < n && (size_t)(p - reply) + size <= TRACKER_SERVE_UDP_MAX; i++)
        p += addr_to_compact(&picked[i]->addr, p);
    return (size_t)(p - reply);
}

static size_t scrape(struct tracker_service *s, const uint8_t *in, size_t n, uint8_t *reply)
{
    uint8_t *p = put_be32(reply, TRACKER_UDP_SCRAPE);

    p = put_be32(p, get_be32(in + 12));
    for (size_t i = 0; i < TRACKER_SCRAPE_MAX && 16 + (i + 1) * INFO_HASH_SIZE <= n; i++) {
        struct info_hash hash = info_hash_from(in + 16 + i * INFO_HASH_SIZE);
        const struct tracked_swarm *swarm = swarm_table_find(&s->swarms, &hash);

        p = put_be32(p, swarm ? swarm->n_seeds : 0);
        p = put_be32(p, swarm ? swarm->n_completed : 0);
        p = put_be32(p, swarm ? swarm->n_peers - swarm->n_seeds : 0);
    }
    return (size_t)(p - reply);
}

size_t tracker_serve_udp(struct tracker_service *s, const uint8_t *bytes, size_t n,
                         const struct addr *from, uint64_t now,
                         uint8_t reply[TRACKER_SERVE_UDP_MAX])
{
    uint32_t action, transaction;
    uint8_t *p = reply;

    if (n < TRACKER_UDP_CONNECT_SIZE)
        return 0;
    action = get_be32(bytes + 8);
    transaction = get_be32(bytes + 12);
    if (action == TRACKER_UDP_CONNECT) {
        if (get_be64(bytes) != TRACKER_UDP_MAGIC)
            return 0;
        p = put_be32(p, TRACKER_UDP_CONNECT);
        p = put_be32(p, transaction);
        put_be64(p, connection_id(s, from, now / TRACKER_UDP_CONNECTION_NS));
        return TRACKER_UDP_CONNECT_SIZE;
    }
    /* A sender with a forged address must not make us send more bytes than it sent. */
    if (!connection_is_ours(s, from, get_be64(bytes), now))
        return n >= 32 ? put_error(reply, transaction, "connection id expired") : 0;
    if (action == TRACKER_UDP_ANNOUNCE && n >= TRACKER_UDP_ANNOUNCE_SIZE)
        return announce(s, bytes, from, now, reply);
    if (action == TRACKER_UDP_SCRAPE && n >= 16 + INFO_HASH_SIZE)
        return scrape(s, bytes, n, reply);
    return put_error(reply, transaction, "malformed request");
}
