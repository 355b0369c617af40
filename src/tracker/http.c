/* SPDX-License-Identifier: MIT */
#include "conjure/tracker/http.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/bencode/bencode.h"
#include "conjure/bencode/schema.h"

/* --- the request ------------------------------------------------------------------------- */

/* Text in a buffer of fixed size. */
struct text {
    char *at;
    char *end;
    bool full; /* text was cut */
};

static void put_format(struct text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put_format(struct text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->at, (size_t)(t->end - t->at), format, args);
    va_end(args);
    if (n >= t->end - t->at)
        t->full = true;
    else
        t->at += n;
}

static bool is_unreserved(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void put_escaped(struct text *t, const void *bytes, size_t n)
{
    const uint8_t *from = bytes;

    for (size_t i = 0; i < n && !t->full; i++) {
        if (is_unreserved(from[i]))
            put_format(t, "%c", from[i]);
        else
            put_format(t, "%%%02X", from[i]);
    }
}

int tracker_http_url(const char *base, const struct announce_request *request,
                     char url[TRACKER_HTTP_URL_MAX])
{
    static const char *const events[] = {
        [ANNOUNCE_COMPLETED] = "completed",
        [ANNOUNCE_STARTED] = "started",
        [ANNOUNCE_STOPPED] = "stopped",
        [ANNOUNCE_PAUSED] = "paused",
    };
    struct text t = {.at = url, .end = url + TRACKER_HTTP_URL_MAX};
    size_t n = strcspn(base, "#");

    if (n >= ANNOUNCE_URL_MAX)
        return TRACKER_HTTP_TOO_LONG;
    /* URLs with a passkey may have a query already. */
    put_format(&t, "%.*s%cinfo_hash=", (int)n, base, memchr(base, '?', n) ? '&' : '?');
    put_escaped(&t, request->self.info_hash.bytes, INFO_HASH_SIZE);
    put_format(&t, "&peer_id=");
    put_escaped(&t, request->self.peer_id, sizeof request->self.peer_id);
    put_format(&t,
               "&port=%u&uploaded=%" PRIu64 "&downloaded=%" PRIu64 "&left=%" PRIu64
               "&compact=1&no_peer_id=1&numwant=%u&key=%08X",
               request->self.port, request->uploaded, request->downloaded, request->left,
               request->n_want, request->self.key);
    if (request->event != ANNOUNCE_NONE)
        put_format(&t, "&event=%s", events[request->event]);
    if (request->tracker_id) {
        put_format(&t, "&trackerid=");
        put_escaped(&t, request->tracker_id, strlen(request->tracker_id));
    }
    return t.full ? TRACKER_HTTP_TOO_LONG : 0;
}

/* --- the reply --------------------------------------------------------------------------- */

/* BEP 3 and 23: peers are a list of dicts, or one string with 6 bytes for each peer. Many trackers
 * send wrong values in other fields, such as a negative interval. Those fields are not in the
 * schema: a wrong value counts as absent, and the reply stays valid. */
static const struct bencode_schema peers_schema = {
    .kinds = 1u << BENCODE_LIST | 1u << BENCODE_STRING,
    .max = TRACKER_HTTP_REPLY_MAX,
};
static const struct bencode_schema reply_schema = SCHEMA_DICT(
    {"failure reason", SCHEMA_OPTIONAL, &schema_text}, {"peers", SCHEMA_OPTIONAL, &peers_schema});

static uint32_t find_natural(const struct bencode *tree, const struct bencode_node *dict,
                             const char *key)
{
    int64_t v = bencode_find_integer(tree, dict, key);

    return v < 0 ? 0 : v > INT32_MAX ? INT32_MAX : (uint32_t)v;
}

static void read_compact(struct announce_reply *r, const uint8_t *bytes, size_t n, uint8_t family)
{
    size_t size = family == AF_INET6 ? ADDR_COMPACT6 : ADDR_COMPACT4;

    for (; n >= size; bytes += size, n -= size) {
        struct addr a = family == AF_INET6 ? addr_from_compact6(bytes) : addr_from_compact4(bytes);

        announce_reply_add(r, &a);
    }
}

static void read_dicts(struct announce_reply *r, const struct bencode *tree,
                       const struct bencode_node *list)
{
    for (const struct bencode_node *peer = bencode_first(list); peer;
         peer = bencode_next(list, peer)) {
        int64_t port = bencode_find_integer(tree, peer, "port");
        size_t n = 0;
        const uint8_t *ip = bencode_find_string(tree, peer, "ip", &n);
        char text[ADDR_TEXT_MAX];
        struct addr a;

        /* BEP 3 allows a DNS name here. Trackers do not send any, and a tracker must not make us
         * look up names. */
        if (!ip || n >= sizeof text || port < 1 || port > UINT16_MAX)
            continue;
        memcpy(text, ip, n);
        text[n] = 0;
        if (!addr_parse_ip(text, (uint16_t)port, &a))
            announce_reply_add(r, &a);
    }
}

static void read_failure(struct announce_reply *r, const struct bencode *tree,
                         const struct bencode_node *dict, const struct bencode_node *failure)
{
    size_t n = 0;
    const uint8_t *text = bencode_string(tree, failure, &n);
    uint32_t minutes = find_natural(tree, dict, "retry in");

    r->failed = true;
    announce_reply_set_text(r, text, n);
    if (!n)
        announce_reply_set_text(r, "refused", 7);
    /* BEP 31. */
    if (bencode_string_equals(tree, bencode_find(tree, dict, "retry in"), "never"))
        r->retry_s = UINT32_MAX;
    else
        r->retry_s = minutes > 24 * 60 ? 24 * 3600 : minutes * 60;
}

static void read_reply(struct announce_reply *r, const struct bencode *tree,
                       const struct bencode_node *dict)
{
    const struct bencode_node *node = bencode_find(tree, dict, "failure reason");
    const uint8_t *text;
    size_t n = 0;

    if (node) {
        read_failure(r, tree, dict, node);
        return;
    }
    text = bencode_find_string(tree, dict, "warning message", &n);
    if (text)
        announce_reply_set_text(r, text, n);
    text = bencode_find_string(tree, dict, "tracker id", &n);
    if (text && n < sizeof r->tracker_id && !memchr(text, 0, n))
        memcpy(r->tracker_id, text, n);
    r->interval_s = find_natural(tree, dict, "interval");
    r->min_interval_s = find_natural(tree, dict, "min interval");
    r->n_seeders = find_natural(tree, dict, "complete");
    r->n_leechers = find_natural(tree, dict, "incomplete");
    node = bencode_find(tree, dict, "peers");
    text = bencode_string(tree, node, &n);
    if (text)
        read_compact(r, text, n, AF_INET);
    else
        read_dicts(r, tree, node);
    text = bencode_find_string(tree, dict, "peers6", &n);
    if (text)
        read_compact(r, text, n, AF_INET6);
}

int tracker_http_parse(const uint8_t *bytes, size_t n, struct announce_reply *outp,
                       char reason[ANNOUNCE_TEXT_MAX])
{
    struct bencode tree = BENCODE_EMPTY;
    char why[SCHEMA_REASON_MAX];
    int r;

    *outp = ANNOUNCE_REPLY_EMPTY;
    if (n > TRACKER_HTTP_REPLY_MAX) {
        snprintf(reason, ANNOUNCE_TEXT_MAX, "reply longer than %u bytes", TRACKER_HTTP_REPLY_MAX);
        return TRACKER_HTTP_MALFORMED;
    }
    if (!n) {
        snprintf(reason, ANNOUNCE_TEXT_MAX, "empty reply");
        return TRACKER_HTTP_MALFORMED;
    }
    r = bencode_parse(&tree, bytes, n, BENCODE_NODES_SMALL);
    if (r < 0)
        return r;
    /* Some trackers end their replies with a newline. */
    if (r && r != BENCODE_TRAILING) {
        snprintf(reason, ANNOUNCE_TEXT_MAX, "reply cannot be decoded: %s",
                 bencode_condition_text(r));
        return TRACKER_HTTP_MALFORMED;
    }
    if (bencode_check(&tree, bencode_root(&tree), &reply_schema, why)) {
        snprintf(reason, ANNOUNCE_TEXT_MAX, "reply is malformed: %s", why);
        bencode_deinit(&tree);
        return TRACKER_HTTP_MALFORMED;
    }
    read_reply(outp, &tree, bencode_root(&tree));
    bencode_deinit(&tree);
    return 0;
}
