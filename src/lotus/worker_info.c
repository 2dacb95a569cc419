/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a worker says of itself, and a miner of its workers. */
#include "lotus/worker_info.h"

#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "lotus/lotus_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- WorkerInfo */

void slk_lotus_worker_info_done(slk_lotus_worker_info *info)
{
    slk_lotus_machine_done(&info->machine);
    slk_free(info->table);
    info->table = NULL;
}

#define CPUS_MAX 1000000u

static slk_err read_machine(slk_lotus_machine *m, const json_t *value, slk_error *error)
{
    SLK_TRY(slk_json_u64(&m->mem_physical, value, "MemPhysical", error));
    SLK_TRY(slk_lotus_get_u64(&m->mem_used, value, "MemUsed", error));
    SLK_TRY(slk_lotus_get_u64(&m->mem_swap, value, "MemSwap", error));
    SLK_TRY(slk_lotus_get_u64(&m->mem_swap_used, value, "MemSwapUsed", error));
    SLK_TRY(slk_json_u64(&m->cpus, value, "CPUs", error));
    if (m->cpus > CPUS_MAX)
        return slk_fail(error, SLK_E_INVAL, "CPUs: not a number of processors");
    return slk_lotus_strings_read(&m->gpus, value, "GPUs", error);
}

static slk_err read_table(slk_lotus_need_table **ret_table, const json_t *value, slk_error *error)
{
    const json_t *member = slk_json_member(value, "Resources");
    *ret_table = NULL;
    if (member == NULL)
        return SLK_OK;
    slk_lotus_need_table *table = slk_alloc(1, sizeof *table);
    if (table == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_err code = slk_lotus_need_table_read(table, member, "Resources", error);
    if (code == SLK_OK)
        *ret_table = table;
    else
        slk_free(table);
    return code;
}

static slk_err read_worker_info(slk_lotus_worker_info *info, const json_t *value, slk_error *error)
{
    json_t *resources;
    SLK_TRY(slk_lotus_get_text(info->hostname, sizeof info->hostname, value, "Hostname", error));
    SLK_TRY(slk_lotus_get_bool(&info->ignore_resources, value, "IgnoreResources", error));
    SLK_TRY(slk_json_object(&resources, value, "Resources", error));
    slk_err code = read_machine(&info->machine, resources, error);
    if (code == SLK_OK)
        code = read_table(&info->table, resources, error);
    return slk_lotus_named(code, "Resources", error);
}

slk_err slk_lotus_worker_info_read(slk_lotus_worker_info *ret_info, const json_t *value,
                                   const char *what, slk_error *error)
{
    slk_lotus_worker_info info = {0};
    slk_err code = read_worker_info(&info, value, error);
    if (code == SLK_OK)
        *ret_info = info;
    else
        slk_lotus_worker_info_done(&info);
    return slk_lotus_named(code, what, error);
}

json_t *slk_lotus_worker_info_json(const slk_lotus_worker_info *info)
{
    const slk_lotus_machine *m = &info->machine;
    json_t *table = info->table != NULL ? slk_lotus_need_table_json(info->table) : json_null();
    json_t *resources =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "MemPhysical", (json_int_t)m->mem_physical,
                  "MemUsed", (json_int_t)m->mem_used, "MemSwap", (json_int_t)m->mem_swap,
                  "MemSwapUsed", (json_int_t)m->mem_swap_used, "CPUs", (json_int_t)m->cpus, "GPUs",
                  slk_lotus_strings_json(&m->gpus), "Resources", table);
    return json_pack("{s:o, s:b, s:o}", "Hostname", slk_lotus_text_json(info->hostname),
                     "IgnoreResources", info->ignore_resources, "Resources", resources);
}

slk_lotus_need slk_lotus_worker_need(const slk_lotus_worker_info *info, slk_lotus_task task,
                                     int64_t proof)
{
    slk_assert(task < SLK_LOTUS_TASKS && proof >= 0 && proof < SLK_LOTUS_PROOFS);
    return info->table != NULL ? info->table->need[task][proof]
                               : slk_lotus_need_builtin(task, proof);
}

/* ---- Version */

static slk_err read_version(slk_lotus_version *v, const json_t *value, slk_error *error)
{
    SLK_TRY(slk_lotus_get_sentence(v->version, sizeof v->version, value, "Version", error));
    SLK_TRY(slk_json_i64(&v->api_version, value, "APIVersion", error));
    SLK_TRY(slk_lotus_get_u64(&v->block_delay_s, value, "BlockDelay", error));
    return slk_lotus_get_sentence(v->agent, sizeof v->agent, value, "Agent", error);
}

slk_err slk_lotus_version_read(slk_lotus_version *ret_version, const json_t *value,
                               const char *what, slk_error *error)
{
    slk_lotus_version version = {0};
    SLK_TRY(slk_lotus_named(read_version(&version, value, error), what, error));
    *ret_version = version;
    return SLK_OK;
}

json_t *slk_lotus_version_json(const slk_lotus_version *version)
{
    return json_pack("{s:s, s:I, s:I, s:s}", "Version", version->version, "APIVersion",
                     (json_int_t)version->api_version, "BlockDelay",
                     (json_int_t)version->block_delay_s, "Agent", version->agent);
}

/* ---- WorkerStats */

static json_t *task_list_json(slk_lotus_task_set set)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < SLK_LOTUS_TASKS && list != NULL; i++)
        if ((set & SLK_LOTUS_TASK_BIT(i)) != 0 &&
            json_array_append_new(list, json_string(slk_lotus_task_name((slk_lotus_task)i))) != 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

static json_t *counts_json(const slk_lotus_load *load)
{
    char key[64];
    json_t *object = json_object();
    for (unsigned i = 0; i < SLK_LOTUS_TASKS * SLK_LOTUS_PROOFS && object != NULL; i++) {
        const unsigned task = i / SLK_LOTUS_PROOFS, proof = i % SLK_LOTUS_PROOFS;
        const uint32_t count = load->running[task][proof];
        (void)snprintf(key, sizeof key, "%u:%s", proof, slk_lotus_task_name((slk_lotus_task)task));
        if (count > 0 && json_object_set_new(object, key, json_integer(count)) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

json_t *slk_lotus_worker_stats_json(const slk_lotus_worker_stats *s)
{
    return json_pack("{s:o, s:o, s:b, s:I, s:I, s:o, s:I, s:o}", "Info",
                     slk_lotus_worker_info_json(&s->info), "Tasks", task_list_json(s->tasks),
                     "Enabled", s->enabled, "MemUsedMin", (json_int_t)s->load.mem_min, "MemUsedMax",
                     (json_int_t)s->load.mem_max, "GpuUsed", slk_lotus_number_json(s->load.gpus),
                     "CpuUse", (json_int_t)s->load.threads, "TaskCounts", counts_json(&s->load));
}
