/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/circuit/cs.h"

#include <string.h>

/* The variable of a bit, and the variable's own value. */
static uint32_t var_of(slk_bit b)
{
    return b & SLK_BIT_VAR;
}
static int raw_value(slk_bit b)
{
    return slk_bit_value(b) ^ ((b & SLK_BIT_NOT) != 0);
}

slk_bit slk_gadget_bit(slk_cs *cs, int value)
{
    const slk_bit bit = slk_cs_alloc_bit(cs, value);
    if (cs->mode == SLK_CS_VISIT) {
        slk_small a = {0}, b = {0}, c = {0};
        slk_small_add(&a, SLK_VAR_ONE, 1);
        slk_small_add(&a, var_of(bit), -1);
        slk_small_add(&b, var_of(bit), 1);
        slk_cs_emit_small(cs, &a, &b, &c);
    }
    slk_cs_put_small(cs, 1 - value, value, 0);
    return bit;
}

/* xor of two variables, whatever the negation of a and b: [2a]*[b] = [a + b - v]. */
static slk_bit xor_vars(slk_cs *cs, slk_bit a, slk_bit b)
{
    const int va = raw_value(a), vb = raw_value(b);
    const slk_bit v = slk_cs_alloc_bit(cs, va ^ vb);
    if (cs->mode == SLK_CS_VISIT) {
        slk_small lc_a = {0}, lc_b = {0}, lc_c = {0};
        slk_small_add(&lc_a, var_of(a), 2);
        slk_small_add(&lc_b, var_of(b), 1);
        slk_small_add(&lc_c, var_of(v), -1);
        slk_small_add(&lc_c, var_of(a), 1);
        slk_small_add(&lc_c, var_of(b), 1);
        slk_cs_emit_small(cs, &lc_a, &lc_b, &lc_c);
    }
    slk_cs_put_small(cs, 2 * va, vb, va + vb - (va ^ vb));
    return v;
}

slk_bit slk_gadget_xor(slk_cs *cs, slk_bit a, slk_bit b)
{
    if (slk_bit_is_const(a))
        return slk_bit_value(a) ? slk_bit_not(b) : b;
    if (slk_bit_is_const(b))
        return slk_bit_value(b) ? slk_bit_not(a) : a;
    if (((a ^ b) & SLK_BIT_NOT) == 0)
        return xor_vars(cs, a, b);
    /* The operand that is not negated goes first, whatever the order of the arguments. */
    return slk_bit_not(a & SLK_BIT_NOT ? xor_vars(cs, b, a) : xor_vars(cs, a, b));
}

slk_bit slk_gadget_and(slk_cs *cs, slk_bit a, slk_bit b)
{
    if (a == SLK_BIT_FALSE || b == SLK_BIT_FALSE)
        return SLK_BIT_FALSE;
    if (a == SLK_BIT_TRUE)
        return b;
    if (b == SLK_BIT_TRUE)
        return a;
    if ((a & SLK_BIT_NOT) && !(b & SLK_BIT_NOT)) {
        const slk_bit swap = a;
        a = b;
        b = swap;
    }
    const int va = slk_bit_value(a), vb = slk_bit_value(b);
    const slk_bit v = slk_cs_alloc_bit(cs, va & vb);
    if (cs->mode == SLK_CS_VISIT) {
        slk_small lc_a = {0}, lc_b = {0}, lc_c = {0};
        slk_small_add_bit(&lc_a, a, 1);
        slk_small_add_bit(&lc_b, b, 1);
        slk_small_add(&lc_c, var_of(v), 1);
        slk_cs_emit_small(cs, &lc_a, &lc_b, &lc_c);
    }
    slk_cs_put_small(cs, va, vb, va & vb);
    return v;
}

/* Cases in which a constant operand makes ch a mere `and`, in the order in which they apply. False:
 * the general form is needed. */
