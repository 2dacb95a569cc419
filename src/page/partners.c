/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Provider side: who may order from us, and whether anybody may now. A new token is in the answer once and nowhere else. */
#include "page/page_impl.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/json.h"
#include "remote/connect.h"
#include "seal/drain.h"
#include "seal/partner.h"
#include "seal/view.h"

#include <stdio.h>

#define NAME_MAX_CHARS ((size_t)127)
#define ALLOWANCE_MAX INT64_C(1000000000)
#define OVERLAP_MAX_MS (INT64_C(30) * 86400000)

static slk_err list(slk_buf *out, page_request *request, slk_error *error)
{
    return slk_view_partners(out, request->page->options.seal, error);
}

static slk_err read_url(const char **ret, const page_request *request, slk_error *error)
{
    SLK_TRY(slk_page_text(ret, request, "url", SLK_CONNECT_URL_CHARS, "", error));
    return **ret ? slk_connect_check_url(*ret, error) : SLK_OK;
}

/* What the lists of the terms point to. */
struct lists {
    int64_t proofs[SLK_SEAL_MAX_PROOFS];
    slk_partner_miner miners[SLK_PARTNER_MINERS_MAX];
};

static slk_err read_proofs(slk_partner_terms *terms, struct lists *lists,
                           const page_request *request, slk_error *error)
{
    json_t *array;
    SLK_TRY(slk_json_array(&array, request->body, "proofs", error));
    const size_t n = json_array_size(array);
    if (n > SLK_SEAL_MAX_PROOFS)
        return slk_fail(error, SLK_E_INVAL, "proofs: at most %u", SLK_SEAL_MAX_PROOFS);
    for (size_t i = 0; i < n; i++)
        SLK_TRY(slk_json_as_i64(&lists->proofs[i], json_array_get(array, i), "proofs", error));
    terms->proofs = lists->proofs;
    terms->proofs_n = n;
    return SLK_OK;
}

/* [{"sp_id","max_sectors"}] */
static slk_err read_miners(slk_partner_terms *terms, struct lists *lists,
                           const page_request *request, slk_error *error)
{
    json_t *array;
    SLK_TRY(slk_json_array(&array, request->body, "miners", error));
    const size_t n = json_array_size(array);
    if (n > SLK_PARTNER_MINERS_MAX)
        return slk_fail(error, SLK_E_INVAL, "miners: at most %u", SLK_PARTNER_MINERS_MAX);
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(array, i);
        slk_partner_miner *miner = &lists->miners[i];
        miner->max_sectors = 0;
        SLK_TRY(slk_json_u64(&miner->sp_id, row, "sp_id", error));
        if (slk_json_member(row, "max_sectors"))
            SLK_TRY(slk_json_i64(&miner->max_sectors, row, "max_sectors", error));
    }
    terms->miners = lists->miners;
    terms->miners_n = n;
    return SLK_OK;
}

/* The terms that are there; *ret_what says which. */
static slk_err read_terms(slk_partner_terms *terms, unsigned *ret_what, struct lists *lists,
                          const page_request *request, slk_error *error)
{
    static const struct {
        const char *field;
        unsigned term;
    } fields[] = {{"url", SLK_TERM_URL},
                  {"proofs", SLK_TERM_PROOFS},
                  {"miners", SLK_TERM_MINERS},
                  {"weight", SLK_TERM_WEIGHT},
                  {"expires_ms", SLK_TERM_EXPIRY}};
    unsigned what = 0;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        what |= slk_page_has(request, fields[i].field) ? fields[i].term : 0;
    SLK_TRY(read_url(&terms->url, request, error));
    SLK_TRY(read_proofs(terms, lists, request, error));
    SLK_TRY(read_miners(terms, lists, request, error));
    SLK_TRY(slk_page_number(&terms->weight, request, "weight", 1, SLK_PARTNER_WEIGHT_MAX, error));
    SLK_TRY(slk_page_number(&terms->expires_ms, request, "expires_ms", 0, INT64_MAX, error));
    *ret_what = what;
    return SLK_OK;
}

/* {"id","name","token","connect_string"} */
static slk_err print_secret(slk_buf *out, int64_t id, const char *name, const char *url,
                            const char *token, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_CONNECT_TEXT_MAX);
    slk_connect connect = {0};
    (void)snprintf(connect.url, sizeof connect.url, "%s", url);
    (void)snprintf(connect.token, sizeof connect.token, "%s", token);
    slk_err code = slk_connect_print(&text, &connect);
    slk_bytes_wipe(&connect, sizeof connect);
    if (code != SLK_OK)
        return slk_fail(error, code, "the connect string cannot be made");
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer = json_pack("{s:I,s:s,s:s,s:s}", "id", (json_int_t)id, "name", name, "token",
                               token, "connect_string", slk_buf_str(&text));
    code = answer ? slk_json_print(out, answer) : slk_page_out_of_memory(error);
    slk_bytes_wipe(text.data, text.len);
    return code;
}

/* Our own URL, before anything is made: without it there is no connect string. */
static slk_err own_url(char **ret, const page_request *request, slk_error *error)
{
    const slk_page_options *o = &request->page->options;
    SLK_TRY(o->ops.own_url(o->ops.context, ret, error));
    return slk_connect_check_url(*ret, error);
}

