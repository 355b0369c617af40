/* SPDX-License-Identifier: MIT */
#include "conjure/tracker/protocol.h"

#include <string.h>
#include <strings.h>

#include "conjure/base/alloc.h"

static const struct tracker_protocol protocols[] = {
    {"http", TRACKER_TRANSPORT_HTTP, 80},
    {"https", TRACKER_TRANSPORT_HTTP, 443},
    {"udp", TRACKER_TRANSPORT_UDP, 0},
};

const struct tracker_protocol *tracker_protocol_find(const char *url)
{
    const char *end = strstr(url, "://");

    if (!end)
        return NULL;
    for (size_t i = 0; i < N_ELEMENTS(protocols); i++) {
        size_t n = strlen(protocols[i].scheme);

        if ((size_t)(end - url) == n && !strncasecmp(url, protocols[i].scheme, n))
            return &protocols[i];
    }
    return NULL;
}

/* The digits from AT to END. Returns false when they are not a port. */
static bool parse_port(const char *at, const char *end, uint16_t *outp)
{
    uint32_t port = 0;

    if (at == end || end - at > 5)
        return false;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9')
            return false;
        port = port * 10 + (uint32_t)(*at - '0');
    }
    if (!port || port > UINT16_MAX)
        return false;
    *outp = (uint16_t)port;
    return true;
}

int tracker_url_parse(const char *url, struct tracker_url *outp)
{
    const struct tracker_protocol *protocol = tracker_protocol_find(url);
    const char *host, *host_end, *end, *at;
    struct tracker_url parsed = {0};

    if (!protocol)
        return TRACKER_URL_UNUSABLE;
    host = strstr(url, "://") + 3;
    end = host + strcspn(host, "/?#");
    /* A user name and password may precede the host. */
    at = memrchr(host, '@', (size_t)(end - host));
    if (at)
        host = at + 1;
    if (*host == '[') {
        host++;
        host_end = memchr(host, ']', (size_t)(end - host));
        if (!host_end)
            return TRACKER_URL_UNUSABLE;
        at = host_end + 1;
    } else {
        host_end = memchr(host, ':', (size_t)(end - host));
        if (!host_end)
            host_end = end;
        at = host_end;
    }
    if (host_end == host || host_end - host >= TRACKER_HOST_MAX)
        return TRACKER_URL_UNUSABLE;
    parsed.port = protocol->default_port;
    if (at < end && (*at != ':' || !parse_port(at + 1, end, &parsed.port)))
        return TRACKER_URL_UNUSABLE;
    if (!parsed.port)
        return TRACKER_URL_UNUSABLE;
    memcpy(parsed.host, host, (size_t)(host_end - host));
    parsed.path = end;
    *outp = parsed;
    return 0;
}
