/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The endpoints of both roles over real HTTPS, with a real seal/ on SQLite and a stub prover: each
 * status and body as reference/remote-seal-wire says; then the peer client against them. */
#include "base/file.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "fil/commcid.h"
#include "fil/sector.h"
#include "net/certificate.h"
#include "net/client.h"
#include "net/server.h"
#include "remote/client_api.h"
#include "remote/peer.h"
#include "remote/provider_api.h"
#include "remote/turnstile.h"
#include "remote/wire.h"
#include "seal/client.h"
#include "seal/provider.h"
#include "seal/seal.h"
#include "transfer/cache_tar.h"
#include "transfer/manifest.h"

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SP 1000u
#define PROOF 5
#define C1_TEXT "{\"registered_proof\":\"StackedDrg2KiBV1_1\"}"
#define STRANGER "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const uint8_t seed32[32] = {1, 2, 3};

/* ---- stubs of what the heart needs ---- */

static slk_err stub_bytes(void *ctx, uint64_t *ret, int64_t proof, slk_error *error)
{
    (void)ctx;
    if (proof != PROOF)
        return slk_fail(error, SLK_E_UNSUPPORTED, "only 2 KiB here");
    *ret = 2048;
    return SLK_OK;
}

/* source: reference/chain 6, CommD of an empty 2 KiB sector */
static slk_err stub_zero(void *ctx, uint8_t out[32], int64_t proof, slk_error *error)
{
    (void)ctx;
    (void)proof;
    (void)error;
    static const uint8_t zero[32] = {0xfc, 0x7e, 0x92, 0x82, 0x96, 0xe5, 0x16, 0xfa,
                                     0xad, 0xe9, 0x86, 0xb2, 0x8f, 0x92, 0xd4, 0x4a,
                                     0x4f, 0x24, 0xb9, 0x35, 0x48, 0x52, 0x23, 0x37,
                                     0x6a, 0x79, 0x90, 0x27, 0xbc, 0x18, 0xf8, 0x33};
    memcpy(out, zero, 32);
    return SLK_OK;
}

static slk_err stub_pc1(void *ctx, const slk_seal_sector *sector, const uint8_t ticket[32],
                        const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    (void)ctx;
    (void)sector;
    (void)ticket;
    (void)job;
    return slk_folder_make(paths->cache, 0755, error);
}

static slk_err stub_pc2(void *ctx, slk_seal_commitments *ret, const slk_seal_sector *sector,
                        const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    (void)job;
    uint8_t bytes[10240];
    const slk_sector_shape *shape = slk_sector_shape_of(2048);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    SLK_TRY(slk_file_write_atomic(paths->sealed, bytes, 2048, 0644, error));
    SLK_TRY(slk_folder_make(paths->cache, 0755, error));
    for (size_t i = 0; i < slk_cache_file_count(shape); i++) {
        slk_cache_file file;
        slk_cache_file_at(&file, shape, i);
        SLK_CLEANUP(slk_freep) char *path = slk_path_join(paths->cache, file.name);
        assert_in_range(file.bytes, 0, sizeof bytes);
        SLK_TRY(slk_file_write_atomic(path, bytes, file.bytes ? file.bytes : 100, 0644, error));
    }
    SLK_TRY(stub_zero(ctx, ret->comm_d, sector->seal_proof, error));
    memset(ret->comm_r, 0x11, 31);
    ret->comm_r[31] = 1;
    return SLK_OK;
}

static slk_err stub_c1(void *ctx, const slk_seal_sector *sector, const slk_seal_commitments *comm,
                       const uint8_t ticket[32], const uint8_t seed[32],
                       const slk_seal_paths *paths, const char *out_path, slk_job *job,
                       slk_error *error)
{
    (void)ctx;
    (void)sector;
    (void)comm;
    (void)ticket;
    (void)paths;
    (void)job;
    assert_memory_equal(seed, seed32, 32);
    return slk_file_write_atomic(out_path, C1_TEXT, strlen(C1_TEXT), 0644, error);
}

static slk_err stub_finalise(void *ctx, const slk_seal_sector *sector, const slk_seal_paths *paths,
                             slk_job *job, slk_error *error)
{
    (void)ctx;
    (void)sector;
    (void)paths;
    (void)job;
    (void)error;
    return SLK_OK;
}

static slk_err stub_client_ticket(void *ctx, uint8_t out[32], int64_t *ret_epoch, const char *url,
                                  uint64_t sp_id, slk_error *error)
{
    (void)ctx;
    (void)url;
    (void)error;
    memset(out, 3, 32);
    *ret_epoch = -640;
    return sp_id == SP ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "no such miner");
}

static slk_err stub_complete(void *ctx, const slk_seal_remote *to, const slk_seal_sector *sector,
                             const slk_seal_completion *completion, slk_error *error)
{
    (void)ctx;
    (void)to;
    (void)sector;
    (void)completion;
    (void)error;
    return SLK_OK;
}

static void stub_hash(void *ctx, char out65[65], const char *token)
{
    (void)ctx;
    (void)snprintf(out65, 65, "%.32s%032zu", token, strlen(token));
}

static slk_err stub_wrap(void *ctx, slk_buf *out, const char *token, slk_error *error)
{
    (void)ctx;
    (void)error;
    return slk_buf_text(out, token);
}

static bool chain_is_up = true;
static unsigned chain_calls;

static slk_err chain_says(slk_error *error)
{
    chain_calls++;
    return chain_is_up ? SLK_OK : slk_fail(error, SLK_E_UNREACHABLE, "no chain");
}

static slk_err stub_network(void *ctx, slk_seal_network *ret, slk_error *error)
{
    (void)ctx;
    *ret = (slk_seal_network){.ticket_lookback_epochs = 900,
                              .ticket_max_age_epochs = 3780,
                              .challenge_delay_epochs = 10,
                              .max_prove_commit_epochs = 86410,
                              .min_expiration_epochs = 518400,
                              .max_extension_epochs = 3680640,
                              .epoch_ms = 1000};
    return chain_says(error);
}

static slk_err stub_head(void *ctx, int64_t *ret_epoch, slk_error *error)
{
    (void)ctx;
    *ret_epoch = 260;
    return chain_says(error);
}

static slk_err stub_chain_ticket(void *ctx, uint8_t out[32], uint64_t sp_id, int64_t epoch,
                                 slk_error *error)
{
    (void)ctx;
    (void)sp_id;
    assert_int_equal(epoch, -640);
    memset(out, 3, 32);
    return chain_says(error);
}

static slk_err stub_allocated(void *ctx, slk_bitfield *ret_set, uint64_t sp_id, slk_error *error)
{
    (void)ctx;
    (void)sp_id;
    *ret_set = (slk_bitfield){0};
    return chain_says(error);
}

static slk_err stub_miner(void *ctx, uint64_t sp_id, int64_t proof, slk_error *error)
{
    (void)ctx;
    (void)sp_id;
    (void)proof;
    return chain_says(error);
}

/* ---- the world: a provider and a client node with their servers ---- */

struct node {
    char *scratch, *storage;
    slk_db *db;
    slk_seal *seal;
    slk_http_server *server;
    slk_http_route routes[SLK_REMOTE_PROVIDER_ROUTES + SLK_REMOTE_CLIENT_ROUTES];
    char url[64];
};

static struct world {
    char folder[64];
    char *ca_file;
    struct node provider, client;
    slk_remote_provider *provider_api;
    slk_remote_client *client_api;
    slk_remote_peer *peer;
    slk_http_client *http;
    slk_crypto *crypto;
    char token[SLK_TOKEN_CHARS], other[SLK_TOKEN_CHARS];
} w;

