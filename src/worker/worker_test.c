/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A worker against a node that is played here: what it says to it, in which order, and that no result is
 * lost. Its proofs are stubs. */
#include "worker/worker_impl.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "db/db.h"
#include "codec/sse.h"
#include "fil/commcid.h"
#include "lotus/storage.h"
#include "net/certificate.h"
#include "net/client.h"
#include "net/jwt.h"
#include "net/server.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "store/store.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECTOR 2048
#define WAIT_MS 30000
#define HEARD_MAX 512u
#define NODE_TOKEN "node-token"

static const uint8_t secret[32] = "a secret of exactly 32 bytes....";

/* ---- the node ---- */

struct heard {
    char method[48];
    json_t *params;
};

struct node {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct heard heard[HEARD_MAX];
    size_t n;
    char session[SLK_UUID_CHARS];
    unsigned refuse_returns; /* so many are answered by an error, */
    const char *refusal; /* this one */
    int64_t api_version;
    slk_rpc_server *rpc;
    slk_http_server *http;
    slk_http_route routes[SLK_RPC_ROUTES + 2];
    unsigned port;
    bool has_sealed; /* of sector 9, for who fetches it */
    bool
        cuts; /* the first that is sent of it: half, slowly; then it is not to be had for a while */
    unsigned gets;
    unsigned busy_deletes, deletes; /* so many are refused for now, */
    int refuses_by; /* with this status; 0: 503 */
    bool ours; /* a node of ours, which gives keys … */
    int64_t lasts_s; /* … and tokens for so long; 0: it is older, and gives none */
    bool void_given; /* those are refused now */
    bool knows_nobody; /* all tokens that it is asked about are none */
    char bearer[2048]; /* of the last call */
    unsigned busy_keys; /* so many are refused for now */
    char shown[2][64]; /* with the last GET and DELETE of files */
    /* At the next declaration, as if the store's hook had told of both before: */
    char *comes; /* this file is placed, of sector 2, */
    char *goes; /* and this one removed; each NULL: nothing */
    bool came; /* it has */
    /* At the next StorageAttach, with the worker's storage URL; NULL: nothing. */
    void (*when_attached)(void *context, const char *url);
    void *context;
};

#define OTHER_PATH "11111111-2222-4333-8444-555555555555"

/* Where the sealed file is: here. */
static json_t *place_of_sealed(const struct node *node)
{
    char url[100];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/remote/sealed/s-t01000-9", node->port);
    return json_pack("[{ss s[s] s[] sI sb sb sb}]", "ID", OTHER_PATH, "URLs", url, "BaseURLs",
                     "Weight", (json_int_t)10, "CanSeal", 1, "CanStore", 0, "Primary", 0);
}

static const char *text_at(const json_t *params, size_t i)
{
    const char *text = json_string_value(json_array_get(params, i));
    return text ? text : "";
}

/* Of the path that was attached first. */
static const char *path_id_of(const struct node *node)
{
    size_t i = 0;
    while (strcmp(node->heard[i].method, "StorageAttach") != 0)
        i++;
    return json_string_value(json_object_get(json_array_get(node->heard[i].params, 0), "ID"));
}

static void change_files(struct node *node)
{
    if (node->comes) {
        assert_int_equal(slk_file_write_atomic(node->comes, "x", 1, 0644, NULL), SLK_OK);
        node->came = true;
    }
    if (node->goes)
        assert_int_equal(slk_remove_tree(node->goes, NULL), SLK_OK);
    node->comes = node->goes = NULL;
}

static void tell_attached(struct node *node, const json_t *params)
{
    const json_t *urls = json_object_get(json_array_get(params, 0), "URLs");
    void (*when)(void *, const char *) = node->when_attached;
    node->when_attached = NULL;
    when(node->context, text_at(urls, 0));
}

#define GIVEN_ID "7"

static slk_err give_token(const struct node *node, json_t **ret, slk_error *error)
{
    const slk_jwt_claims claims = {.allow = {"worker"},
                                   .n_allow = 1,
                                   .id = GIVEN_ID,
                                   .expires_s = slk_clock_wall_ms() / 1000 + 1000};
    char *token = NULL;
    SLK_TRY(slk_jwt_make(&token, &claims, secret, error));
    *ret = json_pack("{ss ss sI}", "Token", token, "Id", GIVEN_ID, "LastsS",
                     (json_int_t)node->lasts_s);
    slk_free(token);
    return SLK_OK;
}

static slk_err answer(struct node *node, const char *method, const json_t *params, json_t **ret,
                      slk_error *error)
{
    if (strcmp(method, "Version") == 0)
        *ret = json_pack("{ss sI sI ss}", "Version", "1.36.2", "APIVersion",
                         (json_int_t)node->api_version, "BlockDelay", (json_int_t)30, "Agent",
                         node->ours ? "selkie" : "lotus");
    else if (strcmp(method, "ActorAddress") == 0)
        *ret = json_string("f01000");
    else if (strcmp(method, "ActorSectorSize") == 0)
        *ret = json_integer(SECTOR);
    else if (strcmp(method, "Session") == 0)
        *ret = json_string(node->session);
    else if (strcmp(method, "AuthVerify") == 0 && node->knows_nobody)
        return slk_fail(error, SLK_E_AUTH, "nobody's");
    else if (strcmp(method, "AuthVerify") == 0)
        *ret = strcmp(text_at(params, 0), "to-fetch") == 0
                   ? json_pack("[sss]", "fetch", "s-t01000-9", "admin")
                   : json_pack("[ss]", "read", "admin");
    else if (strcmp(method, "WorkerToken") == 0 && node->lasts_s > 0)
        return give_token(node, ret, error);
    else if (strcmp(method, "FetchKey") == 0 && node->busy_keys > 0) {
        node->busy_keys--;
        return slk_fail(error, SLK_E_BUSY, "not known to work on that");
    } else if (strcmp(method, "FetchKey") == 0)
        *ret = json_pack("{ss ss}", "Token", "key-for-the-other", "Pin", "");
    else if (strcmp(method, "StorageFindSector") == 0)
        *ret = node->has_sealed ? place_of_sealed(node) : json_array();
    else if (strcmp(method, "StorageList") == 0)
        *ret = node->came ? json_pack("{s[{si si si}]}", path_id_of(node), "Miner", 1000, "Number",
                                      2, "SectorFileType", 2)
                          : json_object();
    else if (strcmp(method, "StorageDeclareSector") == 0)
        change_files(node);
    else if (strcmp(method, "StorageAttach") == 0 && node->when_attached)
        tell_attached(node, params);
    else if (strncmp(method, "Return", 6) == 0 && node->refuse_returns > 0) {
        node->refuse_returns--;
        return slk_fail(error, SLK_E_CONFLICT, "%s", node->refusal);
    }
    return SLK_OK;
}

static slk_err hear(void *context, const slk_rpc_call *call, json_t **ret, slk_error *error)
{
    struct node *node = context;
    const char *method = strchr(call->method, '.') + 1;
    (void)pthread_mutex_lock(&node->lock);
    assert_true(node->n < HEARD_MAX);
    struct heard *heard = &node->heard[node->n++];
    (void)snprintf(heard->method, sizeof heard->method, "%s", method);
    heard->params = json_deep_copy(call->params);
    (void)snprintf(node->bearer, sizeof node->bearer, "%s", call->token);
    const slk_err code = answer(node, method, call->params, ret, error);
    (void)pthread_cond_broadcast(&node->moved);
    const bool unknown = strcmp(method, "WorkerToken") == 0 && node->lasts_s == 0;
    (void)pthread_mutex_unlock(&node->lock);
    return unknown ? slk_rpc_fault(call, SLK_RPC_NO_METHOD, error, "method not found") : code;
}

static const slk_rpc_method methods[] = {
    {"Filecoin.Version", 0, SLK_RPC_READ, hear},
    {"Filecoin.ActorAddress", 0, SLK_RPC_READ, hear},
    {"Filecoin.ActorSectorSize", 1, SLK_RPC_READ, hear},
    {"Filecoin.Session", 0, SLK_RPC_READ, hear},
    {"Filecoin.AuthVerify", 1, SLK_RPC_READ, hear},
    {"Filecoin.WorkerConnect", 1, SLK_RPC_ADMIN, hear},
    {"Filecoin.StorageAttach", 2, SLK_RPC_ADMIN, hear},
    {"Filecoin.StorageDetach", 2, SLK_RPC_ADMIN, hear},
    {"Filecoin.StorageReportHealth", 2, SLK_RPC_ADMIN, hear},
    {"Filecoin.StorageDeclareSector", 4, SLK_RPC_ADMIN, hear},
    {"Filecoin.StorageDropSector", 3, SLK_RPC_ADMIN, hear},
    {"Filecoin.StorageFindSector", 4, SLK_RPC_ADMIN, hear},
    {"Filecoin.StorageList", 0, SLK_RPC_ADMIN, hear},
    {"Filecoin.ReturnAddPiece", 3, SLK_RPC_ADMIN, hear},
    {"Filecoin.ReturnSealPreCommit1", 3, SLK_RPC_ADMIN, hear},
    {"Filecoin.ReturnSealPreCommit2", 3, SLK_RPC_ADMIN, hear},
    {"Filecoin.ReturnSealCommit1", 3, SLK_RPC_ADMIN, hear},
    {"Filecoin.ReturnSealCommit2", 3, SLK_RPC_ADMIN, hear},
    {"Filecoin.ReturnFinalizeSector", 2, SLK_RPC_ADMIN, hear},
    {"Filecoin.ReturnReleaseUnsealed", 2, SLK_RPC_ADMIN, hear},
    {"Filecoin.ReturnDataCid", 3, SLK_RPC_ADMIN, hear},
    {"Filecoin.ReturnSelkieCheck", 3, SLK_RPC_ADMIN, hear},
    {"Filecoin.ReturnUnsealPiece", 2, SLK_RPC_ADMIN, hear},
    {"Filecoin.ReturnFetch", 2, SLK_RPC_ADMIN, hear},
    {"Filecoin.ReturnReplicaUpdate", 3, SLK_RPC_ADMIN, hear},
    {"Selkie.FetchKey", 1, SLK_RPC_ADMIN, hear},
    {"Selkie.WorkerToken", 0, SLK_RPC_ADMIN, hear},
    {"Selkie.WorkerLeave", 1, SLK_RPC_ADMIN, hear},
};

