/* SPDX-License-Identifier: MIT */
#include "conjure/tracker/serve.h"

#include <stdlib.h>
#include <string.h>

#include "conjure/base/bytes.h"
#include "conjure/base/clock.h"

#define SWARMS_MAX 65536
#define PEERS_MAX  10000 /* of one swarm */

void tracker_service_init(struct tracker_service *s, uint32_t interval_s, uint64_t rng_seed_value,
                          const uint8_t secret[32])
{
    struct swarm_table_limits limits = {
        .n_swarms = SWARMS_MAX,
        .n_peers = PEERS_MAX,
        .expiry_ns = 2 * interval_s * NS_PER_S,
    };

    swarm_table_init(&s->swarms, &limits);
    rng_seed(&s->rng, rng_seed_value);
    memcpy(s->secret, secret, sizeof s->secret);
    s->interval_s = interval_s;
    s->min_interval_s = interval_s < 60 ? interval_s : 60;
}

void tracker_service_deinit(struct tracker_service *s)
{
    swarm_table_deinit(&s->swarms);
}

/* --- the query ---------------------------------------------------------------------------- */

#define VALUE_MAX 64 /* bytes, unescaped; the longest that we look at is an info-hash */

/* Cursor over "key=value&key=value". */
struct query {
    const char *at;
    const char *key;
    size_t n_key;
    uint8_t value[VALUE_MAX + 1]; /* and a NUL, for numbers and words */
    size_t n_value;               /* VALUE_MAX + 1 when it is too long */
};

/* Unescapes FROM up to END. A '%' without two hexadecimal digits stands for itself. */
static void unescape(struct query *q, const char *from, const char *end)
{
    q->n_value = 0;
    while (from < end && q->n_value < VALUE_MAX) {
        if (*from == '%' && end - from >= 3 && !hex_decode(from + 1, &q->value[q->n_value], 1)) {
            from += 3;
        } else {
            q->value[q->n_value] = (uint8_t)(*from == '+' ? ' ' : *from);
            from++;
        }
        q->n_value++;
    }
    q->value[q->n_value] = 0;
    if (from < end)
        q->n_value = VALUE_MAX + 1;
}

static bool query_next(struct query *q)
{
    const char *end, *equals;

    if (!*q->at)
        return false;
    end = q->at + strcspn(q->at, "&");
    equals = memchr(q->at, '=', (size_t)(end - q->at));
    q->key = q->at;
    q->n_key = (size_t)((equals ? equals : end) - q->at);
    unescape(q, equals ? equals + 1 : end, end);
    q->at = *end ? end + 1 : end;
    return true;
}

static bool query_is(const struct query *q, const char *key)
{
    return q->n_key == strlen(key) && !memcmp(q->key, key, q->n_key);
}

static uint64_t query_number(const struct query *q)
{
    return q->n_value && q->n_value < 21 && q->value[0] != '-'
               ? strtoull((const char *)q->value, NULL, 10)
               : 0;
}

/* --- announce ----------------------------------------------------------------------------- */

struct question {
    struct announce_request request;
    bool has_info_hash;
    bool has_peer_id;
    bool compact;
    bool no_peer_id;
};

static void read_question(struct question *x, const char *query)
{
    struct query q = {.at = query};

    *x = (struct question){.compact = true};
    x->request.n_want = 50;
    while (query_next(&q)) {
        if (query_is(&q, "info_hash") && q.n_value == INFO_HASH_SIZE) {
            x->request.self.info_hash = info_hash_from((const uint8_t *)q.value);
            x->has_info_hash = true;
        } else if (query_is(&q, "peer_id") && q.n_value == 20) {
            memcpy(x->request.self.peer_id, q.value, 20);
            x->has_peer_id = true;
        } else if (query_is(&q, "port")) {
            uint64_t port = query_number(&q);

            x->request.self.port = port <= UINT16_MAX ? (uint16_t)port : 0;
        } else if (query_is(&q, "left")) {
            x->request.left = query_number(&q);
        } else if (query_is(&q, "numwant")) {
            uint64_t n = query_number(&q);

            x->request.n_want = n < SWARM_WANT_MAX ? (uint32_t)n : SWARM_WANT_MAX;
        } else if (query_is(&q, "compact")) {
            x->compact = query_number(&q) != 0;
        } else if (query_is(&q, "no_peer_id")) {
            x->no_peer_id = query_number(&q) != 0;
        } else if (query_is(&q, "event")) {
            if (!strcmp((char *)q.value, "started"))
                x->request.event = ANNOUNCE_STARTED;
            else if (!strcmp((char *)q.value, "completed"))
                x->request.event = ANNOUNCE_COMPLETED;
            else if (!strcmp((char *)q.value, "stopped"))
                x->request.event = ANNOUNCE_STOPPED;
            else if (!strcmp((char *)q.value, "paused"))
                x->request.event = ANNOUNCE_PAUSED;
        }
    }
}

static void refuse(struct bencode_writer *w, const char *reason)
{
    bencode_begin_dict(w);
    bencode_put_key(w, "failure reason");
    bencode_put_text(w, reason);
    bencode_end(w);
}

/* BEP 23 and 7: all of one family in one string. */
static void put_compact(struct bencode_writer *w, const char *key, uint8_t family,
                        const struct tracked_peer *const *peers, uint32_t n)
{
    uint8_t bytes[SWARM_WANT_MAX * ADDR_COMPACT6], *end = bytes;

    for (uint32_t i = 0; i < n; i++)
        if (peers[i]->addr.family == family)
            end += addr_to_compact(&peers[i]->addr, end);
    if (end == bytes && family == AF_INET6)
        return;
    bencode_put_key(w, key);
    bencode_put_string(w, bytes, (size_t)(end - bytes));
}

