/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/token.h"

#include "base/bytes.h"
#include "base/err.h"
#include "base/rng.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

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

void slk_net_token_hide(char *text)
{
    while (*text) {
        size_t n = strspn(text, "0123456789abcdefABCDEF");
        bool token = n >= SLK_NET_TOKEN_CHARS || (n >= SLK_NET_TOKEN_CHARS / 2 && text[n] == 0);
        if (token)
            memset(text, '*', n);
        text += n ? n : 1;
    }
}
