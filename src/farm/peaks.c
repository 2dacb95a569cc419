/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/peaks.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"

static const slk_sql select_all = {
    "peaks.load", "SELECT task, seal_proof, bytes FROM worker_peak WHERE hostname = $1"};
static const slk_sql keep_one = {
    "peaks.keep", "INSERT INTO worker_peak (hostname, task, seal_proof, bytes, at_ms)"
                  " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (hostname, task, seal_proof) DO UPDATE"
                  " SET bytes = excluded.bytes, at_ms = excluded.at_ms"
                  " WHERE worker_peak.bytes < excluded.bytes"};

static void note(slk_farm_peaks *peaks, bool *more, const char *name, int64_t proof, int64_t bytes)
{
    slk_lotus_task task;
    if (!name || !slk_lotus_task_of_name(&task, name) || proof < 0 || proof >= SLK_LOTUS_PROOFS ||
        bytes <= 0)
        return;
    const uint64_t least = slk_min_u64((uint64_t)bytes, SLK_LOTUS_NEED_MAX_BYTES);
    if (least <= peaks->bytes[task][proof])
        return;
    peaks->bytes[task][proof] = least;
    *more = true;
}

slk_err slk_farm_peaks_load(slk_farm_peaks *ret_peaks, slk_db *db, const char *hostname,
                            slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    slk_farm_peaks peaks = {0};
    bool row = false, more = false;
    SLK_TRY(slk_query_init(&q, db, &select_all, error));
    slk_bind_text(&q, 1, hostname);
    for (;;) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        note(&peaks, &more, slk_column_text(&q, 0), slk_column_i64(&q, 1), slk_column_i64(&q, 2));
    }
    *ret_peaks = peaks;
    return SLK_OK;
}

slk_err slk_farm_peaks_read(slk_farm_peaks *peaks, bool *ret_more, const json_t *list,
                            slk_error *error)
{
    *ret_more = false;
    if (!json_is_array(list) || json_array_size(list) > SLK_LOTUS_TASKS * SLK_LOTUS_PROOFS)
        return slk_fail(error, SLK_E_PROTO, "the worker's peaks are no list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        note(peaks, ret_more, json_string_value(json_object_get(row, "Task")),
             json_integer_value(json_object_get(row, "Proof")),
             json_integer_value(json_object_get(row, "Bytes")));
    }
    return SLK_OK;
}

static slk_err keep(slk_db *db, const char *hostname, slk_lotus_task task, int64_t proof,
                    uint64_t bytes, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_query_init(&q, db, &keep_one, error));
    slk_bind_text(&q, 1, hostname);
    slk_bind_text(&q, 2, slk_lotus_task_name(task));
    slk_bind_i64(&q, 3, proof);
    slk_bind_i64(&q, 4, slk_i64(bytes));
    slk_bind_i64(&q, 5, slk_clock_wall_ms());
    return slk_query_step(&q, &row, error);
}

slk_err slk_farm_peaks_store(const slk_farm_peaks *peaks, slk_db *db, const char *hostname,
                             slk_error *error)
{
    for (unsigned t = 0; t < SLK_LOTUS_TASKS; t++)
        for (int p = 0; p < SLK_LOTUS_PROOFS; p++)
            if (peaks->bytes[t][p] > 0)
                SLK_TRY(keep(db, hostname, (slk_lotus_task)t, p, peaks->bytes[t][p], error));
    return SLK_OK;
}

const char *slk_farm_need_origin_name(slk_farm_need_origin origin)
{
    static const char *const names[] = {[SLK_FARM_OF_TABLE] = "table",
                                        [SLK_FARM_OF_OVERRIDE] = "override",
                                        [SLK_FARM_OF_MEASURE] = "measured"};
    return names[origin];
}

slk_farm_need_origin slk_farm_need_of(slk_lotus_need *ret_need, const slk_lotus_need *told,
                                      slk_lotus_task task, int64_t proof, uint64_t bytes,
                                      uint64_t physical)
{
    const slk_lotus_need table = slk_lotus_need_builtin(task, proof);
    *ret_need = *told;
    if (table.min_memory == 0)
        return SLK_FARM_OF_TABLE; /* it counts as free */
    if (told->min_memory != table.min_memory || told->max_memory != table.max_memory ||
        told->base_min_memory != table.base_min_memory)
        return SLK_FARM_OF_OVERRIDE;
    const uint64_t most = slk_min_u64(bytes, physical);
    const uint64_t own = most > told->base_min_memory ? most - told->base_min_memory : 0;
    if (own <= told->min_memory)
        return SLK_FARM_OF_TABLE;
    ret_need->min_memory = own;
    ret_need->max_memory = slk_max_u64(own, told->max_memory);
    return SLK_FARM_OF_MEASURE;
}
