/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/proof_args.h"

#include "base/file.h"
#include "base/mem.h"
#include "codec/json.h"
#include "fil/commcid.h"
#include "proofs/params/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECES_FILE_BYTES_MAX (16u << 20)
#define PIECES_MAX 100000u

static slk_err parse_api(slk_api_version *ret_api, const char *text, slk_error *error)
{
    static const struct {
        const char *text;
        slk_api_version api;
    } versions[] = {{"1.0", SLK_API_1_0}, {"1.1", SLK_API_1_1}, {"1.2", SLK_API_1_2}};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        if (strcmp(versions[i].text, text) == 0) {
            *ret_api = versions[i].api;
            return SLK_OK;
        }
    }
    return slk_fail(error, SLK_E_INVAL, "--api-version is 1.0, 1.1 or 1.2, not %s", text);
}

static slk_err parse_feature(slk_porep_feature *ret_feature, const char *text, slk_error *error)
{
    if (!text)
        *ret_feature = SLK_FEATURE_NONE;
    else if (strcmp(text, "synthetic") == 0)
        *ret_feature = SLK_FEATURE_SYNTHETIC;
    else if (strcmp(text, "non-interactive") == 0)
        *ret_feature = SLK_FEATURE_NON_INTERACTIVE;
    else
        return slk_fail(error, SLK_E_INVAL, "--feature is synthetic or non-interactive, not %s",
                        text);
    return SLK_OK;
}

slk_err slk_proof_args_no_size(slk_tool *tool)
{
    return slk_fail(
        &tool->error, SLK_E_INVAL,
        "--sector-size: there is no sector size of %llu bytes (2KiB, 4KiB, 16KiB, 32KiB, "
        "8MiB, 16MiB, 512MiB, 1GiB, 32GiB, 64GiB)",
        (unsigned long long)slk_options_u64(tool->options, "sector-size"));
}

static slk_err custom_proof(slk_seal_proof *ret_proof, slk_tool *tool)
{
    const slk_options *o = tool->options;
    uint8_t porep_id[32];
    const char *api_text = slk_options_text(o, "api-version");
    if (!slk_options_has(o, "sector-size") || !api_text ||
        !slk_options_hex(o, "porep-id", porep_id))
        return slk_fail(&tool->error, SLK_E_INVAL,
                        "say --seal-proof N, or --sector-size, --porep-id and --api-version");
    const uint64_t bytes = slk_options_u64(o, "sector-size");
    const slk_sector_shape *shape = slk_sector_shape_of(bytes);
    if (!shape)
        return slk_proof_args_no_size(tool);
    slk_api_version api = SLK_API_1_0;
    slk_porep_feature feature = SLK_FEATURE_NONE;
    SLK_TRY(parse_api(&api, api_text, &tool->error));
    SLK_TRY(parse_feature(&feature, slk_options_text(o, "feature"), &tool->error));
    slk_seal_proof_custom(ret_proof, shape, porep_id, api, feature);
    return SLK_OK;
}

static slk_err seal_proof(slk_seal_proof *ret_proof, slk_tool *tool)
{
    const slk_options *o = tool->options;
    if (!slk_options_has(o, "seal-proof"))
        return custom_proof(ret_proof, tool);
    static const char *const others[] = {"sector-size", "porep-id", "api-version", "feature"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (slk_options_has(o, others[i]))
            return slk_fail(&tool->error, SLK_E_INVAL, "--%s does not go with --seal-proof",
                            others[i]);
    return slk_seal_proof_registered(ret_proof, slk_options_i64(o, "seal-proof"), &tool->error);
}

slk_err slk_proof_args_seal_proof(slk_seal_proof *ret_proof, slk_tool *tool)
{
    return slk_tool_misuse(tool, seal_proof(ret_proof, tool));
}

slk_err slk_proof_args_sector(slk_sector_identity *ret_sector, slk_tool *tool, bool with_ticket)
{
    slk_sector_identity sector = {.miner_id = slk_options_u64(tool->options, "miner"),
                                  .number = slk_options_u64(tool->options, "sector")};
    if (sector.number > SLK_SECTOR_NUMBER_MAX)
        return slk_tool_misuse(
            tool, slk_fail(&tool->error, SLK_E_INVAL, "--sector: sector numbers end at 2^63-1"));
    SLK_TRY(slk_proof_args_seal_proof(&sector.proof, tool));
    if (with_ticket)
        (void)slk_options_hex(tool->options, "ticket", sector.ticket); /* required by the table */
    *ret_sector = sector;
    return SLK_OK;
}

static slk_err read_piece(slk_piece *ret_piece, const json_t *row, slk_error *error)
{
    SLK_TRY(slk_json_u64(&ret_piece->padded_bytes, row, "size", error));
    if (slk_json_member(row, "commitment"))
        return slk_json_hex(ret_piece->commitment, 32, row, "commitment", error);
    const char *text;
    SLK_TRY(slk_json_string(&text, row, "cid", error));
    slk_cid cid;
    SLK_TRY(slk_cid_parse(&cid, text, error));
    return slk_comm_d_from_cid(ret_piece->commitment, &cid, error);
}

slk_err slk_proof_args_read_pieces(slk_piece **ret_pieces, size_t *ret_n, const json_t *array,
                                   slk_error *error)
{
    const size_t n = json_array_size(array);
    if (!json_is_array(array) || n == 0 || n > PIECES_MAX)
        return slk_fail(error, SLK_E_INVAL, "not a JSON array of 1 to %u pieces", PIECES_MAX);
    SLK_CLEANUP(slk_freep) slk_piece *pieces = slk_calloc(n, sizeof *pieces);
    if (!pieces)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        const slk_err code = read_piece(&pieces[i], json_array_get(array, i), error);
        if (code != SLK_OK)
            return slk_fail_context(error, code, "piece %zu", i);
    }
    *ret_pieces = pieces;
    *ret_n = n;
    pieces = NULL;
    return SLK_OK;
}

