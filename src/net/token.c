/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/token.h"

#include "base/bytes.h"
#include "base/err.h"
#include "base/rng.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define JWT_LEAST_CHARS 24u /* a shorter text is none, whatever it holds */

void slk_net_token_new(char out65[65])
{
    uint8_t bytes[32];
    slk_rng_fill(bytes, sizeof bytes);
    slk_hex_encode(out65, bytes, sizeof bytes);
    slk_bytes_wipe(bytes, sizeof bytes);
}

void slk_net_token_hash(char out65[65], const char *token)
{
    uint8_t digest[32];
    slk_assert(gnutls_hash_fast(GNUTLS_DIG_SHA256, token, strlen(token), digest) == 0);
    slk_hex_encode(out65, digest, sizeof digest);
}

void slk_net_sign(char out65[65], const char *secret, const void *bytes, size_t n)
{
    uint8_t digest[32];
    slk_assert(gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, strlen(secret), bytes, n, digest) == 0);
    slk_hex_encode(out65, digest, sizeof digest);
}

bool slk_net_token_matches(const char *token, const char *hash64)
{
    if (!token || strlen(hash64) != SLK_NET_TOKEN_CHARS)
        return false;
    char hash[65];
    slk_net_token_hash(hash, token);
    return slk_bytes_equal_ct((const uint8_t *)hash, (const uint8_t *)hash64, SLK_NET_TOKEN_CHARS);
}

/* Whether a run of n characters, before `after`, is a token of at least so many; one that the text's end
 * may have cut counts from half that on. */
static bool is_token(size_t n, size_t least, char after)
{
    return n >= least || (after == 0 && n >= least / 2);
}

static void hide_hex(char *text)
{
    while (*text) {
        size_t n = strspn(text, "0123456789abcdefABCDEF");
        if (is_token(n, SLK_NET_TOKEN_CHARS, text[n]))
            memset(text, '*', n);
        text += n ? n : 1;
    }
}

/* All of them begin with a JSON object's first two characters in base64. source: RFC 7519 3.1 */
static void hide_jwt(char *text)
{
    while ((text = strstr(text, "eyJ"))) {
        const size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_.");
        if (is_token(n, JWT_LEAST_CHARS, text[n]))
            memset(text, '*', n);
        text += n;
    }
}

void slk_net_token_hide(char *text)
{
    hide_jwt(text);
    hide_hex(text);
}
