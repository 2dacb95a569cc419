/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The files that `selkie proof join` reads: what is read can be written, and read back the same. */
#include "fuzz.h"

#include "base/mem.h"
#include "proofs/porep_part.h"

#include <string.h>

static void check_again(const slk_porep_part *part)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    SLK_CLEANUP(slk_porep_part_done) slk_porep_part again = {.n = 0};
    slk_buf_init(&text, SLK_POREP_PART_BYTES_MAX);
    slk_assert(slk_porep_part_write(&text, part, NULL) == SLK_OK);
    slk_assert(slk_porep_part_read(&again, text.data, text.len, NULL) == SLK_OK);
    const slk_porep_statement *a = &part->statement, *b = &again.statement;
    slk_assert(a->proof.registered == b->proof.registered && a->miner_id == b->miner_id &&
               a->sector_number == b->sector_number);
    slk_assert(memcmp(a->ticket, b->ticket, 32) == 0 && memcmp(a->seed, b->seed, 32) == 0 &&
               memcmp(a->comm_r, b->comm_r, 32) == 0 && memcmp(a->comm_d, b->comm_d, 32) == 0);
    slk_assert(part->first == again.first && part->n == again.n &&
               memcmp(part->proofs, again.proofs, (size_t)part->n * SLK_GROTH16_PROOF_BYTES) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_porep_part_done) slk_porep_part part = {.n = 0};
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    slk_error error = {0};
    if (slk_porep_part_read(&part, text, n, &error) != SLK_OK) {
        slk_assert(error.message[0] && part.proofs == NULL);
        return 0;
    }
    const unsigned have = slk_seal_proof_partitions(&part.statement.proof);
    slk_assert(part.n > 0 && part.first < have && part.n <= have - part.first);
    check_again(&part);
    return 0;
}