static void open_seal(struct node *node, const char *name, const slk_seal_ops *ops)
{
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *folder = slk_path_join(w.folder, name);
    assert_int_equal(slk_folder_make(folder, 0700, &error), SLK_OK);
    node->scratch = slk_path_join(folder, "scratch");
    node->storage = slk_path_join(folder, "storage");
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "selkie.db");
    assert_int_equal(slk_db_open(&node->db, path, 0, &error), SLK_OK);
    const slk_seal_options options = {
        .node_name = name,
        .provider = strcmp(name, "provider") == 0,
        .client = strcmp(name, "client") == 0,
        .scratch_folder = node->scratch,
        .storage_folder = node->storage,
        .seal_proofs = {PROOF},
        .seal_proofs_n = 1,
        .capacity_sectors = 3,
    };
    if (slk_seal_new(&node->seal, node->db, ops, &options, &error) != SLK_OK)
        fail_msg("%s", error.message);
}

static void serve(struct node *node, size_t n_routes)
{
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *certificate = slk_path_join(w.folder, SLK_CERTIFICATE_FILE);
    SLK_CLEANUP(slk_freep) char *key = slk_path_join(w.folder, SLK_CERTIFICATE_KEY_FILE);
    const slk_http_server_options options = {
        .listen = "127.0.0.1:0",
        .certificate_file = certificate,
        .key_file = key,
        .routes = node->routes,
        .n_routes = n_routes,
    };
    if (slk_http_server_new(&node->server, &options, &error) != SLK_OK)
        fail_msg("%s", error.message);
    (void)snprintf(node->url, sizeof node->url, "https://127.0.0.1:%u",
                   (unsigned)slk_http_server_port(node->server));
}

static int open_world(void **state)
{
    (void)state;
    slk_error error = {0};
    strcpy(w.folder, "/tmp/selkie-api-test-XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    assert_int_equal(slk_net_make_certificate(w.folder, NULL, 0, &error), SLK_OK);
    w.ca_file = slk_path_join(w.folder, SLK_CERTIFICATE_FILE);
    const slk_seal_ops ops = {
        .prover = {.sector_bytes = stub_bytes,
                   .zero_comm_d = stub_zero,
                   .pc1 = stub_pc1,
                   .pc2 = stub_pc2,
                   .c1 = stub_c1,
                   .finalise = stub_finalise},
        .chain = {.network = stub_network,
                  .head = stub_head,
                  .ticket = stub_chain_ticket,
                  .allocated = stub_allocated,
                  .check_miner = stub_miner},
        .peer = {.ticket = stub_client_ticket, .complete = stub_complete},
        .keeper = {.hash = stub_hash, .wrap = stub_wrap, .unwrap = stub_wrap},
    };
    open_seal(&w.provider, "provider", &ops);
    open_seal(&w.client, "client", &ops);
    assert_int_equal(slk_crypto_new(&w.crypto, NULL, &error), SLK_OK);
    const slk_remote_peer_options peer = {
        .ca_file = w.ca_file, .allow_private = true, .crypto = w.crypto};
    assert_int_equal(slk_remote_peer_new(&w.peer, &peer, &error), SLK_OK);
    const slk_remote_provider_options api = {
        .seal = w.provider.seal, .crypto = w.crypto, .peer = w.peer};
    assert_int_equal(slk_remote_provider_new(&w.provider_api, &api, &error), SLK_OK);
    assert_int_equal(slk_remote_client_new(&w.client_api, w.client.seal, &error), SLK_OK);
    slk_remote_provider_routes(w.provider.routes, w.provider_api);
    slk_remote_client_routes(w.client.routes, w.client_api);
    serve(&w.provider, SLK_REMOTE_PROVIDER_ROUTES);
    serve(&w.client, SLK_REMOTE_CLIENT_ROUTES);
    const slk_http_client_options http = {.ca_file = w.ca_file};
    assert_int_equal(slk_http_client_new(&w.http, &http, &error), SLK_OK);
    int64_t id;
    slk_partner_terms terms = {.url = w.client.url, .allowance_remaining = 5, .allowance_total = 5};
    assert_int_equal(slk_partner_add(&id, w.token, w.provider.seal, "first", &terms, &error),
                     SLK_OK);
    terms = (slk_partner_terms){.allowance_remaining = 1, .allowance_total = 1};
    assert_int_equal(slk_partner_add(&id, w.other, w.provider.seal, "second", &terms, &error),
                     SLK_OK);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    slk_http_server_free(w.provider.server);
    slk_http_server_free(w.client.server);
    slk_remote_peer_free(w.peer);
    slk_http_client_free(w.http);
    slk_crypto_free(w.crypto);
    slk_remote_provider_free(w.provider_api);
    slk_remote_client_free(w.client_api);
    struct node *nodes[] = {&w.provider, &w.client};
    for (size_t i = 0; i < 2; i++) {
        slk_seal_free(nodes[i]->seal);
        slk_db_close(nodes[i]->db);
        slk_free(nodes[i]->scratch);
        slk_free(nodes[i]->storage);
    }
    slk_free(w.ca_file);
    return slk_remove_tree(w.folder, NULL) == SLK_OK ? 0 : -1;
}

static void run_provider(void)
{
    uint64_t ran = 0;
    slk_error error = {0};
    if (slk_seal_run_ready(&ran, w.provider.seal, 100, &error) != SLK_OK)
        fail_msg("%s", error.message);
}

/* ---- requests ---- */

struct asked {
    int status;
    char type[128];
    char body[4096];
    size_t n;
};

static void ask(struct asked *ret, const struct node *node, const slk_http_request *given,
                const char *path)
{
    char url[512];
    (void)snprintf(url, sizeof url, "%s" SLK_WIRE_PATH "%s", node->url, path);
    slk_http_request request = *given;
    request.url = url;
    slk_http_response response = {0};
    slk_error error = {0};
    if (slk_http_call(w.http, &request, &response, &error) != SLK_OK)
        fail_msg("%s: %s", path, error.message);
    ret->status = response.status;
    (void)snprintf(ret->type, sizeof ret->type, "%s", response.content_type);
    ret->n = response.body.len;
    assert_in_range(ret->n, 0, sizeof ret->body - 1);
    memcpy(ret->body, slk_buf_str(&response.body), ret->n);
    /* As Go ends a message. */
    if (ret->status == 200 && strcmp(ret->type, "application/json") == 0)
        assert_int_equal(ret->body[--ret->n], '\n');
    ret->body[ret->n] = 0;
    slk_http_response_done(&response);
}

static void get(struct asked *ret, const struct node *node, const char *path, const char *bearer)
{
    const slk_http_request request = {.bearer = bearer};
    ask(ret, node, &request, path);
}

static void post(struct asked *ret, const struct node *node, const char *path, const char *type,
                 const char *body)
{
    const slk_http_request request = {
        .method = "POST", .body = body, .body_bytes = strlen(body), .content_type = type};
    ask(ret, node, &request, path);
}

/* POST of JSON to the provider, %s being replaced by the token. */
static void tell(struct asked *ret, const char *path, const char *format, const char *token)
{
    char body[1024];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(body, sizeof body, format, token);
#pragma GCC diagnostic pop
    post(ret, &w.provider, path, "application/json", body);
}

#define SECTOR(number) "{\"partner_token\":\"%s\",\"sp_id\":1000,\"sector_number\":" #number "}"
#define ORDER(number, proof)                                                                  \
    "{\"partner_token\":\"%s\",\"slot_token\":\"\",\"sp_id\":1000,\"sector_number\":" #number \
    ",\"reg_seal_proof\":" #proof "}"
#define COMMIT1(number)                                                   \
    "{\"partner_token\":\"%s\",\"sp_id\":1000,\"sector_number\":" #number \
    ",\"seed_value\":\"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}"

static const char *const posts[] = {"authorize", "available", "order",   "status",
                                    "commit1",   "finalize",  "cleanup", "complete"};
#define POSTS 8u
#define PROVIDER_POSTS 7u

static const struct node *node_of(size_t i)
{
    return i < PROVIDER_POSTS ? &w.provider : &w.client;
}

/* ---- the provider's endpoints ---- */

static void capabilities_need_no_token(void **state)
{
    (void)state;
    struct asked a;
    get(&a, &w.provider, "capabilities", NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.type, "application/json");
    assert_string_equal(
        a.body,
        "{\"supported_proofs\":[5],\"max_batch_size\":3,\"supports_range_requests\":true,"
        "\"supports_sealed_manifest\":true,\"supports_cancel\":true,\"supports_renew\":true,"
        "\"supports_call_back\":true,\"supports_repeated_c1\":true}");
}

static void posts_want_json(void **state)
{
    (void)state;
    struct asked a;
    for (size_t i = 0; i < POSTS; i++) {
        post(&a, node_of(i), posts[i], "text/plain", "{}");
        assert_int_equal(a.status, 400);
        assert_memory_equal(a.type, "text/plain", 10);
        assert_non_null(strstr(a.body, "application/json"));
        post(&a, node_of(i), posts[i], "application/json", "{\"partner_token\":");
        assert_int_equal(a.status, 400);
        assert_memory_equal(a.type, "text/plain", 10);
        assert_memory_equal(a.body, "invalid request body: ", 22);
        post(&a, node_of(i), posts[i], "application/json; charset=utf-8", "{}");
        assert_int_equal(a.status, 400);
        post(&a, node_of(i), posts[i], "application/json", "{\"partner_token\":7}");
        assert_int_equal(a.status, 400);
    }
}

static void errors_are_json_for_who_accepts_it(void **state)
{
    (void)state;
    const slk_http_header accept = {"Accept", "text/html, application/json;q=0.9"};
    const slk_http_request request = {.bearer = STRANGER, .headers = &accept, .n_headers = 1};
    struct asked a;
    ask(&a, &w.provider, &request, "sealed-data/1000/1");
    assert_int_equal(a.status, 401);
    assert_string_equal(a.type, "application/json");
    assert_string_equal(a.body, "{\"error\":{\"code\":\"auth\",\"message\":\"unauthorized\"}}");
    get(&a, &w.provider, "sealed-data/1000/1", STRANGER);
    assert_string_equal(a.body, "unauthorized\n");
}

static void another_method_gets_405_and_the_right_one(void **state)
{
    (void)state;
    struct asked a;
    for (size_t i = 0; i < POSTS; i++) {
        get(&a, node_of(i), posts[i], NULL);
        assert_int_equal(a.status, 405);
        assert_int_equal(a.n, 0);
    }
}

static void strangers_get_401_except_from_authorize(void **state)
{
    (void)state;
    struct asked a;
    tell(&a, "authorize", "{\"partner_token\":\"%s\"}", STRANGER);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body,
                        "{\"authorized\":false,\"partner_name\":\"\",\"allowance_remaining\":0}");
    static const char *const tokens[] = {STRANGER, "", "x"};
    for (size_t i = 0; i < 3; i++) {
        tell(&a, "available", "{\"partner_token\":\"%s\"}", tokens[i]);
        assert_int_equal(a.status, 401);
        tell(&a, "order", ORDER(1, 5), tokens[i]);
        assert_int_equal(a.status, 401);
        tell(&a, "status", SECTOR(1), tokens[i]);
        assert_int_equal(a.status, 401);
        tell(&a, "commit1", COMMIT1(1), tokens[i]);
        assert_int_equal(a.status, 401);
        tell(&a, "finalize", SECTOR(1), tokens[i]);
        assert_int_equal(a.status, 401);
        tell(&a, "cleanup", SECTOR(1), tokens[i]);
        assert_int_equal(a.status, 401);
    }
    get(&a, &w.provider, "sealed-data/1000/1", NULL);
    assert_int_equal(a.status, 401);
    get(&a, &w.provider, "cache-data/1000/1?token=" STRANGER, NULL);
    assert_int_equal(a.status, 401);
}

