/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/mem.h"
#include "proofs/circuit/circuit.h"
#include "proofs/circuit/cs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What is wrong with the values of one part, texts static; what NULL: nothing. */
typedef struct fault {
    const char *what, *place;
    int index;
} fault;

typedef struct job {
    const slk_circuit *circuit;
    const slk_c1 *c1;
    unsigned partition;
    slk_stacked_head head;
    slk_witness *witness; /* NULL: not wanted */
    slk_cs **workers; /* heap, one per thread of the pool */
    unsigned n_workers;
    fault *faults; /* heap, per challenge */
} job;

static void job_done(job *j)
{
    for (unsigned i = 0; i < j->n_workers && j->workers != NULL; i++)
        slk_free(j->workers[i]);
    slk_free(j->workers);
    slk_free(j->faults);
}

static fault fault_of(const slk_cs *cs)
{
    return (fault){cs->fault, cs->fault_place, cs->fault_index};
}

static slk_err report(const job *j, const fault *f, int challenge, slk_error *error)
{
    char number[16] = "";
    if (f->index >= 0)
        (void)snprintf(number, sizeof number, "%d", f->index);
    if (challenge < 0)
        return slk_fail(error, SLK_E_CORRUPT, "the vanilla proof of partition %u is wrong: %s%s %s",
                        j->partition, f->place, number, f->what);
    return slk_fail(error, SLK_E_CORRUPT,
                    "the vanilla proof of partition %u is wrong: in challenge %d, %s%s %s",
                    j->partition, challenge, f->place, number, f->what);
}

static void place(slk_cs *cs, slk_witness *witness, const slk_circuit_counts *start)
{
    slk_cs_move(cs, start);
    slk_witness_writer_init(&cs->writer, witness, start->aux, start->fields);
}

static void run_challenges(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    job *j = context;
    slk_cs *cs = j->workers[worker];
    for (uint64_t i = begin; i < end; i++) {
        const unsigned q = (unsigned)i;
        const slk_circuit_counts start = slk_circuit_counts_before(j->circuit, q);
        const slk_circuit_counts next = slk_circuit_counts_before(j->circuit, q + 1);
        place(cs, j->witness, &start);
        slk_stacked_challenge_run(cs, &j->head, q, slk_c1_record(j->c1, j->partition, q));
        slk_witness_writer_flush(&cs->writer);
        slk_assert(cs->constraints == next.constraints && cs->writer.next == next.aux &&
                   cs->writer.next_field == next.fields && cs->inputs == next.inputs);
        j->faults[q] = fault_of(cs);
    }
}

static slk_err check_request(const slk_circuit *circuit, const slk_c1 *c1, unsigned partition,
                             slk_error *error)
{
    const slk_sector_shape *shape = circuit->shape;
    if (c1->proof.shape != shape || c1->challenges != shape->challenges)
        return slk_fail(error, SLK_E_INVAL, "the vanilla proof is not of a sector of %s",
                        shape->name);
    if (partition >= c1->partitions)
        return slk_fail(error, SLK_E_INVAL, "the vanilla proof has %u partitions, none number %u",
                        c1->partitions, partition);
    for (unsigned q = 0; q < c1->challenges; q++) {
        const uint8_t *record = slk_c1_record(c1, partition, q);
        uint64_t largest = slk_record_challenge(record);
        for (unsigned k = 0; k < SLK_PARENTS; k++)
            if (slk_record_parent(record, k) > largest)
                largest = slk_record_parent(record, k);
        if (largest >= shape->nodes)
            return slk_fail(error, SLK_E_CORRUPT,
                            "challenge %u of partition %u names node %" PRIu64
                            ", but a sector of %s has %" PRIu64 " nodes",
                            q, partition, largest, shape->name, shape->nodes);
    }
    return SLK_OK;
}

static slk_err prepare(job *j, const slk_r1cs_values *values, slk_pool *pool, slk_error *error)
{
    const unsigned threads = slk_pool_threads(pool);
    j->faults = slk_calloc(j->circuit->shape->challenges, sizeof *j->faults);
    j->workers = slk_calloc(threads, sizeof(slk_cs *));
    if (j->faults == NULL || j->workers == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory to run the circuit");
    j->n_workers = threads;
    for (unsigned i = 0; i < threads; i++) {
        SLK_TRY(slk_cs_new(&j->workers[i], j->circuit, SLK_CS_VALUES, error));
        if (values != NULL)
            j->workers[i]->out = *values;
    }
    return SLK_OK;
}

static slk_err synthesise(slk_witness *witness, const slk_r1cs_values *values,
                          const slk_circuit *circuit, slk_pool *pool, const slk_c1 *c1,
                          unsigned partition, slk_error *error)
{
    SLK_CLEANUP(job_done)
    job j = {.circuit = circuit, .c1 = c1, .partition = partition, .witness = witness};
    SLK_TRY(prepare(&j, values, pool, error));

    slk_cs *cs = j.workers[0];
    const slk_circuit_counts start = {.inputs = 1};
    place(cs, j.witness, &start);
    slk_stacked_head_run(cs, &j.head, c1);
    slk_witness_writer_flush(&cs->writer);
    const fault in_head = fault_of(cs);
    slk_pool_for(pool, circuit->shape->challenges, 1, run_challenges, &j);

    if (in_head.what != NULL)
        return report(&j, &in_head, -1, error);
    for (unsigned q = 0; q < circuit->shape->challenges; q++)
        if (j.faults[q].what != NULL)
            return report(&j, &j.faults[q], (int)q, error);
    return SLK_OK;
}

slk_err slk_circuit_synthesise(slk_witness *ret_witness, const slk_r1cs_values *values,
                               const slk_circuit *circuit, slk_pool *pool, const slk_c1 *c1,
                               unsigned partition, slk_error *error)
{
    const slk_circuit_counts whole = slk_circuit_counts_whole(circuit);
    SLK_TRY(check_request(circuit, c1, partition, error));
    if (ret_witness == NULL)
        return synthesise(NULL, values, circuit, pool, c1, partition, error);
    slk_witness witness;
    SLK_TRY(slk_witness_init(&witness, whole.inputs, whole.aux, whole.fields, error));
    slk_err err = synthesise(&witness, values, circuit, pool, c1, partition, error);
    if (err != SLK_OK) {
        slk_witness_done(&witness);
        return err;
    }
    slk_witness_seal(&witness);
    *ret_witness = witness;
    return SLK_OK;
}
