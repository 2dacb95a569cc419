/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/groth16/key.h"

#include "base/mem.h"
#include "base/rng.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

/* Where A, B and C begin in a proof. */
enum { AT_A = 0, AT_B = 48, AT_C = 144 };

static slk_err check_inputs(const slk_groth16_key *key, size_t n_inputs, slk_error *error)
{
    if (n_inputs + 1 == key->n_ic)
        return SLK_OK;
    return slk_fail(error, SLK_E_INVAL,
                    "%zu public inputs, but the verifying key is for %" PRIu32 ": it is of another "
                    "sector size",
                    n_inputs, key->n_ic - 1);
}

/* --- input points, in groups that any thread may take ----------------------------------------- */

static size_t input_groups(const slk_groth16_key *key)
{
    return (key->n_ic + SLK_COMBINE_MAX - 1) / SLK_COMBINE_MAX;
}

/* The group's part of sum scalars[i] * ic[i], scalars[0] belonging to ic[0]. */
static void combine_group(slk_g1 *out, const slk_groth16_key *key, const slk_fr *scalars,
                          size_t group)
{
    size_t first = group * SLK_COMBINE_MAX, n = key->n_ic - first;
    slk_g1_combine(out, key->ic + first, scalars + first,
                   n < SLK_COMBINE_MAX ? n : SLK_COMBINE_MAX);
}

static void sum_groups(slk_g1_affine *out, const slk_g1 *parts, size_t n)
{
    slk_g1 sum = parts[0];
    for (size_t i = 1; i < n; i++)
        slk_g1_add(&sum, &sum, &parts[i]);
    slk_g1_to_affine(out, &sum);
}

/* --- products of pairings --------------------------------------------------------------------- */

typedef struct miller_run {
    const slk_pairing_term *terms;
    size_t n;
    slk_gt products[2];
} miller_run;

/* The first term by itself, the others together. */
static void miller_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    miller_run *run = context;
    (void)worker;
    for (uint64_t half = begin; half < end; half++) {
        slk_gt_one(&run->products[half]);
        slk_pairing_miller_lines(&run->products[half], run->terms + half,
                                 half == 0 ? 1 : run->n - 1);
    }
}

/* inout *= the product over n >= 2 terms. Two threads gain more than shared squarings do. */
static void multiply_terms(slk_gt *inout, slk_pool *pool, const slk_pairing_term *terms, size_t n)
{
    miller_run run = {.terms = terms, .n = n};
    if (slk_pool_threads(pool) < 2) {
        slk_pairing_miller_lines(inout, terms, n);
        return;
    }
    slk_pool_for(pool, 2, 1, miller_body, &run);
    slk_gt_mul(inout, inout, &run.products[0]);
    slk_gt_mul(inout, inout, &run.products[1]);
}

/* --- one proof -------------------------------------------------------------------------------- */

/* Two halves that do not wait for each other: the points of the proof, and the public inputs. */
enum { HALF_PROOF, HALF_INPUTS, HALVES };

typedef struct single_run {
    const slk_crypto *crypto;
    const slk_groth16_key *key;
    const uint8_t *proof;
    const slk_fr *scalars;
    slk_g1 *parts; /* [input_groups] */
    slk_g1_affine a_c[2], combined;
    slk_g2_affine b;
    slk_g2_lines b_lines;
    slk_pairing_term terms[3]; /* -A and B, C and delta; inputs and gamma */
    bool apart; /* each half multiplies its own terms into its product */
    slk_gt products[HALVES];
    bool readable;
} single_run;

static void prepare_proof(single_run *run)
{
    run->readable =
        slk_g1_read_compressed_all(run->crypto, run->a_c, run->proof + AT_A, AT_C - AT_A, 2) &&
        slk_g2_read_compressed(&run->b, run->proof + AT_B);
    if (!run->readable)
        return;
    slk_g2_lines_of(&run->b_lines, &run->b);
    slk_g1_affine_neg(&run->a_c[0], &run->a_c[0]);
    run->terms[0] = (slk_pairing_term){&run->a_c[0], &run->b_lines};
    run->terms[1] = (slk_pairing_term){&run->a_c[1], &run->key->lines->delta};
    if (run->apart)
        slk_pairing_miller_lines(&run->products[HALF_PROOF], run->terms, 2);
}

static void prepare_inputs(single_run *run)
{
    size_t groups = input_groups(run->key);
    for (size_t i = 0; i < groups; i++)
        combine_group(&run->parts[i], run->key, run->scalars, i);
    sum_groups(&run->combined, run->parts, groups);
    run->terms[2] = (slk_pairing_term){&run->combined, &run->key->lines->gamma};
    if (run->apart)
        slk_pairing_miller_lines(&run->products[HALF_INPUTS], run->terms + 2, 1);
}

