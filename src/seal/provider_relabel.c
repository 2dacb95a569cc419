/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Layers that are lost are made again, with the sector's ticket: they and the replica are then what they
 * were. */
#include "base/log.h"
#include "db/args.h"
#include "seal/disk.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"

#include <stdio.h>
#include <string.h>

/* Layers found damaged are made again this often; then the disk, or the worker, is not to be trusted. */
#define RELABELS_MAX 2

static const slk_sql count_relabels = {
    "provider.relabels", "SELECT count(*) FROM sector_event WHERE sp_id = $1"
                         " AND sector_number = $2 AND role = 'provider' AND event = 'relabel'"
                         " AND id > COALESCE((SELECT max(e.id) FROM sector_event e"
                         " WHERE e.sp_id = $1 AND e.sector_number = $2"
                         " AND e.role = 'provider' AND e.event = 'retry'), 0)"};
/* What labelling makes again may lie elsewhere on the disk while it does. */
static const slk_sql reserve = {"provider.reserve",
                                "UPDATE rseal_provider_pipeline SET reserved_bytes = $3"
                                " WHERE sp_id = $1 AND sector_number = $2"};

slk_err slk_provider_may_relabel(bool *ret_may, slk_seal *seal, uint64_t sp_id, uint64_t number,
                                 slk_error *error)
{
    int64_t relabels = 0;
    SLK_TRY(slk_sql_number(&relabels, slk_seal_db(seal), &count_relabels,
                           SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)), error));
    *ret_may = relabels < RELABELS_MAX;
    return SLK_OK;
}

slk_err slk_provider_reserve_labels(slk_db *db, uint64_t sp_id, uint64_t number, int64_t seal_proof,
                                    slk_error *error)
{
    return slk_sql_run(
        db, &reserve,
        SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number), slk_arg_u(slk_disk_peak_bytes(seal_proof))),
        NULL, error);
}

struct lost {
    slk_change change;
    int64_t seal_proof;
};

static slk_err lost_body(slk_db *db, void *context, slk_error *error)
{
    const struct lost *lost = context;
    const slk_change *c = &lost->change;
    SLK_TRY(slk_task_drop(db, SLK_PIPELINE_PROVIDER, c->sp_id, c->number, NULL, error));
    if (c->event == SLK_EV_RELABEL)
        SLK_TRY(slk_provider_reserve_labels(db, c->sp_id, c->number, lost->seal_proof, error));
    return slk_state_apply(db, c, error);
}

slk_err slk_provider_lost_layers(slk_seal *seal, const slk_provider_row *row, const char *why,
                                 slk_error *error)
{
    bool may = false;
    char detail[SLK_SEAL_REASON_CHARS + 128];
    const slk_seal_sector *sector = &row->sector;
    SLK_TRY(slk_provider_may_relabel(&may, seal, sector->sp_id, sector->number, error));
    (void)snprintf(
        detail, sizeof detail, "%.250s%s", why,
        may ? ": the sector is labelled again, with the same ticket"
            : ", again and again: no C1 can be made; look at the disks and workers, then "
              "`selkie sector retry`");
    struct lost lost = {
        .change = slk_seal_change(seal, SLK_PIPELINE_PROVIDER, sector->sp_id, sector->number,
                                  may ? SLK_EV_RELABEL : SLK_EV_FAILED, "provider.c1", detail),
        .seal_proof = sector->seal_proof};
    lost.change.failed_reason = "layers-lost";
    if (!may && row->failed)
        return slk_fail(error, SLK_E_CONFLICT, "the sector failed: %.200s", row->failed_message);
    SLK_TRY(slk_db_tx(slk_seal_db(seal), lost_body, &lost, error));
    slk_log(SLK_LOG_WARN, "provider.layers_lost", "sector=f0%lu/%lu why=\"%s\"",
            (unsigned long)sector->sp_id, (unsigned long)sector->number, detail);
    (void)slk_seal_cancel_running(seal, SLK_PIPELINE_PROVIDER, sector->sp_id, sector->number);
    slk_seal_wake(seal);
    return slk_fail(error, may ? SLK_E_BUSY : SLK_E_CONFLICT, "%s", detail);
}
