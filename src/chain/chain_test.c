/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The client against scripted nodes; against a working chain it is tested in src/devnet. */
#include "base/mem.h"
#include "base/uuid.h"
#include "chain/chain.h"
#include "codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define NODES "secret-a:/ip4/127.0.0.1/tcp/1/http,secret-b:http://127.0.0.1:2"

/* What each of the two nodes says next; "%ID%" becomes the id of the request. */
typedef struct script {
    int status[2];
    const char *body[2]; /* NULL: cannot be reached */
    unsigned calls[2];
    char last_request[4096];
    char last_token[32];
    int64_t now_ms;
} script;

static int64_t script_clock(void *context)
{
    const script *s = context;
    return s->now_ms;
}

static slk_err post(void *context, slk_buf *ret_body, int *ret_status, const char *url,
                    const char *token, const char *body, size_t body_bytes, int64_t timeout_ms,
                    slk_error *error)
{
    script *s = context;
    size_t node = strcmp(url, "http://127.0.0.1:2/rpc/v1") == 0;
    assert_int_equal(node == 0, strcmp(url, "http://127.0.0.1:1/rpc/v1") == 0);
    assert_true(timeout_ms > 0 && body_bytes < sizeof s->last_request);
    snprintf(s->last_request, sizeof s->last_request, "%s", body);
    snprintf(s->last_token, sizeof s->last_token, "%s", token);
    s->calls[node]++;
    if (s->body[node] == NULL)
        return slk_fail(error, SLK_E_UNREACHABLE, "connection refused");
    *ret_status = s->status[node];
    const char *mark = strstr(s->body[node], "%ID%");
    if (mark == NULL)
        return slk_buf_text(ret_body, s->body[node]);
    const char *id = strstr(body, "\"id\":");
    assert_non_null(id);
    id += 5;
    SLK_TRY(slk_buf_append(ret_body, s->body[node], (size_t)(mark - s->body[node])));
    SLK_TRY(slk_buf_append(ret_body, id, strspn(id, "0123456789")));
    return slk_buf_text(ret_body, mark + 4);
}

static slk_chain *open_chain(script *s)
{
    slk_chain *chain = NULL;
    const slk_chain_transport transport = {.context = s, .post = post};
    const slk_chain_options options = {.api_info = NODES,
                                       .transport = &transport,
                                       .monotonic_ms = script_clock,
                                       .clock_context = s};
    assert_int_equal(slk_chain_new(&chain, &options, NULL), SLK_OK);
    return chain;
}

#define RESULT(text) "{\"jsonrpc\":\"2.0\",\"id\":%ID%,\"result\":" text "}"
#define FAILURE(code, text) \
    "{\"jsonrpc\":\"2.0\",\"id\":%ID%,\"error\":{\"code\":" #code ",\"message\":\"" text "\"}}"

static slk_err ask(slk_chain *chain, bool push, slk_chain_fault *fault, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    return slk_chain_call(chain, &result, "Filecoin.ChainHead", NULL, push, fault, error);
}

static void reads_fail_over_and_pushes_do_not(void **state)
{
    (void)state;
    script s = {.status = {200, 200}, .body = {NULL, RESULT("1")}};
    slk_error error = {0};
    slk_chain *chain = open_chain(&s);
    assert_int_equal(ask(chain, true, NULL, &error), SLK_E_UNREACHABLE);
    assert_int_equal(s.calls[1], 0);
    assert_int_equal(ask(chain, false, NULL, &error), SLK_OK);
    assert_int_equal(s.calls[1], 1);
    assert_string_equal(s.last_token, "secret-b");
    assert_null(strstr(s.last_request, "secret"));
    /* The one that answered is asked first from now on. */
    unsigned before = s.calls[0];
    assert_int_equal(ask(chain, true, NULL, &error), SLK_OK);
    assert_int_equal(s.calls[0], before);
    static const struct {
        int status;
        const char *body;
        slk_err code;
    } bad[] = {{401, "", SLK_E_AUTH},
               {502, "<html>", SLK_E_UNREACHABLE},
               {500, "oops", SLK_E_UNREACHABLE},
               {200, "{\"jsonrpc\":\"2.0\",\"id\":%ID%,\"resu", SLK_E_PROTO},
               {200, "{\"jsonrpc\":\"2.0\",\"id\":%ID%}", SLK_E_PROTO},
               {200, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":1}", SLK_E_PROTO},
               {200, "[]", SLK_E_PROTO},
               {200, FAILURE("x", "y"), SLK_E_PROTO},
               {200, FAILURE(-32601, "no such method"), SLK_E_UNREACHABLE},
               {200, FAILURE(-32005, "too many"), SLK_E_BUSY}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        s.status[1] = bad[i].status;
        s.body[1] = bad[i].body;
        s.body[0] = NULL;
        assert_int_equal(ask(chain, true, NULL, &error), bad[i].code);
        assert_null(strstr(error.message, "secret"));
        s.status[0] = 200;
        s.body[0] = RESULT("1");
        assert_int_equal(ask(chain, false, NULL, &error), SLK_OK);
        s.body[0] = NULL;
        s.status[1] = 200;
        s.body[1] = RESULT("1");
        assert_int_equal(ask(chain, false, NULL, &error), SLK_OK);
    }
    slk_chain_free(chain);
}

