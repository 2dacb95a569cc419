/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "monitor/chain_sample.h"

#include "base/mem.h"
#include "base/num.h"

/* The miners we order for, with the proof of the latest sector of each. */
static const slk_sql find_miners = {
    "monitor.miners",
    "SELECT p.sp_id, max(c.reg_seal_proof) FROM rseal_client_providers p"
    " LEFT JOIN rseal_client_pipeline c ON c.sp_id = p.sp_id GROUP BY p.sp_id ORDER BY p.sp_id"};

slk_err slk_chain_sample_miners(slk_chain_sample *sample, slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &find_miners, error));
    while (sample->miners_n < SLK_SAMPLE_MINERS) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        sample->miners[sample->miners_n++] = (slk_miner_sample){
            .sp_id = slk_u64(slk_column_i64(&q, 0)),
            .seal_proof = slk_column_is_null(&q, 1) ? -1 : slk_column_i64(&q, 1),
        };
    }
    return SLK_OK;
}
