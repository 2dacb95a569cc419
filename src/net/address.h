/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Internet addresses: which are reachable by everybody, which belong to a set, and who stands
 * behind a proxy. Pure functions.
 *
 * An IPv4 address inside IPv6 (mapped, NAT64, 6to4) is judged as the IPv4 address it is. */
#ifndef SLK_NET_ADDRESS_H
#define SLK_NET_ADDRESS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define SLK_ADDRESS_CHARS 64u /* room for the text of one */
#define SLK_ADDRESS_SET_MAX 32u

/* As IPv6; IPv4 mapped. */
typedef struct slk_ip {
    uint8_t bytes[16];
} slk_ip;

/* "192.0.2.1" or "2001:db8::1", without brackets or port. */
bool slk_ip_parse(slk_ip *ret, const char *text);
/* False for families other than IPv4 and IPv6. */
bool slk_ip_of_socket(slk_ip *ret, const struct sockaddr *address);
/* Shortest usual text; IPv4 without its prefix. */
void slk_ip_print(char out[SLK_ADDRESS_CHARS], const slk_ip *ip);

/* Whether the address can be one of a stranger's server: not loopback, private, shared, link-local
 * (where clouds keep their metadata), multicast, documentation, reserved or unspecified.
 * source: the special-purpose registries of IANA (RFC 6890) */
bool slk_ip_is_public(const slk_ip *ip);

bool slk_ip_is_loopback(const slk_ip *ip); /* 127/8 and ::1 */

/* One key for whoever can choose among these addresses: IPv4 itself, of IPv6 the /64. */
void slk_ip_owner(char out[SLK_ADDRESS_CHARS], const slk_ip *ip);

typedef struct slk_ip_range {
    slk_ip first;
    unsigned bits; /* of first that count */
} slk_ip_range;

typedef struct slk_ip_set {
    size_t n;
    slk_ip_range range[SLK_ADDRESS_SET_MAX];
} slk_ip_set;

/* Adds addresses and blocks ("10.0.0.0/8, ::1") to the set. SLK_E_INVAL names the bad word. */
SLK_MUST_CHECK slk_err slk_ip_set_add(slk_ip_set *set, const char *text, slk_error *error);
bool slk_ip_set_has(const slk_ip_set *set, const slk_ip *ip);

/* Who is asking, when the connection comes from `socket` with an X-Forwarded-For of `forwarded`
 * (NULL none): the last address of that chain that is none of our proxies. Whatever a stranger
 * writes further left changes nothing, and a chain that cannot be read ends where it can. */
slk_ip slk_ip_behind_proxies(const slk_ip_set *proxies, const slk_ip *socket,
                             const char *forwarded);

#endif