static void single_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    (void)worker;
    for (uint64_t half = begin; half < end; half++) {
        if (half == HALF_PROOF)
            prepare_proof(context);
        else
            prepare_inputs(context);
    }
}

/* e(-A, B) * e(C, delta) * e(inputs, gamma) * e(alpha, beta) == 1. One thread shares the squarings,
 * two gain more by not waiting for each other. */
static bool single_equation(single_run *run, slk_pool *pool)
{
    run->apart = slk_pool_threads(pool) > 1;
    run->products[HALF_PROOF] = run->key->alpha_beta;
    slk_gt_one(&run->products[HALF_INPUTS]);
    slk_pool_for(pool, HALVES, 1, single_body, run);
    if (!run->readable)
        return false;
    if (!run->apart)
        slk_pairing_miller_lines(&run->products[HALF_PROOF], run->terms, 3);
    slk_gt_mul(&run->products[HALF_PROOF], &run->products[HALF_PROOF], &run->products[HALF_INPUTS]);
    return slk_pairing_is_one(&run->products[HALF_PROOF]);
}

slk_err slk_groth16_verify(bool *ret_valid, const slk_crypto *crypto, const slk_groth16_key *key,
                           slk_pool *pool, const uint8_t proof192[SLK_GROTH16_PROOF_BYTES],
                           const slk_fr *inputs, size_t n_inputs, slk_error *error)
{
    SLK_TRY(check_inputs(key, n_inputs, error));
    size_t groups = input_groups(key);
    SLK_CLEANUP(slk_freep) slk_fr *scalars = slk_alloc(key->n_ic, sizeof(slk_fr));
    SLK_CLEANUP(slk_freep) slk_g1 *parts = slk_alloc(groups, sizeof(slk_g1));
    if (scalars == NULL || parts == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for public inputs");
    scalars[0] = slk_fr_one;
    memcpy(scalars + 1, inputs, n_inputs * sizeof(slk_fr));
    single_run run = {
        .crypto = crypto, .key = key, .proof = proof192, .scalars = scalars, .parts = parts};
    *ret_valid = single_equation(&run, pool);
    return SLK_OK;
}

/* --- many proofs ------------------------------------------------------------------------------ */

/* Proofs that a thread takes at once: what shares squarings. */
enum { CHUNK = 8 };

/* Per thread: prod e(-z_j A_j, B_j) before the final exponentiation, and sum z_j C_j. */
typedef struct batch_part {
    slk_gt product;
    slk_g1 c_sum;
} batch_part;

typedef struct batch_run {
    const slk_crypto *crypto;
    const slk_groth16_key *key;
    const uint8_t *proofs;
    const slk_fr *coefficients; /* z_j, below 2^128 */
    const slk_fr *scalars; /* [n_ic]: sum z_j, then sum z_j * input_{j,i} */
    size_t n, chunk;
    batch_part *parts; /* per worker */
    slk_g1 *input_parts; /* [input_groups], and z * alpha */
    atomic_bool bad;
} batch_run;

static void batch_chunk(batch_run *run, batch_part *part, size_t first)
{
    slk_g1_affine a[CHUNK], c[CHUNK];
    slk_g2_affine b[CHUNK];
    size_t n = run->n - first < run->chunk ? run->n - first : run->chunk;
    const uint8_t *proofs = run->proofs + first * SLK_GROTH16_PROOF_BYTES;
    slk_g1 product;
    if (!slk_g1_read_compressed_all(run->crypto, a, proofs + AT_A, SLK_GROTH16_PROOF_BYTES, n) ||
        !slk_g2_read_compressed_all(run->crypto, b, proofs + AT_B, SLK_GROTH16_PROOF_BYTES, n) ||
        !slk_g1_read_compressed_all(run->crypto, c, proofs + AT_C, SLK_GROTH16_PROOF_BYTES, n)) {
        atomic_store(&run->bad, true);
        return;
    }
    slk_g1_multiply_each(a, run->coefficients + first, n);
    for (size_t i = 0; i < n; i++)
        slk_g1_affine_neg(&a[i], &a[i]);
    slk_pairing_miller(run->crypto, &part->product, a, b, n);
    slk_g1_combine(&product, c, run->coefficients + first, n);
    slk_g1_add(&part->c_sum, &part->c_sum, &product);
}

static size_t chunk_count(const batch_run *run)
{
    return (run->n + run->chunk - 1) / run->chunk;
}

/* Chunks of proofs, then groups of input points, then alpha. */
static void batch_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    batch_run *run = context;
    size_t chunks = chunk_count(run), groups = input_groups(run->key);
    for (uint64_t i = begin; i < end && !atomic_load(&run->bad); i++) {
        if (i < chunks)
            batch_chunk(run, &run->parts[worker], i * run->chunk);
        else if (i < chunks + groups)
            combine_group(&run->input_parts[i - chunks], run->key, run->scalars, i - chunks);
        else
            slk_g1_combine(&run->input_parts[groups], &run->key->alpha_g1, run->scalars, 1);
    }
}

