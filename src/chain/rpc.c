/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON-RPC over a transport, several nodes. */
#include "chain/chain_impl.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_MAX_BYTES ((size_t)64 << 20)
#define REQUEST_MAX_BYTES ((size_t)16 << 20)
#define RETURN_MS 60000 /* between looks at the first node while another stands in */
#define READ_TIMEOUT_MS 30000
#define PUSH_TIMEOUT_MS 180000

static const char *name_in(const char *url)
{
    const char *at = strrchr(url, '@');
    const char *scheme = strstr(url, "://");
    return at != NULL ? at + 1 : scheme != NULL ? scheme + 3 : url;
}

static slk_err add_nodes(slk_chain *chain, const char *api_info, slk_error *error)
{
    slk_apiinfo infos[SLK_CHAIN_MAX_NODES];
    size_t n = 0;
    SLK_TRY(slk_apiinfo_parse_list(infos, SLK_CHAIN_MAX_NODES, &n, api_info, error));
    for (size_t i = 0; i < n; i++)
        chain->nodes[i].info = infos[i];
    chain->n_nodes = n;
    for (size_t i = 0; i < n; i++) {
        chain->nodes[i].url = slk_strf("%s/rpc/v1", infos[i].url);
        chain->nodes[i].name = name_in(infos[i].url);
        if (chain->nodes[i].url == NULL)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for a chain client");
    }
    return SLK_OK;
}

static int64_t real_clock(void *context)
{
    (void)context;
    return slk_clock_monotonic_ms();
}