static slk_err let_in(void *context, const char *token, bool known_only, slk_rpc_grant *ret_grant,
                      slk_error *error)
{
    struct node *node = context;
    slk_jwt_claims claims;
    (void)known_only;
    (void)pthread_mutex_lock(&node->lock);
    const bool given = !node->void_given && slk_jwt_read(&claims, token, secret, 0, NULL) == SLK_OK;
    (void)pthread_mutex_unlock(&node->lock);
    if (!given && strcmp(token, NODE_TOKEN) != 0)
        return slk_fail(error, SLK_E_AUTH, "whose token is that?");
    *ret_grant = (slk_rpc_grant){.permissions = SLK_RPC_READ | SLK_RPC_ADMIN};
    return SLK_OK;
}

#define SLOW_MS 1500 /* for half a file */
#define AWAY_GETS 4u /* with the one that is cut: as many as are tried at once */

static slk_err give_half(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                         slk_error *error)
{
    bool *given = context;
    if (*given) {
        slk_clock_sleep_ms(SLOW_MS);
        return slk_fail(error, SLK_E_IO, "the disk is gone");
    }
    *given = true;
    *ret_n = SECTOR / 2 < capacity ? SECTOR / 2 : capacity;
    memset(out, 0, *ret_n);
    return SLK_OK;
}

static slk_err get_sealed(void *context, slk_http_exchange *exchange, slk_error *error)
{
    static const uint8_t bytes[SECTOR];
    struct node *node = context;
    (void)error;
    (void)pthread_mutex_lock(&node->lock);
    (void)snprintf(node->shown[0], sizeof node->shown[0], "%s", slk_http_bearer(exchange));
    const unsigned get = node->cuts ? ++node->gets : 0;
    (void)pthread_mutex_unlock(&node->lock);
    if (get == 2) /* the first asks for its size alone */
        return slk_http_reply_stream(exchange, 200, "application/octet-stream", SECTOR, give_half,
                                     slk_free, slk_calloc(1, sizeof(bool)));
    if (get > 2 && get <= 2 + AWAY_GETS)
        return slk_http_reply_empty(exchange, 503);
    return slk_http_reply_bytes(exchange, 200, "application/octet-stream", bytes, sizeof bytes);
}

static slk_err delete_sealed(void *context, slk_http_exchange *exchange, slk_error *error)
{
    struct node *node = context;
    (void)error;
    (void)pthread_mutex_lock(&node->lock);
    node->deletes++;
    (void)snprintf(node->shown[1], sizeof node->shown[1], "%s", slk_http_bearer(exchange));
    const bool busy = node->busy_deletes > 0;
    node->busy_deletes -= busy;
    (void)pthread_mutex_unlock(&node->lock);
    return slk_http_reply_empty(exchange, busy ? node->refuses_by ? node->refuses_by : 503 : 200);
}

static void listen_at(struct node *node, unsigned port)
{
    slk_error error = {0};
    char listen[32];
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
    const slk_http_server_options http = {.listen = listen,
                                          .routes = node->routes,
                                          .n_routes = sizeof node->routes / sizeof *node->routes};
    if (slk_http_server_new(&node->http, &http, &error) != SLK_OK)
        fail_msg("%s", error.message);
    node->port = slk_http_server_port(node->http);
}

static void start_node(struct node *node)
{
    slk_error error = {0};
    const slk_rpc_table table = {methods, sizeof methods / sizeof *methods, node};
    const slk_rpc_server_options rpc = {.tables = &table,
                                        .n_tables = 1,
                                        .authorise = let_in,
                                        .authorise_context = node,
                                        .anonymous = SLK_RPC_READ};
    assert_int_equal(pthread_mutex_init(&node->lock, NULL), 0);
    assert_int_equal(slk_cond_init(&node->moved), 0);
    slk_uuid_random(node->session);
    node->api_version = 66816;
    assert_int_equal(slk_rpc_server_new(&node->rpc, &rpc, &error), SLK_OK);
    slk_rpc_server_routes(node->rpc, node->routes);
    node->routes[SLK_RPC_ROUTES] = (slk_http_route){.method = "GET",
                                                    .path = "/remote/sealed/s-t01000-9",
                                                    .handler = get_sealed,
                                                    .context = node};
    node->routes[SLK_RPC_ROUTES + 1] = (slk_http_route){.method = "DELETE",
                                                        .path = "/remote/sealed/s-t01000-9",
                                                        .handler = delete_sealed,
                                                        .context = node};
    listen_at(node, 0);
}

static void stop_node(struct node *node)
{
    slk_rpc_server_stop(node->rpc);
    slk_http_server_free(node->http);
    slk_rpc_server_free(node->rpc);
    for (size_t i = 0; i < node->n; i++)
        json_decref(node->heard[i].params);
    (void)pthread_cond_destroy(&node->moved);
    (void)pthread_mutex_destroy(&node->lock);
}

/* ---- the proofs ---- */

struct proofs {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool hold_pc1; /* it waits until it is canceled or let go */
    unsigned pc1_begun;
    slk_err pc1_fails;
    bool pc1_conflicts; /* the next is told that its cache is another's */
    char pc1_cache[128]; /* of the last */
    size_t batch_n;
    unsigned unsealed;
    uint64_t batch_first; /* number of its first sector */
};

static void fill(uint8_t out32[32], uint8_t byte)
{
    memset(out32, byte, 32);
    out32[31] = 0;
}

static bool p_is_zero(void *ctx, const slk_lotus_piece *piece)
{
    uint8_t zero[32];
    (void)ctx;
    fill(zero, 1);
    return memcmp(piece->comm_p, zero, 32) == 0;
}

/* CommP of the stub: 1 for zeros, else the first byte of the data. */
static slk_err p_piece(void *ctx, slk_lotus_piece *ret, uint64_t raw_bytes, bool whole, int fd,
                       slk_worker_padded *padded, void *context, slk_job *job, slk_error *error)
{
    uint8_t data[SECTOR];
    size_t n = 0;
    (void)ctx;
    (void)whole;
    (void)job;
    ret->bytes = raw_bytes / 127 * 128;
    fill(ret->comm_p, 1);
    if (fd < 0)
        return SLK_OK;
    while (n < raw_bytes) {
        const ssize_t got = read(fd, data + n, (size_t)raw_bytes - n);
        if (got <= 0)
            return slk_fail(error, SLK_E_INVAL, "short");
        n += (size_t)got;
    }
    fill(ret->comm_p, data[0]);
    return padded ? padded(context, data, n, 0, error) : SLK_OK;
}

static slk_err write_text(const char *path, const char *text, slk_error *error)
{
    return slk_file_write_atomic(path, text, strlen(text), 0644, error);
}

static slk_err make_pc1(const slk_worker_pc1 *what, uint8_t comm_d32[32], slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *layer = slk_path_join(what->paths.cache, "sc-02-data-layer-1.dat");
    SLK_TRY(write_text(what->paths.sealed, "data", error));
    SLK_TRY(write_text(layer, "layer", error));
    fill(comm_d32, 1);
    return SLK_OK;
}

static slk_err p_pc1(void *ctx, uint8_t comm_d32[32], const slk_worker_pc1 *what, slk_error *error)
{
    struct proofs *p = ctx;
    (void)pthread_mutex_lock(&p->lock);
    p->pc1_begun++;
    (void)pthread_cond_broadcast(&p->moved);
    slk_err code = SLK_OK;
    while (p->hold_pc1 && code == SLK_OK) {
        (void)slk_cond_wait_ms(&p->moved, &p->lock, 20);
        code = slk_job_check(what->job, error);
    }
    (void)snprintf(p->pc1_cache, sizeof p->pc1_cache, "%s", what->paths.cache);
    if (code == SLK_OK && p->pc1_conflicts)
        code = slk_fail(error, SLK_E_CONFLICT, "it has another ticket");
    p->pc1_conflicts = false;
    if (code == SLK_OK && p->pc1_fails != SLK_OK)
        code = slk_fail(error, p->pc1_fails, "the disk is full");
    (void)pthread_mutex_unlock(&p->lock);
    return code == SLK_OK ? make_pc1(what, comm_d32, error) : code;
}

static void p_pc1_batch(void *ctx, const slk_worker_pc1 *list, size_t n,
                        slk_worker_pc1_ended *ended, void *context)
{
    struct proofs *p = ctx;
    p->batch_n = n;
    p->batch_first = list[0].sector.id.number;
    for (size_t i = 0; i < n; i++) {
        uint8_t comm_d[32];
        slk_error error = {0};
        const slk_err code = make_pc1(&list[i], comm_d, &error);
        ended(context, i, code, comm_d, &error);
    }
}

static slk_err p_pc2(void *ctx, slk_lotus_cids *ret, const slk_lotus_sector_ref *sector,
                     const uint8_t comm_d32[32], const uint8_t *ticket32,
                     const slk_worker_paths *paths, slk_job *job, slk_error *error)
{
    (void)ctx;
    (void)sector;
    (void)job;
    assert_non_null(ticket32);
    ret->defined = true;
    memcpy(ret->comm_d, comm_d32, 32);
    fill(ret->comm_r, 3);
    return write_text(paths->sealed, "replica", error);
}

static slk_err p_c1(void *ctx, const slk_lotus_sector_ref *sector, const slk_lotus_cids *cids,
                    const uint8_t ticket32[32], const uint8_t seed32[32],
                    const slk_lotus_pieces *pieces, const slk_worker_paths *paths,
                    const char *out_path, slk_job *job, slk_error *error)
{
    (void)ctx;
    (void)sector;
    (void)cids;
    (void)ticket32;
    (void)seed32;
    (void)pieces;
    (void)paths;
    (void)job;
    return write_text(out_path, "{\"the\":\"C1\"}", error);
}

/* "proof of " and what C1 was. */
static slk_err p_c2(void *ctx, slk_buf *proof, const slk_lotus_sector_ref *sector,
                    const char *c1_path, slk_job *job, slk_error *error)
{
    (void)ctx;
    (void)sector;
    (void)job;
    if (slk_buf_text(proof, "proof of ") != SLK_OK)
        return SLK_E_NOMEM;
    return slk_file_read_all(proof, c1_path, error);
}

static slk_err p_finalize(void *ctx, const slk_lotus_sector_ref *sector, const char *cache,
                          slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *layer = slk_path_join(cache, "sc-02-data-layer-1.dat");
    (void)ctx;
    (void)sector;
    (void)job;
    return slk_remove_tree(layer, error);
}

