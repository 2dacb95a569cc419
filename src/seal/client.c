/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the client's endpoints do: completion and tickets; and where its files are. */
#include "seal/client.h"

#include "base/mem.h"
#include "db/args.h"
#include "seal/rows_impl.h"

#include <string.h>

static const slk_sql any_provider = {
    "client.any_provider", "SELECT count(*) FROM rseal_client_providers WHERE sp_id = $1"};
static const slk_sql token_known = {
    "client.token", "SELECT count(*) FROM rseal_client_providers WHERE provider_token_hash = $1"};
static const slk_sql delegated_to = {
    "client.delegated", "SELECT count(*) FROM rseal_client_pipeline c JOIN rseal_client_providers p"
                        " ON p.id = c.provider_id WHERE c.sp_id = $1 AND c.sector_number = $2"
                        " AND p.provider_token_hash = $3"};
static const slk_sql store_completion = {
    "client.completion",
    "UPDATE sectors_sdr_pipeline SET ticket_epoch = $3, ticket_value = $4, tree_d_cid = $5,"
    " tree_r_cid = $6 WHERE sp_id = $1 AND sector_number = $2"};

/* ---- completion: the poll and the callback meet here ---- */

slk_err slk_client_store_completion(slk_db *db, const slk_seal_sector *sector,
                                    const slk_seal_completion *completion, slk_error *error)
{
    return slk_sql_run(
        db, &store_completion,
        SLK_ARGS(slk_arg_u(sector->sp_id), slk_arg_u(sector->number),
                 slk_arg_i(completion->ticket_epoch), slk_arg_b(completion->ticket, 32),
                 slk_arg_t(completion->tree_d_cid), slk_arg_t(completion->tree_r_cid)),
        NULL, error);
}

struct complete {
    slk_change change;
    const char *token_hash;
    const slk_seal_sector *sector;
    const slk_seal_completion *completion;
    bool moved;
};

static slk_err complete_body(slk_db *db, void *context, slk_error *error)
{
    struct complete *c = context;
    slk_state state;
    bool failed;
    int64_t delegated = 0;
    c->moved = false;
    SLK_TRY(slk_sql_number(&delegated, db, &delegated_to,
                           SLK_ARGS(slk_arg_u(c->sector->sp_id), slk_arg_u(c->sector->number),
                                    slk_arg_t(c->token_hash)),
                           error));
    if (delegated == 0)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
    SLK_TRY(slk_state_read(&state, &failed, db, SLK_PIPELINE_CLIENT, c->sector->sp_id,
                           c->sector->number, error));
    if (failed || (state != SLK_CS_NEW && state != SLK_CS_ORDERED))
        return SLK_OK; /* known already, or no longer wanted */
    SLK_TRY(
        slk_task_drop(db, SLK_PIPELINE_CLIENT, c->sector->sp_id, c->sector->number, NULL, error));
    if (state == SLK_CS_NEW) { /* the answer to our order was lost, the order was not */
        c->change.event = SLK_EV_ORDERED;
        SLK_TRY(slk_state_apply(db, &c->change, error));
    }
    SLK_TRY(slk_client_store_completion(db, c->sector, c->completion, error));
    c->change.event = SLK_EV_SEALED;
    c->moved = true;
    return slk_state_apply(db, &c->change, error);
}

slk_err slk_client_authorize(slk_seal *seal, const char *token, slk_error *error)
{
    const slk_seal_keeper *keeper = &slk_seal_get_ops(seal)->keeper;
    char hash[65];
    keeper->hash(keeper->ctx, hash, token);
    int64_t known = 0;
    SLK_TRY(
        slk_sql_number(&known, slk_seal_db(seal), &token_known, SLK_ARGS(slk_arg_t(hash)), error));
    if (known == 0)
        return slk_fail(error, SLK_E_AUTH, "the partner token is not known here");
    return SLK_OK;
}

slk_err slk_client_complete(slk_seal *seal, const char *token, uint64_t sp_id, uint64_t number,
                            const slk_seal_completion *completion, slk_error *error)
{
    SLK_TRY(slk_client_authorize(seal, token, error));
    const slk_seal_keeper *keeper = &slk_seal_get_ops(seal)->keeper;
    char hash[65];
    keeper->hash(keeper->ctx, hash, token);
    SLK_TRY(slk_seal_check_key(sp_id, number, error));
    slk_seal_commitments comm;
    SLK_TRY(slk_seal_parse_cids(&comm, completion, error));
    const slk_seal_sector sector = {sp_id, number, 0};
    struct complete c = {.change = slk_seal_change(seal, SLK_PIPELINE_CLIENT, sp_id, number,
                                                   SLK_EV_SEALED, "callback", ""),
                         .token_hash = hash,
                         .sector = &sector,
                         .completion = completion};
    SLK_TRY(slk_db_tx(slk_seal_db(seal), complete_body, &c, error));
    if (c.moved)
        slk_seal_wake(seal);
    return SLK_OK;
}

/* ---- tickets and places ---- */

slk_err slk_client_ticket(uint8_t ret_ticket[32], int64_t *ret_epoch, slk_seal *seal,
                          uint64_t sp_id, slk_error *error)
{
    const slk_seal_chain *chain = &slk_seal_get_ops(seal)->chain;
    if (!chain->head)
        return slk_fail(error, SLK_E_UNREACHABLE, "this node has no chain");
    int64_t providers = 0;
    if (sp_id <= INT64_MAX)
        SLK_TRY(slk_sql_number(&providers, slk_seal_db(seal), &any_provider,
                               SLK_ARGS(slk_arg_u(sp_id)), error));
    if (providers == 0)
        return slk_fail(error, SLK_E_NOTFOUND, "that miner is not ours");
    slk_seal_network net;
    int64_t head;
    SLK_TRY(slk_seal_network_read(&net, seal, error));
    SLK_TRY(chain->head(chain->ctx, &head, error));
    uint8_t ticket[32];
    SLK_TRY(chain->ticket(chain->ctx, ticket, sp_id, head - net.ticket_lookback_epochs, error));
    memcpy(ret_ticket, ticket, 32);
    *ret_epoch = head - net.ticket_lookback_epochs;
    return SLK_OK;
}

slk_err slk_client_paths(char **ret_sealed, char **ret_cache, slk_seal *seal, uint64_t sp_id,
                         uint64_t number, slk_error *error)
{
    slk_seal_places places;
    SLK_TRY(slk_seal_places_of(&places, slk_seal_get_options(seal)->storage_folder, sp_id, number,
                               error));
    *ret_sealed = places.sealed;
    *ret_cache = places.cache;
    places.sealed = NULL;
    places.cache = NULL;
    slk_seal_places_done(&places);
    return SLK_OK;
}
