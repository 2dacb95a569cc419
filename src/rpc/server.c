/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From a request to its answer. */
#include "rpc/server_impl.h"

#include "base/bytes.h"
#include "base/cond.h"
#include "base/mem.h"
#include "codec/json.h"

#include <stdio.h>
#include <string.h>

/* ---- answers ---- */

static int status_of(int code)
{
    if (code == CODE_REQUEST)
        return 400;
    return code == CODE_PARSE || code == CODE_NO_METHOD || code == CODE_PARAMS ? 500 : 200;
}

static json_t *fault_json(const json_t *id, int code, const char *message)
{
    json_t *null = id ? NULL : json_null();
    return json_pack("{s:s, s:O, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", id ? id : null, "error",
                     "code", code, "message", message);
}

static slk_err print_line(slk_buf *answer, const json_t *value, slk_error *error)
{
    slk_err code = value ? slk_json_print(answer, value) : SLK_E_NOMEM;
    if (code == SLK_OK)
        code = slk_buf_text(answer, "\n");
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "no room for an answer");
}

slk_err slk_rpc_answer_fault(int code, const char *message, const json_t *id, int *ret_status,
                             slk_buf *answer, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = fault_json(id, code, message);
    *ret_status = status_of(code);
    return print_line(answer, value, error);
}

/* ---- one call ---- */

typedef struct outcome {
    json_t *result; /* on success; NULL null */
    int code; /* of JSON-RPC; 0 success */
    char message[sizeof((slk_error *)0)->message];
} outcome;

static void refuse(outcome *o, int code, const char *format, ...) SLK_PRINTF(3, 4);
static void refuse(outcome *o, int code, const char *format, ...)
{
    va_list args;
    o->code = code;
    va_start(args, format);
    (void)vsnprintf(o->message, sizeof o->message, format, args);
    va_end(args);
    slk_text_mend(o->message);
}

static const slk_rpc_method *find_method(const slk_rpc_server *server, const char *name,
                                         void **ret_context)
{
    for (size_t t = 0; t < server->options.n_tables; t++) {
        const slk_rpc_table *table = &server->tables[t];
        for (size_t i = 0; i < table->n_methods; i++)
            if (strcmp(table->methods[i].name, name) == 0) {
                *ret_context = table->context;
                return &table->methods[i];
            }
    }
    return NULL;
}

static const char *after_dot(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot ? dot + 1 : name;
}

static void invoke(outcome *o, const slk_rpc_method *method, void *context,
                   const slk_rpc_call *call)
{
    slk_error error = {0};
    call->request->fault = 0;
    const slk_err code = method->handler(context, call, &o->result, &error);
    if (code == SLK_OK)
        return;
    o->result = NULL;
    refuse(o, call->request->fault ? call->request->fault : CODE_ORDINARY, "%s",
           slk_error_text(&error, code));
}

static bool is_request(const json_t *one)
{
    const json_t *id = slk_json_member(one, "id"), *method = json_object_get(one, "method");
    const json_t *params = slk_json_member(one, "params");
    return json_is_object(one) && (!id || json_is_number(id) || json_is_string(id)) &&
           (!method || json_is_string(method)) && (!params || json_is_array(params));
}

static void refuse_method(outcome *o, const slk_rpc_server *server, const char *name)
{
    const char *advice = server->options.missing ? server->options.missing(name) : NULL;
    refuse(o, CODE_NO_METHOD, "method '%.80s' not found%s%s", name, advice ? ": " : "",
           advice ? advice : "");
}

/* One object of the body. */
static void serve(slk_rpc_server *server, const slk_rpc_caller *caller, slk_rpc_request *request,
                  const json_t *one, outcome *o)
{
    void *context = NULL;
    if (!is_request(one)) {
        refuse(o, CODE_PARSE, "Parse error");
        return;
    }
    const char *name = json_string_value(json_object_get(one, "method"));
    if (!name) {
        refuse(o, CODE_REQUEST, "Invalid request");
        return;
    }
    json_t *params = slk_json_member(one, "params");
    const slk_rpc_method *method = find_method(server, name, &context);
    if (!method) {
        refuse_method(o, server, name);
    } else if (json_array_size(params) != method->n_params) {
        refuse(o, CODE_PARAMS, "wrong param count (method '%s'): %zu != %u", name,
               json_array_size(params), method->n_params);
    } else if (method->needs && !(method->needs & caller->permissions)) {
        refuse(o, CODE_ORDINARY, "missing permission to invoke '%s' (need '%s')", after_dot(name),
               slk_rpc_permission_word(method->needs));
    } else {
        SLK_CLEANUP(slk_json_decrefp) json_t *none = params ? NULL : json_array();
        const slk_rpc_call call = {.method = method->name,
                                   .params = params ? params : none,
                                   .permissions = caller->permissions,
                                   .token = caller->token,
                                   .peer = caller->peer,
                                   .job = caller->job,
                                   .request = request};
        invoke(o, method, context, &call);
    }
}

