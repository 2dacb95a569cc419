/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/circuit/circuit.h"

/* replica_id, comm_d, comm_r */
static slk_err head_inputs(slk_fr *out, const uint8_t *replica_id32, const uint8_t *comm_d32,
                           const uint8_t *comm_r32, slk_error *error)
{
    const uint8_t *const nodes[3] = {replica_id32, comm_d32, comm_r32};
    static const char *const names[3] = {"replica id", "comm_d", "comm_r"};
    slk_fr values[3];
    for (unsigned i = 0; i < 3; i++)
        if (!slk_fr_from_node(&values[i], nodes[i]))
            return slk_fail(error, SLK_E_INVAL, "the %s is not a field element", names[i]);
    for (unsigned i = 0; i < 3; i++)
        out[i] = values[i];
    return SLK_OK;
}

/* source: reference/proofs 8.8 */
static void challenge_inputs(slk_fr out[18], const slk_circuit_challenge *challenge)
{
    slk_fr node;
    slk_fr_from_u64(&node, challenge->node);
    out[0] = node; /* TreeD path */
    for (unsigned k = 0; k < SLK_PARENTS; k++)
        slk_fr_from_u64(&out[1 + k], challenge->parents[k]);
    out[15] = node; /* the challenge itself */
    out[16] = node; /* TreeR path */
    out[17] = node; /* TreeC path */
}

slk_err slk_circuit_public_inputs(slk_fr *out, const uint8_t replica_id32[32],
                                  const uint8_t comm_d32[32], const uint8_t comm_r32[32],
                                  const slk_circuit_challenge *challenges, size_t n,
                                  slk_error *error)
{
    SLK_TRY(head_inputs(out, replica_id32, comm_d32, comm_r32, error));
    for (size_t q = 0; q < n; q++)
        challenge_inputs(out + SLK_CIRCUIT_INPUTS(q), &challenges[q]);
    return SLK_OK;
}

slk_err slk_circuit_public_inputs_c1(slk_fr *out, const slk_c1 *c1, unsigned partition,
                                     slk_error *error)
{
    slk_assert(partition < c1->partitions);
    SLK_TRY(head_inputs(out, c1->replica_id, c1->comm_d, c1->comm_r, error));
    for (unsigned q = 0; q < c1->challenges; q++) {
        const uint8_t *record = slk_c1_record(c1, partition, q);
        slk_circuit_challenge challenge = {.node = slk_record_challenge(record)};
        for (unsigned k = 0; k < SLK_PARENTS; k++)
            challenge.parents[k] = slk_record_parent(record, k);
        challenge_inputs(out + SLK_CIRCUIT_INPUTS(q), &challenge);
    }
    return SLK_OK;
}