static bool ch_folded(slk_cs *cs, slk_bit *ret, slk_bit a, slk_bit b, slk_bit c)
{
    if (slk_bit_is_const(a) && slk_bit_is_const(b) && slk_bit_is_const(c))
        *ret = slk_bit_value(a) ? b : c;
    else if (a == SLK_BIT_FALSE)
        *ret = c;
    else if (b == SLK_BIT_FALSE)
        *ret = slk_gadget_and(cs, slk_bit_not(a), c);
    else if (c == SLK_BIT_FALSE)
        *ret = slk_gadget_and(cs, a, b);
    else if (c == SLK_BIT_TRUE)
        *ret = slk_bit_not(slk_gadget_and(cs, a, slk_bit_not(b)));
    else if (b == SLK_BIT_TRUE)
        *ret = slk_bit_not(slk_gadget_and(cs, slk_bit_not(a), slk_bit_not(c)));
    else
        return false;
    return true;
}

slk_bit slk_gadget_ch(slk_cs *cs, slk_bit a, slk_bit b, slk_bit c)
{
    slk_bit folded;
    if (ch_folded(cs, &folded, a, b, c))
        return folded;
    const int va = slk_bit_value(a), vb = slk_bit_value(b), vc = slk_bit_value(c);
    const int value = va ? vb : vc;
    const slk_bit v = slk_cs_alloc_bit(cs, value);
    if (cs->mode == SLK_CS_VISIT) {
        slk_small lc_a = {0}, lc_b = {0}, lc_c = {0};
        slk_small_add_bit(&lc_a, b, 1);
        slk_small_add_bit(&lc_a, c, -1);
        slk_small_add_bit(&lc_b, a, 1);
        slk_small_add(&lc_c, var_of(v), 1);
        slk_small_add_bit(&lc_c, c, -1);
        slk_cs_emit_small(cs, &lc_a, &lc_b, &lc_c);
    }
    slk_cs_put_small(cs, vb - vc, va, value - vc);
    return v;
}

static bool maj_folded(slk_cs *cs, slk_bit *ret, slk_bit a, slk_bit b, slk_bit c)
{
    if (slk_bit_is_const(a) && slk_bit_is_const(b) && slk_bit_is_const(c))
        *ret = slk_bit_const(slk_bit_value(a) + slk_bit_value(b) + slk_bit_value(c) >= 2);
    else if (a == SLK_BIT_FALSE)
        *ret = slk_gadget_and(cs, b, c);
    else if (b == SLK_BIT_FALSE)
        *ret = slk_gadget_and(cs, a, c);
    else if (c == SLK_BIT_FALSE)
        *ret = slk_gadget_and(cs, a, b);
    else if (c == SLK_BIT_TRUE)
        *ret = slk_bit_not(slk_gadget_and(cs, slk_bit_not(a), slk_bit_not(b)));
    else if (b == SLK_BIT_TRUE)
        *ret = slk_bit_not(slk_gadget_and(cs, slk_bit_not(a), slk_bit_not(c)));
    else if (a == SLK_BIT_TRUE)
        *ret = slk_bit_not(slk_gadget_and(cs, slk_bit_not(b), slk_bit_not(c)));
    else
        return false;
    return true;
}

slk_bit slk_gadget_maj(slk_cs *cs, slk_bit a, slk_bit b, slk_bit c)
{
    slk_bit folded;
    if (maj_folded(cs, &folded, a, b, c))
        return folded;
    const int va = slk_bit_value(a), vb = slk_bit_value(b), vc = slk_bit_value(c);
    const int value = va + vb + vc >= 2;
    /* The result is numbered before the helper b & c. */
    const slk_bit v = slk_cs_alloc_bit(cs, value);
    const slk_bit bc = slk_gadget_and(cs, b, c);
    if (cs->mode == SLK_CS_VISIT) {
        slk_small lc_a = {0}, lc_b = {0}, lc_c = {0};
        slk_small_add_bit(&lc_a, bc, 2);
        slk_small_add_bit(&lc_a, b, -1);
        slk_small_add_bit(&lc_a, c, -1);
        slk_small_add_bit(&lc_b, a, 1);
        slk_small_add_bit(&lc_c, bc, 1);
        slk_small_add(&lc_c, var_of(v), -1);
        slk_cs_emit_small(cs, &lc_a, &lc_b, &lc_c);
    }
    slk_cs_put_small(cs, 2 * (vb & vc) - vb - vc, va, (vb & vc) - value);
    return v;
}

