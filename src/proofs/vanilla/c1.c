/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/c1.h"

#include "base/mem.h"

slk_err slk_c1_init(slk_c1 *ret_c1, const slk_seal_proof *proof, slk_error *error)
{
    slk_c1 c1 = {.proof = *proof};
    slk_record_layout_init(&c1.layout, proof->shape);
    c1.partitions = slk_seal_proof_partitions(proof);
    c1.challenges = proof->shape->challenges;
    c1.records = slk_calloc((size_t)c1.partitions * c1.challenges, c1.layout.record_bytes);
    if (!c1.records)
        return slk_fail(error, SLK_E_NOMEM, "no memory for %u vanilla proofs of %zu bytes",
                        c1.partitions * c1.challenges, c1.layout.record_bytes);
    *ret_c1 = c1;
    return SLK_OK;
}

void slk_c1_done(slk_c1 *c1)
{
    slk_free(c1->records);
    *c1 = (slk_c1){0};
}

uint8_t *slk_c1_record(const slk_c1 *c1, unsigned partition, unsigned challenge)
{
    slk_assert(partition < c1->partitions && challenge < c1->challenges);
    size_t index = (size_t)partition * c1->challenges + challenge;
    return c1->records + index * c1->layout.record_bytes;
}
