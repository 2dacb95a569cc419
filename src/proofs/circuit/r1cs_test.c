/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The structure of the circuit against the recorded digests and counts. */
#include "base/mem.h"
#include "base/num.h"
#include "support/slk_circuit_digest.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state)
{
    slk_crypto *crypto = NULL;
    if (slk_crypto_new(&crypto, NULL, NULL) != SLK_OK)
        return -1;
    *state = crypto;
    return 0;
}

static int tear_down(void **state)
{
    slk_crypto_free(*state);
    return 0;
}

static slk_circuit *new_circuit(const slk_crypto *crypto, uint64_t bytes)
{
    slk_circuit *circuit = NULL;
    const slk_sector_shape *shape = slk_sector_shape_of(bytes);
    assert_non_null(shape);
    assert_int_equal(slk_circuit_new(&circuit, crypto, shape, NULL), SLK_OK);
    return circuit;
}

static void check_size(const slk_crypto *crypto, const char *file, bool by_namespace)
{
    json_t *json = slk_test_vectors_json(file);
    const json_t *r1cs = json_object_get(json, "r1cs");
    slk_circuit *circuit = new_circuit(crypto, (uint64_t)slk_test_get_int(json, "sector_size"));
    const slk_circuit_counts whole = slk_circuit_counts_whole(circuit);
    assert_int_equal(whole.constraints, (uint64_t)slk_test_get_int(r1cs, "constraints"));
    assert_int_equal(whole.aux, (uint64_t)slk_test_get_int(r1cs, "aux"));
    assert_int_equal(whole.inputs, (uint64_t)slk_test_get_int(r1cs, "inputs_including_one"));
    slk_digest digest;
    slk_digest_init(&digest, crypto, r1cs, NULL);
    if (!by_namespace)
        digest.hashed_depth = 0;
    const slk_circuit_visitor visitor = slk_digest_visitor(&digest);
    assert_int_equal(slk_circuit_visit(circuit, &visitor, NULL), SLK_OK);
    slk_digest_check_whole(&digest, r1cs);
    slk_digest_done(&digest);
    slk_circuit_free(circuit);
    json_decref(json);
}

/* Counts of every size, of which the recorded circuits are only some. source: reference/proofs 8.9 */
static const struct {
    uint64_t bytes;
    uint32_t inputs;
    uint64_t aux, constraints, h, a, b;
} recorded_counts[] = {
    {UINT64_C(2) << 10, 40, 2685673, 2687921, 4194303, 2674948, 685522},
    {UINT64_C(4) << 10, 40, 2786423, 2788733, 4194303, 2773198, 716040},
    {UINT64_C(16) << 10, 40, 2974867, 2977173, 4194303, 2959970, 766964},
    {UINT64_C(32) << 10, 40, 3075617, 3077985, 4194303, 3058220, 797482},
    {UINT64_C(8) << 20, 40, 3842449, 3844929, 4194303, 3815036, 1011290},
    {UINT64_C(16) << 20, 40, 3943199, 3945741, 4194303, 3913286, 1041808},
    {UINT64_C(512) << 20, 40, 4420837, 4423433, 8388607, 4385080, 1174174},
    {UINT64_C(1) << 30, 40, 4521587, 4524245, 8388607, 4483330, 1204692},
    {UINT64_C(32) << 30, 328, 130169893, 130278541, 134217727, 129753620, 33112282},
    {UINT64_C(64) << 30, 328, 131076643, 131185849, 134217727, 130637870, 33386944},
};

static void check_counts(const slk_crypto *crypto, size_t i)
{
    slk_circuit *circuit = new_circuit(crypto, recorded_counts[i].bytes);
    const slk_circuit_counts whole = slk_circuit_counts_whole(circuit);
    assert_int_equal(whole.inputs, recorded_counts[i].inputs);
    assert_int_equal(whole.aux, recorded_counts[i].aux);
    assert_int_equal(whole.constraints, recorded_counts[i].constraints);
    const uint64_t rows = whole.constraints + whole.inputs;
    assert_int_equal((UINT64_C(1) << (slk_log2(rows - 1) + 1)) - 1, recorded_counts[i].h);
    slk_circuit_density density;
    assert_int_equal(slk_circuit_density_init(&density, circuit, NULL), SLK_OK);
    assert_int_equal(whole.inputs + density.a_aux_count, recorded_counts[i].a);
    assert_int_equal(density.b_inputs_count + density.b_aux_count, recorded_counts[i].b);
    slk_circuit_density_done(&density);
    slk_circuit_free(circuit);
}

static void counts_of_all_sizes(void **state)
{
    const size_t n = sizeof recorded_counts / sizeof recorded_counts[0];
    assert_null(slk_sector_shape_at(n));
    for (size_t i = 0; i < n; i++)
        check_counts(*state, i);
}

/* What a visit of all constraints finds, against what density derives from one challenge. */
typedef struct dense {
    const slk_circuit_density *density;
    uint64_t *a, *b;
} dense;

static void collect(void *context, uint64_t index, const slk_lc *a, const slk_lc *b,
                    const slk_lc *c)
{
    (void)index;
    (void)c;
    dense *d = context;
    for (size_t i = 0; i < a->n; i++)
        if (!(a->terms[i].var & SLK_VAR_INPUT))
            d->a[a->terms[i].var / 64] |= UINT64_C(1) << (a->terms[i].var % 64);
    for (size_t i = 0; i < b->n; i++)
        if (!(b->terms[i].var & SLK_VAR_INPUT))
            d->b[b->terms[i].var / 64] |= UINT64_C(1) << (b->terms[i].var % 64);
}

static void density_of_every_challenge(void **state)
{
    slk_circuit *circuit = new_circuit(*state, 16384);
    const size_t words = (size_t)(slk_circuit_counts_whole(circuit).aux + 63) / 64;
    slk_circuit_density density;
    assert_int_equal(slk_circuit_density_init(&density, circuit, NULL), SLK_OK);
    dense d = {&density, slk_calloc(words, 8), slk_calloc(words, 8)};
    assert_true(d.a != NULL && d.b != NULL);
    const slk_circuit_visitor visitor = {.context = &d, .constraint = collect};
    assert_int_equal(slk_circuit_visit(circuit, &visitor, NULL), SLK_OK);
    assert_memory_equal(d.a, density.a_aux, 8 * words);
    assert_memory_equal(d.b, density.b_aux, 8 * words);
    slk_free(d.a);
    slk_free(d.b);
    slk_circuit_density_done(&density);
    slk_circuit_free(circuit);
}

static void small_sizes(void **state)
{
    check_size(*state, "r1cs-2k.json.gz", true);
    check_size(*state, "r1cs-4k.json.gz", false);
    check_size(*state, "r1cs-16k.json.gz", false);
    check_size(*state, "r1cs-32k.json.gz", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_sizes),
        cmocka_unit_test(counts_of_all_sizes),
        cmocka_unit_test(density_of_every_challenge),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