static void partners_are_told_their_allowance(void **state)
{
    (void)state;
    struct asked a;
    tell(&a, "authorize", "{\"partner_token\":\"%s\"}", w.token);
    assert_int_equal(a.status, 200);
    assert_string_equal(
        a.body, "{\"authorized\":true,\"partner_name\":\"first\",\"allowance_remaining\":5}");
}

static void nothing_ordered_looks_gone(void **state)
{
    (void)state;
    struct asked a;
    tell(&a, "status", SECTOR(1), w.token);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "{\"state\":\"gone\"}");
    tell(&a, "commit1", COMMIT1(1), w.token);
    assert_int_equal(a.status, 404);
    get(&a, &w.provider, "sealed-data/1000/1", w.token);
    assert_int_equal(a.status, 404);
    get(&a, &w.provider, "sealed-data/1000/x", w.token);
    assert_int_equal(a.status, 400);
    tell(&a, "status", "{\"partner_token\":\"%s\",\"sp_id\":1000,\"sector_number\":-1}", w.token);
    assert_int_equal(a.status, 400);
}

static void orders_are_accepted_once_and_refused_in_200(void **state)
{
    (void)state;
    struct asked a;
    tell(&a, "order", ORDER(1, 8), w.token);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "{\"accepted\":false,"
                                "\"reject_reason\":\"proof type 8 not allowed for this partner\"}");
    tell(&a, "order",
         "{\"partner_token\":\"%s\",\"slot_token\":\"00112233445566778899aabbccddeeff\","
         "\"sp_id\":1000,\"sector_number\":1,\"reg_seal_proof\":5}",
         w.token);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body,
                        "{\"accepted\":false,\"reject_reason\":\"invalid or expired slot token\"}");
    tell(&a, "available", "{\"partner_token\":\"%s\"}", w.token);
    assert_int_equal(a.status, 200);
    SLK_CLEANUP(slk_json_decrefp) json_t *slot = json_loads(a.body, 0, NULL);
    assert_true(json_is_true(json_object_get(slot, "available")));
    const char *text = json_string_value(json_object_get(slot, "slot_token"));
    assert_int_equal(strlen(text), 32);
    char order[512];
    (void)snprintf(order, sizeof order,
                   "{\"partner_token\":\"%%s\",\"slot_token\":\"%s\",\"sp_id\":1000,"
                   "\"sector_number\":1,\"reg_seal_proof\":5}",
                   text);
    for (int i = 0; i < 2; i++) {
        tell(&a, "order", i == 0 ? order : ORDER(1, 5), w.token);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body, "{\"accepted\":true}");
    }
    tell(&a, "authorize", "{\"partner_token\":\"%s\"}", w.token);
    assert_non_null(strstr(a.body, "\"allowance_remaining\":4"));
    tell(&a, "status", SECTOR(1), w.token);
    assert_string_equal(a.body, "{\"state\":\"pending\"}");
    tell(&a, "status", SECTOR(1), w.other);
    assert_string_equal(a.body, "{\"state\":\"gone\"}");
    tell(&a, "order", ORDER(1, 5), w.other);
    assert_memory_equal(a.body, "{\"accepted\":false", 17);
    tell(&a, "commit1", COMMIT1(1), w.token);
    assert_int_equal(a.status, 412);
    assert_string_equal(a.body, "sector trees not yet complete\n");
    tell(&a, "finalize", SECTOR(1), w.token); /* too early: nothing happens */
    assert_int_equal(a.status, 200);
    assert_int_equal(a.n, 0);
}

