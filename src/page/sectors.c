/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an operator does with sectors. */
#include "page/page_impl.h"

#include "base/mem.h"
#include "codec/json.h"
#include "seal/client.h"
#include "seal/provider.h"
#include "seal/state.h"

#include <stdio.h>
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
    return slk_page_sector(&ret->sp_id, &ret->number, request, error);
}

static slk_err check_failed(const struct subject *s, slk_error *error)
{
    slk_state state;
    bool failed;
    SLK_TRY(slk_state_read(&state, &failed, slk_seal_db(s->seal),
                           s->client ? SLK_PIPELINE_CLIENT : SLK_PIPELINE_PROVIDER, s->sp_id,
                           s->number, error));
    return failed ? SLK_OK
                  : slk_fail(error, SLK_E_CONFLICT,
                             "the sector has not failed: there is nothing to try again");
}

static slk_err try_again(const struct subject *s, slk_error *error)
{
    return s->client ? slk_client_retry(s->seal, s->sp_id, s->number, error)
                     : slk_provider_retry(s->seal, s->sp_id, s->number, error);
}

static slk_err retry(slk_buf *out, page_request *request, slk_error *error)
{
    struct subject s;
    const char *from;
    char what[64];
    bool dry_run;
    SLK_TRY(read_subject(&s, request, error));
    SLK_TRY(slk_page_text(&from, request, "from", 16, "", error));
    SLK_TRY(slk_page_dry_run(&dry_run, request, error));
    if (*from && !s.client)
        return slk_fail(error, SLK_E_INVAL, "from: only a sector of ours goes back by stage");
    if (*from) {
        SLK_TRY(slk_client_retry_from(s.seal, s.sp_id, s.number, from, dry_run, error));
        (void)snprintf(what, sizeof what, "it goes back and on from %s", from);
        return slk_page_done(out, dry_run, what, error);
    }
    SLK_TRY(check_failed(&s, error));
    if (!dry_run)
        SLK_TRY(try_again(&s, error));
    return slk_page_done(out, dry_run, "the step that failed is tried again", error);
}

/* [{"stage","valid","why"}] of our sector: the stages it could go back to, and why not to the others. */
static slk_err list_stages(slk_buf *out, page_request *request, slk_error *error)
{
    struct subject s = {.seal = request->page->options.seal};
    SLK_TRY(slk_page_sector(&s.sp_id, &s.number, request, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *list = json_array();
    for (size_t i = 0; slk_client_stage_name(i); i++) {
        const char *stage = slk_client_stage_name(i);
        slk_error why = {0};
        const slk_err code = slk_client_retry_from(s.seal, s.sp_id, s.number, stage, true, &why);
        if (code == SLK_E_NOTFOUND)
            return slk_fail(error, code, "%s", slk_error_text(&why, code));
        json_t *row = json_pack("{s:s,s:b,s:s}", "stage", stage, "valid", code == SLK_OK, "why",
                                code == SLK_OK ? "" : slk_error_text(&why, code));
        if (json_array_append_new(list, row) != 0)
            return slk_page_out_of_memory(error);
    }
    return slk_json_print(out, list);
}

static slk_err cancel_ours(const struct subject *s, bool really, bool dry_run, slk_error *error)
{
    const slk_client_cancel_options options = {.really = really, .dry_run = dry_run};
    return slk_client_cancel(s->seal, s->sp_id, s->number, &options, error);
}

static slk_err cancel(slk_buf *out, page_request *request, slk_error *error)
{
    struct subject s;
    bool really, dry_run;
    SLK_TRY(read_subject(&s, request, error));
    SLK_TRY(slk_page_bool(&really, request, "really", error));
    SLK_TRY(slk_page_dry_run(&dry_run, request, error));
    SLK_TRY(s.client
                ? cancel_ours(&s, really, dry_run, error)
                : slk_provider_operator_cancel(s.seal, s.sp_id, s.number, really, dry_run, error));
    return slk_page_done(out, dry_run,
                         s.client ? "it is given up; the provider is told to clean up"
                                  : "it is given up; its files go, the client is told",
                         error);
}

static slk_err renew(slk_buf *out, page_request *request, slk_error *error)
{
    struct subject s;
    int64_t for_ms = 0, until_ms = 0;
    bool dry_run;
    SLK_TRY(read_subject(&s, request, error));
    SLK_TRY(slk_page_number(&for_ms, request, "for_ms", 0, LEASE_MAX_MS, error));
    SLK_TRY(slk_page_dry_run(&dry_run, request, error));
    SLK_TRY(
        slk_provider_operator_renew(&until_ms, s.seal, s.sp_id, s.number, for_ms, dry_run, error));
    return slk_buf_printf(out, "{\"%s\":true,\"lease_until_ms\":%lld}",
                          dry_run ? "dry_run" : "done", (long long)until_ms);
}

static slk_err remove_sector(slk_buf *out, page_request *request, slk_error *error)
{
    struct subject s;
    slk_client_remove_options options = {0};
    SLK_TRY(read_subject(&s, request, error));
    SLK_TRY(slk_page_bool(&options.really, request, "really", error));
    SLK_TRY(slk_page_bool(&options.keep_files, request, "keep_files", error));
    SLK_TRY(slk_page_dry_run(&options.dry_run, request, error));
    if (!s.client)
        return slk_fail(error, SLK_E_INVAL,
                        "a partner's sector goes by cancel, or at its lease's end");
    SLK_TRY(slk_client_remove(s.seal, s.sp_id, s.number, &options, error));
    return slk_page_done(out, options.dry_run,
                         options.keep_files ? "its record goes, its files stay where they are"
                                            : "its record goes, and its files with it",
                         error);
}

const page_endpoint slk_page_sector_endpoints[] = {
    {"POST", "/api/v0/sectors", SLK_ROLE_WRITE, order},
    {"POST", "/api/v0/sectors/{sp_id}/{number}/retry", SLK_ROLE_WRITE, retry},
    {"GET", "/api/v0/sectors/{sp_id}/{number}/stages", SLK_ROLE_READ, list_stages},
    {"POST", "/api/v0/sectors/{sp_id}/{number}/cancel", SLK_ROLE_WRITE, cancel},
    {"POST", "/api/v0/sectors/{sp_id}/{number}/renew", SLK_ROLE_WRITE, renew},
    {"POST", "/api/v0/sectors/{sp_id}/{number}/remove", SLK_ROLE_WRITE, remove_sector},
    {NULL, NULL, SLK_ROLE_NONE, NULL},
};
