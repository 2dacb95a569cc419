/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who stands behind the proxies: lines of trusted addresses, the socket's address, and what the
 * X-Forwarded-For says. */
#include "fuzz.h"

#include "base/mem.h"
#include "net/address.h"

#include <string.h>

static void check_address(const slk_ip *ip)
{
    char text[SLK_ADDRESS_CHARS], owner[SLK_ADDRESS_CHARS], again[SLK_ADDRESS_CHARS];
    slk_ip back, of_owner;
    slk_ip_print(text, ip);
    slk_assert(slk_ip_parse(&back, text) && memcmp(&back, ip, sizeof back) == 0);
    slk_ip_owner(owner, ip);
    slk_assert(slk_ip_parse(&of_owner, owner));
    slk_ip_owner(again, &of_owner);
    slk_assert(strcmp(owner, again) == 0);
    slk_assert(slk_ip_is_public(ip) == slk_ip_is_public(&back));
}

static bool same(const slk_ip *a, const slk_ip *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* Only proxies are asked whom they speak for, and what stands left of the first stranger is
 * nobody's word. */
static void check_chain(const slk_ip_set *set, const slk_ip *socket, const char *chain)
{
    const slk_ip peer = slk_ip_behind_proxies(set, socket, chain);
    check_address(&peer);
    slk_assert(slk_ip_set_has(set, socket) || same(&peer, socket));
    SLK_CLEANUP(slk_freep) char *more = slk_strf("198.51.100.77, 10.0.0.1,%s", chain);
    slk_assert(more);
    const slk_ip with_more = slk_ip_behind_proxies(set, socket, more);
    slk_assert(slk_ip_set_has(set, &peer) || same(&with_more, &peer));
}

/* Cuts the text at its first line feed; what follows it. */
static char *next_line(char *text)
{
    char *end = strchr(text, '\n');
    if (!end)
        return text + strlen(text);
    *end = 0;
    return end + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *trusted = fuzz_text(data, n);
    char *socket_text = next_line(trusted), *chain = next_line(socket_text);
    slk_ip_set set = {0};
    slk_error error = {0};
    if (slk_ip_set_add(&set, trusted, &error) != SLK_OK)
        slk_assert(error.message[0]);
    slk_assert(set.n <= SLK_ADDRESS_SET_MAX);
    slk_ip socket;
    if (!slk_ip_parse(&socket, socket_text) && !slk_ip_parse(&socket, "10.0.0.1"))
        return 0;
    check_address(&socket);
    check_chain(&set, &socket, chain);
    return 0;
}
