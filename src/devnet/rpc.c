/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The chain's methods behind the JSON-RPC server, and the faults it is asked to show. source:
 * reference/chain 3.1 */
#include "devnet/devnet_impl.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum {
    CODE_PARSE = -32700,
    CODE_GENERIC = 1,
};

json_t *slk_dev_rpc_fail(slk_dev_rpc_error *error, int code, const char *format, ...)
{
    va_list args;
    error->code = code;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return NULL;
}

json_t *slk_dev_rpc_fail_error(slk_dev_rpc_error *error, const slk_error *why)
{
    return slk_dev_rpc_fail(error, CODE_GENERIC, "%s", slk_error_text(why, why->code));
}

/* A parameter of the wrong type: answered with 500 and -32700, as Go's decoder does. */
static bool bad_param(slk_dev_rpc_error *error, size_t at, const char *wanted)
{
    slk_dev_rpc_fail(error, CODE_PARSE, "unmarshaling params: parameter %zu: %s expected", at,
                     wanted);
    return false;
}

bool slk_dev_rpc_address(slk_address *ret, const json_t *params, size_t at,
                         slk_dev_rpc_error *error)
{
    const char *text = json_string_value(json_array_get(params, at));
    if (text == NULL || slk_address_parse(ret, text, NULL) != SLK_OK || !slk_address_defined(ret))
        return bad_param(error, at, "an address");
    return true;
}

bool slk_dev_rpc_i64(int64_t *ret, const json_t *params, size_t at, slk_dev_rpc_error *error)
{
    const json_t *value = json_array_get(params, at);
    if (!json_is_integer(value))
        return bad_param(error, at, "an integer");
    *ret = json_integer_value(value);
    return true;
}

bool slk_dev_rpc_view(const slk_devnet *devnet, int64_t *ret_height, const json_t *params,
                      size_t at, slk_dev_rpc_error *error)
{
    slk_error why = {0};
    const json_t *key = json_array_get(params, at);
    if (!json_is_array(key) && !json_is_null(key))
        return bad_param(error, at, "a tipset key");
    if (slk_dev_block_by_key(devnet, ret_height, key, &why) == SLK_OK)
        return true;
    slk_dev_rpc_fail_error(error, &why);
    return false;
}

slk_dev_actor *slk_dev_rpc_actor(const slk_devnet *devnet, const json_t *params, size_t at,
                                 slk_dev_rpc_error *error)
{
    slk_address address;
    if (!slk_dev_rpc_address(&address, params, at, error))
        return NULL;
    slk_dev_actor *actor = slk_dev_actor_find(devnet, &address);
    if (actor == NULL)
        slk_dev_rpc_fail(error, 1,
                         "actor not found"); /* wrapped, so not 11: seen on Lotus 1.36.1 */
    return actor;
}

slk_dev_actor *slk_dev_rpc_miner(const slk_devnet *devnet, const json_t *params, size_t at,
                                 slk_dev_rpc_error *error)
{
    slk_dev_actor *actor = slk_dev_rpc_actor(devnet, params, at, error);
    if (actor != NULL && !actor->is_miner) {
        slk_dev_rpc_fail(error, CODE_GENERIC, "failed to load miner actor: unknown actor code");
        return NULL;
    }
    return actor;
}

json_t *slk_dev_rpc_address_json(const slk_address *address)
{
    char text[SLK_ADDRESS_TEXT_CHARS];
    slk_address_print(text, address, DEVNET_NETWORK_LETTER);
    return json_string(text);
}

json_t *slk_dev_rpc_id_json(uint64_t id)
{
    slk_address address;
    slk_address_from_id(&address, id);
    return slk_dev_rpc_address_json(&address);
}

static const slk_dev_rpc_method *const tables[] = {
    slk_dev_rpc_chain_methods, slk_dev_rpc_miner_methods, slk_dev_rpc_pool_methods,
    slk_dev_rpc_control_methods};
#define TABLES (sizeof tables / sizeof *tables)

static const slk_dev_rpc_method *find_method(const char *name)
{
    for (size_t t = 0; t < TABLES; t++)
        for (const slk_dev_rpc_method *m = tables[t]; m->name != NULL; m++)
            if (strcmp(m->name, name) == 0)
                return m;
    return NULL;
}

static slk_err call(void *context, const slk_rpc_call *rpc, json_t **ret_result, slk_error *error)
{
    slk_devnet *devnet = context;
    slk_dev_rpc_error why = {.code = CODE_GENERIC, .message = "out of memory"};
    if (devnet->broken)
        return slk_fail(error, SLK_E_IO, "the devnet cannot write its log; restart it");
    json_t *result = find_method(rpc->method)->function(devnet, rpc->params, &why);
    if (result == NULL)
        return slk_rpc_fault(rpc, why.code ? why.code : CODE_GENERIC, error, "%s", why.message);
    *ret_result = result;
    return SLK_OK;
}