static void random_coefficients(slk_fr *coefficients, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        uint8_t node[32] = {0};
        slk_rng_fill(node, 16);
        bool canonical = slk_fr_from_node(&coefficients[j], node);
        slk_assert(canonical && !slk_fr_is_zero(&coefficients[j])); /* zero: once in 2^128 */
    }
}

static void combine_scalars(slk_fr *scalars, const slk_fr *coefficients, size_t n,
                            const slk_fr *inputs, size_t n_inputs)
{
    memset(scalars, 0, (n_inputs + 1) * sizeof(slk_fr));
    for (size_t j = 0; j < n; j++) {
        slk_fr product;
        slk_fr_add(&scalars[0], &scalars[0], &coefficients[j]);
        for (size_t i = 0; i < n_inputs; i++) {
            slk_fr_mul(&product, &coefficients[j], &inputs[j * n_inputs + i]);
            slk_fr_add(&scalars[1 + i], &scalars[1 + i], &product);
        }
    }
}

/* prod e(-z A, B) * e(sum z C, delta) * e(sum of inputs, gamma) * e(sum z * alpha, beta) == 1 */
static bool batch_equation(const batch_run *run, slk_pool *pool)
{
    slk_gt product;
    slk_g1 c_sum = {0};
    slk_g1_affine c, combined, alpha;
    size_t groups = input_groups(run->key);
    slk_gt_one(&product);
    for (unsigned t = 0; t < slk_pool_threads(pool); t++) {
        slk_gt_mul(&product, &product, &run->parts[t].product);
        slk_g1_add(&c_sum, &c_sum, &run->parts[t].c_sum);
    }
    slk_g1_to_affine(&c, &c_sum);
    sum_groups(&combined, run->input_parts, groups);
    slk_g1_to_affine(&alpha, &run->input_parts[groups]);
    const slk_pairing_term terms[] = {{&c, &run->key->lines->delta},
                                      {&combined, &run->key->lines->gamma},
                                      {&alpha, &run->key->lines->beta}};
    multiply_terms(&product, pool, terms, sizeof(terms) / sizeof(terms[0]));
    return slk_pairing_is_one(&product);
}

slk_err slk_groth16_verify_batch(bool *ret_valid, const slk_crypto *crypto,
                                 const slk_groth16_key *key, slk_pool *pool, const uint8_t *proofs,
                                 size_t n, const slk_fr *inputs, size_t n_inputs, slk_error *error)
{
    unsigned threads = slk_pool_threads(pool);
    SLK_TRY(check_inputs(key, n_inputs, error));
    size_t groups = input_groups(key), share = (n + threads - 1) / threads;
    SLK_CLEANUP(slk_freep) slk_fr *coefficients = slk_alloc(n, sizeof(slk_fr));
    SLK_CLEANUP(slk_freep) slk_fr *scalars = slk_alloc(key->n_ic, sizeof(slk_fr));
    SLK_CLEANUP(slk_freep) batch_part *parts = slk_calloc(threads, sizeof(batch_part));
    SLK_CLEANUP(slk_freep) slk_g1 *input_parts = slk_alloc(groups + 1, sizeof(slk_g1));
    if (coefficients == NULL || scalars == NULL || parts == NULL || input_parts == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for %zu proofs", n);
    random_coefficients(coefficients, n);
    combine_scalars(scalars, coefficients, n, inputs, n_inputs);
    for (unsigned t = 0; t < threads; t++)
        slk_gt_one(&parts[t].product);
    batch_run run = {.crypto = crypto,
                     .key = key,
                     .proofs = proofs,
                     .coefficients = coefficients,
                     .scalars = scalars,
                     .n = n,
                     .chunk = share < CHUNK ? share : CHUNK,
                     .parts = parts,
                     .input_parts = input_parts};
    slk_pool_for(pool, chunk_count(&run) + groups + 1, 1, batch_body, &run);
    *ret_valid = !atomic_load(&run.bad) && batch_equation(&run, pool);
    return SLK_OK;
}
