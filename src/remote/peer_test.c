/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The peer client against a peer that misbehaves: what each answer means to the caller, and that
 * nothing false is left on disk. */
#include "base/file.h"
#include "base/mem.h"
#include "net/server.h"
#include "fil/sector.h"
#include "remote/peer.h"
#include "transfer/cache_tar.h"
#include "remote/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* What the scripted peer answers next. */
static struct script {
    int status;
    const char *body;
    size_t body_bytes;
    bool wants_query_token;
    int manifest_status;
    /* 0: 404 */ /* 401 unless the query has it, as the reference's downloads */
    unsigned calls;
    unsigned calls_with_query;
} script;

static char folder[64];
static slk_http_server *server;
static slk_crypto *crypto;
static slk_remote_peer *client;
static slk_seal_peer peer;
static char url[64];
static slk_seal_remote to = {.url = url, .token = TOKEN};
static const slk_seal_sector sector = {.sp_id = 1000, .number = 7, .seal_proof = 5};

static slk_err answer(void *context, slk_http_exchange *exchange, slk_error *error)
{
    (void)context;
    (void)error;
    const char *token = slk_http_query(exchange, "token");
    script.calls++;
    script.calls_with_query += token != NULL;
    if (script.wants_query_token && (!token || strcmp(token, TOKEN) != 0))
        return slk_http_reply_text(exchange, 401, "unauthorized");
    return slk_http_reply_bytes(exchange, script.status, "application/json", script.body,
                                script.body_bytes);
}

static slk_err answer_manifest(void *context, slk_http_exchange *exchange, slk_error *error)
{
    (void)context;
    (void)error;
    script.calls++;
    return slk_http_reply_text(exchange, script.manifest_status ? script.manifest_status : 404,
                               "no manifest");
}

static void script_is(int status, const char *body)
{
    script = (struct script){.status = status, .body = body, .body_bytes = strlen(body)};
}

static int open_peer(void **state)
{
    (void)state;
    static const char *const posts[] = {"available", "order",    "renew",   "status",   "commit1",
                                        "finalize",  "complete", "cleanup", "authorize"};
    static char paths[9][64];
    static slk_http_route routes[14];
    size_t n = 0;
    for (; n < 9; n++) {
        (void)snprintf(paths[n], sizeof paths[n], SLK_WIRE_PATH "%s", posts[n]);
        routes[n] = (slk_http_route){.method = "POST", .path = paths[n], .handler = answer};
    }
    routes[n++] =
        (slk_http_route){.method = "GET", .path = SLK_WIRE_PATH "ticket", .handler = answer};
    routes[n++] =
        (slk_http_route){.method = "GET", .path = SLK_WIRE_PATH "capabilities", .handler = answer};
    routes[n++] = (slk_http_route){
        .method = "GET", .path = SLK_WIRE_PATH "sealed-data/{sp_id}/{n}", .handler = answer};
    routes[n++] = (slk_http_route){
        .method = "GET", .path = SLK_WIRE_PATH "cache-data/{sp_id}/{n}", .handler = answer};
    routes[n++] = (slk_http_route){.method = "GET",
                                   .path = SLK_WIRE_PATH "sealed-manifest/{sp_id}/{n}",
                                   .handler = answer_manifest};
    strcpy(folder, "/tmp/selkie-peer-test-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    const slk_http_server_options options = {
        .listen = "127.0.0.1:0", .routes = routes, .n_routes = n};
    if (slk_crypto_new(&crypto, "plain", NULL) != SLK_OK)
        return -1;
    const slk_remote_peer_options peer_options = {
        .connections = 1, .allow_private = true, .crypto = crypto};
    if (slk_http_server_new(&server, &options, NULL) != SLK_OK ||
        slk_remote_peer_new(&client, &peer_options, NULL) != SLK_OK)
        return -1;
    slk_remote_peer_ops(&peer, client);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)slk_http_server_port(server));
    return 0;
}

static int close_peer(void **state)
{
    (void)state;
    slk_remote_peer_free(client);
    slk_crypto_free(crypto);
    slk_http_server_free(server);
    return slk_remove_tree(folder, NULL) == SLK_OK ? 0 : -1;
}

static slk_err ask_available(void)
{
    bool available = false;
    char slot[33];
    slk_error error = {0};
    const slk_err code = peer.available(peer.ctx, &available, slot, &to, &error);
    assert_null(strstr(error.message, TOKEN));
    return code;
}

