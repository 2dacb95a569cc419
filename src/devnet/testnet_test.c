/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "devnet/testnet_test.h"

#include "base/file.h"
#include "base/mem.h"
#include "codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static slk_err verify_seal(void *context, bool *ret_valid, const slk_devnet_seal *seal,
                           slk_error *error)
{
    testnet *net = context;
    (void)error;
    net->seals_checked++;
    net->last_seal = *seal;
    *ret_valid = seal->proof_bytes == 192;
    for (size_t i = 0; i < seal->proof_bytes; i++)
        *ret_valid = *ret_valid && seal->proof[i] == (uint8_t)(seal->sector_number + 1);
    return SLK_OK;
}

static slk_err comm_d(void *context, uint8_t out32[32], int64_t seal_proof,
                      const slk_devnet_piece *pieces, size_t n_pieces, slk_error *error)
{
    (void)context;
    (void)seal_proof;
    if (n_pieces > 1)
        return slk_fail(error, SLK_E_INVAL, "the stub takes one piece");
    memset(out32, 7, 32);
    if (n_pieces == 1)
        memcpy(out32, pieces[0].comm_p32, 32);
    return SLK_OK;
}

static slk_err post(void *context, slk_buf *ret_body, int *ret_status, const char *url,
                    const char *token, const char *body, size_t body_bytes, int64_t timeout_ms,
                    slk_error *error)
{
    testnet *net = context;
    (void)timeout_ms;
    if (strstr(url, "down") != NULL)
        return slk_fail(error, SLK_E_UNREACHABLE, "connection refused");
    SLK_CLEANUP(slk_freep)
    char *authorization = slk_strf("Bearer %s", net->token_override ? net->token_override : token);
    const slk_devnet_request request = {.method = "POST",
                                        .path = "/rpc/v1",
                                        .authorization = authorization,
                                        .body = body,
                                        .body_bytes = body_bytes};
    SLK_TRY(slk_devnet_handle(net->devnet, ret_status, ret_body, &request, error));
    if (net->lose_answers > 0) {
        net->lose_answers--;
        return slk_fail(error, SLK_E_TIMEOUT, "no answer in time");
    }
    return SLK_OK;
}

static void connect(testnet *net)
{
    char info[600];
    const slk_chain_transport transport = {.context = net, .post = post};
    slk_error error = {0};
    assert_int_equal(
        slk_devnet_api_info(net->devnet, info, sizeof info, "127.0.0.1", 1, "sign", &error),
        SLK_OK);
    const slk_chain_options options = {.api_info = info, .transport = &transport};
    assert_int_equal(slk_chain_new(&net->chain, &options, &error), SLK_OK);
}

static void start(testnet *net)
{
    const slk_devnet_verifier verifier = {
        .context = net, .verify_seal = verify_seal, .comm_d = comm_d};
    slk_error error = {0};
    slk_err code = slk_devnet_open(&net->devnet, &net->options, &verifier, &error);
    if (code != SLK_OK)
        print_error("%s\n", error.message);
    assert_int_equal(code, SLK_OK);
    connect(net);
}

void testnet_open(testnet *net, const slk_devnet_options *options)
{
    *net = (testnet){0};
    snprintf(net->folder, sizeof net->folder, "/tmp/slk-devnet-XXXXXX");
    assert_non_null(mkdtemp(net->folder));
    if (options != NULL)
        net->options = *options;
    else
        net->options = (slk_devnet_options){.clock = SLK_DEVNET_MANUAL, .initial_height = 1000};
    net->options.folder = net->folder;
    start(net);
}

void testnet_reopen(testnet *net)
{
    slk_chain_free(net->chain);
    slk_devnet_close(net->devnet);
    start(net);
}

void testnet_close(testnet *net)
{
    slk_chain_free(net->chain);
    slk_devnet_close(net->devnet);
    assert_int_equal(slk_remove_tree(net->folder, NULL), SLK_OK);
}

int testnet_post(testnet *net, slk_buf *ret_body, const char *authorization, const char *body)
{
    int status = 0;
    const slk_devnet_request request = {.method = "POST",
                                        .path = "/rpc/v1",
                                        .authorization = authorization,
                                        .body = body,
                                        .body_bytes = strlen(body)};
    slk_buf_reset(ret_body);
    assert_int_equal(slk_devnet_handle(net->devnet, &status, ret_body, &request, NULL), SLK_OK);
    return status;
}

int64_t testnet_control(testnet *net, const char *method, const char *params)
{
    char token[512];
    SLK_CLEANUP(slk_json_decrefp) json_t *list = json_loads(params, 0, NULL);
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    slk_error error = {0};
    assert_non_null(list);
    slk_devnet_admin_token(net->devnet, token, sizeof token);
    net->token_override = token;
    slk_err code = slk_chain_call(net->chain, &result, method, list, true, NULL, &error);
    net->token_override = NULL;
    if (code != SLK_OK)
        print_error("%s\n", error.message);
    assert_int_equal(code, SLK_OK);
    return json_is_integer(result) ? json_integer_value(result) : -1;
}
