/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie proof c2, join, verify. */
#include "app/proof_args.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "proofs/groth16/prove.h"
#include "proofs/porep_part.h"

#include <string.h>

#define C1_FILE_BYTES_MAX (256u << 20)
#define PROOF_FILE_BYTES_MAX (126u * 192u) /* the longest: non-interactive, 126 partitions */

static slk_err read_c1(slk_c1 *ret_c1, slk_tool *tool)
{
    const slk_options *o = tool->options;
    slk_seal_proof expected;
    const bool stated = slk_options_has(o, "seal-proof") || slk_options_has(o, "sector-size");
    if (stated)
        SLK_TRY(slk_proof_args_seal_proof(&expected, tool));
    const char *path = slk_options_text(o, "c1");
    slk_file_map map = {0};
    SLK_TRY(slk_file_map_read(&map, path, &tool->error));
    slk_err code = map.bytes > C1_FILE_BYTES_MAX
                       ? slk_fail(&tool->error, SLK_E_LIMIT, "larger than 256 MiB")
                       : slk_c1_read_json(ret_c1, map.data, map.bytes, stated ? &expected : NULL,
                                          &tool->error);
    slk_file_map_done(&map);
    return code == SLK_OK ? SLK_OK : slk_fail_context(&tool->error, code, "%s", path);
}

static slk_err read_scalar(slk_fr *out, slk_tool *tool, const char *name)
{
    uint8_t node[32];
    if (!slk_options_hex(tool->options, name, node) || !slk_fr_from_node(out, node))
        return slk_fail(&tool->error, SLK_E_INVAL,
                        "--r and --s go together, 32 bytes little-endian below the modulus");
    return SLK_OK;
}

/* --r and --s: only where forging is possible anyway. */
static slk_err read_blinding(slk_porep_blinding *ret, bool *ret_fixed, slk_tool *tool)
{
    *ret_fixed = slk_options_has(tool->options, "r") || slk_options_has(tool->options, "s");
    if (!*ret_fixed)
        return SLK_OK;
    SLK_TRY(read_scalar(&ret->r, tool, "r"));
    return read_scalar(&ret->s, tool, "s");
}

/* Which partitions of a proof. */
typedef struct range {
    unsigned first, n;
    bool some; /* not all of them */
} range;

/* --partitions A-B or A. */
static slk_err read_range(range *ret, slk_tool *tool, unsigned partitions)
{
    const char *text = slk_options_text(tool->options, "partitions");
    *ret = (range){0, partitions, text != NULL};
    if (text == NULL)
        return SLK_OK;
    char first[16] = "";
    uint64_t a, b;
    const char *dash = strchr(text, '-');
    const size_t n = dash == NULL ? strlen(text) : (size_t)(dash - text);
    if (n < sizeof first)
        memcpy(first, text, n);
    if (slk_parse_u64(&a, first) != SLK_OK ||
        slk_parse_u64(&b, dash == NULL ? first : dash + 1) != SLK_OK || a > b || b >= partitions)
        return slk_tool_misuse(tool,
                               slk_fail(&tool->error, SLK_E_INVAL,
                                        "--partitions: A-B or A, from 0 to %u", partitions - 1));
    ret->first = slk_u32(a);
    ret->n = slk_u32(b - a + 1);
    return SLK_OK;
}

/* --dry-run: what it would take. */
static slk_err say_memory(slk_tool *tool, const slk_c1 *c1, const range *r)
{
    slk_groth16_memory m;
    SLK_TRY(slk_groth16_memory_of(&m, tool->crypto, c1->proof.shape, r->n,
                                  slk_pool_threads(tool->pool), &tool->error));
    slk_tool_bool(tool, "dry_run", true);
    slk_tool_number(tool, "partitions", r->n);
    slk_tool_number(tool, "program_bytes", m.program);
    slk_tool_number(tool, "vectors_bytes", m.vectors);
    slk_tool_number(tool, "witnesses_bytes", m.witnesses);
    slk_tool_number(tool, "circuit_bytes", m.circuit);
    slk_tool_number(tool, "transforms_bytes", m.transforms);
    slk_tool_number(tool, "msm_h_bytes", m.msm_h);
    slk_tool_number(tool, "msm_queries_bytes", m.msm_queries);
    slk_tool_number(tool, "needed_bytes", m.peak);
    return SLK_OK;
}

