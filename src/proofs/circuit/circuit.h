/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The circuit of the proof of replication ("StackedCircuit") as rank-1 constraints, exactly the
 * official one. source: reference/proofs 8.
 *
 * The gadgets are written once and run in two ways:
 *   visit       structure only: every constraint's three linear combinations go to a visitor
 *               (parameter generation, digests, densities, checking a witness);
 *   synthesise  values only: all wires into an slk_witness, and the values A*w, B*w, C*w of every
 *               constraint into the caller's arrays, without building linear combinations.
 *
 * A circuit is a head (replica id and commitments) and per challenge one block of always the same
 * size, so that the place of every challenge in all index spaces is known in advance and challenges
 * are visited or synthesised in any order and in parallel.
 *
 * Index spaces: inputs (0 is ONE), aux wires, constraints, each numbered in allocation order. The
 * constraints "input_i * 0 = 0" that prover and generator append are not part of it: they are
 * A = input_i, B = C = 0 for i = 0 .. inputs-1 at constraints .. constraints+inputs-1. */
#ifndef SLK_PROOFS_CIRCUIT_CIRCUIT_H
#define SLK_PROOFS_CIRCUIT_CIRCUIT_H

#include "base/err.h"
#include "base/pool.h"
#include "crypto/crypto.h"
#include "crypto/fr/fr.h"
#include "fil/sector.h"
#include "proofs/circuit/witness.h"
#include "proofs/vanilla/c1.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The circuit of one sector size: constant tables of at most 1 MiB, immutable, shared freely
 * between threads. */
typedef struct slk_circuit slk_circuit;

/* Sizes of the head, of one challenge, or of the whole. */
typedef struct slk_circuit_counts {
    uint64_t constraints;
    uint64_t aux;
    uint64_t fields; /* of the aux wires: field wires (slk_witness) */
    uint32_t inputs; /* with ONE in the head */
} slk_circuit_counts;

/* crypto and shape are borrowed for the circuit's life. Counts by a run without output: 5 ms for
 * small sectors, 30 ms for 32 GiB. SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_circuit_new(slk_circuit **ret_circuit, const slk_crypto *crypto,
                                       const slk_sector_shape *shape, slk_error *error);
void slk_circuit_free(slk_circuit *circuit); /* NULL allowed */

const slk_sector_shape *slk_circuit_shape(const slk_circuit *circuit);
/* whole = head + shape->challenges * challenge. */
slk_circuit_counts slk_circuit_counts_head(const slk_circuit *circuit);
slk_circuit_counts slk_circuit_counts_challenge(const slk_circuit *circuit);
slk_circuit_counts slk_circuit_counts_whole(const slk_circuit *circuit);
/* Where challenge q <= shape->challenges starts; q = shape->challenges gives the whole. */
slk_circuit_counts slk_circuit_counts_before(const slk_circuit *circuit, unsigned q);

/* --- structure --------------------------------------------------------------------------------- */

/* A variable: the index of an aux wire, or SLK_VAR_INPUT | index of an input. */
#define SLK_VAR_INPUT UINT32_C(0x80000000)
#define SLK_VAR_ONE SLK_VAR_INPUT

typedef struct slk_lc_term {
    const slk_fr *coefficient; /* never zero; often &slk_fr_one or a power of two */
    uint32_t var;
} slk_lc_term;

/* No variable occurs twice; ordered inputs first, then aux, ascending. n may be 0. */
typedef struct slk_lc {
    const slk_lc_term *terms;
    size_t n;
} slk_lc;

/* Every function may be NULL. What pointers lead to is valid during the call only. */
typedef struct slk_circuit_visitor {
    void *context;
    void (*constraint)(void *context, uint64_t index, const slk_lc *a, const slk_lc *b,
                       const slk_lc *c);
    /* A wire or input has been allocated, in allocation order. */
    void (*allocate)(void *context, uint32_t var);
    /* The official namespaces down to depth 4 and partly deeper. The name is prefix, index in
     * decimal when it is not negative, suffix. */
    void (*enter)(void *context, const char *prefix, int index, const char *suffix);
    void (*leave)(void *context);
} slk_circuit_visitor;

