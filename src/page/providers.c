/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Client side: whom we order from. */
#include "page/page_impl.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "remote/connect.h"
#include "seal/client.h"
#include "seal/view.h"

#include <stdio.h>

#define NAME_MAX_CHARS ((size_t)127)
#define URL_CHARS 512 /* of slk_client_provider_secret */
#define TOKEN_MAX_BYTES ((size_t)256)
#define PROOF_MAX 14
#define PRICE_MAX_CHARS ((size_t)39) /* attoFIL */

static slk_err list(slk_buf *out, page_request *request, slk_error *error)
{
    return slk_view_providers(out, request->page->options.seal, error);
}

static slk_err read_connect(slk_connect *ret, const page_request *request, slk_error *error)
{
    const slk_page_options *o = &request->page->options;
    const char *text;
    SLK_CLEANUP(slk_freep) char *own = NULL;
    SLK_TRY(slk_page_text(&text, request, "connect_string", SLK_CONNECT_TEXT_MAX, NULL, error));
    (void)(o->ops.own_url(o->ops.context, &own, NULL) ==
           SLK_OK); /* unknown: nothing to compare with */
    const char *const urls[] = {own};
    return slk_connect_read(ret, text, urls, 1, error);
}

static slk_err try_provider(slk_page_tried *ret, const page_request *request,
                            const slk_connect *connect, slk_error *error)
{
    const slk_page_ops *ops = &request->page->options.ops;
    return ops->try_provider(ops->context, ret, connect, error);
}

static slk_err add_known(slk_buf *out, const page_request *request, const slk_page_tried *tried,
                         const slk_connect *connect, uint64_t miner, const char *name,
                         slk_error *error)
{
    int64_t id = 0;
    SLK_TRY(slk_client_provider_add(&id, request->page->options.seal, miner, connect->url,
                                    connect->token, *name ? name : connect->url, error));
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer = json_pack("{s:I,s:s,s:s,s:I}", "id", (json_int_t)id, "url", connect->url,
                               "partner_name", tried->partner_name, "allowance_remaining",
                               (json_int_t)tried->allowance_remaining);
    return answer ? slk_json_print(out, answer) : slk_page_out_of_memory(error);
}

static slk_err add_tried(slk_buf *out, const page_request *request, const slk_connect *connect,
                         uint64_t miner, const char *name, slk_error *error)
{
    slk_page_tried tried = {0};
    SLK_TRY(try_provider(&tried, request, connect, error));
    json_decref(tried.steps);
    if (tried.code != SLK_OK)
        return slk_fail(error, tried.code, "%s", slk_error_text(&tried.why, tried.code));
    return add_known(out, request, &tried, connect, miner, name, error);
}

static slk_err add(slk_buf *out, page_request *request, slk_error *error)
{
    uint64_t miner;
    const char *name;
    slk_connect connect = {0};
    SLK_TRY(slk_page_miner(&miner, request, "miner", error));
    SLK_TRY(slk_page_text(&name, request, "name", NAME_MAX_CHARS, "", error));
    SLK_TRY(read_connect(&connect, request, error));
    const slk_err code = add_tried(out, request, &connect, miner, name, error);
    slk_bytes_wipe(&connect, sizeof connect);
    return code;
}

static slk_err change(slk_seal *seal, int64_t id, const page_request *request, slk_error *error)
{
    slk_client_provider_change change = {0};
    if (slk_page_has(request, "url")) {
        SLK_TRY(slk_page_text(&change.url, request, "url", SLK_CONNECT_URL_CHARS, NULL, error));
        SLK_TRY(slk_connect_check_url(change.url, error));
    }
    if (slk_page_has(request, "name"))
        SLK_TRY(slk_page_text(&change.name, request, "name", NAME_MAX_CHARS, NULL, error));
    if (slk_page_has(request, "price"))
        SLK_TRY(slk_page_text(&change.price, request, "price", PRICE_MAX_CHARS, NULL, error));
    if (!change.url && !change.name && !change.price)
        return SLK_OK;
    return slk_client_provider_set(seal, id, &change, error);
}