/* Data of nothing but 'U'. */
static slk_err p_unseal(void *ctx, const slk_lotus_sector_ref *sector, const uint8_t comm_d32[32],
                        const uint8_t ticket32[32], const char *sealed, const char *work,
                        uint64_t offset, uint64_t length, slk_worker_padded *padded, void *context,
                        slk_job *job, slk_error *error)
{
    struct proofs *p = ctx;
    uint8_t data[SECTOR];
    (void)sector;
    (void)comm_d32;
    (void)ticket32;
    (void)offset;
    (void)job;
    assert_true(slk_file_exists(sealed) && slk_file_exists(work));
    p->unsealed++;
    memset(data, 'U', sizeof data);
    return padded(context, data, (size_t)length / 127 * 128, 0, error);
}

static slk_err p_check(void *ctx, bool *ret_valid, char *why, const slk_lotus_sector_ref *sector,
                       const slk_lotus_cids *cids, const uint8_t ticket32[32],
                       const slk_worker_paths *paths, slk_job *job, slk_error *error)
{
    (void)ctx;
    (void)sector;
    (void)ticket32;
    (void)job;
    (void)error;
    assert_true(slk_file_exists(paths->sealed) && slk_file_exists(paths->cache));
    *ret_valid = cids->comm_r[0] == 3;
    if (!*ret_valid)
        (void)snprintf(why, SLK_WORKER_REASON_CHARS, "it is another");
    return SLK_OK;
}

/* ---- the world ---- */

struct world {
    struct node node;
    struct proofs proofs;
    slk_worker_ops ops;
    char folder[64];
    char url[64];
    slk_worker *worker;
    char worker_url[96];
    char *token; /* the worker's own */
    slk_rpc_client *client;
    int64_t source_wait_ms;
    int64_t hold_ms;
    const char *certificate, *key;
    const char *node_token; /* NULL: NODE_TOKEN */
};

static bool never(void *context)
{
    (void)context;
    return false;
}

static void connect_client(struct world *w, const char *token)
{
    slk_error error = {0};
    slk_rpc_client_free(w->client);
    const slk_rpc_client_options options = {.url = w->worker_url, .bearer = token};
    assert_int_equal(slk_rpc_client_new(&w->client, &options, &error), SLK_OK);
}

static void start_worker(struct world *w)
{
    slk_error error = {0};
    const slk_worker_options options = {.folder = w->folder,
                                        .name = "w1",
                                        .ops = &w->ops,
                                        .tasks = slk_worker_all_tasks,
                                        .node_url = w->url,
                                        .node_token = w->node_token ? w->node_token : NODE_TOKEN,
                                        .listen = "127.0.0.1:0",
                                        .host = "127.0.0.1",
                                        .certificate_file = w->certificate,
                                        .key_file = w->key,
                                        .secret32 = secret,
                                        .source_wait_ms = w->source_wait_ms,
                                        .hold_ms = w->hold_ms,
                                        .beat_ms = 50,
                                        .again_ms = 50};
    if (slk_worker_start(&w->worker, &options, never, NULL, &error) != SLK_OK)
        fail_msg("%s", error.message);
    (void)snprintf(w->worker_url, sizeof w->worker_url, "%s", slk_worker_url(w->worker));
    connect_client(w, w->token);
}

static void stop_worker(struct world *w)
{
    slk_rpc_client_free(w->client);
    w->client = NULL;
    slk_worker_stop(w->worker);
    w->worker = NULL;
}

static void make_path(const struct world *w)
{
    slk_error error = {0};
    slk_store *store = NULL;
    const slk_lotus_meta meta = {.weight = 10, .can_seal = true};
    SLK_CLEANUP(slk_freep) char *list = slk_path_join(w->folder, "storage.json");
    assert_int_equal(slk_store_init_path(w->folder, &meta, &error), SLK_OK);
    assert_int_equal(slk_store_open(&store, list, NULL, &error), SLK_OK);
    assert_int_equal(slk_store_attach(store, NULL, w->folder, &error), SLK_OK);
    slk_store_free(store);
}

static int set_up(void **state)
{
    slk_error error = {0};
    struct world *w = slk_calloc(1, sizeof *w);
    const slk_jwt_claims claims = {.allow = {"read", "admin"}, .n_allow = 2};
    assert_non_null(w);
    w->hold_ms = 1;
    (void)signal(SIGPIPE, SIG_IGN);
    start_node(&w->node);
    (void)snprintf(w->url, sizeof w->url, "http://127.0.0.1:%u/rpc/v0",
                   slk_http_server_port(w->node.http));
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/slk-worker-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    assert_int_equal(pthread_mutex_init(&w->proofs.lock, NULL), 0);
    assert_int_equal(slk_cond_init(&w->proofs.moved), 0);
    w->ops = (slk_worker_ops){.ctx = &w->proofs,
                              .is_zero_piece = p_is_zero,
                              .piece = p_piece,
                              .pc1 = p_pc1,
                              .pc1_batch = p_pc1_batch,
                              .pc2 = p_pc2,
                              .c1 = p_c1,
                              .c2 = p_c2,
                              .finalize = p_finalize,
                              .unseal = p_unseal,
                              .check_replica = p_check};
    assert_int_equal(slk_jwt_make(&w->token, &claims, secret, &error), SLK_OK);
    make_path(w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    slk_error error = {0};
    stop_worker(w);
    stop_node(&w->node);
    slk_free(w->token);
    assert_int_equal(slk_remove_tree(w->folder, &error), SLK_OK);
    (void)pthread_cond_destroy(&w->proofs.moved);
    (void)pthread_mutex_destroy(&w->proofs.lock);
    slk_free(w);
    return 0;
}

/* ---- what was heard ---- */

/* The nth (from 0) call of the method; waits for it. Borrowed. */
static const json_t *heard(struct world *w, const char *method, size_t nth)
{
    struct node *node = &w->node;
    const int64_t until = slk_clock_monotonic_ms() + WAIT_MS;
    const json_t *found = NULL;
    (void)pthread_mutex_lock(&node->lock);
    while (!found && slk_clock_monotonic_ms() < until) {
        size_t seen = 0;
        for (size_t i = 0; i < node->n && !found; i++)
            if (strcmp(node->heard[i].method, method) == 0 && seen++ == nth)
                found = node->heard[i].params;
        if (!found)
            (void)slk_cond_wait_ms(&node->moved, &node->lock, 100);
    }
    (void)pthread_mutex_unlock(&node->lock);
    if (!found)
        fail_msg("the node did not hear %s number %zu", method, nth);
    return found;
}

static size_t place_of(struct world *w, const json_t *params)
{
    for (size_t i = 0; i < w->node.n; i++)
        if (w->node.heard[i].params == params)
            return i;
    fail_msg("not heard");
    return 0;
}

static size_t count(struct world *w, const char *method)
{
    size_t n = 0;
    (void)pthread_mutex_lock(&w->node.lock);
    for (size_t i = 0; i < w->node.n; i++)
        n += strcmp(w->node.heard[i].method, method) == 0;
    (void)pthread_mutex_unlock(&w->node.lock);
    return n;
}

/* ---- calls ---- */

static json_t *ask(struct world *w, const char *method, json_t *params)
{
    slk_error error = {0};
    json_t *result = NULL;
    if (slk_rpc_invoke(w->client, method, params, NULL, &result, NULL, &error) != SLK_OK)
        fail_msg("%s: %s", method, error.message);
    json_decref(params);
    return result;
}

static json_t *sector_ref(unsigned number)
{
    return json_pack("{s{sisi}si}", "ID", "Miner", 1000, "Number", number, "ProofType", 5);
}

static json_t *zero_pieces(void)
{
    uint8_t comm[32];
    slk_cid cid;
    fill(comm, 1);
    slk_comm_d_cid(&cid, comm);
    return json_pack("[{siso}]", "Size", SECTOR, "PieceCID", slk_json_new_cid(&cid));
}

static json_t *bytes32(uint8_t byte)
{
    uint8_t b[32];
    fill(b, byte);
    return slk_json_new_bytes(b, 32);
}

static json_t *pc1_params(unsigned number)
{
    return json_pack("[ooo]", sector_ref(number), bytes32(7), zero_pieces());
}

/* The Return belongs to that call, and failed or not. */
static void check_return(const json_t *params, const json_t *id, bool failed)
{
    assert_true(json_equal(json_array_get(params, 0), id));
    const json_t *fault = json_array_get(params, json_array_size(params) - 1);
    if (failed != json_is_object(fault)) {
        char *text = json_dumps(fault, JSON_ENCODE_ANY);
        fail_msg("unexpected outcome %s", text);
    }
}

static json_t *pc1(struct world *w, unsigned number)
{
    return ask(w, "Filecoin.SealPreCommit1", pc1_params(number));
}

static char *file_of(const struct world *w, const char *type, unsigned number)
{
    char *path = slk_strf("%s/%s/s-t01000-%u", w->folder, type, number);
    assert_non_null(path);
    return path;
}

static bool has_file(const struct world *w, const char *type, unsigned number)
{
    SLK_CLEANUP(slk_freep) char *path = file_of(w, type, number);
    return slk_file_exists(path);
}

/* ---- tests ---- */

/* source of the order: reference/lotus-worker 5.1 */
static void greets_its_node_in_order(void **state)
{
    static const char *const order[] = {
        "Version", "ActorAddress",  "ActorSectorSize",    "StorageAttach",
        "Session", "WorkerConnect", "StorageReportHealth"};
    struct world *w = *state;
    start_worker(w);
    size_t before = 0;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const size_t place = place_of(w, heard(w, order[i], 0));
        assert_true(i == 0 || place > before);
        before = place;
    }
    const json_t *url = json_array_get(heard(w, "WorkerConnect", 0), 0);
    assert_string_equal(json_string_value(url), w->worker_url);
    const json_t *path = json_array_get(heard(w, "StorageAttach", 0), 0);
    assert_true(json_is_true(json_object_get(path, "CanSeal")));
    const json_t *storage = json_array_get(json_object_get(path, "URLs"), 0);
    assert_non_null(strstr(json_string_value(storage), "/remote"));
}

