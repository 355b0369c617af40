/* SPDX-License-Identifier: MIT */
/*
 * Announces over HTTP: a transfer of libcurl each. Easy handles are used again, because libcurl
 * needs longer to set one up than to send a request over a connection that is still open.
 *
 * REDIRECTS. A tracker of the internet must not make us send requests to hosts of our own network,
 * so a redirect from a public address to another kind of address is refused: before libcurl
 * connects, and before it sends a request over a connection that is open already. Trackers that the
 * user runs at private addresses may redirect to each other.
 */
#include "actors/announcer/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/tracker/http.h"

#define REDIRECTS_MAX 5

struct announcer_http {
    struct announcer_transport transport;
    const struct easy_multi *curl;
    const char *ca_file;
    CURL **spare; /* unused easy handles; owned */
    uint32_t n_spare, n_spare_max;
};

struct http_call {
    struct announcer_call call;
    CURL *easy;
    uint8_t *body; /* owned */
    size_t n_body;
    size_t n_room;
    bool too_long;
    bool is_public;    /* the address that the first request was sent to */
    bool is_forbidden; /* a redirect was refused */
    char error[CURL_ERROR_SIZE];
};

static struct announcer_http *http_of(const struct announcer_call *c)
{
    return container_of(c->transport, struct announcer_http, transport);
}

static struct http_call *http_call_of(struct announcer_call *c)
{
    return container_of(c, struct http_call, call);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct http_call *h = arg;

    n *= size;
    if (n > TRACKER_HTTP_REPLY_MAX - h->n_body) {
        h->too_long = true;
        return CURL_WRITEFUNC_ERROR;
    }
    if (array_reserve(&h->body, &h->n_room, h->n_body + n, 1))
        return CURL_WRITEFUNC_ERROR;
    memcpy(h->body + h->n_body, bytes, n);
    h->n_body += n;
    return n;
}

/* --- redirects ----------------------------------------------------------------------------- */

/* The next request is to be sent to ADDR. */
static bool may_request(struct http_call *h, const struct addr *addr)
{
    long n_redirects = 0;

    curl_easy_getinfo(h->easy, CURLINFO_REDIRECT_COUNT, &n_redirects);
    if (!n_redirects)
        h->is_public = addr_is_public(addr);
    else if (h->is_public && !addr_is_public(addr))
        h->is_forbidden = true;
    return !h->is_forbidden;
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct addr addr = addr_from_sockaddr(&address->addr);

    if (!may_request(arg, &addr))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int on_request(void *arg, char *to, char *from, int to_port, int from_port)
{
    struct addr addr;

    if (addr_parse_ip(to, 0, &addr) || may_request(arg, &addr))
        return CURL_PREREQFUNC_OK;
    return CURL_PREREQFUNC_ABORT;
}

/* --- easy handles ------------------------------------------------------------------------- */

/* A handle with the options that all announces share. */
static CURL *new_easy(const struct announcer_http *http)
{
    CURL *easy = easy_new(http->curl);

    if (!easy)
        return NULL;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "Conjure/" CONJURE_VERSION);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE, (long)TRACKER_HTTP_REPLY_MAX);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
    if (http->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file);
    return easy;
}

static CURL *take_easy(struct http_call *h)
{
    struct announcer_http *http = http_of(&h->call);
    CURL *easy = http->n_spare ? http->spare[--http->n_spare] : new_easy(http);

    if (!easy)
        return NULL;
    easy_prepare(easy, &h->call, h->error, h->call.timeout_ms);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, h);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, h);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, h);
    return easy;
}

static void return_easy(struct http_call *h)
{
    struct announcer_http *http = http_of(&h->call);

    if (!h->easy)
        return;
    if (http->n_spare == http->n_spare_max) {
        easy_free(http->curl, &h->easy);
        return;
    }
    easy_release(http->curl, h->easy);
    curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, NULL);
    curl_easy_setopt(h->easy, CURLOPT_OPENSOCKETDATA, NULL);
    curl_easy_setopt(h->easy, CURLOPT_PREREQDATA, NULL);
    http->spare[http->n_spare++] = h->easy;
    h->easy = NULL;
}

/* --- calls -------------------------------------------------------------------------------- */