/* NULL with SLK_OK: nothing is to be said. */
static slk_err answer_one(slk_rpc_server *server, const slk_rpc_caller *caller,
                          slk_rpc_request *request, const json_t *one, json_t **ret_answer,
                          int *ret_status)
{
    outcome o = {0};
    const json_t *id = slk_json_member(one, "id");
    serve(server, caller, request, one, &o);
    SLK_CLEANUP(slk_json_decrefp) json_t *result = o.result;
    *ret_status = 200;
    if (json_is_object(one) && !id)
        return SLK_OK;
    *ret_status = status_of(o.code);
    if (id && !json_is_number(id) && !json_is_string(id))
        id = NULL;
    if (o.code)
        *ret_answer = fault_json(id, o.code, o.message);
    else
        *ret_answer = json_pack("{s:s, s:O, s:O?}", "jsonrpc", "2.0", "id", id, "result", result);
    return *ret_answer ? SLK_OK : SLK_E_NOMEM;
}

static slk_err answer_batch(slk_rpc_server *server, const slk_rpc_caller *caller,
                            slk_rpc_request *request, slk_buf *answer, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answers = json_array();
    for (size_t i = 0; i < json_array_size(request->root); i++) {
        json_t *one = NULL;
        int ignored = 0;
        const slk_err code =
            answer_one(server, caller, request, json_array_get(request->root, i), &one, &ignored);
        if (code != SLK_OK || (one && json_array_append_new(answers, one) != 0))
            return slk_fail(error, SLK_E_NOMEM, "no memory for an answer");
    }
    /* Notifications alone are answered by nothing. */
    return answers && json_array_size(answers) == 0 ? SLK_OK : print_line(answer, answers, error);
}

slk_err slk_rpc_answer_request(slk_rpc_server *server, const slk_rpc_caller *caller,
                               slk_rpc_request *request, int *ret_status, slk_buf *answer,
                               slk_error *error)
{
    *ret_status = 200;
    if (json_is_array(request->root) && json_array_size(request->root) == 0)
        return slk_rpc_answer_fault(CODE_REQUEST, "Invalid request", NULL, ret_status, answer,
                                    error);
    if (json_is_array(request->root))
        return answer_batch(server, caller, request, answer, error);
    SLK_CLEANUP(slk_json_decrefp) json_t *one = NULL;
    if (answer_one(server, caller, request, request->root, &one, ret_status) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "no memory for an answer");
    return one ? print_line(answer, one, error) : SLK_OK;
}

static slk_err answer_body(slk_rpc_server *server, const slk_rpc_caller *caller, const char *body,
                           size_t n, int *ret_status, slk_buf *answer, slk_error *error)
{
    SLK_CLEANUP(slk_rpc_request_done) slk_rpc_request request = {0};
    if (n == 0)
        return slk_rpc_answer_fault(CODE_REQUEST, "Invalid request", NULL, ret_status, answer,
                                    error);
    const slk_err code = slk_rpc_request_read(&request, body, n, server->options.text_bytes,
                                              caller->stranger, error);
    if (code == SLK_E_NOMEM)
        return code;
    if (code != SLK_OK)
        return slk_rpc_answer_fault(CODE_PARSE, "Parse error", NULL, ret_status, answer, error);
    return slk_rpc_answer_request(server, caller, &request, ret_status, answer, error);
}

slk_err slk_rpc_answer(slk_rpc_server *server, const slk_rpc_caller *caller, const char *body,
                       size_t n, int *ret_status, slk_buf *answer, slk_error *error)
{
    slk_job job;
    slk_rpc_caller who = *caller;
    slk_job_init_under(&job, &server->all);
    if (!who.job)
        who.job = &job;
    return answer_body(server, &who, body, n, ret_status, answer, error);
}

/* ---- life ---- */

static slk_err init(slk_rpc_server *server, const slk_rpc_server_options *options, slk_error *error)
{
    server->options = *options;
    if (!server->options.path)
        server->options.path = "/rpc/v0";
    if (!server->options.text_bytes)
        server->options.text_bytes = SLK_RPC_TEXT_BYTES;
    slk_job_init(&server->all);
    slk_assert(pthread_mutex_init(&server->mutex, NULL) == 0);
    slk_assert(slk_cond_init(&server->fewer) == 0);
    server->tables = slk_alloc(options->n_tables + 1, sizeof *server->tables);
    if (!server->tables)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (options->n_tables)
        memcpy(server->tables, options->tables, options->n_tables * sizeof *server->tables);
    return SLK_OK;
}

slk_err slk_rpc_server_new(slk_rpc_server **ret_server, const slk_rpc_server_options *options,
                           slk_error *error)
{
    slk_rpc_server *server = slk_calloc(1, sizeof *server);
    if (!server)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    const slk_err code = init(server, options, error);
    if (code == SLK_OK)
        *ret_server = server;
    else
        slk_rpc_server_free(server);
    return code;
}

void slk_rpc_server_stop(slk_rpc_server *server)
{
    atomic_store(&server->stopping, true);
    slk_job_cancel(&server->all);
    slk_rpc_socket_stop(server);
}

void slk_rpc_server_free(slk_rpc_server *server)
{
    if (!server)
        return;
    slk_rpc_server_stop(server);
    slk_ws_hub_free(server->hub);
    (void)pthread_mutex_destroy(&server->mutex);
    (void)pthread_cond_destroy(&server->fewer);
    slk_free(server->tables);
    slk_free(server);
}