/* One of ours is told the pin with the URLs; Lotus, which would not know what it is, is not. */
static void its_key_is_told_to_ours(void **state)
{
    struct world *w = *state;
    slk_error error = {0};
    char pin[SLK_CERTIFICATE_PIN_CHARS], told[200];
    assert_int_equal(slk_net_make_certificate(w->folder, NULL, 0, &error), SLK_OK);
    SLK_CLEANUP(slk_freep) char *certificate = slk_path_join(w->folder, SLK_CERTIFICATE_FILE);
    SLK_CLEANUP(slk_freep) char *key = slk_path_join(w->folder, SLK_CERTIFICATE_KEY_FILE);
    assert_int_equal(slk_net_certificate_pin(pin, certificate, &error), SLK_OK);
    w->certificate = certificate;
    w->key = key;
    for (unsigned ours = 0; ours < 2; ours++) {
        w->node.ours = ours;
        start_worker(w);
        assert_memory_equal(w->worker_url, "https://127.0.0.1:", 18);
        (void)snprintf(told, sizeof told, "%s%s%s", w->worker_url, ours ? "#" : "",
                       ours ? pin : "");
        assert_string_equal(text_at(heard(w, "WorkerConnect", ours), 0), told);
        const json_t *path = json_array_get(heard(w, "StorageAttach", ours), 0);
        const char *url = text_at(json_object_get(path, "URLs"), 0);
        assert_int_equal(strchr(url, '#') != NULL, ours);
        stop_worker(w);
    }
}

static void answers_who_it_is(void **state)
{
    struct world *w = *state;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *version = ask(w, "Filecoin.Version", json_array());
    assert_int_equal(json_integer_value(version), 67328);
    SLK_CLEANUP(slk_json_decrefp) json_t *one = ask(w, "Filecoin.Session", json_array());
    SLK_CLEANUP(slk_json_decrefp) json_t *two = ask(w, "Filecoin.ProcessSession", json_array());
    assert_true(json_equal(one, two) && slk_uuid_is(json_string_value(one)));
    SLK_CLEANUP(slk_json_decrefp) json_t *tasks = ask(w, "Filecoin.TaskTypes", json_array());
    static const char *const must[] = {
        "seal/v0/addpiece",         "seal/v0/precommit/1", "seal/v0/precommit/2",
        "seal/v0/commit/1",         "seal/v0/commit/2",    "seal/v0/finalize",
        "seal/v0/finalizeunsealed", "seal/v0/fetch",       "seal/v0/unseal"};
    for (size_t i = 0; i < sizeof must / sizeof *must; i++)
        assert_non_null(json_object_get(tasks, must[i]));
    assert_null(json_object_get(tasks, "seal/v0/replicaupdate"));
    SLK_CLEANUP(slk_json_decrefp) json_t *info = ask(w, "Filecoin.Info", json_array());
    assert_string_equal(json_string_value(json_object_get(info, "Hostname")), "w1");
    SLK_CLEANUP(slk_json_decrefp) json_t *paths = ask(w, "Filecoin.Paths", json_array());
    const json_t *path = json_array_get(paths, 0);
    const json_t *attached = json_array_get(heard(w, "StorageAttach", 0), 0);
    assert_true(json_equal(json_object_get(path, "ID"), json_object_get(attached, "ID")));
}

static void seals_a_sector_call_by_call(void **state)
{
    struct world *w = *state;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *add =
        ask(w, "Filecoin.AddPiece",
            json_pack("[oni{ssss}]", sector_ref(1), 2032, "Type", "null", "Info", "2032"));
    const json_t *added = heard(w, "ReturnAddPiece", 0);
    check_return(added, add, false);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(added, 1), "Size")), SECTOR);
    assert_true(has_file(w, "unsealed", 1));
    const json_t *declared = heard(w, "StorageDeclareSector", 0);
    assert_int_equal(json_integer_value(json_array_get(declared, 2)), 1);
    assert_true(json_is_false(json_array_get(declared, 3)));
    assert_true(place_of(w, declared) < place_of(w, added));

    SLK_CLEANUP(slk_json_decrefp) json_t *one = pc1(w, 1);
    const json_t *pc1_return = heard(w, "ReturnSealPreCommit1", 0);
    check_return(pc1_return, one, false);
    assert_int_equal(json_integer_value(json_array_get(heard(w, "StorageDeclareSector", 1), 2)), 2);
    assert_int_equal(json_integer_value(json_array_get(heard(w, "StorageDeclareSector", 2), 2)), 4);

    SLK_CLEANUP(slk_json_decrefp)
    json_t *two = ask(w, "Filecoin.SealPreCommit2",
                      json_pack("[oO]", sector_ref(1), json_array_get(pc1_return, 1)));
    const json_t *pc2_return = heard(w, "ReturnSealPreCommit2", 0);
    check_return(pc2_return, two, false);

    SLK_CLEANUP(slk_json_decrefp)
    json_t *c1 = ask(w, "Filecoin.SealCommit1",
                     json_pack("[ooooO]", sector_ref(1), bytes32(7), bytes32(8), zero_pieces(),
                               json_array_get(pc2_return, 1)));
    const json_t *c1_return = heard(w, "ReturnSealCommit1", 0);
    check_return(c1_return, c1, false);

    SLK_CLEANUP(slk_json_decrefp)
    json_t *c2 = ask(w, "Filecoin.SealCommit2",
                     json_pack("[oO]", sector_ref(1), json_array_get(c1_return, 1)));
    const json_t *c2_return = heard(w, "ReturnSealCommit2", 0);
    check_return(c2_return, c2, false);
    slk_error error = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf proof;
    slk_buf_init(&proof, 100);
    assert_int_equal(slk_json_as_bytes(&proof, json_array_get(c2_return, 1), "proof", &error),
                     SLK_OK);
    assert_string_equal(slk_buf_str(&proof), "proof of {\"the\":\"C1\"}");

    SLK_CLEANUP(slk_json_decrefp)
    json_t *release = ask(w, "Filecoin.ReleaseUnsealed", json_pack("[on]", sector_ref(1)));
    check_return(heard(w, "ReturnReleaseUnsealed", 0), release, false);
    assert_int_equal(json_integer_value(json_array_get(heard(w, "StorageDropSector", 0), 2)), 1);
    assert_false(has_file(w, "unsealed", 1));

    SLK_CLEANUP(slk_json_decrefp)
    json_t *finalize = ask(w, "Filecoin.FinalizeSector", json_pack("[o]", sector_ref(1)));
    check_return(heard(w, "ReturnFinalizeSector", 0), finalize, false);
    assert_true(has_file(w, "sealed", 1) && has_file(w, "cache", 1));
}

/* source of trailers: reference/lotus-worker 6.5 */
static void check_unsealed(const struct world *w, unsigned number, size_t at, uint8_t byte,
                           const char *trailer, size_t trailer_bytes)
{
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *path = file_of(w, "unsealed", number);
    SLK_CLEANUP(slk_buf_done) slk_buf file;
    slk_buf_init(&file, 2 * SECTOR);
    assert_int_equal(slk_file_read_all(&file, path, &error), SLK_OK);
    assert_int_equal(file.len, SECTOR + trailer_bytes);
    assert_memory_equal(file.data + SECTOR, trailer, trailer_bytes);
    assert_int_equal(file.data[at], byte);
}

static json_t *add_zeros(struct world *w, unsigned number, json_t *existing)
{
    return ask(w, "Filecoin.AddPiece",
               json_pack("[ooi{ssss}]", sector_ref(number), existing, 1016, "Type", "null", "Info",
                         "1016"));
}

static void pieces_lie_one_behind_the_other(void **state)
{
    struct world *w = *state;
    slk_error error = {0};
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *first = add_zeros(w, 5, json_null());
    check_return(heard(w, "ReturnAddPiece", 0), first, false);
    check_unsealed(w, 5, 0, 0, "\x04\x10\x01\x03\x00\x00\x00", 7);
    /* What an attempt that came to nothing has left behind the first piece is no zero. */
    SLK_CLEANUP(slk_freep) char *path = file_of(w, "unsealed", 5);
    SLK_CLEANUP(slk_closep) int fd = -1;
    assert_int_equal(slk_file_open_rw(&fd, path, &error), SLK_OK);
    assert_int_equal(slk_file_write_at(fd, "x", 1, 1500, path, &error), SLK_OK);
    SLK_CLEANUP(slk_json_decrefp) json_t *second = add_zeros(w, 5, json_pack("[i]", 1016));
    check_return(heard(w, "ReturnAddPiece", 1), second, false);
    check_unsealed(w, 5, 1500, 0, "\x04\x10\x02\x03\x00\x00\x00", 7);
    /* A third does not fit, one behind pieces that are not there neither. */
    SLK_CLEANUP(slk_json_decrefp) json_t *third = add_zeros(w, 5, json_pack("[ii]", 1016, 1016));
    check_return(heard(w, "ReturnAddPiece", 2), third, true);
    SLK_CLEANUP(slk_json_decrefp) json_t *other = add_zeros(w, 6, json_pack("[i]", 1016));
    check_return(heard(w, "ReturnAddPiece", 3), other, true);
}

static json_t *unseal(struct world *w, unsigned offset)
{
    json_t *pieces = zero_pieces();
    json_t *comm_d = json_incref(json_object_get(json_array_get(pieces, 0), "PieceCID"));
    json_decref(pieces);
    return ask(w, "Filecoin.UnsealPiece",
               json_pack("[oiioo]", sector_ref(1), offset, 1016, bytes32(7), comm_d));
}

static void data_is_unsealed_once(void **state)
{
    struct world *w = *state;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *one = pc1(w, 1);
    (void)heard(w, "ReturnSealPreCommit1", 0);
    assert_false(has_file(w, "unsealed", 1));
    SLK_CLEANUP(slk_json_decrefp) json_t *first = unseal(w, 0);
    check_return(heard(w, "ReturnUnsealPiece", 0), first, false);
    check_unsealed(w, 1, 7, 'U', "\x04\x10\x01\x03\x00\x00\x00", 7);
    SLK_CLEANUP(slk_json_decrefp) json_t *again = unseal(w, 0);
    check_return(heard(w, "ReturnUnsealPiece", 1), again, false);
    assert_int_equal(w->proofs.unsealed, 1); /* it was there */
    SLK_CLEANUP(slk_json_decrefp) json_t *rest = unseal(w, 1016);
    check_return(heard(w, "ReturnUnsealPiece", 2), rest, false);
    check_unsealed(w, 1, 1024 + 7, 'U', "\x04\x10\x02\x03\x00\x00\x00", 7);
    SLK_CLEANUP(slk_json_decrefp) json_t *beyond = unseal(w, 2032);
    check_return(heard(w, "ReturnUnsealPiece", 3), beyond, true);
}

static void a_refused_return_comes_again(void **state)
{
    struct world *w = *state;
    w->node.refuse_returns = 2;
    w->node.refusal = "come back later";
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = pc1(w, 1);
    check_return(heard(w, "ReturnSealPreCommit1", 2), id, false);
    assert_true(
        json_equal(heard(w, "ReturnSealPreCommit1", 0), heard(w, "ReturnSealPreCommit1", 2)));
}

