/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_ADDR_H
#define CONJURE_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* An endpoint: IPv4 or IPv6 address and TCP or UDP port. All-zero is "none". */
struct addr {
    uint8_t ip[16]; /* network order; an IPv4 address uses the first four, the rest is zero */
    uint16_t port;  /* host order */
    uint8_t family; /* AF_INET, AF_INET6, or 0 for none */
};
#define ADDR_NONE     ((struct addr){0})
#define ADDR_TEXT_MAX 56 /* "[" + INET6_ADDRSTRLEN + "]:65535" */
#define ADDR_COMPACT4 6  /* BEP 23 */
#define ADDR_COMPACT6 18 /* BEP 7 */

enum {
    ADDR_MALFORMED = 1, /* the text is not an address; *OUTP is untouched */
};

/* "192.0.2.1:6881" or "[2001:db8::1]:6881", numbers only. Returns 0 or ADDR_MALFORMED. */
int addr_parse(const char *text, struct addr *outp);
/* IP is an address alone, without port and brackets. Returns 0 or ADDR_MALFORMED. */
int addr_parse_ip(const char *ip, uint16_t port, struct addr *outp);
char *addr_format(const struct addr *a, char text[ADDR_TEXT_MAX]);

struct addr addr_from_compact4(const uint8_t bytes[ADDR_COMPACT4]);
struct addr addr_from_compact6(const uint8_t bytes[ADDR_COMPACT6]);
/* Writes 6 or 18 bytes and returns how many. */
unsigned addr_to_compact(const struct addr *a, uint8_t bytes[ADDR_COMPACT6]);

/* An IPv4 address mapped into IPv6 (::ffff:a.b.c.d) becomes plain IPv4. */
struct addr addr_from_sockaddr(const struct sockaddr *sa);
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *outp);

bool addr_equal(const struct addr *a, const struct addr *b);
bool addr_same_host(const struct addr *a, const struct addr *b);
uint64_t addr_hash(const struct addr *a);
/* The host of A as one number: its IPv4 address, or the first 64 bits of its IPv6 address, because
 * one host can have all addresses of its /64. The port does not matter. 0 only if A has no address.
 */
uint64_t addr_host(const struct addr *a);
bool addr_host_is_ipv4(uint64_t host);
/* The network of a host: 24 bits of an IPv4 address, 48 of an IPv6 address. */
uint64_t addr_network_of(uint64_t host);
/* Whether we connect to it when a tracker or peer sends it: a unicast address and a port. */
bool addr_is_dialable(const struct addr *a);
/* Whether the address belongs to the same network: this host (127.0.0.0/8, ::1), private networks
 * (RFC 1918; fc00::/7, RFC 4193) and the link (169.254.0.0/16, fe80::/10). IPv4 inside IPv6
 * (::ffff:a.b.c.d) counts as IPv4. Addresses that carriers share among customers (100.64.0.0/10,
 * RFC 6598) do not count: traffic to them uses the internet line, which has the limits. */
bool addr_is_lan(const struct addr *a);
/* Whether the address is one of the internet: a unicast address that neither addr_is_lan nor
 * belongs to "this network" (0.0.0.0/8, ::), nor is shared by a carrier's customers. */
bool addr_is_public(const struct addr *a);

#endif
