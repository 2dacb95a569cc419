/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/circuit/cs.h"

#include "base/mem.h"

#include <string.h>

void slk_small_add(slk_small *lc, uint32_t var, int coefficient)
{
    /* Flipping the top bit sorts inputs first. */
    unsigned i = 0;
    while (i < lc->n && (lc->var[i] ^ SLK_VAR_INPUT) < (var ^ SLK_VAR_INPUT))
        i++;
    if (i < lc->n && lc->var[i] == var) {
        lc->coefficient[i] += coefficient;
        return;
    }
    slk_assert(lc->n < SLK_SMALL_MAX);
    for (unsigned k = lc->n; k > i; k--) {
        lc->var[k] = lc->var[k - 1];
        lc->coefficient[k] = lc->coefficient[k - 1];
    }
    lc->var[i] = var;
    lc->coefficient[i] = coefficient;
    lc->n++;
}

void slk_small_add_bit(slk_small *lc, slk_bit bit, int coefficient)
{
    if (slk_bit_is_const(bit)) {
        if (slk_bit_value(bit))
            slk_small_add(lc, SLK_VAR_ONE, coefficient);
        return;
    }
    if (bit & SLK_BIT_NOT) {
        slk_small_add(lc, SLK_VAR_ONE, coefficient);
        coefficient = -coefficient;
    }
    slk_small_add(lc, bit & SLK_BIT_VAR, coefficient);
}

void slk_int256_add_shifted(uint64_t sum[4], uint64_t v, unsigned shift)
{
    const unsigned limb = shift / 64;
    slk_assert(limb < 4);
    uint64_t part[5] = {0};
    part[limb] = v << (shift % 64);
    part[limb + 1] = shift % 64 == 0 ? 0 : v >> (64 - shift % 64);
    bool carry = false;
    for (unsigned i = limb; i < 4; i++) {
        const bool c = __builtin_add_overflow(sum[i], part[i], &sum[i]);
        carry = __builtin_add_overflow(sum[i], (uint64_t)carry, &sum[i]) || c;
    }
    slk_assert(!carry && part[4] == 0);
}

void slk_int256_to_fr(slk_fr *out, const uint64_t integer[4])
{
    uint8_t node[32];
    memcpy(node, integer, 32);
    slk_assert(slk_fr_from_node(out, node));
}

void slk_wsum_reset(slk_wsum *sum)
{
    sum->n = 0;
    memset(sum->one, 0, sizeof sum->one);
}

void slk_wsum_add(slk_wsum *sum, slk_bit bit, unsigned shift)
{
    if (slk_bit_is_const(bit)) {
        if (slk_bit_value(bit))
            slk_int256_add_shifted(sum->one, 1, shift);
        return;
    }
    uint64_t key = (uint64_t)(bit & SLK_BIT_VAR) << 32 | shift;
    if (bit & SLK_BIT_NOT) {
        slk_int256_add_shifted(sum->one, 1, shift);
        key |= 1u << 8;
    }
    slk_assert(sum->n < SLK_WSUM_MAX);
    sum->keys[sum->n++] = key;
}

