/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Disks without room for the next sectors. */
#include "monitor/rules_impl.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "seal/disk.h"
#include "seal/provider.h"

#include <inttypes.h>
#include <stdio.h>

#define MIB (UINT64_C(1) << 20)

/* The proof of our latest sector, -1 without one. */
static const slk_sql latest_proof = {"rules.latest_proof",
                                     "SELECT reg_seal_proof FROM rseal_client_pipeline"
                                     " ORDER BY create_time DESC LIMIT 1"};

static slk_err look_scratch(slk_look *look, const slk_rules *rules, slk_error *error)
{
    uint64_t largest = 0;
    slk_disk disk;
    SLK_TRY(slk_provider_largest_order(&largest, rules->seal, error));
    SLK_TRY(slk_disk_look(&disk, slk_seal_db(rules->seal), rules->seal, error));
    const uint64_t wanted = largest * slk_u64(rules->disk_sectors);
    const uint64_t left = slk_disk_left_bytes(&disk);
    if (left >= wanted)
        return SLK_OK;
    slk_condition c =
        slk_rule_own(rules, "disk-low", SLK_SEVERITY_CRITICAL,
                     "free some, or let partners order smaller sectors (SealProofs, partner set "
                     "--proof-types): orders without room are refused",
                     "scratch");
    (void)snprintf(c.summary, sizeof c.summary,
                   "%" PRIu64 " MiB of the scratch disk are free and not promised; the next "
                   "%" PRId64 " sectors take %" PRIu64 " MiB",
                   left / MIB, rules->disk_sectors, wanted / MIB);
    return slk_look_add(look, &c, error);
}

static slk_err sector_bytes(uint64_t *ret_bytes, const slk_rules *rules, slk_error *error)
{
    const slk_seal_prover *prover = &slk_seal_get_ops(rules->seal)->prover;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    *ret_bytes = 0;
    SLK_TRY(slk_query_init(&q, slk_seal_db(rules->seal), &latest_proof, error));
    SLK_TRY(slk_query_step(&q, &row, error));
    return row ? prover->sector_bytes(prover->ctx, ret_bytes, slk_column_i64(&q, 0), error)
               : SLK_OK;
}

static slk_err look_storage(slk_look *look, const slk_rules *rules, slk_error *error)
{
    uint64_t sector = 0, left = 0;
    SLK_TRY(sector_bytes(&sector, rules, error));
    SLK_TRY(slk_folder_free_bytes(&left, slk_seal_get_options(rules->seal)->storage_folder, error));
    /* Beside the replica a cache of at most a hundredth of it, and C1 for a while. */
    const uint64_t wanted = (sector + sector / 50) * slk_u64(rules->disk_sectors);
    if (left >= wanted)
        return SLK_OK;
    slk_condition c =
        slk_rule_own(rules, "disk-low", SLK_SEVERITY_CRITICAL,
                     "free some, or move finished sectors; fetches wait for room", "storage");
    (void)snprintf(c.summary, sizeof c.summary,
                   "%" PRIu64 " MiB of the storage disk are free; the next %" PRId64
                   " sectors take %" PRIu64 " MiB",
                   left / MIB, rules->disk_sectors, wanted / MIB);
    return slk_look_add(look, &c, error);
}

slk_err slk_rule_disk(slk_look *look, const slk_rules *rules, slk_error *error)
{
    const slk_seal_options *o = slk_seal_get_options(rules->seal);
    if (o->provider)
        SLK_TRY(look_scratch(look, rules, error));
    return o->client ? look_storage(look, rules, error) : SLK_OK;
}
