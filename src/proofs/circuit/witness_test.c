/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Synthesis: values of the recorded sectors, satisfaction, and refusal of what is wrong. */
#include "base/mem.h"
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

static void other_features(void **state)
{
    check_case(*state, "s-2k-synth", true);
    check_case(*state, "s-2k-ni", true);
    check_case(*state, "s-2k-v1", true);
}

static void other_shapes(void **state)
{
    check_case(*state, "s-4k-data", true);
    check_case(*state, "s-16k-data", true);
    check_case(*state, "s-32k-data", true);
}

static void larger_sectors(void **state)
{
    check_case(*state, "s-8m-data", true);
    check_case(*state, "s-512m-data", true);
}

/* A wire with another value breaks a constraint, whichever wire it is. */
static void every_wire_counts(void **state)
{
    run r;
    run_load(&r, *state, "s-2k-data");
    assert_int_equal(run_synthesise(&r, *state, NULL), SLK_OK);
    /* One wire of each kind: the replica id, a bit of it, a siblings' number, a bit in SHA-256, an
     * S-box, the last hash; one public input. */
    const uint64_t wires[] = {0, 7, 571, 572, 600, 300000, 273000, r.witness.wires - 1};
    for (size_t i = 0; i < sizeof wires / sizeof wires[0]; i++) {
        const uint64_t word = wires[i] / 64, bit = UINT64_C(1) << (wires[i] % 64);
        const uint64_t below = r.witness.is_field[word] & (bit - 1);
        slk_fr *field =
            &r.witness.field[r.witness.rank[word] + (unsigned)__builtin_popcountll(below)];
        const bool is_field = (r.witness.is_field[word] & bit) != 0;
        const slk_fr before = is_field ? *field : slk_fr_zero;
        if (is_field)
            slk_fr_add(field, field, &slk_fr_one);
        else
            r.witness.bits[word] ^= bit;
        assert_true(check(r.circuit, &r.witness, NULL).unsatisfied > 0);
        if (is_field)
            *field = before;
        else
            r.witness.bits[word] ^= bit;
    }
    slk_fr_add(&r.witness.input[5], &r.witness.input[5], &slk_fr_one);
    assert_int_equal(check(r.circuit, &r.witness, NULL).unsatisfied, 1);
    slk_fr_sub(&r.witness.input[5], &r.witness.input[5], &slk_fr_one);
    assert_int_equal(check(r.circuit, &r.witness, &r.values).unsatisfied, 0);
    run_done(&r);
}

