/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/circuit/cs.h"

#include "base/mem.h"

#include <string.h>

#define MAX_PARTIAL 57u /* source: reference/proofs 2.1 */
#define MAX_VARS (SLK_POSEIDON_MAX_WIDTH + MAX_PARTIAL)
#define HALF_FULL_ROUNDS 4u

/* The state between rounds: t elements, each a combination of variables already allocated. */
typedef struct sponge {
    const slk_poseidon_lcs *lcs;
    unsigned width;
    const slk_fr *next_key;
    slk_fr x[SLK_POSEIDON_MAX_WIDTH]; /* VALUES: the elements */
    /* What the elements are combinations of: element 0 of the very first S-box is a constant and
     * stands for ONE; then `partial` outputs of partial rounds follow the t outputs of the last
     * full round. */
    uint32_t vars[MAX_VARS];
    unsigned partial;
    bool first;
    const slk_fr *matrix; /* applied last, t*t */
} sponge;

static size_t row_offset(unsigned width, unsigned row)
{
    return (size_t)row * width + (size_t)row * (row - 1) / 2;
}

static const slk_fr *sparse_column(const slk_poseidon_params *p, unsigned round)
{
    return p->sparse + (size_t)round * (2 * p->width - 1);
}

static const slk_fr *sparse_row(const slk_poseidon_params *p, unsigned round)
{
    return sparse_column(p, round) + p->width;
}

/* sum over j = 1 .. t-1 of column[j] * others[j] */
static void tail_product(slk_fr *out, const slk_fr *column, const slk_fr *others, unsigned width)
{
    slk_fr sum = slk_fr_zero, product;
    for (unsigned j = 1; j < width; j++) {
        slk_fr_mul(&product, &column[j], &others[j]);
        slk_fr_add(&sum, &sum, &product);
    }
    *out = sum;
}

static void fill_rows(slk_fr *rows, const slk_poseidon_params *p)
{
    const unsigned t = p->width;
    for (unsigned i = 0; i < t; i++)
        rows[i] = p->pre_sparse[i * t];
    for (unsigned r = 0; r < p->partial_rounds; r++) {
        slk_fr *row = rows + row_offset(t, r + 1);
        const slk_fr *column = sparse_column(p, r);
        for (unsigned i = 0; i < t; i++)
            tail_product(&row[i], column, p->pre_sparse + i * t, t);
        for (unsigned k = 0; k < r; k++)
            tail_product(&row[t + k], column, sparse_row(p, k) - 1, t);
        row[t + r] = column[0];
    }
}

