/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Outputs of precommit 1: what is read prints to a text that reads the same. */
#include "fuzz.h"

#include "base/mem.h"
#include "lotus/pc1_out.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, SLK_LOTUS_PC1_OUT_MAX_BYTES);
    slk_error error = {0};
    slk_lotus_pc1_out pc1, again;
    if (slk_lotus_pc1_out_read(&pc1, text, n, &error) != SLK_OK)
        return 0;
    slk_assert(slk_lotus_pc1_out_print(&out, &pc1, "/cache") == SLK_OK);
    slk_assert(slk_lotus_pc1_out_read(&again, out.data, out.len, &error) == SLK_OK);
    slk_assert(again.proof.registered == pc1.proof.registered);
    slk_assert(memcmp(again.comm_d, pc1.comm_d, 32) == 0 && again.has_ticket == pc1.has_ticket);
    slk_assert(!pc1.has_ticket || memcmp(again.ticket, pc1.ticket, 32) == 0);
    return 0;
}
