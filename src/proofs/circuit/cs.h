/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the circuit: what the gadgets are written against.
 *
 * A slk_cs runs gadgets in one of three modes. COUNT moves the counters only. VISIT builds the
 * linear combinations and hands them to the visitor; values are absent (all zero). VALUES appends
 * the wires to a witness and stores the evaluated combinations; no combination is built, each gadget
 * knows its three values. Which variables and constants there are never depends on values. */
#ifndef SLK_PROOFS_CIRCUIT_CS_H
#define SLK_PROOFS_CIRCUIT_CS_H

#include "proofs/circuit/circuit.h"

#include "crypto/poseidon/poseidon.h"
#include "proofs/vanilla/record.h"

/* A number: an aux wire and its value. */
typedef struct slk_num {
    uint32_t var;
    slk_fr value;
} slk_num;

/* A bit is a constant, a wire ("Is") or a negated wire ("Not"), with its value, in 32 bits. */
typedef uint32_t slk_bit;
#define SLK_BIT_CONST UINT32_C(0x80000000)
#define SLK_BIT_NOT UINT32_C(0x40000000)
#define SLK_BIT_VALUE UINT32_C(0x20000000) /* of the bit itself, negation applied */
#define SLK_BIT_VAR UINT32_C(0x1fffffff)
#define SLK_BIT_FALSE SLK_BIT_CONST
#define SLK_BIT_TRUE (SLK_BIT_CONST | SLK_BIT_VALUE)

static inline bool slk_bit_is_const(slk_bit b)
{
    return (b & SLK_BIT_CONST) != 0;
}
static inline int slk_bit_value(slk_bit b)
{
    return (int)(b >> 29) & 1;
}
static inline slk_bit slk_bit_not(slk_bit b)
{
    return b ^ (slk_bit_is_const(b) ? SLK_BIT_VALUE : SLK_BIT_NOT | SLK_BIT_VALUE);
}
static inline slk_bit slk_bit_const(bool value)
{
    return value ? SLK_BIT_TRUE : SLK_BIT_FALSE;
}

/* A linear combination with coefficients from -4 to 4, kept merged and in canonical order. */
#define SLK_SMALL_MAX 8
typedef struct slk_small {
    unsigned n;
    uint32_t var[SLK_SMALL_MAX];
    int coefficient[SLK_SMALL_MAX];
} slk_small;

void slk_small_add(slk_small *lc, uint32_t var, int coefficient);
void slk_small_add_bit(slk_small *lc, slk_bit bit, int coefficient);

/* A sum of bits times powers of two, 0 <= shift < 255, for VISIT. */
#define SLK_WSUM_MAX 1792 /* a MultiEq holds at most 7 sums of 8 words of 32 bits */
typedef struct slk_wsum {
    unsigned n;
    uint64_t one[4]; /* coefficient of ONE, an integer */
    uint64_t keys[SLK_WSUM_MAX]; /* var << 32 | negative << 8 | shift */
} slk_wsum;

void slk_wsum_reset(slk_wsum *sum);
void slk_wsum_add(slk_wsum *sum, slk_bit bit, unsigned shift);

/* 256-bit integers: *sum += v << shift; conversion of one below r. */
void slk_int256_add_shifted(uint64_t sum[4], uint64_t v, unsigned shift);
void slk_int256_to_fr(slk_fr *out, const uint64_t integer[4]);

/* Joins equalities of sums into constraints of up to 253 bits, as the official MultiEq. */
typedef struct slk_multieq {
    unsigned used;
    uint64_t value[4]; /* VALUES: the left (and right) side so far */
    slk_wsum left, right; /* VISIT */
} slk_multieq;

typedef slk_bit slk_word[32]; /* least significant bit first */

/* Intermediate words of one compression. */
typedef struct slk_sha_scratch {
    slk_word w[64], k[64], a[64], e[64], s0[64], s1[64], ch[64], maj[64];
} slk_sha_scratch;

typedef enum slk_cs_mode { SLK_CS_COUNT, SLK_CS_VISIT, SLK_CS_VALUES } slk_cs_mode;

#define SLK_CS_MESSAGE_BITS (20u * 512u) /* the longest message is a label's, padded */

