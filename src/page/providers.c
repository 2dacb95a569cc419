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
    (void)(o->own_url(o->context, &own, NULL) == SLK_OK); /* unknown: nothing to compare with */
    const char *const urls[] = {own};
    return slk_connect_read(ret, text, urls, 1, error);
}

/* {"partner_name","allowance_remaining"} of us at that provider. */
static slk_err try_provider(char *name, int64_t *ret_allowance, const page_request *request,
                            const slk_connect *connect, slk_error *error)
{
    const slk_seal_remote remote = {.url = connect->url, .token = connect->token};
    bool authorized = false;
    SLK_TRY(slk_remote_peer_authorize(request->page->options.peer, &authorized, name, ret_allowance,
                                      &remote, error));
    if (!authorized)
        return slk_fail(error, SLK_E_AUTH, "%s does not know the token; ask for a new one",
                        connect->url);
    return SLK_OK;
}

static slk_err add_tried(slk_buf *out, const page_request *request, const slk_connect *connect,
                         uint64_t miner, const char *name, slk_error *error)
{
    char partner_name[SLK_SEAL_REASON_CHARS] = "";
    int64_t allowance = 0, id = 0;
    SLK_TRY(try_provider(partner_name, &allowance, request, connect, error));
    SLK_TRY(slk_client_provider_add(&id, request->page->options.seal, miner, connect->url,
                                    connect->token, *name ? name : connect->url, error));
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer =
        json_pack("{s:I,s:s,s:s,s:I}", "id", (json_int_t)id, "url", connect->url, "partner_name",
                  partner_name, "allowance_remaining", (json_int_t)allowance);
    return answer ? slk_json_print(out, answer) : slk_page_out_of_memory(error);
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

/* {"url","partner_name","allowance_remaining"} of a provider that is here: it answers and knows us. */
static slk_err try_known(slk_buf *out, page_request *request, slk_error *error)
{
    int64_t id, allowance = 0;
    char name[SLK_SEAL_REASON_CHARS] = "", url[URL_CHARS];
    slk_connect connect = {0};
    slk_buf token;
    SLK_TRY(slk_page_id(&id, request, "id", error));
    slk_buf_init(&token, TOKEN_MAX_BYTES);
    slk_err code = slk_client_provider_secret(url, &token, request->page->options.seal, id, error);
    if (code == SLK_OK) {
        (void)snprintf(connect.url, sizeof connect.url, "%s", url);
        (void)snprintf(connect.token, sizeof connect.token, "%s", slk_buf_str(&token));
        code = try_provider(name, &allowance, request, &connect, error);
    }
    slk_bytes_wipe(token.data, token.len);
    slk_buf_done(&token);
    slk_bytes_wipe(&connect, sizeof connect);
    SLK_TRY(code);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer = json_pack("{s:s,s:s,s:I}", "url", url, "partner_name", name,
                               "allowance_remaining", (json_int_t)allowance);
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
    {"PUT", "/api/v0/miners/{sp_id}", SLK_ROLE_ADMIN, set_miner},
    {NULL, NULL, SLK_ROLE_NONE, NULL},
};
