/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Quotes and orders. */
#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"
#include "buying/buying_impl.h"
#include "codec/json.h"
#include "db/args.h"
#include "seal/client.h"

#include <stdio.h>
#include <string.h>

#define ORPHAN_MS 600000

static const slk_sql provider_at = {
    "buying.provider",
    "SELECT id FROM rseal_client_providers WHERE sp_id = $1 AND provider_url = $2"};
static const slk_sql insert = {
    "buying.insert_order", "INSERT INTO buying_order (idempotency_key, service_id, quote_id, sp_id,"
                           " terms, state, made_ms) VALUES ($1, $2, $3, $4, $5, 'placing', $6)"};
static const slk_sql insert_sector = {
    "buying.insert_sector", "INSERT INTO buying_sector (sp_id, sector_number, idempotency_key)"
                            " VALUES ($1, $2, $3)"};
static const slk_sql count_sectors = {
    "buying.count", "SELECT count(*) FROM buying_sector WHERE idempotency_key = $1"};
static const slk_sql sectors = {"buying.sectors",
                                "SELECT sector_number FROM buying_sector WHERE idempotency_key = $1"
                                " ORDER BY sector_number"};
static const slk_sql get = {"buying.get",
                            "SELECT s.name, o.quote_id, o.sp_id, o.terms FROM buying_order o"
                            " JOIN buying_service s ON s.id = o.service_id"
                            " WHERE o.idempotency_key = $1"};
static const slk_sql next_placing = {
    "buying.placing", "SELECT idempotency_key FROM buying_order WHERE state = 'placing'"
                      " AND idempotency_key > $1 ORDER BY idempotency_key LIMIT 1"};
static const slk_sql set_placed = {
    "buying.placed", "UPDATE buying_order SET state = 'placed', order_id = $2, promised_ms = $3"
                     " WHERE idempotency_key = $1 AND state = 'placing'"};
static const slk_sql set_refused = {"buying.refused",
                                    "UPDATE buying_order SET state = 'refused', note = $2"
                                    " WHERE idempotency_key = $1 AND state = 'placing'"};
/* Held sectors that an interrupted order had not noted as its own yet; those of a moment ago may be about
 * to be. */
static const slk_sql orphan = {
    "buying.orphan", "SELECT c.sp_id, c.sector_number FROM rseal_client_pipeline c WHERE c.held = 1"
                     " AND c.cancel_requested = 0 AND c.create_time < $1 AND NOT EXISTS (SELECT 1 "
                     "FROM buying_sector b"
                     " WHERE b.sp_id = c.sp_id AND b.sector_number = c.sector_number) LIMIT 1"};
#define COUNT(condition)                                                                           \
    " (SELECT count(*) FROM buying_sector b JOIN rseal_client_pipeline c ON c.sp_id = b.sp_id AND" \
    " c.sector_number = b.sector_number WHERE b.idempotency_key = o.idempotency_key "              \
    "AND " condition ")"
static const slk_sql list = {
    "buying.orders",
    "SELECT o.idempotency_key, s.name, o.order_id, o.sp_id, o.state, o.note, o.made_ms,"
    " o.promised_ms, o.terms, (SELECT count(*) FROM buying_sector b WHERE b.idempotency_key ="
    " o.idempotency_key)," COUNT(
        "c.failed = 0 AND c.cancel_requested = 0 AND c.state <> "
        "'proving'") "," COUNT("c.state = 'proving'") "," COUNT("c.failed = 1") " FROM "
                                                                                "buying_order o "
                                                                                "JOIN "
                                                                                "buying_service s "
                                                                                "ON s.id = "
                                                                                "o.service_id"
                                                                                " ORDER BY "
                                                                                "o.made_ms DESC, "
                                                                                "o.idempotency_"
                                                                                "key"};

/* ---- quotes ---- */

