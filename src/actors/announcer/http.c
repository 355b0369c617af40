/* SPDX-License-Identifier: MIT */
#include "actors/announcer/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"

#define REDIRECTS_MAX 5

static void set_timeout(struct announcer_call *c, CURL *easy)
{
    const struct announcer_options *o = &c->announcer->options;

    curl_easy_setopt(
        easy, CURLOPT_TIMEOUT_MS,
        (long)(c->request.event == ANNOUNCE_STOPPED ? o->stop_timeout_ms : o->total_timeout_ms));
}

CURL *call_new_easy(struct announcer_call *c, char error[CURL_ERROR_SIZE])
{
    CURL *easy = curl_easy_init();

    if (!easy)
        return NULL;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, c);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* Leaving must not wait for a look-up that hangs in the C library. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)c->announcer->options.connect_timeout_ms);
    set_timeout(c, easy);
    return easy;
}

void call_free_easy(struct announcer_call *c, CURL **easyp)
{
    if (!*easyp)
        return;
    curl_multi_remove_handle(c->announcer->multi, *easyp);
    curl_easy_cleanup(*easyp);
    *easyp = NULL;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct http_call *h = arg;

    n *= size;
    if (n > TRACKER_HTTP_REPLY_MAX - h->n_body) {
        h->too_long = true;
        return CURL_WRITEFUNC_ERROR;
    }
    if (n > h->n_room - h->n_body) {
        size_t room = h->n_body + n < 4096 ? 4096 : (h->n_body + n) * 2;
        uint8_t *body = realloc(h->body, room);

        if (!body)
            return CURL_WRITEFUNC_ERROR;
        h->body = body;
        h->n_room = room;
    }
    memcpy(h->body + h->n_body, bytes, n);
    h->n_body += n;
    return n;
}

/* One that was used before keeps all that is the same for every announce. */
static CURL *take_easy(struct announcer_call *c)
{
    struct announcer *a = c->announcer;
    struct http_call *h = &c->http;
    CURL *easy;

    if (a->n_spare) {
        easy = a->spare[--a->n_spare];
        curl_easy_setopt(easy, CURLOPT_PRIVATE, c);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, h->error);
        set_timeout(c, easy);
    } else {
        easy = call_new_easy(c, h->error);
        if (!easy)
            return NULL;
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "Conjure/" CONJURE_VERSION);
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
        curl_easy_setopt(easy, CURLOPT_MAXFILESIZE, (long)TRACKER_HTTP_REPLY_MAX);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        if (a->options.ca_file)
            curl_easy_setopt(easy, CURLOPT_CAINFO, a->options.ca_file);
    }
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, h);
    return easy;
}

static void give_easy_back(struct announcer_call *c)
{
    struct announcer *a = c->announcer;

    if (!c->http.easy)
        return;
    curl_multi_remove_handle(a->multi, c->http.easy);
    if (!a->spare)
        a->spare = mem_new_array(a->options.n_at_once_max, sizeof(CURL *));
    if (a->n_spare < a->options.n_at_once_max) {
        /* Nothing in it may point at the call any more. */
        curl_easy_setopt(c->http.easy, CURLOPT_PRIVATE, NULL);
        curl_easy_setopt(c->http.easy, CURLOPT_ERRORBUFFER, NULL);
        curl_easy_setopt(c->http.easy, CURLOPT_WRITEDATA, NULL);
        a->spare[a->n_spare++] = c->http.easy;
    } else {
        curl_easy_cleanup(c->http.easy);
    }
    c->http.easy = NULL;
}

void announcer_http_deinit(struct announcer *a)
{
    while (a->n_spare)
        curl_easy_cleanup(a->spare[--a->n_spare]);
    free(a->spare);
}

static void http_begin(struct announcer_call *c, uint64_t now)
{
    struct http_call *h = &c->http;
    bool secure = !strcmp(c->tracker->protocol->scheme, "https");
    char url[TRACKER_HTTP_URL_MAX];

    if (tracker_http_url(c->tracker->url, &c->request, url)) {
        call_failed(c, "announce URL too long");
        return;
    }
    h->easy = take_easy(c);
    if (!h->easy) {
        call_failed(c, "out of memory");
        return;
    }
    curl_easy_setopt(h->easy, CURLOPT_URL, url);
    /* Who was promised secrecy is not sent away into the open. */
    curl_easy_setopt(h->easy, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    if (curl_multi_add_handle(c->announcer->multi, h->easy))
        call_failed(c, "out of memory");
}

/* Whether the next torrent would fare no better there. */
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

static void http_done(struct announcer_call *c, CURLcode code, uint64_t now)
{
    struct http_call *h = &c->http;
    char reason[ANNOUNCE_TEXT_MAX] = "out of memory";
    struct announce_reply reply;
    long status = 0;
    int r;

    if (h->too_long || code == CURLE_FILESIZE_EXCEEDED) {
        snprintf(reason, sizeof reason, "reply longer than %u bytes", TRACKER_HTTP_REPLY_MAX);
        call_failed(c, reason);
        return;
    }
    if (code) {
        const char *text = h->error[0] ? h->error : curl_easy_strerror(code);

        if (is_unreachable(code))
            call_unreachable(c, text);
        else
            call_failed(c, text);
        return;
    }
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    r = tracker_http_parse(h->body, h->n_body, &reply, reason);
    /* Some trackers put their failure reason into an error page; that says more than the number. */
    if (status >= 300 && (r || !reply.failed)) {
        snprintf(reason, sizeof reason, "HTTP status %ld", status);
        r = TRACKER_HTTP_GARBAGE;
    }
    if (r)
        call_failed(c, reason);
    else
        call_replied(c, &reply);
}

static void http_deinit(struct announcer_call *c)
{
    give_easy_back(c);
    free(c->http.body);
    c->http.body = NULL;
}

const struct announcer_transport announcer_http = {
    .begin = http_begin,
    .done = http_done,
    .deinit = http_deinit,
};
