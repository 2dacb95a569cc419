/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie proof pc1, pc2, c1, unseal, check-replica, commd, piece. */
#include "app/proof_args.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/outfile.h"

#include <stdio.h>
#include <string.h>

/* Runs body between set-up and answer. */
static int run_tool(const slk_command *command, const slk_options *options,
                    slk_err (*body)(slk_tool *tool))
{
    slk_tool tool;
    slk_err code = slk_tool_init(&tool, command, options);
    if (code == SLK_OK)
        code = body(&tool);
    return slk_tool_done(&tool, code, SLK_EXIT_DONE);
}

static slk_err parents_option(slk_pc1_parents *ret_parents, slk_tool *tool)
{
    const char *text = slk_options_text(tool->options, "parents");
    if (!text)
        *ret_parents = SLK_PC1_PARENTS_ANY;
    else if (strcmp(text, "file") == 0)
        *ret_parents = SLK_PC1_PARENTS_FILE;
    else if (strcmp(text, "fly") == 0)
        *ret_parents = SLK_PC1_PARENTS_FLY;
    else
        return slk_tool_misuse(
            tool, slk_fail(&tool->error, SLK_E_INVAL, "--parents is \"file\" or \"fly\""));
    return SLK_OK;
}

static slk_err tree_c_option(slk_pc1_tree_c *ret_tree_c, slk_tool *tool)
{
    const char *text = slk_options_text(tool->options, "tree-c");
    if (!text || strcmp(text, "auto") == 0)
        *ret_tree_c = SLK_PC1_TREE_C_AUTO;
    else if (strcmp(text, "yes") == 0)
        *ret_tree_c = SLK_PC1_TREE_C_YES;
    else if (strcmp(text, "no") == 0)
        *ret_tree_c = SLK_PC1_TREE_C_NO;
    else
        return slk_tool_misuse(
            tool, slk_fail(&tool->error, SLK_E_INVAL, "--tree-c is \"auto\", \"yes\" or \"no\""));
    return SLK_OK;
}

static slk_err pc1(slk_tool *tool)
{
    slk_pc1_request request = {.env = slk_proof_env(tool),
                               .unsealed = slk_options_text(tool->options, "unsealed"),
                               .sealed = slk_options_text(tool->options, "sealed"),
                               .cache = slk_options_text(tool->options, "cache"),
                               .no_zero_tree_d = slk_options_flag(tool->options, "no-tree-d"),
                               .memory_bytes = slk_options_u64(tool->options, "memory")};
    SLK_TRY(parents_option(&request.parents, tool));
    SLK_TRY(tree_c_option(&request.tree_c, tool));
    SLK_TRY(slk_proof_args_sector(&request.sector, tool, true));
    SLK_CLEANUP(slk_freep) slk_piece *pieces = NULL;
    SLK_TRY(slk_proof_args_pieces(&pieces, &request.n_pieces, tool));
    request.pieces = pieces;
    slk_pc1_result result;
    SLK_TRY(slk_pc1(&result, &request, &tool->error));
    slk_tool_comm_d(tool, "comm_d", result.comm_d);
    slk_tool_hex(tool, "replica_id", result.replica_id, 32);
    slk_tool_number(tool, "layers_kept", result.layers_kept);
    slk_tool_bool(tool, "tree_c", result.tree_c);
    return SLK_OK;
}

/* What --batch says in its file, and one sector on the command line. */
static slk_err check_pc1_options(slk_tool *tool)
{
    static const char *const of_sector[] = {"miner", "sector", "ticket", "sealed", "cache"};
    static const char *const of_one[] = {"seal-proof",  "sector-size", "porep-id",
                                         "api-version", "feature",     "unsealed",
                                         "pieces",      "parents",     "tree-c"};
    static const char *const of_batch[] = {"dry-run", "threads", "lanes", "labels"};
    const bool batch = slk_options_has(tool->options, "batch");
    for (size_t i = 0; i < sizeof of_sector / sizeof *of_sector; i++)
        if (slk_options_has(tool->options, of_sector[i]) == batch)
            return slk_tool_misuse(
                tool, slk_fail(&tool->error, SLK_E_INVAL,
                               batch ? "--%s does not go with --batch" : "option --%s is required",
                               of_sector[i]));
    for (size_t i = 0; i < sizeof of_one / sizeof *of_one; i++)
        if (batch && slk_options_has(tool->options, of_one[i]))
            return slk_tool_misuse(tool, slk_fail(&tool->error, SLK_E_INVAL,
                                                  "--%s does not go with --batch", of_one[i]));
    for (size_t i = 0; i < sizeof of_batch / sizeof *of_batch; i++)
        if (!batch && slk_options_has(tool->options, of_batch[i]))
            return slk_tool_misuse(tool, slk_fail(&tool->error, SLK_E_INVAL,
                                                  "--%s goes with --batch alone", of_batch[i]));
    return SLK_OK;
}

