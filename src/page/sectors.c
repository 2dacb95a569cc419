/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an operator does with sectors. */
#include "page/page_impl.h"

#include "base/mem.h"
#include "codec/json.h"
#include "seal/client.h"
#include "seal/provider.h"

#include <string.h>

#define ORDER_MAX 100 /* by one request, which waits for the chain with each */
#define PROOF_MAX 14
#define DURATION_MAX INT64_C(10000000)
#define LEASE_MAX_MS (INT64_C(366) * 86400000)

static slk_err order_each(json_t *numbers, slk_seal *seal, uint64_t miner, int64_t proof,
                          int64_t duration, int64_t count, slk_error *error)
{
    for (int64_t i = 0; i < count; i++) {
        uint64_t number;
        SLK_TRY(slk_client_order(&number, seal, miner, proof, duration, error));
        if (json_array_append_new(numbers, json_integer((json_int_t)number)) != 0)
            return slk_page_out_of_memory(error);
    }
    return SLK_OK;
}

static slk_err order(slk_buf *out, page_request *request, slk_error *error)
{
    slk_seal *seal = request->page->options.seal;
    uint64_t miner;
    int64_t count = 1, proof = request->page->options.development ? 5 : 8, duration = 0;
    SLK_TRY(slk_page_miner(&miner, request, "miner", error));
    SLK_TRY(slk_page_number(&count, request, "count", 1, ORDER_MAX, error));
    SLK_TRY(slk_page_number(&proof, request, "seal_proof", 0, PROOF_MAX, error));
    SLK_TRY(slk_page_number(&duration, request, "duration_epochs", 0, DURATION_MAX, error));
    if (!slk_seal_get_ops(seal)->chain.check_miner)
        return slk_fail(error, SLK_E_CONFLICT, "this node has no chain to order sectors on");
    SLK_CLEANUP(slk_json_decrefp) json_t *numbers = json_array();
    const slk_err code = order_each(numbers, seal, miner, proof, duration, count, error);
    if (code != SLK_OK && json_array_size(numbers) > 0)
        (void)slk_fail_context(error, code, "after %zu sectors", json_array_size(numbers));
    SLK_TRY(code);
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = json_pack("{s:O}", "sectors", numbers);
    return answer ? slk_json_print(out, answer) : slk_page_out_of_memory(error);
}

struct subject {
    slk_seal *seal;
    bool client;
    uint64_t sp_id;
    uint64_t number;
};

static slk_err read_subject(struct subject *ret, const page_request *request, slk_error *error)
{
    const char *role;
    SLK_TRY(slk_page_text(&role, request, "role", 16, NULL, error));
    ret->seal = request->page->options.seal;
    ret->client = strcmp(role, "client") == 0;
    if (!ret->client && strcmp(role, "provider") != 0)
        return slk_fail(error, SLK_E_INVAL, "role: want provider or client");
    SLK_TRY(slk_http_param_u64(request->exchange, "sp_id", &ret->sp_id, error));
    SLK_TRY(slk_http_param_u64(request->exchange, "number", &ret->number, error));
    if (ret->sp_id > INT64_MAX || ret->number > INT64_MAX)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
    return SLK_OK;
}

static slk_err retry(slk_buf *out, page_request *request, slk_error *error)
{
    (void)out;
    struct subject s;
    const char *from;
    SLK_TRY(read_subject(&s, request, error));
    SLK_TRY(slk_page_text(&from, request, "from", 16, "", error));
    if (*from && !s.client)
        return slk_fail(error, SLK_E_INVAL, "from: only a sector of ours goes back by stage");
    if (*from)
        return slk_client_retry_from(s.seal, s.sp_id, s.number, from, false, error);
    return s.client ? slk_client_retry(s.seal, s.sp_id, s.number, error)
                    : slk_provider_retry(s.seal, s.sp_id, s.number, error);
}

/* Whether the operator was told what would be lost, and wants it nevertheless. */
static slk_err read_really(bool *ret, const page_request *request, slk_error *error)
{
    *ret = false;
    return slk_page_has(request, "really") ? slk_json_bool(ret, request->body, "really", error)
                                           : SLK_OK;
}

static slk_err cancel(slk_buf *out, page_request *request, slk_error *error)
{
    (void)out;
    struct subject s;
    bool really;
    SLK_TRY(read_subject(&s, request, error));
    SLK_TRY(read_really(&really, request, error));
    if (!s.client)
        return slk_provider_operator_cancel(s.seal, s.sp_id, s.number, really, false, error);
    const slk_client_cancel_options options = {.really = really};
    return slk_client_cancel(s.seal, s.sp_id, s.number, &options, error);
}

static slk_err renew(slk_buf *out, page_request *request, slk_error *error)
{
    struct subject s;
    int64_t for_ms = 0, until_ms = 0;
    SLK_TRY(read_subject(&s, request, error));
    SLK_TRY(slk_page_number(&for_ms, request, "for_ms", 0, LEASE_MAX_MS, error));
    SLK_TRY(
        slk_provider_operator_renew(&until_ms, s.seal, s.sp_id, s.number, for_ms, false, error));
    return slk_buf_printf(out, "{\"lease_until_ms\":%lld}", (long long)until_ms);
}

static slk_err remove_sector(slk_buf *out, page_request *request, slk_error *error)
{
    (void)out;
    struct subject s;
    slk_client_remove_options options = {0};
    SLK_TRY(read_subject(&s, request, error));
    SLK_TRY(read_really(&options.really, request, error));
    if (slk_page_has(request, "keep_files"))
        SLK_TRY(slk_json_bool(&options.keep_files, request->body, "keep_files", error));
    if (!s.client)
        return slk_fail(error, SLK_E_INVAL,
                        "a partner's sector goes by cancel, or at its lease's end");
    return slk_client_remove(s.seal, s.sp_id, s.number, &options, error);
}

const page_endpoint slk_page_sector_endpoints[] = {
    {"POST", "/api/v0/sectors", SLK_ROLE_WRITE, order},
    {"POST", "/api/v0/sectors/{sp_id}/{number}/retry", SLK_ROLE_WRITE, retry},
    {"POST", "/api/v0/sectors/{sp_id}/{number}/cancel", SLK_ROLE_WRITE, cancel},
    {"POST", "/api/v0/sectors/{sp_id}/{number}/renew", SLK_ROLE_WRITE, renew},
    {"POST", "/api/v0/sectors/{sp_id}/{number}/remove", SLK_ROLE_WRITE, remove_sector},
    {NULL, NULL, SLK_ROLE_NONE, NULL},
};
