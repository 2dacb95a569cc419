/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each gadget alone: its value is the native one, synthesis and structure agree, and any other value
 * of any wire is refused. */
#include "base/bytes.h"
#include "base/mem.h"
#include "crypto/sha256/sha256.h"
#include "proofs/circuit/cs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAX_CONSTRAINTS 60000u
#define MAX_INPUTS 8u

typedef struct bench {
    slk_crypto *crypto;
    slk_circuit *circuit;
    slk_cs *values, *structure;
    slk_witness witness;
    slk_r1cs_values out;
    uint64_t seed;
    uint64_t unsatisfied, different;
} bench;

/* A gadget under test: reads its inputs by take_*, so that both runs see the same. */
typedef void gadget(bench *b, slk_cs *cs);

static uint64_t next_random(bench *b)
{
    b->seed = b->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return b->seed >> 11;
}

static slk_bit take_bit(bench *b, slk_cs *cs)
{
    const int v = (int)(next_random(b) & 1);
    return slk_gadget_bit(cs, cs->mode == SLK_CS_VALUES ? v : 0);
}

static slk_num take_num(bench *b, slk_cs *cs)
{
    uint8_t wide[64];
    for (unsigned i = 0; i < 64; i++)
        wide[i] = (uint8_t)next_random(b);
    slk_fr v;
    slk_fr_from_wide(&v, wide);
    if (cs->mode != SLK_CS_VALUES)
        v = slk_fr_zero;
    return slk_cs_alloc(cs, &v);
}

static void evaluate(slk_fr *out, const slk_witness *w, const slk_lc *lc)
{
    slk_fr sum = slk_fr_zero, x;
    for (size_t i = 0; i < lc->n; i++) {
        const uint32_t var = lc->terms[i].var;
        if (var & SLK_VAR_INPUT)
            x = w->input[var & ~SLK_VAR_INPUT];
        else
            slk_witness_get(&x, w, var);
        slk_fr_mul(&x, &x, lc->terms[i].coefficient);
        slk_fr_add(&sum, &sum, &x);
    }
    *out = sum;
}

static void on_constraint(void *context, uint64_t index, const slk_lc *a, const slk_lc *b,
                          const slk_lc *c)
{
    bench *t = context;
    slk_fr va, vb, vc, product;
    evaluate(&va, &t->witness, a);
    evaluate(&vb, &t->witness, b);
    evaluate(&vc, &t->witness, c);
    slk_fr_mul(&product, &va, &vb);
    t->unsatisfied += !slk_fr_equal(&product, &vc);
    t->different += !slk_fr_equal(&va, &t->out.a[index]) || !slk_fr_equal(&vb, &t->out.b[index]) ||
                    !slk_fr_equal(&vc, &t->out.c[index]);
}

static void run_structure(bench *b, gadget *g, uint64_t seed)
{
    const slk_circuit_counts start = {.inputs = 1};
    const slk_circuit_visitor visitor = {.context = b, .constraint = on_constraint};
    b->seed = seed;
    b->unsatisfied = 0;
    b->different = 0;
    slk_cs_move(b->structure, &start);
    b->structure->visitor = &visitor;
    g(b, b->structure);
    b->structure->visitor = NULL;
}

/* Both runs; returns how many constraints there are. */
static uint64_t run_gadget(bench *b, gadget *g, uint64_t seed)
{
    const slk_circuit_counts start = {.inputs = 1};
    slk_cs *counter = b->structure;
    counter->mode = SLK_CS_COUNT;
    slk_cs_move(counter, &start);
    b->seed = seed;
    g(b, counter);
    counter->mode = SLK_CS_VISIT;
    assert_true(counter->constraints <= MAX_CONSTRAINTS && counter->inputs <= MAX_INPUTS);

    slk_witness_done(&b->witness);
    assert_int_equal(slk_witness_init(&b->witness, MAX_INPUTS, counter->aux, counter->fields, NULL),
                     SLK_OK);
    slk_cs_move(b->values, &start);
    slk_witness_writer_init(&b->values->writer, &b->witness, 0, 0);
    b->values->out = b->out;
    b->seed = seed;
    g(b, b->values);
    slk_witness_writer_flush(&b->values->writer);
    slk_witness_seal(&b->witness);
    assert_int_equal(b->values->constraints, counter->constraints);

    run_structure(b, g, seed);
    assert_int_equal(b->structure->constraints, b->values->constraints);
    assert_int_equal(b->unsatisfied, 0);
    assert_int_equal(b->different, 0);
    return b->values->constraints;
}