static slk_err add(slk_buf *out, page_request *request, slk_error *error)
{
    const char *name;
    int64_t allowance = 100, id;
    unsigned what;
    struct lists lists;
    slk_partner_terms terms = {0};
    char token[SLK_TOKEN_CHARS];
    SLK_CLEANUP(slk_freep) char *own = NULL;
    SLK_TRY(slk_page_text(&name, request, "name", NAME_MAX_CHARS, NULL, error));
    SLK_TRY(slk_page_number(&allowance, request, "allowance", 0, ALLOWANCE_MAX, error));
    SLK_TRY(read_terms(&terms, &what, &lists, request, error));
    SLK_TRY(own_url(&own, request, error));
    terms.allowance_remaining = terms.allowance_total = allowance;
    SLK_TRY(slk_partner_add(&id, token, request->page->options.seal, name, &terms, error));
    const slk_err code = print_secret(out, id, name, own, token, error);
    slk_bytes_wipe(token, sizeof token);
    return code;
}

static slk_err set(slk_buf *out, page_request *request, slk_error *error)
{
    (void)out;
    int64_t id, remaining = -1, total = -1;
    unsigned what;
    struct lists lists;
    slk_partner_terms terms = {0};
    SLK_TRY(slk_page_id(&id, request, "id", error));
    SLK_TRY(slk_page_number(&remaining, request, "allowance_remaining", 0, ALLOWANCE_MAX, error));
    SLK_TRY(slk_page_number(&total, request, "allowance_total", 0, ALLOWANCE_MAX, error));
    if ((remaining < 0) != (total < 0))
        return slk_fail(error, SLK_E_INVAL,
                        "allowance_remaining and allowance_total are set together");
    SLK_TRY(read_terms(&terms, &what, &lists, request, error));
    if (total >= 0) {
        what |= SLK_TERM_ALLOWANCE;
        terms.allowance_remaining = remaining;
        terms.allowance_total = total;
    }
    return slk_partner_set(request->page->options.seal, id, what, &terms, error);
}

static slk_err rotate(slk_buf *out, page_request *request, slk_error *error)
{
    slk_seal *seal = request->page->options.seal;
    int64_t id, overlap_ms = 3600000;
    char token[SLK_TOKEN_CHARS];
    SLK_CLEANUP(slk_freep) char *own = NULL;
    SLK_TRY(slk_page_id(&id, request, "id", error));
    SLK_TRY(slk_page_number(&overlap_ms, request, "overlap_ms", 0, OVERLAP_MAX_MS, error));
    SLK_TRY(own_url(&own, request, error));
    SLK_TRY(slk_partner_rotate(token, seal, id, overlap_ms, error));
    const slk_err code = print_secret(out, id, "", own, token, error);
    slk_bytes_wipe(token, sizeof token);
    return code;
}

static slk_err remove_partner(slk_buf *out, page_request *request, slk_error *error)
{
    (void)out;
    int64_t id;
    SLK_TRY(slk_page_id(&id, request, "id", error));
    return slk_partner_remove(request->page->options.seal, id, error);
}

/* ---- draining ---- */

static slk_err print_drain(slk_buf *out, slk_seal *seal, slk_error *error)
{
    slk_drain d;
    SLK_TRY(slk_drain_look(&d, seal, error));
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer = json_pack(
        "{s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "on", d.on, "since_ms", (json_int_t)d.since_ms,
        "ordered", (json_int_t)d.ordered, "sealing", (json_int_t)d.sealing, "sealed",
        (json_int_t)d.sealed, "cleaning", (json_int_t)d.cleaning, "failed", (json_int_t)d.failed,
        "sealed_by_ms", (json_int_t)d.sealed_by_ms, "empty_by_ms", (json_int_t)d.empty_by_ms);
    return answer ? slk_json_print(out, answer) : slk_page_out_of_memory(error);
}

static slk_err get_drain(slk_buf *out, page_request *request, slk_error *error)
{
    return print_drain(out, request->page->options.seal, error);
}

static slk_err set_drain(slk_buf *out, page_request *request, slk_error *error)
{
    bool on;
    SLK_TRY(slk_json_bool(&on, request->body, "on", error));
    SLK_TRY(slk_drain_set(request->page->options.seal, on, error));
    return print_drain(out, request->page->options.seal, error);
}

const page_endpoint slk_page_partner_endpoints[] = {
    {"GET", "/api/v0/partners", SLK_ROLE_READ, list},
    {"POST", "/api/v0/partners", SLK_ROLE_ADMIN, add},
    {"PUT", "/api/v0/partners/{id}", SLK_ROLE_ADMIN, set},
    {"POST", "/api/v0/partners/{id}/rotate", SLK_ROLE_ADMIN, rotate},
    {"DELETE", "/api/v0/partners/{id}", SLK_ROLE_ADMIN, remove_partner},
    {"GET", "/api/v0/drain", SLK_ROLE_READ, get_drain},
    {"POST", "/api/v0/drain", SLK_ROLE_WRITE, set_drain},
    {NULL, NULL, SLK_ROLE_NONE, NULL},
};