static void what_is_sealed_can_be_fetched(void **state)
{
    (void)state;
    struct asked a;
    run_provider();
    tell(&a, "status", SECTOR(1), w.token);
    static const char complete[] =
        "{\"state\":\"complete\","
        "\"tree_d_cid\":\"baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy\","
        "\"tree_r_cid\":\"bagboea4b5abcaeirceirceirceirceirceirceirceirceirceirceirceirceib\","
        "\"ticket_epoch\":-640,"
        "\"ticket_value\":\"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\","
        "\"lease_until\":";
    assert_memory_equal(a.body, complete, sizeof complete - 1);
    get(&a, &w.provider, "sealed-data/1000/1", w.token);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.n, 2048);
    get(&a, &w.provider, "sealed-data/1000/1", w.other);
    assert_int_equal(a.status, 404);
    char path[256];
    (void)snprintf(path, sizeof path, "sealed-data/1000/1?token=%s", w.token);
    const slk_http_request part = {.has_range = true, .range_first = 1000, .range_last = 1009};
    ask(&a, &w.provider, &part, path);
    assert_int_equal(a.status, 206);
    assert_int_equal(a.n, 10);
    assert_int_equal((uint8_t)a.body[0], (uint8_t)(1000 * 7 + 1000 / 256));
    const slk_http_request past = {.has_range = true, .range_first = 2048, .range_last = 4000};
    ask(&a, &w.provider, &past, path);
    assert_int_equal(a.status, 416);
    const slk_http_request head = {.method = "HEAD", .bearer = w.token};
    ask(&a, &w.provider, &head, "cache-data/1000/1");
    assert_int_equal(a.status, 200);
    assert_string_equal(a.type, "application/x-tar");
    get(&a, &w.provider, "cache-data/1000/1", w.other);
    assert_int_equal(a.status, 404);
}

/* What stub_pc2 says. */
static slk_seal_commitments sealed_commitments(void)
{
    slk_seal_commitments comm = {0};
    memset(comm.comm_r, 0x11, 31);
    comm.comm_r[31] = 1;
    return comm;
}

static void the_replica_has_a_manifest(void **state)
{
    (void)state;
    struct asked a;
    slk_manifest manifest = {0};
    const slk_seal_commitments comm = sealed_commitments();
    slk_manifest_subject subject = {.sp_id = SP, .number = 1, .file_bytes = 2048};
    memcpy(subject.comm_r, comm.comm_r, 32);
    for (int i = 0; i < 2; i++) {
        get(&a, &w.provider, "sealed-manifest/1000/1", w.token);
        assert_int_equal(a.status, 200);
        assert_int_equal(slk_manifest_read(&manifest, a.body, a.n, &subject, w.crypto, NULL),
                         SLK_OK);
        assert_int_equal(manifest.n_blocks, 1);
        slk_manifest_done(&manifest);
    }
    get(&a, &w.provider, "sealed-manifest/1000/1", w.other);
    assert_int_equal(a.status, 404);
    get(&a, &w.provider, "sealed-manifest/1000/1", NULL);
    assert_int_equal(a.status, 401);
    get(&a, &w.provider, "sealed-manifest/1000/99", w.token);
    assert_int_equal(a.status, 404);
}

static void leases_can_be_renewed(void **state)
{
    (void)state;
    struct asked a;
    tell(&a, "renew", SECTOR(1), w.token);
    assert_int_equal(a.status, 200);
    assert_memory_equal(a.body, "{\"lease_until\":", 15);
    tell(&a, "status", SECTOR(1), w.token);
    assert_non_null(strstr(a.body, ",\"lease_until\":"));
    tell(&a, "renew", SECTOR(1), w.other);
    assert_int_equal(a.status, 404);
    tell(&a, "renew", SECTOR(99), w.token);
    assert_int_equal(a.status, 404);
    tell(&a, "renew", SECTOR(1), STRANGER);
    assert_int_equal(a.status, 401);
}

static void orders_can_be_canceled(void **state)
{
    (void)state;
    struct asked a;
    tell(&a, "order", ORDER(77, 5), w.token);
    assert_string_equal(a.body, "{\"accepted\":true}");
    tell(&a, "cancel", SECTOR(77), w.other);
    assert_int_equal(a.status, 200);
    tell(&a, "status", SECTOR(77), w.token);
    assert_string_equal(a.body, "{\"state\":\"pending\"}");
    for (int i = 0; i < 2; i++) {
        tell(&a, "cancel", SECTOR(77), w.token);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.n, 0);
    }
    tell(&a, "status", SECTOR(77), w.token);
    assert_non_null(strstr(a.body, "{\"state\":\"gone\""));
    run_provider();
}

static void c1_comes_as_its_own_bytes(void **state)
{
    (void)state;
    struct asked a;
    for (int i = 0; i < 2; i++) {
        tell(&a, "commit1", COMMIT1(1), w.token);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.type, "application/octet-stream");
        assert_string_equal(a.body, C1_TEXT);
    }
    tell(&a, "commit1", COMMIT1(1), w.other);
    assert_int_equal(a.status, 404);
    tell(&a, "commit1",
         "{\"partner_token\":\"%s\",\"sp_id\":1000,\"sector_number\":1,\"seed_value\":\"AQID\"}",
         w.token);
    assert_int_equal(a.status, 400);
}