/* Every wire set to another value is noticed; steps of `stride` where there are many. */
static void no_other_witness(bench *b, gadget *g, uint64_t seed, uint64_t stride)
{
    for (uint64_t i = 0; i < b->witness.wires; i += stride) {
        const uint64_t bit = UINT64_C(1) << (i % 64);
        if (b->witness.is_field[i / 64] & bit) {
            const slk_witness_block block = slk_witness_block_at(&b->witness, i / 64);
            const unsigned k = (unsigned)__builtin_popcountll(block.is_field & (bit - 1));
            slk_fr *field = &b->witness.field[b->witness.rank[i / 64] + k];
            const slk_fr before = *field;
            slk_fr_add(field, field, &slk_fr_one);
            run_structure(b, g, seed);
            *field = before;
        } else {
            b->witness.bits[i / 64] ^= bit;
            run_structure(b, g, seed);
            b->witness.bits[i / 64] ^= bit;
        }
        if (b->unsatisfied == 0)
            fail_msg("wire %llu can have another value", (unsigned long long)i);
    }
}

static int set_up(void **state)
{
    bench *b = slk_calloc(1, sizeof *b);
    *state = b;
    if (b == NULL || slk_crypto_new(&b->crypto, NULL, NULL) != SLK_OK)
        return -1;
    const slk_sector_shape *shape = slk_sector_shape_of(UINT64_C(32) << 30);
    if (slk_circuit_new(&b->circuit, b->crypto, shape, NULL) != SLK_OK)
        return -1;
    if (slk_cs_new(&b->values, b->circuit, SLK_CS_VALUES, NULL) != SLK_OK ||
        slk_cs_new(&b->structure, b->circuit, SLK_CS_VISIT, NULL) != SLK_OK)
        return -1;
    b->out.a = slk_calloc(MAX_CONSTRAINTS, sizeof(slk_fr));
    b->out.b = slk_calloc(MAX_CONSTRAINTS, sizeof(slk_fr));
    b->out.c = slk_calloc(MAX_CONSTRAINTS, sizeof(slk_fr));
    return b->out.a != NULL && b->out.b != NULL && b->out.c != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    bench *b = *state;
    slk_witness_done(&b->witness);
    slk_free(b->out.a);
    slk_free(b->out.b);
    slk_free(b->out.c);
    slk_free(b->values);
    slk_free(b->structure);
    slk_circuit_free(b->circuit);
    slk_crypto_free(b->crypto);
    slk_free(b);
    return 0;
}

/* An operand of kind 0 .. 3: false, true, a wire, a negated wire. */
static slk_bit take_kind(bench *b, slk_cs *cs, unsigned kind)
{
    if (kind < 2)
        return slk_bit_const(kind == 1);
    const slk_bit bit = take_bit(b, cs);
    return kind == 2 ? bit : slk_bit_not(bit);
}

static void check_bit(const slk_cs *cs, slk_bit got, int want)
{
    if (cs->mode == SLK_CS_VALUES || slk_bit_is_const(got))
        assert_int_equal(slk_bit_value(got), want);
}

/* All operations on operands of all kinds, or of those that are wires. */
static void bit_operations(bench *b, slk_cs *cs, bool wires_only)
{
    for (unsigned kinds = 0; kinds < 64; kinds++) {
        if (wires_only && (kinds & 0x2a) != 0x2a)
            continue;
        const slk_bit x = take_kind(b, cs, kinds & 3), y = take_kind(b, cs, kinds >> 2 & 3),
                      z = take_kind(b, cs, kinds >> 4);
        const int vx = slk_bit_value(x), vy = slk_bit_value(y), vz = slk_bit_value(z);
        check_bit(cs, slk_gadget_xor(cs, x, y), vx ^ vy);
        check_bit(cs, slk_gadget_and(cs, x, y), vx & vy);
        check_bit(cs, slk_gadget_ch(cs, x, y, z), vx ? vy : vz);
        check_bit(cs, slk_gadget_maj(cs, x, y, z), vx + vy + vz >= 2);
    }
}

static void all_bit_operations(bench *b, slk_cs *cs)
{
    bit_operations(b, cs, false);
}

static void wire_bit_operations(bench *b, slk_cs *cs)
{
    bit_operations(b, cs, true);
}

static void bits(void **state)
{
    for (uint64_t seed = 1; seed <= 16; seed++) {
        run_gadget(*state, all_bit_operations, seed);
        run_gadget(*state, wire_bit_operations, seed);
        no_other_witness(*state, wire_bit_operations, seed, 1);
    }
}

