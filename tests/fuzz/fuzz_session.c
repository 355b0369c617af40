/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/bytes.h"
#include "conjure/peer/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The input is a script of one-byte orders: read a number of the bytes that follow, claim, cancel,
 * choke, drop... The peer's bytes are those of the script; one order sends whole blocks that are in
 * flight, because a fuzzer would not write 16 KiB of them. The buffers of claims have exactly the
 * size needed, so that the address sanitizer sees every misplaced byte.
 */
struct script {
    const uint8_t *at, *end;
};

struct peer {
    struct session s;
    struct session_scratch x;
    uint64_t now;
    uint32_t n_claims;
    int dead; /* the session is broken */
};

static const struct geometry geometry = {
    .total_length = 20 * 40000 + 17000, .piece_length = 40000, .n_pieces = 21};

static const struct extension rows[] = {{.name = "ut_a", .message_max = 40},
                                        {.name = "ut_b", .message_max = 9, .public_only = true}};
static const struct extension_registry registry = {rows, 2};

static uint8_t take(struct script *script)
{
    return script->at < script->end ? *script->at++ : 0;
}

static void check(int truth)
{
    if (!truth)
        abort();
}

static void take_events(struct peer *p)
{
    struct session_event e;
    int kind;

    while ((kind = session_next_event(&p->s, &p->x, p->now, &e)) > 0) {
        if (kind == SESSION_HAS)
            bitfield_deinit(&e.has);
        if (kind == SESSION_EXTENDED)
            check(strlen(e.client) < EXTENSION_CLIENT_MAX);
        if (kind == SESSION_EXTENSION_MESSAGE) {
            check(e.extension - 1u < registry.n && e.n_bytes <= rows[e.extension - 1].message_max);
            session_send_extension_message(&p->s, e.extension, e.bytes, e.n_bytes);
        }
        if (kind == SESSION_CLAIM_DONE) {
            check(!e.claim.in_flight && !(e.claim.received & ~e.claim.claim.blocks));
            free(e.claim.data);
            p->n_claims--;
        }
    }
    p->dead |= kind < 0;
    check(p->dead ? p->s.reason != NULL : 1);
    check(session_n_in_flight(&p->s) <= SESSION_IN_FLIGHT_MAX);
}

static void feed(struct peer *p, const uint8_t *bytes, size_t n)
{
    while (n && !p->dead) {
        struct iovec iov[SESSION_IOV_MAX];
        size_t aimed, got = 0;
        unsigned n_iov = session_plan_read(&p->s, &p->x, iov, &aimed);

        for (unsigned i = 0; i < n_iov && got < n; i++) {
            size_t part = n - got < iov[i].iov_len ? n - got : iov[i].iov_len;

            memcpy(iov[i].iov_base, bytes + got, part);
            got += part;
        }
        check(got > 0);
        session_did_read(&p->s, &p->x, got, p->now);
        take_events(p);
        bytes += got;
        n -= got;
    }
}

static void add_claim(struct peer *p, uint8_t a, uint8_t b)
{
    struct claim c = {.id = 1, .piece = a % geometry.n_pieces};
    uint32_t n_blocks = geometry_n_blocks(&geometry, c.piece);
    size_t n;
    uint8_t *buffer;

    c.first_block = (b >> 4) % n_blocks;
    c.n_blocks = 1 + (b >> 6) % (n_blocks - c.first_block);
    c.blocks = b & ((1u << c.n_blocks) - 1);
    n = (size_t)(c.n_blocks - 1) * BLOCK_SIZE +
        geometry_block_size(&geometry, c.piece, c.first_block + c.n_blocks - 1);
    buffer = malloc(n);
    check(buffer != NULL);
    if (session_add_claim(&p->s, &c, buffer, p->now) == 0)
        p->n_claims++;
    else
        free(buffer);
}

/* The messages of some blocks in a row, cut once, perhaps with a cancel at the cut. */
static void send_blocks(struct peer *p, struct script *script)
{
    static uint8_t bytes[8 * (13 + BLOCK_SIZE)];
    uint8_t a = take(script), b = take(script), c = take(script);
    size_t n = 0, cut;

    for (uint32_t i = 0; i < 1 + (c & 7); i++) {
        struct session_upload u = {.piece = (a + i / 3) % geometry.n_pieces};
        uint32_t block = (b + i) % geometry_n_blocks(&geometry, u.piece);

        u.begin = block * BLOCK_SIZE;
        u.length = geometry_block_size(&geometry, u.piece, block);
        session_upload_header(&u, bytes + n);
        memset(bytes + n + 13, 0xcc, u.length);
        n += 13 + u.length;
    }
    cut = c & 8 ? n : n * (c >> 4) / 16;
    feed(p, bytes, cut);
    if (c & 8)
        return;
    if (a & 0x80)
        session_cancel(&p->s, a % geometry.n_pieces, b % 3, UINT64_MAX);
    take_events(p);
    feed(p, bytes + cut, n - cut);
}

