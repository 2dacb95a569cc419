/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/porep_part.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"

#include <string.h>

#define VERSION 1

void slk_porep_part_done(slk_porep_part *part)
{
    slk_free(part->proofs);
    part->proofs = NULL;
}

/* --- text ------------------------------------------------------------------------------------- */

/* A new string of n bytes in hex; NULL when out of memory. */
static json_t *new_hex(const uint8_t *bytes, size_t n)
{
    char *text = slk_alloc(2 * n + 1, 1);
    if (text == NULL)
        return NULL;
    slk_hex_encode(text, bytes, n);
    json_t *value = json_string(text);
    slk_free(text);
    return value;
}

slk_err slk_porep_part_write(slk_buf *out, const slk_porep_part *part, slk_error *error)
{
    const slk_porep_statement *s = &part->statement;
    if (s->proof.registered < 0)
        return slk_fail(error, SLK_E_UNSUPPORTED,
                        "a seal proof without a registered number is not proved in parts");
    SLK_CLEANUP(slk_json_decrefp)
    json_t *root = json_pack(
        "{s:i, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:o}", "selkie_proof_part", VERSION,
        "seal_proof", (json_int_t)s->proof.registered, "miner", (json_int_t)s->miner_id, "sector",
        (json_int_t)s->sector_number, "ticket", new_hex(s->ticket, 32), "seed",
        new_hex(s->seed, 32), "comm_r", new_hex(s->comm_r, 32), "comm_d", new_hex(s->comm_d, 32),
        "first", (json_int_t)part->first, "proofs",
        new_hex(part->proofs, (size_t)part->n * SLK_GROTH16_PROOF_BYTES));
    if (root == NULL || slk_json_print(out, root) != SLK_OK ||
        slk_buf_append(out, "\n", 1) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a part of a proof");
    return SLK_OK;
}

static slk_err read_statement(slk_porep_statement *s, const json_t *root, slk_error *error)
{
    uint64_t version;
    int64_t registered;
    SLK_TRY(slk_json_u64(&version, root, "selkie_proof_part", error));
    if (version != VERSION)
        return slk_fail(error, SLK_E_CORRUPT, "selkie_proof_part: not version %d", VERSION);
    SLK_TRY(slk_json_i64(&registered, root, "seal_proof", error));
    SLK_TRY(slk_seal_proof_registered(&s->proof, registered, error));
    SLK_TRY(slk_json_u64(&s->miner_id, root, "miner", error));
    SLK_TRY(slk_json_u64(&s->sector_number, root, "sector", error));
    SLK_TRY(slk_json_hex(s->ticket, 32, root, "ticket", error));
    SLK_TRY(slk_json_hex(s->seed, 32, root, "seed", error));
    SLK_TRY(slk_json_hex(s->comm_r, 32, root, "comm_r", error));
    return slk_json_hex(s->comm_d, 32, root, "comm_d", error);
}

static slk_err read_part(slk_porep_part *part, const json_t *root, slk_error *error)
{
    uint64_t first;
    const char *hex;
    SLK_TRY(read_statement(&part->statement, root, error));
    SLK_TRY(slk_json_u64(&first, root, "first", error));
    SLK_TRY(slk_json_string(&hex, root, "proofs", error));
    const unsigned have = slk_seal_proof_partitions(&part->statement.proof);
    const size_t bytes = strlen(hex) / 2, n = bytes / SLK_GROTH16_PROOF_BYTES;
    if (first >= have || n == 0 || n > have - first || n * SLK_GROTH16_PROOF_BYTES != bytes)
        return slk_fail(error, SLK_E_CORRUPT, "proofs: not of partitions 0 to %u", have - 1);
    part->first = slk_u32(first);
    part->n = slk_u32(n);
    part->proofs = slk_alloc(1, bytes);
    if (part->proofs == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a part of a proof");
    return slk_json_hex(part->proofs, bytes, root, "proofs", error);
}

slk_err slk_porep_part_read(slk_porep_part *ret_part, const void *text, size_t n, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *root = NULL;
    SLK_CLEANUP(slk_porep_part_done) slk_porep_part part = {.n = 0};
    slk_err err = slk_json_parse(&root, text, n, SLK_POREP_PART_BYTES_MAX, error);
    if (err == SLK_OK)
        err = read_part(&part, root, error);
    if (err != SLK_OK)
        return slk_fail_context(error, err == SLK_E_NOMEM ? err : SLK_E_CORRUPT, "part of a proof");
    *ret_part = part;
    part.proofs = NULL;
    return SLK_OK;
}

/* --- joining ---------------------------------------------------------------------------------- */

static bool same_statement(const slk_porep_statement *a, const slk_porep_statement *b)
{
    return a->proof.registered == b->proof.registered && a->miner_id == b->miner_id &&
           a->sector_number == b->sector_number && memcmp(a->ticket, b->ticket, 32) == 0 &&
           memcmp(a->seed, b->seed, 32) == 0 && memcmp(a->comm_r, b->comm_r, 32) == 0 &&
           memcmp(a->comm_d, b->comm_d, 32) == 0;
}

/* The parts into proof, each partition once. have: [partitions], zeroed. */
static slk_err place(uint8_t *proof, bool *have, const slk_porep_part *parts, size_t n,
                     slk_error *error)
{
    const unsigned partitions = slk_seal_proof_partitions(&parts[0].statement.proof);
    for (size_t i = 0; i < n; i++) {
        const slk_porep_part *part = &parts[i];
        if (!same_statement(&part->statement, &parts[0].statement))
            return slk_fail(error, SLK_E_INVAL, "the parts are not of one proof of one sector");
        for (unsigned k = 0; k < part->n; k++) {
            const unsigned partition = part->first + k;
            slk_assert(partition < partitions);
            if (have[partition])
                return slk_fail(error, SLK_E_INVAL, "partition %u is there twice", partition);
            have[partition] = true;
            memcpy(proof + (size_t)partition * SLK_GROTH16_PROOF_BYTES,
                   part->proofs + (size_t)k * SLK_GROTH16_PROOF_BYTES, SLK_GROTH16_PROOF_BYTES);
        }
    }
    for (unsigned k = 0; k < partitions; k++)
        if (!have[k])
            return slk_fail(error, SLK_E_INVAL, "partition %u of 0 to %u is missing", k,
                            partitions - 1);
    return SLK_OK;
}

slk_err slk_porep_join(uint8_t *ret_proof, const slk_crypto *crypto, slk_pool *pool,
                       const slk_params_key *key, const slk_porep_part *parts, size_t n,
                       slk_error *error)
{
    const slk_porep_statement *statement = &parts[0].statement;
    const size_t bytes = slk_seal_proof_bytes(&statement->proof);
    bool valid = false;
    SLK_CLEANUP(slk_freep) uint8_t *proof = slk_alloc(1, bytes);
    SLK_CLEANUP(slk_freep)
    bool *have = slk_calloc(slk_seal_proof_partitions(&statement->proof), sizeof *have);
    if (proof == NULL || have == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a proof");
    SLK_TRY(place(proof, have, parts, n, error));
    SLK_TRY(slk_porep_verify(&valid, crypto, pool, key, statement, proof, bytes, error));
    if (!valid)
        return slk_fail(error, SLK_E_CORRUPT,
                        "the joined proof does not verify: a part is damaged, or was made with "
                        "other parameters");
    memcpy(ret_proof, proof, bytes);
    return SLK_OK;
}
