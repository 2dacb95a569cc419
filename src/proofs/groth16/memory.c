/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/groth16/internal.h"
#include "proofs/groth16/prove.h"

#include "base/num.h"
#include "crypto/msm/msm.h"
#include "crypto/ntt/ntt.h"
#include "proofs/vanilla/record.h"

#define PROGRAM_BYTES (UINT64_C(3) << 20) /* measured: 2 MiB, and 1 MiB of heap per thread */
#define HEAP_BYTES (UINT64_C(1) << 20)
#define CIRCUIT_TABLE_BYTES (UINT64_C(1) << 20) /* proofs/circuit/circuit.h */
#define SYNTHESIS_BYTES (UINT64_C(350) << 10) /* per thread */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void fill(slk_groth16_memory *m, const slk_crypto *crypto, const slk_circuit *circuit,
                 unsigned partitions, unsigned threads)
{
    const slk_circuit_counts whole = slk_circuit_counts_whole(circuit);
    const uint64_t n = UINT64_C(1) << slk_quotient_log2(circuit);
    const slk_group *g1 = slk_group_of(crypto, SLK_G1), *g2 = slk_group_of(crypto, SLK_G2);
    const uint64_t bitmap = (whole.aux + 63) / 64 * 8;
    slk_record_layout record;
    slk_record_layout_init(&record, slk_circuit_shape(circuit));
    const slk_sector_shape *shape = slk_circuit_shape(circuit);
    m->program = PROGRAM_BYTES + threads * HEAP_BYTES +
                 record.record_bytes * larger(partitions, shape->partitions) * shape->challenges;
    m->vectors = 2 * sizeof(slk_fr) * n;
    m->witnesses =
        partitions * (2 * bitmap + bitmap / 2 + sizeof(slk_fr) * (whole.fields + whole.inputs));
    m->circuit = 2 * bitmap + CIRCUIT_TABLE_BYTES + threads * SYNTHESIS_BYTES;
    m->transforms = slk_ntt_bytes(slk_quotient_log2(circuit), threads);
    m->msm_h = slk_msm_bytes(g1, threads, n - 1);
    m->msm_queries = partitions * (uint64_t)larger(slk_query_bytes(g1, threads, whole.fields),
                                                   slk_query_bytes(g2, threads, whole.fields));
    /* The second vector is given back before the last sum over H. */
    const uint64_t held = partitions > 1 ? m->vectors : m->vectors / 2;
    m->peak = m->program + m->witnesses + m->circuit +
              larger(larger(m->vectors + m->transforms, held + m->msm_h), m->msm_queries);
}

slk_err slk_groth16_memory_of(slk_groth16_memory *ret_memory, const slk_crypto *crypto,
                              const slk_sector_shape *shape, unsigned partitions, unsigned threads,
                              slk_error *error)
{
    slk_circuit *circuit = NULL;
    SLK_TRY(slk_circuit_new(&circuit, crypto, shape, error));
    fill(ret_memory, crypto, circuit, partitions, threads);
    slk_circuit_free(circuit);
    return SLK_OK;
}