/* Changes one byte, expects the refusal that names the place, and that the values do not satisfy. */
static void expect_refused(run *r, const fixture *f, uint8_t *byte, const char *place)
{
    slk_error error = {0};
    *byte ^= 1;
    r->witness.inputs = 12345; /* must stay as it is */
    assert_int_equal(run_synthesise(r, f, &error), SLK_E_CORRUPT);
    *byte ^= 1;
    assert_int_equal(r->witness.inputs, 12345);
    r->witness.inputs = 0;
    if (strstr(error.message, place) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", place, error.message);
    size_t wrong = 0;
    const size_t n = (size_t)slk_circuit_counts_whole(r->circuit).constraints;
    for (size_t i = 0; i < n; i++) {
        slk_fr product;
        slk_fr_mul(&product, &r->values.a[i], &r->values.b[i]);
        wrong += !slk_fr_equal(&product, &r->values.c[i]);
    }
    assert_true(strstr(error.message, "names node") != NULL || wrong > 0);
}

static void wrong_proofs_are_refused(void **state)
{
    const fixture *f = *state;
    run r;
    run_load(&r, f, "s-2k-data");
    const slk_record_layout *l = &r.c1.layout;
    uint8_t *first = slk_c1_record(&r.c1, 0, 0), *second = slk_c1_record(&r.c1, 0, 1);
    uint8_t *parent3 = first + l->columns + 4 * l->column_bytes;
    uint8_t *parent9 = second + l->columns + 10 * l->column_bytes;
    expect_refused(&r, f, &r.c1.comm_r[0], "comm_r that is not");
    expect_refused(&r, f, &r.c1.comm_c[0], "comm_r that is not");
    expect_refused(&r, f, &r.c1.comm_d[0], "challenge 0, the TreeD path");
    expect_refused(&r, f, &r.c1.replica_id[0], "challenge 0, the TreeR path");
    expect_refused(&r, f, first, "challenge 0, the Tree");
    expect_refused(&r, f, first + l->d_leaf, "challenge 0, the TreeD path");
    expect_refused(&r, f, second + l->d_siblings + 32, "challenge 1, the TreeD path");
    expect_refused(&r, f, first + 8 + 8 * 3, "challenge 0, the TreeC path of parent 3");
    expect_refused(&r, f, parent3, "challenge 0, the TreeC path of parent 3");
    expect_refused(&r, f, parent9 + l->column_siblings, "challenge 1, the TreeC path of parent 9");
    expect_refused(&r, f, second + l->r_siblings, "challenge 1, the TreeR path");
    expect_refused(&r, f, second + l->columns + l->column_siblings,
                   "challenge 1, the TreeC path of the challenge");
    expect_refused(&r, f, second + 8 + 8 * 13 + 7, "names node");
    expect_refused(&r, f, second + 7, "names node");

    uint8_t kept = parent3[31];
    parent3[31] = 0xff;
    slk_error error = {0};
    assert_int_equal(run_synthesise(&r, f, &error), SLK_E_CORRUPT);
    assert_non_null(strstr(error.message, "not a field element"));
    parent3[31] = kept;
    assert_int_equal(slk_circuit_synthesise(&r.witness, NULL, r.circuit, NULL, &r.c1, 1, NULL),
                     SLK_E_INVAL);
    run_done(&r);
}

static void one_thread_gives_the_same(void **state)
{
    run r;
    run_load(&r, *state, "s-2k-data");
    assert_int_equal(run_synthesise(&r, *state, NULL), SLK_OK);
    slk_witness alone;
    assert_int_equal(slk_circuit_synthesise(&alone, NULL, r.circuit, NULL, &r.c1, 0, NULL), SLK_OK);
    assert_int_equal(alone.region.bytes, r.witness.region.bytes);
    assert_memory_equal(alone.region.data, r.witness.region.data, alone.region.bytes);
    slk_witness_done(&alone);
    run_done(&r);
}

static void witness_storage(void **state)
{
    (void)state;
    slk_witness w;
    assert_int_equal(slk_witness_init(&w, 2, 1000, 250, NULL), SLK_OK);
    /* Two writers, the boundary inside a word; wires 0 mod 4 are field wires of value i. */
    const uint64_t parts[3] = {0, 500, 1000};
    for (unsigned p = 2; p-- > 0;) {
        slk_witness_writer writer;
        slk_witness_writer_init(&writer, &w, parts[p], parts[p] / 4);
        for (uint64_t i = parts[p]; i < parts[p + 1]; i++) {
            slk_fr v;
            slk_fr_from_u64(&v, i);
            if (i % 4 == 0)
                slk_witness_append_fr(&writer, &v);
            else
                slk_witness_append_bit(&writer, i % 3 == 0);
        }
        slk_witness_writer_flush(&writer);
    }
    slk_witness_seal(&w);
    for (uint64_t i = 0; i < 1000; i++) {
        slk_fr want, got;
        slk_fr_from_u64(&want, i % 4 == 0 ? i : i % 3 == 0);
        slk_witness_get(&got, &w, i);
        assert_true(slk_fr_equal(&want, &got));
    }
    uint64_t fields = 0;
    for (size_t word = 0; word < w.words; word++) {
        slk_witness_block block = slk_witness_block_at(&w, word);
        assert_int_equal(block.bits & block.is_field, 0);
        for (uint64_t m = block.is_field; m; m &= m - 1) {
            slk_fr want;
            slk_fr_from_u64(&want, 64 * word + (unsigned)__builtin_ctzll(m));
            assert_true(slk_fr_equal(&want, block.field++));
            fields++;
        }
    }
    assert_int_equal(fields, 250);
    slk_witness_done(&w);
    slk_witness_done(&w);
}

static void public_inputs_of_numbers(void **state)
{
    (void)state;
    slk_circuit_challenge challenge = {.node = 5};
    for (unsigned k = 0; k < SLK_PARENTS; k++)
        challenge.parents[k] = 100 + k;
    uint8_t nodes[3][32] = {{1}, {2}, {3}};
    slk_fr got[SLK_CIRCUIT_INPUTS(1)];
    assert_int_equal(
        slk_circuit_public_inputs(got, nodes[0], nodes[1], nodes[2], &challenge, 1, NULL), SLK_OK);
    for (unsigned i = 0; i < SLK_CIRCUIT_INPUTS(1); i++) {
        slk_fr want;
        slk_fr_from_u64(&want, i < 3 ? i + 1 : i == 3 || i > 17 ? 5 : 100 + i - 4);
        assert_true(slk_fr_equal(&want, &got[i]));
    }
    nodes[1][31] = 0x80;
    slk_error error = {0};
    assert_int_equal(
        slk_circuit_public_inputs(got, nodes[0], nodes[1], nodes[2], &challenge, 1, &error),
        SLK_E_INVAL);
    assert_non_null(strstr(error.message, "comm_d"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(witness_storage),
        cmocka_unit_test(public_inputs_of_numbers),
        cmocka_unit_test(interactive),
        cmocka_unit_test(other_features),
        cmocka_unit_test(other_shapes),
        cmocka_unit_test(larger_sectors),
        cmocka_unit_test(one_thread_gives_the_same),
        cmocka_unit_test(every_wire_counts),
        cmocka_unit_test(wrong_proofs_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