/* Told once, and its answer was lost: the node has it. */
static void what_was_reported_already_is_delivered(void **state)
{
    struct world *w = *state;
    w->node.refuse_returns = 100;
    w->node.refusal = "result for work x already reported";
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = pc1(w, 1);
    (void)heard(w, "ReturnSealPreCommit1", 0);
    const size_t beats = count(w, "Session");
    (void)heard(w, "Session", beats + 4); /* several times as long as it takes to return again */
    assert_int_equal(count(w, "ReturnSealPreCommit1"), 1);
    SLK_CLEANUP(slk_json_decrefp) json_t *jobs = ask(w, "Selkie.TaskProgress", json_array());
    assert_int_equal(json_array_size(jobs), 0);
}

static void a_full_disk_is_102_and_names_the_worker(void **state)
{
    struct world *w = *state;
    w->proofs.pc1_fails = SLK_E_NOSPACE;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = pc1(w, 1);
    const json_t *params = heard(w, "ReturnSealPreCommit1", 0);
    check_return(params, id, true);
    const json_t *fault = json_array_get(params, 2);
    assert_int_equal(json_integer_value(json_object_get(fault, "Code")), 102);
    const char *text = json_string_value(json_object_get(fault, "Message"));
    assert_non_null(strstr(text, "the disk is full"));
    assert_non_null(strstr(text, "[name: w1]"));
    assert_true(json_is_null(json_array_get(params, 1)));
}

static void a_call_of_another_kind_is_returned_as_refused(void **state)
{
    struct world *w = *state;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *id = ask(w, "Filecoin.ReplicaUpdate", json_pack("[on]", sector_ref(1)));
    const json_t *params = heard(w, "ReturnReplicaUpdate", 0);
    check_return(params, id, true);
    const char *text = json_string_value(json_object_get(json_array_get(params, 2), "Message"));
    assert_non_null(strstr(text, "not done by this worker"));
}

static void wait_pc1_begun(struct world *w, unsigned n)
{
    (void)pthread_mutex_lock(&w->proofs.lock);
    while (w->proofs.pc1_begun < n)
        (void)pthread_cond_wait(&w->proofs.moved, &w->proofs.lock);
    (void)pthread_mutex_unlock(&w->proofs.lock);
}

static void hold_pc1(struct world *w, bool hold)
{
    (void)pthread_mutex_lock(&w->proofs.lock);
    w->proofs.hold_pc1 = hold;
    (void)pthread_cond_broadcast(&w->proofs.moved);
    (void)pthread_mutex_unlock(&w->proofs.lock);
}

static void a_stopped_worker_goes_on_under_the_same_id(void **state)
{
    struct world *w = *state;
    hold_pc1(w, true);
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = pc1(w, 1);
    wait_pc1_begun(w, 1);
    stop_worker(w);
    assert_int_equal(count(w, "ReturnSealPreCommit1"), 0);
    hold_pc1(w, false);
    start_worker(w);
    check_return(heard(w, "ReturnSealPreCommit1", 0), id, false);
    assert_int_equal(w->proofs.pc1_begun, 2);
}

static void a_result_survives_a_restart_without_work(void **state)
{
    struct world *w = *state;
    w->node.refuse_returns = 1000000;
    w->node.refusal = "the node is not well";
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = pc1(w, 1);
    (void)heard(w, "ReturnSealPreCommit1", 0);
    stop_worker(w);
    const size_t refused = count(w, "ReturnSealPreCommit1");
    w->node.refuse_returns = 0;
    start_worker(w);
    check_return(heard(w, "ReturnSealPreCommit1", refused), id, false);
    assert_int_equal(w->proofs.pc1_begun, 1);
}

/* The node may still know the run before, and would give the next step to that. */
static void a_restarted_worker_is_known_before_it_returns(void **state)
{
    struct world *w = *state;
    hold_pc1(w, true);
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = pc1(w, 1);
    wait_pc1_begun(w, 1);
    stop_worker(w);
    hold_pc1(w, false);
    w->hold_ms = 700;
    const size_t connects = count(w, "WorkerConnect");
    start_worker(w);
    const json_t *connected = heard(w, "WorkerConnect", connects);
    const int64_t from = slk_clock_monotonic_ms();
    const json_t *returned = heard(w, "ReturnSealPreCommit1", 0);
    check_return(returned, id, false);
    assert_true(place_of(w, connected) < place_of(w, returned));
    assert_true(slk_clock_monotonic_ms() - from >= 500);
}

/* A restarted node knows nothing: it is told all again. */
static void a_new_session_of_the_node_is_greeted_anew(void **state)
{
    struct world *w = *state;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = pc1(w, 1);
    (void)heard(w, "ReturnSealPreCommit1", 0);
    (void)heard(w, "WorkerConnect", 0);
    const size_t declared = count(w, "StorageDeclareSector");
    (void)pthread_mutex_lock(&w->node.lock);
    slk_uuid_random(w->node.session);
    (void)pthread_mutex_unlock(&w->node.lock);
    (void)heard(w, "WorkerConnect", 1);
    assert_true(place_of(w, heard(w, "StorageAttach", 1)) <
                place_of(w, heard(w, "WorkerConnect", 1)));
    const json_t *again = heard(w, "StorageDeclareSector", declared);
    assert_int_equal(json_integer_value(json_array_get(again, 2)), 2 | 4);
    assert_int_equal(count(w, "WorkerConnect"), 2);
}

/* What comes and goes while the node is told of all is not taken back, and not left in its index. */
static void files_come_and_go_while_the_node_is_told(void **state)
{
    struct world *w = *state;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = pc1(w, 1);
    (void)heard(w, "ReturnSealPreCommit1", 0);
    (void)heard(w, "WorkerConnect", 0);
    SLK_CLEANUP(slk_freep) char *comes = file_of(w, "sealed", 2);
    SLK_CLEANUP(slk_freep) char *goes = file_of(w, "sealed", 1);
    (void)pthread_mutex_lock(&w->node.lock);
    w->node.comes = comes;
    w->node.goes = goes;
    slk_uuid_random(w->node.session);
    (void)pthread_mutex_unlock(&w->node.lock);
    (void)heard(w, "WorkerConnect", 1);
    assert_int_equal(count(w, "StorageDropSector"), 1);
    const json_t *dropped = heard(w, "StorageDropSector", 0);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(dropped, 1), "Number")), 1);
    assert_int_equal(json_integer_value(json_array_get(dropped, 2)), 2);
}

/* What became of files meanwhile is told before the result. */
static void work_goes_on_while_the_node_is_away(void **state)
{
    struct world *w = *state;
    hold_pc1(w, true);
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = pc1(w, 1);
    wait_pc1_begun(w, 1);
    (void)heard(w, "StorageReportHealth", 0); /* what follows WorkerConnect: that was answered */
    const unsigned port = slk_http_server_port(w->node.http);
    slk_http_server_free(w->node.http);
    const size_t attached = count(w, "StorageAttach");
    hold_pc1(w, false);
    for (;;) { /* until it has ended, and cannot be returned */
        SLK_CLEANUP(slk_json_decrefp) json_t *jobs = ask(w, "Selkie.TaskProgress", json_array());
        const json_t *job = json_array_get(jobs, 0);
        if (strcmp(json_string_value(json_object_get(job, "State")), "returning") == 0)
            break;
        slk_clock_sleep_ms(5); /* who asks too often is put off */
    }
    assert_int_equal(count(w, "StorageDeclareSector"), 0);
    listen_at(&w->node, port);
    const json_t *returned = heard(w, "ReturnSealPreCommit1", 0);
    check_return(returned, id, false);
    const json_t *declared = heard(w, "StorageDeclareSector", 0);
    assert_int_equal(json_integer_value(json_array_get(declared, 2)), 2 | 4);
    assert_true(place_of(w, heard(w, "StorageAttach", attached)) < place_of(w, returned));
    assert_true(place_of(w, declared) < place_of(w, returned));
    assert_int_equal(count(w, "WorkerConnect"), 1); /* its session is the same */
}

/* A step that must ask its node something does not fail because it is away. */
static void a_step_waits_for_its_node(void **state)
{
    struct world *w = *state;
    start_worker(w);
    (void)heard(w, "WorkerConnect", 0);
    const unsigned port = slk_http_server_port(w->node.http);
    slk_http_server_free(w->node.http);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = pc1(w, 1);
    for (bool running = false; !running;) {
        SLK_CLEANUP(slk_json_decrefp) json_t *jobs = ask(w, "Selkie.TaskProgress", json_array());
        const json_t *job = json_array_get(jobs, 0);
        running = strcmp(json_string_value(json_object_get(job, "State")), "waiting") != 0;
    }
    listen_at(&w->node, port);
    check_return(heard(w, "ReturnSealPreCommit1", 0), id, false);
}

static void another_version_of_the_node_is_refused(void **state)
{
    struct world *w = *state;
    slk_error error = {0};
    w->node.api_version = 66817;
    const slk_worker_options options = {.folder = w->folder,
                                        .name = "w1",
                                        .ops = &w->ops,
                                        .node_url = w->url,
                                        .node_token = NODE_TOKEN,
                                        .listen = "127.0.0.1:0",
                                        .host = "127.0.0.1",
                                        .secret32 = secret};
    assert_int_equal(slk_worker_start(&w->worker, &options, never, NULL, &error),
                     SLK_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "1.5.0"));
}

static void several_are_labelled_together(void **state)
{
    struct world *w = *state;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *ids = ask(w, "Selkie.SealPreCommit1Batch",
                      json_pack("[[ooo]]", pc1_params(3), pc1_params(1), pc1_params(2)));
    assert_int_equal(json_array_size(ids), 3);
    for (size_t i = 0; i < 3; i++) {
        const json_t *params = heard(w, "ReturnSealPreCommit1", i);
        bool known = false;
        for (size_t k = 0; k < 3; k++)
            known = known || json_equal(json_array_get(ids, k), json_array_get(params, 0));
        assert_true(known && json_is_null(json_array_get(params, 2)));
    }
    assert_int_equal(w->proofs.batch_n, 3);
    assert_int_equal(w->proofs.batch_first, 1); /* all batches take their sectors in one order */
    assert_true(has_file(w, "cache", 1) && has_file(w, "cache", 3));
}