static void drop_claim(struct peer *p)
{
    struct session_claim c;

    if (session_drop_claim(&p->s, &c)) {
        free(c.data);
        p->n_claims--;
    }
}

static void upload(struct peer *p, uint8_t how)
{
    struct session_upload u;
    const uint8_t *out;
    size_t n = session_output(&p->s, &out);

    session_output_sent(&p->s, how & 1 ? n : n / 2, p->now);
    switch (session_next_upload(&p->s, &u)) {
    case SESSION_UPLOAD_NONE:
        break;
    case SESSION_UPLOAD_UNKNOWN:
        session_know_piece(&p->s, u.piece, how & 2);
        break;
    case SESSION_UPLOAD_READY:
        check(u.piece < geometry.n_pieces && u.length && u.length <= SESSION_REQUEST_MAX);
        check((uint64_t)u.begin + u.length <= geometry_piece_size(&geometry, u.piece));
        session_uploaded(&p->s, u.length, p->now);
        break;
    }
}

/* A control message of correct length with plausible fields. */
static void send_message(struct peer *p, struct script *script)
{
    static const uint8_t lengths[] = {1, 1, 1, 1, 5, 4, 13, 0, 13, 0, 0, 0, 0, 5, 1, 1, 13, 5};
    uint8_t a = take(script), b = take(script), c = take(script);
    uint8_t bytes[17] = {0, 0, 0, lengths[a % sizeof lengths], (uint8_t)(a % sizeof lengths)};
    size_t n = 4u + bytes[3], cut = a / sizeof lengths % (n + 1);

    if (n == 8) {
        bytes[5] = b;
        bytes[6] = c;
        bytes[7] = (uint8_t)(c << 3);
    } else if (n > 4) {
        put_be32(bytes + 5, b % 24);
        put_be32(bytes + 9, (c & 3u) * BLOCK_SIZE + (c >> 6));
        put_be32(bytes + 13, c & 4 ? BLOCK_SIZE : 40000 - 2 * BLOCK_SIZE);
    }
    feed(p, bytes, cut);
    feed(p, bytes + cut, n - cut);
}

/* An extension handshake of plausible fields, cut anywhere. */
static void send_extended(struct peer *p, struct script *script)
{
    uint8_t bytes[80] = {0, 0, 0, 0, 20};
    uint8_t a = take(script), cut = take(script);
    size_t n = 6 + (size_t)snprintf((char *)bytes + 6, sizeof bytes - 6,
                                    "d1:md4:ut_ai%dee4:reqqi%de11:upload_onlyi%de1:v1:%ce", a,
                                    (int8_t)a, a & 1, a);

    bytes[3] = (uint8_t)(n - 4);
    bytes[5] = cut & 0x80 ? a & 3 : 0;
    cut = (uint8_t)((cut & 0x7f) % (n + 1));
    feed(p, bytes, cut);
    feed(p, bytes + cut, n - cut);
}

static void obey(struct peer *p, struct script *script, uint8_t order)
{
    size_t n, left = (size_t)(script->end - script->at);
    uint8_t a;

    switch (order & 15) {
    default:
        n = 1 + (order >> 4);
        n = n < left ? n : left;
        feed(p, script->at, n);
        script->at += n;
        break;
    case 4:
        send_extended(p, script);
        break;
    case 5:
        send_message(p, script);
        break;
    case 6:
        feed(p, script->at, left);
        script->at = script->end;
        break;
    case 7:
        feed(p, (const uint8_t *)"\0\0\0\1\1", 5);
        a = take(script);
        add_claim(p, a, take(script));
        break;
    case 8:
        a = take(script);
        add_claim(p, a, take(script));
        break;
    case 9:
    case 10:
        send_blocks(p, script);
        break;
    case 11:
        a = take(script);
        session_cancel(&p->s, a % geometry.n_pieces, (order >> 4) % 4, take(script));
        break;
    case 12:
        session_set_choking(&p->s, order & 16);
        session_set_interested(&p->s, order & 32);
        p->s.we_have_all = order & 64;
        break;
    case 13:
        upload(p, order >> 4);
        break;
    case 14:
        drop_claim(p);
        session_shrink(&p->s);
        break;
    case 15:
        p->now += UINT64_C(1000000000) << (order >> 5);
        session_tick(&p->s, p->now);
        session_blocks_wanted(&p->s, p->now);
        session_is_snubbed(&p->s, p->now);
        break;
    }
    take_events(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, data + size};
    struct peer p = {.now = 1};
    uint8_t flags = take(&script);

    check(session_scratch_init(&p.x) == 0);
    session_init(&p.s, &geometry, flags & 1, p.now);
    p.s.keep_bitfield = flags & 2;
    if (flags & 4)
        session_set_extensions(&p.s, &registry, flags & 8);
    while (script.at < script.end && !p.dead)
        obey(&p, &script, take(&script));
    while (p.n_claims)
        drop_claim(&p);
    check(session_n_in_flight(&p.s) == 0);
    session_deinit(&p.s);
    session_scratch_deinit(&p.x);
    return 0;
}
