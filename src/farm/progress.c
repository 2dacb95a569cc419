/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What our own workers tell of the calls they work on, passed on to who waits for them. */
#include "base/clock.h"
#include "codec/json.h"
#include "farm/farm_impl.h"

#include <string.h>

static void pass_on(slk_farm *farm, slk_farm_waiting *w, const json_t *row)
{
    const char *stage = "";
    int64_t done = 0, total = 0;
    w->listed_ms = slk_clock_monotonic_ms();
    if (slk_json_string(&stage, row, "Stage", NULL) != SLK_OK ||
        slk_json_i64(&done, row, "Done", NULL) != SLK_OK ||
        slk_json_i64(&total, row, "Total", NULL) != SLK_OK || done < 0 || total < 0)
        return;
    const char *known = slk_stage_names_keep(&farm->stages, stage, "on a worker");
    if (w->job && (known != w->stage || total != w->total || done < w->done)) {
        slk_job_stage(w->job, known, (uint64_t)total);
        slk_job_resume(w->job, (uint64_t)done);
    } else if (w->job) {
        slk_job_advance(w->job, (uint64_t)(done - w->done));
    }
    w->stage = known;
    w->done = done;
    w->total = total;
}

void slk_farm_take_row(slk_farm *farm, const json_t *row)
{
    slk_lotus_call_id call;
    if (slk_lotus_call_id_read(&call, slk_json_member(row, "ID"), "ID", NULL) != SLK_OK)
        return;
    for (slk_farm_waiting *w = farm->waiting; w; w = w->next)
        if (strcmp(w->uuid, call.uuid) == 0)
            pass_on(farm, w, row);
}

void slk_farm_take_progress(slk_farm *farm, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        slk_farm_take_row(farm, json_array_get(list, i));
}