static slk_err read_quote(slk_quote *ret, const json_t *payload, slk_error *error)
{
    const char *id;
    json_t *terms;
    slk_quote quote = {0};
    SLK_TRY(slk_json_string(&id, payload, "id", error));
    if (!slk_uuid_is(id))
        return slk_fail(error, SLK_E_PROTO, "the service's quote has no id");
    memcpy(quote.id, id, sizeof quote.id);
    SLK_TRY(slk_json_i64(&quote.made_ms, payload, "made_ms", error));
    SLK_TRY(slk_json_i64(&quote.expires_ms, payload, "expires_ms", error));
    SLK_TRY(slk_json_object(&terms, payload, "terms", error));
    SLK_TRY(slk_terms_from_json(&quote.terms, terms, error));
    *ret = quote;
    return SLK_OK;
}

/* b is what was wished, or kept longer. */
static bool is_wish(const slk_order_wish *a, const slk_order_wish *b)
{
    return a->kind == b->kind && a->seal_proof == b->seal_proof && a->sectors == b->sectors &&
           a->proof == b->proof && a->push == b->push && a->retention_days <= b->retention_days;
}

slk_err slk_buying_quote(slk_quote *ret_quote, const slk_buying *buying,
                         const slk_buying_service *service, const char *offer,
                         const slk_order_wish *wish, slk_error *error)
{
    slk_quote quote;
    SLK_CLEANUP(slk_json_decrefp) json_t *payload = NULL;
    SLK_CLEANUP(slk_json_decrefp)
    json_t *body =
        json_pack("{s:s,s:s,s:I,s:I,s:b,s:b,s:I}", "offer", offer, "kind",
                  slk_order_kind_name(wish->kind), "seal_proof", (json_int_t)wish->seal_proof,
                  "sectors", (json_int_t)wish->sectors, "with_proof", wish->proof, "with_push",
                  wish->push, "retention_days", (json_int_t)wish->retention_days);
    if (!body)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a question");
    const question q = {.method = "POST", .path = "quotes", .body = body};
    SLK_TRY(slk_buying_ask_signed(&payload, buying, service, &q, error));
    SLK_TRY(read_quote(&quote, payload, error));
    if (!is_wish(wish, &quote.terms.wish) || strcmp(quote.terms.currency, service->currency) != 0)
        return slk_fail(error, SLK_E_PROTO, "the service quotes something else than was asked for");
    *ret_quote = quote;
    return SLK_OK;
}

static slk_err fetch_quote(slk_quote *ret, const slk_buying *buying,
                           const slk_buying_service *service, const char *id, slk_error *error)
{
    char path[64];
    SLK_CLEANUP(slk_json_decrefp) json_t *payload = NULL;
    if (!slk_uuid_is(id))
        return slk_fail(error, SLK_E_INVAL, "a quote's id is a UUID, as `selkie buy quote` shows");
    (void)snprintf(path, sizeof path, "quotes/%s", id);
    const question q = {.method = "GET", .path = path};
    SLK_TRY(slk_buying_ask_signed(&payload, buying, service, &q, error));
    return read_quote(ret, payload, error);
}

/* ---- an order as it is kept ---- */

typedef struct kept_order {
    slk_buying_service service;
    char key[SLK_UUID_CHARS], quote_id[SLK_UUID_CHARS];
    uint64_t sp_id;
    slk_terms terms;
} kept_order;

static slk_err read_kept(kept_order *ret, char name[SLK_CUSTOMER_NAME_CHARS], slk_db *db,
                         const char *key, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, db, &get, SLK_ARGS(slk_arg_t(key)), "order", error));
    slk_sql_copy_text(name, SLK_CUSTOMER_NAME_CHARS, &q, 0);
    slk_sql_copy_text(ret->quote_id, sizeof ret->quote_id, &q, 1);
    ret->sp_id = slk_u64(slk_column_i64(&q, 2));
    return slk_terms_parse(&ret->terms, slk_column_text(&q, 3), error);
}

static slk_err load(kept_order *ret, const slk_buying *buying, const char *key, slk_error *error)
{
    char name[SLK_CUSTOMER_NAME_CHARS];
    kept_order order = {0};
    SLK_TRY(read_kept(&order, name, slk_seal_db(buying->seal), key, error));
    SLK_TRY(slk_buying_find(&order.service, buying, name, error));
    memcpy(order.key, key, strlen(key) + 1);
    *ret = order;
    return SLK_OK;
}

