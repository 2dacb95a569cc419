/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/sha256/sha256.h"

#include "base/bytes.h"
#include "crypto/crypto_impl.h"

void slk_sha256_init(slk_sha256 *hash, const slk_crypto *crypto)
{
    hash->crypto = crypto;
    hash->bytes = 0;
    memcpy(hash->state, slk_sha256_iv, sizeof hash->state);
}

void slk_sha256_update(slk_sha256 *hash, const void *in, size_t n)
{
    if (n == 0)
        return;
    const uint8_t *p = in;
    size_t used = (size_t)(hash->bytes % 64);
    hash->bytes += n;
    if (used > 0) {
        size_t part = n < 64 - used ? n : 64 - used;
        memcpy(hash->tail + used, p, part);
        if (used + part < 64)
            return;
        slk_sha256_compress(hash->crypto, hash->state, hash->tail, 1);
        p += part;
        n -= part;
    }
    slk_sha256_compress(hash->crypto, hash->state, p, n / 64);
    if (n % 64 > 0)
        memcpy(hash->tail, p + n / 64 * 64, n % 64);
}

void slk_sha256_final(slk_sha256 *hash, uint8_t out32[32])
{
    uint8_t last[128] = {0};
    size_t used = (size_t)(hash->bytes % 64);
    size_t n_blocks = used < 56 ? 1 : 2;
    memcpy(last, hash->tail, used);
    last[used] = 0x80;
    slk_store_be64(last + 64 * n_blocks - 8, hash->bytes * 8);
    slk_sha256_compress(hash->crypto, hash->state, last, n_blocks);
    slk_sha256_state_bytes(out32, hash->state);
}

void slk_sha256_of(const slk_crypto *crypto, uint8_t out32[32], const void *in, size_t n)
{
    slk_sha256 hash;
    slk_sha256_init(&hash, crypto);
    slk_sha256_update(&hash, in, n);
    slk_sha256_final(&hash, out32);
}

void slk_sha256_compress(const slk_crypto *crypto, uint32_t state[8], const uint8_t *blocks64,
                         size_t n_blocks)
{
    if (n_blocks > 0)
        crypto->sha256->compress(state, blocks64, n_blocks);
}

void slk_sha254_pairs(const slk_crypto *crypto, uint8_t *out, const uint8_t *in, size_t n_pairs)
{
    const slk_sha256_impl *wide = crypto->sha256_pairs;
    size_t whole = n_pairs - n_pairs % wide->pairs_step;
    wide->pairs(out, in, whole, crypto->sha256_pad_wk);
    crypto->sha256->pairs(out + 32 * whole, in + 64 * whole, n_pairs - whole,
                          crypto->sha256_pad_wk);
}