slk_err slk_poseidon_lcs_init(slk_poseidon_lcs *ret_lcs, const slk_crypto *crypto, unsigned arity,
                              slk_error *error)
{
    slk_poseidon_lcs lcs = {.params = slk_poseidon_params_of(crypto, arity)};
    const slk_poseidon_params *p = lcs.params;
    slk_assert(p->partial_rounds <= MAX_PARTIAL && p->full_rounds == 2 * HALF_FULL_ROUNDS);
    lcs.rows = slk_alloc(row_offset(p->width, p->partial_rounds + 1), sizeof(slk_fr));
    if (lcs.rows == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the tables of the Poseidon circuit");
    fill_rows(lcs.rows, p);

    /* (tag + C[0])^5 + C[t] */
    slk_fr sum;
    slk_fr_add(&sum, &p->tag, &p->compressed[0]);
    slk_fr_pow_u64(&sum, &sum, 5);
    slk_fr_add(&lcs.first_output, &sum, &p->compressed[p->width]);
    for (unsigned j = 0; j < p->width; j++)
        slk_fr_mul(&lcs.first_one[j], &lcs.first_output, &p->mds[j]);
    *ret_lcs = lcs;
    return SLK_OK;
}

void slk_poseidon_lcs_done(slk_poseidon_lcs *lcs)
{
    slk_free(lcs->rows);
    memset(lcs, 0, sizeof *lcs);
}

/* VISIT: element j as a combination. */
static slk_lc element_lc(slk_cs *cs, const sponge *s, unsigned j)
{
    const slk_poseidon_params *p = s->lcs->params;
    const unsigned t = s->width;
    slk_lc_term *terms = cs->terms_a;
    size_t n = 0;
    if (s->first)
        terms[n++] = (slk_lc_term){&s->lcs->first_one[j], SLK_VAR_ONE};
    for (unsigned i = s->first ? 1 : 0; i < t; i++)
        terms[n++] = (slk_lc_term){&s->matrix[i * t + j], s->vars[i]};
    for (unsigned k = 0; k < s->partial; k++)
        terms[n++] = (slk_lc_term){sparse_row(p, k) + j - 1, s->vars[t + k]};
    if (s->partial > 0 && j == 0) {
        const slk_fr *row = s->lcs->rows + row_offset(t, s->partial);
        for (unsigned i = 0; i < t + s->partial; i++)
            terms[i].coefficient = &row[i];
    }
    return (slk_lc){terms, n};
}

static void emit_terms(slk_cs *cs, slk_lc a, slk_lc b, slk_lc c)
{
    slk_cs_emit(cs, &a, &b, &c);
}

/* The rest of an S-box whose input is [input] (VISIT) with value v: x^2, x^4, x^5 + key. */
static slk_num quintic(slk_cs *cs, slk_lc input, const slk_fr *v, const slk_fr *key)
{
    slk_fr v2 = slk_fr_zero, v4 = slk_fr_zero, v5 = slk_fr_zero, out = slk_fr_zero;
    if (cs->mode == SLK_CS_VALUES) {
        slk_fr_sqr(&v2, v);
        slk_fr_sqr(&v4, &v2);
        slk_fr_mul(&v5, &v4, v);
        out = v5;
        if (key != NULL)
            slk_fr_add(&out, &v5, key);
    }
    const slk_fr *one = &cs->circuit->small[SLK_SMALL_ABS + 1];
    const slk_num l2 = slk_cs_alloc(cs, &v2);
    const slk_lc_term t2 = {one, l2.var};
    if (cs->mode == SLK_CS_VISIT)
        emit_terms(cs, input, input, (slk_lc){&t2, 1});
    slk_cs_put(cs, v, v, &v2);
    const slk_num l4 = slk_cs_alloc(cs, &v4);
    const slk_lc_term t4 = {one, l4.var};
    if (cs->mode == SLK_CS_VISIT)
        emit_terms(cs, (slk_lc){&t2, 1}, (slk_lc){&t2, 1}, (slk_lc){&t4, 1});
    slk_cs_put(cs, &v2, &v2, &v4);
    const slk_num l5 = slk_cs_alloc(cs, &out);
    if (cs->mode == SLK_CS_VISIT) {
        slk_fr minus_key = slk_fr_zero;
        if (key != NULL)
            slk_fr_neg(&minus_key, key);
        const slk_lc_term t5[2] = {{&minus_key, SLK_VAR_ONE}, {one, l5.var}};
        emit_terms(cs, input, (slk_lc){&t4, 1},
                   key != NULL ? (slk_lc){t5, 2} : (slk_lc){t5 + 1, 1});
    }
    slk_cs_put(cs, v, &v4, &v5);
    return l5;
}

/* [element j] * [1] = [v], a fresh wire. */
static slk_num settle(slk_cs *cs, const sponge *s, unsigned j)
{
    const slk_num v = slk_cs_alloc(cs, &s->x[j]);
    if (cs->mode == SLK_CS_VISIT) {
        const slk_fr *one = &cs->circuit->small[SLK_SMALL_ABS + 1];
        const slk_lc_term one_term = {one, SLK_VAR_ONE}, v_term = {one, v.var};
        emit_terms(cs, element_lc(cs, s, j), (slk_lc){&one_term, 1}, (slk_lc){&v_term, 1});
    }
    slk_cs_put(cs, &v.value, &slk_fr_one, &v.value);
    return v;
}

/* S-box on a combination: first a wire for its value. */
static slk_num sbox(slk_cs *cs, const sponge *s, unsigned j, const slk_fr *key)
{
    const slk_num v = settle(cs, s, j);
    const slk_lc_term term = {&cs->circuit->small[SLK_SMALL_ABS + 1], v.var};
    return quintic(cs, (slk_lc){&term, 1}, &v.value, key);
}

static void mix(const slk_cs *cs, sponge *s, const slk_fr *matrix)
{
    s->matrix = matrix;
    s->partial = 0;
    if (cs->mode != SLK_CS_VALUES)
        return;
    const unsigned t = s->width;
    slk_fr y[SLK_POSEIDON_MAX_WIDTH], product;
    for (unsigned j = 0; j < t; j++) {
        slk_fr_mul(&y[j], &s->x[0], &matrix[j]);
        for (unsigned i = 1; i < t; i++) {
            slk_fr_mul(&product, &s->x[i], &matrix[i * t + j]);
            slk_fr_add(&y[j], &y[j], &product);
        }
    }
    memcpy(s->x, y, t * sizeof y[0]);
}

static void mix_sparse(const slk_cs *cs, sponge *s, unsigned round)
{
    if (cs->mode != SLK_CS_VALUES)
        return;
    const slk_fr *column = sparse_column(s->lcs->params, round);
    const slk_fr *row = sparse_row(s->lcs->params, round);
    slk_fr y0, product;
    slk_fr_mul(&y0, &s->x[0], &column[0]);
    for (unsigned j = 1; j < s->width; j++) {
        slk_fr_mul(&product, &s->x[j], &column[j]);
        slk_fr_add(&y0, &y0, &product);
        slk_fr_mul(&product, &s->x[0], &row[j - 1]);
        slk_fr_add(&s->x[j], &s->x[j], &product);
    }
    s->x[0] = y0;
}

static void first_round(slk_cs *cs, sponge *s, const slk_num *inputs)
{
    const slk_poseidon_params *p = s->lcs->params;
    const slk_fr *one = &cs->circuit->small[SLK_SMALL_ABS + 1];
    slk_cs_enter(cs, "first round", -1, "");
    s->x[0] = s->lcs->first_output;
    for (unsigned i = 1; i < s->width; i++) {
        const slk_fr *pre = &p->compressed[i];
        const slk_lc_term input[2] = {{pre, SLK_VAR_ONE}, {one, inputs[i - 1].var}};
        slk_fr v = slk_fr_zero;
        if (cs->mode == SLK_CS_VALUES)
            slk_fr_add(&v, &inputs[i - 1].value, pre);
        const slk_num out = quintic(cs, (slk_lc){input, 2}, &v, &p->compressed[s->width + i]);
        s->x[i] = out.value;
        s->vars[i] = out.var;
    }
    slk_cs_leave(cs);
    s->next_key = p->compressed + (size_t)2 * s->width;
    s->first = true;
    mix(cs, s, p->mds);
}

static void full_round(slk_cs *cs, sponge *s, const char *name, int index, bool keyed,
                       const slk_fr *matrix)
{
    slk_num out[SLK_POSEIDON_MAX_WIDTH];
    slk_cs_enter(cs, name, index, "");
    for (unsigned i = 0; i < s->width; i++)
        out[i] = sbox(cs, s, i, keyed ? s->next_key++ : NULL);
    slk_cs_leave(cs);
    for (unsigned i = 0; i < s->width; i++) {
        s->x[i] = out[i].value;
        s->vars[i] = out[i].var;
    }
    s->first = false;
    mix(cs, s, matrix);
}

slk_num slk_gadget_poseidon(slk_cs *cs, const slk_num *inputs, unsigned arity)
{
    const slk_poseidon_lcs *lcs = &cs->circuit->poseidon[arity == 2 ? 0 : arity == 8 ? 1 : 2];
    const slk_poseidon_params *p = lcs->params;
    slk_assert(p != NULL && p->arity == arity);
    sponge s = {.lcs = lcs, .width = p->width};
    first_round(cs, &s, inputs);
    for (unsigned r = 1; r < HALF_FULL_ROUNDS; r++)
        full_round(cs, &s, "initial full round ", (int)r, true,
                   r + 1 == HALF_FULL_ROUNDS ? p->pre_sparse : p->mds);
    for (unsigned r = 0; r < p->partial_rounds; r++) {
        slk_cs_enter(cs, "partial round ", (int)r, "");
        const slk_num out = sbox(cs, &s, 0, s.next_key++);
        slk_cs_leave(cs);
        s.x[0] = out.value;
        s.vars[s.width + s.partial++] = out.var;
        mix_sparse(cs, &s, r);
    }
    for (unsigned r = 0; r + 1 < HALF_FULL_ROUNDS; r++)
        full_round(cs, &s, "final full round ", (int)r, true, p->mds);
    full_round(cs, &s, "terminal full round", -1, false, p->mds);
    slk_assert(s.next_key == p->compressed + (size_t)8 * p->width + p->partial_rounds);
    slk_cs_enter(cs, "hash result", -1, "");
    const slk_num result = settle(cs, &s, 1);
    slk_cs_leave(cs);
    return result;
}
