/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/kernels_impl.h"

#include "base/bytes.h"
#include "crypto/blake2b/blake2b.h"
#include "crypto/curve/group_check.h"
#include "crypto/poseidon/poseidon.h"
#include "crypto/sha256/sha256.h"

const unsigned slk_poseidon_arities[SLK_POSEIDON_ARITIES] = {2, 4, 8, 11};

static void fill(uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(i * 167 + (i >> 8));
}

static bool use_sha256(slk_crypto *crypto, size_t index, const char **ret_name, uint64_t *ret_needs)
{
    static const slk_sha256_impl *const kernels[] = {&slk_sha256_shani, &slk_sha256_ref};
    if (index >= sizeof kernels / sizeof *kernels)
        return false;
    crypto->sha256 = kernels[index];
    *ret_name = kernels[index]->name;
    *ret_needs = kernels[index]->needs;
    return true;
}

/* Two-block message of the standard, and one compression call each way. source: FIPS 180-2, B.2 */
static bool sha256_works(const slk_crypto *crypto)
{
    static const char message[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    uint8_t want[32], got[32];
    slk_assert(slk_hex_decode(want, 32,
                              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
    slk_sha256_of(crypto, got, message, sizeof message - 1);
    if (memcmp(got, want, 32) != 0)
        return false;
    enum { BLOCKS = 5 };
    uint8_t in[64 * BLOCKS];
    uint32_t a[8], b[8];
    fill(in, sizeof in);
    memcpy(a, slk_sha256_iv, sizeof a);
    memcpy(b, slk_sha256_iv, sizeof b);
    slk_sha256_compress(crypto, a, in, BLOCKS);
    slk_sha256_ref.compress(b, in, BLOCKS);
    return memcmp(a, b, sizeof a) == 0;
}

static void sha256_work(const slk_crypto *crypto)
{
    uint8_t in[64 * 100];
    uint32_t state[8];
    fill(in, sizeof in);
    memcpy(state, slk_sha256_iv, sizeof state);
    slk_sha256_compress(crypto, state, in, sizeof in / 64);
}

static bool use_sha256_pairs(slk_crypto *crypto, size_t index, const char **ret_name,
                             uint64_t *ret_needs)
{
    static const slk_sha256_impl *const kernels[] = {&slk_sha256_avx512, &slk_sha256_shani,
                                                     &slk_sha256_ref};
    if (index >= sizeof kernels / sizeof *kernels)
        return false;
    crypto->sha256_pairs = kernels[index];
    *ret_name = kernels[index]->name;
    *ret_needs = kernels[index]->needs;
    return true;
}

/* A row of pairs against the twin. */
static bool sha256_pairs_works(const slk_crypto *crypto)
{
    enum { PAIRS = 35 }; /* whole groups of every kernel, and a rest */
    uint8_t in[64 * PAIRS], out[32 * PAIRS], twin[32 * PAIRS];
    fill(in, sizeof in);
    slk_sha254_pairs(crypto, out, in, PAIRS);
    slk_sha256_ref.pairs(twin, in, PAIRS, crypto->sha256_pad_wk);
    return memcmp(out, twin, sizeof out) == 0;
}

static void sha256_pairs_work(const slk_crypto *crypto)
{
    uint8_t in[64 * 64];
    fill(in, sizeof in);
    slk_sha254_pairs(crypto, in, in, 64);
}

static bool use_label(slk_crypto *crypto, size_t index, const char **ret_name, uint64_t *ret_needs)
{
    if (index >= SLK_LABEL_KERNELS)
        return false;
    crypto->label = slk_label_kernels[index];
    *ret_name = crypto->label->name;
    *ret_needs = crypto->label->needs;
    return true;
}

static bool label_works(const slk_crypto *crypto)
{
    return slk_label_works(crypto->label);
}

/* One node of as many sectors as the widest kernel takes. */
static void label_work(const slk_crypto *crypto)
{
    slk_label_work(crypto->label, SLK_LABEL_MAX_LANES / crypto->label->lanes);
}

static bool use_blake2b(slk_crypto *crypto, size_t index, const char **ret_name,
                        uint64_t *ret_needs)
{
    static const slk_blake2b_impl *const kernels[] = {&slk_blake2b_avx512, &slk_blake2b_avx2,
                                                      &slk_blake2b_ref};
    if (index >= sizeof kernels / sizeof *kernels)
        return false;
    crypto->blake2b = kernels[index];
    *ret_name = kernels[index]->name;
    *ret_needs = kernels[index]->needs;
    return true;
}

/* Against the twin, which blake2b_test.c holds to the standard. */
static bool blake2b_works(const slk_crypto *crypto)
{
    enum { WORDS = 19 }; /* whole groups of every kernel, and a rest */
    uint64_t in[WORDS], got[WORDS], want[WORDS];
    for (size_t k = 0; k < WORDS; k++)
        in[k] = UINT64_C(0x9e3779b97f4a7c15) * (k + 1);
    slk_blake2b_words(crypto, got, in, in[7], WORDS);
    slk_blake2b_ref.words(want, in, in[7], WORDS);
    return memcmp(got, want, sizeof got) == 0;
}

static void blake2b_work(const slk_crypto *crypto)
{
    uint64_t words[64];
    for (size_t i = 0; i < 64; i++)
        words[i] = i;
    slk_blake2b_words(crypto, words, words, 7, 64);
}

static bool use_poseidon(slk_crypto *crypto, size_t index, const char **ret_name,
                         uint64_t *ret_needs)
{
    static const slk_poseidon_impl *const kernels[] = {&slk_poseidon_ifma, &slk_poseidon_mulx,
                                                       &slk_poseidon_portable};
    if (index >= sizeof kernels / sizeof *kernels)
        return false;
    crypto->poseidon = kernels[index];
    *ret_name = kernels[index]->name;
    *ret_needs = kernels[index]->needs;
    return true;
}

/* H_a(0, …, 0) as nodes. source: reference/proofs 2.5; arity 4: vectors/poseidon */
static const char *const hash_of_zeros[SLK_POSEIDON_ARITIES] = {
    "d413460e7f14e58b413d1defe188d36fb761afe5c6a733db6c6f1931130bfe48",
    "bc11972b952e47641b62832393589af9eed366b878b8130f5f7e1ed875c4ce65",
    "3a9bffca31b48234d189b30de60b7c33f529c08b0836a004f98938b614e6793f",
    "94fe4fc1d1b7c885c9538810707ed5691b68a11db65e2118cf928634ea2d1f44"};

/* The published hash, and a row of others against the plain form; both entrances of the kernel. */
static bool poseidon_arity_works(const slk_crypto *crypto, size_t which)
{
    enum { HASHES = 17 }; /* whole groups of every kernel, and a rest */
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

static bool poseidon_works(const slk_crypto *crypto)
{
    for (size_t k = 0; k < SLK_POSEIDON_ARITIES; k++)
        if (!poseidon_arity_works(crypto, k))
            return false;
    return true;
}

static void poseidon_work(const slk_crypto *crypto)
{
    uint8_t in[16 * 8 * 32];
    memset(in, 7, sizeof in);
    slk_poseidon_batch(crypto, 8, in, in, 16);
}

static bool use_ntt(slk_crypto *crypto, size_t index, const char **ret_name, uint64_t *ret_needs)
{
    static const slk_ntt_impl *const kernels[] = {&slk_ntt_ifma, &slk_ntt_plain};
    if (index >= sizeof kernels / sizeof *kernels)
        return false;
    crypto->ntt = kernels[index];
    *ret_name = kernels[index]->name;
    *ret_needs = kernels[index]->needs;
    return true;
}

enum { NTT_LOG2 = 5, NTT_POINTS = 1 << NTT_LOG2, NTT_VALUES = NTT_POINTS * SLK_NTT_LANES };

/* Everything a kernel does, once, in place. Any numbers serve as the roots that are not 1. */
static void ntt_exercise(const slk_ntt_impl *ntt, slk_fr values[NTT_VALUES])
{
    enum { POINT = 320, FACTOR = 40 };
    _Alignas(64) uint8_t scratch[NTT_POINTS * POINT];
    uint64_t roots[NTT_POINTS * FACTOR / 8], factors[NTT_POINTS * FACTOR / 8];
    slk_fr start[SLK_NTT_LANES], root[NTT_POINTS];
    slk_assert(ntt->point_bytes <= POINT && ntt->factor_bytes <= FACTOR);
    memcpy(root, values + 40, sizeof root);
    root[0] = root[1] = root[2] = slk_fr_one;
    for (size_t i = 0; i < SLK_NTT_LANES; i++)
        slk_fr_from_u64(&start[i], UINT64_C(1) << ntt->product_log2);
    const slk_ntt_place columns = {values, NTT_POINTS, SLK_NTT_LANES, 1};
    const slk_ntt_place rows = {values, NTT_POINTS, 1, NTT_POINTS};
    ntt->factors(roots, root, NTT_POINTS);
    ntt->factors(factors, values + 80, NTT_POINTS);
    ntt->load(scratch, &columns);
    ntt->split(scratch, NTT_LOG2, roots);
    ntt->powers(scratch, NTT_POINTS, start, values + 3);
    ntt->join(scratch, NTT_LOG2, roots);
    ntt->multiply(scratch, &rows);
    ntt->scale(scratch, NTT_POINTS, factors);
    ntt->subtract(scratch, &columns);
    ntt->store(&rows, scratch);
}

static void ntt_values(slk_fr values[NTT_VALUES])
{
    slk_fr_inv(&values[0], &slk_fr_generator);
    for (size_t k = 1; k < NTT_VALUES; k++)
        slk_fr_mul(&values[k], &values[k - 1], &slk_fr_generator);
}

/* Against the twin, which ntt_test.c holds to polynomials. */
static bool ntt_works(const slk_crypto *crypto)
{
    slk_fr got[NTT_VALUES], want[NTT_VALUES];
    ntt_values(got);
    ntt_values(want);
    ntt_exercise(crypto->ntt, got);
    ntt_exercise(&slk_ntt_plain, want);
    return memcmp(got, want, sizeof got) == 0;
}

static void ntt_work(const slk_crypto *crypto)
{
    slk_fr values[NTT_VALUES];
    ntt_values(values);
    for (int i = 0; i < 4; i++)
        ntt_exercise(crypto->ntt, values);
}

static bool use_group(slk_crypto *crypto, const slk_group *const kernels[2], slk_group_id id,
                      size_t index, const char **ret_name, uint64_t *ret_needs)
{
    if (index >= 2)
        return false;
    crypto->groups[id] = kernels[index];
    *ret_name = kernels[index]->kernel;
    *ret_needs = kernels[index]->needs;
    return true;
}

static bool use_g1(slk_crypto *crypto, size_t index, const char **ret_name, uint64_t *ret_needs)
{
    static const slk_group *const kernels[] = {&slk_group_g1_ifma, &slk_group_g1};
    return use_group(crypto, kernels, SLK_G1, index, ret_name, ret_needs);
}

static bool use_g2(slk_crypto *crypto, size_t index, const char **ret_name, uint64_t *ret_needs)
{
    static const slk_group *const kernels[] = {&slk_group_g2_ifma, &slk_group_g2};
    return use_group(crypto, kernels, SLK_G2, index, ret_name, ret_needs);
}

static bool g1_works(const slk_crypto *crypto)
{
    return slk_group_works(slk_group_of(crypto, SLK_G1));
}

static bool g2_works(const slk_crypto *crypto)
{
    return slk_group_works(slk_group_of(crypto, SLK_G2));
}

static void g1_work(const slk_crypto *crypto)
{
    slk_group_work(slk_group_of(crypto, SLK_G1));
}

static void g2_work(const slk_crypto *crypto)
{
    slk_group_work(slk_group_of(crypto, SLK_G2));
}

static bool use_curve(slk_crypto *crypto, size_t index, const char **ret_name, uint64_t *ret_needs)
{
    static const slk_curve_impl *const kernels[] = {&slk_curve_ifma, &slk_curve_plain};
    if (index >= sizeof kernels / sizeof *kernels)
        return false;
    crypto->curve = kernels[index];
    *ret_name = kernels[index]->name;
    *ret_needs = kernels[index]->needs;
    return true;
}

/* Multiples of the generators, and points with x = 1 … 8, of which some are on the curve and none in
 * the group. */
static bool curve_works(const slk_crypto *crypto)
{
    return slk_curve_works(crypto->curve);
}

static void curve_work(const slk_crypto *crypto)
{
    slk_g2_affine points[SLK_CURVE_LANES];
    for (size_t i = 0; i < SLK_CURVE_LANES; i++)
        slk_g2_generator(&points[i]);
    (void)crypto->curve->in_g2(points); /* curve_works judges the answer */
}

static bool use_miller(slk_crypto *crypto, size_t index, const char **ret_name, uint64_t *ret_needs)
{
    static const slk_miller_impl *const kernels[] = {&slk_miller_ifma, &slk_miller_plain};
    if (index >= sizeof kernels / sizeof *kernels)
        return false;
    crypto->miller = kernels[index];
    *ret_name = kernels[index]->name;
    *ret_needs = kernels[index]->needs;
    return true;
}

static bool miller_works(const slk_crypto *crypto)
{
    return slk_miller_works(crypto->miller);
}

static void miller_work(const slk_crypto *crypto)
{
    slk_g1_affine p[SLK_MILLER_LANES];
    slk_g2_affine q[SLK_MILLER_LANES];
    slk_gt product;
    for (size_t i = 0; i < SLK_MILLER_LANES; i++) {
        slk_g1_generator(&p[i]);
        slk_g2_generator(&q[i]);
    }
    slk_gt_one(&product);
    slk_pairing_miller(crypto, &product, p, q, SLK_MILLER_LANES);
}

const slk_primitive slk_primitives[SLK_PRIMITIVES] = {
    {"sha256", "block", use_sha256, sha256_works, sha256_work, 100},
    {"sha256_pairs", "pair", use_sha256_pairs, sha256_pairs_works, sha256_pairs_work, 64},
    {"label", "node and sector", use_label, label_works, label_work, SLK_LABEL_MAX_LANES},
    {"blake2b_words", "word", use_blake2b, blake2b_works, blake2b_work, 64},
    {"poseidon", "hash of 8", use_poseidon, poseidon_works, poseidon_work, 16},
    {"ntt", "element", use_ntt, ntt_works, ntt_work, 4 * NTT_VALUES},
    {"g1", "addition", use_g1, g1_works, g1_work, SLK_GROUP_WORK_PAIRS},
    {"g2", "addition", use_g2, g2_works, g2_work, SLK_GROUP_WORK_PAIRS},
    {"curve", "point of G2", use_curve, curve_works, curve_work, SLK_CURVE_LANES},
    {"miller", "pair", use_miller, miller_works, miller_work, SLK_MILLER_LANES},
};
