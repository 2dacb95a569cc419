/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which chain a node speaks to, against a node that says what the test wants. */
#include "app/chain_ops.h"
#include "net/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake {
    const char *network; /* NULL: an error every time */
    slk_http_server *server;
    char api_info[64];
    slk_http_route route; /* the server borrows it */
};

static const char *result_of(const struct fake *fake, const char *body, char out[256])
{
    if (strstr(body, "StateNetworkName"))
        (void)snprintf(out, 256, "\"%s\"", fake->network);
    else if (strstr(body, "StateNetworkVersion"))
        (void)snprintf(out, 256, "28");
    else if (strstr(body, "StateGetNetworkParams"))
        (void)snprintf(out, 256, "{\"PreCommitChallengeDelay\":10}");
    else if (strstr(body, "Filecoin.Version"))
        (void)snprintf(out, 256, "{\"Version\":\"1\",\"BlockDelay\":30}");
    else
        (void)snprintf(out, 256, "[]");
    return out;
}

static slk_err answer(void *context, slk_http_exchange *exchange, slk_error *error)
{
    const struct fake *fake = context;
    (void)error;
    size_t n = 0;
    const char *body = slk_http_body(exchange, &n);
    const char *id = strstr(body, "\"id\":");
    char text[512], result[256];
    assert_non_null(id);
    if (fake->network)
        (void)snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":%lu,\"result\":%s}",
                       strtoul(id + 5, NULL, 10), result_of(fake, body, result));
    else
        (void)snprintf(text, sizeof text,
                       "{\"jsonrpc\":\"2.0\",\"id\":%lu,\"error\":{\"code\":-32005,"
                       "\"message\":\"limit\"}}",
                       strtoul(id + 5, NULL, 10));
    return slk_http_reply_json(exchange, 200, text);
}

static void start(struct fake *fake)
{
    fake->route =
        (slk_http_route){.method = "POST", .path = "/rpc/v1", .handler = answer, .context = fake};
    const slk_http_server_options options = {
        .listen = "127.0.0.1:0", .routes = &fake->route, .n_routes = 1};
    assert_int_equal(slk_http_server_new(&fake->server, &options, NULL), SLK_OK);
    (void)snprintf(fake->api_info, sizeof fake->api_info, "token:http://127.0.0.1:%u",
                   (unsigned)slk_http_server_port(fake->server));
}

static slk_err ask(const struct fake *fake, bool development, slk_network *ret_network,
                   bool *ret_seal_speaks)
{
    slk_chain_ops *ops = NULL;
    const slk_chain_ops_options options = {.api_info = fake->api_info,
                                           .precommit_max_fee = "1",
                                           .commit_max_fee = "1",
                                           .message_max_fee = "0",
                                           .development = development};
    assert_int_equal(slk_chain_ops_new(&ops, &options, NULL), SLK_OK);
    const slk_err code = slk_chain_ops_network(ops, ret_network, NULL);
    slk_seal_chain chain;
    slk_chain_ops_fill(&chain, ops);
    slk_seal_network seal_network;
    *ret_seal_speaks = chain.network(chain.ctx, &seal_network, NULL) == SLK_OK;
    slk_chain_ops_free(ops);
    return code;
}

/* Whenever the chain is first reached: a node with forgeable proofs says nothing to a real one. */
static void development_stays_among_itself(void **state)
{
    (void)state;
    static const struct {
        const char *network;
        bool development;
        slk_err code;
        bool named;
    } rows[] = {
        {"mainnet", false, SLK_OK, true},           {"mainnet", true, SLK_E_BUSY, true},
        {"calibrationnet", true, SLK_E_BUSY, true}, {"localnet-1", true, SLK_OK, true},
        {"localnet-1", false, SLK_OK, true},        {NULL, true, SLK_E_BUSY, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fake fake = {.network = rows[i].network};
        start(&fake);
        slk_network network = {0};
        bool speaks = false;
        assert_int_equal(ask(&fake, rows[i].development, &network, &speaks), rows[i].code);
        assert_int_equal(network.name[0] != 0, rows[i].named);
        assert_int_equal(speaks, rows[i].code == SLK_OK);
        slk_http_server_free(fake.server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(development_stays_among_itself)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