static void the_peer_client_gets_all_of_it(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_seal_peer peer;
    slk_remote_peer_ops(&peer, w.peer);
    const slk_seal_remote to = {.url = w.provider.url, .token = w.token};
    const slk_seal_sector sector = {.sp_id = SP, .number = 1, .seal_proof = PROOF};
    SLK_CLEANUP(slk_freep) char *sealed = slk_path_join(w.folder, "fetched");
    SLK_CLEANUP(slk_freep) char *cache = slk_path_join(w.folder, "fetched-cache");
    SLK_CLEANUP(slk_freep) char *c1 = slk_path_join(w.folder, "fetched-c1");
    const slk_seal_paths paths = {.sealed = sealed, .cache = cache};
    slk_job job;
    slk_job_init(&job);
    bool yes = false;
    char text[SLK_SEAL_REASON_CHARS] = "";
    int64_t allowance = 0;
    assert_int_equal(slk_remote_peer_authorize(w.peer, &yes, text, &allowance, &to, &error),
                     SLK_OK);
    assert_true(yes);
    assert_string_equal(text, "first");
    assert_int_equal(slk_remote_peer_supports(w.peer, &yes, to.url, 6, &error), SLK_OK);
    assert_false(yes);
    assert_int_equal(peer.order(peer.ctx, &yes, text, &to, "", &sector, &error), SLK_OK);
    assert_true(yes);
    slk_seal_status status;
    assert_int_equal(peer.status(peer.ctx, &status, &to, &sector, &error), SLK_OK);
    assert_int_equal(status.state, SLK_SEAL_REMOTE_COMPLETE);
    assert_true(status.has_completion);
    assert_int_equal(status.completion.ticket_epoch, -640);
    assert_true(status.lease_until_ms > 0);
    int64_t left_ms = 0;
    yes = false;
    assert_in_range(status.lease_left_ms, 71 * 3600 * 1000, 72 * 3600 * 1000);
    assert_int_equal(peer.renew(peer.ctx, &yes, &left_ms, &to, &sector, &error), SLK_OK);
    assert_true(yes && left_ms >= status.lease_left_ms);
    const slk_seal_commitments comm = sealed_commitments();
    for (int i = 0; i < 2; i++) {
        if (peer.fetch(peer.ctx, &to, &sector, 2048, &comm, &paths, NULL, &job, &error) != SLK_OK)
            fail_msg("%s", error.message);
        uint64_t bytes = 0;
        assert_int_equal(slk_file_size(&bytes, sealed, &error), SLK_OK);
        assert_int_equal(bytes, 2048);
    }
    SLK_CLEANUP(slk_freep) char *note = slk_path_join(cache, "c1.url");
    SLK_CLEANUP(slk_buf_done) slk_buf json;
    slk_buf_init(&json, 4096);
    assert_int_equal(slk_file_read_all(&json, note, &error), SLK_OK);
    assert_non_null(strstr(slk_buf_str(&json), "/remoteseal/delegated/v0/commit1\""));
    assert_int_equal(peer.commit1(peer.ctx, &to, &sector, 272, seed32, c1, &job, &error), SLK_OK);
    slk_buf_reset(&json);
    assert_int_equal(slk_file_read_all(&json, c1, &error), SLK_OK);
    assert_string_equal(slk_buf_str(&json), C1_TEXT);
    const slk_seal_remote stranger = {.url = w.provider.url, .token = STRANGER};
    assert_int_equal(peer.status(peer.ctx, &status, &stranger, &sector, &error), SLK_E_AUTH);
    assert_int_equal(peer.commit1(peer.ctx, &stranger, &sector, 272, seed32, c1, &job, &error),
                     SLK_E_AUTH);
    const slk_seal_remote plain = {.url = "http://192.0.2.1", .token = w.token};
    assert_int_equal(peer.status(peer.ctx, &status, &plain, &sector, &error), SLK_E_INVAL);
}

struct fetcher {
    pthread_t thread;
    char *sealed, *cache, *c1;
    slk_err code;
    slk_error error;
};

static void *fetch_all(void *context)
{
    struct fetcher *f = context;
    slk_seal_peer peer;
    slk_remote_peer_ops(&peer, w.peer);
    const slk_seal_remote to = {.url = w.provider.url, .token = w.token};
    const slk_seal_sector sector = {.sp_id = SP, .number = 1, .seal_proof = PROOF};
    const slk_seal_commitments comm = sealed_commitments();
    const slk_seal_paths paths = {.sealed = f->sealed, .cache = f->cache};
    slk_job job;
    slk_job_init(&job);
    f->code = peer.fetch(peer.ctx, &to, &sector, 2048, &comm, &paths, NULL, &job, &f->error);
    if (f->code == SLK_OK)
        f->code = peer.commit1(peer.ctx, &to, &sector, 272, seed32, f->c1, &job, &f->error);
    return NULL;
}

/* Eight fetch one sector, and its C1, at once: each gets all of it. */
static void several_fetch_one_sector(void **state)
{
    (void)state;
    struct fetcher fetchers[8] = {0};
    for (size_t i = 0; i < 8; i++) {
        struct fetcher *f = &fetchers[i];
        f->sealed = slk_strf("%s/together-%zu", w.folder, i);
        f->cache = slk_strf("%s/together-%zu-cache", w.folder, i);
        f->c1 = slk_strf("%s/together-%zu-c1", w.folder, i);
        assert_int_equal(pthread_create(&f->thread, NULL, fetch_all, f), 0);
    }
    SLK_CLEANUP(slk_buf_done) slk_buf first;
    slk_buf_init(&first, 4096);
    for (size_t i = 0; i < 8; i++) {
        struct fetcher *f = &fetchers[i];
        assert_int_equal(pthread_join(f->thread, NULL), 0);
        if (f->code != SLK_OK)
            fail_msg("%s", f->error.message);
        SLK_CLEANUP(slk_buf_done) slk_buf bytes;
        slk_buf_init(&bytes, 4096);
        assert_int_equal(slk_file_read_all(&bytes, f->sealed, NULL), SLK_OK);
        assert_int_equal(bytes.len, 2048);
        if (i == 0)
            assert_int_equal(slk_buf_append(&first, bytes.data, bytes.len), SLK_OK);
        assert_memory_equal(bytes.data, first.data, 2048);
        slk_buf_reset(&bytes);
        assert_int_equal(slk_file_read_all(&bytes, f->c1, NULL), SLK_OK);
        assert_string_equal(slk_buf_str(&bytes), C1_TEXT);
        slk_free(f->sealed);
        slk_free(f->cache);
        slk_free(f->c1);
    }
}

static void finalize_and_cleanup_are_idempotent(void **state)
{
    (void)state;
    struct asked a;
    slk_error error = {0};
    slk_seal_peer peer;
    slk_remote_peer_ops(&peer, w.peer);
    const slk_seal_remote to = {.url = w.provider.url, .token = w.token};
    const slk_seal_sector sector = {.sp_id = SP, .number = 1, .seal_proof = PROOF};
    tell(&a, "finalize", SECTOR(1), w.other); /* answered, but nothing of ours changes */
    assert_int_equal(a.status, 200);
    tell(&a, "cleanup", SECTOR(1), w.other);
    assert_int_equal(a.status, 200);
    run_provider();
    get(&a, &w.provider, "sealed-data/1000/1", w.token);
    assert_int_equal(a.status, 200);
    tell(&a, "commit1", COMMIT1(1), w.token);
    assert_int_equal(a.status, 200);
    for (int i = 0; i < 2; i++) {
        tell(&a, "finalize", SECTOR(1), w.token);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.n, 0);
        run_provider();
    }
    assert_int_equal(peer.finalize(peer.ctx, &to, &sector, &error), SLK_OK);
    get(&a, &w.provider, "sealed-data/1000/1", w.token);
    assert_int_equal(a.status, 200);
    tell(&a, "finalize", SECTOR(77), w.token);
    assert_int_equal(a.status, 200);
    for (int i = 0; i < 2; i++) {
        tell(&a, "cleanup", SECTOR(1), w.token);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.n, 0);
        run_provider();
    }
    assert_int_equal(peer.cleanup(peer.ctx, &to, &sector, &error), SLK_OK);
    get(&a, &w.provider, "sealed-data/1000/1", w.token);
    assert_int_equal(a.status, 404);
    tell(&a, "commit1", COMMIT1(1), w.token);
    assert_int_not_equal(a.status, 200);
}

/* ---- the way back ---- */

/* What came of having the provider bring a fresh nonce; *ret_seen: it came. */
static slk_remote_called call_back(bool *ret_seen, const char *token)
{
    char nonce[SLK_NONCE_CHARS];
    slk_error error = {0};
    slk_remote_called called = {0};
    const slk_seal_remote to = {.url = w.provider.url, .token = token};
    bool tried = false;
    assert_int_equal(slk_client_nonce_make(nonce, w.client.seal, &error), SLK_OK);
    if (slk_remote_peer_call_back(w.peer, &tried, &called, &to, nonce, &error) != SLK_OK)
        fail_msg("%s", error.message);
    assert_true(tried);
    assert_int_equal(slk_client_nonce_seen(ret_seen, w.client.seal, nonce, &error), SLK_OK);
    return called;
}

static void set_partner_url(const char *url)
{
    int64_t id;
    const slk_partner_terms terms = {.url = url};
    assert_int_equal(slk_partner_find(&id, w.provider.seal, "first", NULL), SLK_OK);
    assert_int_equal(slk_partner_set(w.provider.seal, id, SLK_TERM_URL, &terms, NULL), SLK_OK);
}

