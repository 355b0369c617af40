/* SPDX-License-Identifier: MIT */
#include "conjure/base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/bytes.h"

int addr_parse_ip(const char *ip, uint16_t port, struct addr *outp)
{
    struct addr a = {.port = port};

    if (inet_pton(AF_INET, ip, a.ip) == 1)
        a.family = AF_INET;
    else if (inet_pton(AF_INET6, ip, a.ip) == 1)
        a.family = AF_INET6;
    else
        return ADDR_MALFORMED;
    *outp = a;
    return 0;
}

int addr_parse(const char *text, struct addr *outp)
{
    char host[INET6_ADDRSTRLEN + 1];
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    unsigned long port;
    char *end;

    if (!colon || colon[1] < '0' || colon[1] > '9')
        return ADDR_MALFORMED;
    port = strtoul(colon + 1, &end, 10);
    if (*end || port > 65535)
        return ADDR_MALFORMED;
    if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    } else if (memchr(text, ':', n)) {
        return ADDR_MALFORMED;
    }
    if (n == 0 || n >= sizeof host)
        return ADDR_MALFORMED;
    memcpy(host, text, n);
    host[n] = '\0';
    return addr_parse_ip(host, (uint16_t)port, outp);
}

char *addr_format(const struct addr *a, char text[ADDR_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "none";

    if (a->family)
        inet_ntop(a->family, a->ip, host, sizeof host);
    snprintf(text, ADDR_TEXT_MAX, a->family == AF_INET6 ? "[%s]:%u" : "%s:%u", host, a->port);
    return text;
}

struct addr addr_from_compact4(const uint8_t bytes[ADDR_COMPACT4])
{
    struct addr a = {.family = AF_INET, .port = get_be16(bytes + 4)};

    memcpy(a.ip, bytes, 4);
    return a;
}

struct addr addr_from_compact6(const uint8_t bytes[ADDR_COMPACT6])
{
    struct addr a = {.family = AF_INET6, .port = get_be16(bytes + 16)};

    memcpy(a.ip, bytes, 16);
    return a;
}

unsigned addr_to_compact(const struct addr *a, uint8_t bytes[ADDR_COMPACT6])
{
    unsigned n = a->family == AF_INET6 ? 16 : 4;

    memcpy(bytes, a->ip, n);
    put_be16(bytes + n, a->port);
    return n + 2;
}

struct addr addr_from_sockaddr(const struct sockaddr *sa)
{
    struct addr a = ADDR_NONE;

    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)sa;

        a.family = AF_INET;
        a.port = ntohs(in->sin_port);
        memcpy(a.ip, &in->sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)sa;

        a.port = ntohs(in6->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
            a.family = AF_INET;
            memcpy(a.ip, in6->sin6_addr.s6_addr + 12, 4);
        } else {
            a.family = AF_INET6;
            memcpy(a.ip, &in6->sin6_addr, 16);
        }
    }
    return a;
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *outp)
{
    memset(outp, 0, sizeof *outp);
    if (a->family == AF_INET6) {
        struct sockaddr_in6 *in6 = (void *)outp;

        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(a->port);
        memcpy(&in6->sin6_addr, a->ip, 16);
        return sizeof *in6;
    }
    struct sockaddr_in *in = (void *)outp;

    in->sin_family = AF_INET;
    in->sin_port = htons(a->port);
    memcpy(&in->sin_addr, a->ip, 4);
    return sizeof *in;
}

bool addr_same_host(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && !memcmp(a->ip, b->ip, sizeof a->ip);
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return a->port == b->port && addr_same_host(a, b);
}

uint64_t addr_hash(const struct addr *a)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ a->port; /* FNV-1a */

    for (unsigned i = 0; i < sizeof a->ip; i++)
        h = (h ^ a->ip[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* Above all unicast IPv6 prefixes. */
#define HOST_IPV4 (UINT64_C(0xffffffff) << 32)
/* The first 64 bits of ::1 are 0, which means no host. No unicast IPv6 address begins with this. */
#define HOST_IPV6_ZERO UINT64_C(1)

uint64_t addr_host(const struct addr *a)
{
    uint64_t host = 0;

    if (!a->family)
        return 0;
    for (unsigned i = 0; i < (a->family == AF_INET ? 4 : 8); i++)
        host = host << 8 | a->ip[i];
    if (a->family == AF_INET)
        return HOST_IPV4 | host;
    return host ? host : HOST_IPV6_ZERO;
}

bool addr_host_is_ipv4(uint64_t host)
{
    return host >= HOST_IPV4;
}

uint64_t addr_network_of(uint64_t host)
{
    return addr_host_is_ipv4(host) ? host & ~UINT64_C(0xff) : host & ~UINT64_C(0xffff);
}

bool addr_is_dialable(const struct addr *a)
{
    static const uint8_t zero[16];

    if (!a->port || !a->family || !memcmp(a->ip, zero, sizeof zero))
        return false;
    return a->family == AF_INET ? a->ip[0] < 224 : a->ip[0] != 0xff;
}

static bool is_lan4(const uint8_t *ip)
{
    return ip[0] == 127 || ip[0] == 10 || (ip[0] == 172 && ip[1] >> 4 == 1) ||
           (ip[0] == 192 && ip[1] == 168) || (ip[0] == 169 && ip[1] == 254);
}

bool addr_is_lan(const struct addr *a)
{
    static const uint8_t loopback[16] = {[15] = 1};
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};

    if (a->family == AF_INET)
        return is_lan4(a->ip);
    if (a->family != AF_INET6)
        return false;
    if (!memcmp(a->ip, mapped, sizeof mapped))
        return is_lan4(a->ip + sizeof mapped);
    return !memcmp(a->ip, loopback, sizeof loopback) || a->ip[0] >> 1 == 0xfc >> 1 ||
           (a->ip[0] == 0xfe && a->ip[1] >> 6 == 2);
}

bool addr_is_public(const struct addr *a)
{
    struct addr plain = *a;

    plain.port = 1;
    if (!addr_is_dialable(&plain) || addr_is_lan(a))
        return false;
    if (a->family == AF_INET)
        return a->ip[0] && !(a->ip[0] == 100 && a->ip[1] >> 6 == 1);
    return true;
}
