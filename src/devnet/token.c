/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bearer tokens in the form of Lotus: JWT, HS256, {"Allow":[…]}, no expiry. */
#include "devnet/devnet_impl.h"

#include "base/bytes.h"
#include "codec/base64.h"
#include "crypto/sha256/sha256.h"

#include <stdio.h>
#include <string.h>

#define TOKEN_MAX_CHARS 512u

const char *const slk_dev_permission_names[5] = {"none", "read", "write", "sign", "admin"};

/* source: RFC 2104, key of 32 bytes */
static void hmac(const slk_devnet *devnet, uint8_t out32[32], const char *text, size_t n)
{
    uint8_t pad[64];
    slk_sha256 hash;
    for (size_t i = 0; i < 64; i++)
        pad[i] = (uint8_t)((i < 32 ? devnet->token_key[i] : 0) ^ 0x36);
    slk_sha256_init(&hash, devnet->crypto);
    slk_sha256_update(&hash, pad, 64);
    slk_sha256_update(&hash, text, n);
    slk_sha256_final(&hash, out32);
    for (size_t i = 0; i < 64; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    slk_sha256_init(&hash, devnet->crypto);
    slk_sha256_update(&hash, pad, 64);
    slk_sha256_update(&hash, out32, 32);
    slk_sha256_final(&hash, out32);
    slk_bytes_wipe(pad, sizeof pad);
}

static slk_err make(const slk_devnet *devnet, slk_buf *out, slk_dev_permission permission)
{
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    char payload[64];
    uint8_t mac[32];
    size_t at = (size_t)snprintf(payload, sizeof payload, "{\"Allow\":[");
    for (int p = DEV_READ; p <= (int)permission; p++)
        at += (size_t)snprintf(payload + at, sizeof payload - at, "%s\"%s\"", p > 1 ? "," : "",
                               slk_dev_permission_names[p]);
    at += (size_t)snprintf(payload + at, sizeof payload - at, "]}");
    SLK_TRY(slk_base64url_encode(out, (const uint8_t *)header, sizeof header - 1));
    SLK_TRY(slk_buf_text(out, "."));
    SLK_TRY(slk_base64url_encode(out, (const uint8_t *)payload, at));
    hmac(devnet, mac, slk_buf_str(out), out->len);
    SLK_TRY(slk_buf_text(out, "."));
    return slk_base64url_encode(out, mac, 32);
}

void slk_dev_token_make(const slk_devnet *devnet, char *out, size_t n,
                        slk_dev_permission permission)
{
    slk_buf token;
    slk_buf_init(&token, TOKEN_MAX_CHARS);
    slk_err code = make(devnet, &token, permission);
    slk_assert(code == SLK_OK || code == SLK_E_NOMEM);
    snprintf(out, n, "%s", code == SLK_OK ? slk_buf_str(&token) : "");
    slk_buf_done(&token);
}

slk_dev_permission slk_dev_token_check(const slk_devnet *devnet, const char *token)
{
    /* Only four tokens exist: the ones this chain hands out. */
    for (int p = DEV_ADMIN; p >= DEV_READ; p--) {
        char ours[TOKEN_MAX_CHARS];
        slk_dev_token_make(devnet, ours, sizeof ours, (slk_dev_permission)p);
        size_t n = strlen(ours);
        if (n > 0 && strlen(token) == n &&
            slk_bytes_equal_ct((const uint8_t *)ours, (const uint8_t *)token, n))
            return (slk_dev_permission)p;
    }
    return DEV_NOBODY;
}