int slk_run_proof_pc1(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    int status = SLK_EXIT_DONE;
    slk_err code = slk_tool_init(&tool, command, options);
    if (code == SLK_OK)
        code = check_pc1_options(&tool);
    if (code == SLK_OK)
        code = slk_options_has(options, "batch") ? slk_proof_batch(&status, &tool) : pc1(&tool);
    return slk_tool_done(&tool, code, status);
}

static slk_err pc2(slk_tool *tool)
{
    slk_pc2_request request = {.env = slk_proof_env(tool),
                               .sealed = slk_options_text(tool->options, "sealed"),
                               .cache = slk_options_text(tool->options, "cache"),
                               .keep_columns = slk_options_flag(tool->options, "keep-columns")};
    SLK_TRY(slk_proof_args_seal_proof(&request.proof, tool));
    slk_pc2_result result;
    SLK_TRY(slk_pc2(&result, &request, &tool->error));
    slk_tool_comm_d(tool, "comm_d", result.comm_d);
    slk_tool_comm_r(tool, "comm_r", result.comm_r);
    slk_tool_hex(tool, "comm_c", result.comm_c, 32);
    slk_tool_hex(tool, "comm_r_last", result.comm_r_last, 32);
    return SLK_OK;
}

int slk_run_proof_pc2(const slk_command *command, const slk_options *options)
{
    return run_tool(command, options, pc2);
}

/* An output file being filled in order. */
struct out {
    slk_outfile file;
    uint64_t offset;
};

static slk_err append(void *context, const void *bytes, size_t n, slk_error *error)
{
    struct out *out = context;
    SLK_TRY(slk_file_write_at(out->file.fd, bytes, n, out->offset, out->file.path, error));
    out->offset += n;
    return SLK_OK;
}

static slk_err write_c1(const slk_c1 *c1, const char *path, slk_error *error)
{
    struct out out = {.file = SLK_OUTFILE_NONE};
    SLK_TRY(slk_outfile_open(&out.file, path, NULL, 0, error));
    slk_err code = slk_c1_write_json(c1, c1->proof.registered < 0, append, &out, error);
    if (code == SLK_OK)
        code = slk_outfile_commit(&out.file, error);
    slk_outfile_done(&out.file);
    return code;
}

static slk_err c1(slk_tool *tool)
{
    const slk_options *o = tool->options;
    slk_commit1_request request = {.env = slk_proof_env(tool),
                                   .sealed = slk_options_text(o, "sealed"),
                                   .cache = slk_options_text(o, "cache")};
    SLK_TRY(slk_proof_args_sector(&request.sector, tool, true));
    (void)slk_options_hex(o, "seed", request.seed); /* required by the table, as the next two */
    (void)slk_options_hex(o, "comm-r", request.comm_r);
    (void)slk_options_hex(o, "comm-d", request.comm_d);
    SLK_CLEANUP(slk_freep) slk_piece *pieces = NULL;
    SLK_TRY(slk_proof_args_pieces(&pieces, &request.n_pieces, tool));
    request.pieces = pieces;
    SLK_CLEANUP(slk_c1_done) slk_c1 result = {0};
    SLK_TRY(slk_commit1(&result, &request, &tool->error));
    const char *path = slk_options_text(o, "out");
    SLK_TRY(write_c1(&result, path, &tool->error));
    slk_tool_number(tool, "partitions", result.partitions);
    slk_tool_number(tool, "challenges", result.challenges);
    slk_tool_text(tool, "out", path);
    return SLK_OK;
}

int slk_run_proof_c1(const slk_command *command, const slk_options *options)
{
    return run_tool(command, options, c1);
}