slk_err slk_dev_rpc_open(slk_devnet *devnet, slk_error *error)
{
    size_t n = 0;
    for (size_t t = 0; t < TABLES; t++)
        for (const slk_dev_rpc_method *m = tables[t]; m->name != NULL; m++)
            n++;
    devnet->methods = slk_calloc(n, sizeof *devnet->methods);
    if (devnet->methods == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the devnet");
    const slk_rpc_table table = {devnet->methods, n, devnet};
    n = 0;
    for (size_t t = 0; t < TABLES; t++)
        for (const slk_dev_rpc_method *m = tables[t]; m->name != NULL; m++)
            devnet->methods[n++] =
                (slk_rpc_method){m->name, (unsigned)m->n_params, m->permission, call};
    const slk_rpc_server_options options = {
        .tables = &table, .n_tables = 1, .text_bytes = SIZE_MAX};
    return slk_rpc_server_new(&devnet->rpc, &options, error);
}

void slk_dev_rpc_close(slk_devnet *devnet)
{
    slk_rpc_server_free(devnet->rpc);
    slk_free(devnet->methods);
}

/* Takes a fault asked for by Devnet.RpcFault; 0 none. */
static int64_t take_fault(slk_devnet *devnet, const slk_devnet_request *request)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *parsed = NULL;
    if (devnet->n_faults == 0 || slk_json_parse(&parsed, request->body, request->body_bytes,
                                                SLK_DEVNET_BODY_MAX, NULL) != SLK_OK)
        return 0;
    const char *name = json_string_value(json_object_get(parsed, "method"));
    for (size_t i = 0; i < devnet->n_faults && name != NULL; i++) {
        slk_dev_fault *f = &devnet->faults[i];
        if (strcmp(f->method, name) != 0 || f->left <= 0)
            continue;
        f->left--;
        return f->what;
    }
    return 0;
}

static slk_err serve(slk_devnet *devnet, int *ret_status, slk_buf *ret_body,
                     const slk_devnet_request *request, unsigned permissions, slk_error *error)
{
    slk_rpc_caller caller = {.permissions = permissions, .token = "", .peer = ""};
    pthread_mutex_lock(&devnet->lock);
    int64_t fault = take_fault(devnet, request);
    pthread_mutex_unlock(&devnet->lock);
    if (fault >= 100) {
        *ret_status = (int)fault;
        return SLK_OK;
    }
    if (fault < 0)
        slk_clock_sleep_ms(-fault);
    pthread_mutex_lock(&devnet->lock);
    slk_err code = slk_rpc_answer(devnet->rpc, &caller, request->body, request->body_bytes,
                                  ret_status, ret_body, error);
    pthread_mutex_unlock(&devnet->lock);
    if (code == SLK_OK && fault == 1) { /* done, but the answer is cut */
        ret_body->len /= 2;
        ret_body->data[ret_body->len] = 0;
    }
    return code;
}

/* What the request may; false: answer 401. */
static bool authorise(const slk_devnet *devnet, unsigned *ret_permissions,
                      const slk_devnet_request *r)
{
    static const char bearer[] = "Bearer ";
    *ret_permissions = devnet->options.no_auth ? (unsigned)DEV_PERMISSIONS : SLK_RPC_READ;
    if (devnet->options.no_auth || (r->authorization == NULL && r->query_token == NULL))
        return true;
    const char *token = r->query_token;
    if (r->authorization != NULL) {
        if (strncmp(r->authorization, bearer, sizeof bearer - 1) != 0)
            return false;
        token = r->authorization + sizeof bearer - 1;
    }
    *ret_permissions = slk_dev_token_check(devnet, token);
    return *ret_permissions != 0;
}

slk_err slk_devnet_handle(slk_devnet *devnet, int *ret_status, slk_buf *ret_body,
                          const slk_devnet_request *request, slk_error *error)
{
    unsigned permissions;
    if (strcmp(request->path, "/health/livez") == 0 ||
        strcmp(request->path, "/health/readyz") == 0) {
        *ret_status = devnet->broken ? 503 : 200;
        return SLK_OK;
    }
    if (strcmp(request->path, "/rpc/v1") != 0 && strcmp(request->path, "/rpc/v0") != 0) {
        *ret_status = 404;
        return SLK_OK;
    }
    if (!authorise(devnet, &permissions, request)) {
        *ret_status = 401;
        return SLK_OK;
    }
    if (strcmp(request->method, "POST") != 0) {
        *ret_status = 405;
        return SLK_OK;
    }
    return serve(devnet, ret_status, ret_body, request, permissions, error);
}
