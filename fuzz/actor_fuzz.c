/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Parameters and returns of the miner actor: what is accepted is written as the same bytes. */
#include "fuzz.h"

#include "base/mem.h"
#include "fil/actor.h"

#include <string.h>

static void check_equal(const slk_buf *out, const uint8_t *data, size_t n)
{
    slk_assert(out->len == n && memcmp(out->data, data, n) == 0);
}

static void check_json(const slk_precommit *sector)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *json = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *json_again = NULL;
    slk_precommit again = {0};
    slk_error error = {0};
    if (slk_precommit_to_json(&json, sector) != SLK_OK ||
        slk_precommit_from_json(&again, json, &error) != SLK_OK)
        return; /* numbers that JSON integers do not hold */
    slk_assert(slk_precommit_to_json(&json_again, &again) == SLK_OK);
    slk_assert(json_equal(json, json_again));
}

static void precommit(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) slk_precommit *sectors = NULL;
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_error error = {0};
    size_t n_sectors = 0;
    slk_buf_init(&out, 2 * n + 64);
    if (slk_precommit_params_decode(&sectors, &n_sectors, data, n, &error) != SLK_OK)
        return;
    slk_assert(n_sectors <= SLK_PRE_COMMIT_MAX_SECTORS);
    bool whole = true; /* the ids of deals are not kept */
    for (size_t i = 0; i < n_sectors; i++)
        whole = whole && sectors[i].n_deal_ids == 0;
    for (size_t i = 0; i < n_sectors; i++)
        check_json(&sectors[i]);
    if (!whole)
        return;
    slk_assert(slk_precommit_params_encode(&out, sectors, n_sectors) == SLK_OK);
    check_equal(&out, data, n);
}

static bool encodable(const slk_prove_commit *params)
{
    for (size_t i = 0; i < params->n_sectors; i++)
        for (size_t k = 0; k < params->sectors[i].n_pieces; k++)
            if (params->sectors[i].pieces[k].n_notify > 1)
                return false; /* only the first notification is kept */
    return true;
}

static void prove_commit(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_prove_commit_decoded_done) slk_prove_commit_decoded decoded = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_error error = {0};
    slk_buf_init(&out, 2 * n + 64);
    if (slk_prove_commit_params_decode(&decoded, data, n, &error) != SLK_OK)
        return;
    slk_assert(decoded.params.n_sectors <= SLK_PROVE_MAX_SECTORS);
    if (!encodable(&decoded.params))
        return;
    slk_assert(slk_prove_commit_params_encode(&out, &decoded.params) == SLK_OK);
    check_equal(&out, data, n);
}

static void batch_return(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_batch_return_done) slk_batch_return batch = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_error error = {0};
    slk_buf_init(&out, 2 * n + 64);
    if (slk_batch_return_decode(&batch, data, n, &error) != SLK_OK)
        return;
    for (size_t i = 0; i < batch.n_failures; i++)
        slk_assert(slk_batch_return_exit_of(&batch, batch.failures[i].index) ==
                   batch.failures[i].exit_code);
    slk_assert(slk_batch_return_encode(&out, &batch) == SLK_OK);
    check_equal(&out, data, n);
}

static void records(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *json = NULL;
    slk_error error = {0};
    slk_precommit sector = {0};
    slk_precommit_info info = {0};
    slk_sector_info on_chain = {0};
    if (slk_json_parse(&json, data, n, 1 << 16, &error) != SLK_OK)
        return;
    if (slk_precommit_from_json(&sector, json, &error) == SLK_OK)
        check_json(&sector);
    (void)!slk_precommit_info_from_json(&info, json, &error);
    (void)!slk_sector_info_from_json(&on_chain, json, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    precommit(data, n);
    prove_commit(data, n);
    batch_return(data, n);
    records(data, n);
    return 0;
}