#define CID "{\"/\":\"bafy2bzacedhapc5ww4ui47olfy5uvdxvurw5tnuaxd43vosbmf6vmgvxuijjc\"}"
#define TIPSET(height, timestamp)                                      \
    RESULT("{\"Cids\":[" CID "],\"Blocks\":[{\"Timestamp\":" timestamp \
           ",\"ParentBaseFee\":\"1\"}],\"Height\":" height "}")

/* What the second node was asked so far, after one more read. */
static unsigned seconds_calls(script *s, slk_chain *chain)
{
    assert_int_equal(ask(chain, false, NULL, NULL), SLK_OK);
    return s->calls[1];
}

static void reads_return_to_the_first_node(void **state)
{
    (void)state;
    script s = {.status = {200, 200}, .body = {NULL, TIPSET("7", "9000000000")}};
    slk_chain *chain = open_chain(&s);
    assert_int_equal(seconds_calls(&s, chain), 1);
    s.body[0] = TIPSET("7", "9000000000"); /* it is well again, and nobody has looked yet */
    s.now_ms += 59999;
    const unsigned before = s.calls[0];
    assert_int_equal(seconds_calls(&s, chain), 2);
    s.now_ms += 1;
    assert_int_equal(ask(chain, true, NULL, NULL), SLK_OK); /* a push does not look */
    assert_int_equal(s.calls[0], before);
    assert_int_equal(seconds_calls(&s, chain), 3); /* of which one was the push */
    assert_int_equal(s.calls[0], before + 2); /* a look, and the read itself */
    assert_int_equal(seconds_calls(&s, chain), 3);
    assert_int_equal(s.calls[0], before + 3);
    s.body[0] = NULL; /* it goes away again: a look a minute, no more */
    assert_int_equal(seconds_calls(&s, chain), 4);
    const unsigned failed = s.calls[0];
    for (unsigned i = 1; i <= 3; i++) {
        s.now_ms += 60000;
        (void)seconds_calls(&s, chain);
        (void)seconds_calls(&s, chain);
        assert_int_equal(s.calls[0], failed + i);
    }
    s.body[0] = TIPSET("3", "1000000000"); /* it answers, but is behind */
    s.now_ms += 60000;
    const unsigned behind = seconds_calls(&s, chain);
    assert_int_equal(seconds_calls(&s, chain), behind + 1);
    slk_chain_free(chain);
}

static void a_node_left_behind_is_avoided(void **state)
{
    (void)state;
    script s = {.status = {200, 200}};
    slk_chain *chain = open_chain(&s);
    slk_tipset head;
    s.body[0] = TIPSET("5", "9000000000"); /* fresh: nobody else is asked */
    s.body[1] = TIPSET("7", "1000000000");
    assert_int_equal(slk_chain_head(chain, &head, NULL), SLK_OK);
    assert_int_equal(head.height, 5);
    assert_int_equal(s.calls[1], 0);
    s.body[0] = TIPSET("5", "1000000000");
    assert_int_equal(slk_chain_head(chain, &head, NULL), SLK_OK);
    assert_int_equal(head.height, 7);
    unsigned before = s.calls[0];
    assert_int_equal(ask(chain, true, NULL, NULL), SLK_OK);
    assert_int_equal(s.calls[0], before);
    s.body[0] = NULL; /* nobody better: the old head is what there is */
    assert_int_equal(slk_chain_head(chain, &head, NULL), SLK_OK);
    assert_int_equal(head.height, 7);
    slk_chain_free(chain);
}

