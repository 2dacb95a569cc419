/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Options that the `selkie proof` commands share, and what they mean. */
#ifndef SLK_APP_PROOF_ARGS_H
#define SLK_APP_PROOF_ARGS_H

#include "app/tool.h"
#include "proofs/piece/piece.h"
#include "proofs/vanilla/seal.h"

/* Rows of option tables. */
#define SLK_ROWS_SEAL_PROOF                                                                  \
    {.name = "seal-proof",                                                                   \
     .type = SLK_OPTION_I64,                                                                 \
     .value = "N",                                                                           \
     .help = "registered seal proof, 0..19 (5: 2KiB V1_1, 8: 32GiB V1_1); this or the next " \
             "three"},                                                                       \
        {.name = "sector-size",                                                              \
         .type = SLK_OPTION_SIZE,                                                            \
         .value = "SIZE",                                                                    \
         .help = "instead of --seal-proof, for sizes without a number: 16KiB …"},            \
        {.name = "porep-id",                                                                 \
         .type = SLK_OPTION_HEX,                                                             \
         .hex_bytes = 32,                                                                    \
         .help = "with --sector-size: 32 bytes"},                                            \
        {.name = "api-version",                                                              \
         .type = SLK_OPTION_TEXT,                                                            \
         .value = "V",                                                                       \
         .help = "with --sector-size: 1.0, 1.1 or 1.2"},                                     \
    {                                                                                        \
        .name = "feature", .type = SLK_OPTION_TEXT, .value = "NAME",                         \
        .help = "with --sector-size: synthetic or non-interactive"                           \
    }
#define SLK_ROWS_SECTOR                                                           \
    {.name = "miner",                                                             \
     .type = SLK_OPTION_MINER,                                                    \
     .required = true,                                                            \
     .value = "ID",                                                               \
     .help = "the miner: f01000 or 1000"},                                        \
    {                                                                             \
        .name = "sector", .type = SLK_OPTION_U64, .required = true, .value = "N", \
        .help = "sector number, 0 to 2^63-1"                                      \
    }
#define SLK_ROW_HEX32(row_name, text)                                                             \
    {                                                                                             \
        .name = row_name, .type = SLK_OPTION_HEX, .required = true, .hex_bytes = 32, .help = text \
    }
#define SLK_ROW_PATH(row_name, kind, text)                                                       \
    {                                                                                            \
        .name = row_name, .type = SLK_OPTION_TEXT, .required = true, .value = kind, .help = text \
    }
#define SLK_ROW_PIECES                                                                               \
    {                                                                                                \
        .name = "pieces", .type = SLK_OPTION_TEXT, .value = "FILE",                                  \
        .help =                                                                                      \
            "JSON: [{\"size\":padded bytes,\"cid\"|\"commitment\":…}]; default: the data as it is" \
    }
#define SLK_ROWS_PARAMS                                                                       \
    {.name = "params",                                                                        \
     .type = SLK_OPTION_TEXT,                                                                 \
     .value = "DIR",                                                                          \
     .env = "FIL_PROOFS_PARAMETER_CACHE",                                                     \
     .help = "parameter folder (default: /var/tmp/filecoin-proof-parameters, else under the " \
             "data folder)"},                                                                 \
    {                                                                                         \
        .name = "development", .type = SLK_OPTION_FLAG,                                       \
        .help = "this is a development network: accept parameters whose secrets are public "  \
                "(also SELKIE_DEVELOPMENT=1)"                                                 \
    }

/* --seal-proof, or the four options in its place. */
SLK_MUST_CHECK slk_err slk_proof_args_seal_proof(slk_seal_proof *ret_proof, slk_tool *tool);
/* The error for a --sector-size that does not exist. */
SLK_MUST_CHECK slk_err slk_proof_args_no_size(slk_tool *tool);
/* --miner, --sector, and --ticket when the table has it (else zeros). */
SLK_MUST_CHECK slk_err slk_proof_args_sector(slk_sector_identity *ret_sector, slk_tool *tool,
                                             bool with_ticket);
/* The file of --pieces; *ret_pieces is heap (slk_free) or NULL without the option. */
SLK_MUST_CHECK slk_err slk_proof_args_pieces(slk_piece **ret_pieces, size_t *ret_n, slk_tool *tool);
/* The same array, already read; *ret_pieces is heap. */
SLK_MUST_CHECK slk_err slk_proof_args_read_pieces(slk_piece **ret_pieces, size_t *ret_n,
                                                  const json_t *array, slk_error *error);
/* The folder named by the option, else the usual one; heap. */
SLK_MUST_CHECK slk_err slk_proof_args_params_folder(char **ret_folder, slk_tool *tool,
                                                    const char *option);
/* Parameter folder (heap) and whether development parameters are accepted. */
SLK_MUST_CHECK slk_err slk_proof_args_params(char **ret_folder, bool *ret_development,
                                             slk_tool *tool);
slk_seal_env slk_proof_env(slk_tool *tool);

/* Adds "<name>" as hex and "<name>_cid". */
void slk_tool_comm_d(slk_tool *tool, const char *name, const uint8_t comm_d32[32]);
void slk_tool_comm_r(slk_tool *tool, const char *name, const uint8_t comm_r32[32]);

/* --batch of pc1. *ret_status, untouched unless SLK_OK is returned: SLK_EXIT_FAILED when a sector failed,
 * after the answer that says which. */
SLK_MUST_CHECK slk_err slk_proof_batch(int *ret_status, slk_tool *tool);

/* The commands, each a row of slk_commands_proof. */
int slk_run_proof_pc1(const slk_command *command, const slk_options *options);
int slk_run_proof_pc2(const slk_command *command, const slk_options *options);
int slk_run_proof_c1(const slk_command *command, const slk_options *options);
int slk_run_proof_c2(const slk_command *command, const slk_options *options);
int slk_run_proof_join(const slk_command *command, const slk_options *options);
int slk_run_proof_verify(const slk_command *command, const slk_options *options);
int slk_run_proof_unseal(const slk_command *command, const slk_options *options);
int slk_run_proof_check_replica(const slk_command *command, const slk_options *options);
int slk_run_proof_commd(const slk_command *command, const slk_options *options);
int slk_run_proof_piece(const slk_command *command, const slk_options *options);

#endif
