/* SPDX-License-Identifier: MIT */
#include "actors/announcer_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REDIRECTS_MAX 5

CURL *call_new_easy(struct announcer_call *c, char error[CURL_ERROR_SIZE])
{
    const struct announcer_options *o = &c->announcer->options;
    CURL *easy = curl_easy_init();

    if (!easy)
        return NULL;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, c);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* Leaving must not wait for a look-up that hangs in the C library. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
    curl_easy_setopt(
        easy, CURLOPT_TIMEOUT_MS,
        (long)(c->request.event == ANNOUNCE_STOPPED ? o->stop_timeout_ms : o->total_timeout_ms));
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

static void http_begin(struct announcer_call *c, uint64_t now)
{
    struct http_call *h = &c->http;
    char url[TRACKER_HTTP_URL_MAX];

    if (tracker_http_url(c->tracker->url, &c->request, url)) {
        call_failed(c, "announce URL too long");
        return;
    }
    h->easy = call_new_easy(c, h->error);
    if (!h->easy) {
        call_failed(c, "out of memory");
        return;
    }
    curl_easy_setopt(h->easy, CURLOPT_URL, url);
    curl_easy_setopt(h->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h->easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h->easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(h->easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(h->easy, CURLOPT_USERAGENT, "Conjure/" CONJURE_VERSION);
    curl_easy_setopt(h->easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(h->easy, CURLOPT_MAXFILESIZE, (long)TRACKER_HTTP_REPLY_MAX);
    curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, h);
    if (c->announcer->options.ca_file)
        curl_easy_setopt(h->easy, CURLOPT_CAINFO, c->announcer->options.ca_file);
    if (curl_multi_add_handle(c->announcer->multi, h->easy))
        call_failed(c, "out of memory");
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
        call_failed(c, h->error[0] ? h->error : curl_easy_strerror(code));
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

static uint64_t http_deadline(const struct announcer_call *c)
{
    return UINT64_MAX;
}

static void http_deinit(struct announcer_call *c)
{
    call_free_easy(c, &c->http.easy);
    free(c->http.body);
    c->http.body = NULL;
}

const struct announcer_transport announcer_http = {
    .begin = http_begin,
    .done = http_done,
    .deadline = http_deadline,
    .deinit = http_deinit,
};