static void providers_call_back_where_they_were_told(void **state)
{
    (void)state;
    bool seen = false;
    slk_remote_called called = call_back(&seen, w.token);
    assert_true(called.reached && seen);
    assert_string_equal(called.url, w.client.url);
    called = call_back(&seen, w.other); /* of which it has no address */
    assert_false(called.reached || seen);
    assert_string_equal(called.step, "url");
    static const struct {
        const char *url, *step;
    } wrong[] = {{"https://127.0.0.1:1", "tcp"}, {"https://nobody.invalid", "dns"}};
    for (size_t i = 0; i < 2; i++) {
        set_partner_url(wrong[i].url);
        called = call_back(&seen, w.token);
        assert_false(called.reached || seen);
        assert_string_equal(called.step, wrong[i].step);
        assert_true(called.reason[0] != 0);
    }
    set_partner_url(w.provider.url); /* somebody, but not the client */
    called = call_back(&seen, w.token);
    assert_false(called.reached || seen);
    assert_string_equal(called.step, "answer");
    set_partner_url(w.client.url);
}

static void nobody_is_called_by_request(void **state)
{
    (void)state;
    struct asked a;
    char nonce[SLK_NONCE_CHARS], body[512];
    bool seen = true;
    assert_int_equal(slk_client_nonce_make(nonce, w.client.seal, NULL), SLK_OK);
    /* The second partner has no address here: one in the request changes nothing. */
    (void)snprintf(body, sizeof body, "{\"partner_token\":\"%%s\",\"nonce\":\"%s\",\"url\":\"%s\"}",
                   nonce, w.client.url);
    tell(&a, "call-back", body, w.other);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "\"reached\":false"));
    assert_int_equal(slk_client_nonce_seen(&seen, w.client.seal, nonce, NULL), SLK_OK);
    assert_false(seen);
    tell(&a, "call-back", body, "");
    assert_int_equal(a.status, 401);
    tell(&a, "call-back", "{\"partner_token\":\"%s\",\"nonce\":\"x\"}", w.other);
    assert_int_equal(a.status, 400);
    for (unsigned i = 0; a.status != 429 && i <= SLK_TURNSTILE_CALL_BACKS; i++)
        tell(&a, "call-back", body, w.other);
    assert_int_equal(a.status, 429);
}

static void nonces_are_known_once_made(void **state)
{
    (void)state;
    struct asked a;
    char nonce[SLK_NONCE_CHARS], body[128];
    bool seen = true;
    post(&a, &w.client, "called-back", "application/json", "{\"nonce\":\"" STRANGER "\"}");
    assert_int_equal(a.status, 404);
    assert_int_equal(slk_client_nonce_make(nonce, w.client.seal, NULL), SLK_OK);
    assert_int_equal(slk_client_nonce_seen(&seen, w.client.seal, nonce, NULL), SLK_OK);
    assert_false(seen);
    (void)snprintf(body, sizeof body, "{\"nonce\":\"%s\"}", nonce);
    post(&a, &w.client, "called-back", "application/json", body);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "{\"known\":true}");
    assert_int_equal(slk_client_nonce_seen(&seen, w.client.seal, nonce, NULL), SLK_OK);
    assert_true(seen);
}

/* ---- clients and providers that mean ill ---- */

#define SEED "\"seed_value\":\"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""
#define HUGE "9223372036854775808" /* 2^63 */
#define TREE_D "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy"
#define TREE_R "bagboea4b5abcaeirceirceirceirceirceirceirceirceirceirceirceirceib"

/* Asked with the token of a partner who may do anything; %s is that token. */
static const struct evil {
    const char *path;
    const char *body; /* NULL: a GET */
    int status;
    const char *words; /* in the answer */
} evils[] = {
    /* sectors that cannot be */
    {"order", ORDER(-1, 5), 400, ""},
    {"order", ORDER(9223372036854775808, 5), 400, ""},
    {"order", ORDER(99999999999999999999999999999, 5), 400, ""},
    {"order", ORDER(1.5, 5), 400, ""},
    {"order", ORDER("7", 5), 400, ""},
    {"order", ORDER([7], 5), 400, ""},
    {"order", ORDER(1e400, 5), 400, ""},
    {"order", "{\"partner_token\":\"%s\",\"sp_id\":-1000,\"sector_number\":7,\"reg_seal_proof\":5}",
     400, ""},
    {"order",
     "{\"partner_token\":\"%s\",\"sp_id\":" HUGE ",\"sector_number\":7,"
     "\"reg_seal_proof\":5}",
     400, ""},
    {"order", "{\"partner_token\":\"%s\",\"sp_id\":1001,\"sector_number\":7,\"reg_seal_proof\":5}",
     200, "\"accepted\":false,\"reject_reason\":\"this partner may not order for miner f01001\""},
    {"order", "{\"partner_token\":\"%s\",\"sector_number\":7,\"reg_seal_proof\":5}", 200,
     "\"accepted\":false"},
    {"status", SECTOR(-1), 400, ""},
    {"finalize", SECTOR(-1), 400, ""},
    {"cleanup", SECTOR(-9223372036854775808), 400, ""},
    {"cancel", SECTOR(9223372036854775808), 400, ""},
    {"renew", SECTOR(-1), 400, ""},
    {"status", SECTOR(9223372036854775807), 200, "{\"state\":\"gone\"}"},
    {"cleanup", SECTOR(9223372036854775807), 200, ""},
    {"renew", SECTOR(9223372036854775807), 404, ""},
    /* proofs that are not to be had */
    {"order", ORDER(7, -1), 200, "\"accepted\":false"},
    {"order", ORDER(7, 0), 200, "\"accepted\":false"},
    {"order", ORDER(7, 9223372036854775807), 200, "\"accepted\":false"},
    {"order", ORDER(7, -9223372036854775808), 200, "\"accepted\":false"},
    {"order", ORDER(7, 9223372036854775808), 400, ""},
    {"order", ORDER(7, null), 200, "\"accepted\":false"},
    {"order", ORDER(7, true), 400, ""},
    {"order", ORDER(7, {}), 400, ""},
    /* slots that are not his */
    {"order",
     "{\"partner_token\":\"%s\",\"slot_token\":\"' OR 1=1 --\",\"sp_id\":1000,"
     "\"sector_number\":7,\"reg_seal_proof\":5}",
     200, "invalid or expired slot token"},
    {"order",
     "{\"partner_token\":\"%s\",\"slot_token\":\"%%s%%n\",\"sp_id\":1000,"
     "\"sector_number\":7,\"reg_seal_proof\":5}",
     200, "invalid or expired slot token"},
    {"order",
     "{\"partner_token\":\"%s\",\"slot_token\":\"00000000000000000000000000000000\\u0000\","
     "\"sp_id\":1000,\"sector_number\":7,\"reg_seal_proof\":5}",
     400, ""},
    {"order",
     "{\"partner_token\":\"%s\",\"slot_token\":[\"a\"],\"sp_id\":1000,\"sector_number\":7,"
     "\"reg_seal_proof\":5}",
     400, ""},
    /* seeds that are none */
    {"commit1", COMMIT1(-1), 400, ""},
    {"commit1", COMMIT1(7), 404, ""},
    {"commit1", "{\"partner_token\":\"%s\",\"sp_id\":1000,\"sector_number\":7}", 404, ""},
    {"commit1",
     "{\"partner_token\":\"%s\",\"sp_id\":1000,\"sector_number\":7,\"seed_value\":\"AQID\"}", 404,
     ""},
    {"commit1",
     "{\"partner_token\":\"%s\",\"sp_id\":1000,\"sector_number\":7,\"seed_value\":\"!\"}", 400, ""},
    {"commit1",
     "{\"partner_token\":\"%s\",\"sp_id\":1000,\"sector_number\":7,\"seed_epoch\":" HUGE "," SEED
     "}",
     400, ""},
    /* no messages at all */
    {"order", "", 400, ""},
    {"order", "null", 401, ""},
    {"order", "[]", 400, ""},
    {"order", "\"order\"", 400, ""},
    {"order", "{\"partner_token\":\"%s\",\"sp_id\":1000,\"sector_number\":7,\"reg_seal_proof\":5",
     400, ""},
    {"order", "{\"partner_token\":\"%s\"}{}", 400, ""},
    {"available", "{\"partner_token\":{\"$ne\":null}}", 400, ""},
    /* paths that lead elsewhere */
    {"sealed-data/1000/-1", NULL, 400, ""},
    {"sealed-data/-1/7", NULL, 400, ""},
    {"sealed-data/1000/" HUGE "0000", NULL, 400, ""},
    {"sealed-data/1000/18446744073709551615", NULL, 404, ""},
    {"sealed-data/1000/7%00", NULL, 404, ""},
    {"sealed-data/1000/..%2f..%2fkey", NULL, 400, ""},
    {"sealed-data/1000/0x7", NULL, 400, ""},
    {"sealed-data/1000/7e0", NULL, 400, ""},
    {"sealed-data/1000/%20"
     "7",
     NULL, 400, ""},
    {"sealed-data/1000/", NULL, 404, ""},
    {"sealed-data/1000/7/8", NULL, 404, ""},
    {"sealed-data/1000/7", NULL, 404, ""},
    {"cache-data/1000/%2e%2e", NULL, 400, ""},
    {"cache-data/1000/7", NULL, 404, ""},
    {"sealed-manifest/1000/-7", NULL, 400, ""},
};