static slk_err keep(const slk_buying *buying, const kept_order *order, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf terms;
    slk_buf_init(&terms, SLK_TERMS_MAX_BYTES);
    SLK_TRY(slk_terms_print(&terms, &order->terms, error));
    return slk_sql_run(slk_seal_db(buying->seal), &insert,
                       SLK_ARGS(slk_arg_t(order->key), slk_arg_i(order->service.id),
                                slk_arg_t(order->quote_id), slk_arg_u(order->sp_id),
                                slk_arg_t(slk_buf_str(&terms)),
                                slk_arg_i(slk_seal_now(buying->seal))),
                       NULL, error);
}

/* ---- numbers ---- */

/* 0: the miner has no provider of that url. */
static slk_err find_provider(int64_t *ret_id, const slk_buying *buying, const kept_order *order,
                             slk_error *error)
{
    return slk_sql_number(ret_id, slk_seal_db(buying->seal), &provider_at,
                          SLK_ARGS(slk_arg_u(order->sp_id), slk_arg_t(order->service.partner_url)),
                          error);
}

/* A provider that we know as its partner keeps that token: sectors under way there need it. */
static slk_err check_token(const slk_buying *buying, int64_t provider_id, const char *token,
                           slk_error *error)
{
    char url[SLK_BUYING_URL_CHARS];
    SLK_CLEANUP(slk_buf_done) slk_buf there;
    slk_buf_init(&there, 256);
    SLK_TRY(slk_client_provider_secret(url, &there, buying->seal, provider_id, error));
    const size_t n = strlen(token);
    const bool same = there.len == n && slk_bytes_equal_ct(there.data, (const uint8_t *)token, n);
    slk_bytes_wipe(there.data, there.len);
    return same ? SLK_OK
                : slk_fail(error, SLK_E_EXISTS,
                           "%s is known as a provider of this miner under another token; remove "
                           "that provider first (`selkie provider list`)",
                           url);
}

/* The service as the miner's provider, whatever others it has. */
static slk_err provider_of(int64_t *ret_id, const slk_buying *buying, const kept_order *order,
                           slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf token;
    slk_buf_init(&token, 256);
    slk_err code = slk_buying_token(&token, buying, &order->service, true, error);
    if (code == SLK_OK)
        code = find_provider(ret_id, buying, order, error);
    if (code == SLK_OK && *ret_id > 0)
        code = check_token(buying, *ret_id, slk_buf_str(&token), error);
    else if (code == SLK_OK)
        code =
            slk_client_provider_add(ret_id, buying->seal, order->sp_id, order->service.partner_url,
                                    slk_buf_str(&token), order->service.name, error);
    slk_bytes_wipe(token.data, token.len);
    return code;
}

/* Takes numbers until the order has as many as were quoted. */
static slk_err take_numbers(const slk_buying *buying, const kept_order *order, slk_error *error)
{
    slk_db *db = slk_seal_db(buying->seal);
    int64_t n = 0, provider_id = 0;
    SLK_TRY(provider_of(&provider_id, buying, order, error));
    SLK_TRY(slk_sql_number(&n, db, &count_sectors, SLK_ARGS(slk_arg_t(order->key)), error));
    for (uint64_t i = slk_u64(n); i < order->terms.wish.sectors; i++) {
        const slk_client_wish wish = {.sp_id = order->sp_id,
                                      .seal_proof = order->terms.wish.seal_proof,
                                      .only_provider_id = provider_id,
                                      .held = true,
                                      .actor = "buyer"};
        bool full;
        uint64_t number = 0;
        SLK_TRY(slk_client_allocate(&full, &number, buying->seal, &wish, error));
        SLK_TRY(
            slk_sql_run(db, &insert_sector,
                        SLK_ARGS(slk_arg_u(order->sp_id), slk_arg_u(number), slk_arg_t(order->key)),
                        NULL, error));
    }
    return SLK_OK;
}

static slk_err numbers_json(json_t **ret, slk_db *db, const char *key, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *all = json_array();
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &sectors, SLK_ARGS(slk_arg_t(key)), error));
    for (;;) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        if (json_array_append_new(all, json_integer(slk_column_i64(&q, 0))) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for an order");
    }
    *ret = all;
    all = NULL;
    return SLK_OK;
}

