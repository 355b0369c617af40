/* SPDX-License-Identifier: MIT */
#include "conjure/tracker/serve_http.h"

#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/base/bytes.h"

/* --- the query ---------------------------------------------------------------------------- */

#define VALUE_MAX 64 /* bytes, unescaped; longer values are not used */

/* A cursor over "key=value&key=value". */
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

struct announce_query {
    struct announce_request request;
    bool has_info_hash;
    bool has_peer_id;
    bool compact;
    bool no_peer_id;
};

static enum announce_event read_event(const char *word)
{
    static const char *const words[] = {
        [ANNOUNCE_COMPLETED] = "completed",
        [ANNOUNCE_STARTED] = "started",
        [ANNOUNCE_STOPPED] = "stopped",
        [ANNOUNCE_PAUSED] = "paused",
    };

    for (unsigned i = 0; i < N_ELEMENTS(words); i++)
        if (words[i] && !strcmp(words[i], word))
            return (enum announce_event)i;
    return ANNOUNCE_NONE;
}

static void read_query(struct announce_query *x, const char *query)
{
    struct query q = {.at = query};

    *x = (struct announce_query){.compact = true};
    x->request.n_want = TRACKER_WANT_USUAL;
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
            x->request.event = read_event((const char *)q.value);
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

/* BEP 23 and 7: all addresses of one family in one string. */
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

enum counts_of { OF_ANNOUNCE, OF_SCRAPE };

/* A scrape has one more (BEP 21). S is NULL for an empty swarm. */
static void put_counts(struct bencode_writer *w, const struct tracked_swarm *s, enum counts_of of)
{
    bencode_put_key(w, "complete");
    bencode_put_integer(w, s ? s->n_seeds : 0);
    bencode_put_key(w, "downloaded");
    bencode_put_integer(w, s ? s->n_completed : 0);
    if (of == OF_SCRAPE) {
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
    struct announce_query x;
    struct addr peer = *from;
    uint32_t n;

    read_query(&x, query);
    peer.port = x.request.self.port;
    if (!x.has_info_hash || !x.has_peer_id || !addr_is_dialable(&peer)) {
        refuse(w, !x.has_info_hash ? "info_hash is missing or not 20 bytes"
                  : !x.has_peer_id ? "peer_id is missing or not 20 bytes"
                                   : "port is missing or cannot be dialled");
        return;
    }
    if (swarm_table_announce(&s->swarms, &x.request, &peer, now, &s->rng, &swarm)) {
        refuse(w, "the tracker is full");
        return;
    }
    n = tracker_service_pick(s, swarm, &x.request, &peer, 0, picked);
    bencode_begin_dict(w);
    put_counts(w, swarm, OF_ANNOUNCE);
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
        refuse(w, "info_hash is missing: this tracker does not list all torrents");
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
        put_counts(w, swarm, OF_SCRAPE);
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
        return TRACKER_HTTP_STATUS_NOT_FOUND;
    return TRACKER_HTTP_STATUS_OK;
}