/* Answered by the client; the token is that of a provider of miner 1000. */
static const struct evil evil_completions[] = {
    {"complete", "{\"partner_token\":\"%s\",\"sp_id\":-1000,\"sector_number\":0}", 400, ""},
    {"complete", "{\"partner_token\":\"%s\",\"sp_id\":1000,\"sector_number\":-1}", 400, ""},
    {"complete", "{\"partner_token\":\"%s\",\"sp_id\":1000,\"sector_number\":" HUGE "}", 400, ""},
    {"complete", "{\"partner_token\":\"%s\",\"sp_id\":1000,\"sector_number\":0}", 400, ""},
    {"complete",
     "{\"partner_token\":\"%s\",\"sp_id\":1000,\"sector_number\":0,\"tree_d_cid\":\"" TREE_R
     "\",\"tree_r_cid\":\"" TREE_D "\",\"ticket_value\":\"AwM=\"}",
     400, ""},
    {"complete",
     "{\"partner_token\":\"%s\",\"sp_id\":1001,\"sector_number\":0,\"tree_d_cid\":\"" TREE_D
     "\",\"tree_r_cid\":\"" TREE_R "\",\"ticket_value\":"
     "\"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\"}",
     404, ""},
    {"complete",
     "{\"partner_token\":\"%s\",\"sp_id\":1000,\"sector_number\":4711,\"tree_d_cid\":\"" TREE_D
     "\",\"tree_r_cid\":\"" TREE_R "\",\"ticket_value\":"
     "\"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\"}",
     404, ""},
    {"ticket?maddr=f0-1", NULL, 400, ""},
    {"ticket?maddr=f018446744073709551616", NULL, 400, ""},
    {"ticket?maddr=f01001", NULL, 404, ""},
    {"ticket?maddr=http://169.254.169.254/", NULL, 400, ""},
};

static int64_t rows_of(const struct node *node)
{
    static const slk_sql provider = {
        "test.provider", "SELECT (SELECT count(*) FROM rseal_provider_pipeline) * 1000000 +"
                         " (SELECT count(*) FROM rseal_provider_slots) * 10000 +"
                         " (SELECT count(*) FROM task) * 100 +"
                         " (SELECT sum(allowance_remaining) FROM rseal_delegated_partners)"};
    static const slk_sql client = {"test.client",
                                   "SELECT (SELECT count(*) FROM rseal_client_pipeline) * 100 +"
                                   " (SELECT count(*) FROM task)"};
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    assert_int_equal(slk_query_init(&q, node->db, node == &w.provider ? &provider : &client, NULL),
                     SLK_OK);
    assert_int_equal(slk_query_step(&q, &row, NULL), SLK_OK);
    assert_true(row);
    return slk_column_i64(&q, 0);
}

static void refuse_each(const struct node *node, const struct evil *list, size_t n)
{
    struct asked a;
    const int64_t rows = rows_of(node);
    const unsigned calls = chain_calls;
    for (size_t i = 0; i < n; i++) {
        const struct evil *e = &list[i];
        char body[1024];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
        (void)snprintf(body, sizeof body, e->body ? e->body : "", w.token);
#pragma GCC diagnostic pop
        if (e->body)
            post(&a, node, e->path, "application/json", body);
        else
            get(&a, node, e->path, w.token);
        if (a.status != e->status || !strstr(a.body, e->words))
            fail_msg("%s %s: %d %s", e->path, body, a.status, a.body);
        assert_null(strstr(a.body, w.token));
    }
    assert_int_equal(rows_of(node), rows);
    assert_int_equal(chain_calls, calls);
}

/* Whatever is asked: refused as the wire says, without a row or a call to the chain. */
static void evil_requests_are_refused(void **state)
{
    (void)state;
    slk_error error = {0};
    int64_t id;
    static const slk_partner_miner miner[] = {{SP, 0}};
    const slk_partner_terms own = {.miners = miner, .miners_n = 1}, any = {0};
    assert_int_equal(slk_partner_find(&id, w.provider.seal, "first", &error), SLK_OK);
    assert_int_equal(slk_partner_set(w.provider.seal, id, SLK_TERM_MINERS, &own, &error), SLK_OK);
    refuse_each(&w.provider, evils, sizeof evils / sizeof *evils);
    assert_int_equal(slk_partner_set(w.provider.seal, id, SLK_TERM_MINERS, &any, &error), SLK_OK);
    assert_int_equal(
        slk_client_provider_add(&id, w.client.seal, SP, w.provider.url, w.token, "p", &error),
        SLK_OK);
    refuse_each(&w.client, evil_completions, sizeof evil_completions / sizeof *evil_completions);
    assert_int_equal(slk_client_provider_remove(w.client.seal, id, &error), SLK_OK);
    (void)printf("# %zu requests\n",
                 sizeof evils / sizeof *evils + sizeof evil_completions / sizeof *evil_completions);
}