static slk_err set(slk_buf *out, page_request *request, slk_error *error)
{
    (void)out;
    slk_seal *seal = request->page->options.seal;
    int64_t id;
    bool enabled = false;
    SLK_TRY(slk_page_id(&id, request, "id", error));
    const bool flips = slk_page_has(request, "enabled");
    if (flips)
        SLK_TRY(slk_json_bool(&enabled, request->body, "enabled", error));
    SLK_TRY(change(seal, id, request, error));
    return flips ? slk_client_provider_enable(seal, id, enabled, error) : SLK_OK;
}

static slk_err read_known(slk_connect *ret, const page_request *request, slk_error *error)
{
    int64_t id;
    char url[URL_CHARS];
    slk_buf token;
    SLK_TRY(slk_page_id(&id, request, "id", error));
    slk_buf_init(&token, TOKEN_MAX_BYTES);
    const slk_err code =
        slk_client_provider_secret(url, &token, request->page->options.seal, id, error);
    if (code == SLK_OK) {
        (void)snprintf(ret->url, sizeof ret->url, "%s", url);
        (void)snprintf(ret->token, sizeof ret->token, "%s", slk_buf_str(&token));
    }
    slk_bytes_wipe(token.data, token.len);
    slk_buf_done(&token);
    return code;
}

/* {"url","good","checks":[{"check","mark","found","next"}],"partner_name","allowance_remaining"} of a
 * provider that is here. What is wrong with it is the answer, not a failure. */
static slk_err try_known(slk_buf *out, page_request *request, slk_error *error)
{
    slk_connect connect = {0};
    slk_page_tried tried = {0};
    slk_err code = read_known(&connect, request, error);
    if (code == SLK_OK)
        code = try_provider(&tried, request, &connect, error);
    slk_bytes_wipe(connect.token, sizeof connect.token);
    SLK_TRY(code);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer =
        json_pack("{s:s,s:b,s:o,s:s,s:I}", "url", connect.url, "good", tried.code == SLK_OK,
                  "checks", tried.steps, "partner_name", tried.partner_name, "allowance_remaining",
                  (json_int_t)tried.allowance_remaining);
    return answer ? slk_json_print(out, answer) : slk_page_out_of_memory(error);
}

/* No new orders, and what is not sealed yet goes elsewhere. */
static slk_err leave(slk_buf *out, page_request *request, slk_error *error)
{
    (void)out;
    int64_t id;
    SLK_TRY(slk_page_id(&id, request, "id", error));
    return slk_client_provider_leave(request->page->options.seal, id, error);
}

static slk_err remove_provider(slk_buf *out, page_request *request, slk_error *error)
{
    (void)out;
    int64_t id;
    SLK_TRY(slk_page_id(&id, request, "id", error));
    return slk_client_provider_remove(request->page->options.seal, id, error);
}

/* ---- the constant flow of each miner ---- */

static slk_err list_miners(slk_buf *out, page_request *request, slk_error *error)
{
    return slk_view_miners(out, request->page->options.seal, error);
}

/* {"sp_id","seal_proof"} with the chain's amounts in attoFIL, or with "problem". */
static json_t *funds_json(slk_seal *seal, uint64_t sp_id, int64_t seal_proof)
{
    const slk_seal_chain *chain = &slk_seal_get_ops(seal)->chain;
    slk_seal_funds funds = {0};
    slk_error why = {0};
    const slk_err code = chain->funds
                             ? chain->funds(chain->ctx, &funds, sp_id, seal_proof, &why)
                             : slk_fail(&why, SLK_E_UNSUPPORTED, "this node has no chain to ask");
    if (code != SLK_OK)
        return json_pack("{s:I,s:I,s:s}", "sp_id", (json_int_t)sp_id, "seal_proof",
                         (json_int_t)seal_proof, "problem", slk_error_text(&why, code));
    return json_pack("{s:I,s:I,s:s,s:s,s:s,s:s}", "sp_id", (json_int_t)sp_id, "seal_proof",
                     (json_int_t)seal_proof, "available", funds.available, "sender_balance",
                     funds.sender_balance, "deposit_per_sector", funds.deposit_per_sector,
                     "pledge_per_sector", funds.pledge_per_sector);
}