/* ---- placing ---- */

struct placed {
    const kept_order *order;
    const json_t *numbers;
    const char *order_id;
    int64_t promised_ms;
};

static slk_err placed_body(slk_db *db, void *context, slk_error *error)
{
    const struct placed *p = context;
    SLK_TRY(slk_sql_run(
        db, &set_placed,
        SLK_ARGS(slk_arg_t(p->order->key), slk_arg_t(p->order_id), slk_arg_i(p->promised_ms)), NULL,
        error));
    for (size_t i = 0; i < json_array_size(p->numbers); i++)
        SLK_TRY(slk_client_let_begin(db, p->order->sp_id,
                                     slk_u64(json_integer_value(json_array_get(p->numbers, i))),
                                     error));
    return SLK_OK;
}

/* What the service says that it took is what was sent. */
static slk_err check_taken(struct placed *ret, const kept_order *order, const json_t *payload,
                           slk_error *error)
{
    const char *id;
    json_t *terms;
    SLK_CLEANUP(slk_json_decrefp) json_t *ours = NULL;
    uint64_t sp_id;
    SLK_TRY(slk_json_string(&id, payload, "id", error));
    SLK_TRY(slk_json_u64(&sp_id, payload, "sp_id", error));
    SLK_TRY(slk_json_i64(&ret->promised_ms, payload, "promised_ms", error));
    SLK_TRY(slk_json_object(&terms, payload, "terms", error));
    SLK_TRY(slk_terms_to_json(&ours, &order->terms, error));
    if (!slk_uuid_is(id) || sp_id != order->sp_id || !json_equal(terms, ours))
        return slk_fail(error, SLK_E_PROTO, "the service took another order than was sent to it");
    ret->order_id = id;
    return SLK_OK;
}

static slk_err cancel_sectors(const slk_buying *buying, const kept_order *order,
                              const json_t *numbers, slk_error *error)
{
    const slk_client_cancel_options options = {.really = true};
    for (size_t i = 0; i < json_array_size(numbers); i++)
        SLK_TRY(slk_client_cancel(buying->seal, order->sp_id,
                                  slk_u64(json_integer_value(json_array_get(numbers, i))), &options,
                                  error));
    return SLK_OK;
}

/* A "no" that stays one, told from trouble on the way. */
static bool is_no(slk_err code)
{
    return code == SLK_E_INVAL || code == SLK_E_LIMIT || code == SLK_E_NOTFOUND ||
           code == SLK_E_CONFLICT;
}

static slk_err refuse(const slk_buying *buying, const kept_order *order, const json_t *numbers,
                      const slk_error *why, slk_error *error)
{
    SLK_TRY(cancel_sectors(buying, order, numbers, error));
    SLK_TRY(slk_sql_run(slk_seal_db(buying->seal), &set_refused,
                        SLK_ARGS(slk_arg_t(order->key), slk_arg_t(why->message)), NULL, error));
    return slk_fail(error, why->code, "%s", why->message);
}

static slk_err send(const slk_buying *buying, const kept_order *order, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *numbers = NULL, *payload = NULL;
    struct placed placed = {.order = order};
    slk_error why = {0};
    SLK_TRY(numbers_json(&numbers, slk_seal_db(buying->seal), order->key, error));
    SLK_CLEANUP(slk_json_decrefp)
    json_t *body = json_pack("{s:s,s:I,s:O}", "quote", order->quote_id, "sp_id",
                             (json_int_t)order->sp_id, "sector_numbers", numbers);
    if (!body)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for an order");
    const question q = {.method = "POST", .path = "orders", .key = order->key, .body = body};
    const slk_err code = slk_buying_ask_signed(&payload, buying, &order->service, &q, &why);
    if (is_no(code))
        return refuse(buying, order, numbers, &why, error);
    if (code != SLK_OK)
        return slk_fail(error, code, "%s; the order is kept: `selkie buy resume` sends it again",
                        slk_error_text(&why, code));
    SLK_TRY(check_taken(&placed, order, payload, error));
    placed.numbers = numbers;
    SLK_TRY(slk_db_tx(slk_seal_db(buying->seal), placed_body, &placed, error));
    slk_seal_wake(buying->seal);
    return SLK_OK;
}