/* A peer may send our token back in what we log. */
static void an_echoed_token_is_hidden(void **state)
{
    (void)state;
    slk_error error = {0};
    bool accepted = true;
    char reason[SLK_SEAL_REASON_CHARS] = "";
    slk_seal_status status;
    script_is(500, "who is " TOKEN "?");
    assert_int_equal(peer.finalize(peer.ctx, &to, &sector, &error), SLK_E_UNREACHABLE);
    assert_null(strstr(error.message, TOKEN));
    assert_non_null(strstr(error.message, "who is ***"));
    script_is(200, "{\"accepted\":false,\"reject_reason\":\"not you, " TOKEN "\"}");
    assert_int_equal(peer.order(peer.ctx, &accepted, reason, &to, "", &sector, &error), SLK_OK);
    assert_null(strstr(reason, TOKEN));
    assert_non_null(strstr(reason, "not you, ***"));
    script_is(200, "{\"state\":\"failed\",\"fail_reason\":\"" TOKEN " is bad\"}");
    assert_int_equal(peer.status(peer.ctx, &status, &to, &sector, &error), SLK_OK);
    assert_null(strstr(status.fail_reason, TOKEN));
    assert_non_null(strstr(status.fail_reason, "** is bad"));
}

static void statuses_mean_what_ops_says(void **state)
{
    (void)state;
    static const struct {
        int status;
        slk_err code;
    } cases[] = {
        {401, SLK_E_AUTH},  {403, SLK_E_AUTH},  {404, SLK_E_NOTFOUND},    {412, SLK_E_BUSY},
        {429, SLK_E_BUSY},  {503, SLK_E_BUSY},  {400, SLK_E_INVAL},       {409, SLK_E_INVAL},
        {204, SLK_E_PROTO}, {302, SLK_E_PROTO}, {500, SLK_E_UNREACHABLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        script_is(cases[i].status, cases[i].status == 204 ? "" : "no");
        assert_int_equal(ask_available(), cases[i].code);
    }
    script_is(200, "{\"available\":true,\"slot_token\":\"00\"}");
    assert_int_equal(ask_available(), SLK_OK);
    const slk_seal_remote nowhere = {.url = "http://127.0.0.1:1", .token = TOKEN};
    slk_error error = {0};
    assert_int_equal(peer.finalize(peer.ctx, &nowhere, &sector, &error), SLK_E_UNREACHABLE);
}

/* Nothing is asked for that the peer did not announce. */
static void extras_are_announced(void **state)
{
    (void)state;
    slk_error error = {0};
    bool can = true;
    int64_t left_ms = -1;
    slk_remote_called called = {0};
    script_is(200, "{\"supported_proofs\":[5]}");
    assert_int_equal(peer.renew(peer.ctx, &can, &left_ms, &to, &sector, &error), SLK_OK);
    assert_false(can);
    assert_int_equal(slk_remote_peer_call_back(client, &can, &called, &to, TOKEN, &error), SLK_OK);
    assert_false(can);
    assert_int_equal(script.calls, 2);
    script_is(200, "{\"supports_renew\":true}");
    assert_int_equal(peer.renew(peer.ctx, &can, &left_ms, &to, &sector, &error), SLK_E_PROTO);
    script_is(200, "{\"supports_renew\":true,\"lease_until\":-1}");
    assert_int_equal(peer.renew(peer.ctx, &can, &left_ms, &to, &sector, &error), SLK_E_PROTO);
    script_is(200, "{\"supports_renew\":true,\"lease_until\":5,\"lease_left\":7}");
    assert_int_equal(peer.renew(peer.ctx, &can, &left_ms, &to, &sector, &error), SLK_OK);
    assert_true(can);
    assert_int_equal(left_ms, 7000);
}

/* Who says a time alone may have a wrong clock, and so may we: no more than a day is counted on. */
static void a_lease_by_the_clock_is_trusted_for_a_day(void **state)
{
    (void)state;
    slk_error error = {0};
    bool can = false;
    int64_t left_ms = 0;
    script_is(200, "{\"supports_renew\":true,\"lease_until\":9000000000}");
    assert_int_equal(peer.renew(peer.ctx, &can, &left_ms, &to, &sector, &error), SLK_OK);
    assert_int_equal(left_ms, 24 * 3600 * 1000);
    script_is(200, "{\"supports_renew\":true,\"lease_until\":5}");
    assert_int_equal(peer.renew(peer.ctx, &can, &left_ms, &to, &sector, &error), SLK_OK);
    assert_true(left_ms < 0);
    script_is(200, "{\"supports_renew\":true,\"lease_until\":5,\"lease_left\":9000000000000000}");
    assert_int_equal(peer.renew(peer.ctx, &can, &left_ms, &to, &sector, &error), SLK_OK);
    assert_true(left_ms > 0);
}

static void malformed_answers_are_protocol_errors(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "[]",
        "{",
        "{\"available\":1}",
        "{\"slot_token\":\"00\"}",
        "{\"available\":true,\"slot_token\":\"000102030405060708090a0b0c0d0e0f0\"}"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        script_is(200, bodies[i]);
        assert_int_equal(ask_available(), SLK_E_PROTO);
    }
    static char big[SLK_WIRE_BODY_MAX_BYTES + 100];
    memset(big, ' ', sizeof big - 1);
    script_is(200, big);
    assert_int_equal(ask_available(), SLK_E_PROTO);
    slk_error error = {0};
    uint8_t ticket[32];
    int64_t epoch;
    script_is(200, "{\"ticket\":\"AwMD\",\"epoch\":5}");
    assert_int_equal(peer.ticket(peer.ctx, ticket, &epoch, url, 1000, &error), SLK_E_PROTO);
}