/* Where bit i of a number stands when its bytes are read most significant bit first. */
static unsigned node_bit_place(unsigned i)
{
    return i ^ 7u;
}

void slk_gadget_node_bits(slk_cs *cs, slk_bit out[256], const slk_num *x)
{
    uint64_t limbs[4] = {0};
    if (cs->mode == SLK_CS_VALUES)
        slk_fr_to_limbs(limbs, &x->value);
    size_t n = 0;
    /* x is older than its bits, so this order is canonical. */
    cs->terms_c[n++] = (slk_lc_term){&cs->circuit->small[SLK_SMALL_ABS - 1], x->var};
    for (unsigned i = 0; i < 255; i++) {
        const slk_bit bit = slk_gadget_bit(cs, (int)(limbs[i / 64] >> (i % 64) & 1));
        out[node_bit_place(i)] = bit;
        cs->terms_c[n++] = (slk_lc_term){&cs->circuit->power[i], var_of(bit)};
    }
    out[node_bit_place(255)] = SLK_BIT_FALSE;
    if (cs->mode == SLK_CS_VISIT) {
        const slk_lc empty = {NULL, 0}, sum = {cs->terms_c, n};
        slk_cs_emit(cs, &empty, &empty, &sum);
    }
    slk_cs_put_small(cs, 0, 0, 0);
}

/* VISIT: [sum of cs->wsum] * [1] = [var]. */
static void emit_sum(slk_cs *cs, uint32_t var)
{
    const slk_fr *one = &cs->circuit->small[SLK_SMALL_ABS + 1];
    const slk_lc_term one_term = {one, SLK_VAR_ONE}, var_term = {one, var};
    const slk_lc lc_one = {&one_term, 1}, lc_var = {&var_term, 1};
    const slk_lc sum = slk_cs_wsum_lc(cs, &cs->wsum, cs->terms_a);
    slk_cs_emit(cs, &sum, &lc_one, &lc_var);
}

slk_num slk_gadget_pack_node(slk_cs *cs, const slk_bit bits[256])
{
    slk_fr value = slk_fr_zero;
    if (cs->mode == SLK_CS_VALUES) {
        uint64_t limbs[4] = {0};
        for (unsigned i = 0; i < 254; i++)
            limbs[i / 64] |= (uint64_t)slk_bit_value(bits[node_bit_place(i)]) << (i % 64);
        slk_int256_to_fr(&value, limbs);
    }
    const slk_num num = slk_cs_alloc(cs, &value);
    if (cs->mode == SLK_CS_VISIT) {
        slk_wsum_reset(&cs->wsum);
        for (unsigned i = 0; i < 254; i++)
            slk_wsum_add(&cs->wsum, bits[node_bit_place(i)], i);
        emit_sum(cs, num.var);
    }
    slk_cs_put(cs, &value, &slk_fr_one, &value);
    return num;
}

void slk_gadget_pack_input(slk_cs *cs, const slk_bit *bits, unsigned n)
{
    slk_assert(n <= 64);
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)slk_bit_value(bits[i]) << i;
    slk_fr value;
    slk_fr_from_u64(&value, v);
    const uint32_t var = slk_cs_input(cs, &value);
    if (cs->mode == SLK_CS_VISIT) {
        slk_wsum_reset(&cs->wsum);
        for (unsigned i = 0; i < n; i++)
            slk_wsum_add(&cs->wsum, bits[i], i);
        emit_sum(cs, var);
    }
    slk_cs_put(cs, &value, &slk_fr_one, &value);
}
