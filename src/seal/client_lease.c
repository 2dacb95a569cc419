/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How long a provider keeps a sector of ours, and asking it to keep it longer while we need it. */
#include "base/mem.h"
#include "db/args.h"
#include "seal/client_side_impl.h"
#include "seal/seal_impl.h"

/* When two thirds of what is left of a lease have passed it is renewed, which leaves the last third for
 * trying again. */
#define LEFT_PART 3
/* A lease that has ended, or that nobody grants, is not asked for in a hurry. */
#define CALM_MS (INT64_C(3600) * 1000)
/* Until a provider that does not renew is asked again: it may learn to. */
#define LATER_MS (INT64_C(6) * 3600 * 1000)

static const slk_sql set_lease = {
    "client.lease", "UPDATE rseal_client_pipeline SET lease_until_ms = $3, renew_ms = $4"
                    " WHERE sp_id = $1 AND sector_number = $2"};

/* A lease goes on while no node of ours runs, and lived time does not. */
static const slk_sql renew_all = {"client.renew_all",
                                  "UPDATE rseal_client_pipeline SET renew_ms = $1"
                                  " WHERE after_cleanup = 0 AND renew_ms > $1"};

slk_err slk_client_leases_anew(slk_seal *seal, slk_error *error)
{
    if (!slk_seal_get_options(seal)->client)
        return SLK_OK;
    return slk_sql_run(slk_seal_db(seal), &renew_all, SLK_ARGS(slk_arg_i(slk_seal_lived(seal))),
                       NULL, error);
}

slk_err slk_client_store_lease(slk_db *db, const slk_seal *seal, uint64_t sp_id, uint64_t number,
                               int64_t left_ms, slk_error *error)
{
    const int64_t until_ms = slk_seal_now(seal) + left_ms;
    const int64_t renew_ms =
        slk_seal_lived(seal) + (left_ms > 0 ? left_ms - left_ms / LEFT_PART : CALM_MS);
    return slk_sql_run(
        db, &set_lease,
        SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number), slk_arg_i(until_ms), slk_arg_i(renew_ms)),
        NULL, error);
}

/* What a run found out, for its save. */
struct renewed {
    bool can;
    int64_t left_ms;
};

slk_err slk_step_client_renew(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(slk_side_done) slk_side s = {0};
    SLK_TRY(slk_side_begin(&s, task, error));
    task->event = SLK_EV_RENEWED;
    struct renewed *out = slk_calloc(1, sizeof *out);
    task->output = out;
    if (!out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_state to;
    if (!slk_state_edge(&to, s.row.state, s.row.failed, SLK_EV_RENEWED))
        return SLK_OK; /* it moved on, and the edge will be refused */
    const slk_seal_peer *peer = &slk_seal_get_ops(s.seal)->peer;
    SLK_TRY(peer->renew(peer->ctx, &out->can, &out->left_ms, &s.to, &s.row.sector, error));
    if (out->can)
        slk_task_note(task, "for %ld min", (long)(out->left_ms / 60000));
    else
        slk_task_note(task, "the provider does not renew leases");
    return SLK_OK;
}

slk_err slk_step_client_renew_save(slk_task *task, slk_db *db, slk_error *error)
{
    const struct renewed *r = task->output;
    if (r->can)
        return slk_client_store_lease(db, task->seal, task->sp_id, task->number, r->left_ms, error);
    return slk_sql_run(db, &set_lease,
                       SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number), slk_arg_i(0),
                                slk_arg_i(slk_seal_lived(task->seal) + LATER_MS)),
                       NULL, error);
}
