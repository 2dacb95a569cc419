/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a worker of ours tells of its machine beyond Info: NUMA nodes, and what tasks took of memory. */
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "farm/farm_impl.h"

#include <string.h>

/* Lock held. What is reckoned with is what the worker said, and what was measured. */
static slk_err reckon(slk_farm_worker *worker, slk_error *error)
{
    slk_lotus_worker_info *info = &worker->info;
    slk_lotus_need_table *table = slk_alloc(1, sizeof *table);
    if (!table)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for what tasks need");
    for (unsigned t = 0; t < SLK_LOTUS_TASKS; t++)
        for (int p = 0; p < SLK_LOTUS_PROOFS; p++) {
            const slk_lotus_need told = slk_farm_told_need(worker, (slk_lotus_task)t, p);
            (void)slk_farm_need_of(&table->need[t][p], &told, (slk_lotus_task)t, p,
                                   worker->peaks.bytes[t][p], info->machine.mem_physical);
        }
    if (worker->told)
        slk_free(info->table);
    else if (info->table)
        worker->told = info->table; /* as it came; from here on info has the other */
    info->table = table;
    worker->reckoned = true;
    slk_farm_tell_sched(worker);
    return SLK_OK;
}

slk_lotus_need slk_farm_told_need(const slk_farm_worker *worker, slk_lotus_task task, int64_t proof)
{
    if (worker->told)
        return worker->told->need[task][proof];
    return worker->reckoned ? slk_lotus_need_builtin(task, proof)
                            : slk_lotus_worker_need(&worker->info, task, proof);
}

static slk_err read_nodes(uint64_t *nodes, size_t *ret_n, const json_t *list, slk_error *error)
{
    const size_t n = json_array_size(list);
    if (!json_is_array(list) || n > SLK_MEM_NODES_MAX)
        return slk_fail(error, SLK_E_PROTO, "the worker's NUMA nodes are no list");
    for (size_t i = 0; i < n; i++) {
        int64_t bytes = 0;
        SLK_TRY(slk_json_as_i64(&bytes, json_array_get(list, i), "node", error));
        nodes[i] = bytes > 0 ? (uint64_t)bytes : 0;
    }
    *ret_n = n;
    return SLK_OK;
}

slk_err slk_farm_take_machine(slk_farm_worker *worker, const json_t *answer, slk_error *error)
{
    slk_farm *farm = worker->farm;
    uint64_t nodes[SLK_MEM_NODES_MAX];
    size_t n = 0;
    bool more = false;
    SLK_TRY(read_nodes(nodes, &n, json_object_get(answer, "Nodes"), error));
    slk_farm_enter(farm);
    slk_farm_peaks peaks = worker->peaks;
    slk_err code = slk_farm_peaks_read(&peaks, &more, json_object_get(answer, "Peaks"), error);
    if (code == SLK_OK) {
        memcpy(worker->numa_bytes, nodes, n * sizeof *nodes);
        worker->n_numa = n;
        worker->peaks = peaks;
        if (more || !worker->reckoned)
            code = reckon(worker, error);
    }
    slk_farm_leave(farm);
    if (code == SLK_OK && more)
        code = slk_farm_peaks_store(&peaks, farm->options.db, worker->info.hostname, error);
    return code;
}