static slk_err go_on(const slk_buying *buying, const kept_order *order, slk_error *error)
{
    SLK_TRY(take_numbers(buying, order, error));
    return send(buying, order, error);
}

slk_err slk_buying_order(char ret_key[SLK_UUID_CHARS], const slk_buying *buying,
                         const slk_buying_service *service, const char *quote_id, uint64_t sp_id,
                         slk_error *error)
{
    slk_quote quote;
    kept_order order = {.service = *service, .sp_id = sp_id};
    if (sp_id > INT64_MAX)
        return slk_fail(error, SLK_E_INVAL, "there is no such miner");
    SLK_TRY(fetch_quote(&quote, buying, service, quote_id, error));
    memcpy(order.quote_id, quote.id, sizeof order.quote_id);
    order.terms = quote.terms;
    slk_uuid_random(order.key);
    SLK_TRY(keep(buying, &order, error));
    memcpy(ret_key, order.key, sizeof order.key);
    return go_on(buying, &order, error);
}

/* ---- resuming ---- */

static slk_err drop_orphans(const slk_buying *buying, slk_error *error)
{
    const slk_client_cancel_options options = {.really = true};
    const int64_t before_ms = slk_seal_now(buying->seal) - ORPHAN_MS;
    for (;;) {
        uint64_t sp_id = 0, number = 0;
        bool row = false;
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_sql_open(&q, slk_seal_db(buying->seal), &orphan, SLK_ARGS(slk_arg_i(before_ms)),
                             error));
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        sp_id = slk_u64(slk_column_i64(&q, 0));
        number = slk_u64(slk_column_i64(&q, 1));
        slk_query_done(&q);
        SLK_TRY(slk_client_cancel(buying->seal, sp_id, number, &options, error));
    }
}

static slk_err find_placing(char key[SLK_UUID_CHARS], bool *ret_found, slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &next_placing, SLK_ARGS(slk_arg_t(key)), error));
    SLK_TRY(slk_query_step(&q, ret_found, error));
    if (*ret_found)
        slk_sql_copy_text(key, SLK_UUID_CHARS, &q, 0);
    return SLK_OK;
}

slk_err slk_buying_resume(uint64_t *ret_n, const slk_buying *buying, slk_error *error)
{
    char key[SLK_UUID_CHARS] = "";
    *ret_n = 0;
    SLK_TRY(drop_orphans(buying, error));
    for (;;) {
        kept_order order;
        bool found = false;
        SLK_TRY(find_placing(key, &found, slk_seal_db(buying->seal), error));
        if (!found)
            return SLK_OK;
        SLK_TRY(load(&order, buying, key, error));
        const slk_err code = go_on(buying, &order, error);
        if (code != SLK_OK && !is_no(code))
            return code;
        ++*ret_n;
    }
}

slk_err slk_buying_orders(json_t **ret_list, const slk_buying *buying, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *all = json_array();
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, slk_seal_db(buying->seal), &list, error));
    for (;;) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        const char *terms = slk_column_text(&q, 8);
        json_t *o = json_pack(
            "{s:s,s:s,s:s,s:I,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "key", slk_column_text(&q, 0),
            "service", slk_column_text(&q, 1), "order", slk_column_text(&q, 2), "sp_id",
            (json_int_t)slk_column_i64(&q, 3), "state", slk_column_text(&q, 4), "note",
            slk_column_text(&q, 5), "made_ms", (json_int_t)slk_column_i64(&q, 6), "promised_ms",
            (json_int_t)slk_column_i64(&q, 7), "sectors", (json_int_t)slk_column_i64(&q, 9),
            "under_way", (json_int_t)slk_column_i64(&q, 10), "proving",
            (json_int_t)slk_column_i64(&q, 11), "failed", (json_int_t)slk_column_i64(&q, 12),
            "terms", json_loads(terms ? terms : "{}", 0, NULL));
        if (json_array_append_new(all, o) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for a list of orders");
    }
    *ret_list = all;
    all = NULL;
    return SLK_OK;
}