/* One run over a contiguous part of the circuit. About 350 KiB, on the heap. */
typedef struct slk_cs {
    const slk_circuit *circuit;
    slk_cs_mode mode;
    const slk_circuit_visitor *visitor; /* VISIT */
    slk_witness_writer writer; /* VALUES; without a witness it only counts */
    slk_r1cs_values out; /* VALUES: start of the arrays, or NULL */

    /* Next index in each space. */
    uint64_t constraints;
    uint64_t aux;
    uint64_t fields;
    uint32_t inputs;

    /* First thing wrong with the values, for the error message. */
    const char *fault; /* static text, NULL when all is well */
    const char *fault_place; /* static text: which path */
    int fault_index;

    slk_multieq multieq;
    slk_wsum wsum;
    uint64_t sort_scratch[SLK_WSUM_MAX];
    slk_lc_term terms_a[SLK_WSUM_MAX + 1], terms_c[SLK_WSUM_MAX + 1];
    slk_fr coefficients[2 * SLK_WSUM_MAX + 2]; /* of merged terms, of one constraint */
    size_t coefficients_used;
    slk_sha_scratch sha;
    slk_bit message[SLK_CS_MESSAGE_BITS];
    slk_bit parents[SLK_PARENTS][256];
    slk_num columns[SLK_PARENTS][SLK_MAX_LAYERS];
} slk_cs;

/* The combinations of Poseidon's first state element in front of each partial round and after the
 * last: row r has t + r coefficients, over the t outputs of the last full round and the outputs of
 * the r partial rounds before. All other combinations point into the parameters. */
typedef struct slk_poseidon_lcs {
    const slk_poseidon_params *params; /* NULL: this arity is not used */
    slk_fr first_output; /* element 0 after the first S-box: a constant */
    slk_fr first_one[SLK_POSEIDON_MAX_WIDTH]; /* coefficients of ONE after the first matrix */
    slk_fr *rows; /* heap */
} slk_poseidon_lcs;

#define SLK_SMALL_ABS 4
struct slk_circuit {
    const slk_crypto *crypto;
    const slk_sector_shape *shape;
    slk_record_layout layout;
    slk_fr small[2 * SLK_SMALL_ABS + 1]; /* -4 .. 4 */
    slk_fr power[256], neg_power[256]; /* 2^i, -2^i */
    slk_poseidon_lcs poseidon[3]; /* arities 2, 8, 11 */
    slk_circuit_counts head, challenge;
};

/* --- cs.c -------------------------------------------------------------------------------------- */

/* A run without a visitor or outputs, to be placed before use. SLK_E_NOMEM; slk_free. */
SLK_MUST_CHECK slk_err slk_cs_new(slk_cs **ret_cs, const slk_circuit *circuit, slk_cs_mode mode,
                                  slk_error *error);
/* Continues at another place, without faults. */
void slk_cs_move(slk_cs *cs, const slk_circuit_counts *start);
slk_circuit_counts slk_cs_counts(const slk_cs *cs);

/* Records the first fault; what is a static text. */
void slk_cs_fault(slk_cs *cs, const char *what);

/* VISIT: hands the constraint at the next index to the visitor; does not advance. */
void slk_cs_emit(slk_cs *cs, const slk_lc *a, const slk_lc *b, const slk_lc *c);
void slk_cs_emit_small(slk_cs *cs, const slk_small *a, const slk_small *b, const slk_small *c);
/* The sum as a combination, in storage of cs that the next constraint reuses; terms has room for
 * SLK_WSUM_MAX + 1. The keys are sorted in place. */
slk_lc slk_cs_wsum_lc(slk_cs *cs, slk_wsum *sum, slk_lc_term *terms);
/* Room for one coefficient until the next constraint. */
slk_fr *slk_cs_coefficient(slk_cs *cs);

/* Allocations. Values are read in VALUES only. */
uint32_t slk_cs_input(slk_cs *cs, const slk_fr *value); /* returns SLK_VAR_INPUT | index */

static inline void slk_cs_allocated(slk_cs *cs, uint32_t var)
{
    if (cs->visitor != NULL && cs->visitor->allocate != NULL)
        cs->visitor->allocate(cs->visitor->context, var);
}

static inline slk_bit slk_cs_alloc_bit(slk_cs *cs, int value)
{
    if (cs->mode == SLK_CS_VALUES)
        slk_witness_append_bit(&cs->writer, value != 0);
    const uint32_t var = (uint32_t)cs->aux++;
    slk_cs_allocated(cs, var);
    return var | (value ? SLK_BIT_VALUE : 0);
}

static inline slk_num slk_cs_alloc(slk_cs *cs, const slk_fr *value)
{
    slk_num num = {.var = (uint32_t)cs->aux++, .value = *value};
    if (cs->mode == SLK_CS_VALUES)
        slk_witness_append_fr(&cs->writer, value);
    cs->fields++;
    slk_cs_allocated(cs, num.var);
    return num;
}

