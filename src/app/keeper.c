/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/keeper.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "codec/base64.h"
#include "crypto/chacha/chacha.h"
#include "crypto/sha256/sha256.h"
#include "net/token.h"

#include <string.h>

#define NONCE_BYTES 12u
#define MAC_BYTES 32u
#define WRAPPED_MAX_BYTES 1024u

/* HMAC-SHA-256 over two pieces. source: RFC 2104 */
static void hmac(const slk_crypto *crypto, uint8_t out32[32], const uint8_t key32[32],
                 const void *first, size_t n_first, const void *second, size_t n_second)
{
    uint8_t pad[64] = {0};
    memcpy(pad, key32, 32);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36;
    slk_sha256 hash;
    slk_sha256_init(&hash, crypto);
    slk_sha256_update(&hash, pad, sizeof pad);
    slk_sha256_update(&hash, first, n_first);
    slk_sha256_update(&hash, second, n_second);
    slk_sha256_final(&hash, out32);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    slk_sha256_init(&hash, crypto);
    slk_sha256_update(&hash, pad, sizeof pad);
    slk_sha256_update(&hash, out32, 32);
    slk_sha256_final(&hash, out32);
    slk_bytes_wipe(pad, sizeof pad);
}

static slk_err read_key(uint8_t out32[32], const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, 256);
    SLK_TRY(slk_file_read_all(&text, path, error));
    if (text.len > 0 && text.data[text.len - 1] == '\n')
        text.data[--text.len] = 0;
    const bool good = slk_hex_decode(out32, 32, slk_buf_str(&text));
    slk_bytes_wipe(text.data, text.len);
    if (!good)
        return slk_fail(error, SLK_E_CORRUPT, "%s does not hold 64 hexadecimal digits", path);
    return SLK_OK;
}

static slk_err make_key(const char *path, slk_error *error)
{
    uint8_t key[32];
    char text[66];
    slk_rng_fill(key, sizeof key);
    slk_hex_encode(text, key, sizeof key);
    text[64] = '\n';
    const slk_err code = slk_file_write_atomic(path, text, 65, 0600, error);
    slk_bytes_wipe(key, sizeof key);
    slk_bytes_wipe(text, sizeof text);
    return code;
}

slk_err slk_keeper_open(slk_keeper *ret_keeper, const slk_crypto *crypto, const char *key_file,
                        slk_error *error)
{
    if (!slk_file_exists(key_file))
        SLK_TRY(make_key(key_file, error));
    uint8_t master[32];
    SLK_TRY(read_key(master, key_file, error));
    ret_keeper->crypto = crypto;
    hmac(crypto, ret_keeper->cipher_key, master, "selkie token", 12, "cipher", 6);
    hmac(crypto, ret_keeper->mac_key, master, "selkie token", 12, "mac", 3);
    slk_bytes_wipe(master, sizeof master);
    return SLK_OK;
}

void slk_keeper_done(slk_keeper *keeper)
{
    slk_bytes_wipe(keeper, sizeof *keeper);
}

static void keeper_hash(void *ctx, char out65[65], const char *token)
{
    (void)ctx;
    slk_net_token_hash(out65, token);
}

static void apply_stream(const slk_keeper *keeper, uint8_t *out, const uint8_t *in, size_t n,
                         const uint8_t nonce[NONCE_BYTES])
{
    slk_chacha20_stream(out, n, 0, keeper->cipher_key, nonce);
    for (size_t i = 0; i < n; i++)
        out[i] ^= in[i];
}

static slk_err keeper_wrap(void *ctx, slk_buf *out, const char *token, slk_error *error)
{
    const slk_keeper *keeper = ctx;
    uint8_t box[WRAPPED_MAX_BYTES];
    const size_t n = strlen(token);
    if (n > sizeof box - NONCE_BYTES - MAC_BYTES)
        return slk_fail(error, SLK_E_LIMIT, "the token is too long");
    slk_rng_fill(box, NONCE_BYTES);
    apply_stream(keeper, box + NONCE_BYTES, (const uint8_t *)token, n, box);
    hmac(keeper->crypto, box + NONCE_BYTES + n, keeper->mac_key, box, NONCE_BYTES,
         box + NONCE_BYTES, n);
    if (slk_base64_encode(out, box, NONCE_BYTES + n + MAC_BYTES) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a wrapped token");
    return SLK_OK;
}

static slk_err unwrap_box(const slk_keeper *keeper, slk_buf *out, const slk_buf *box,
                          slk_error *error)
{
    uint8_t mac[MAC_BYTES];
    if (box->len < NONCE_BYTES + MAC_BYTES)
        return slk_fail(
            error, SLK_E_CORRUPT,
            "a stored token is damaged; a new connect string, added again, replaces it");
    const size_t n = box->len - NONCE_BYTES - MAC_BYTES;
    hmac(keeper->crypto, mac, keeper->mac_key, box->data, NONCE_BYTES, box->data + NONCE_BYTES, n);
    if (!slk_bytes_equal_ct(mac, box->data + NONCE_BYTES + n, MAC_BYTES))
        return slk_fail(error, SLK_E_CORRUPT,
                        "a stored token was not made with this repository's key file");
    uint8_t token[WRAPPED_MAX_BYTES];
    apply_stream(keeper, token, box->data + NONCE_BYTES, n, box->data);
    const slk_err code = slk_buf_append(out, token, n);
    slk_bytes_wipe(token, sizeof token);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "no room for a token");
}

static slk_err keeper_unwrap(void *ctx, slk_buf *out, const char *wrapped, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf box;
    slk_buf_init(&box, WRAPPED_MAX_BYTES);
    if (slk_base64_decode(&box, wrapped, strlen(wrapped)) != SLK_OK)
        return slk_fail(
            error, SLK_E_CORRUPT,
            "a stored token is damaged; a new connect string, added again, replaces it");
    return unwrap_box(ctx, out, &box, error);
}

void slk_keeper_fingerprint(const slk_keeper *keeper, char out65[65])
{
    static const char label[] = "selkie: which key";
    uint8_t mac[MAC_BYTES];
    hmac(keeper->crypto, mac, keeper->mac_key, label, sizeof label - 1, "", 0);
    slk_hex_encode(out65, mac, sizeof mac);
}

void slk_keeper_ops(slk_seal_keeper *ret_ops, slk_keeper *keeper)
{
    *ret_ops = (slk_seal_keeper){
        .ctx = keeper, .hash = keeper_hash, .wrap = keeper_wrap, .unwrap = keeper_unwrap};
}
