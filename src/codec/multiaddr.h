/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Multiaddrs of a TCP service: /ip4|ip6|dns|dns4|dns6/<host>/tcp/<port>[/http|https|ws|wss|tls…].
 * source: github.com/multiformats/multiaddr; reference/lotus-worker 1.3 */
#ifndef SLK_CODEC_MULTIADDR_H
#define SLK_CODEC_MULTIADDR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_MULTIADDR_HOST_CHARS 254u /* source: RFC 1035 2.3.4, as text, and a NUL */
#define SLK_MULTIADDR_LISTEN_CHARS 264u
#define SLK_MULTIADDR_TEXT_CHARS 280u

typedef struct slk_multiaddr {
    char host[SLK_MULTIADDR_HOST_CHARS]; /* name or address, IPv6 without brackets */
    uint16_t port; /* 0 only where parsing allowed it */
    bool v6; /* host is an IPv6 address */
    bool name; /* host is a name */
    bool tls; /* https, wss or tls */
} slk_multiaddr;

/* Whole text; one slash at the end is ignored. zero_port: port 0 (any free one) is accepted.
 * SLK_E_INVAL says what is wrong. */
SLK_MUST_CHECK slk_err slk_multiaddr_parse(slk_multiaddr *ret_address, const char *text,
                                           bool zero_port, slk_error *error);

/* "127.0.0.1:2345", "[::1]:2345", as a server's listen address and a URL have it. */
void slk_multiaddr_listen(char out[SLK_MULTIADDR_LISTEN_CHARS], const slk_multiaddr *address);
/* And back, of an address "host:port" or "[v6]:port". Host must be numeric or a name. */
SLK_MUST_CHECK slk_err slk_multiaddr_from_listen(slk_multiaddr *ret_address, const char *listen,
                                                 bool tls, slk_error *error);
/* "/ip4/127.0.0.1/tcp/2345/http", with TLS ".../tls/http", by which Lotus knows it. */
void slk_multiaddr_print(char out[SLK_MULTIADDR_TEXT_CHARS], const slk_multiaddr *address);

#endif