slk_err slk_proof_args_pieces(slk_piece **ret_pieces, size_t *ret_n, slk_tool *tool)
{
    *ret_pieces = NULL;
    *ret_n = 0;
    const char *path = slk_options_text(tool->options, "pieces");
    if (!path)
        return SLK_OK;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, PIECES_FILE_BYTES_MAX);
    SLK_TRY(slk_file_read_all(&text, path, &tool->error));
    SLK_CLEANUP(slk_json_decrefp) json_t *root = NULL;
    slk_err code =
        slk_json_parse(&root, slk_buf_str(&text), text.len, PIECES_FILE_BYTES_MAX, &tool->error);
    if (code == SLK_OK)
        code = slk_proof_args_read_pieces(ret_pieces, ret_n, root, &tool->error);
    return code == SLK_OK ? code : slk_fail_context(&tool->error, code, "%s", path);
}

slk_err slk_proof_args_params_folder(char **ret_folder, slk_tool *tool, const char *option)
{
    const char *home = getenv("SELKIE_PATH");
    const char *user = getenv("HOME");
    SLK_CLEANUP(slk_freep)
    char *data = home && *home ? slk_strdup(home) : slk_strf("%s/.selkie", user ? user : ".");
    if (!data)
        return slk_fail(&tool->error, SLK_E_NOMEM, "out of memory");
    return slk_params_folder(ret_folder, slk_options_text(tool->options, option), data,
                             &tool->error);
}

slk_err slk_proof_args_params(char **ret_folder, bool *ret_development, slk_tool *tool)
{
    const char *told = getenv("SELKIE_DEVELOPMENT");
    *ret_development =
        slk_options_flag(tool->options, "development") || (told && strcmp(told, "1") == 0);
    return slk_proof_args_params_folder(ret_folder, tool, "params");
}

slk_seal_env slk_proof_env(slk_tool *tool)
{
    const char *parents = getenv("FIL_PROOFS_PARENT_CACHE");
    return (slk_seal_env){.crypto = tool->crypto,
                          .pool = tool->pool,
                          .job = &tool->job,
                          .parent_cache = parents && *parents ? parents : NULL};
}

static void add_comm(slk_tool *tool, const char *name, const uint8_t comm32[32], bool sealed)
{
    slk_tool_hex(tool, name, comm32, 32);
    slk_cid cid;
    if (sealed)
        slk_comm_r_cid(&cid, comm32);
    else
        slk_comm_d_cid(&cid, comm32);
    char key[64], text[SLK_CID_TEXT_CHARS];
    (void)snprintf(key, sizeof key, "%s_cid", name);
    slk_cid_print(text, &cid);
    slk_tool_text(tool, key, text);
}

void slk_tool_comm_d(slk_tool *tool, const char *name, const uint8_t comm_d32[32])
{
    add_comm(tool, name, comm_d32, false);
}

void slk_tool_comm_r(slk_tool *tool, const char *name, const uint8_t comm_r32[32])
{
    add_comm(tool, name, comm_r32, true);
}
