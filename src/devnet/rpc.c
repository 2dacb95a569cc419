/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON-RPC over HTTP as go-jsonrpc does it: statuses, codes, permissions. source: reference/chain
 * 3.1 */
#include "devnet/devnet_impl.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum {
    CODE_PARSE = -32700,
    CODE_REQUEST = -32600,
    CODE_NO_METHOD = -32601,
    CODE_PARAMS = -32602,
    CODE_GENERIC = 1,
};
#define ANSWER_MAX_BYTES ((size_t)64 << 20)

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

static const slk_dev_rpc_method *find_method(const char *name)
{
    const slk_dev_rpc_method *const tables[] = {slk_dev_rpc_chain_methods,
                                                slk_dev_rpc_miner_methods, slk_dev_rpc_pool_methods,
                                                slk_dev_rpc_control_methods};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const slk_dev_rpc_method *m = tables[t]; m->name != NULL; m++)
            if (strcmp(m->name, name) == 0)
                return m;
    return NULL;
}

/* One call that got past the JSON. *ret_status is what HTTP says if it is the only one. */
static json_t *call(slk_devnet *devnet, const char *name, const json_t *params,
                    slk_dev_permission permission, int *ret_status, slk_dev_rpc_error *error)
{
    const slk_dev_rpc_method *method = find_method(name);
    size_t n = json_array_size(params);
    *ret_status = 500;
    if (method == NULL)
        return slk_dev_rpc_fail(error, CODE_NO_METHOD, "method '%.80s' not found", name);
    if (n != method->n_params)
        return slk_dev_rpc_fail(error, CODE_PARAMS, "wrong param count (method '%s'): %zu != %zu",
                                name, n, method->n_params);
    *ret_status = 200;
    if (permission < method->permission)
        return slk_dev_rpc_fail(
            error, CODE_GENERIC, "missing permission to invoke '%s' (need '%s')",
            strchr(name, '.') + 1, slk_dev_permission_names[method->permission]);
    if (devnet->broken)
        return slk_dev_rpc_fail(error, CODE_GENERIC, "the devnet cannot write its log; restart it");
    json_t *result = method->function(devnet, params, error);
    if (result == NULL && error->code == CODE_PARSE)
        *ret_status = 500;
    return result;
}

static json_t *answer(const json_t *id, json_t *result, const slk_dev_rpc_error *error)
{
    if (result != NULL)
        return json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id, "result", result);
    return json_pack("{s:s, s:O, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", id, "error", "code",
                     error->code, "message", error->message);
}

static json_t *refuse(int *ret_status, int status, int code, const char *message)
{
    const slk_dev_rpc_error error = {.code = code};
    json_t *null = json_null();
    slk_dev_rpc_error filled = error;
    snprintf(filled.message, sizeof filled.message, "%s", message);
    *ret_status = status;
    return answer(null, NULL, &filled);
}

/* One member of a batch or a lone request; NULL with *ret_silent for a notification. */
static json_t *serve_one(slk_devnet *devnet, const json_t *request, slk_dev_permission permission,
                         int *ret_status, bool *ret_silent)
{
    const char *name = json_string_value(json_object_get(request, "method"));
    const json_t *id = json_object_get(request, "id");
    json_t *params = json_object_get(request, "params");
    if (!json_is_object(request) || name == NULL ||
        (id != NULL && !json_is_integer(id) && !json_is_string(id) && !json_is_null(id)))
        return refuse(ret_status, 400, CODE_REQUEST, "Invalid request");
    if (params != NULL && !json_is_null(params) && !json_is_array(params))
        return refuse(ret_status, 500, CODE_PARSE, "Parse error");
    slk_dev_rpc_error error = {.code = CODE_GENERIC, .message = "out of memory"};
    json_t *result = call(devnet, name, params, permission, ret_status, &error);
    *ret_silent = id == NULL;
    if (!*ret_silent)
        return answer(id, result, &error);
    json_decref(result);
    *ret_status = 200;
    return NULL;
}

