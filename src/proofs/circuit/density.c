/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/circuit/circuit.h"

#include "base/mem.h"
#include "base/num.h"

#include <string.h>

static void mark(uint64_t *map, uint32_t index)
{
    map[index / 64] |= UINT64_C(1) << (index % 64);
}

static void mark_terms(void *context, uint64_t index, const slk_lc *a, const slk_lc *b,
                       const slk_lc *c)
{
    (void)index;
    (void)c;
    slk_circuit_density *d = context;
    for (size_t i = 0; i < a->n; i++)
        if (!(a->terms[i].var & SLK_VAR_INPUT))
            mark(d->a_aux, a->terms[i].var);
    for (size_t i = 0; i < b->n; i++) {
        const uint32_t var = b->terms[i].var;
        if (var & SLK_VAR_INPUT)
            mark(d->b_inputs, var & ~SLK_VAR_INPUT);
        else
            mark(d->b_aux, var);
    }
}

/* The n <= 64 bits from bit `at` on. */
static uint64_t get_bits(const uint64_t *map, uint64_t at, unsigned n)
{
    const unsigned shift = at % 64;
    uint64_t v = map[at / 64] >> shift;
    if (shift + n > 64)
        v |= map[at / 64 + 1] << (64 - shift);
    return n == 64 ? v : v & ((UINT64_C(1) << n) - 1);
}

static void or_bits(uint64_t *map, uint64_t at, uint64_t v, unsigned n)
{
    const unsigned shift = at % 64;
    map[at / 64] |= v << shift;
    if (shift + n > 64)
        map[at / 64 + 1] |= v >> (64 - shift);
}

static void copy_bits(uint64_t *map, uint64_t to, uint64_t from, uint64_t n)
{
    for (uint64_t i = 0; i < n; i += 64) {
        const unsigned part = (unsigned)slk_min_u64(64, n - i);
        or_bits(map, to + i, get_bits(map, from + i, part), part);
    }
}

static uint64_t count_bits(const uint64_t *map, uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < (n + 63) / 64; i++)
        sum += (unsigned)__builtin_popcountll(map[i]);
    return sum;
}

slk_err slk_circuit_density_init(slk_circuit_density *ret_density, const slk_circuit *circuit,
                                 slk_error *error)
{
    const slk_circuit_counts whole = slk_circuit_counts_whole(circuit);
    const slk_circuit_counts one = slk_circuit_counts_challenge(circuit);
    SLK_CLEANUP(slk_circuit_density_done) slk_circuit_density d = {0};
    d.a_aux = slk_calloc((size_t)(whole.aux + 63) / 64, sizeof(uint64_t));
    d.b_aux = slk_calloc((size_t)(whole.aux + 63) / 64, sizeof(uint64_t));
    d.b_inputs = slk_calloc(((size_t)whole.inputs + 63) / 64, sizeof(uint64_t));
    if (d.a_aux == NULL || d.b_aux == NULL || d.b_inputs == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the density of the circuit");
    const slk_circuit_visitor visitor = {.context = &d, .constraint = mark_terms};
    SLK_TRY(slk_circuit_visit_head(circuit, &visitor, error));
    SLK_TRY(slk_circuit_visit_challenge(circuit, &visitor, 0, error));
    /* Challenges differ in numbering alone, and all use the head in the same way. */
    const uint64_t first = slk_circuit_counts_head(circuit).aux;
    for (unsigned q = 1; q < slk_circuit_shape(circuit)->challenges; q++) {
        copy_bits(d.a_aux, first + q * one.aux, first, one.aux);
        copy_bits(d.b_aux, first + q * one.aux, first, one.aux);
    }
    d.a_aux_count = count_bits(d.a_aux, whole.aux);
    d.b_aux_count = count_bits(d.b_aux, whole.aux);
    d.b_inputs_count = (uint32_t)count_bits(d.b_inputs, whole.inputs);
    /* Else the inputs of the other challenges would have to be marked as well. */
    slk_assert(d.b_inputs_count == 1 && (d.b_inputs[0] & 1));
    *ret_density = d;
    d = (slk_circuit_density){0};
    return SLK_OK;
}

void slk_circuit_density_done(slk_circuit_density *density)
{
    slk_free(density->a_aux);
    slk_free(density->b_aux);
    slk_free(density->b_inputs);
    memset(density, 0, sizeof *density);
}