/* Of a sector that another partner has here and of one that nobody has, all answers are the same. */
static void what_others_have_looks_like_nothing(void **state)
{
    (void)state;
    static const struct evil questions[] = {
        {"status", SECTOR(% d), 0, NULL},
        {"finalize", SECTOR(% d), 0, NULL},
        {"cleanup", SECTOR(% d), 0, NULL},
        {"cancel", SECTOR(% d), 0, NULL},
        {"renew", SECTOR(% d), 0, NULL},
        {"commit1", COMMIT1(% d), 0, NULL},
        {"sealed-data/1000/%d", NULL, 0, NULL},
        {"cache-data/1000/%d", NULL, 0, NULL},
        {"sealed-manifest/1000/%d", NULL, 0, NULL},
    };
    static const int numbers[] = {1, 999}; /* the first partner's, nobody's */
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        struct asked a[2];
        for (size_t k = 0; k < 2; k++) {
            char path[128], body[512];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            if (questions[i].body) {
                (void)snprintf(body, sizeof body, questions[i].body, w.other, numbers[k]);
                post(&a[k], &w.provider, questions[i].path, "application/json", body);
            } else {
                (void)snprintf(path, sizeof path, questions[i].path, numbers[k]);
                get(&a[k], &w.provider, path, w.other);
            }
#pragma GCC diagnostic pop
        }
        assert_int_equal(a[0].status, a[1].status);
        assert_string_equal(a[0].type, a[1].type);
        assert_string_equal(a[0].body, a[1].body);
    }
}

/* ---- the client's endpoints ---- */

static void tickets_are_for_our_miners_alone(void **state)
{
    (void)state;
    struct asked a;
    static const char *const bad[] = {"ticket", "ticket?maddr=", "ticket?maddr=1000",
                                      "ticket?maddr=f0x", "ticket?maddr=f0-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        get(&a, &w.client, bad[i], NULL);
        assert_int_equal(a.status, 400);
    }
    get(&a, &w.client, "ticket?maddr=f01000", NULL);
    assert_int_equal(a.status, 404);
    int64_t id;
    slk_error error = {0};
    assert_int_equal(
        slk_client_provider_add(&id, w.client.seal, SP, w.provider.url, w.token, "p", &error),
        SLK_OK);
    get(&a, &w.client, "ticket?maddr=f01000", NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(
        a.body, "{\"ticket\":\"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\",\"epoch\":-640}");
    get(&a, &w.client, "ticket?maddr=f01001", NULL);
    assert_int_equal(a.status, 404);
    chain_is_up = false;
    get(&a, &w.client, "ticket?maddr=t01000", NULL);
    assert_int_equal(a.status, 503);
    chain_is_up = true;
    slk_seal_peer peer;
    slk_remote_peer_ops(&peer, w.peer);
    uint8_t ticket[32];
    int64_t epoch;
    assert_int_equal(peer.ticket(peer.ctx, ticket, &epoch, w.client.url, SP, &error), SLK_OK);
    assert_int_equal(epoch, -640);
    assert_int_equal(peer.ticket(peer.ctx, ticket, &epoch, w.client.url, 7, &error),
                     SLK_E_NOTFOUND);
    for (unsigned i = 0; i < SLK_REMOTE_TICKET_BURST; i++)
        get(&a, &w.client, "ticket?maddr=f01000", NULL);
    assert_int_equal(a.status, 429);
}

static void complete_is_checked_and_idempotent(void **state)
{
    (void)state;
    struct asked a;
    slk_error error = {0};
    uint64_t number = 0;
    int64_t id;
    (void)(slk_client_provider_add(&id, w.client.seal, SP, w.provider.url, w.token, "p", &error) ==
           SLK_OK);
    assert_int_equal(slk_client_order(&number, w.client.seal, SP, PROOF, 0, &error), SLK_OK);
    slk_seal_peer peer;
    slk_remote_peer_ops(&peer, w.peer);
    const slk_seal_remote stranger = {.url = w.client.url, .token = STRANGER};
    slk_seal_remote to = {.url = w.client.url, .token = w.token};
    slk_seal_sector sector = {.sp_id = SP, .number = number, .seal_proof = PROOF};
    slk_seal_completion completion = {
        .tree_d_cid = "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy",
        .tree_r_cid = "bagboea4b5abcaeirceirceirceirceirceirceirceirceirceirceirceirceib",
        .ticket_epoch = -640,
    };
    memset(completion.ticket, 3, 32);
    assert_int_equal(peer.complete(peer.ctx, &stranger, &sector, &completion, &error), SLK_E_AUTH);
    sector.number = number + 99;
    assert_int_equal(peer.complete(peer.ctx, &to, &sector, &completion, &error), SLK_E_NOTFOUND);
    sector.number = number;
    strcpy(completion.tree_r_cid, completion.tree_d_cid);
    assert_int_equal(peer.complete(peer.ctx, &to, &sector, &completion, &error), SLK_E_INVAL);
    post(&a, &w.client, "complete", "application/json",
         "{\"partner_token\":\"x\",\"sp_id\":1000,\"sector_number\":0,\"tree_d_cid\":\"bafy\","
         "\"tree_r_cid\":\"\",\"ticket_epoch\":0,\"ticket_value\":\"AAAA\"}");
    assert_int_equal(a.status, 401); /* who it is comes before what it says */
}

static void guessing_is_slowed_down(void **state)
{
    (void)state;
    struct asked a;
    unsigned refused = 0;
    do
        get(&a, &w.provider, "sealed-data/1000/1", STRANGER);
    while (a.status == 401 && ++refused <= SLK_HTTP_GUESSES);
    assert_in_range(refused, 1, SLK_HTTP_GUESSES);
    assert_int_equal(a.status, 429);
    assert_string_equal(a.type, "text/plain; charset=utf-8");
    assert_non_null(strstr(a.body, "wait"));
    get(&a, &w.provider, "sealed-data/1000/1", w.token); /* nobody else is held up by it */
    assert_in_range(a.status, 200, 404);
    assert_int_not_equal(a.status, 401);
    get(&a, &w.provider, "sealed-data/1000/1", NULL);
    assert_int_equal(a.status, 401);
    get(&a, &w.provider, "capabilities", NULL);
    assert_int_equal(a.status, 200);
    refused = 0;
    do
        post(&a, &w.client, "complete", "application/json", "{\"partner_token\":\"" STRANGER "\"}");
    while (a.status == 401 && ++refused <= SLK_HTTP_GUESSES);
    assert_in_range(refused, 1, SLK_HTTP_GUESSES);
    assert_int_equal(a.status, 429);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capabilities_need_no_token),
        cmocka_unit_test(posts_want_json),
        cmocka_unit_test(errors_are_json_for_who_accepts_it),
        cmocka_unit_test(another_method_gets_405_and_the_right_one),
        cmocka_unit_test(strangers_get_401_except_from_authorize),
        cmocka_unit_test(partners_are_told_their_allowance),
        cmocka_unit_test(evil_requests_are_refused),
        cmocka_unit_test(nothing_ordered_looks_gone),
        cmocka_unit_test(orders_are_accepted_once_and_refused_in_200),
        cmocka_unit_test(what_is_sealed_can_be_fetched),
        cmocka_unit_test(the_replica_has_a_manifest),
        cmocka_unit_test(what_others_have_looks_like_nothing),
        cmocka_unit_test(leases_can_be_renewed),
        cmocka_unit_test(orders_can_be_canceled),
        cmocka_unit_test(c1_comes_as_its_own_bytes),
        cmocka_unit_test(the_peer_client_gets_all_of_it),
        cmocka_unit_test(several_fetch_one_sector),
        cmocka_unit_test(finalize_and_cleanup_are_idempotent),
        cmocka_unit_test(providers_call_back_where_they_were_told),
        cmocka_unit_test(nobody_is_called_by_request),
        cmocka_unit_test(nonces_are_known_once_made),
        cmocka_unit_test(tickets_are_for_our_miners_alone),
        cmocka_unit_test(complete_is_checked_and_idempotent),
        cmocka_unit_test(guessing_is_slowed_down),
    };
    return cmocka_run_group_tests_name("remote endpoints", tests, open_world, close_world);
}