static slk_err write_part(slk_tool *tool, const slk_c1 *c1, const range *r, uint8_t *proofs)
{
    slk_porep_part part = {.statement = {.proof = c1->proof,
                                         .miner_id = slk_options_u64(tool->options, "miner"),
                                         .sector_number = slk_options_u64(tool->options, "sector")},
                           .first = r->first,
                           .n = r->n,
                           .proofs = proofs};
    memcpy(part.statement.ticket, c1->ticket, 32);
    memcpy(part.statement.seed, c1->seed, 32);
    memcpy(part.statement.comm_r, c1->comm_r, 32);
    memcpy(part.statement.comm_d, c1->comm_d, 32);
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_POREP_PART_BYTES_MAX);
    SLK_TRY(slk_porep_part_write(&text, &part, &tool->error));
    slk_tool_number(tool, "first_partition", r->first);
    slk_tool_number(tool, "partitions", r->n);
    return slk_file_write_atomic(slk_options_text(tool->options, "out"), text.data, text.len, 0644,
                                 &tool->error);
}

static slk_err write_proof(slk_tool *tool, const uint8_t *proof, size_t n)
{
    slk_tool_number(tool, "proof_bytes", n);
    return slk_file_write_atomic(slk_options_text(tool->options, "out"), proof, n, 0644,
                                 &tool->error);
}

static slk_err prove(slk_tool *tool, const slk_c1 *c1, const range *r)
{
    slk_porep_blinding blinding;
    bool fixed, development;
    SLK_TRY(read_blinding(&blinding, &fixed, tool));
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    SLK_TRY(slk_proof_args_params(&folder, &development, tool));
    slk_params *params = NULL;
    SLK_TRY(slk_params_open(&params, tool->crypto, folder, c1->proof.shape, development || fixed,
                            &tool->error));
    uint8_t proofs[PROOF_FILE_BYTES_MAX];
    const size_t bytes = (size_t)r->n * SLK_GROTH16_PROOF_BYTES;
    slk_assert(bytes <= sizeof proofs);
    slk_err code = slk_porep_prove_partitions(
        proofs, tool->crypto, tool->pool, params, c1, slk_options_u64(tool->options, "miner"),
        slk_options_u64(tool->options, "sector"), r->first, r->n, fixed ? &blinding : NULL,
        &tool->job, &tool->error);
    slk_tool_bool(tool, "development", slk_params_key_of(params)->development);
    slk_params_free(params);
    if (code != SLK_OK)
        return code;
    slk_tool_text(tool, "out", slk_options_text(tool->options, "out"));
    return r->some ? write_part(tool, c1, r, proofs) : write_proof(tool, proofs, bytes);
}

static slk_err c2(slk_tool *tool, const slk_c1 *c1)
{
    range r;
    SLK_TRY(read_range(&r, tool, c1->partitions));
    if (r.some && c1->proof.registered < 0)
        return slk_tool_misuse(tool, slk_fail(&tool->error, SLK_E_INVAL,
                                              "--partitions is for registered seal proofs only"));
    if (slk_options_flag(tool->options, "dry-run"))
        return say_memory(tool, c1, &r);
    return prove(tool, c1, &r);
}

int slk_run_proof_c2(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    slk_err code = slk_tool_init(&tool, command, options);
    SLK_CLEANUP(slk_c1_done) slk_c1 c1 = {0};
    if (code == SLK_OK)
        code = read_c1(&c1, &tool);
    if (code == SLK_OK)
        code = c2(&tool, &c1);
    return slk_tool_done(&tool, code, SLK_EXIT_DONE);
}

/* ---- join ---- */

static slk_err read_part(slk_porep_part *ret_part, slk_tool *tool, const char *path)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_POREP_PART_BYTES_MAX);
    SLK_TRY(slk_file_read_all(&text, path, &tool->error));
    const slk_err code = slk_porep_part_read(ret_part, text.data, text.len, &tool->error);
    return code == SLK_OK ? SLK_OK : slk_fail_context(&tool->error, code, "%s", path);
}

