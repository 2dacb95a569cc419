/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/crypto.h"

#include "base/bytes.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "crypto/blake2b/blake2b.h"
#include "crypto/crypto_impl.h"
#include "crypto/poseidon/poseidon.h"
#include "crypto/sha256/sha256.h"

/* Best first; the last needs nothing. */
static const slk_sha256_impl *const sha256_kernels[] = {&slk_sha256_shani, &slk_sha256_ref};
static const slk_sha256_impl *const sha256_pairs_kernels[] = {&slk_sha256_avx512, &slk_sha256_shani,
                                                              &slk_sha256_ref};
static const slk_blake2b_impl *const blake2b_kernels[] = {&slk_blake2b_avx512, &slk_blake2b_avx2,
                                                          &slk_blake2b_ref};
static const slk_poseidon_impl *const poseidon_kernels[] = {&slk_poseidon_ifma, &slk_poseidon_mulx,
                                                            &slk_poseidon_portable};
static const unsigned arities[SLK_POSEIDON_ARITIES] = {2, 4, 8, 11};

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

static const slk_sha256_impl *sha256_first(const slk_sha256_impl *const *kernels, uint64_t features)
{
    while (((*kernels)->needs & ~features) != 0)
        kernels++;
    return *kernels;
}

static slk_err sha256_choose(slk_crypto *crypto, uint64_t features, slk_error *error)
{
    crypto->sha256 = sha256_first(sha256_kernels, features);
    crypto->sha256_pairs = sha256_first(sha256_pairs_kernels, features);
    slk_sha256_pad_wk(crypto->sha256_pad_wk);
    if (!sha256_works(crypto))
        return slk_fail(error, SLK_E_INTERNAL,
                        "the sha256 kernel \"%s\" or \"%s\" gives wrong answers on this processor",
                        crypto->sha256->name, crypto->sha256_pairs->name);
    return SLK_OK;
}

/* Against the twin, which blake2b_test.c holds to the standard. */
static slk_err blake2b_choose(slk_crypto *crypto, uint64_t features, slk_error *error)
{
    size_t i = 0;
    while ((blake2b_kernels[i]->needs & ~features) != 0)
        i++;
    crypto->blake2b = blake2b_kernels[i];
    enum { WORDS = 19 }; /* whole groups of every kernel, and a rest */
    uint64_t in[WORDS], got[WORDS], want[WORDS];
    for (size_t k = 0; k < WORDS; k++)
        in[k] = UINT64_C(0x9e3779b97f4a7c15) * (k + 1);
    slk_blake2b_words(crypto, got, in, in[7], WORDS);
    slk_blake2b_ref.words(want, in, in[7], WORDS);
    if (memcmp(got, want, sizeof got) != 0)
        return slk_fail(error, SLK_E_INTERNAL,
                        "the blake2b kernel \"%s\" gives wrong answers on this processor",
                        crypto->blake2b->name);
    return SLK_OK;
}

/* H_a(0, …, 0) as nodes. source: reference/proofs 2.5; arity 4: vectors/poseidon */
static const char *const hash_of_zeros[SLK_POSEIDON_ARITIES] = {
    "d413460e7f14e58b413d1defe188d36fb761afe5c6a733db6c6f1931130bfe48",
    "bc11972b952e47641b62832393589af9eed366b878b8130f5f7e1ed875c4ce65",
    "3a9bffca31b48234d189b30de60b7c33f529c08b0836a004f98938b614e6793f",
    "94fe4fc1d1b7c885c9538810707ed5691b68a11db65e2118cf928634ea2d1f44"};

/* The published hash, and a row of others against the plain form; both entrances of the kernel. */
static bool poseidon_works(const slk_crypto *crypto, size_t which)
{
    enum { HASHES = 9 }; /* a whole group of every kernel, and a rest */
    const slk_poseidon_params *p = &crypto->poseidon_tables[which].params;
    uint8_t in[HASHES * 11 * 32] = {0}, got[HASHES * 32], want[32];
    for (size_t i = 32 * p->arity; i < sizeof in; i++)
        in[i] = (uint8_t)(i % 32 == 31 ? i % 0x73 : i * 151 + (i >> 7)); /* below r */
    slk_poseidon_batch(crypto, p->arity, got, in, HASHES);
    slk_assert(slk_hex_decode(want, 32, hash_of_zeros[which]));
    if (memcmp(got, want, 32) != 0)
        return false;
    for (size_t i = 0; i < HASHES; i++) {
        slk_fr x[11], plain, fast;
        for (size_t k = 0; k < p->arity; k++)
            slk_assert(slk_fr_from_node(&x[k], in + 32 * (i * p->arity + k)));
        slk_poseidon_plain(p, &plain, x);
        slk_poseidon_hash(crypto, p->arity, &fast, x);
        slk_fr_to_node(want, &plain);
        if (!slk_fr_equal(&plain, &fast) || memcmp(got + 32 * i, want, 32) != 0)
            return false;
    }
    return true;
}

static slk_err poseidon_choose(slk_crypto *crypto, uint64_t features, slk_error *error)
{
    size_t i = 0;
    while ((poseidon_kernels[i]->needs & ~features) != 0)
        i++;
    crypto->poseidon = poseidon_kernels[i];
    for (size_t k = 0; k < SLK_POSEIDON_ARITIES; k++)
        SLK_TRY(slk_poseidon_table_init(&crypto->poseidon_tables[k], arities[k], error));
    for (size_t k = 0; k < SLK_POSEIDON_ARITIES; k++)
        if (!poseidon_works(crypto, k))
            return slk_fail(error, SLK_E_INTERNAL,
                            "the poseidon kernel \"%s\" gives wrong answers for arity %u",
                            crypto->poseidon->name, arities[k]);
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
    if (err == SLK_OK)
        err = blake2b_choose(crypto, features, error);
    if (err == SLK_OK)
        err = poseidon_choose(crypto, features, error);
    if (err != SLK_OK) {
        slk_crypto_free(crypto);
        return err;
    }
    *ret_crypto = crypto;
    return SLK_OK;
}

void slk_crypto_free(slk_crypto *crypto)
{
    if (!crypto)
        return;
    for (size_t k = 0; k < SLK_POSEIDON_ARITIES; k++)
        slk_poseidon_table_done(&crypto->poseidon_tables[k]);
    slk_free(crypto);
}

bool slk_crypto_choice(const slk_crypto *crypto, size_t index, const char **ret_primitive,
                       const char **ret_kernel)
{
    const struct {
        const char *primitive, *kernel;
    } all[] = {
        {"sha256", crypto->sha256->name},
        {"sha256_pairs", crypto->sha256_pairs->name},
        {"blake2b_words", crypto->blake2b->name},
        {"poseidon", crypto->poseidon->name},
    };
    if (index >= sizeof all / sizeof *all)
        return false;
    *ret_primitive = all[index].primitive;
    *ret_kernel = all[index].kernel;
    return true;
}