static slk_err unseal(slk_tool *tool)
{
    const slk_options *o = tool->options;
    slk_unseal_request request = {.env = slk_proof_env(tool),
                                  .sealed = slk_options_text(o, "sealed"),
                                  .work = slk_options_text(o, "cache"),
                                  .out = slk_options_text(o, "out"),
                                  .offset = slk_options_u64(o, "offset")};
    SLK_TRY(slk_proof_args_sector(&request.sector, tool, true));
    (void)slk_options_hex(o, "comm-d", request.comm_d); /* required by the table */
    const uint64_t all = request.sector.proof.shape->bytes / 128 * 127;
    if (slk_options_has(o, "length"))
        request.length = slk_options_u64(o, "length");
    else
        request.length = all - slk_min_u64(request.offset, all);
    if (request.offset > all || request.length > all - request.offset)
        return slk_tool_misuse(tool, slk_fail(&tool->error, SLK_E_INVAL,
                                              "--offset and --length go beyond the %llu bytes of "
                                              "data of the sector",
                                              (unsigned long long)all));
    SLK_TRY(slk_folder_make(request.work, 0755, &tool->error));
    SLK_TRY(slk_unseal(&request, &tool->error));
    slk_tool_text(tool, "out", request.out);
    slk_tool_number(tool, "bytes", request.length);
    return SLK_OK;
}

int slk_run_proof_unseal(const slk_command *command, const slk_options *options)
{
    return run_tool(command, options, unseal);
}

int slk_run_proof_check_replica(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    int status = SLK_EXIT_DONE;
    slk_err code = slk_tool_init(&tool, command, options);
    slk_check_replica_request request = {.env = slk_proof_env(&tool),
                                         .sealed = slk_options_text(options, "sealed"),
                                         .cache = slk_options_text(options, "cache")};
    uint8_t comm_r[32];
    (void)slk_options_hex(options, "comm-r", comm_r); /* required by the table */
    request.comm_r = comm_r;
    if (code == SLK_OK)
        code = slk_proof_args_seal_proof(&request.proof, &tool);
    if (code == SLK_OK)
        code = slk_check_replica(&request, &tool.error);
    if (code == SLK_OK) {
        slk_tool_bool(&tool, "valid", true);
    } else if (code == SLK_E_CORRUPT) {
        /* Bytes that do not agree are this command's answer, not its failure. */
        slk_tool_bool(&tool, "valid", false);
        slk_tool_text(&tool, "reason", slk_error_text(&tool.error, code));
        code = SLK_OK;
        status = SLK_EXIT_NO;
    }
    return slk_tool_done(&tool, code, status);
}

static slk_err commd(slk_tool *tool)
{
    slk_seal_proof proof = {.shape =
                                slk_sector_shape_of(slk_options_u64(tool->options, "sector-size"))};
    if (!proof.shape)
        return slk_tool_misuse(tool, slk_proof_args_no_size(tool));
    SLK_CLEANUP(slk_freep) slk_piece *pieces = NULL;
    size_t n;
    SLK_TRY(slk_proof_args_pieces(&pieces, &n, tool));
    uint8_t comm_d[32];
    SLK_TRY(
        slk_comm_d_of_pieces(comm_d, tool->crypto, proof.shape->bytes, pieces, n, &tool->error));
    slk_tool_text(tool, "sector_size", proof.shape->name);
    slk_tool_number(tool, "pieces", n);
    slk_tool_comm_d(tool, "comm_d", comm_d);
    return SLK_OK;
}

int slk_run_proof_commd(const slk_command *command, const slk_options *options)
{
    return run_tool(command, options, commd);
}

static slk_err piece(slk_tool *tool)
{
    const char *path = tool->options->args[0];
    slk_piece found;
    SLK_TRY(slk_commp_of_file(&found, tool->crypto, path, &tool->error));
    uint64_t raw;
    SLK_TRY(slk_file_size(&raw, path, &tool->error));
    slk_tool_text(tool, "file", path);
    slk_tool_number(tool, "raw_bytes", raw);
    slk_tool_number(tool, "size", found.padded_bytes);
    slk_tool_comm_d(tool, "commitment", found.commitment);
    return SLK_OK;
}

int slk_run_proof_piece(const slk_command *command, const slk_options *options)
{
    return run_tool(command, options, piece);
}
