/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/porep.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/rng.h"
#include "proofs/circuit/circuit.h"
#include "proofs/graph/graph.h"
#include "proofs/groth16/prove.h"
#include "proofs/vanilla/challenges.h"
#include "proofs/vanilla/seal.h"

#include <string.h>

/* --- statements ------------------------------------------------------------------------------- */

static slk_err check_commitment(const uint8_t commitment[32], const char *name, slk_error *error)
{
    if (slk_bytes_all_zero(commitment, 32) || !slk_fr_node_is_canonical(commitment))
        return slk_fail(error, SLK_E_INVAL, "%s is zero or not a field element", name);
    return SLK_OK;
}

static slk_err check_statement(const slk_porep_statement *statement, slk_error *error)
{
    if (statement->sector_number > SLK_SECTOR_NUMBER_MAX)
        return slk_fail(error, SLK_E_INVAL, "the sector number is out of range");
    if (statement->miner_id > INT64_MAX)
        return slk_fail(error, SLK_E_INVAL, "the miner id is out of range");
    SLK_TRY(check_commitment(statement->comm_r, "comm_r", error));
    return check_commitment(statement->comm_d, "comm_d", error);
}

/* What all partitions of one statement share. */
typedef struct derivation {
    const slk_porep_statement *statement;
    uint8_t replica_id[32];
    slk_graph graph;
    uint64_t *challenges; /* heap, all partitions */
} derivation;