#define COMM_D "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy"
#define COMM_R "bagboea4b5abcaeirceirceirceirceirceirceirceirceirceirceirceirceib"
#define TICKET "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="

static slk_err ask_status(slk_seal_status *ret, const char *body)
{
    slk_error error = {0};
    script_is(200, body);
    return peer.status(peer.ctx, ret, &to, &sector, &error);
}

static void a_completion_is_whole_or_none(void **state)
{
    (void)state;
    slk_seal_status status;
    assert_int_equal(ask_status(&status, "{\"state\":\"sleeping\"}"), SLK_E_PROTO);
    assert_int_equal(ask_status(&status, "{\"state\":\"complete\"}"), SLK_E_PROTO);
    assert_int_equal(ask_status(&status, "{\"state\":\"complete\",\"tree_d_cid\":\"" COMM_R
                                         "\",\"tree_r_cid\":\"" COMM_R
                                         "\",\"ticket_value\":\"" TICKET "\"}"),
                     SLK_E_PROTO);
    assert_int_equal(ask_status(&status,
                                "{\"state\":\"complete\",\"tree_d_cid\":\"" COMM_D
                                "\",\"tree_r_cid\":\"" COMM_R "\",\"ticket_value\":\"AwM=\"}"),
                     SLK_E_PROTO);
    assert_int_equal(ask_status(&status, "{\"state\":\"complete\",\"tree_d_cid\":\"" COMM_D
                                         "\",\"tree_r_cid\":\"" COMM_R
                                         "\",\"ticket_value\":\"" TICKET "\"}"),
                     SLK_OK);
    assert_true(status.has_completion);
    assert_int_equal(status.completion.ticket_epoch, 0);
    assert_int_equal(ask_status(&status, "{\"state\":\"sdr\",\"tree_d_cid\":\"x\"}"), SLK_OK);
    assert_false(status.has_completion);
    assert_int_equal(
        ask_status(&status, "{\"state\":\"failed\",\"fail_reason\":\"a\\u001b[31mb\\u00e4\"}"),
        SLK_OK);
    assert_string_equal(status.fail_reason, "a?[31mb??");
}

static slk_err fetch(void)
{
    SLK_CLEANUP(slk_freep) char *sealed = slk_path_join(folder, "sealed");
    SLK_CLEANUP(slk_freep) char *cache = slk_path_join(folder, "cache");
    const slk_seal_paths paths = {.sealed = sealed, .cache = cache};
    slk_job job;
    slk_job_init(&job);
    slk_error error = {0};
    const slk_seal_commitments comm = {0};
    const slk_err code =
        peer.fetch(peer.ctx, &to, &sector, 2048, &comm, &paths, NULL, &job, &error);

    assert_null(strstr(error.message, TOKEN));
    return code;
}

/* A whole cache, so that only the sealed file is asked for. */
static void make_cache(const char *cache)
{
    const slk_sector_shape *shape = slk_sector_shape_of(2048);
    static const uint8_t zero[4096];
    assert_int_equal(slk_folder_make(cache, 0755, NULL), SLK_OK);
    for (size_t i = 0; i < slk_cache_file_count(shape); i++) {
        slk_cache_file file;
        slk_cache_file_at(&file, shape, i);
        SLK_CLEANUP(slk_freep) char *path = slk_path_join(cache, file.name);
        assert_int_equal(
            slk_file_write_atomic(path, zero, file.bytes ? file.bytes : 100, 0644, NULL), SLK_OK);
    }
}

