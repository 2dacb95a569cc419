/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/circuit/circuit.h"

#include "base/mem.h"
#include "proofs/circuit/cs.h"

#include <string.h>

/* Before anything but ONE is allocated. */
static const slk_circuit_counts at_start = {.inputs = 1};

static void fill_constants(slk_circuit *circuit)
{
    slk_fr *zero = &circuit->small[SLK_SMALL_ABS];
    *zero = slk_fr_zero;
    for (int i = 1; i <= SLK_SMALL_ABS; i++) {
        slk_fr_add(&zero[i], &zero[i - 1], &slk_fr_one);
        slk_fr_sub(&zero[-i], &zero[1 - i], &slk_fr_one);
    }
    circuit->power[0] = slk_fr_one;
    for (unsigned i = 1; i < 256; i++)
        slk_fr_double(&circuit->power[i], &circuit->power[i - 1]);
    for (unsigned i = 0; i < 256; i++)
        slk_fr_neg(&circuit->neg_power[i], &circuit->power[i]);
}

static slk_circuit_counts minus(slk_circuit_counts a, slk_circuit_counts b)
{
    return (slk_circuit_counts){a.constraints - b.constraints, a.aux - b.aux, a.fields - b.fields,
                                a.inputs - b.inputs};
}

static slk_err count(slk_circuit *circuit, slk_error *error)
{
    SLK_CLEANUP(slk_freep) slk_cs *cs = NULL;
    SLK_TRY(slk_cs_new(&cs, circuit, SLK_CS_COUNT, error));
    slk_stacked_head head;
    slk_cs_move(cs, &at_start);
    slk_stacked_head_run(cs, &head, NULL);
    circuit->head = slk_cs_counts(cs);
    slk_stacked_challenge_run(cs, &head, 0, NULL);
    circuit->challenge = minus(slk_cs_counts(cs), circuit->head);
    slk_assert(slk_circuit_counts_whole(circuit).aux <= SLK_BIT_VAR);
    return SLK_OK;
}

slk_err slk_circuit_new(slk_circuit **ret_circuit, const slk_crypto *crypto,
                        const slk_sector_shape *shape, slk_error *error)
{
    slk_circuit *circuit = slk_calloc(1, sizeof *circuit);
    if (circuit == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the tables of the circuit");
    circuit->crypto = crypto;
    circuit->shape = shape;
    slk_record_layout_init(&circuit->layout, shape);
    fill_constants(circuit);
    slk_err err = slk_poseidon_lcs_init(&circuit->poseidon[0], crypto, 2, error);
    if (err == SLK_OK)
        err = slk_poseidon_lcs_init(&circuit->poseidon[1], crypto, 8, error);
    if (err == SLK_OK && shape->layers == 11)
        err = slk_poseidon_lcs_init(&circuit->poseidon[2], crypto, 11, error);
    if (err == SLK_OK)
        err = count(circuit, error);
    if (err != SLK_OK) {
        slk_circuit_free(circuit);
        return err;
    }
    *ret_circuit = circuit;
    return SLK_OK;
}

void slk_circuit_free(slk_circuit *circuit)
{
    if (circuit == NULL)
        return;
    for (size_t i = 0; i < sizeof circuit->poseidon / sizeof circuit->poseidon[0]; i++)
        slk_poseidon_lcs_done(&circuit->poseidon[i]);
    slk_free(circuit);
}

const slk_sector_shape *slk_circuit_shape(const slk_circuit *circuit)
{
    return circuit->shape;
}

slk_circuit_counts slk_circuit_counts_head(const slk_circuit *circuit)
{
    return circuit->head;
}

slk_circuit_counts slk_circuit_counts_challenge(const slk_circuit *circuit)
{
    return circuit->challenge;
}

slk_circuit_counts slk_circuit_counts_before(const slk_circuit *circuit, unsigned q)
{
    slk_assert(q <= circuit->shape->challenges);
    const slk_circuit_counts *h = &circuit->head, *c = &circuit->challenge;
    return (slk_circuit_counts){h->constraints + q * c->constraints, h->aux + q * c->aux,
                                h->fields + q * c->fields, h->inputs + q * c->inputs};
}

slk_circuit_counts slk_circuit_counts_whole(const slk_circuit *circuit)
{
    return slk_circuit_counts_before(circuit, circuit->shape->challenges);
}

/* Runs the head and challenges [first, end) of the structure; the head silently when it is only
 * needed for the numbers of its variables. */
static slk_err visit(const slk_circuit *circuit, const slk_circuit_visitor *visitor, bool with_head,
                     unsigned first, unsigned end, slk_error *error)
{
    SLK_CLEANUP(slk_freep) slk_cs *cs = NULL;
    SLK_TRY(slk_cs_new(&cs, circuit, with_head ? SLK_CS_VISIT : SLK_CS_COUNT, error));
    slk_stacked_head head;
    slk_cs_move(cs, &at_start);
    cs->visitor = with_head ? visitor : NULL;
    slk_stacked_head_run(cs, &head, NULL);
    cs->mode = SLK_CS_VISIT;
    cs->visitor = visitor;
    for (unsigned q = first; q < end; q++) {
        const slk_circuit_counts start = slk_circuit_counts_before(circuit, q);
        slk_cs_move(cs, &start);
        slk_stacked_challenge_run(cs, &head, q, NULL);
    }
    return SLK_OK;
}

slk_err slk_circuit_visit_head(const slk_circuit *circuit, const slk_circuit_visitor *visitor,
                               slk_error *error)
{
    return visit(circuit, visitor, true, 0, 0, error);
}

slk_err slk_circuit_visit_challenge(const slk_circuit *circuit, const slk_circuit_visitor *visitor,
                                    unsigned q, slk_error *error)
{
    slk_assert(q < circuit->shape->challenges);
    return visit(circuit, visitor, false, q, q + 1, error);
}

slk_err slk_circuit_visit(const slk_circuit *circuit, const slk_circuit_visitor *visitor,
                          slk_error *error)
{
    return visit(circuit, visitor, true, 0, circuit->shape->challenges, error);
}
