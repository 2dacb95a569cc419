/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Synthesis: values of the recorded sectors, satisfaction, and refusal of what is wrong. */
#include "base/mem.h"
#include "base/rng.h"
#include "support/slk_sector_case.h"
#include "support/slk_circuit_digest.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    slk_crypto *crypto;
    slk_pool *pool;
} fixture;

static int set_up(void **state)
{
    fixture *f = slk_calloc(1, sizeof *f);
    *state = f;
    if (f == NULL || slk_crypto_new(&f->crypto, NULL, NULL) != SLK_OK)
        return -1;
    return slk_pool_new(&f->pool, 2, NULL) == SLK_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    slk_pool_free(f->pool);
    slk_crypto_free(f->crypto);
    slk_free(f);
    return 0;
}

/* One synthesised partition with everything it was made from. */
typedef struct run {
    slk_c1 c1;
    json_t *record;
    slk_circuit *circuit;
    slk_witness witness;
    slk_r1cs_values values;
} run;

static void run_load(run *r, const fixture *f, const char *name)
{
    memset(r, 0, sizeof *r);
    slk_case_load(&r->c1, &r->record, name);
    assert_int_equal(slk_circuit_new(&r->circuit, f->crypto, r->c1.proof.shape, NULL), SLK_OK);
    const size_t n = (size_t)slk_circuit_counts_whole(r->circuit).constraints;
    r->values.a = slk_calloc(n, sizeof(slk_fr));
    r->values.b = slk_calloc(n, sizeof(slk_fr));
    r->values.c = slk_calloc(n, sizeof(slk_fr));
    assert_true(r->values.a != NULL && r->values.b != NULL && r->values.c != NULL);
}

static slk_err run_synthesise(run *r, const fixture *f, slk_error *error)
{
    return slk_circuit_synthesise(&r->witness, &r->values, r->circuit, f->pool, &r->c1, 0, error);
}

static void run_done(run *r)
{
    slk_witness_done(&r->witness);
    slk_free(r->values.a);
    slk_free(r->values.b);
    slk_free(r->values.c);
    slk_circuit_free(r->circuit);
    slk_c1_done(&r->c1);
    json_decref(r->record);
}

/* Evaluates every linear combination from the wires. */
typedef struct checker {
    const slk_witness *witness;
    const slk_r1cs_values *values; /* compared with when given */
    uint64_t unsatisfied, different, first_unsatisfied;
} checker;

static void evaluate(slk_fr *out, const slk_witness *w, const slk_lc *lc)
{
    slk_fr sum = slk_fr_zero, x;
    for (size_t i = 0; i < lc->n; i++) {
        const uint32_t var = lc->terms[i].var;
        if (var & SLK_VAR_INPUT)
            x = w->input[var & ~SLK_VAR_INPUT];
        else
            slk_witness_get(&x, w, var);
        if (slk_fr_is_zero(&x))
            continue;
        slk_fr_mul(&x, &x, lc->terms[i].coefficient);
        slk_fr_add(&sum, &sum, &x);
    }
    *out = sum;
}

static void check_constraint(void *context, uint64_t index, const slk_lc *a, const slk_lc *b,
                             const slk_lc *c)
{
    checker *ch = context;
    slk_fr va, vb, vc, product;
    evaluate(&va, ch->witness, a);
    evaluate(&vb, ch->witness, b);
    evaluate(&vc, ch->witness, c);
    slk_fr_mul(&product, &va, &vb);
    if (!slk_fr_equal(&product, &vc) && ch->unsatisfied++ == 0)
        ch->first_unsatisfied = index;
    const slk_r1cs_values *v = ch->values;
    if (v != NULL && !(slk_fr_equal(&va, &v->a[index]) && slk_fr_equal(&vb, &v->b[index]) &&
                       slk_fr_equal(&vc, &v->c[index])))
        ch->different++;
}

static checker check(const slk_circuit *circuit, const slk_witness *witness,
                     const slk_r1cs_values *values)
{
    checker ch = {.witness = witness, .values = values};
    const slk_circuit_visitor visitor = {.context = &ch, .constraint = check_constraint};
    assert_int_equal(slk_circuit_visit(circuit, &visitor, NULL), SLK_OK);
    return ch;
}

static void check_inputs(const run *r)
{
    const json_t *recorded = json_array_get(json_object_get(r->record, "public_inputs_le_hex"), 0);
    const size_t n = SLK_CIRCUIT_INPUTS(r->c1.challenges);
    assert_int_equal(json_array_size(recorded), n);
    assert_int_equal(r->witness.inputs, n + 1);
    slk_fr inputs[SLK_CIRCUIT_INPUTS(2)];
    assert_int_equal(n, SLK_CIRCUIT_INPUTS(2));
    assert_int_equal(slk_circuit_public_inputs_c1(inputs, &r->c1, 0, NULL), SLK_OK);
    assert_true(slk_fr_equal(&r->witness.input[0], &slk_fr_one));
    for (size_t i = 0; i < n; i++) {
        uint8_t node[32];
        slk_test_hex(node, 32, json_string_value(json_array_get(recorded, i)));
        slk_fr value;
        assert_true(slk_fr_from_node(&value, node));
        assert_true(slk_fr_equal(&value, &inputs[i]));
        assert_true(slk_fr_equal(&value, &r->witness.input[1 + i]));
    }
}

/* Values and public inputs are the recorded ones; unless `quick`, every combination that synthesis
 * knew without building it is built and compared, and every constraint holds. */
static void check_case(const fixture *f, const char *name, bool quick)
{
    run r;
    run_load(&r, f, name);
    slk_error error = {0};
    if (run_synthesise(&r, f, &error) != SLK_OK)
        fail_msg("%s: %s", name, error.message);
    check_inputs(&r);
    const json_t *recorded = slk_test_get(r.record, "witness");
    slk_digest digest;
    slk_digest_init(&digest, f->crypto, recorded, &r.witness);
    const slk_circuit_visitor visitor = slk_digest_visitor(&digest);
    assert_int_equal(slk_circuit_visit(r.circuit, &visitor, NULL), SLK_OK);
    slk_digest_check_whole(&digest, recorded);
    slk_digest_done(&digest);
    if (!quick) {
        const checker ch = check(r.circuit, &r.witness, &r.values);
        assert_int_equal(ch.unsatisfied, 0);
        assert_int_equal(ch.different, 0);
    }
    run_done(&r);
}

static void interactive(void **state)
{
    check_case(*state, "s-2k-data", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interactive),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