/* The aux variable of A and of B, of the last constraint. */
typedef struct sides {
    uint32_t a, b;
} sides;

static uint32_t only_aux(const slk_lc *lc)
{
    return lc->terms[lc->n - 1].var;
}

static void note_sides(void *context, uint64_t index, const slk_lc *a, const slk_lc *b,
                       const slk_lc *c)
{
    (void)index;
    (void)c;
    *(sides *)context = (sides){only_aux(a), only_aux(b)};
}

/* Which operand goes to A decides the points of a key; the circuit at hand needs only some of the
 * cases. source: reference/proofs 8.2, 11 */
static void operand_sides(void **state)
{
    bench *b = *state;
    slk_cs *cs = b->structure;
    const slk_circuit_counts start = {.inputs = 1};
    sides got;
    const slk_circuit_visitor visitor = {.context = &got, .constraint = note_sides};
    slk_cs_move(cs, &start);
    cs->visitor = &visitor;
    const slk_bit x = slk_gadget_bit(cs, 0), y = slk_gadget_bit(cs, 0);
    for (unsigned kinds = 0; kinds < 4; kinds++) {
        const slk_bit p = kinds & 1 ? slk_bit_not(x) : x, q = kinds & 2 ? slk_bit_not(y) : y;
        const sides want = kinds == 1 ? (sides){y, x} : (sides){x, y};
        const slk_bit exclusive = slk_gadget_xor(cs, p, q);
        assert_int_equal((exclusive & SLK_BIT_NOT) != 0, kinds == 1 || kinds == 2);
        assert_memory_equal(&got, &want, sizeof want);
        assert_int_equal(slk_gadget_and(cs, p, q) & SLK_BIT_NOT, 0);
        assert_memory_equal(&got, &want, sizeof want);
    }
    cs->visitor = NULL;
}

static void node_bits_and_back(bench *b, slk_cs *cs)
{
    const slk_num x = take_num(b, cs);
    slk_bit decomposed[256];
    slk_gadget_node_bits(cs, decomposed, &x);
    const slk_num packed = slk_gadget_pack_node(cs, decomposed);
    slk_bit number[64];
    for (unsigned i = 0; i < 64; i++)
        number[i] = decomposed[i ^ 7];
    slk_gadget_pack_input(cs, number, 64);
    slk_gadget_inputize(cs, &x);
    if (cs->mode != SLK_CS_VALUES)
        return;
    uint8_t node[32], low[32];
    slk_fr_to_node(node, &x.value);
    for (unsigned i = 0; i < 256; i++)
        assert_int_equal(slk_bit_value(decomposed[i]), node[i / 8] >> (7 - i % 8) & 1);
    slk_fr_to_node(low, &packed.value);
    slk_sha254_trim(node);
    assert_memory_equal(low, node, 32);
    slk_fr want;
    slk_fr_from_u64(&want, slk_load_le64(node));
    assert_true(slk_fr_equal(&b->witness.input[1], &want));
    assert_true(slk_fr_equal(&b->witness.input[2], &x.value));
}

static void nodes(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        run_gadget(*state, node_bits_and_back, seed);
    no_other_witness(*state, node_bits_and_back, 20, 1);
}

static void numbers_gadget(bench *b, slk_cs *cs)
{
    const slk_num x = take_num(b, cs), y = take_num(b, cs);
    const slk_num sum = slk_gadget_add(cs, &x, &y);
    const slk_bit condition = take_bit(b, cs);
    const slk_num picked = slk_gadget_pick(cs, condition, &x, &y);
    const bool same = slk_gadget_equal(cs, &x, &x);
    if (cs->mode != SLK_CS_VALUES)
        return;
    slk_fr want;
    slk_fr_add(&want, &x.value, &y.value);
    assert_true(same && slk_fr_equal(&want, &sum.value));
    assert_true(slk_fr_equal(slk_bit_value(condition) ? &x.value : &y.value, &picked.value));
}

static void numbers(void **state)
{
    for (uint64_t seed = 1; seed <= 10; seed++)
        run_gadget(*state, numbers_gadget, seed);
}

