/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/ws_handshake_impl.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "net/http_text.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define KEY_BYTES 16u
#define SHA1_BYTES 20u

/* Whether a list of words holds this one, in any case. */
static bool has_word(const char *list, const char *word)
{
    const size_t n = strlen(word);
    while (list && *list) {
        list += strspn(list, ", \t");
        const size_t have = strcspn(list, ", \t");
        if (have == n && strncasecmp(list, word, n) == 0)
            return true;
        list += have;
    }
    return false;
}

static bool key_is_proper(const char *key)
{
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, 2 * KEY_BYTES);
    return key && slk_base64_decode(&bytes, key, strlen(key)) == SLK_OK && bytes.len == KEY_BYTES;
}

slk_err slk_ws_accept_text(char out[WS_ACCEPT_CHARS + 1], const char *key, slk_error *error)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* source: RFC 6455 1.3 */
    uint8_t digest[SHA1_BYTES];
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    SLK_CLEANUP(slk_buf_done) slk_buf answer;
    slk_buf_init(&text, 256);
    slk_buf_init(&answer, WS_ACCEPT_CHARS);
    SLK_TRY(slk_buf_printf(&text, "%s%s", key, guid));
    if (gnutls_hash_fast(GNUTLS_DIG_SHA1, text.data, text.len, digest) < 0)
        return slk_fail(error, SLK_E_INTERNAL, "SHA-1 does not work here");
    SLK_TRY(slk_base64_encode(&answer, digest, sizeof digest));
    memcpy(out, answer.data, WS_ACCEPT_CHARS + 1);
    return SLK_OK;
}

/* The first subprotocol that was asked for; whatever it is, what we speak does not change. */
static slk_err add_subprotocol(slk_http_exchange *exchange)
{
    char word[64];
    const char *list = slk_http_header_value(exchange, "Sec-WebSocket-Protocol");
    if (!list)
        return SLK_OK;
    list += strspn(list, ", \t");
    const size_t n = strcspn(list, ", \t");
    if (n >= sizeof word)
        return SLK_OK;
    (void)snprintf(word, sizeof word, "%.*s", (int)n, list);
    return slk_is_token(word) ? slk_http_reply_header(exchange, "Sec-WebSocket-Protocol", word)
                              : SLK_OK;
}

slk_err slk_ws_handshake(slk_http_exchange *exchange, bool *ret_good, slk_error *error)
{
    char accept[WS_ACCEPT_CHARS + 1];
    const char *version = slk_http_header_value(exchange, "Sec-WebSocket-Version");
    const char *key = slk_http_header_value(exchange, "Sec-WebSocket-Key");
    *ret_good = false;
    if (!has_word(slk_http_header_value(exchange, "Upgrade"), "websocket") ||
        !has_word(slk_http_header_value(exchange, "Connection"), "Upgrade") || !version ||
        strcmp(version, "13") != 0) {
        SLK_TRY(slk_http_reply_header(exchange, "Upgrade", "websocket"));
        SLK_TRY(slk_http_reply_header(exchange, "Sec-WebSocket-Version", "13"));
        return slk_http_reply_error(exchange, 426, slk_err_name(SLK_E_INVAL),
                                    "a WebSocket of version 13 is spoken here, or POST");
    }
    if (strcmp(slk_http_method(exchange), "GET") != 0 || !key_is_proper(key))
        return slk_http_reply_error(exchange, 400, slk_err_name(SLK_E_INVAL),
                                    "Sec-WebSocket-Key is no 16 bytes in base64");
    SLK_TRY(slk_ws_accept_text(accept, key, error));
    SLK_TRY(slk_http_reply_header(exchange, "Sec-WebSocket-Accept", accept));
    SLK_TRY(add_subprotocol(exchange));
    *ret_good = true;
    return SLK_OK;
}
