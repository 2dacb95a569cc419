/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/mem.h"
#include "codec/json.h"
#include "db/args.h"
#include "fil/actor.h"
#include "seal/view.h"

#include <string.h>

static const slk_sql messages = {
    "view.messages",
    "SELECT uuid, kind, sp_id, sectors, state, message_cid, value, max_fee, node, tries, create_ms,"
    " sent_ms, landed_height, exit_code, gas_used, params FROM message_batch"
    " ORDER BY create_ms DESC, uuid LIMIT $1"};

static json_t *text(const slk_query *q, int column)
{
    const char *value = slk_column_text(q, column);
    return value ? json_string(value) : json_null();
}

static json_t *number(const slk_query *q, int column)
{
    return slk_column_is_null(q, column) ? json_null() : json_integer(slk_column_i64(q, column));
}

static json_t *precommit_numbers(const uint8_t *params, size_t n)
{
    SLK_CLEANUP(slk_freep) slk_precommit *list = NULL;
    size_t count = 0;
    if (slk_precommit_params_decode(&list, &count, params, n, NULL) != SLK_OK)
        return json_null();
    json_t *array = json_array();
    for (size_t i = 0; i < count && array; i++)
        if (json_array_append_new(array, json_integer((json_int_t)list[i].sector_number)) != 0) {
            json_decref(array);
            array = NULL;
        }
    return array;
}

static json_t *commit_numbers(const uint8_t *params, size_t n)
{
    slk_prove_commit_decoded d = {0};
    if (slk_prove_commit_params_decode(&d, params, n, NULL) != SLK_OK)
        return json_null();
    json_t *array = json_array();
    for (size_t i = 0; i < d.params.n_sectors && array; i++)
        if (json_array_append_new(
                array, json_integer((json_int_t)d.params.sectors[i].sector_number)) != 0) {
            json_decref(array);
            array = NULL;
        }
    slk_prove_commit_decoded_done(&d);
    return array;
}

static json_t *numbers(const slk_query *q)
{
    const char *kind = slk_column_text(q, 1);
    size_t n = 0;
    const uint8_t *params = slk_column_blob(q, 15, &n);
    if (n == 0)
        return json_null();
    return kind && strcmp(kind, "commit") == 0 ? commit_numbers(params, n)
                                               : precommit_numbers(params, n);
}

/* json_object_set_new refuses a NULL value, so one check at the end finds any lack of memory. */
static json_t *message_json(const slk_query *q)
{
    json_t *o = json_object();
    int bad = o == NULL;
    bad |= json_object_set_new(o, "uuid", text(q, 0));
    bad |= json_object_set_new(o, "kind", text(q, 1));
    bad |= json_object_set_new(o, "sp_id", number(q, 2));
    bad |= json_object_set_new(o, "sectors", number(q, 3));
    bad |= json_object_set_new(o, "numbers", numbers(q));
    bad |= json_object_set_new(o, "state", text(q, 4));
    bad |= json_object_set_new(o, "cid", text(q, 5));
    bad |= json_object_set_new(o, "value", text(q, 6));
    bad |= json_object_set_new(o, "max_fee", text(q, 7));
    bad |= json_object_set_new(o, "node", text(q, 8));
    bad |= json_object_set_new(o, "tries", number(q, 9));
    bad |= json_object_set_new(o, "created_ms", number(q, 10));
    bad |= json_object_set_new(o, "sent_ms", number(q, 11));
    bad |= json_object_set_new(o, "landed_height", number(q, 12));
    bad |= json_object_set_new(o, "exit_code", number(q, 13));
    bad |= json_object_set_new(o, "gas_used", number(q, 14));
    if (!bad)
        return o;
    json_decref(o);
    return NULL;
}

slk_err slk_view_messages(slk_buf *out, slk_seal *seal, uint64_t limit, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *array = json_array();
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    const uint64_t most = limit == 0 || limit > 1000 ? 1000 : limit;
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &messages, SLK_ARGS(slk_arg_u(most)), error));
    bool row = true;
    while (true) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return slk_json_print(out, array);
        if (json_array_append_new(array, message_json(&q)) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
}