static void insert_gadget(bench *b, slk_cs *cs)
{
    for (unsigned arity = 2; arity <= 8; arity += 6) {
        const unsigned width = arity == 2 ? 1 : 3;
        for (unsigned position = 0; position < arity; position++) {
            slk_bit index[3];
            slk_num others[7], children[8];
            for (unsigned i = 0; i < width; i++)
                index[i] =
                    slk_gadget_bit(cs, cs->mode == SLK_CS_VALUES ? (int)(position >> i & 1) : 0);
            const slk_num x = take_num(b, cs);
            for (unsigned i = 0; i + 1 < arity; i++)
                others[i] = take_num(b, cs);
            slk_gadget_insert(cs, children, &x, index, others, arity);
            for (unsigned i = 0; i < arity; i++) {
                const slk_num *want = i == position ? &x : &others[i < position ? i : i - 1];
                assert_true(slk_fr_equal(&children[i].value, &want->value));
            }
        }
    }
}

static void insertion(void **state)
{
    run_gadget(*state, insert_gadget, 5);
}

static void sha_gadget(bench *b, slk_cs *cs, unsigned n_bytes)
{
    uint8_t message[64 + 64], want[32], got[32] = {0};
    for (unsigned i = 0; i < 8 * n_bytes; i++) {
        cs->message[i] = take_kind(b, cs, (unsigned)next_random(b) & 3);
        if (i % 8 == 0)
            message[i / 8] = 0;
        message[i / 8] = (uint8_t)(message[i / 8] | slk_bit_value(cs->message[i]) << (7 - i % 8));
    }
    slk_bit digest[256];
    slk_gadget_sha256(cs, digest, 8 * n_bytes);
    if (cs->mode != SLK_CS_VALUES)
        return;
    slk_sha256_of(b->crypto, want, message, n_bytes);
    for (unsigned i = 0; i < 256; i++)
        got[i / 8] = (uint8_t)(got[i / 8] | slk_bit_value(digest[i]) << (7 - i % 8));
    assert_memory_equal(got, want, 32);
}

static void sha_of_40(bench *b, slk_cs *cs)
{
    sha_gadget(b, cs, 40);
}

static void sha_of_64(bench *b, slk_cs *cs)
{
    sha_gadget(b, cs, 64);
}

/* Nothing but constants: no wire at all. */
static void sha_of_constants(bench *b, slk_cs *cs)
{
    for (unsigned i = 0; i < 24; i++)
        cs->message[i] = slk_bit_const((0x616263 >> (23 - i)) & 1); /* "abc" */
    slk_bit digest[256];
    slk_gadget_sha256(cs, digest, 24);
    uint8_t want[32];
    slk_sha256_of(b->crypto, want, "abc", 3);
    for (unsigned i = 0; i < 256; i++)
        assert_int_equal(slk_bit_value(digest[i]), want[i / 8] >> (7 - i % 8) & 1);
    assert_int_equal(cs->constraints, 0);
}

static void sha256(void **state)
{
    run_gadget(*state, sha_of_constants, 1);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        run_gadget(*state, sha_of_40, seed);
        run_gadget(*state, sha_of_64, seed);
    }
    no_other_witness(*state, sha_of_64, 5, 3001);
}

static void poseidon_gadget(bench *b, slk_cs *cs, unsigned arity)
{
    slk_num in[11];
    slk_fr values[11], want;
    for (unsigned i = 0; i < arity; i++) {
        in[i] = take_num(b, cs);
        values[i] = in[i].value;
    }
    const slk_num hash = slk_gadget_poseidon(cs, in, arity);
    if (cs->mode != SLK_CS_VALUES)
        return;
    slk_poseidon_hash(b->crypto, arity, &want, values);
    assert_true(slk_fr_equal(&hash.value, &want));
}

static void poseidon2(bench *b, slk_cs *cs)
{
    poseidon_gadget(b, cs, 2);
}

static void poseidon8(bench *b, slk_cs *cs)
{
    poseidon_gadget(b, cs, 8);
}

static void poseidon11(bench *b, slk_cs *cs)
{
    poseidon_gadget(b, cs, 11);
}

static void poseidon(void **state)
{
    /* source: reference/proofs 8.4 */
    assert_int_equal(run_gadget(*state, poseidon2, 1), 311);
    no_other_witness(*state, poseidon2, 1, 1);
    assert_int_equal(run_gadget(*state, poseidon8, 2), 505);
    no_other_witness(*state, poseidon8, 2, 5);
    assert_int_equal(run_gadget(*state, poseidon11, 3), 598);
    no_other_witness(*state, poseidon11, 3, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits),     cmocka_unit_test(operand_sides), cmocka_unit_test(nodes),
        cmocka_unit_test(numbers),  cmocka_unit_test(insertion),     cmocka_unit_test(sha256),
        cmocka_unit_test(poseidon),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