static slk_err list_funds(slk_buf *out, page_request *request, slk_error *error)
{
    slk_seal *seal = request->page->options.seal;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    SLK_CLEANUP(slk_json_decrefp) json_t *miners = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = json_array();
    slk_buf_init(&text, ANSWER_MAX_BYTES);
    SLK_TRY(slk_view_miners(&text, seal, error));
    SLK_TRY(slk_json_parse(&miners, slk_buf_str(&text), text.len, ANSWER_MAX_BYTES, error));
    for (size_t i = 0; i < json_array_size(miners); i++) {
        const json_t *row = json_array_get(miners, i);
        const json_t *proof = json_object_get(row, "seal_proof");
        int64_t sp_id;
        SLK_TRY(slk_json_i64(&sp_id, row, "sp_id", error));
        const int64_t seal_proof = json_is_integer(proof)
                                       ? json_integer_value(proof)
                                       : slk_seal_get_options(seal)->flow_seal_proof;
        if (json_array_append_new(answer, funds_json(seal, slk_u64(sp_id), seal_proof)) != 0)
            return slk_page_out_of_memory(error);
    }
    return slk_json_print(out, answer);
}

/* keep_in_flight, seal_proof, reserve: those that are there; -1 and "" go back to the options'. */
static slk_err set_miner(slk_buf *out, page_request *request, slk_error *error)
{
    (void)out;
    slk_seal *seal = request->page->options.seal;
    slk_client_miner miner;
    int64_t sp_id;
    const char *reserve;
    SLK_TRY(slk_page_id(&sp_id, request, "sp_id", error));
    SLK_TRY(slk_client_miner_get(&miner, seal, slk_u64(sp_id), error));
    SLK_TRY(slk_page_number(&miner.keep_in_flight, request, "keep_in_flight", -1,
                            SLK_CLIENT_KEEP_MAX, error));
    SLK_TRY(slk_page_number(&miner.seal_proof, request, "seal_proof", -1, PROOF_MAX, error));
    SLK_TRY(slk_page_text(&reserve, request, "reserve", sizeof miner.reserve - 1, miner.reserve,
                          error));
    if (reserve != miner.reserve)
        (void)snprintf(miner.reserve, sizeof miner.reserve, "%s", reserve);
    return slk_client_miner_set(seal, slk_u64(sp_id), &miner, error);
}

const page_endpoint slk_page_provider_endpoints[] = {
    {"GET", "/api/v0/providers", SLK_ROLE_READ, list},
    {"POST", "/api/v0/providers", SLK_ROLE_ADMIN, add},
    {"PUT", "/api/v0/providers/{id}", SLK_ROLE_ADMIN, set},
    {"POST", "/api/v0/providers/{id}/test", SLK_ROLE_WRITE, try_known},
    {"POST", "/api/v0/providers/{id}/leave", SLK_ROLE_ADMIN, leave},
    {"DELETE", "/api/v0/providers/{id}", SLK_ROLE_ADMIN, remove_provider},
    {"GET", "/api/v0/miners", SLK_ROLE_READ, list_miners},
    {"GET", "/api/v0/funds", SLK_ROLE_READ, list_funds},
    {"PUT", "/api/v0/miners/{sp_id}", SLK_ROLE_ADMIN, set_miner},
    {NULL, NULL, SLK_ROLE_NONE, NULL},
};