static void files_of_a_wrong_size_never_get_their_name(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *sealed = slk_path_join(folder, "sealed");
    SLK_CLEANUP(slk_freep) char *cache = slk_path_join(folder, "cache");
    static char body[4096];
    static const size_t sizes[] = {0, 1, 2047, 2049, 4096};
    /* The right size for the sealed file, but no archive. */
    script = (struct script){.status = 200, .body = body, .body_bytes = 2048};
    assert_int_not_equal(fetch(), SLK_OK);
    assert_false(slk_file_exists(sealed));
    assert_false(slk_file_exists(cache));
    make_cache(cache);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        script = (struct script){.status = 200, .body = body, .body_bytes = sizes[i]};
        assert_int_not_equal(fetch(), SLK_OK);
        assert_false(slk_file_exists(sealed));
    }
    script = (struct script){.status = 200, .body = body, .body_bytes = 2048};
    assert_int_equal(fetch(), SLK_OK);
    assert_true(slk_file_exists(sealed));
    assert_int_equal(slk_remove_tree(sealed, NULL), SLK_OK);
    assert_int_equal(slk_remove_tree(cache, NULL), SLK_OK);
}

static void a_bad_manifest_is_corrupt(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *sealed = slk_path_join(folder, "sealed");
    SLK_CLEANUP(slk_freep) char *cache = slk_path_join(folder, "cache");
    static char body[2048];
    make_cache(cache);
    script = (struct script){
        .status = 200, .body = body, .body_bytes = sizeof body, .manifest_status = 200};
    assert_int_equal(fetch(), SLK_E_CORRUPT);
    script.manifest_status = 503;
    assert_int_equal(fetch(), SLK_E_BUSY);
    assert_false(slk_file_exists(sealed));
    static const int none[] = {400, 401, 404, 405, 204, 500, 502, 507};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        script.manifest_status = none[i];
        assert_int_equal(fetch(), SLK_OK);
        assert_int_equal(slk_remove_tree(sealed, NULL), SLK_OK);
    }
    assert_int_equal(slk_remove_tree(cache, NULL), SLK_OK);
}

static void the_token_goes_into_the_query_only_when_asked(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *sealed = slk_path_join(folder, "sealed");
    SLK_CLEANUP(slk_freep) char *cache = slk_path_join(folder, "cache");
    static char body[2048];
    make_cache(cache);
    script = (struct script){.status = 200, .body = body, .body_bytes = sizeof body};
    assert_int_equal(fetch(), SLK_OK);
    assert_int_equal(script.calls_with_query, 0);
    assert_int_equal(slk_remove_tree(sealed, NULL), SLK_OK);
    script = (struct script){
        .status = 200, .body = body, .body_bytes = sizeof body, .wants_query_token = true};
    assert_int_equal(fetch(), SLK_OK);
    assert_true(script.calls_with_query > 0 && script.calls_with_query < script.calls);
    assert_int_equal(slk_remove_tree(sealed, NULL), SLK_OK);
    assert_int_equal(slk_remove_tree(cache, NULL), SLK_OK);
}

static void c1_is_never_empty(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "c1");
    const uint8_t seed[32] = {0};
    slk_error error = {0};
    script_is(200, "");
    assert_int_equal(peer.commit1(peer.ctx, &to, &sector, 1, seed, path, NULL, &error),
                     SLK_E_PROTO);
    script_is(412, "not yet");
    assert_int_equal(peer.commit1(peer.ctx, &to, &sector, 1, seed, path, NULL, &error), SLK_E_BUSY);
    script_is(409, "layers are gone");
    assert_int_equal(peer.commit1(peer.ctx, &to, &sector, 1, seed, path, NULL, &error),
                     SLK_E_INVAL);
    script_is(200, "{}");
    assert_int_equal(peer.commit1(peer.ctx, &to, &sector, 1, seed, path, NULL, &error), SLK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_echoed_token_is_hidden),
        cmocka_unit_test(statuses_mean_what_ops_says),
        cmocka_unit_test(extras_are_announced),
        cmocka_unit_test(a_lease_by_the_clock_is_trusted_for_a_day),
        cmocka_unit_test(malformed_answers_are_protocol_errors),
        cmocka_unit_test(a_completion_is_whole_or_none),
        cmocka_unit_test(files_of_a_wrong_size_never_get_their_name),
        cmocka_unit_test(a_bad_manifest_is_corrupt),
        cmocka_unit_test(the_token_goes_into_the_query_only_when_asked),
        cmocka_unit_test(c1_is_never_empty),
    };
    return cmocka_run_group_tests_name("remote peer", tests, open_peer, close_peer);
}