static void errors_are_understood(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        slk_err code;
        slk_chain_fault fault;
    } cases[] = {
        {200, FAILURE(1, "boom"), SLK_E_INVAL, {.rpc_code = 1, .exit_code = -1}},
        {200,
         FAILURE(3, "message execution failed (exit=[ErrIllegalArgument(16)], vm error=[x])"),
         SLK_E_INVAL,
         {.rpc_code = 3, .exit_code = 16}},
        {200,
         FAILURE(1, "mpool: failed (exit=[1000], revert reason=[y], vm error=[])"),
         SLK_E_INVAL,
         {.rpc_code = 1, .exit_code = 1000}},
        {200, FAILURE(1, "exit=[]"), SLK_E_INVAL, {.rpc_code = 1, .exit_code = -1}},
        {200,
         FAILURE(1, "exit=[Err(99999999999999999999)]"),
         SLK_E_INVAL,
         {.rpc_code = 1, .exit_code = -1}},
        {200,
         FAILURE(2, "call ran out of gas"),
         SLK_E_INVAL,
         {.rpc_code = 2, .exit_code = -1, .out_of_gas = true}},
        {200,
         FAILURE(1, "estimating: call ran out of gas"),
         SLK_E_INVAL,
         {.rpc_code = 1, .exit_code = -1, .out_of_gas = true}},
        {200,
         FAILURE(1, "x: cannot draw randomness from the future"),
         SLK_E_BUSY,
         {.rpc_code = 1, .exit_code = -1, .from_future = true}},
        {200, FAILURE(11, "actor not found"), SLK_E_NOTFOUND, {.rpc_code = 11, .exit_code = -1}},
        {200,
         FAILURE(1, "failed to load message: ipld: could not find bafy"),
         SLK_E_NOTFOUND,
         {.rpc_code = 1, .exit_code = -1, .message_unknown = true}},
        {200,
         FAILURE(1, "found one that is NOT a valid replacement message"),
         SLK_E_CONFLICT,
         {.rpc_code = 1, .exit_code = -1, .replaced_by_other = true}},
        {200,
         FAILURE(1, "minimum expected nonce is 5, got 3: message nonce too low"),
         SLK_E_INVAL,
         {.rpc_code = 1, .exit_code = -1, .nonce_too_low = true}},
        {200,
         FAILURE(1, "message from x with nonce already exists"),
         SLK_E_INVAL,
         {.rpc_code = 1, .exit_code = -1, .already_pending = true}},
        {200,
         FAILURE(1, "mpool push: not enough funds: 1 < 2"),
         SLK_E_INVAL,
         {.rpc_code = 1, .exit_code = -1, .not_enough_funds = true}},
        {200,
         FAILURE(1, "missing permission to invoke 'MpoolPush' (need 'write')"),
         SLK_E_AUTH,
         {.rpc_code = 1, .exit_code = -1}},
    };
    script s = {0};
    slk_chain *chain = open_chain(&s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slk_chain_fault fault;
        slk_error error = {0};
        memset(&fault, 0xee, sizeof fault);
        s.status[0] = cases[i].status;
        s.body[0] = cases[i].body;
        assert_int_equal(ask(chain, false, &fault, &error), cases[i].code);
        const slk_chain_fault *want = &cases[i].fault;
        assert_int_equal(fault.rpc_code, want->rpc_code);
        assert_int_equal(fault.exit_code, want->exit_code);
        assert_int_equal(fault.out_of_gas, want->out_of_gas);
        assert_int_equal(fault.from_future, want->from_future);
        assert_int_equal(fault.message_unknown, want->message_unknown);
        assert_int_equal(fault.replaced_by_other, want->replaced_by_other);
        assert_int_equal(fault.nonce_too_low, want->nonce_too_low);
        assert_int_equal(fault.already_pending, want->already_pending);
        assert_int_equal(fault.not_enough_funds, want->not_enough_funds);
    }
    assert_int_equal(s.calls[1], 0); /* answers about the chain are final */
    slk_chain_free(chain);
}

