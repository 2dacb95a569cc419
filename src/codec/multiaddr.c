/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/multiaddr.h"

#include "base/num.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX_CHARS 4096u
#define PARTS_MAX 8u

typedef enum host_kind { HOST_V4, HOST_V6, HOST_NAME, HOST_UNKNOWN } host_kind;

static host_kind kind_of(const char *part)
{
    static const struct {
        const char *name;
        host_kind kind;
    } kinds[] = {{"ip4", HOST_V4},
                 {"ip6", HOST_V6},
                 {"dns", HOST_NAME},
                 {"dns4", HOST_NAME},
                 {"dns6", HOST_NAME}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(part, kinds[i].name) == 0)
            return kinds[i].kind;
    return HOST_UNKNOWN;
}

/* Characters of host names; nothing that could end the host. */
static bool is_name(const char *host)
{
    for (const char *p = host; *p != '\0'; p++) {
        const bool letter =
            (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        if (!letter && *p != '.' && *p != '-' && *p != '_')
            return false;
    }
    return host[0] != '\0';
}

static bool host_ok(const char *host, host_kind kind)
{
    struct in6_addr ignored;
    if (kind == HOST_NAME)
        return is_name(host);
    return inet_pton(kind == HOST_V6 ? AF_INET6 : AF_INET, host, &ignored) == 1;
}

static bool read_port(uint16_t *ret_port, const char *text, bool zero_port)
{
    uint64_t port;
    if (slk_parse_u64(&port, text) != SLK_OK || port > UINT16_MAX || (port == 0 && !zero_port))
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* Splits "/a/b/c" in place into at most PARTS_MAX parts; returns how many, 0 when it is no such path.
 * One slash at the end is ignored. */
static size_t split_parts(char *parts[PARTS_MAX], char *text)
{
    size_t n = 0;
    while (*text == '/' && text[1] != '\0') {
        *text++ = '\0';
        if (n == PARTS_MAX)
            return 0;
        parts[n++] = text;
        text += strcspn(text, "/");
    }
    *text = '\0';
    return n;
}

/* What follows the port: how to speak there. */
static slk_err read_protocols(bool *ret_tls, char *const *parts, size_t n, slk_error *error)
{
    *ret_tls = false;
    for (size_t i = 0; i < n; i++) {
        const char *part = parts[i];
        if (strcmp(part, "https") == 0 || strcmp(part, "wss") == 0 || strcmp(part, "tls") == 0)
            *ret_tls = true;
        else if (strcmp(part, "http") != 0 && strcmp(part, "ws") != 0)
            return slk_fail(error, SLK_E_INVAL, "address has an unknown part \"%.20s\"", part);
    }
    return SLK_OK;
}

slk_err slk_multiaddr_parse(slk_multiaddr *ret_address, const char *text, bool zero_port,
                            slk_error *error)
{
    char copy[TEXT_MAX_CHARS];
    char *parts[PARTS_MAX] = {0};
    slk_multiaddr address = {0};
    if (strlen(text) >= sizeof copy)
        return slk_fail(error, SLK_E_INVAL, "address is too long");
    (void)snprintf(copy, sizeof copy, "%s", text);
    const size_t n = split_parts(parts, copy);
    const host_kind kind = n > 0 ? kind_of(parts[0]) : HOST_UNKNOWN;
    if (n < 4 || kind == HOST_UNKNOWN || strcmp(parts[2], "tcp") != 0)
        return slk_fail(error, SLK_E_INVAL, "address must look like /ip4/127.0.0.1/tcp/1234/http");
    if (strlen(parts[1]) >= sizeof address.host || !host_ok(parts[1], kind) ||
        !read_port(&address.port, parts[3], zero_port))
        return slk_fail(error, SLK_E_INVAL, "address has a bad host or port");
    SLK_TRY(read_protocols(&address.tls, parts + 4, n - 4, error));
    (void)snprintf(address.host, sizeof address.host, "%s", parts[1]);
    address.v6 = kind == HOST_V6;
    address.name = kind == HOST_NAME;
    *ret_address = address;
    return SLK_OK;
}

void slk_multiaddr_listen(char out[SLK_MULTIADDR_LISTEN_CHARS], const slk_multiaddr *address)
{
    (void)snprintf(out, SLK_MULTIADDR_LISTEN_CHARS, address->v6 ? "[%s]:%u" : "%s:%u",
                   address->host, (unsigned)address->port);
}

slk_err slk_multiaddr_from_listen(slk_multiaddr *ret_address, const char *listen, bool tls,
                                  slk_error *error)
{
    slk_multiaddr address = {.tls = tls, .v6 = listen[0] == '['};
    const char *colon = strrchr(listen, ':');
    const char *host = address.v6 ? listen + 1 : listen;
    const char *end = address.v6 ? strchr(listen, ']') : colon;
    if (colon == NULL || end == NULL || end + (address.v6 ? 1 : 0) != colon ||
        (size_t)(end - host) >= sizeof address.host)
        return slk_fail(error, SLK_E_INVAL, "\"%.100s\" is not an address like 127.0.0.1:2345",
                        listen);
    (void)snprintf(address.host, sizeof address.host, "%.*s", (int)(end - host), host);
    address.name = !address.v6 && !host_ok(address.host, HOST_V4);
    const host_kind kind = address.v6 ? HOST_V6 : address.name ? HOST_NAME : HOST_V4;
    if (!host_ok(address.host, kind) || !read_port(&address.port, colon + 1, true))
        return slk_fail(error, SLK_E_INVAL, "\"%.100s\" has a bad host or port", listen);
    *ret_address = address;
    return SLK_OK;
}

void slk_multiaddr_print(char out[SLK_MULTIADDR_TEXT_CHARS], const slk_multiaddr *address)
{
    (void)snprintf(out, SLK_MULTIADDR_TEXT_CHARS, "/%s/%s/tcp/%u/%s",
                   address->v6     ? "ip6"
                   : address->name ? "dns"
                                   : "ip4",
                   address->host, (unsigned)address->port, address->tls ? "tls/http" : "http");
}