/* Ends a constraint: stores its values (VALUES) and advances. */
static inline void slk_cs_put(slk_cs *cs, const slk_fr *a, const slk_fr *b, const slk_fr *c)
{
    if (cs->out.a != NULL) {
        cs->out.a[cs->constraints] = *a;
        cs->out.b[cs->constraints] = *b;
    }
    if (cs->out.c != NULL)
        cs->out.c[cs->constraints] = *c;
    cs->constraints++;
}
void slk_cs_put_small_values(slk_cs *cs, int a, int b, int c);
static inline void slk_cs_put_small(slk_cs *cs, int a, int b, int c)
{
    if (cs->mode == SLK_CS_VALUES)
        slk_cs_put_small_values(cs, a, b, c);
    cs->constraints++;
}

static inline void slk_cs_enter(slk_cs *cs, const char *prefix, int index, const char *suffix)
{
    if (cs->visitor != NULL && cs->visitor->enter != NULL)
        cs->visitor->enter(cs->visitor->context, prefix, index, suffix);
}
static inline void slk_cs_leave(slk_cs *cs)
{
    if (cs->visitor != NULL && cs->visitor->leave != NULL)
        cs->visitor->leave(cs->visitor->context);
}

/* --- gadget_bits.c: source: reference/proofs 8.2 ------------------------------------------------ */

slk_bit slk_gadget_bit(slk_cs *cs, int value); /* allocates and constrains to 0 or 1 */
slk_bit slk_gadget_xor(slk_cs *cs, slk_bit a, slk_bit b);
slk_bit slk_gadget_and(slk_cs *cs, slk_bit a, slk_bit b);
slk_bit slk_gadget_ch(slk_cs *cs, slk_bit a, slk_bit b, slk_bit c); /* a ? b : c */
slk_bit slk_gadget_maj(slk_cs *cs, slk_bit a, slk_bit b, slk_bit c);

/* 255 bits of a number as the 256 bits of its 32 bytes, each byte most significant bit first: the
 * order SHA-256 reads. */
void slk_gadget_node_bits(slk_cs *cs, slk_bit out[256], const slk_num *x);
/* The number made of the first 254 bits of 32 bytes given in that order. */
slk_num slk_gadget_pack_node(slk_cs *cs, const slk_bit bits[256]);
/* At most 64 bits, least significant first, as one public input. */
void slk_gadget_pack_input(slk_cs *cs, const slk_bit *bits, unsigned n);

/* --- gadget_num.c: source: reference/proofs 8.2, 8.5 -------------------------------------------- */

void slk_gadget_inputize(slk_cs *cs, const slk_num *x);
/* Constrains a = b; false when the values differ (VALUES). */
bool slk_gadget_equal(slk_cs *cs, const slk_num *a, const slk_num *b);
slk_num slk_gadget_add(slk_cs *cs, const slk_num *a, const slk_num *b);
slk_num slk_gadget_pick(slk_cs *cs, slk_bit condition, const slk_num *a, const slk_num *b);
/* children[0..arity) = x at the position given by the index bits, among arity - 1 siblings.
 * arity 2 or 8. */
void slk_gadget_insert(slk_cs *cs, slk_num *children, const slk_num *x, const slk_bit *index,
                       const slk_num *siblings, unsigned arity);

/* --- gadget_sha256.c: source: reference/proofs 8.3 ---------------------------------------------- */

/* SHA-256 of the first n_bits (a multiple of 8) of cs->message, which is padded in place. Output
 * in the same bit order. */
void slk_gadget_sha256(slk_cs *cs, slk_bit out[256], unsigned n_bits);

/* --- gadget_poseidon.c: source: reference/proofs 8.4 -------------------------------------------- */

SLK_MUST_CHECK slk_err slk_poseidon_lcs_init(slk_poseidon_lcs *ret_lcs, const slk_crypto *crypto,
                                             unsigned arity, slk_error *error);
void slk_poseidon_lcs_done(slk_poseidon_lcs *lcs);
/* arity 2, 8 or, in sizes with 11 layers, 11. */
slk_num slk_gadget_poseidon(slk_cs *cs, const slk_num *inputs, unsigned arity);

/* --- stacked.c: source: reference/proofs 8.6, 8.7 ----------------------------------------------- */

/* What the challenges share. */
typedef struct slk_stacked_head {
    slk_num comm_d, comm_r_last, comm_c;
    slk_bit replica_id_bits[256];
} slk_stacked_head;

/* c1 only in VALUES, as record below. */
void slk_stacked_head_run(slk_cs *cs, slk_stacked_head *ret_head, const slk_c1 *c1);
void slk_stacked_challenge_run(slk_cs *cs, const slk_stacked_head *head, unsigned q,
                               const uint8_t *record);

#endif
