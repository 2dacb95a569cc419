/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/keys.h"

#include "base/mem.h"
#include "db/args.h"

static const slk_sql note = {"keys.note",
                             "INSERT INTO service_key (key_id, public_key, since_ms)"
                             " SELECT $1, $2, $3 WHERE (SELECT count(*) FROM service_key) < $4"
                             " ON CONFLICT (key_id) DO NOTHING"};
static const slk_sql has = {"keys.has", "SELECT count(*) FROM service_key WHERE key_id = $1"};
static const slk_sql all = {
    "keys.all", "SELECT public_key FROM service_key ORDER BY since_ms, key_id LIMIT $1"};

slk_err slk_service_key_note(slk_db *db, const slk_signing_key *key, int64_t now_ms,
                             slk_error *error)
{
    uint8_t public[SLK_SIGNING_KEY_BYTES];
    char id[SLK_SIGNING_ID_CHARS];
    int64_t found = 0;
    slk_signing_public(public, key);
    slk_signing_id(id, public);
    SLK_TRY(slk_sql_run(db, &note,
                        SLK_ARGS(slk_arg_t(id), slk_arg_b(public, sizeof public), slk_arg_i(now_ms),
                                 slk_arg_i(SLK_SERVICE_KEYS_MAX)),
                        NULL, error));
    SLK_TRY(slk_sql_number(&found, db, &has, SLK_ARGS(slk_arg_t(id)), error));
    return found > 0 ? SLK_OK
                     : slk_fail(error, SLK_E_LIMIT, "there are %u signing keys: use an old one",
                                SLK_SERVICE_KEYS_MAX);
}

slk_err slk_service_keys_read(slk_service_keys *ret_keys, slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    size_t n = 0;
    SLK_TRY(slk_sql_open(&q, db, &all, SLK_ARGS(slk_arg_i(SLK_SERVICE_KEYS_MAX)), error));
    for (; n < SLK_SERVICE_KEYS_MAX; n++) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        SLK_TRY(slk_column_bytes(&q, 0, ret_keys->keys[n], 32, error));
    }
    ret_keys->list = (slk_ledger_keys){(const uint8_t(*)[32])ret_keys->keys, n};
    return SLK_OK;
}