/* It would wait for itself. */
static void a_batch_with_a_sector_twice_is_refused(void **state)
{
    struct world *w = *state;
    slk_error error = {0};
    json_t *result = NULL;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *params = json_pack("[[ooo]]", pc1_params(1), pc1_params(2), pc1_params(1));
    assert_int_equal(slk_rpc_invoke(w->client, "Selkie.SealPreCommit1Batch", params, NULL, &result,
                                    NULL, &error),
                     SLK_E_INVAL);
    assert_non_null(strstr(error.message, "each sector once"));
    SLK_CLEANUP(slk_json_decrefp) json_t *jobs = ask(w, "Selkie.TaskProgress", json_array());
    assert_int_equal(json_array_size(jobs), 0);
}

static void a_canceled_call_is_returned_as_failed(void **state)
{
    struct world *w = *state;
    hold_pc1(w, true);
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = pc1(w, 1);
    wait_pc1_begun(w, 1);
    SLK_CLEANUP(slk_json_decrefp) json_t *jobs = ask(w, "Selkie.TaskProgress", json_array());
    const json_t *job = json_array_get(jobs, 0);
    assert_true(json_equal(json_object_get(job, "ID"), id));
    assert_string_equal(json_string_value(json_object_get(job, "Task")), "seal/v0/precommit/1");
    assert_string_equal(json_string_value(json_object_get(job, "State")), "running");
    SLK_CLEANUP(slk_json_decrefp)
    json_t *done = ask(w, "Selkie.TaskCancel", json_pack("[O]", id));
    assert_true(json_is_true(done));
    check_return(heard(w, "ReturnSealPreCommit1", 0), id, true);
}

/* What is not complete has not the sector's name, whatever had it before. */
static void labels_begun_anew_have_no_name_yet(void **state)
{
    struct world *w = *state;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *first = pc1(w, 1);
    check_return(heard(w, "ReturnSealPreCommit1", 0), first, false);
    w->proofs.pc1_conflicts = true;
    SLK_CLEANUP(slk_json_decrefp) json_t *second = pc1(w, 1);
    check_return(heard(w, "ReturnSealPreCommit1", 1), second, false);
    assert_int_equal(w->proofs.pc1_begun, 3);
    assert_non_null(strstr(w->proofs.pc1_cache, "/cache/fetching/s-t01000-1"));
    assert_true(has_file(w, "cache", 1));
    assert_true(has_file(w, "sealed", 1));
}

struct early {
    struct world *world;
    json_t *id;
    char state[16];
};

static void call_early(void *context, const char *url)
{
    struct early *early = context;
    struct world *w = early->world;
    (void)snprintf(w->worker_url, sizeof w->worker_url, "%.*s/rpc/v0",
                   (int)(strlen(url) - strlen("/remote")), url);
    connect_client(w, w->token);
    early->id = pc1(w, 1);
    SLK_CLEANUP(slk_json_decrefp) json_t *jobs = ask(w, "Selkie.TaskProgress", json_array());
    (void)snprintf(early->state, sizeof early->state, "%s",
                   json_string_value(json_object_get(json_array_get(jobs, 0), "State")));
}

/* Whose node it is, and what others may be shown, is not known before the node was greeted. */
static void what_comes_before_the_greeting_is_over_waits(void **state)
{
    struct world *w = *state;
    struct early early = {.world = w};
    w->node.when_attached = call_early;
    w->node.context = &early;
    start_worker(w);
    assert_string_equal(early.state, "waiting");
    SLK_CLEANUP(slk_json_decrefp) json_t *id = early.id;
    check_return(heard(w, "ReturnSealPreCommit1", 0), id, false);
}

static json_t *check_replica(struct world *w, uint8_t comm_r_byte, bool arriving)
{
    uint8_t comm[32];
    slk_cid comm_r, comm_d;
    fill(comm, comm_r_byte);
    slk_comm_r_cid(&comm_r, comm);
    fill(comm, 1);
    slk_comm_d_cid(&comm_d, comm);
    return ask(w, "Selkie.CheckReplica",
               json_pack("[os{so so so}b]", sector_ref(1), "", "CommR", slk_json_new_cid(&comm_r),
                         "CommD", slk_json_new_cid(&comm_d), "Ticket", bytes32(7), arriving));
}

static void a_replica_is_checked_for_our_nodes(void **state)
{
    struct world *w = *state;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *one = pc1(w, 1);
    (void)heard(w, "ReturnSealPreCommit1", 0);
    SLK_CLEANUP(slk_json_decrefp) json_t *right = check_replica(w, 3, false);
    const json_t *returned = heard(w, "ReturnSelkieCheck", 0);
    check_return(returned, right, false);
    assert_true(json_is_true(json_object_get(json_array_get(returned, 1), "Valid")));
    SLK_CLEANUP(slk_json_decrefp) json_t *wrong = check_replica(w, 4, false);
    returned = heard(w, "ReturnSelkieCheck", 1);
    check_return(returned, wrong, false);
    const json_t *verdict = json_array_get(returned, 1);
    assert_true(json_is_false(json_object_get(verdict, "Valid")));
    assert_string_equal(json_string_value(json_object_get(verdict, "Why")), "it is another");
    SLK_CLEANUP(slk_json_decrefp) json_t *early = check_replica(w, 3, true);
    check_return(heard(w, "ReturnSelkieCheck", 2), early, true);
}

/* ---- who may call ---- */

static slk_err try_version(struct world *w)
{
    slk_error error = {0};
    json_t *params = json_array();
    json_t *result = NULL;
    const slk_err code =
        slk_rpc_invoke(w->client, "Filecoin.Version", params, NULL, &result, NULL, &error);
    json_decref(params);
    json_decref(result);
    return code;
}

static void tokens_of_the_node_are_asked_about_once(void **state)
{
    struct world *w = *state;
    start_worker(w);
    assert_int_equal(try_version(w), SLK_OK);
    assert_int_equal(count(w, "AuthVerify"), 0); /* its own */
    connect_client(w, "a-token-of-the-node");
    assert_int_equal(try_version(w), SLK_OK);
    assert_int_equal(try_version(w), SLK_OK);
    assert_int_equal(count(w, "AuthVerify"), 1);
    connect_client(w, "");
    assert_int_not_equal(try_version(w), SLK_OK); /* nobody may read only */
}

static bool given_is_borne(struct world *w)
{
    slk_jwt_claims claims;
    (void)pthread_mutex_lock(&w->node.lock);
    slk_jwt_peek(&claims, w->node.bearer);
    (void)pthread_mutex_unlock(&w->node.lock);
    return strcmp(claims.id, GIVEN_ID) == 0;
}

/* What is borne first allows all; what its node gives it, that of a worker, and only for a while. */
static void its_token_is_its_own_and_renewed(void **state)
{
    struct world *w = *state;
    w->node.ours = true;
    w->node.lasts_s = 1;
    start_worker(w);
    (void)heard(w, "StorageReportHealth", 0);
    assert_true(given_is_borne(w));
    assert_true(place_of(w, heard(w, "WorkerToken", 0)) <
                place_of(w, heard(w, "StorageAttach", 0)));
    (void)heard(w, "WorkerToken", 2);
    assert_int_equal(count(w, "WorkerConnect"), 1); /* it stays the same worker */
    /* Refused, as one that was over: the first one again, and to the node a worker that it does not know. */
    (void)pthread_mutex_lock(&w->node.lock);
    w->node.void_given = true;
    w->node.lasts_s = 0;
    (void)pthread_mutex_unlock(&w->node.lock);
    (void)heard(w, "WorkerConnect", 1);
    assert_false(given_is_borne(w));
}

static void a_token_with_an_end_is_kept_renewed(void **state)
{
    struct world *w = *state;
    slk_jwt_claims claims = {.allow = {"worker"}, .n_allow = 1, .id = GIVEN_ID, .expires_s = 1};
    char *token = NULL;
    struct stat st;
    SLK_CLEANUP(slk_freep) char *kept = slk_path_join(w->folder, "node-token");
    assert_int_equal(slk_jwt_make(&token, &claims, secret, NULL), SLK_OK);
    w->node.ours = true;
    w->node.lasts_s = 1000;
    w->node_token = token; /* over since 1970, but this node does not look */
    start_worker(w);
    (void)heard(w, "WorkerConnect", 0);
    assert_int_equal(stat(kept, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    stop_worker(w);
    w->node.ours = false; /* so that it is given no other */
    start_worker(w);
    (void)heard(w, "WorkerConnect", 1);
    assert_string_not_equal(w->node.bearer, token);
    assert_true(given_is_borne(w));
    stop_worker(w);
    claims.id[0] = '8'; /* of another worker */
    slk_free(token);
    assert_int_equal(slk_jwt_make(&token, &claims, secret, NULL), SLK_OK);
    w->node_token = token;
    start_worker(w);
    (void)heard(w, "WorkerConnect", 2);
    assert_string_equal(w->node.bearer, token);
    stop_worker(w);
    slk_free(token);
}

/* ---- pushed data ---- */

struct adding {
    struct world *w;
    json_t *params, *id;
};

static void *add_by_push(void *context)
{
    struct adding *adding = context;
    adding->id = ask(adding->w, "Filecoin.AddPiece", adding->params);
    return NULL;
}

/* *ret_body (may be NULL): heap. */
static int http_as(const char *bearer, const char *method, const char *url, const char *body,
                   size_t n, char **ret_body)
{
    slk_error error = {0};
    slk_http_client *client = NULL;
    const slk_http_client_options options = {.allow_plain_http = true};
    slk_http_response response = {0};
    const slk_http_request request = {.method = method,
                                      .url = url,
                                      .bearer = bearer,
                                      .body = body,
                                      .body_bytes = n,
                                      .content_type = body ? "application/json" : NULL};
    assert_int_equal(slk_http_client_new(&client, &options, &error), SLK_OK);
    const slk_err code = slk_http_call(client, &request, &response, &error);
    const int status = response.status;
    if (ret_body)
        *ret_body = slk_strdup(slk_buf_str(&response.body));
    slk_http_response_done(&response);
    slk_http_client_free(client);
    if (code != SLK_OK)
        fail_msg("%s: %s", method, error.message);
    return status;
}

static int http(const char *method, const char *url, const char *body, size_t n)
{
    return http_as(NULL, method, url, body, n, NULL);
}

static void pushed_data_becomes_a_piece(void **state)
{
    struct world *w = *state;
    char uuid[SLK_UUID_CHARS];
    char url[200];
    char data[2032];
    pthread_t thread;
    start_worker(w);
    memset(data, 9, sizeof data);
    slk_uuid_random(uuid);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/rpc/streams/v0/push/%s",
                   slk_worker_port(w->worker), uuid);
    struct adding adding = {
        .w = w,
        .params = json_pack("[oni{ssss}]", sector_ref(4), 2032, "Type", "push", "Info", uuid)};
    assert_int_equal(pthread_create(&thread, NULL, add_by_push, &adding), 0);
    assert_int_equal(http("HEAD", url, NULL, 0), 200);
    assert_int_equal(http("POST", url, data, sizeof data), 200);
    assert_int_equal(pthread_join(thread, NULL), 0);
    const json_t *params = heard(w, "ReturnAddPiece", 0);
    check_return(params, adding.id, false);
    uint8_t want[32];
    slk_cid cid;
    fill(want, 9);
    slk_comm_d_cid(&cid, want);
    SLK_CLEANUP(slk_json_decrefp) json_t *expected = slk_json_new_cid(&cid);
    assert_true(json_equal(json_object_get(json_array_get(params, 1), "PieceCID"), expected));
    json_decref(adding.id);
}

/* Its sender is not left waiting, and its place is free again. */
static void data_of_a_call_that_fails_before_reading_is_not_sent(void **state)
{
    struct world *w = *state;
    char uuid[SLK_UUID_CHARS];
    char url[200];
    pthread_t thread;
    start_worker(w);
    slk_uuid_random(uuid);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/rpc/streams/v0/push/%s",
                   slk_worker_port(w->worker), uuid);
    struct adding adding = {
        .w = w, .params = json_pack("[oni{ssss}]", sector_ref(4), 0, "Type", "push", "Info", uuid)};
    assert_int_equal(pthread_create(&thread, NULL, add_by_push, &adding), 0);
    assert_int_equal(http("HEAD", url, NULL, 0), 204);
    assert_int_equal(pthread_join(thread, NULL), 0);
    check_return(heard(w, "ReturnAddPiece", 0), adding.id, true);
    json_decref(adding.id);
}