static void lying_answers_are_the_nodes_breach(void **state)
{
    (void)state;
    script s = {.status = {200, 200}};
    slk_chain *chain = open_chain(&s);
    slk_error error = {0};
    slk_tipset t;
    slk_bigint amount;
    slk_bitfield set;
    slk_miner_info info;
    uint8_t r[32];
    bool found;
    slk_sector_info sector;
    static const char *const bad[] = {
        "null",    "7",
        "\"x\"",   "{}",
        "[1,2,3]", "{\"Height\":-1}",
        "-1",      "{\"Cids\":[{\"/\":\"bafy\"}],\"Blocks\":[{}],\"Height\":1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"jsonrpc\":\"2.0\",\"id\":%%ID%%,\"result\":%s}", bad[i]);
        s.body[0] = s.body[1] = body;
        assert_int_equal(slk_chain_head(chain, &t, &error), SLK_E_PROTO);
        assert_int_equal(slk_chain_seed(chain, r, 1000, 1, NULL, &error), SLK_E_PROTO);
        assert_int_equal(slk_chain_available_balance(chain, &amount, 1000, NULL, &error),
                         SLK_E_PROTO);
        assert_int_equal(slk_chain_miner_info(chain, &info, 1000, NULL, &error), SLK_E_PROTO);
        assert_int_equal(slk_chain_is_allocated(chain, &found, 1000, 1, NULL, &error), SLK_E_PROTO);
        slk_err code = slk_chain_sector_info(chain, &found, &sector, 1000, 1, NULL, &error);
        assert_int_equal(code, strcmp(bad[i], "null") == 0 ? SLK_OK : SLK_E_PROTO);
        code = slk_chain_allocated(chain, &set, 1000, NULL, &error);
        bool runs = strcmp(bad[i], "null") == 0 || strcmp(bad[i], "[1,2,3]") == 0;
        assert_int_equal(code, runs ? SLK_OK : SLK_E_PROTO);
        if (runs)
            slk_bitfield_done(&set);
    }
    slk_chain_free(chain);
}

static void a_pushed_message_must_be_ours(void **state)
{
    (void)state;
    script s = {.status = {200, 200}};
    slk_chain *chain = open_chain(&s);
    slk_error error = {0};
    slk_message m = {.method = 34};
    slk_signed_message pushed = {0};
    slk_bigint max_fee = {{0}};
    char uuid[SLK_UUID_CHARS], other[SLK_UUID_CHARS];
    slk_address_from_id(&m.to, 1000);
    slk_address_from_id(&m.from, 1002);
    s.body[0] =
        RESULT("{\"Message\":{\"To\":\"f01000\",\"From\":\"f01002\",\"Method\":28,\"Value\":"
               "\"1\"},\"Signature\":{\"Type\":2,\"Data\":\"AA==\"}}");
    slk_uuid_random(uuid);
    slk_uuid_random(other);
    assert_string_not_equal(uuid, other);
    assert_int_equal(uuid[14], '4');
    assert_int_equal(slk_chain_push(chain, &pushed, &m, &max_fee, uuid, NULL, &error), SLK_E_PROTO);
    assert_non_null(strstr(error.message, "another message"));
    assert_non_null(strstr(s.last_request, uuid));
    m.method = 28; /* the value is that of an earlier try */
    assert_int_equal(slk_chain_push(chain, &pushed, &m, &max_fee, uuid, NULL, &error), SLK_OK);
    slk_signed_message_done(&pushed);
    m.nonce = 1;
    assert_int_equal(slk_chain_push(chain, &pushed, &m, &max_fee, uuid, NULL, &error), SLK_E_INVAL);
    slk_chain_free(chain);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    slk_chain *chain = NULL;
    slk_error error = {0};
    slk_chain_options options = {.api_info = "secret:/ip4/nonsense"};
    assert_int_equal(slk_chain_new(&chain, &options, &error), SLK_E_INVAL);
    assert_null(strstr(error.message, "secret"));
    options.api_info = NULL;
    assert_int_equal(slk_chain_new(&chain, &options, &error), SLK_E_INVAL);
    options.api_info = "http://127.0.0.1:1";
    assert_int_equal(slk_chain_new(&chain, &options, &error), SLK_OK); /* real transport */
    slk_tipset t;
    assert_int_equal(slk_chain_head(chain, &t, &error), SLK_E_UNREACHABLE);
    slk_chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_fail_over_and_pushes_do_not),
        cmocka_unit_test(reads_return_to_the_first_node),
        cmocka_unit_test(a_node_left_behind_is_avoided),
        cmocka_unit_test(errors_are_understood),
        cmocka_unit_test(lying_answers_are_the_nodes_breach),
        cmocka_unit_test(a_pushed_message_must_be_ours),
        cmocka_unit_test(bad_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