slk_err slk_cs_new(slk_cs **ret_cs, const slk_circuit *circuit, slk_cs_mode mode, slk_error *error)
{
    slk_cs *cs = slk_calloc(1, sizeof *cs);
    if (cs == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory to run the circuit");
    cs->circuit = circuit;
    cs->mode = mode;
    cs->fault_index = -1;
    *ret_cs = cs;
    return SLK_OK;
}

void slk_cs_move(slk_cs *cs, const slk_circuit_counts *start)
{
    cs->constraints = start->constraints;
    cs->aux = start->aux;
    cs->fields = start->fields;
    cs->inputs = start->inputs;
    cs->fault = NULL;
    cs->fault_place = NULL;
    cs->fault_index = -1;
}

slk_circuit_counts slk_cs_counts(const slk_cs *cs)
{
    return (slk_circuit_counts){cs->constraints, cs->aux, cs->fields, cs->inputs};
}

void slk_cs_fault(slk_cs *cs, const char *what)
{
    if (cs->fault == NULL)
        cs->fault = what;
}

void slk_cs_emit(slk_cs *cs, const slk_lc *a, const slk_lc *b, const slk_lc *c)
{
    if (cs->visitor->constraint != NULL)
        cs->visitor->constraint(cs->visitor->context, cs->constraints, a, b, c);
    cs->coefficients_used = 0;
}

static slk_lc small_lc(const slk_cs *cs, slk_lc_term *terms, const slk_small *small)
{
    size_t n = 0;
    for (unsigned i = 0; i < small->n; i++) {
        const int coefficient = small->coefficient[i];
        slk_assert(coefficient >= -SLK_SMALL_ABS && coefficient <= SLK_SMALL_ABS);
        if (coefficient == 0)
            continue;
        terms[n].coefficient = &cs->circuit->small[coefficient + SLK_SMALL_ABS];
        terms[n++].var = small->var[i];
    }
    return (slk_lc){terms, n};
}

void slk_cs_emit_small(slk_cs *cs, const slk_small *a, const slk_small *b, const slk_small *c)
{
    slk_lc_term terms[3][SLK_SMALL_MAX];
    const slk_lc lc_a = small_lc(cs, terms[0], a);
    const slk_lc lc_b = small_lc(cs, terms[1], b);
    const slk_lc lc_c = small_lc(cs, terms[2], c);
    slk_cs_emit(cs, &lc_a, &lc_b, &lc_c);
}

slk_fr *slk_cs_coefficient(slk_cs *cs)
{
    slk_assert(cs->coefficients_used < sizeof cs->coefficients / sizeof cs->coefficients[0]);
    return &cs->coefficients[cs->coefficients_used++];
}

/* Sorts keys by variable: bytes of the variable from low to high, skipping those that all share. */
static void sort_keys(uint64_t *keys, uint64_t *scratch, size_t n)
{
    uint64_t differing = 0;
    bool sorted = true;
    for (size_t i = 1; i < n; i++) {
        differing |= keys[i] ^ keys[0];
        sorted &= keys[i - 1] >> 32 <= keys[i] >> 32;
    }
    if (sorted)
        return;
    uint64_t *from = keys, *to = scratch;
    for (unsigned shift = 32; shift < 64; shift += 8) {
        if ((differing >> shift & 0xff) == 0)
            continue;
        uint32_t start[257] = {0};
        for (size_t i = 0; i < n; i++)
            start[(from[i] >> shift & 0xff) + 1]++;
        for (unsigned i = 1; i < 257; i++)
            start[i] += start[i - 1];
        for (size_t i = 0; i < n; i++)
            to[start[from[i] >> shift & 0xff]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys)
        memcpy(keys, from, n * sizeof *keys);
}

static const slk_fr *key_coefficient(const slk_circuit *circuit, uint64_t key)
{
    return key >> 8 & 1 ? &circuit->neg_power[key & 0xff] : &circuit->power[key & 0xff];
}

slk_lc slk_cs_wsum_lc(slk_cs *cs, slk_wsum *sum, slk_lc_term *terms)
{
    size_t n = 0;
    if (sum->one[0] | sum->one[1] | sum->one[2] | sum->one[3]) {
        slk_fr *one = slk_cs_coefficient(cs);
        slk_int256_to_fr(one, sum->one);
        terms[n++] = (slk_lc_term){one, SLK_VAR_ONE};
    }
    sort_keys(sum->keys, cs->sort_scratch, sum->n);
    for (unsigned i = 0; i < sum->n;) {
        const uint64_t key = sum->keys[i++];
        const slk_fr *coefficient = key_coefficient(cs->circuit, key);
        if (i < sum->n && sum->keys[i] >> 32 == key >> 32) {
            slk_fr *merged = slk_cs_coefficient(cs);
            *merged = *coefficient;
            for (; i < sum->n && sum->keys[i] >> 32 == key >> 32; i++)
                slk_fr_add(merged, merged, key_coefficient(cs->circuit, sum->keys[i]));
            coefficient = merged;
            if (slk_fr_is_zero(merged))
                continue;
        }
        terms[n++] = (slk_lc_term){coefficient, (uint32_t)(key >> 32)};
    }
    return (slk_lc){terms, n};
}

uint32_t slk_cs_input(slk_cs *cs, const slk_fr *value)
{
    if (cs->mode == SLK_CS_VALUES && cs->writer.witness != NULL)
        cs->writer.witness->input[cs->inputs] = *value;
    const uint32_t var = SLK_VAR_INPUT | cs->inputs++;
    slk_cs_allocated(cs, var);
    return var;
}

void slk_cs_put_small_values(slk_cs *cs, int a, int b, int c)
{
    const slk_fr *zero = &cs->circuit->small[SLK_SMALL_ABS];
    if (cs->out.a != NULL) {
        cs->out.a[cs->constraints] = zero[a];
        cs->out.b[cs->constraints] = zero[b];
    }
    if (cs->out.c != NULL)
        cs->out.c[cs->constraints] = zero[c];
}