static slk_err join(slk_tool *tool, slk_porep_part *parts)
{
    const slk_options *o = tool->options;
    for (size_t i = 0; i < o->n_args; i++)
        SLK_TRY(read_part(&parts[i], tool, o->args[i]));
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    bool development;
    SLK_TRY(slk_proof_args_params(&folder, &development, tool));
    slk_params_key *key = NULL;
    const slk_seal_proof *proof = &parts[0].statement.proof;
    SLK_TRY(
        slk_params_key_open(&key, tool->crypto, folder, proof->shape, development, &tool->error));
    uint8_t whole[PROOF_FILE_BYTES_MAX];
    slk_err code =
        slk_porep_join(whole, tool->crypto, tool->pool, key, parts, o->n_args, &tool->error);
    slk_tool_bool(tool, "development", key->development);
    slk_params_key_free(key);
    if (code != SLK_OK)
        return code;
    slk_tool_text(tool, "out", slk_options_text(o, "out"));
    return write_proof(tool, whole, slk_seal_proof_bytes(proof));
}

int slk_run_proof_join(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    slk_porep_part parts[SLK_OPTIONS_ARGS_MAX] = {0};
    slk_err code = slk_tool_init(&tool, command, options);
    if (code == SLK_OK)
        code = join(&tool, parts);
    for (size_t i = 0; i < SLK_OPTIONS_ARGS_MAX; i++)
        slk_porep_part_done(&parts[i]);
    return slk_tool_done(&tool, code, SLK_EXIT_DONE);
}

/* ---- verify ---- */

static slk_err verify(slk_tool *tool, bool *ret_valid)
{
    const slk_options *o = tool->options;
    slk_sector_identity sector;
    SLK_TRY(slk_proof_args_sector(&sector, tool, true));
    slk_porep_statement statement = {
        .proof = sector.proof, .miner_id = sector.miner_id, .sector_number = sector.number};
    memcpy(statement.ticket, sector.ticket, 32);
    (void)slk_options_hex(o, "seed", statement.seed); /* required by the table, as the next two */
    (void)slk_options_hex(o, "comm-r", statement.comm_r);
    (void)slk_options_hex(o, "comm-d", statement.comm_d);
    SLK_CLEANUP(slk_buf_done) slk_buf proof;
    slk_buf_init(&proof, PROOF_FILE_BYTES_MAX);
    SLK_TRY(slk_file_read_all(&proof, slk_options_text(o, "proof"), &tool->error));
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    bool development;
    SLK_TRY(slk_proof_args_params(&folder, &development, tool));
    slk_params_key *key = NULL;
    SLK_TRY(slk_params_key_open(&key, tool->crypto, folder, sector.proof.shape, development,
                                &tool->error));
    slk_err code = slk_porep_verify(ret_valid, tool->crypto, tool->pool, key, &statement,
                                    proof.data, proof.len, &tool->error);
    slk_tool_bool(tool, "development", key->development);
    slk_params_key_free(key);
    if (code != SLK_OK)
        return code;
    slk_tool_bool(tool, "valid", *ret_valid);
    if (*ret_valid)
        return SLK_OK;
    const size_t want = slk_seal_proof_bytes(&sector.proof);
    SLK_CLEANUP(slk_freep)
    char *reason = proof.len == want
                       ? slk_strf("the proof does not prove this sector: the proof is damaged, or "
                                  "miner, sector, ticket, seed, commitments or parameters are not "
                                  "those it was made with")
                       : slk_strf("%s has %zu bytes, a proof of this kind has %zu",
                                  slk_options_text(o, "proof"), proof.len, want);
    if (!reason)
        return slk_fail(&tool->error, SLK_E_NOMEM, "out of memory");
    slk_tool_text(tool, "reason", reason);
    return SLK_OK;
}

int slk_run_proof_verify(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    bool valid = false;
    slk_err code = slk_tool_init(&tool, command, options);
    if (code == SLK_OK)
        code = verify(&tool, &valid);
    return slk_tool_done(&tool, code, valid ? SLK_EXIT_DONE : SLK_EXIT_NO);
}
