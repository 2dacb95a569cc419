/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/apiinfo.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/multiaddr.h"

#include <stdbool.h>
#include <string.h>

#define API_INFO_MAX_CHARS 4096u
#define HOST_MAX_CHARS 253u /* source: RFC 1035 2.3.4, as text */

void slk_apiinfo_done(slk_apiinfo *info)
{
    if (info->token != NULL)
        slk_bytes_wipe(info->token, strlen(info->token));
    slk_free(info->token);
    slk_free(info->url);
    *info = (slk_apiinfo){0};
}

/* Characters of host names, IPv4 and (with v6) IPv6 literals; nothing that could end the host. */
static bool host_ok(const char *host, size_t n, bool v6)
{
    if (n == 0 || n > HOST_MAX_CHARS)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = host[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '.' && c != '-' && c != '_' && !(v6 && c == ':'))
            return false;
    }
    return true;
}

static bool port_ok(const char *text)
{
    uint64_t port;
    return slk_parse_u64(&port, text) == SLK_OK && port >= 1 && port <= 65535;
}

static slk_err from_multiaddr(char **ret_url, const char *text, slk_error *error)
{
    slk_multiaddr address;
    char host[SLK_MULTIADDR_LISTEN_CHARS];
    slk_err code = slk_multiaddr_parse(&address, text, false, error);
    if (code != SLK_OK)
        return slk_fail_context(error, code, "node");
    slk_multiaddr_listen(host, &address);
    *ret_url = slk_strf("%s://%s", address.tls ? "https" : "http", host);
    return *ret_url != NULL ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

/* host[:port][/] or host[:port]/rpc/v1. */
static slk_err from_host(char **ret_url, const char *http, const char *host, slk_error *error)
{
    bool v6 = *host == '[';
    size_t n = v6 ? strcspn(host, "]") : strcspn(host, ":/");
    bool ok = v6 ? host[n] == ']' && host_ok(host + 1, n - 1, true) : host_ok(host, n, false);
    const char *rest = host + n + (v6 && ok);
    size_t port_chars = strcspn(rest, "/");
    SLK_CLEANUP(slk_freep) char *port = slk_strf("%.*s", (int)port_chars, rest);
    if (port == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a node address");
    rest += port_chars;
    ok = ok && (port[0] == 0 || (port[0] == ':' && port_ok(port + 1)));
    if (!ok || (rest[0] != 0 && strcmp(rest, "/") != 0 && strcmp(rest, "/rpc/v1") != 0))
        return slk_fail(error, SLK_E_INVAL,
                        "node address must be scheme://host:port without anything after it");
    *ret_url = slk_strf("%s://%.*s%s", http, (int)(n + (v6 ? 1 : 0)), host, port);
    return *ret_url != NULL ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

/* scheme://, then that, with nothing else (no user, query or fragment). */
static slk_err from_url(char **ret_url, const char *text, slk_error *error)
{
    static const struct {
        const char *scheme, *http;
    } schemes[] = {
        {"http://", "http"}, {"https://", "https"}, {"ws://", "http"}, {"wss://", "https"}};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t skip = strlen(schemes[i].scheme);
        if (strncmp(text, schemes[i].scheme, skip) == 0)
            return from_host(ret_url, schemes[i].http, text + skip, error);
    }
    return slk_fail(error, SLK_E_INVAL,
                    "want TOKEN:ADDRESS, the address such as /ip4/10.0.0.1/tcp/2345/http or "
                    "http://10.0.0.1:2345 (https, ws and wss, too)");
}

/* Where the address starts: 0 without a token. */
static size_t token_chars(const char *text)
{
    const char *colon = strchr(text, ':');
    if (text[0] == '/' || colon == NULL || strncmp(colon, "://", 3) == 0)
        return 0;
    return (size_t)(colon - text);
}

static bool token_ok(const char *token)
{
    for (const char *p = token; *p != 0; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    return true;
}

/* As `lotus auth api-info` prints it. */
static const char assignment[] = "FULLNODE_API_INFO=";

slk_err slk_apiinfo_parse(slk_apiinfo *ret_info, const char *text, size_t n, slk_error *error)
{
    const size_t prefix = sizeof assignment - 1;
    if (n > prefix && memcmp(text, assignment, prefix) == 0) {
        text += prefix;
        n -= prefix;
    }
    if (n == 0 || n > API_INFO_MAX_CHARS || memchr(text, 0, n) != NULL)
        return slk_fail(error, SLK_E_INVAL, "node API info is empty or too long");
    slk_apiinfo info = {0};
    char *copy = slk_strf("%.*s", (int)n, text);
    if (copy == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for node API info");
    size_t cut = token_chars(copy);
    const char *address = cut > 0 || copy[0] == ':' ? copy + cut + 1 : copy;
    slk_err code = address[0] == '/' ? from_multiaddr(&info.url, address, error)
                                     : from_url(&info.url, address, error);
    copy[cut] = 0;
    if (code == SLK_OK && !token_ok(copy))
        code = slk_fail(error, SLK_E_INVAL, "node API token has characters no token has");
    if (code == SLK_OK) {
        info.token = slk_strdup(copy);
        if (info.token == NULL)
            code = slk_fail(error, SLK_E_NOMEM, "out of memory for node API info");
    }
    slk_bytes_wipe(copy, n);
    slk_free(copy);
    if (code == SLK_OK)
        *ret_info = info;
    else
        slk_apiinfo_done(&info);
    return code;
}

slk_err slk_apiinfo_parse_list(slk_apiinfo *ret_infos, size_t max, size_t *ret_n, const char *text,
                               slk_error *error)
{
    size_t n = 0;
    slk_err code = SLK_OK;
    for (;;) {
        size_t chars = strcspn(text, ",");
        code = n == max ? slk_fail(error, SLK_E_LIMIT, "more than %zu nodes", max)
                        : slk_apiinfo_parse(&ret_infos[n], text, chars, error);
        if (code != SLK_OK)
            break;
        n++;
        text += chars;
        if (*text == 0)
            break;
        text++;
    }
    if (code != SLK_OK) {
        code = slk_fail_context(error, code, "node %zu", n + 1);
        while (n > 0)
            slk_apiinfo_done(&ret_infos[--n]);
        return code;
    }
    *ret_n = n;
    return SLK_OK;
}
