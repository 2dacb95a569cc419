/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What MHD lets through and two parsers in a row might read differently.
 * Some faults are beyond its sight because MHD 0.9 drops them: a field with an empty name, what
 * follows a NUL in a value or in the target, a second blank in the request line.
 * source: RFC 9112 3.2, 5.1, 6.1, 6.3; RFC 9110 5.5, 7.2; RFC 3986 3.2.2 for hosts. */
#include "net/server_impl.h"

#include "net/http_text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

typedef struct census {
    unsigned fields, lengths, encodings, hosts;
    size_t bytes;
    const char *fault; /* first one found */
    const char *length;
    const char *encoding;
    const char *host;
} census;

static bool value_is_plain(const char *value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static enum MHD_Result count_field(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_n, const char *value, size_t value_n)
{
    (void)kind;
    census *c = context;
    c->fields++;
    c->bytes += name_n + value_n + 4; /* ": " and CR LF */
    if (strlen(name) != name_n || !slk_is_token(name))
        c->fault = "a header field has no proper name";
    else if (!value_is_plain(value ? value : "", value_n))
        c->fault = "a header field has control characters";
    else if (strcasecmp(name, "Content-Length") == 0)
        c->lengths++, c->length = value ? value : "";
    else if (strcasecmp(name, "Transfer-Encoding") == 0)
        c->encodings++, c->encoding = value ? value : "";
    else if (strcasecmp(name, "Host") == 0)
        c->hosts++, c->host = value ? value : "";
    return MHD_YES;
}

static bool length_is_number(const char *length)
{
    size_t digits = strspn(length, "0123456789");
    return digits > 0 && digits <= 18 && !length[digits];
}

/* Name or address, in brackets or not, and port; an empty one is allowed where there is none. */
static bool host_is_one(const char *host)
{
    static const char others[] = "-._~!$&'()*+,;=%:[]";
    for (; *host; host++)
        if (!isalnum((unsigned char)*host) && !strchr(others, *host))
            return false;
    return true;
}

static bool target_is_plain(const char *target)
{
    for (; *target; target++)
        if ((unsigned char)*target <= ' ' || (unsigned char)*target >= 0x7f)
            return false;
    return true;
}

static const char *framing_fault(const census *c, bool is_11)
{
    if (c->lengths > 1)
        return "more than one Content-Length";
    if (c->encodings > 1)
        return "more than one Transfer-Encoding";
    if (c->lengths && c->encodings)
        return "both Content-Length and Transfer-Encoding";
    if (c->encodings && (!is_11 || strcasecmp(c->encoding, "chunked") != 0))
        return "a Transfer-Encoding other than chunked";
    if (c->lengths && !length_is_number(c->length))
        return "Content-Length is no number";
    if (c->hosts > 1)
        return "more than one Host";
    if (is_11 && c->hosts == 0)
        return "no Host";
    if (c->hosts && !host_is_one(c->host))
        return "Host is no host";
    return c->fault;
}

bool slk_http_guard(const slk_http_exchange *exchange, const char *version, int *ret_status,
                    const char **ret_reason)
{
    census c = {0};
    (void)MHD_get_connection_values_n(exchange->mhd, MHD_HEADER_KIND, count_field, &c);
    bool is_11 = strcmp(version, "HTTP/1.1") == 0;
    *ret_reason = NULL;
    if (!is_11 && strcmp(version, "HTTP/1.0") != 0) {
        *ret_status = 505;
        *ret_reason = "only HTTP/1.0 and HTTP/1.1 are spoken here";
    } else if (c.fields > HEADER_FIELDS_MAX || c.bytes > HEADER_BYTES_MAX) {
        *ret_status = 431;
        *ret_reason = "the header is too large";
    } else if (!target_is_plain(exchange->target)) {
        *ret_status = 400;
        *ret_reason = "the target has characters that must be escaped";
    } else if ((*ret_reason = framing_fault(&c, is_11))) {
        *ret_status = 400;
    }
    return *ret_reason == NULL;
}
