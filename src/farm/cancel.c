/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls that are to end at their workers, which are ours: one of Lotus cannot be told. */
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "farm/farm_impl.h"

#include <string.h>

void slk_farm_tell_cancel(const slk_farm_worker *worker, const slk_lotus_call_id *call)
{
    slk_error error = {0};
    SLK_CLEANUP(slk_json_decrefp) json_t *params = json_pack("[o]", slk_lotus_call_id_json(call));
    SLK_CLEANUP(slk_json_decrefp) json_t *known = NULL;
    const slk_err code =
        params ? slk_farm_invoke(worker, "Selkie.TaskCancel", params, NULL, &known, &error)
               : SLK_E_NOMEM;
    if (code != SLK_OK)
        slk_log(SLK_LOG_WARN, "farm.cancel", "worker=\"%s\" call=%s why=\"%s\"",
                worker->info.hostname, call->uuid, slk_error_text(&error, code));
}

static slk_err is_orphan(bool *ret, const slk_farm_worker *worker, const slk_lotus_call_id *call,
                         slk_error *error)
{
    slk_farm *farm = worker->farm;
    slk_farm_enter(farm);
    const bool waited = slk_farm_waiting_for(farm, call->uuid) != NULL;
    slk_farm_leave(farm);
    *ret = false;
    return waited ? SLK_OK : slk_farm_calls_is_orphan(ret, farm->calls, call, error);
}

void slk_farm_cancel_orphans(const slk_farm_worker *worker, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        const char *state = json_string_value(json_object_get(row, "State"));
        slk_lotus_call_id call;
        slk_error error = {0};
        bool orphan = false;
        if (!state || strcmp(state, "returning") == 0 ||
            slk_lotus_call_id_read(&call, json_object_get(row, "ID"), "ID", NULL) != SLK_OK)
            continue;
        const slk_err code = is_orphan(&orphan, worker, &call, &error);
        if (code != SLK_OK)
            slk_log(SLK_LOG_WARN, "farm.orphan", "call=%s why=\"%s\"", call.uuid,
                    slk_error_text(&error, code));
        if (!orphan)
            continue;
        slk_log(SLK_LOG_INFO, "farm.orphan",
                "call=%s sector=%lu-%lu worker=\"%s\" why=\"nobody waits for it\" then=\"it is "
                "canceled\"",
                call.uuid, (unsigned long)call.sector.miner, (unsigned long)call.sector.number,
                worker->info.hostname);
        slk_farm_tell_cancel(worker, &call);
    }
}