static void http_begin(struct announcer_call *c, uint64_t now)
{
    struct http_call *h = http_call_of(c);
    bool secure = !strcmp(c->tracker->protocol->scheme, "https");
    char url[TRACKER_HTTP_URL_MAX];

    if (tracker_http_url(c->tracker->url, &c->request, url)) {
        call_failed(c, "announce URL too long", now);
        return;
    }
    h->easy = take_easy(h);
    if (!h->easy) {
        call_failed(c, "out of memory", now);
        return;
    }
    curl_easy_setopt(h->easy, CURLOPT_URL, url);
    curl_easy_setopt(h->easy, CURLOPT_IPRESOLVE,
                     c->only_family == AF_INET    ? CURL_IPRESOLVE_V4
                     : c->only_family == AF_INET6 ? CURL_IPRESOLVE_V6
                                                  : CURL_IPRESOLVE_WHATEVER);
    /* Never redirect from https to http. */
    curl_easy_setopt(h->easy, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    if (easy_begin(http_of(c)->curl, h->easy))
        call_failed(c, "out of memory", now);
}

/* Whether announces of other torrents to this service would fail too. */
static bool is_unreachable(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return true;
    default:
        return false;
    }
}

static void read_reply(struct http_call *h, uint64_t now)
{
    char reason[ANNOUNCE_TEXT_MAX] = "out of memory";
    struct announce_reply reply;
    long status = 0;
    int r;

    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    r = tracker_http_parse(h->body, h->n_body, &reply, reason);
    /* Some trackers put a failure reason into the body of an error; it explains more
     * than the status. */
    if (status >= 300 && (r || !reply.failed)) {
        snprintf(reason, sizeof reason, "HTTP status %ld", status);
        r = TRACKER_HTTP_MALFORMED;
    }
    if (r)
        call_failed(&h->call, reason, now);
    else
        call_replied(&h->call, &reply, now);
}

/* Notes the address family of the connection. A host that is an address has one only. */
static void note_family(struct http_call *h, bool succeeded)
{
    struct addr addr;
    char *used = NULL;
    double connect_s = 0;

    if (!h->easy || !addr_parse_ip(h->call.url.host, 0, &addr))
        return;
    curl_easy_getinfo(h->easy, CURLINFO_CONNECT_TIME, &connect_s);
    curl_easy_getinfo(h->easy, CURLINFO_PRIMARY_IP, &used);
    if ((succeeded || connect_s > 0) && used && !addr_parse_ip(used, 0, &addr))
        h->call.used_family = addr.family;
}

static void http_transfer_done(struct announcer_call *c, int code, uint64_t now)
{
    struct http_call *h = http_call_of(c);
    const char *text = h->error[0] ? h->error : curl_easy_strerror((CURLcode)code);
    char reason[ANNOUNCE_TEXT_MAX];

    note_family(h, code == CURLE_OK);
    if (h->too_long || code == CURLE_FILESIZE_EXCEEDED) {
        snprintf(reason, sizeof reason, "reply longer than %u bytes", TRACKER_HTTP_REPLY_MAX);
        call_failed(c, reason, now);
    } else if (h->is_forbidden) {
        call_failed(c, "redirects to a private address", now);
    } else if (code == CURLE_OK) {
        read_reply(h, now);
    } else if (is_unreachable((CURLcode)code)) {
        call_unreachable(c, text, now);
    } else {
        call_failed(c, text, now);
    }
}

static void http_deinit(struct announcer_call *c)
{
    struct http_call *h = http_call_of(c);

    return_easy(h);
    free(h->body);
    h->body = NULL;
}

static const struct announcer_transport_ops http_ops = {
    .call_size = sizeof(struct http_call),
    .begin = http_begin,
    .transfer_done = http_transfer_done,
    .deinit = http_deinit,
};

struct announcer_transport *announcer_http_new(const struct easy_multi *curl, const char *ca_file,
                                               uint32_t n_spare_max)
{
    struct announcer_http *http = NEW(struct announcer_http);

    http->transport.ops = &http_ops;
    http->curl = curl;
    http->ca_file = ca_file;
    http->n_spare_max = n_spare_max;
    http->spare = mem_new_array(n_spare_max, sizeof(CURL *));
    return &http->transport;
}

void announcer_http_free(struct announcer_transport *transport)
{
    struct announcer_http *http = container_of(transport, struct announcer_http, transport);

    while (http->n_spare)
        easy_free(http->curl, &http->spare[--http->n_spare]);
    free(http->spare);
    free(http);
}