/* Visit the head, one challenge, or all in order. Scratch of about 350 KiB; SLK_E_NOMEM. Any number
 * of threads at a time, each with its own visitor. A 2 KiB circuit has 2.7 M constraints and
 * 15 M terms (0.1 s), one of 32 GiB 130 M and 722 M (4 s). */
SLK_MUST_CHECK slk_err slk_circuit_visit_head(const slk_circuit *circuit,
                                              const slk_circuit_visitor *visitor, slk_error *error);
SLK_MUST_CHECK slk_err slk_circuit_visit_challenge(const slk_circuit *circuit,
                                                   const slk_circuit_visitor *visitor, unsigned q,
                                                   slk_error *error);
SLK_MUST_CHECK slk_err slk_circuit_visit(const slk_circuit *circuit,
                                         const slk_circuit_visitor *visitor, slk_error *error);

/* Which variables occur in some A, some B (appended constraints not counted; with them every input
 * occurs in A). Bitmaps of 64-bit words, least significant bit first; 32 GiB: 33 MB.
 * Visits the head and one challenge. */
typedef struct slk_circuit_density {
    uint64_t *a_aux; /* heap, [ceil(aux / 64)] */
    uint64_t *b_aux;
    uint64_t *b_inputs; /* [ceil(inputs / 64)] */
    uint64_t a_aux_count, b_aux_count; /* bits set */
    uint32_t b_inputs_count;
} slk_circuit_density;

SLK_MUST_CHECK slk_err slk_circuit_density_init(slk_circuit_density *ret_density,
                                                const slk_circuit *circuit, slk_error *error);
void slk_circuit_density_done(slk_circuit_density *density); /* idempotent */

/* --- values ------------------------------------------------------------------------------------ */

/* Values of the linear combinations per constraint, caller's arrays of at least counts.constraints
 * elements each, in constraint order. The rest of the arrays is left alone. a and b are both given
 * or both NULL, c may be NULL: 32 bytes per array and constraint, 86 MB each for 2 KiB, 4.2 GB for
 * a 32 GiB partition. */
typedef struct slk_r1cs_values {
    slk_fr *a, *b, *c;
} slk_r1cs_values;

/* Synthesises one partition from its vanilla proofs. The witness is initialised here (free it with
 * slk_witness_done) and complete with its inputs. Either may be NULL when only the other is wanted.
 * Challenges run in parallel on the pool (NULL: this thread), with 350 KiB of scratch per
 * thread beside the witness; 2 KiB takes 0.02 s beside first touching the arrays.
 * SLK_E_INVAL: c1 is of another size or has no such partition. SLK_E_CORRUPT: a node is not a field
 * element, a node number is outside the sector, or the vanilla proof does not satisfy the circuit;
 * the message names the challenge and the commitment missed. Then ret_witness is untouched and the
 * arrays hold unspecified values. */
SLK_MUST_CHECK slk_err slk_circuit_synthesise(slk_witness *ret_witness,
                                              const slk_r1cs_values *values,
                                              const slk_circuit *circuit, slk_pool *pool,
                                              const slk_c1 *c1, unsigned partition,
                                              slk_error *error);

/* --- public inputs ----------------------------------------------------------------------------- */

/* Numbers in a partition's public inputs without ONE: 3 + 18 per challenge. */
#define SLK_CIRCUIT_INPUTS(challenges) (3u + 18u * (size_t)(challenges))

/* What a challenge makes public: its node and the node's parents in graph order. */
typedef struct slk_circuit_challenge {
    uint64_t node;
    uint64_t parents[SLK_PARENTS];
} slk_circuit_challenge;

/* out[SLK_CIRCUIT_INPUTS(n)]: replica_id, comm_d, comm_r, then 18 per challenge, without ONE.
 * SLK_E_INVAL when one of the three is not a field element. source: reference/proofs 8.8 */
SLK_MUST_CHECK slk_err slk_circuit_public_inputs(slk_fr *out, const uint8_t replica_id32[32],
                                                 const uint8_t comm_d32[32],
                                                 const uint8_t comm_r32[32],
                                                 const slk_circuit_challenge *challenges, size_t n,
                                                 slk_error *error);
/* The same of one partition of a C1 output; partition < c1->partitions. */
SLK_MUST_CHECK slk_err slk_circuit_public_inputs_c1(slk_fr *out, const slk_c1 *c1,
                                                    unsigned partition, slk_error *error);

#endif
