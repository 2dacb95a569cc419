/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The constant flow: sectors ordered by themselves, so many under way per miner. */
#include "seal/client.h"

#include "seal/sql_impl.h"

static const slk_sql count_under_way = {
    "flow.under_way", "SELECT count(*) FROM rseal_client_pipeline WHERE sp_id = $1 AND failed = 0"
                      " AND state <> 'proving'"};

slk_err slk_client_under_way(uint64_t *ret_n, slk_db *db, uint64_t sp_id, slk_error *error)
{
    int64_t n = 0;
    SLK_TRY(slk_sql_number(&n, db, &count_under_way, SLK_ARGS(slk_arg_u(sp_id)), error));
    *ret_n = slk_u64(n);
    return SLK_OK;
}
