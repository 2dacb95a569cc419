/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bodies of JSON-RPC calls. The first byte is how long a string may be to become a value (8 for '0',
 * 10 for '1' …), or 's' for a stranger. Every answer is JSON of the right form, and long strings are what they were. */
#include "fuzz.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/json.h"
#include "rpc/server.h"

#include <string.h>

/* All there is of each string can be read. */
static void walk(const slk_rpc_call *call, const json_t *value)
{
    const char *text = NULL, *key;
    size_t n = 0, i;
    json_t *child;
    if (slk_rpc_text(call, value, &text, &n))
        slk_assert(n == 0 || memchr(text, text[n - 1], n));
    else
        slk_assert(!json_is_string(value));
    json_array_foreach(value, i, child) walk(call, child);
    json_object_foreach((json_t *)(uintptr_t)value, key, child) walk(call, child);
}

static slk_err echo(void *context, const slk_rpc_call *call, json_t **ret_result, slk_error *error)
{
    (void)context;
    const json_t *value = json_array_get(call->params, 0);
    walk(call, value);
    if (json_is_true(value))
        return slk_rpc_bad_param(call, 0, "a lie", error);
    *ret_result = json_incref((json_t *)(uintptr_t)value);
    return SLK_OK;
}

static const slk_rpc_method methods[] = {{"F.Echo", 1, SLK_RPC_READ, echo},
                                         {"F.Admin", 1, SLK_RPC_ADMIN, echo}};

static void check_one(const json_t *answer)
{
    const json_t *error = json_object_get(answer, "error");
    slk_assert(json_is_object(answer) && json_object_get(answer, "id"));
    slk_assert((error != NULL) != (json_object_get(answer, "result") != NULL));
    slk_assert(!error || (json_is_integer(json_object_get(error, "code")) &&
                          json_is_string(json_object_get(error, "message"))));
}

static void check(const slk_buf *text, int status)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    size_t i;
    const json_t *one;
    slk_assert(status == 200 || status == 400 || status == 500);
    if (text->len == 0) {
        slk_assert(status == 200);
        return;
    }
    slk_assert(slk_json_parse(&answer, text->data, text->len, text->len, NULL) == SLK_OK);
    if (!json_is_array(answer))
        check_one(answer);
    json_array_foreach(answer, i, one) check_one(one);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1)
        return 0;
    slk_rpc_server *server = NULL;
    const bool stranger = data[0] == 's';
    const slk_rpc_table table = {methods, sizeof methods / sizeof *methods, NULL};
    const slk_rpc_server_options o = {
        .tables = &table, .n_tables = 1, .text_bytes = 8u + (uint8_t)(data[0] - '0') % 64 * 2u};
    const slk_rpc_caller caller = {
        .permissions = SLK_RPC_READ, .token = "", .peer = "127.0.0.1", .stranger = stranger};
    SLK_CLEANUP(slk_freep) char *body = fuzz_text(data + 1, n - 1);
    SLK_CLEANUP(slk_buf_done) slk_buf answer;
    int status = 0;
    slk_buf_init(&answer, SIZE_MAX);
    slk_assert(slk_rpc_server_new(&server, &o, NULL) == SLK_OK);
    slk_assert(slk_rpc_answer(server, &caller, body, n - 1, &status, &answer, NULL) == SLK_OK);
    check(&answer, status);
    slk_rpc_server_free(server);
    return 0;
}
