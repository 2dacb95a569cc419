/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/address.h"

#include "base/mem.h"
#include "base/num.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define V4_AT 12u /* of an IPv4 address inside the 16 bytes */
#define V4_BITS 96u

static const uint8_t v4_prefix[V4_AT] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static slk_ip from_v4(const void *bytes4)
{
    slk_ip ip;
    memcpy(ip.bytes, v4_prefix, V4_AT);
    memcpy(ip.bytes + V4_AT, bytes4, 4);
    return ip;
}

static bool is_v4(const slk_ip *ip)
{
    return memcmp(ip->bytes, v4_prefix, V4_AT) == 0;
}

bool slk_ip_parse(slk_ip *ret, const char *text)
{
    uint8_t bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1) {
        *ret = from_v4(bytes);
        return true;
    }
    if (inet_pton(AF_INET6, text, bytes) != 1)
        return false;
    memcpy(ret->bytes, bytes, 16);
    return true;
}

bool slk_ip_of_socket(slk_ip *ret, const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        *ret = from_v4(&v4.sin_addr);
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    memcpy(ret->bytes, &v6.sin6_addr, 16);
    return true;
}

void slk_ip_print(char out[SLK_ADDRESS_CHARS], const slk_ip *ip)
{
    const char *text = is_v4(ip) ? inet_ntop(AF_INET, ip->bytes + V4_AT, out, SLK_ADDRESS_CHARS)
                                 : inet_ntop(AF_INET6, ip->bytes, out, SLK_ADDRESS_CHARS);
    slk_assert(text);
}

static bool in_range(const slk_ip_range *range, const slk_ip *ip)
{
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(range->first.bytes, ip->bytes, whole) != 0)
        return false;
    return rest == 0 || (range->first.bytes[whole] ^ ip->bytes[whole]) >> (8 - rest) == 0;
}

bool slk_ip_set_has(const slk_ip_set *set, const slk_ip *ip)
{
    for (size_t i = 0; i < set->n; i++)
        if (in_range(&set->range[i], ip))
            return true;
    return false;
}

/* "address" or "address/bits". */
static bool parse_range(slk_ip_range *ret, char *word)
{
    uint64_t bits = 128;
    char *slash = strchr(word, '/');
    if (slash)
        *slash = 0;
    slk_ip_range range;
    if (!slk_ip_parse(&range.first, word))
        return false;
    bool v4 = strchr(word, ':') == NULL;
    if (slash && (slk_parse_u64(&bits, slash + 1) != SLK_OK || bits > (v4 ? 32u : 128u)))
        return false;
    range.bits = (unsigned)bits + (slash && v4 ? V4_BITS : 0);
    *ret = range;
    return true;
}

slk_err slk_ip_set_add(slk_ip_set *set, const char *text, slk_error *error)
{
    static const char gaps[] = ", \t";
    for (text += strspn(text, gaps); *text; text += strspn(text, gaps)) {
        char word[SLK_ADDRESS_CHARS];
        size_t n = strcspn(text, gaps);
        (void)snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1),
                       text);
        if (set->n == SLK_ADDRESS_SET_MAX)
            return slk_fail(error, SLK_E_INVAL, "more than %u addresses", SLK_ADDRESS_SET_MAX);
        if (n >= sizeof word || !parse_range(&set->range[set->n], word))
            return slk_fail(error, SLK_E_INVAL,
                            "\"%.*s\" is no address: write 192.0.2.1 or 10.0.0.0/8",
                            (int)(n < 80 ? n : 80), text);
        set->n++;
        text += n;
    }
    return SLK_OK;
}

/* ---- what is public ---- */

/* source: RFC 6890 and its registries: 0/8 this network, 10/8 172.16/12 192.168/16 private, 100.64/10
 * shared, 127/8 loopback, 169.254/16 link-local, 192.0.0/24 protocols, 192.0.2/24 198.51.100/24
 * 203.0.113/24 documentation, 192.88.99/24 relays, 198.18/15 benchmarks, 224/4 multicast, 240/4
 * reserved */
static const struct {
    uint8_t first[4];
    unsigned bits;
} closed_v4[] = {
    {{0, 0, 0, 0}, 8},      {{10, 0, 0, 0}, 8},     {{100, 64, 0, 0}, 10}, {{127, 0, 0, 0}, 8},
    {{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12},  {{192, 0, 0, 0}, 24},  {{192, 0, 2, 0}, 24},
    {{192, 88, 99, 0}, 24}, {{192, 168, 0, 0}, 16}, {{198, 18, 0, 0}, 15}, {{198, 51, 100, 0}, 24},
    {{203, 0, 113, 0}, 24}, {{224, 0, 0, 0}, 4},    {{240, 0, 0, 0}, 4},
};

static bool v4_is_public(const uint8_t *bytes4)
{
    const slk_ip ip = from_v4(bytes4);
    for (size_t i = 0; i < sizeof closed_v4 / sizeof *closed_v4; i++) {
        slk_ip_range range = {from_v4(closed_v4[i].first), V4_BITS + closed_v4[i].bits};
        if (in_range(&range, &ip))
            return false;
    }
    return true;
}

bool slk_ip_is_public(const slk_ip *ip)
{
    /* source: RFC 6052 NAT64, RFC 3056 6to4 */
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    static const uint8_t documentation[4] = {0x20, 0x01, 0x0d, 0xb8};
    const uint8_t *b = ip->bytes;
    if (is_v4(ip) || memcmp(b, nat64, sizeof nat64) == 0)
        return v4_is_public(b + V4_AT);
    if (b[0] == 0x20 && b[1] == 0x02)
        return v4_is_public(b + 2);
    if (b[0] == 0x20 && b[1] == 0x01 && b[2] < 2) /* protocols, Teredo among them */
        return false;
    /* Global unicast is 2000::/3; all else is loopback, local, multicast or nobody's. */
    return b[0] >> 5 == 1 && memcmp(b, documentation, sizeof documentation) != 0;
}

bool slk_ip_is_loopback(const slk_ip *ip)
{
    static const uint8_t localhost[16] = {[15] = 1};
    return is_v4(ip) ? ip->bytes[V4_AT] == 127 : memcmp(ip->bytes, localhost, 16) == 0;
}

void slk_ip_owner(char out[SLK_ADDRESS_CHARS], const slk_ip *ip)
{
    slk_ip owner = *ip;
    if (!is_v4(ip))
        memset(owner.bytes + 8, 0, 8);
    slk_ip_print(out, &owner);
}

/* ---- proxies ---- */

/* The last word of text[0, *n) into out; moves *n before it. False when none is left. */
static bool take_last(char *out, size_t out_n, const char *text, size_t *n)
{
    static const char blanks[] = " \t";
    size_t end = *n;
    while (end && strchr(blanks, text[end - 1]))
        end--;
    size_t start = end;
    while (start && text[start - 1] != ',')
        start--;
    *n = start ? start - 1 : 0;
    while (start < end && strchr(blanks, text[start]))
        start++;
    if (start == end || end - start >= out_n)
        return false;
    memcpy(out, text + start, end - start);
    out[end - start] = 0;
    return true;
}

slk_ip slk_ip_behind_proxies(const slk_ip_set *proxies, const slk_ip *socket, const char *forwarded)
{
    slk_ip peer = *socket;
    size_t n = forwarded ? strlen(forwarded) : 0;
    char word[SLK_ADDRESS_CHARS];
    while (slk_ip_set_has(proxies, &peer) && n && take_last(word, sizeof word, forwarded, &n)) {
        slk_ip next;
        if (!slk_ip_parse(&next, word))
            break;
        peer = next;
    }
    return peer;
}
