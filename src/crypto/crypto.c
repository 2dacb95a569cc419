/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/crypto.h"

#include "base/bytes.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "crypto/crypto_impl.h"
#include "crypto/sha256/sha256.h"

/* Best first; the last needs nothing. */
static const slk_sha256_impl *const sha256_kernels[] = {&slk_sha256_shani, &slk_sha256_ref};

/* Two-block message of the standard, one compression call each way, and a row of pairs against the
 * twin. source: FIPS 180-2, B.2 */
static bool sha256_works(const slk_crypto *crypto)
{
    static const char message[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    uint8_t want[32], got[32];
    slk_assert(slk_hex_decode(want, 32,
                              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
    slk_sha256_of(crypto, got, message, sizeof message - 1);
    if (memcmp(got, want, 32) != 0)
        return false;
    enum { PAIRS = 35 }; /* whole groups of every kernel, and a rest */
    uint8_t in[64 * PAIRS], out[32 * PAIRS], twin[32 * PAIRS];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 167 + (i >> 8));
    slk_sha254_pairs(crypto, out, in, PAIRS);
    slk_sha256_ref.pairs(twin, in, PAIRS, crypto->sha256_pad_wk);
    uint32_t a[8], b[8];
    memcpy(a, slk_sha256_iv, sizeof a);
    memcpy(b, slk_sha256_iv, sizeof b);
    slk_sha256_compress(crypto, a, in, PAIRS);
    slk_sha256_ref.compress(b, in, PAIRS);
    return memcmp(out, twin, sizeof out) == 0 && memcmp(a, b, sizeof a) == 0;
}

static slk_err sha256_choose(slk_crypto *crypto, uint64_t features, slk_error *error)
{
    size_t i = 0;
    while ((sha256_kernels[i]->needs & ~features) != 0)
        i++;
    crypto->sha256 = sha256_kernels[i];
    slk_sha256_pad_wk(crypto->sha256_pad_wk);
    if (!sha256_works(crypto))
        return slk_fail(error, SLK_E_INTERNAL,
                        "the sha256 kernel \"%s\" gives wrong answers on this processor",
                        crypto->sha256->name);
    return SLK_OK;
}

slk_err slk_crypto_new(slk_crypto **ret_crypto, const char *level, slk_error *error)
{
    if (level && *level && !slk_cpu_level_known(level))
        return slk_fail(error, SLK_E_INVAL, "unknown processor level \"%.32s\"", level);
    uint64_t features = slk_cpu_features(level);
    slk_crypto *crypto = slk_calloc(1, sizeof *crypto);
    if (!crypto)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the tables of the hash functions");
    slk_err err = sha256_choose(crypto, features, error);
    if (err != SLK_OK) {
        slk_crypto_free(crypto);
        return err;
    }
    *ret_crypto = crypto;
    return SLK_OK;
}

void slk_crypto_free(slk_crypto *crypto)
{
    slk_free(crypto);
}

bool slk_crypto_choice(const slk_crypto *crypto, size_t index, const char **ret_primitive,
                       const char **ret_kernel)
{
    const struct {
        const char *primitive, *kernel;
    } all[] = {{"sha256", crypto->sha256->name}};
    if (index >= sizeof all / sizeof *all)
        return false;
    *ret_primitive = all[index].primitive;
    *ret_kernel = all[index].kernel;
    return true;
}
