/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of `selkie proof …`. */
#include "app/proof_args.h"

static const slk_option pc1_options[] = {
    SLK_ROWS_SEAL_PROOF,
    SLK_ROWS_SECTOR,
    SLK_ROW_HEX32("ticket", "seal randomness, 32 bytes"),
    {.name = "unsealed",
     .type = SLK_OPTION_TEXT,
     .value = "FILE",
     .help = "Fr32-padded data of the sector; without it the sector is all zero"},
    SLK_ROW_PIECES,
    SLK_ROW_PATH("sealed", "FILE", "where the sealed file comes to lie"),
    SLK_ROW_PATH("cache", "DIR", "cache folder: layers, trees, aux files"),
    {0},
};
static const slk_option pc2_options[] = {
    SLK_ROWS_SEAL_PROOF,
    SLK_ROW_PATH("sealed", "FILE", "the sealed file of pc1"),
    SLK_ROW_PATH("cache", "DIR", "the cache folder of pc1"),
    {.name = "keep-columns",
     .type = SLK_OPTION_FLAG,
     .help = "also keep the labels node by node, as large as all layers, for a faster c1"},
    {0},
};
static const slk_option c1_options[] = {
    SLK_ROWS_SEAL_PROOF,
    SLK_ROWS_SECTOR,
    SLK_ROW_HEX32("ticket", "seal randomness, 32 bytes"),
    SLK_ROW_HEX32("seed", "interactive randomness, 32 bytes"),
    SLK_ROW_HEX32("comm-r", "commitment of the replica"),
    SLK_ROW_HEX32("comm-d", "commitment of the data"),
    SLK_ROW_PIECES,
    SLK_ROW_PATH("sealed", "FILE", "the sealed file"),
    SLK_ROW_PATH("cache", "DIR", "the cache folder after pc2"),
    SLK_ROW_PATH("out", "FILE", "where the phase-1 output goes"),
    {0},
};
static const slk_option c2_options[] = {
    SLK_ROW_PATH("c1", "FILE", "the phase-1 output"),
    SLK_ROWS_SECTOR,
    SLK_ROW_PATH("out", "FILE", "where the proof goes: 192 bytes per partition"),
    SLK_ROWS_SEAL_PROOF,
    SLK_ROWS_PARAMS,
    {.name = "r",
     .type = SLK_OPTION_HEX,
     .hex_bytes = 32,
     .help = "fixed blinding, for tests with development parameters only"},
    {.name = "s", .type = SLK_OPTION_HEX, .hex_bytes = 32, .help = "the same"},
    {0},
};
static const slk_option verify_options[] = {
    SLK_ROWS_SEAL_PROOF,
    SLK_ROWS_SECTOR,
    SLK_ROW_HEX32("ticket", "seal randomness, 32 bytes"),
    SLK_ROW_HEX32("seed", "interactive randomness, 32 bytes"),
    SLK_ROW_HEX32("comm-r", "commitment of the replica"),
    SLK_ROW_HEX32("comm-d", "commitment of the data"),
    SLK_ROW_PATH("proof", "FILE", "the proof, 192 bytes per partition"),
    SLK_ROWS_PARAMS,
    {0},
};
static const slk_option unseal_options[] = {
    SLK_ROWS_SEAL_PROOF,
    SLK_ROWS_SECTOR,
    SLK_ROW_HEX32("ticket", "seal randomness, 32 bytes"),
    SLK_ROW_HEX32("comm-d", "commitment of the data"),
    SLK_ROW_PATH("sealed", "FILE", "the sealed file"),
    SLK_ROW_PATH("cache", "DIR", "a folder to work in: two layers at a time"),
    {.name = "offset", .type = SLK_OPTION_U64, .fallback = "0", .help = "first raw byte wanted"},
    {.name = "length", .type = SLK_OPTION_U64, .help = "raw bytes wanted (default: to the end)"},
    SLK_ROW_PATH("out", "FILE", "where the raw bytes go"),
    {0},
};
static const slk_option check_options[] = {
    SLK_ROWS_SEAL_PROOF,
    SLK_ROW_PATH("sealed", "FILE", "the sealed file"),
    SLK_ROW_PATH("cache", "DIR", "its cache folder: p_aux and tree-r-last"),
    SLK_ROW_HEX32("comm-r", "commitment of the replica"),
    {0},
};
static const slk_option commd_options[] = {
    {.name = "sector-size",
     .type = SLK_OPTION_SIZE,
     .required = true,
     .value = "SIZE",
     .help = "sector size: 2KiB, 8MiB, 512MiB, 32GiB …"},
    SLK_ROW_PIECES,
    {0},
};

const slk_command slk_commands_proof[] = {
    {.name = "proof pc1",
     .help = "Labels a sector: TreeD and layers (precommit phase 1); run again, it keeps finished "
             "layers.",
     .example = "selkie proof pc1 --seal-proof 5 --miner f01000 --sector 1 --ticket $TICKET "
                "--sealed sealed --cache cache",
     .options = pc1_options,
     .run = slk_run_proof_pc1},
    {.name = "proof pc2",
     .help = "Builds TreeC and TreeR and encodes the replica (precommit phase 2).",
     .example = "selkie proof pc2 --seal-proof 5 --sealed sealed --cache cache",
     .options = pc2_options,
     .run = slk_run_proof_pc2},
    {.name = "proof c1",
     .help = "Opens the challenged nodes for a seed (commit phase 1).",
     .example = "selkie proof c1 --seal-proof 5 --miner f01000 --sector 1 --ticket $TICKET "
                "--seed $SEED --comm-r $COMM_R --comm-d $COMM_D --sealed sealed --cache cache "
                "--out c1.json",
     .options = c1_options,
     .run = slk_run_proof_c1},
    {.name = "proof c2",
     .help = "Makes the SNARK that goes on chain (commit phase 2).",
     .example = "selkie proof c2 --c1 c1.json --miner f01000 --sector 1 --out proof.bin",
     .options = c2_options,
     .run = slk_run_proof_c2},
    {.name = "proof verify",
     .help = "Says whether a proof is valid; exit 3 if it is not.",
     .example = "selkie proof verify --seal-proof 5 --miner f01000 --sector 1 --ticket $TICKET "
                "--seed $SEED --comm-r $COMM_R --comm-d $COMM_D --proof proof.bin",
     .options = verify_options,
     .run = slk_run_proof_verify},
    {.name = "proof unseal",
     .help = "Decodes a range of the data out of a replica.",
     .example = "selkie proof unseal --seal-proof 5 --miner f01000 --sector 1 --ticket $TICKET "
                "--comm-d $COMM_D --sealed sealed --cache work --out data",
     .options = unseal_options,
     .run = slk_run_proof_unseal},
    {.name = "proof check-replica",
     .help = "Rebuilds tree-r-last from the sealed file and compares; exit 3 if anything differs.",
     .example = "selkie proof check-replica --seal-proof 5 --sealed sealed --cache cache "
                "--comm-r $COMM_R",
     .options = check_options,
     .run = slk_run_proof_check_replica},
    {.name = "proof commd",
     .help = "Computes CommD of a sector from its pieces (without pieces: all zero).",
     .example = "selkie proof commd --sector-size 32GiB --pieces pieces.json",
     .options = commd_options,
     .run = slk_run_proof_commd},
    {.name = "proof piece",
     .args = "FILE",
     .args_min = 1,
     .args_max = 1,
     .help = "Computes the piece commitment of a file.",
     .example = "selkie proof piece data.car --json",
     .run = slk_run_proof_piece},
    {0},
};