static json_t *serve_batch(slk_devnet *devnet, const json_t *batch, slk_dev_permission permission)
{
    json_t *answers = json_array();
    for (size_t i = 0; i < json_array_size(batch) && answers != NULL; i++) {
        int ignored;
        bool silent = false;
        json_t *one = serve_one(devnet, json_array_get(batch, i), permission, &ignored, &silent);
        if (!silent && json_array_append_new(answers, one) != 0) {
            json_decref(answers);
            return NULL;
        }
    }
    return answers;
}

/* Takes a fault asked for by Devnet.RpcFault; 0 none. */
static int64_t take_fault(slk_devnet *devnet, const json_t *request)
{
    const char *name = json_string_value(json_object_get(request, "method"));
    for (size_t i = 0; i < devnet->n_faults && name != NULL; i++) {
        slk_dev_fault *f = &devnet->faults[i];
        if (strcmp(f->method, name) != 0 || f->left <= 0)
            continue;
        f->left--;
        return f->what;
    }
    return 0;
}

static slk_err serve(slk_devnet *devnet, int *ret_status, slk_buf *ret_body, const json_t *request,
                     slk_dev_permission permission, slk_error *error)
{
    bool silent = false;
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    *ret_status = 200;
    if (json_is_array(request) && json_array_size(request) > 0)
        value = serve_batch(devnet, request, permission);
    else
        value = serve_one(devnet, request, permission, ret_status, &silent);
    if (silent)
        return SLK_OK;
    slk_err code = slk_json_print(ret_body, value);
    if (code == SLK_OK)
        code = slk_buf_text(ret_body, "\n");
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "no memory for an answer");
}

static slk_err serve_with_faults(slk_devnet *devnet, int *ret_status, slk_buf *ret_body,
                                 const json_t *request, slk_dev_permission permission,
                                 slk_error *error)
{
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
    slk_err code = serve(devnet, ret_status, ret_body, request, permission, error);
    pthread_mutex_unlock(&devnet->lock);
    if (code == SLK_OK && fault == 1) { /* done, but the answer is cut */
        ret_body->len /= 2;
        ret_body->data[ret_body->len] = 0;
    }
    return code;
}

/* The permission the request has; false: answer 401. */
static bool authorise(const slk_devnet *devnet, slk_dev_permission *ret,
                      const slk_devnet_request *r)
{
    static const char bearer[] = "Bearer ";
    *ret = devnet->options.no_auth ? DEV_ADMIN : DEV_READ;
    if (devnet->options.no_auth || (r->authorization == NULL && r->query_token == NULL))
        return true;
    const char *token = r->query_token;
    if (r->authorization != NULL) {
        if (strncmp(r->authorization, bearer, sizeof bearer - 1) != 0)
            return false;
        token = r->authorization + sizeof bearer - 1;
    }
    *ret = slk_dev_token_check(devnet, token);
    return *ret != DEV_NOBODY;
}

slk_err slk_devnet_handle(slk_devnet *devnet, int *ret_status, slk_buf *ret_body,
                          const slk_devnet_request *request, slk_error *error)
{
    slk_dev_permission permission;
    if (strcmp(request->path, "/health/livez") == 0 ||
        strcmp(request->path, "/health/readyz") == 0) {
        *ret_status = devnet->broken ? 503 : 200;
        return SLK_OK;
    }
    if (strcmp(request->path, "/rpc/v1") != 0 && strcmp(request->path, "/rpc/v0") != 0) {
        *ret_status = 404;
        return SLK_OK;
    }
    if (!authorise(devnet, &permission, request)) {
        *ret_status = 401;
        return SLK_OK;
    }
    if (strcmp(request->method, "POST") != 0) {
        *ret_status = 405;
        return SLK_OK;
    }
    SLK_CLEANUP(slk_json_decrefp) json_t *parsed = NULL;
    slk_err code =
        slk_json_parse(&parsed, request->body, request->body_bytes, SLK_DEVNET_BODY_MAX, error);
    if (code == SLK_OK)
        return serve_with_faults(devnet, ret_status, ret_body, parsed, permission, error);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *refusal = request->body_bytes == 0
                          ? refuse(ret_status, 400, CODE_REQUEST, "Invalid request")
                          : refuse(ret_status, 500, CODE_PARSE, "Parse error");
    return slk_json_print(ret_body, refusal);
}