slk_err slk_chain_new(slk_chain **ret_chain, const slk_chain_options *options, slk_error *error)
{
    if (options->api_info == NULL)
        return slk_fail(error, SLK_E_INVAL, "no chain node given (FULLNODE_API_INFO)");
    slk_chain *chain = slk_calloc(1, sizeof *chain);
    if (chain == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a chain client");
    chain->read_timeout_ms =
        options->read_timeout_ms > 0 ? options->read_timeout_ms : READ_TIMEOUT_MS;
    chain->push_timeout_ms =
        options->push_timeout_ms > 0 ? options->push_timeout_ms : PUSH_TIMEOUT_MS;
    atomic_init(&chain->next_id, 1);
    atomic_init(&chain->preferred, 0);
    atomic_init(&chain->return_ms, 0);
    chain->monotonic_ms = options->monotonic_ms != NULL ? options->monotonic_ms : real_clock;
    chain->clock_context = options->clock_context;
    slk_err code = add_nodes(chain, options->api_info, error);
    if (code == SLK_OK && options->transport != NULL)
        chain->transport = *options->transport;
    else if (code == SLK_OK)
        code = slk_chain_http_new(&chain->http, &chain->transport, options, error);
    if (code != SLK_OK) {
        slk_chain_free(chain);
        return code;
    }
    *ret_chain = chain;
    return SLK_OK;
}

void slk_chain_free(slk_chain *chain)
{
    if (chain == NULL)
        return;
    for (size_t i = 0; i < chain->n_nodes && !chain->borrows; i++) {
        slk_apiinfo_done(&chain->nodes[i].info);
        slk_free(chain->nodes[i].url);
    }
    if (chain->http != NULL)
        slk_chain_http_free(chain->http);
    slk_free(chain);
}

void slk_chain_freep(slk_chain **chain)
{
    slk_chain_free(*chain);
}

size_t slk_chain_nodes(const slk_chain *chain)
{
    return chain->n_nodes;
}

static slk_err alone(slk_chain **ret, const slk_chain *chain, size_t node, slk_error *error)
{
    slk_chain *one = slk_calloc(1, sizeof *one);
    if (one == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a chain client");
    one->borrows = true;
    one->nodes[0] = chain->nodes[node];
    one->n_nodes = 1;
    one->transport = chain->transport;
    one->read_timeout_ms = chain->read_timeout_ms;
    one->push_timeout_ms = chain->push_timeout_ms;
    one->monotonic_ms = chain->monotonic_ms;
    one->clock_context = chain->clock_context;
    atomic_init(&one->next_id, 1);
    atomic_init(&one->preferred, 0);
    atomic_init(&one->return_ms, 0);
    *ret = one;
    return SLK_OK;
}

slk_err slk_chain_alone(slk_chain **ret_one, slk_chain *chain, size_t index, slk_error *error)
{
    return alone(ret_one, chain, (atomic_load(&chain->preferred) + index) % chain->n_nodes, error);
}

slk_err slk_chain_named(slk_chain **ret_one, slk_chain *chain, const char *node, slk_error *error)
{
    for (size_t i = 0; i < chain->n_nodes; i++)
        if (slk_chain_is_named(chain, i, node))
            return alone(ret_one, chain, i, error);
    return slk_fail(error, SLK_E_UNREACHABLE, "no chain node is called %s any more", node);
}

/* {"jsonrpc":…} or the error in it. */
static slk_err read_answer(json_t **ret_result, const slk_buf *body, int status, uint64_t id,
                           const char *method, slk_chain_fault *fault, slk_error *error)
{
    if (status == 401 || status == 403)
        return slk_fail(error, SLK_E_AUTH, "%s: the node refuses the token (HTTP %d)", method,
                        status);
    if (status == 429)
        return slk_fail(
            error, SLK_E_UNREACHABLE,
            "%s: the node has had too many requests (HTTP 429): ask again later, or less often",
            method);
    if (status != 200 && status != 500 && status != 400)
        return slk_fail(error, SLK_E_UNREACHABLE, "%s: the node answers HTTP %d", method, status);
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    slk_error why = {0};
    slk_err code = slk_json_parse(&answer, body->data, body->len, ANSWER_MAX_BYTES, &why);
    if (code != SLK_OK || !json_is_object(answer))
        return slk_fail(error, status == 200 ? SLK_E_PROTO : SLK_E_UNREACHABLE,
                        "%s: the node's answer (HTTP %d) is not JSON-RPC: %s", method, status,
                        slk_error_text(&why, SLK_E_PROTO));
    json_t *rpc_error = slk_json_member(answer, "error");
    if (rpc_error != NULL)
        return slk_chain_read_error(fault, rpc_error, method, error);
    json_t *result = json_object_get(answer, "result");
    json_t *got_id = json_object_get(answer, "id");
    if (result == NULL || !json_is_integer(got_id) || (uint64_t)json_integer_value(got_id) != id)
        return slk_fail(error, SLK_E_PROTO, "%s: the answer has no result or another id", method);
    *ret_result = json_incref(result);
    return SLK_OK;
}

slk_err slk_chain_ask_node(slk_chain *chain, size_t node, json_t **ret_result, const char *method,
                           json_t *params, int64_t timeout_ms, slk_chain_fault *ret_fault,
                           slk_error *error)
{
    uint64_t id = atomic_fetch_add(&chain->next_id, 1);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *request = json_pack("{s:s, s:I, s:s, s:O}", "jsonrpc", "2.0", "id", (json_int_t)id,
                                "method", method, "params", params);
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    SLK_CLEANUP(slk_buf_done) slk_buf body;
    slk_buf_init(&text, REQUEST_MAX_BYTES);
    slk_buf_init(&body, ANSWER_MAX_BYTES);
    slk_err code = slk_json_print(&text, request);
    if (code != SLK_OK)
        return slk_fail(error, code, "%s: no memory for the request", method);
    const slk_chain_node *target = &chain->nodes[node];
    int status = 0;
    code =
        chain->transport.post(chain->transport.context, &body, &status, target->url,
                              target->info.token, slk_buf_str(&text), text.len, timeout_ms, error);
    if (code != SLK_OK)
        return slk_fail_context(error, code, "%s", method);
    slk_chain_fault fault = {.exit_code = -1};
    code = read_answer(ret_result, &body, status, id, method, &fault, error);
    if (code != SLK_OK && ret_fault != NULL)
        *ret_fault = fault;
    return code;
}

/* Another node may do better; an answer about the chain itself is final. */
static bool worth_another(slk_err code, const slk_chain_fault *fault)
{
    if (fault->rpc_code != 0)
        return (code == SLK_E_BUSY && !fault->from_future) || code == SLK_E_UNREACHABLE;
    return code == SLK_E_UNREACHABLE || code == SLK_E_TIMEOUT || code == SLK_E_AUTH ||
           code == SLK_E_PROTO;
}

void slk_chain_prefer(slk_chain *chain, size_t node)
{
    if (atomic_exchange(&chain->preferred, node) == 0 && node != 0)
        atomic_store(&chain->return_ms, chain->monotonic_ms(chain->clock_context) + RETURN_MS);
}

/* The first node is the one the operator named first: another stands in for it, and not for ever. One
 * caller at a time looks, the others go on where they are. */
static void return_to_first(slk_chain *chain)
{
    if (atomic_load(&chain->preferred) == 0)
        return;
    int64_t due_ms = atomic_load(&chain->return_ms);
    const int64_t now_ms = chain->monotonic_ms(chain->clock_context);
    if (now_ms >= due_ms &&
        atomic_compare_exchange_strong(&chain->return_ms, &due_ms, now_ms + RETURN_MS) &&
        slk_chain_is_fresh(chain, 0))
        slk_chain_prefer(chain, 0);
}

static slk_err call(slk_chain *chain, json_t **ret_result, const char *method, json_t *params,
                    slk_chain_mode mode, slk_chain_fault *ret_fault, slk_error *error)
{
    slk_chain_fault fault = {.exit_code = -1};
    int64_t timeout_ms = mode == SLK_CHAIN_READ ? chain->read_timeout_ms : chain->push_timeout_ms;
    if (mode != SLK_CHAIN_PUSH)
        return_to_first(chain);
    size_t first = atomic_load(&chain->preferred);
    size_t tries = mode == SLK_CHAIN_PUSH ? 1 : chain->n_nodes;
    slk_err code = SLK_E_INTERNAL;
    for (size_t i = 0; i < tries; i++) {
        size_t node = (first + i) % chain->n_nodes;
        fault = (slk_chain_fault){.exit_code = -1};
        code =
            slk_chain_ask_node(chain, node, ret_result, method, params, timeout_ms, &fault, error);
        if (code == SLK_OK || !worth_another(code, &fault)) {
            if (i > 0) /* else a slow call would undo what others found out meanwhile */
                slk_chain_prefer(chain, node);
            break;
        }
    }
    if (ret_fault != NULL)
        *ret_fault = code == SLK_OK ? (slk_chain_fault){.exit_code = -1} : fault;
    return code;
}

slk_err slk_chain_call(slk_chain *chain, json_t **ret_result, const char *method, json_t *params,
                       bool push, slk_chain_fault *ret_fault, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp)
    json_t *list = params == NULL ? json_array() : json_incref(params);
    if (!json_is_array(list))
        return slk_fail(error, SLK_E_INVAL, "%s: parameters must be an array", method);
    return call(chain, ret_result, method, list, push ? SLK_CHAIN_PUSH : SLK_CHAIN_READ, ret_fault,
                error);
}

slk_err slk_chain_invoke(slk_chain *chain, json_t **ret_result, const char *method, json_t *params,
                         slk_chain_mode mode, slk_chain_fault *ret_fault, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = params;
    char full[80];
    if (list == NULL)
        return slk_fail(error, SLK_E_NOMEM, "%s: no memory for the parameters", method);
    snprintf(full, sizeof full, "Filecoin.%s", method);
    return call(chain, ret_result, full, list, mode, ret_fault, error);
}

slk_err slk_chain_invoke_at(slk_chain *chain, size_t node, json_t **ret_result, const char *method,
                            json_t *params, slk_chain_mode mode, slk_chain_fault *ret_fault,
                            slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = params;
    char full[80];
    if (list == NULL)
        return slk_fail(error, SLK_E_NOMEM, "%s: no memory for the parameters", method);
    snprintf(full, sizeof full, "Filecoin.%s", method);
    const int64_t timeout_ms =
        mode == SLK_CHAIN_READ ? chain->read_timeout_ms : chain->push_timeout_ms;
    return slk_chain_ask_node(chain, node, ret_result, full, list, timeout_ms, ret_fault, error);
}

void slk_chain_node_name(slk_chain *chain, char out[SLK_CHAIN_NODE_CHARS])
{
    snprintf(out, SLK_CHAIN_NODE_CHARS, "%s", chain->nodes[atomic_load(&chain->preferred)].name);
}

bool slk_chain_is_named(const slk_chain *chain, size_t node, const char *name)
{
    char cut[SLK_CHAIN_NODE_CHARS]; /* as slk_chain_node_name cuts it */
    snprintf(cut, sizeof cut, "%s", chain->nodes[node].name);
    return strcmp(cut, name) == 0;
}

slk_err slk_chain_breach(slk_err code, const char *method, slk_error *error)
{
    if (code == SLK_E_INVAL && error != NULL)
        error->code = SLK_E_PROTO;
    return slk_fail_context(error, code == SLK_E_INVAL ? SLK_E_PROTO : code, "answer to %s",
                            method);
}