static slk_err derive(derivation *ret, const slk_crypto *crypto,
                      const slk_porep_statement *statement, slk_error *error)
{
    derivation d = {.statement = statement};
    slk_sector_identity sector = {.proof = statement->proof,
                                  .miner_id = statement->miner_id,
                                  .number = statement->sector_number};
    SLK_TRY(check_statement(statement, error));
    memcpy(sector.ticket, statement->ticket, 32);
    slk_replica_id(d.replica_id, crypto, &sector, statement->comm_d);
    slk_graph_init(&d.graph, crypto, &statement->proof);
    size_t n =
        (size_t)slk_seal_proof_partitions(&statement->proof) * statement->proof.shape->challenges;
    d.challenges = slk_alloc(n, sizeof(uint64_t));
    if (d.challenges == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for challenges");
    slk_challenges(d.challenges, crypto, &statement->proof, d.replica_id, statement->seed,
                   statement->comm_r);
    *ret = d;
    return SLK_OK;
}

static slk_err partition_inputs(slk_fr *ret_inputs, const derivation *d, unsigned partition,
                                slk_error *error)
{
    const slk_porep_statement *statement = d->statement;
    unsigned per = statement->proof.shape->challenges;
    SLK_CLEANUP(slk_freep)
    slk_circuit_challenge *challenges = slk_alloc(per, sizeof(slk_circuit_challenge));
    if (challenges == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for public inputs");
    for (unsigned i = 0; i < per; i++) {
        uint32_t parents[SLK_PARENTS];
        challenges[i].node = d->challenges[(size_t)partition * per + i];
        slk_graph_parents(&d->graph, challenges[i].node, parents);
        for (size_t p = 0; p < SLK_PARENTS; p++)
            challenges[i].parents[p] = parents[p];
    }
    return slk_circuit_public_inputs(ret_inputs, d->replica_id, statement->comm_d,
                                     statement->comm_r, challenges, per, error);
}

size_t slk_porep_public_input_count(const slk_sector_shape *shape)
{
    return SLK_CIRCUIT_INPUTS(shape->challenges);
}

slk_err slk_porep_public_inputs(slk_fr *ret_inputs, const slk_crypto *crypto,
                                const slk_porep_statement *statement, unsigned partition,
                                slk_error *error)
{
    derivation d;
    if (partition >= slk_seal_proof_partitions(&statement->proof))
        return slk_fail(error, SLK_E_INVAL, "there is no partition %u", partition);
    SLK_TRY(derive(&d, crypto, statement, error));
    slk_err err = partition_inputs(ret_inputs, &d, partition, error);
    slk_free(d.challenges);
    return err;
}

/* --- verification ----------------------------------------------------------------------------- */

/* All partitions of one statement: inputs one after the other. */
static slk_err all_inputs(slk_fr *out, const slk_crypto *crypto,
                          const slk_porep_statement *statement, slk_error *error)
{
    derivation d;
    slk_err err = SLK_OK;
    size_t per_partition = slk_porep_public_input_count(statement->proof.shape);
    SLK_TRY(derive(&d, crypto, statement, error));
    for (unsigned k = 0; k < slk_seal_proof_partitions(&statement->proof) && err == SLK_OK; k++)
        err = partition_inputs(out + k * per_partition, &d, k, error);
    slk_free(d.challenges);
    return err;
}

static slk_err check_key(const slk_params_key *key, const slk_sector_shape *shape, slk_error *error)
{
    if (key->shape->bytes == shape->bytes)
        return SLK_OK;
    return slk_fail(error, SLK_E_INVAL, "the verifying key is for %s sectors, the proof for %s",
                    key->shape->name, shape->name);
}

/* Statements and lengths; *ret_partitions 0 when some proof has the wrong length. */
static slk_err count_partitions(size_t *ret_partitions, const slk_params_key *key,
                                const slk_porep_statement *statements, const size_t *proof_bytes,
                                size_t n, slk_error *error)
{
    size_t total = 0;
    bool lengths_right = true;
    for (size_t i = 0; i < n; i++) {
        size_t partitions = slk_seal_proof_partitions(&statements[i].proof);
        SLK_TRY(check_key(key, statements[i].proof.shape, error));
        SLK_TRY(check_statement(&statements[i], error));
        if (proof_bytes[i] != partitions * SLK_GROTH16_PROOF_BYTES)
            lengths_right = false;
        total += partitions;
    }
    *ret_partitions = lengths_right ? total : 0;
    return SLK_OK;
}

slk_err slk_porep_verify_batch(bool *ret_valid, const slk_crypto *crypto, slk_pool *pool,
                               const slk_params_key *key, const slk_porep_statement *statements,
                               const uint8_t *const *proofs, const size_t *proof_bytes, size_t n,
                               slk_error *error)
{
    size_t total, done = 0, per_partition = slk_porep_public_input_count(key->shape);
    SLK_TRY(count_partitions(&total, key, statements, proof_bytes, n, error));
    if (total == 0) {
        *ret_valid = false;
        return SLK_OK;
    }
    SLK_CLEANUP(slk_freep) slk_fr *inputs = slk_alloc(total * per_partition, sizeof(slk_fr));
    SLK_CLEANUP(slk_freep) uint8_t *bytes = slk_alloc(total, SLK_GROTH16_PROOF_BYTES);
    if (inputs == NULL || bytes == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for verifying %zu proofs", n);
    for (size_t i = 0; i < n; i++) {
        SLK_TRY(all_inputs(inputs + done * per_partition, crypto, &statements[i], error));
        memcpy(bytes + done * SLK_GROTH16_PROOF_BYTES, proofs[i], proof_bytes[i]);
        done += proof_bytes[i] / SLK_GROTH16_PROOF_BYTES;
    }
    if (total == 1)
        return slk_groth16_verify(ret_valid, crypto, &key->key, pool, bytes, inputs, per_partition,
                                  error);
    return slk_groth16_verify_batch(ret_valid, crypto, &key->key, pool, bytes, total, inputs,
                                    per_partition, error);
}

slk_err slk_porep_verify(bool *ret_valid, const slk_crypto *crypto, slk_pool *pool,
                         const slk_params_key *key, const slk_porep_statement *statement,
                         const uint8_t *proof, size_t proof_bytes, slk_error *error)
{
    return slk_porep_verify_batch(ret_valid, crypto, pool, key, statement, &proof, &proof_bytes, 1,
                                  error);
}

static slk_err check_range(const slk_porep_statement *statement, unsigned first, unsigned n,
                           slk_error *error)
{
    const unsigned have = slk_seal_proof_partitions(&statement->proof);
    if (n >= 1 && first < have && n <= have - first)
        return SLK_OK;
    return slk_fail(error, SLK_E_INVAL, "this proof has partitions 0 to %u", have - 1);
}

slk_err slk_porep_verify_partitions(bool *ret_valid, const slk_crypto *crypto, slk_pool *pool,
                                    const slk_params_key *key, const slk_porep_statement *statement,
                                    unsigned first, unsigned n, const uint8_t *proofs,
                                    slk_error *error)
{
    const size_t per = slk_porep_public_input_count(key->shape);
    derivation d;
    SLK_TRY(check_key(key, statement->proof.shape, error));
    SLK_TRY(check_range(statement, first, n, error));
    SLK_CLEANUP(slk_freep) slk_fr *inputs = slk_alloc(n * per, sizeof(slk_fr));
    if (inputs == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for public inputs");
    SLK_TRY(derive(&d, crypto, statement, error));
    slk_err err = SLK_OK;
    for (unsigned k = 0; k < n && err == SLK_OK; k++)
        err = partition_inputs(inputs + k * per, &d, first + k, error);
    slk_free(d.challenges);
    if (err != SLK_OK)
        return err;
    if (n == 1)
        return slk_groth16_verify(ret_valid, crypto, &key->key, pool, proofs, inputs, per, error);
    return slk_groth16_verify_batch(ret_valid, crypto, &key->key, pool, proofs, n, inputs, per,
                                    error);
}

/* --- proving ---------------------------------------------------------------------------------- */

/* Before half a minute of work: does the C1 open the challenges that its seed asks for? */
static slk_err check_challenges(const slk_crypto *crypto, const slk_porep_statement *statement,
                                const slk_c1 *c1, slk_error *error)
{
    size_t n = slk_porep_public_input_count(c1->proof.shape);
    SLK_CLEANUP(slk_freep) slk_fr *want = slk_alloc(n, sizeof(slk_fr));
    SLK_CLEANUP(slk_freep) slk_fr *have = slk_alloc(n, sizeof(slk_fr));
    if (want == NULL || have == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for public inputs");
    if (c1->partitions != slk_seal_proof_partitions(&c1->proof) ||
        c1->challenges != c1->proof.shape->challenges)
        return slk_fail(error, SLK_E_INVAL, "the C1 has %u partitions of %u challenges",
                        c1->partitions, c1->challenges);
    for (unsigned k = 0; k < c1->partitions; k++) {
        SLK_TRY(slk_porep_public_inputs(want, crypto, statement, k, error));
        SLK_TRY(slk_circuit_public_inputs_c1(have, c1, k, error));
        if (memcmp(want, have, n * sizeof(slk_fr)) != 0)
            return slk_fail(error, SLK_E_INVAL,
                            "partition %u of the C1 does not open the challenges of its seed", k);
    }
    return SLK_OK;
}

/* Likewise: do its labels, columns and paths hold? Else the proof would fail only at its end. */
static slk_err check_openings(const slk_crypto *crypto, slk_pool *pool, const slk_c1 *c1,
                              const slk_sector_identity *sector, slk_error *error)
{
    const slk_c1_expected expected = {.sector = sector};
    slk_error reason = {0};
    bool valid = false;
    SLK_TRY(slk_c1_verify(&valid, &reason, c1, &expected, crypto, pool, error));
    if (!valid)
        return slk_fail(error, SLK_E_CORRUPT, "the C1 does not prove its sector, make it again: %s",
                        reason.message);
    return SLK_OK;
}

static slk_err check_c1(slk_porep_statement *ret_statement, const slk_crypto *crypto,
                        slk_pool *pool, const slk_params_key *key, const slk_c1 *c1,
                        uint64_t miner_id, uint64_t sector_number, slk_error *error)
{
    uint8_t replica_id[32];
    slk_sector_identity sector = {
        .proof = c1->proof, .miner_id = miner_id, .number = sector_number};
    slk_porep_statement statement = {
        .proof = c1->proof, .miner_id = miner_id, .sector_number = sector_number};
    memcpy(sector.ticket, c1->ticket, 32);
    memcpy(statement.ticket, c1->ticket, 32);
    memcpy(statement.seed, c1->seed, 32);
    memcpy(statement.comm_r, c1->comm_r, 32);
    memcpy(statement.comm_d, c1->comm_d, 32);
    SLK_TRY(check_key(key, c1->proof.shape, error));
    SLK_TRY(check_statement(&statement, error));
    if (slk_bytes_all_zero(c1->seed, 32))
        return slk_fail(error, SLK_E_INVAL, "the seed of the C1 is zero");
    slk_replica_id(replica_id, crypto, &sector, c1->comm_d);
    if (memcmp(replica_id, c1->replica_id, 32) != 0)
        return slk_fail(error, SLK_E_INVAL,
                        "the C1 is not of this miner and sector number: its replica id differs");
    SLK_TRY(check_challenges(crypto, &statement, c1, error));
    SLK_TRY(check_openings(crypto, pool, c1, &sector, error));
    *ret_statement = statement;
    return SLK_OK;
}

/* Uniform, from the kernel. */
static void random_scalar(slk_fr *out)
{
    uint8_t wide[64];
    slk_rng_fill(wide, sizeof(wide));
    slk_fr_from_wide(out, wide);
    slk_bytes_wipe(wide, sizeof(wide));
}

static slk_err prove_partitions(uint8_t *out, const slk_groth16_prover *prover, slk_pool *pool,
                                const slk_c1 *c1, unsigned first, unsigned n,
                                const slk_porep_blinding *fixed, slk_job *job, slk_error *error)
{
    slk_groth16_blinding *blinding = slk_alloc(n, sizeof *blinding);
    if (blinding == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the blinding of %u proofs", n);
    for (unsigned k = 0; k < n; k++) {
        if (fixed != NULL) {
            blinding[k] = (slk_groth16_blinding){fixed->r, fixed->s};
        } else {
            random_scalar(&blinding[k].r);
            random_scalar(&blinding[k].s);
        }
    }
    slk_err err = slk_groth16_prove(out, prover, pool, c1, first, n, blinding, job, error);
    slk_bytes_wipe(blinding, n * sizeof *blinding);
    slk_free(blinding);
    return err;
}

static slk_err prove_and_verify(uint8_t *out, const slk_crypto *crypto, slk_pool *pool,
                                const slk_params *params, const slk_c1 *c1, unsigned first,
                                unsigned n, const slk_porep_statement *statement,
                                const slk_porep_blinding *fixed, slk_job *job, slk_error *error)
{
    slk_groth16_prover prover;
    bool valid = false;
    SLK_TRY(slk_groth16_prover_init(&prover, crypto, params, error));
    slk_err err = prove_partitions(out, &prover, pool, c1, first, n, fixed, job, error);
    slk_groth16_prover_done(&prover);
    if (err != SLK_OK)
        return err;
    slk_job_stage(job, "verify", 1);
    SLK_TRY(slk_porep_verify_partitions(&valid, crypto, pool, slk_params_key_of(params), statement,
                                        first, n, out, error));
    if (!valid)
        return slk_fail(error, SLK_E_CORRUPT,
                        "the proof just made does not verify: the parameter file is damaged, or "
                        "the C1 is not for these challenges");
    return SLK_OK;
}

slk_err slk_porep_prove_partitions(uint8_t *ret_proofs, const slk_crypto *crypto, slk_pool *pool,
                                   const slk_params *params, const slk_c1 *c1, uint64_t miner_id,
                                   uint64_t sector_number, unsigned first, unsigned n,
                                   const slk_porep_blinding *blinding, slk_job *job,
                                   slk_error *error)
{
    slk_porep_statement statement;
    const slk_params_key *key = slk_params_key_of(params);
    SLK_TRY(check_c1(&statement, crypto, pool, key, c1, miner_id, sector_number, error));
    SLK_TRY(check_range(&statement, first, n, error));
    if (blinding != NULL && !key->development)
        return slk_fail(error, SLK_E_INVAL,
                        "a fixed blinding is only for tests with development parameters");
    SLK_CLEANUP(slk_freep) uint8_t *proofs = slk_alloc(n, SLK_GROTH16_PROOF_BYTES);
    if (proofs == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a proof");
    SLK_TRY(prove_and_verify(proofs, crypto, pool, params, c1, first, n, &statement, blinding, job,
                             error));
    memcpy(ret_proofs, proofs, (size_t)n * SLK_GROTH16_PROOF_BYTES);
    return SLK_OK;
}

slk_err slk_porep_prove(uint8_t *ret_proof, const slk_crypto *crypto, slk_pool *pool,
                        const slk_params *params, const slk_c1 *c1, uint64_t miner_id,
                        uint64_t sector_number, const slk_porep_blinding *blinding, slk_job *job,
                        slk_error *error)
{
    return slk_porep_prove_partitions(ret_proof, crypto, pool, params, c1, miner_id, sector_number,
                                      0, slk_seal_proof_partitions(&c1->proof), blinding, job,
                                      error);
}
