/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/connect.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/base64.h"
#include "codec/json.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

#define SPACE " \t\r\n"

/* The parts of a checked URL, pointing into it. */
struct url_parts {
    bool tls;
    const char *host;
    size_t host_len; /* brackets of an IPv6 address included */
    uint64_t port;
    const char *path; /* from its slash, or "" */
    size_t path_len; /* without slashes at the end */
};

static slk_err bad_url(slk_error *error, const char *why)
{
    return slk_fail(error, SLK_E_INVAL, "the URL %s; want https://host[:port]", why);
}

static slk_err split_port(struct url_parts *parts, const char *text, size_t n, slk_error *error)
{
    char digits[6] = "";
    if (n == 0 || n >= sizeof digits)
        return bad_url(error, "has a malformed port");
    memcpy(digits, text, n);
    if (strspn(digits, "0123456789") != n || slk_parse_u64(&parts->port, digits) != SLK_OK ||
        parts->port == 0 || parts->port > 65535)
        return bad_url(error, "has a malformed port");
    return SLK_OK;
}

/* host[:port] in n bytes at parts->host. */
static slk_err split_authority(struct url_parts *parts, size_t n, slk_error *error)
{
    const char *end = parts->host + n;
    const char *host_end = end;
    if (n > 0 && *parts->host == '[') {
        const char *close = memchr(parts->host, ']', n);
        if (!close ||
            strspn(parts->host + 1, "0123456789abcdefABCDEF:.") < (size_t)(close - parts->host - 1))
            return bad_url(error, "has a malformed IPv6 address");
        host_end = close + 1;
    } else {
        const char *colon = memchr(parts->host, ':', n);
        host_end = colon ? colon : end;
        for (const char *at = parts->host; at < host_end; at++)
            if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", *at))
                return bad_url(error, "has a malformed host name");
    }
    parts->host_len = (size_t)(host_end - parts->host);
    if (parts->host_len == 0)
        return bad_url(error, "has no host");
    if (host_end == end)
        return SLK_OK;
    if (*host_end != ':')
        return bad_url(error, "has a malformed host name");
    return split_port(parts, host_end + 1, (size_t)(end - host_end - 1), error);
}

static slk_err split_url(struct url_parts *ret, const char *url, slk_error *error)
{
    struct url_parts parts = {0};
    if (strlen(url) > SLK_CONNECT_URL_CHARS)
        return bad_url(error, "is too long");
    for (const char *at = url; *at; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f || strchr("?#@\\\"<>", *at))
            return bad_url(error, "holds a character that does not belong in a base URL");
    if (strncasecmp(url, "https://", 8) == 0)
        parts.tls = true;
    else if (strncasecmp(url, "http://", 7) != 0)
        return bad_url(error, "does not begin with https:// or http://");
    parts.host = url + (parts.tls ? 8 : 7);
    parts.port = parts.tls ? 443 : 80;
    const size_t authority = strcspn(parts.host, "/");
    SLK_TRY(split_authority(&parts, authority, error));
    parts.path = parts.host + authority;
    parts.path_len = strlen(parts.path);
    while (parts.path_len > 0 && parts.path[parts.path_len - 1] == '/')
        parts.path_len--;
    *ret = parts;
    return SLK_OK;
}

slk_err slk_connect_check_url(const char *url, slk_error *error)
{
    struct url_parts parts;
    return split_url(&parts, url, error);
}

bool slk_connect_same_url(const char *a, const char *b)
{
    struct url_parts x, y;
    if (split_url(&x, a, NULL) != SLK_OK || split_url(&y, b, NULL) != SLK_OK)
        return false;
    return x.tls == y.tls && x.port == y.port && x.host_len == y.host_len &&
           strncasecmp(x.host, y.host, x.host_len) == 0 && x.path_len == y.path_len &&
           memcmp(x.path, y.path, x.path_len) == 0;
}

slk_err slk_connect_print(slk_buf *out, const slk_connect *connect)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_CONNECT_TEXT_MAX);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *object = json_pack("{s:s,s:s}", "url", connect->url, "token", connect->token);
    if (!object)
        return SLK_E_NOMEM;
    SLK_TRY(slk_json_print(&text, object));
    const slk_err code = slk_base64_encode(out, text.data, text.len);
    slk_bytes_wipe(text.data, text.len);
    return code;
}

static bool token_is_well_formed(const char *token)
{
    return strlen(token) == 64 && strspn(token, "0123456789abcdef") == 64;
}

static slk_err read_object(slk_connect *ret, const json_t *object, slk_error *error)
{
    const char *url = NULL;
    const char *token = NULL;
    if (!json_is_object(object) || slk_json_string(&url, object, "url", NULL) != SLK_OK || !*url)
        return slk_fail(error, SLK_E_INVAL, "the connect string lacks the URL");
    if (slk_json_string(&token, object, "token", NULL) != SLK_OK || !*token)
        return slk_fail(error, SLK_E_INVAL, "the connect string lacks the token");
    if (!token_is_well_formed(token))
        return slk_fail(error, SLK_E_INVAL,
                        "the token in the connect string is not 64 hexadecimal digits");
    struct url_parts parts;
    SLK_TRY(split_url(&parts, url, error));
    const size_t n = (size_t)(parts.path - url) + parts.path_len;
    memcpy(ret->url, url, n);
    ret->url[n] = 0;
    memcpy(ret->token, token, sizeof ret->token);
    return SLK_OK;
}

static slk_err decode(slk_buf *out, const char *text, slk_error *error)
{
    text += strspn(text, SPACE);
    size_t n = strlen(text);
    while (n > 0 && strchr(SPACE, text[n - 1]))
        n--;
    if (n == 0 || slk_base64_decode(out, text, n) != SLK_OK)
        return slk_fail(error, SLK_E_INVAL,
                        "that is no connect string (want the whole base64 word the provider gave)");
    return SLK_OK;
}

slk_err slk_connect_read(slk_connect *ret_connect, const char *text, const char *const *own_urls,
                         size_t n_own_urls, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, SLK_CONNECT_TEXT_MAX);
    SLK_TRY(decode(&bytes, text, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *object = NULL;
    const slk_err parsed =
        slk_json_parse(&object, bytes.data, bytes.len, SLK_CONNECT_TEXT_MAX, NULL);
    slk_bytes_wipe(bytes.data, bytes.len);
    if (parsed != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "the connect string does not hold JSON");
    slk_connect connect = {0};
    SLK_TRY(read_object(&connect, object, error));
    for (size_t i = 0; i < n_own_urls; i++)
        if (own_urls[i] && slk_connect_same_url(connect.url, own_urls[i]))
            return slk_fail(error, SLK_E_INVAL, "the connect string names this very node");
    *ret_connect = connect;
    return SLK_OK;
}
