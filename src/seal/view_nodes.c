/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/view.h"

#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "db/args.h"
#include "seal/member.h"

#include <string.h>

static const slk_sql read_nodes = {
    "view.nodes", "SELECT name, roles, instance, starts, started_ms, seen_ms, provider_folder_id,"
                  " client_folder_id, url FROM node WHERE name <> 'operator' ORDER BY name"};
static const slk_sql read_runs = {
    "view.node_runs", "SELECT kind, sp_id, sector_number, progress_stage, started_ms FROM task"
                      " WHERE owner = $1 ORDER BY started_ms, id LIMIT 100"};

static slk_err add_runs(json_t *runs, slk_seal *seal, const char *name, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &read_runs, SLK_ARGS(slk_arg_t(name)), error));
    while (true) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        json_t *run = json_pack("{s:s?,s:I,s:I,s:s?,s:I}", "step", slk_column_text(&q, 0), "sp_id",
                                (json_int_t)slk_column_i64(&q, 1), "number",
                                (json_int_t)slk_column_i64(&q, 2), "stage", slk_column_text(&q, 3),
                                "since_ms", (json_int_t)slk_column_i64(&q, 4));
        if (!run || json_array_append_new(runs, run) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
}

static slk_err add_node(json_t *list, slk_seal *seal, const slk_query *q, slk_error *error)
{
    const char *instance = slk_column_text(q, 2);
    const int64_t fresh_ms = slk_member_fresh_ms(slk_seal_db(seal));
    const int64_t seen_ms = slk_column_i64(q, 5);
    const bool alive = instance && *instance && slk_seal_now(seal) - seen_ms < fresh_ms;
    json_t *node =
        json_pack("{s:s?,s:s?,s:b,s:I,s:I,s:I,s:s?,s:s?,s:s?,s:[]}", "name", slk_column_text(q, 0),
                  "roles", slk_column_text(q, 1), "alive", alive ? 1 : 0, "starts",
                  (json_int_t)slk_column_i64(q, 3), "started_ms", (json_int_t)slk_column_i64(q, 4),
                  "seen_ms", (json_int_t)seen_ms, "provider_folder", slk_column_text(q, 6),
                  "client_folder", slk_column_text(q, 7), "url", slk_column_text(q, 8), "runs");
    if (!node || json_array_append_new(list, node) != 0)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return SLK_OK;
}

slk_err slk_view_nodes(slk_buf *out, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = json_array();
    if (!list)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &read_nodes, NULL, 0, error));
        while (true) {
            bool row = false;
            SLK_TRY(slk_query_step(&q, &row, error));
            if (!row)
                break;
            SLK_TRY(add_node(list, seal, &q, error));
        }
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *node = json_array_get(list, i);
        SLK_TRY(add_runs(json_object_get(node, "runs"), seal,
                         json_string_value(json_object_get(node, "name")), error));
    }
    return slk_json_print(out, list) == SLK_OK ? SLK_OK
                                               : slk_fail(error, SLK_E_NOMEM, "out of memory");
}
