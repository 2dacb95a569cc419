/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie proof c2, verify. */
#include "app/proof_args.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "proofs/porep.h"

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

static slk_err prove(slk_tool *tool, const slk_c1 *c1)
{
    slk_porep_blinding blinding;
    bool fixed, development;
    SLK_TRY(read_blinding(&blinding, &fixed, tool));
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    SLK_TRY(slk_proof_args_params(&folder, &development, tool));
    slk_params *params = NULL;
    SLK_TRY(slk_params_open(&params, tool->crypto, folder, c1->proof.shape, development || fixed,
                            &tool->error));
    uint8_t proof[PROOF_FILE_BYTES_MAX];
    const size_t n = slk_seal_proof_bytes(&c1->proof);
    slk_assert(n <= sizeof proof);
    slk_err code = slk_porep_prove(proof, tool->crypto, tool->pool, params, c1,
                                   slk_options_u64(tool->options, "miner"),
                                   slk_options_u64(tool->options, "sector"),
                                   fixed ? &blinding : NULL, &tool->job, &tool->error);
    slk_tool_bool(tool, "development", slk_params_key_of(params)->development);
    slk_params_free(params);
    if (code != SLK_OK)
        return code;
    const char *out = slk_options_text(tool->options, "out");
    SLK_TRY(slk_file_write_atomic(out, proof, n, 0644, &tool->error));
    slk_tool_text(tool, "out", out);
    slk_tool_number(tool, "proof_bytes", n);
    return SLK_OK;
}

int slk_run_proof_c2(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    slk_err code = slk_tool_init(&tool, command, options);
    SLK_CLEANUP(slk_c1_done) slk_c1 c1 = {0};
    if (code == SLK_OK)
        code = read_c1(&c1, &tool);
    if (code == SLK_OK)
        code = prove(&tool, &c1);
    return slk_tool_done(&tool, code, SLK_EXIT_DONE);
}

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