static void a_stream_that_nobody_named_is_not_taken(void **state)
{
    struct world *w = *state;
    char url[200];
    start_worker(w);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/rpc/streams/v0/push/not-a-uuid",
                   slk_worker_port(w->worker));
    assert_int_equal(http("HEAD", url, NULL, 0), 400);
}

/* ---- from other nodes ---- */

static json_t *fetch_sealed(struct world *w)
{
    w->node.has_sealed = true;
    return ask(w, "Filecoin.Fetch", json_pack("[oiss]", sector_ref(9), 2, "sealing", "move"));
}

static void what_was_moved_is_gone_where_it_was(void **state)
{
    struct world *w = *state;
    w->node.busy_deletes = 1;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = fetch_sealed(w);
    const json_t *returned = heard(w, "ReturnFetch", 0);
    check_return(returned, id, false);
    assert_true(has_file(w, "sealed", 9));
    assert_int_equal(w->node.deletes, 2); /* asked again, as it was refused for now */
    const json_t *moved = heard(w, "StorageDeclareSector", 1);
    assert_true(json_is_true(json_array_get(moved, 3))); /* ours is the one */
    assert_true(place_of(w, moved) < place_of(w, returned));
    assert_int_equal(count(w, "StorageDropSector"), 0);
}

static void another_worker_is_shown_what_the_node_gave_for_it(void **state)
{
    struct world *w = *state;
    w->node.ours = true;
    w->node.busy_keys = 1; /* as after a restart */
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = fetch_sealed(w);
    check_return(heard(w, "ReturnFetch", 0), id, false);
    assert_string_equal(w->node.shown[0], "key-for-the-other");
    assert_string_equal(w->node.shown[1], "key-for-the-other");
    assert_int_equal(count(w, "FetchKey"), 3);
    assert_string_equal(text_at(heard(w, "FetchKey", 1), 0),
                        json_string_value(json_array_get(heard(w, "FetchKey", 0), 0)));
}

/* However long it took until the source was away: it is waited for from then on. */
static void a_source_is_waited_for_from_when_it_left(void **state)
{
    struct world *w = *state;
    w->source_wait_ms = SLOW_MS - 100;
    w->node.ours = true;
    w->node.cuts = true;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = fetch_sealed(w);
    check_return(heard(w, "ReturnFetch", 0), id, false);
    assert_true(w->node.gets > 2 + AWAY_GETS);
    assert_true(has_file(w, "sealed", 9));
}

static void a_key_to_fetch_opens_no_more_than_files(void **state)
{
    struct world *w = *state;
    char url[100];
    static const char *const closed[] = {"remote/sealed/s-t01000-8", "remote/stat/" OTHER_PATH,
                                         "remote/unsealed/s-t01000-8/5/allocated/0/127"};
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = fetch_sealed(w);
    check_return(heard(w, "ReturnFetch", 0), id, false);
    assert_string_equal(w->node.shown[1], NODE_TOKEN); /* Lotus has nothing else */
    connect_client(w, "to-fetch");
    assert_int_not_equal(try_version(w), SLK_OK);
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/%s", slk_worker_port(w->worker),
                       closed[i]);
        assert_int_equal(http_as("to-fetch", "GET", url, NULL, 0, NULL), 401);
    }
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/remote/sealed/s-t01000-8",
                   slk_worker_port(w->worker));
    assert_int_equal(http_as("to-fetch", "DELETE", url, NULL, 0, NULL), 401);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/remote/sealed/s-t01000-9",
                   slk_worker_port(w->worker));
    assert_int_equal(http_as("to-fetch", "DELETE", url, NULL, 0, NULL), 200);
    assert_false(has_file(w, "sealed", 9));
}

/* It might come back with a copy that is not the sector's any more: the index is told to forget that. */
static void a_source_that_stays_is_forgotten(struct world *w, int status)
{
    w->source_wait_ms = 1;
    w->node.busy_deletes = 1000;
    w->node.refuses_by = status;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = fetch_sealed(w);
    const json_t *returned = heard(w, "ReturnFetch", 0);
    check_return(returned, id, false);
    const json_t *dropped = heard(w, "StorageDropSector", 0);
    assert_string_equal(json_string_value(json_array_get(dropped, 0)), OTHER_PATH);
    assert_int_equal(json_integer_value(json_array_get(dropped, 2)), 2);
    assert_true(place_of(w, dropped) < place_of(w, returned));
}

static void a_source_that_stays_away_is_forgotten(void **state)
{
    a_source_that_stays_is_forgotten(*state, 503);
}

/* Lotus says the same of a file that it does not have. */
static void a_source_that_lotus_could_not_remove_is_forgotten(void **state)
{
    a_source_that_stays_is_forgotten(*state, 500);
}

/* ---- for other nodes ---- */

static void c1_is_made_for_who_asks_over_remote(void **state)
{
    struct world *w = *state;
    uint8_t comm[32];
    slk_cid comm_r, comm_d;
    char url[100];
    char *answer = NULL;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *one = pc1(w, 1);
    (void)heard(w, "ReturnSealPreCommit1", 0);
    fill(comm, 3);
    slk_comm_r_cid(&comm_r, comm);
    fill(comm, 1);
    slk_comm_d_cid(&comm_d, comm);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *body =
        json_pack("{so so so so so}", "Sector", sector_ref(1), "Sealed", slk_json_new_cid(&comm_r),
                  "Unsealed", slk_json_new_cid(&comm_d), "Ticket", bytes32(7), "Seed", bytes32(8));
    char *text = json_dumps(body, JSON_COMPACT);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/remote/vanilla/porep",
                   slk_worker_port(w->worker));
    assert_int_equal(http_as(w->token, "POST", url, text, strlen(text), &answer), 200);
    assert_string_equal(answer, "{\"the\":\"C1\"}");
    slk_free(answer);
    assert_int_equal(http("POST", url, text, strlen(text)), 401);
    free(text);
}

/* ---- a call that is refused ---- */

/* Its disk fails while it ends: no row, no answer, and nothing left of what came with the call. */
static void nothing_is_left_of_a_refused_call(void **state)
{
    static const slk_sql lose = {"test.lose", "DROP TABLE worker_taken"};
    struct world *w = *state;
    slk_error error = {0};
    slk_db *db = NULL;
    json_t *answer = NULL;
    start_worker(w);
    {
        SLK_CLEANUP(slk_freep) char *file = slk_path_join(w->folder, "calls.db");
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        assert_int_equal(slk_db_open(&db, file, 0, &error), SLK_OK);
        assert_int_equal(slk_query_init(&q, db, &lose, &error), SLK_OK);
        assert_int_equal(slk_query_run(&q, &error), SLK_OK);
    }
    slk_db_close(db);
    slk_runner_stop(w->worker->runner);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *params = json_pack("[oo]", sector_ref(1), bytes32(9));
    assert_int_not_equal(
        slk_rpc_invoke(w->client, "Filecoin.SealCommit2", params, NULL, &answer, NULL, &error),
        SLK_OK);
    SLK_CLEANUP(slk_freep) char *calls = slk_path_join(w->folder, "calls");
    assert_int_equal(rmdir(calls), 0); /* it is empty */
}

/* ---- its id ---- */

static json_t *its_id(struct world *w)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *hello = ask(w, "Selkie.Hello", json_array());
    return json_incref(json_object_get(hello, "id"));
}

