/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/circuit/cs.h"

/* VISIT: [a] * [1] = [c], single variables. */
static void emit_equal(slk_cs *cs, uint32_t a, uint32_t c)
{
    slk_small lc_a = {0}, one = {0}, lc_c = {0};
    slk_small_add(&lc_a, a, 1);
    slk_small_add(&one, SLK_VAR_ONE, 1);
    slk_small_add(&lc_c, c, 1);
    slk_cs_emit_small(cs, &lc_a, &one, &lc_c);
}

void slk_gadget_inputize(slk_cs *cs, const slk_num *x)
{
    const uint32_t var = slk_cs_input(cs, &x->value);
    if (cs->mode == SLK_CS_VISIT)
        emit_equal(cs, var, x->var);
    slk_cs_put(cs, &x->value, &slk_fr_one, &x->value);
}

bool slk_gadget_equal(slk_cs *cs, const slk_num *a, const slk_num *b)
{
    if (cs->mode == SLK_CS_VISIT)
        emit_equal(cs, a->var, b->var);
    slk_cs_put(cs, &a->value, &slk_fr_one, &b->value);
    return slk_fr_equal(&a->value, &b->value);
}

slk_num slk_gadget_add(slk_cs *cs, const slk_num *a, const slk_num *b)
{
    slk_fr value;
    slk_fr_add(&value, &a->value, &b->value);
    const slk_num sum = slk_cs_alloc(cs, &value);
    if (cs->mode == SLK_CS_VISIT) {
        slk_small lc_a = {0}, one = {0}, lc_c = {0};
        slk_small_add(&lc_a, a->var, 1);
        slk_small_add(&lc_a, b->var, 1);
        slk_small_add(&one, SLK_VAR_ONE, 1);
        slk_small_add(&lc_c, sum.var, 1);
        slk_cs_emit_small(cs, &lc_a, &one, &lc_c);
    }
    slk_cs_put(cs, &value, &slk_fr_one, &value);
    return sum;
}

slk_num slk_gadget_pick(slk_cs *cs, slk_bit condition, const slk_num *a, const slk_num *b)
{
    const int taken = slk_bit_value(condition);
    const slk_num v = slk_cs_alloc(cs, taken ? &a->value : &b->value);
    if (cs->mode == SLK_CS_VISIT) {
        slk_small lc_a = {0}, lc_b = {0}, lc_c = {0};
        slk_small_add(&lc_a, b->var, 1);
        slk_small_add(&lc_a, a->var, -1);
        slk_small_add_bit(&lc_b, condition, 1);
        slk_small_add(&lc_c, b->var, 1);
        slk_small_add(&lc_c, v.var, -1);
        slk_cs_emit_small(cs, &lc_a, &lc_b, &lc_c);
    }
    if (cs->mode == SLK_CS_VALUES) {
        slk_fr difference;
        slk_fr_sub(&difference, &b->value, &a->value);
        slk_cs_put(cs, &difference, taken ? &slk_fr_one : &slk_fr_zero,
                   taken ? &difference : &slk_fr_zero);
    } else {
        slk_cs_put_small(cs, 0, 0, 0);
    }
    return v;
}

/* Insertion among seven siblings b .. h of x, three index bits. source: reference/proofs 8.5 */
static void insert8(slk_cs *cs, slk_num out[8], const slk_num *x, const slk_bit index[3],
                    const slk_num siblings[7])
{
    const slk_num *b = &siblings[0], *c = &siblings[1], *d = &siblings[2], *e = &siblings[3],
                  *f = &siblings[4], *g = &siblings[5], *h = &siblings[6];
    const slk_bit b0 = index[0], b1 = index[1], b2 = index[2];
    const slk_bit nor = slk_gadget_and(cs, slk_bit_not(b0), slk_bit_not(b1));
    const slk_bit both = slk_gadget_and(cs, b0, b1);
    slk_num u = slk_gadget_pick(cs, nor, x, b);
    out[0] = slk_gadget_pick(cs, b2, b, &u);
    u = slk_gadget_pick(cs, b0, x, b);
    slk_num v = slk_gadget_pick(cs, b1, c, &u);
    out[1] = slk_gadget_pick(cs, b2, c, &v);
    u = slk_gadget_pick(cs, b0, d, x);
    v = slk_gadget_pick(cs, b1, &u, c);
    out[2] = slk_gadget_pick(cs, b2, d, &v);
    u = slk_gadget_pick(cs, both, x, d);
    out[3] = slk_gadget_pick(cs, b2, e, &u);
    u = slk_gadget_pick(cs, nor, x, f);
    out[4] = slk_gadget_pick(cs, b2, &u, e);
    u = slk_gadget_pick(cs, b0, x, f);
    v = slk_gadget_pick(cs, b1, g, &u);
    out[5] = slk_gadget_pick(cs, b2, &v, f);
    u = slk_gadget_pick(cs, b0, h, x);
    v = slk_gadget_pick(cs, b1, &u, g);
    out[6] = slk_gadget_pick(cs, b2, &v, g);
    u = slk_gadget_pick(cs, both, x, h);
    out[7] = slk_gadget_pick(cs, b2, &u, h);
}

void slk_gadget_insert(slk_cs *cs, slk_num *children, const slk_num *x, const slk_bit *index,
                       const slk_num *siblings, unsigned arity)
{
    slk_assert(arity == 2 || arity == 8);
    if (arity == 8) {
        insert8(cs, children, x, index, siblings);
        return;
    }
    children[0] = slk_gadget_pick(cs, index[0], siblings, x);
    children[1] = slk_gadget_pick(cs, index[0], x, siblings);
}
