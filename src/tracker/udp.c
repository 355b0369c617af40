/* SPDX-License-Identifier: MIT */
/*
 *   connect   request  0 magic 8 | 8 action | 12 transaction
 *             reply    0 action  | 4 transaction | 8 connection id
 *   announce  request  0 connection id | 8 action | 12 transaction | 16 info-hash | 36 peer id
 *                      56 downloaded | 64 left | 72 uploaded | 80 event | 84 IP (0) | 88 key
 *                      92 numwant | 96 port | 98 options (BEP 41)
 *             reply    0 action | 4 transaction | 8 interval | 12 leechers | 16 seeders | 20 peers
 *   error     reply    0 action | 4 transaction | 8 text
 */
#include "conjure/tracker/udp.h"

#include <string.h>

#include "conjure/base/bytes.h"
#include "conjure/base/clock.h"

#define OPTION_URL_DATA 2 /* BEP 41 */

void tracker_udp_start(struct tracker_udp *u, const struct announce_request *request,
                       const char *path, struct tracker_udp_connection *connection, struct rng *rng,
                       uint32_t n_max, uint64_t now)
{
    *u = (struct tracker_udp){
        .request = *request,
        .path = path,
        .connection = connection,
        .rng = rng,
        .n_max = n_max < TRACKER_UDP_TRANSMISSIONS ? n_max : TRACKER_UDP_TRANSMISSIONS,
        .deadline = now,
    };
}

static size_t put_connect(struct tracker_udp *u, uint8_t *p)
{
    p = put_be64(p, TRACKER_UDP_MAGIC);
    p = put_be32(p, TRACKER_UDP_CONNECT);
    put_be32(p, u->transaction);
    return TRACKER_UDP_CONNECT_SIZE;
}

/* BEP 41: the path of the URL in pieces of at most 255 bytes, for trackers with passkeys. A path
 * without information ("", "/", "/announce") is omitted. */
static uint8_t *put_options(uint8_t *p, const char *path)
{
    size_t left = strcspn(path, "#");

    if (!left || !strcmp(path, "/") || !strcmp(path, "/announce"))
        return p;
    while (left) {
        size_t n = left < 255 ? left : 255;

        *p++ = OPTION_URL_DATA;
        *p++ = (uint8_t)n;
        memcpy(p, path, n);
        p += n;
        path += n;
        left -= n;
    }
    *p++ = 0; /* end of options */
    return p;
}

static size_t put_announce(struct tracker_udp *u, uint8_t *packet)
{
    const struct announce_request *r = &u->request;
    uint8_t *p = packet;

    p = put_be64(p, u->connection->id);
    p = put_be32(p, TRACKER_UDP_ANNOUNCE);
    p = put_be32(p, u->transaction);
    memcpy(p, r->self.info_hash.bytes, INFO_HASH_SIZE);
    memcpy(p + 20, r->self.peer_id, 20);
    p += 40;
    p = put_be64(p, r->downloaded);
    p = put_be64(p, r->left);
    p = put_be64(p, r->uploaded);
    p = put_be32(p, r->event == ANNOUNCE_PAUSED ? ANNOUNCE_NONE : r->event); /* BEP 15 */
    p = put_be32(p, 0);
    p = put_be32(p, r->self.key);
    p = put_be32(p, r->n_want);
    p = put_be16(p, r->self.port);
    _Static_assert(TRACKER_UDP_ANNOUNCE_SIZE + ANNOUNCE_URL_MAX / 255 * 2 + 3 < 255,
                   "the options' own bytes are few");
    if (strlen(u->path) <= TRACKER_UDP_PACKET_MAX - 255)
        p = put_options(p, u->path);
    return (size_t)(p - packet);
}

enum tracker_udp_result tracker_udp_step(struct tracker_udp *u, uint64_t now,
                                         uint8_t packet[TRACKER_UDP_PACKET_MAX], size_t *sizep)
{
    bool connected = now < u->connection->valid_until;
    enum tracker_udp_action ask = connected ? TRACKER_UDP_ANNOUNCE : TRACKER_UDP_CONNECT;

    /* Another announce to the same endpoint may have received a connection id since. */
    if (u->n_sent && connected && u->pending_action == TRACKER_UDP_CONNECT) {
        u->n_sent = 0;
        u->deadline = now;
    }
    if (now < u->deadline)
        return TRACKER_UDP_WAIT;
    if (u->n_sent >= u->n_max)
        return TRACKER_UDP_GAVE_UP;
    /* A retransmission has the same id, because the reply to an earlier transmission may be
     * late. */
    if (!u->n_sent || u->pending_action != ask)
        u->transaction = (uint32_t)rng_next(u->rng);
    u->pending_action = ask;
    if (!connected && !u->n_sent && now < u->connection->connecting_until) {
        /* The connect of another announce counts as ours. */
        u->deadline = u->connection->connecting_until;
        u->n_sent++;
        return TRACKER_UDP_WAIT;
    }
    if (!connected)
        u->connection->connecting_until = now + TRACKER_UDP_FIRST_WAIT_S * NS_PER_S;
    *sizep = connected ? put_announce(u, packet) : put_connect(u, packet);
    u->deadline = now + (TRACKER_UDP_FIRST_WAIT_S * NS_PER_S << u->n_sent);
    u->n_sent++;
    return TRACKER_UDP_SEND;
}

static void read_announce(struct announce_reply *r, const uint8_t *bytes, size_t n, uint8_t family)
{
    size_t size = family == AF_INET6 ? ADDR_COMPACT6 : ADDR_COMPACT4;

    r->interval_s = get_be32(bytes + 8);
    r->n_leechers = get_be32(bytes + 12);
    r->n_seeders = get_be32(bytes + 16);
    for (size_t i = 20; i + size <= n; i += size) {
        struct addr a =
            family == AF_INET6 ? addr_from_compact6(bytes + i) : addr_from_compact4(bytes + i);

        announce_reply_add(r, &a);
    }
}

enum tracker_udp_result tracker_udp_receive(struct tracker_udp *u, const uint8_t *bytes, size_t n,
                                            uint8_t family, uint64_t now,
                                            struct announce_reply *replyp)
{
    uint32_t action;

    if (n < 8 || !u->n_sent || get_be32(bytes + 4) != u->transaction)
        return TRACKER_UDP_WAIT;
    action = get_be32(bytes);
    if (action == TRACKER_UDP_ERROR) {
        *replyp = ANNOUNCE_REPLY_EMPTY;
        replyp->failed = true;
        announce_reply_set_text(replyp, bytes + 8, n - 8);
        if (!replyp->text[0])
            announce_reply_set_text(replyp, "refused", 7);
        /* The connection id may be the reason. */
        u->connection->valid_until = u->connection->connecting_until = 0;
        return TRACKER_UDP_DONE;
    }
    if (action != u->pending_action)
        return TRACKER_UDP_WAIT;
    if (action == TRACKER_UDP_CONNECT && n >= 16) {
        u->connection->id = get_be64(bytes + 8);
        u->connection->valid_until = now + TRACKER_UDP_CONNECTION_NS;
        u->connection->connecting_until = 0;
        u->n_sent = 0;
        u->deadline = now;
    } else if (action == TRACKER_UDP_ANNOUNCE && n >= 20) {
        *replyp = ANNOUNCE_REPLY_EMPTY;
        read_announce(replyp, bytes, n, family);
        return TRACKER_UDP_DONE;
    }
    return TRACKER_UDP_WAIT;
}