static void its_id_outlives_it(void **state)
{
    struct world *w = *state;
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *first = its_id(w);
    assert_true(slk_uuid_is(json_string_value(first)));
    stop_worker(w);
    start_worker(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *second = its_id(w);
    assert_true(json_equal(first, second));
}

static void an_id_that_is_none_is_refused(void **state)
{
    struct world *w = *state;
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(w->folder, "worker-id");
    assert_int_equal(slk_file_write_atomic(path, "no id", 5, 0600, &error), SLK_OK);
    const slk_worker_options options = {.folder = w->folder, .name = "w1", .ops = &w->ops};
    assert_int_equal(slk_worker_start(&w->worker, &options, never, NULL, &error), SLK_E_CORRUPT);
    assert_non_null(strstr(error.message, "worker-id is no id: remove it"));
}

/* ---- goodbye ---- */

static void connected(struct world *w)
{
    start_worker(w);
    (void)heard(w, "StorageReportHealth", 0); /* after WorkerConnect was answered */
}

static void a_node_of_ours_hears_that_it_ends(void **state)
{
    struct world *w = *state;
    w->node.ours = true;
    connected(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = pc1(w, 1);
    check_return(heard(w, "ReturnSealPreCommit1", 0), id, false);
    SLK_CLEANUP(slk_json_decrefp) json_t *session = ask(w, "Filecoin.Session", json_array());
    SLK_CLEANUP(slk_json_decrefp) json_t *quiet = NULL;
    do { /* the call is gone a moment after its Return */
        json_decref(quiet);
        quiet = ask(w, "Selkie.TaskProgress", json_array());
    } while (json_array_size(quiet) > 0);
    stop_worker(w);
    assert_int_equal(count(w, "WorkerLeave"), 1);
    assert_true(json_equal(json_array_get(heard(w, "WorkerLeave", 0), 0), session));
}

static void who_has_calls_says_no_goodbye(void **state)
{
    struct world *w = *state;
    w->node.ours = true;
    w->proofs.hold_pc1 = true;
    connected(w);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = pc1(w, 1);
    stop_worker(w); /* with work that is not done */
    w->proofs.hold_pc1 = false;
    w->node.refuse_returns = HEARD_MAX;
    w->node.refusal = "not now";
    connected(w);
    (void)heard(w, "ReturnSealPreCommit1", 0);
    stop_worker(w); /* with a result that the node does not have */
    assert_int_equal(count(w, "WorkerLeave"), 0);
}

static void a_miner_of_lotus_hears_no_goodbye(void **state)
{
    struct world *w = *state;
    connected(w);
    stop_worker(w);
    assert_int_equal(count(w, "WorkerLeave"), 0);
}

/* ---- events ---- */

/* A reader of the worker's events, in a thread of its own. */
struct events {
    struct world *world;
    const char *token;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    char told[2048]; /* "task:running " … */
    unsigned events;
    int status; /* of what ended; 0 it goes on */
    atomic_bool stop;
};

static slk_err take_event(void *context, const char *name, const char *data, size_t n,
                          slk_error *error)
{
    struct events *e = context;
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    SLK_TRY(slk_json_parse(&value, data, n, n, error));
    const char *state = json_string_value(json_object_get(value, "State"));
    const char *why = json_string_value(json_object_get(value, "Why"));
    (void)pthread_mutex_lock(&e->lock);
    const size_t at = strlen(e->told);
    e->events++;
    if (json_is_array(value))
        (void)snprintf(e->told + at, sizeof e->told - at, "%s:%zu ", name, json_array_size(value));
    else
        (void)snprintf(e->told + at, sizeof e->told - at, "%s:%s%s ", name, state ? state : "",
                       why ? "!" : "");
    (void)pthread_cond_broadcast(&e->moved);
    (void)pthread_mutex_unlock(&e->lock);
    return SLK_OK;
}

static slk_err take_bytes(void *context, const slk_http_response *response, const uint8_t *bytes,
                          size_t n, slk_error *error)
{
    assert_int_equal(response->status, 200);
    assert_string_equal(response->content_type, "text/event-stream");
    return slk_sse_take(context, bytes, n, error);
}

static void *read_events(void *context)
{
    struct events *e = context;
    slk_error error = {0};
    slk_http_client *client = NULL;
    char url[100];
    slk_sse sse;
    const slk_http_client_options options = {.allow_plain_http = true};
    slk_http_response response = {0};
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/selkie/events",
                   slk_worker_port(e->world->worker));
    slk_sse_init(&sse, 100000, take_event, e);
    const slk_http_request request = {
        .url = url, .bearer = e->token, .sink = take_bytes, .sink_context = &sse, .stop = &e->stop};
    assert_int_equal(slk_http_client_new(&client, &options, &error), SLK_OK);
    const slk_err code = slk_http_call(client, &request, &response, &error);
    slk_sse_done(&sse);
    (void)pthread_mutex_lock(&e->lock);
    e->status = code == SLK_OK ? response.status : -1;
    (void)pthread_cond_broadcast(&e->moved);
    (void)pthread_mutex_unlock(&e->lock);
    slk_http_response_done(&response);
    slk_http_client_free(client);
    return NULL;
}

static void begin_reading(struct events *e, struct world *w, const char *token)
{
    *e = (struct events){.world = w, .token = token};
    assert_int_equal(pthread_mutex_init(&e->lock, NULL), 0);
    assert_int_equal(slk_cond_init(&e->moved), 0);
    assert_int_equal(pthread_create(&e->thread, NULL, read_events, e), 0);
}

/* Until that was told, and it is all that was. */
static void told(struct events *e, const char *want)
{
    (void)pthread_mutex_lock(&e->lock);
    while (strlen(e->told) < strlen(want) && e->status == 0)
        (void)pthread_cond_wait(&e->moved, &e->lock);
    assert_string_equal(e->told, want);
    (void)pthread_mutex_unlock(&e->lock);
}

/* The status that the stream ended with. */
static int end_of(struct events *e)
{
    assert_int_equal(pthread_join(e->thread, NULL), 0);
    (void)pthread_cond_destroy(&e->moved);
    (void)pthread_mutex_destroy(&e->lock);
    return e->status;
}

static void every_change_is_an_event(void **state)
{
    struct world *w = *state;
    struct events e, late;
    start_worker(w);
    (void)heard(w, "WorkerConnect", 0);
    begin_reading(&e, w, w->token);
    told(&e, "tasks:0 ");
    hold_pc1(w, true);
    SLK_CLEANUP(slk_json_decrefp) json_t *id = pc1(w, 1);
    told(&e, "tasks:0 task:waiting task:running ");
    begin_reading(&late, w, w->token); /* who comes later begins with what there is */
    told(&late, "tasks:1 ");
    SLK_CLEANUP(slk_json_decrefp)
    json_t *done = ask(w, "Selkie.TaskCancel", json_pack("[O]", id));
    told(&late, "tasks:1 task:returning! task:returned! ");
    SLK_CLEANUP(slk_json_decrefp)
    json_t *switched = ask(w, "Filecoin.TaskDisable", json_pack("[s]", "seal/v0/commit/2"));
    told(&late, "tasks:1 task:returning! task:returned! worker: ");
    told(&e, "tasks:0 task:waiting task:running task:returning! task:returned! worker: ");
    late.stop = true; /* who leaves is no matter */
    assert_int_equal(end_of(&late), -1);
    stop_worker(w);
    (void)end_of(&e); /* at once, whole or cut */
}

#define MANY 1000000u

/* Its socket and the ring are full, and it takes no more; nobody waits for it. */
static void who_does_not_read_is_cut_off(void **state)
{
    struct world *w = *state;
    struct events slow;
    start_worker(w);
    begin_reading(&slow, w, w->token);
    told(&slow, "tasks:0 ");
    (void)pthread_mutex_lock(&slow.lock); /* where it takes an event */
    for (unsigned i = 0; i < MANY; i++)
        slk_worker_events_changed(w->worker->events);
    (void)pthread_mutex_unlock(&slow.lock);
    assert_int_equal(end_of(&slow), -1);
    assert_true(slow.events < MANY / 2);
    stop_worker(w);
}

static void know_nobody(struct world *w, bool nobody)
{
    (void)pthread_mutex_lock(&w->node.lock);
    w->node.knows_nobody = nobody;
    (void)pthread_mutex_unlock(&w->node.lock);
}

/* Of a token that has an end, and of one that may not. */
static void events_end_with_the_token(void **state)
{
    struct world *w = *state;
    struct events e;
    slk_error error = {0};
    char *token = NULL;
    const slk_jwt_claims claims = {
        .allow = {"admin"}, .n_allow = 1, .expires_s = slk_clock_wall_ms() / 1000 + 2};
    start_worker(w);
    assert_int_equal(slk_jwt_make(&token, &claims, secret, &error), SLK_OK);
    begin_reading(&e, w, token);
    told(&e, "tasks:0 ");
    know_nobody(w, true); /* the node is asked about it when it is over */
    assert_int_equal(end_of(&e), 200);
    assert_true(slk_clock_wall_ms() / 1000 >= claims.expires_s);
    know_nobody(w, false);
    slk_free(token);
    begin_reading(&e, w, NODE_TOKEN); /* the node says of it that it may read and more */
    told(&e, "tasks:0 ");
    e.stop = true;
    assert_int_equal(end_of(&e), -1);
    begin_reading(&e, w, "to-fetch");
    assert_int_equal(end_of(&e), 403);
    begin_reading(&e, w, NULL);
    assert_int_equal(end_of(&e), 401);
    stop_worker(w);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(greets_its_node_in_order),
        TEST(its_key_is_told_to_ours),
        TEST(answers_who_it_is),
        TEST(seals_a_sector_call_by_call),
        TEST(pieces_lie_one_behind_the_other),
        TEST(data_is_unsealed_once),
        TEST(a_refused_return_comes_again),
        TEST(what_was_reported_already_is_delivered),
        TEST(a_full_disk_is_102_and_names_the_worker),
        TEST(a_call_of_another_kind_is_returned_as_refused),
        TEST(a_stopped_worker_goes_on_under_the_same_id),
        TEST(a_result_survives_a_restart_without_work),
        TEST(a_restarted_worker_is_known_before_it_returns),
        TEST(a_new_session_of_the_node_is_greeted_anew),
        TEST(files_come_and_go_while_the_node_is_told),
        TEST(work_goes_on_while_the_node_is_away),
        TEST(a_step_waits_for_its_node),
        TEST(another_version_of_the_node_is_refused),
        TEST(several_are_labelled_together),
        TEST(a_canceled_call_is_returned_as_failed),
        TEST(labels_begun_anew_have_no_name_yet),
        TEST(what_comes_before_the_greeting_is_over_waits),
        TEST(a_replica_is_checked_for_our_nodes),
        TEST(tokens_of_the_node_are_asked_about_once),
        TEST(its_token_is_its_own_and_renewed),
        TEST(a_token_with_an_end_is_kept_renewed),
        TEST(a_batch_with_a_sector_twice_is_refused),
        TEST(pushed_data_becomes_a_piece),
        TEST(data_of_a_call_that_fails_before_reading_is_not_sent),
        TEST(a_stream_that_nobody_named_is_not_taken),
        TEST(what_was_moved_is_gone_where_it_was),
        TEST(another_worker_is_shown_what_the_node_gave_for_it),
        TEST(a_source_is_waited_for_from_when_it_left),
        TEST(a_key_to_fetch_opens_no_more_than_files),
        TEST(a_source_that_stays_away_is_forgotten),
        TEST(a_source_that_lotus_could_not_remove_is_forgotten),
        TEST(c1_is_made_for_who_asks_over_remote),
        TEST(nothing_is_left_of_a_refused_call),
        TEST(its_id_outlives_it),
        TEST(an_id_that_is_none_is_refused),
        TEST(a_node_of_ours_hears_that_it_ends),
        TEST(who_has_calls_says_no_goodbye),
        TEST(a_miner_of_lotus_hears_no_goodbye),
        TEST(every_change_is_an_event),
        TEST(events_end_with_the_token),
        TEST(who_does_not_read_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
