/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Phase-1 output of a commit ("C1"): the vanilla proofs of all partitions with their public inputs,
 * in memory as flat records, on the wire as the official JSON (byte for byte). */
#ifndef SLK_PROOFS_VANILLA_C1_H
#define SLK_PROOFS_VANILLA_C1_H

#include "base/buf.h"
#include "base/err.h"
#include "fil/sector.h"
#include "proofs/vanilla/record.h"

#include <stddef.h>
#include <stdint.h>

/* Owned memory: one block of partitions * challenges records, partition by partition.
 * 32 GiB: 180 records of 42,744 bytes = 7.7 MB. */
typedef struct slk_c1 {
    slk_seal_proof proof;
    slk_record_layout layout;
    unsigned partitions;
    unsigned challenges; /* per partition */
    uint8_t comm_r[32], comm_d[32], comm_c[32], comm_r_last[32];
    uint8_t replica_id[32], seed[32], ticket[32];
    uint8_t *records; /* heap, slk_c1_done frees */
} slk_c1;

/* Allocates zeroed records for the proof's partitions. */
SLK_MUST_CHECK slk_err slk_c1_init(slk_c1 *ret_c1, const slk_seal_proof *proof, slk_error *error);
void slk_c1_done(slk_c1 *c1); /* idempotent */
uint8_t *slk_c1_record(const slk_c1 *c1, unsigned partition, unsigned challenge);

/* Where the JSON goes, piece by piece; a failure stops the writer and is returned. */
typedef slk_err slk_c1_sink(void *context, const void *bytes, size_t n, slk_error *error);

/* The official JSON. bare: without `registered_proof` and with the bare array under
 * `vanilla_proofs` (what the library without its API layer writes; for unregistered sizes). */
SLK_MUST_CHECK slk_err slk_c1_write_json(const slk_c1 *c1, bool bare, slk_c1_sink *sink,
                                         void *context, slk_error *error);

/* Reads the official JSON (either form) of at most 256 MiB. expected, when given, is the seal proof
 * it must be of; without it the JSON must name a registered proof. Only the canonical text is taken:
 * the official writer's keys in its order, no white space; what is accepted is byte for byte what
 * slk_c1_write_json makes of the result. Refuses with SLK_E_CORRUPT and the place: anything else,
 * wrong counts, path indices that are not the node's digits, roots that differ between proofs,
 * labelling parents that are not the columns', field elements >= r, trailing bytes. Memory: the
 * records. Does not check hashes (slk_c1_verify does). */
SLK_MUST_CHECK slk_err slk_c1_read_json(slk_c1 *ret_c1, const uint8_t *json, size_t n,
                                        const slk_seal_proof *expected, slk_error *error);

#endif
