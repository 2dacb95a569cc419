/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The file of --pieces, and CommD of what it lists. */
#include "fuzz.h"

#include "app/proof_args.h"
#include "base/file.h"
#include "base/mem.h"
#include "proofs/piece/piece.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const slk_option table[] = {SLK_ROW_PIECES, {.name = NULL}};
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(fuzz_folder(), "pieces.json");
    SLK_CLEANUP(slk_freep) slk_piece *pieces = NULL;
    size_t n_pieces = 0;
    uint8_t comm_d[32];
    slk_error error = {0};
    slk_assert(path);
    fuzz_write("pieces.json", data, n);
    slk_options options = {.table = table, .text = {path}};
    slk_tool tool = {.options = &options};
    if (slk_proof_args_pieces(&pieces, &n_pieces, &tool) != SLK_OK) {
        slk_assert(tool.error.message[0] && pieces == NULL);
        return 0;
    }
    slk_assert(pieces && n_pieces > 0);
    if (slk_comm_d_of_pieces(comm_d, fuzz_crypto(), 2048, pieces, n_pieces, &error) == SLK_OK)
        slk_assert(n_pieces <= 2048 / SLK_PIECE_MIN_BYTES);
    return 0;
}
