/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tokens of Lotus. The first byte 'p': the rest is a payload, which is signed as it should be, so that
 * what is in it is read; else the rest is a token. What is read makes a token that reads the same. */
#include "fuzz.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "net/jwt.h"

#include <gnutls/crypto.h>
#include <string.h>

static const uint8_t secret[32] = {1, 2, 3};

static char *sign(const uint8_t *payload, size_t n)
{
    static const char header[] = "{\"alg\":\"HS256\"}";
    uint8_t mac[32];
    slk_buf text;
    slk_buf_init(&text, SIZE_MAX);
    slk_assert(slk_base64url_encode(&text, (const uint8_t *)header, sizeof header - 1) == SLK_OK);
    slk_assert(slk_buf_text(&text, ".") == SLK_OK);
    slk_assert(slk_base64url_encode(&text, payload, n) == SLK_OK);
    slk_assert(
        gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, sizeof secret, text.data, text.len, mac) == 0);
    slk_assert(slk_buf_text(&text, ".") == SLK_OK);
    slk_assert(slk_base64url_encode(&text, mac, sizeof mac) == SLK_OK);
    return slk_buf_take(&text);
}

static void check(const char *token)
{
    slk_jwt_claims first = {0}, second = {0};
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *again = NULL;
    const slk_err code = slk_jwt_read(&first, token, secret, 1000, &error);
    slk_assert(code == SLK_OK || (code == SLK_E_AUTH && error.message[0]));
    if (code != SLK_OK)
        return;
    slk_assert(!first.expires_s || first.expires_s > 1000);
    slk_assert(slk_jwt_make(&again, &first, secret, &error) == SLK_OK);
    slk_assert(slk_jwt_read(&second, again, secret, 1000, &error) == SLK_OK);
    slk_assert(memcmp(&first, &second, sizeof first) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1)
        return 0;
    SLK_CLEANUP(slk_freep)
    char *token = data[0] == 'p' ? sign(data + 1, n - 1) : fuzz_text(data + 1, n - 1);
    check(token);
    return 0;
}
