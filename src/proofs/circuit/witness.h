/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The values of all wires of one circuit, small: 98 % of them are single bits.
 *
 * Every aux wire is either a bit wire (constrained to 0 or 1 by the structure, so the same wires in
 * every witness of a circuit) or a field wire. Two bitmaps say which and hold the bits; the field
 * wires stand densely in an array, found through a count per 64 wires.
 * Bytes: wires * (2/8 + 4/64) + 32 * field wires: 2 KiB sector 2.7 M wires, 44 thousand of them
 * field wires: 2.5 MB; 32 GiB partition 130 M wires: about 41 MB and 54 MB. */
#ifndef SLK_PROOFS_CIRCUIT_WITNESS_H
#define SLK_PROOFS_CIRCUIT_WITNESS_H

#include "base/err.h"
#include "base/mem.h"
#include "crypto/fr/fr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All memory is one region. Bits past `wires` in the last words are 0 in is_field and in bits. */
typedef struct slk_witness {
    uint32_t inputs; /* with ONE */
    uint64_t wires; /* aux wires */
    uint64_t fields; /* of these, field wires */
    size_t words; /* ceil(wires / 64) */
    slk_fr *input; /* [inputs], input[0] = 1 */
    slk_fr *field; /* [fields] */
    uint64_t *is_field; /* [words] wire i is bit i % 64 of word i / 64 */
    uint64_t *bits; /* [words] values of bit wires, 0 at field wires */
    uint32_t *rank; /* [words + 1] field wires before wire 64 * word */
    slk_region region;
} slk_witness;

/* Zeroed storage for the given counts. SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_witness_init(slk_witness *ret_witness, uint32_t inputs, uint64_t wires,
                                        uint64_t fields, slk_error *error);
/* Wipes nothing: a witness is made of data that the sealed sector reveals anyway. Idempotent. */
void slk_witness_done(slk_witness *witness);

/* The value of aux wire i < wires. */
void slk_witness_get(slk_fr *out, const slk_witness *witness, uint64_t i);

/* The 64 wires from 64 * word on, word < words: masks as above, and the values of the field wires
 * among them in order (popcount(is_field) elements). This is the way to walk a witness:
 *   for (m = b.bits; m; m &= m - 1)      one_at(64 * word + ctz(m));
 *   for (m = b.is_field; m; m &= m - 1)  scalar_at(64 * word + ctz(m), b.field++); */
typedef struct slk_witness_block {
    uint64_t is_field;
    uint64_t bits;
    const slk_fr *field;
} slk_witness_block;

static inline slk_witness_block slk_witness_block_at(const slk_witness *witness, size_t word)
{
    return (slk_witness_block){witness->is_field[word], witness->bits[word],
                               witness->field + witness->rank[word]};
}

/* Appends wires in order to one contiguous part of a witness. Several writers with disjoint parts
 * may work at the same time. The rank directory is made by slk_witness_seal afterwards. */
typedef struct slk_witness_writer {
    slk_witness *witness; /* NULL: wires are only counted */
    uint64_t next; /* wire to come */
    uint64_t next_field;
    uint64_t is_field, bits; /* of the word of `next`, not yet stored */
} slk_witness_writer;

void slk_witness_writer_init(slk_witness_writer *ret_writer, slk_witness *witness,
                             uint64_t first_wire, uint64_t first_field);
/* Stores what is pending. Call after the last append. */
void slk_witness_writer_flush(slk_witness_writer *writer);

static inline void slk_witness_append_bit(slk_witness_writer *writer, bool bit)
{
    writer->bits |= (uint64_t)bit << (writer->next & 63);
    if ((++writer->next & 63) == 0)
        slk_witness_writer_flush(writer);
}

static inline void slk_witness_append_fr(slk_witness_writer *writer, const slk_fr *value)
{
    if (writer->witness != NULL)
        writer->witness->field[writer->next_field] = *value;
    writer->next_field++;
    writer->is_field |= UINT64_C(1) << (writer->next & 63);
    if ((++writer->next & 63) == 0)
        slk_witness_writer_flush(writer);
}

/* Counts the field wires; asserts that there are as many as announced. */
void slk_witness_seal(slk_witness *witness);

#endif
