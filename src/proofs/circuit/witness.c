/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/circuit/witness.h"

#include "base/num.h"

#include <inttypes.h>
#include <string.h>

slk_err slk_witness_init(slk_witness *ret_witness, uint32_t inputs, uint64_t wires, uint64_t fields,
                         slk_error *error)
{
    slk_assert(fields <= wires && wires < UINT64_C(1) << 32);
    slk_witness w = {.inputs = inputs, .wires = wires, .fields = fields};
    w.words = (size_t)((wires + 63) / 64);
    const size_t input_bytes = sizeof(slk_fr) * inputs;
    const size_t field_bytes = sizeof(slk_fr) * (size_t)fields;
    const size_t map_bytes = 8 * w.words;
    SLK_TRY(slk_region_init(&w.region,
                            input_bytes + field_bytes + 2 * map_bytes + 4 * (w.words + 1),
                            "the values of a circuit", error));
    uint8_t *at = w.region.data;
    w.input = (slk_fr *)(void *)at;
    at += input_bytes;
    w.field = (slk_fr *)(void *)at;
    at += field_bytes;
    w.is_field = (uint64_t *)(void *)at;
    at += map_bytes;
    w.bits = (uint64_t *)(void *)at;
    at += map_bytes;
    w.rank = (uint32_t *)(void *)at;
    if (inputs > 0)
        w.input[0] = slk_fr_one;
    *ret_witness = w;
    return SLK_OK;
}

void slk_witness_done(slk_witness *witness)
{
    slk_region_done(&witness->region);
    memset(witness, 0, sizeof *witness);
}

void slk_witness_get(slk_fr *out, const slk_witness *witness, uint64_t i)
{
    slk_assert(i < witness->wires);
    const slk_witness_block block = slk_witness_block_at(witness, (size_t)(i / 64));
    const uint64_t bit = UINT64_C(1) << (i & 63);
    if (block.is_field & bit)
        *out = block.field[__builtin_popcountll(block.is_field & (bit - 1))];
    else
        *out = block.bits & bit ? slk_fr_one : slk_fr_zero;
}

void slk_witness_writer_init(slk_witness_writer *ret_writer, slk_witness *witness,
                             uint64_t first_wire, uint64_t first_field)
{
    slk_assert(witness == NULL || (first_wire <= witness->wires && first_field <= witness->fields));
    *ret_writer =
        (slk_witness_writer){.witness = witness, .next = first_wire, .next_field = first_field};
}

void slk_witness_writer_flush(slk_witness_writer *writer)
{
    if ((writer->is_field | writer->bits) == 0)
        return;
    const slk_witness *w = writer->witness;
    const size_t word = (size_t)((writer->next - 1) / 64);
    if (w != NULL) {
        slk_assert(writer->next <= w->wires && writer->next_field <= w->fields);
        /* The words at both ends of a part are shared with the neighbouring writers. */
        __atomic_fetch_or(&w->is_field[word], writer->is_field, __ATOMIC_RELAXED);
        __atomic_fetch_or(&w->bits[word], writer->bits, __ATOMIC_RELAXED);
    }
    writer->is_field = 0;
    writer->bits = 0;
}

void slk_witness_seal(slk_witness *witness)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < witness->words; i++) {
        witness->rank[i] = slk_u32(sum);
        sum += (unsigned)__builtin_popcountll(witness->is_field[i]);
    }
    witness->rank[witness->words] = slk_u32(sum);
    slk_assert(sum == witness->fields);
}