static void put_dicts(struct bencode_writer *w, bool no_peer_id,
                      const struct tracked_peer *const *peers, uint32_t n)
{
    bencode_put_key(w, "peers");
    bencode_begin_list(w);
    for (uint32_t i = 0; i < n; i++) {
        char text[ADDR_TEXT_MAX], *ip = text;

        addr_format(&peers[i]->addr, text);
        *strrchr(text, ':') = 0;
        if (*ip == '[') {
            ip++;
            ip[strlen(ip) - 1] = 0;
        }
        bencode_begin_dict(w);
        bencode_put_key(w, "ip");
        bencode_put_text(w, ip);
        if (!no_peer_id) {
            bencode_put_key(w, "peer id");
            bencode_put_string(w, peers[i]->peer_id, sizeof peers[i]->peer_id);
        }
        bencode_put_key(w, "port");
        bencode_put_integer(w, peers[i]->addr.port);
        bencode_end(w);
    }
    bencode_end(w);
}

/* In the answer to an announce, and to a scrape, with what BEP 21 adds. */
static void put_counts(struct bencode_writer *w, const struct tracked_swarm *s, bool scraped)
{
    bencode_put_key(w, "complete");
    bencode_put_integer(w, s ? s->n_seeds : 0);
    bencode_put_key(w, "downloaded");
    bencode_put_integer(w, s ? s->n_completed : 0);
    if (scraped) {
        bencode_put_key(w, "downloaders");
        bencode_put_integer(w, s ? s->n_peers - s->n_seeds - s->n_partial : 0);
    }
    bencode_put_key(w, "incomplete");
    bencode_put_integer(w, s ? s->n_peers - s->n_seeds : 0);
}

static void announce(struct tracker_service *s, const char *query, const struct addr *from,
                     uint64_t now, struct bencode_writer *w)
{
    const struct tracked_peer *picked[SWARM_WANT_MAX];
    const struct tracked_swarm *swarm;
    struct question x;
    struct addr peer = *from;
    uint32_t n = 0;
    int r;

    read_question(&x, query);
    peer.port = x.request.self.port;
    if (!x.has_info_hash || !x.has_peer_id || !addr_is_dialable(&peer)) {
        refuse(w, !x.has_info_hash ? "info_hash is missing or not 20 bytes"
                  : !x.has_peer_id ? "peer_id is missing or not 20 bytes"
                                   : "port is missing or not one to dial");
        return;
    }
    r = swarm_table_announce(&s->swarms, &x.request, &peer, now, &s->rng, &swarm);
    if (r) {
        refuse(w, "the tracker is full");
        return;
    }
    if (swarm && x.request.event != ANNOUNCE_STOPPED)
        n = tracked_swarm_pick(swarm, &peer,
                               x.request.left == 0 || x.request.event == ANNOUNCE_PAUSED, &s->rng,
                               picked, x.request.n_want);
    bencode_begin_dict(w);
    put_counts(w, swarm, false);
    bencode_put_key(w, "interval");
    bencode_put_integer(w, s->interval_s);
    bencode_put_key(w, "min interval");
    bencode_put_integer(w, s->min_interval_s);
    if (x.compact) {
        put_compact(w, "peers", AF_INET, picked, n);
        put_compact(w, "peers6", AF_INET6, picked, n);
    } else {
        put_dicts(w, x.no_peer_id, picked, n);
    }
    bencode_end(w);
}

/* --- scrape (BEP 48) ---------------------------------------------------------------------- */

static int compare_hashes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct info_hash));
}

static void scrape(struct tracker_service *s, const char *query, struct bencode_writer *w)
{
    struct info_hash hashes[TRACKER_SCRAPE_MAX];
    struct query q = {.at = query};
    uint32_t n = 0;

    while (n < TRACKER_SCRAPE_MAX && query_next(&q))
        if (query_is(&q, "info_hash") && q.n_value == INFO_HASH_SIZE)
            hashes[n++] = info_hash_from((const uint8_t *)q.value);
    if (!n) {
        refuse(w, "info_hash is missing: this tracker does not tell all that it knows");
        return;
    }
    qsort(hashes, n, sizeof hashes[0], compare_hashes);
    bencode_begin_dict(w);
    bencode_put_key(w, "files");
    bencode_begin_dict(w);
    for (uint32_t i = 0; i < n; i++) {
        const struct tracked_swarm *swarm = swarm_table_find(&s->swarms, &hashes[i]);

        if (!swarm || (i && info_hash_equal(&hashes[i], &hashes[i - 1])))
            continue;
        bencode_put_key_bytes(w, hashes[i].bytes, INFO_HASH_SIZE);
        bencode_begin_dict(w);
        put_counts(w, swarm, true);
        bencode_end(w);
    }
    bencode_end(w);
    bencode_end(w);
}

int tracker_serve_http(struct tracker_service *s, const char *uri, const struct addr *from,
                       uint64_t now, struct bencode_writer *w)
{
    size_t n_path = strcspn(uri, "?");
    const char *query = uri[n_path] ? uri + n_path + 1 : "";

    if (n_path == 9 && !memcmp(uri, "/announce", 9))
        announce(s, query, from, now, w);
    else if (n_path == 7 && !memcmp(uri, "/scrape", 7))
        scrape(s, query, w);
    else
        return 404;
    return 200;
}
