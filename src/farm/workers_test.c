/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A farm with its API, and workers of ours that are played here: who comes, goes and comes back, and what
 * becomes of their calls. */
#include "base/clock.h"
#include "base/cond.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "codec/json.h"
#include "farm/api.h"
#include "farm/bring.h"
#include "farm/select.h"
#include "farm/work.h"
#include "lotus/strings.h"
#include "net/server.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "seal/schema.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PROOF 5
#define SECTOR 2048
#define WAIT_MS 30000
#define BEAT_MS 30
#define LOST_MS 200
#define WORKERS_MAX 4u
#define CALLS_MAX 16u
#define TASKS_MAX 4u

static const uint8_t secret[32] = "a secret of exactly 32 bytes....";
static const slk_lotus_sector one = {1000, 1};

static void fine(slk_err code, const slk_error *error)
{
    if (code != SLK_OK)
        fail_msg("%s: %s", slk_err_name(code), slk_error_text(error, code));
}

/* ---- a worker ---- */

typedef struct world world;

/* A call that it has in hand. */
typedef struct given {
    slk_lotus_call_id id;
    char method[32]; /* "SealPreCommit1" */
    bool canceled;
} given;

typedef struct played {
    world *w;
    char name[32];
    char session[SLK_UUID_CHARS];
    char token_id[SLK_UUID_CHARS];
    slk_lotus_task_set tasks;
    bool disabled;
    bool loses_answer; /* of the next call that it takes */
    bool lotus; /* it knows nothing of ours */
    char id[SLK_UUID_CHARS]; /* in its folder */
    char path[SLK_UUID_CHARS]; /* its storage */
    pthread_mutex_t lock;
    pthread_cond_t moved;
    given calls[CALLS_MAX];
    size_t n;
    slk_rpc_server *rpc;
    slk_http_server *http; /* NULL: it is away */
    slk_http_route routes[SLK_RPC_ROUTES];
    char url[64];
    slk_rpc_client *node;
} played;

typedef struct task {
    world *w;
    slk_farm_work work;
    slk_job job;
    slk_farm_call call;
    slk_err code;
    slk_error error;
    pthread_t thread;
    bool runs;
} task;

struct world {
    char folder[64];
    slk_db *db;
    slk_farm *farm;
    slk_farm_api *api;
    slk_rpc_server *rpc;
    slk_http_server *http;
    slk_http_route routes[SLK_RPC_ROUTES];
    char url[64];
    played workers[WORKERS_MAX];
    size_t n_workers;
    task tasks[TASKS_MAX];
    size_t n_tasks;
};

static slk_err let_in(void *context, const char *token, bool known_only, slk_rpc_grant *ret_grant,
                      slk_error *error)
{
    (void)context;
    (void)token;
    (void)known_only;
    (void)error;
    *ret_grant = (slk_rpc_grant){.permissions = SLK_RPC_ADMIN};
    return SLK_OK;
}

static json_t *info_of(const played *p)
{
    slk_lotus_worker_info info = {.ignore_resources = true,
                                  .machine = {.cpus = 8, .mem_physical = UINT64_C(1) << 36}};
    (void)snprintf(info.hostname, sizeof info.hostname, "%s", p->name);
    return slk_lotus_worker_info_json(&info);
}

static json_t *list_calls(const played *p)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->n; i++)
        if (!p->calls[i].canceled)
            assert_int_equal(
                json_array_append_new(list, json_pack("{so ss ss ss sI sI}", "ID",
                                                      slk_lotus_call_id_json(&p->calls[i].id),
                                                      "State", "running", "Method",
                                                      p->calls[i].method, "Stage", "at it", "Done",
                                                      (json_int_t)1, "Total", (json_int_t)2)),
                0);
    return list;
}

static json_t *cancel(played *p, const json_t *params)
{
    slk_lotus_call_id id;
    bool found = false;
    fine(slk_lotus_call_id_read(&id, json_array_get(params, 0), "call", NULL), NULL);
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->calls[i].id.uuid, id.uuid) == 0) {
            found = !p->calls[i].canceled;
            p->calls[i].canceled = true;
        }
    return json_boolean(found);
}

static json_t *take(played *p, const char *method, const json_t *params)
{
    slk_lotus_sector_ref ref;
    assert_true(p->n < CALLS_MAX);
    given *call = &p->calls[p->n++];
    fine(slk_lotus_sector_ref_read(&ref, json_array_get(params, 0), "sector", NULL), NULL);
    *call = (given){.id.sector = ref.id};
    slk_uuid_random(call->id.uuid);
    (void)snprintf(call->method, sizeof call->method, "%s", method);
    return slk_lotus_call_id_json(&call->id);
}

/* Lock held. */
static slk_err answer(played *p, const char *method, const json_t *params, json_t **ret,
                      slk_error *error)
{
    slk_lotus_local_path path = {.weight = 10, .can_seal = true, .folder = p->w->folder};
    const slk_lotus_local_paths paths = {&path, 1};
    (void)snprintf(path.id, sizeof path.id, "%s", p->path);
    if (strcmp(method, "Version") == 0)
        *ret = json_integer(SLK_LOTUS_WORKER_API_VERSION);
    else if (strcmp(method, "Session") == 0 && p->disabled)
        return slk_fail(error, SLK_E_BUSY, "worker disabled");
    else if (strcmp(method, "Session") == 0 || strcmp(method, "ProcessSession") == 0)
        *ret = json_string(p->session);
    else if (strcmp(method, "Info") == 0)
        *ret = info_of(p);
    else if (strcmp(method, "TaskTypes") == 0)
        *ret = slk_lotus_task_set_json(p->tasks);
    else if (strcmp(method, "Paths") == 0)
        *ret = slk_lotus_local_paths_json(&paths);
    else if (strcmp(method, "Hello") == 0)
        *ret = json_pack("{ss ss s[ss]}", "version", "1", "id", p->id, "extensions", "cancel",
                         "progress");
    else if (strcmp(method, "TaskProgress") == 0)
        *ret = list_calls(p);
    else if (strcmp(method, "TaskCancel") == 0)
        *ret = cancel(p, params);
    else
        *ret = take(p, method, params);
    if (*ret && p->loses_answer && p->n > 0 && strncmp(method, "SealCommit", 10) == 0) {
        p->loses_answer = false;
        json_decref(*ret);
        *ret = NULL;
        return slk_fail(error, SLK_E_TIMEOUT, "the answer is lost");
    }
    return *ret ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

static slk_err asked(void *context, const slk_rpc_call *call, json_t **ret, slk_error *error)
{
    played *p = context;
    if (p->lotus && strncmp(call->method, "Selkie.", 7) == 0)
        return slk_rpc_fault(call, SLK_RPC_NO_METHOD, error, "method not found");
    (void)pthread_mutex_lock(&p->lock);
    const slk_err code = answer(p, strchr(call->method, '.') + 1, call->params, ret, error);
    (void)pthread_cond_broadcast(&p->moved);
    (void)pthread_mutex_unlock(&p->lock);
    return code;
}

static const slk_rpc_method methods[] = {
    {"Filecoin.Version", 0, SLK_RPC_ADMIN, asked},
    {"Filecoin.Session", 0, SLK_RPC_ADMIN, asked},
    {"Filecoin.ProcessSession", 0, SLK_RPC_ADMIN, asked},
    {"Filecoin.Info", 0, SLK_RPC_ADMIN, asked},
    {"Filecoin.TaskTypes", 0, SLK_RPC_ADMIN, asked},
    {"Filecoin.Paths", 0, SLK_RPC_ADMIN, asked},
    {"Filecoin.Fetch", 4, SLK_RPC_ADMIN, asked},
    {"Filecoin.SealPreCommit2", 1, SLK_RPC_ADMIN, asked},
    {"Filecoin.SealCommit2", 1, SLK_RPC_ADMIN, asked},
    {"Selkie.Hello", 0, SLK_RPC_ADMIN, asked},
    {"Selkie.TaskProgress", 0, SLK_RPC_ADMIN, asked},
    {"Selkie.TaskCancel", 1, SLK_RPC_ADMIN, asked},
};

static unsigned serve(slk_http_server **ret, const slk_http_route *routes, unsigned port)
{
    char listen[32];
    slk_error error = {0};
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
    const slk_http_server_options http = {
        .listen = listen, .routes = routes, .n_routes = SLK_RPC_ROUTES};
    fine(slk_http_server_new(ret, &http, &error), &error);
    return slk_http_server_port(*ret);
}

static slk_err tell(const played *p, const char *method, json_t *params, slk_error *error)
{
    return slk_rpc_tell(p->node, method, params, NULL, NULL, error);
}

/* Under a session of its own, at a port of its own, and not connected yet. */
static played *new_worker(world *w, const char *name)
{
    assert_true(w->n_workers < WORKERS_MAX);
    played *p = &w->workers[w->n_workers++];
    const slk_rpc_table table = {methods, sizeof methods / sizeof *methods, p};
    const slk_rpc_server_options rpc = {.tables = &table, .n_tables = 1, .authorise = let_in};
    slk_jwt_claims claims = {.allow = {"worker"}, .n_allow = 1};
    char *token = NULL;
    slk_error error = {0};
    p->w = w;
    p->tasks = SLK_LOTUS_TASK_BIT(SLK_LOTUS_COMMIT2);
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    slk_uuid_random(p->session);
    slk_uuid_random(p->id);
    slk_uuid_random(p->path);
    slk_uuid_random(claims.id);
    assert_int_equal(pthread_mutex_init(&p->lock, NULL), 0);
    assert_int_equal(slk_cond_init(&p->moved), 0);
    fine(slk_rpc_server_new(&p->rpc, &rpc, &error), &error);
    slk_rpc_server_routes(p->rpc, p->routes);
    (void)snprintf(p->url, sizeof p->url, "http://127.0.0.1:%u/rpc/v0",
                   serve(&p->http, p->routes, 0));
    fine(slk_jwt_make(&token, &claims, secret, &error), &error);
    const slk_rpc_client_options node = {.url = w->url, .bearer = token};
    fine(slk_rpc_client_new(&p->node, &node, &error), &error);
    slk_free(token);
    return p;
}

static void connect_it(const played *p)
{
    slk_error error = {0};
    fine(tell(p, "Filecoin.WorkerConnect", json_pack("[s]", p->url), &error), &error);
}

static played *come(world *w, const char *name)
{
    played *p = new_worker(w, name);
    connect_it(p);
    return p;
}

static void go_away(played *p)
{
    slk_http_server_free(p->http);
    p->http = NULL;
}

static void end_worker(played *p)
{
    slk_rpc_server_stop(p->rpc);
    go_away(p);
    slk_rpc_server_free(p->rpc);
    slk_rpc_client_free(p->node);
    (void)pthread_cond_destroy(&p->moved);
    (void)pthread_mutex_destroy(&p->lock);
}

/* ---- the node ---- */

static int set_up(void **state)
{
    world *w = slk_calloc(1, sizeof *w);
    slk_error error = {0};
    char path[96], results[96];
    size_t n;
    assert_non_null(w);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/selkie-farm-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(path, sizeof path, "%s/db", w->folder);
    (void)snprintf(results, sizeof results, "%s/results", w->folder);
    fine(slk_db_open(&w->db, path, 0, &error), &error);
    const slk_migration *list = slk_seal_migrations(&n);
    fine(slk_db_migrate(w->db, list, n, &error), &error);
    const slk_farm_options farm = {.db = w->db,
                                   .node_name = "node",
                                   .results_folder = results,
                                   .usual_proof = PROOF,
                                   .heartbeat_ms = BEAT_MS,
                                   .lost_ms = LOST_MS};
    fine(slk_farm_new(&w->farm, &farm, &error), &error);
    fine(slk_farm_start(w->farm, &error), &error);
    slk_farm_api_options api = {
        .farm = w->farm, .version = "1", .db = w->db, .usual_proof = PROOF, .block_delay_s = 30};
    memcpy(api.secret32, secret, sizeof api.secret32);
    fine(slk_farm_api_new(&w->api, &api, &error), &error);
    const slk_rpc_table table = slk_farm_api_table(w->api);
    const slk_rpc_server_options rpc = {.tables = &table,
                                        .n_tables = 1,
                                        .authorise = slk_farm_api_authorise,
                                        .authorise_context = w->api};
    fine(slk_rpc_server_new(&w->rpc, &rpc, &error), &error);
    slk_rpc_server_routes(w->rpc, w->routes);
    (void)snprintf(w->url, sizeof w->url, "http://127.0.0.1:%u/rpc/v0",
                   serve(&w->http, w->routes, 0));
    *state = w;
    return 0;
}

static slk_err end_task(task *t);

static int tear_down(void **state)
{
    world *w = *state;
    slk_farm_stop(w->farm);
    for (size_t i = 0; i < w->n_tasks; i++)
        (void)end_task(&w->tasks[i]);
    for (size_t i = 0; i < w->n_workers; i++)
        end_worker(&w->workers[i]);
    slk_rpc_server_stop(w->rpc);
    slk_http_server_free(w->http);
    slk_rpc_server_free(w->rpc);
    slk_farm_api_free(w->api);
    slk_farm_free(w->farm);
    slk_db_close(w->db);
    assert_int_equal(slk_remove_tree(w->folder, NULL), SLK_OK);
    slk_free(w);
    return 0;
}

/* The worker's row in the node's list, a new reference; NULL: it has none. */
static json_t *row_of(world *w, const char *session)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = slk_farm_workers(w->farm);
    assert_non_null(list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *row = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(row, "Session")), session) == 0)
            return json_incref(row);
    }
    return NULL;
}

/* A moment, or until something moves. */
static void let_live(world *w)
{
    slk_farm_enter(w->farm);
    slk_farm_wait(w->farm, 10);
    slk_farm_leave(w->farm);
}

static bool is_listed(world *w, const played *p)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *row = row_of(w, p->session);
    return row != NULL;
}

/* ---- a task ---- */

static void *task_main(void *context)
{
    task *t = context;
    t->code = slk_farm_work_do(&t->call, t->w->farm, &t->work, NULL, &t->job, &t->error);
    return NULL;
}

static task *begin_work(world *w, const slk_farm_work *work, const char *key)
{
    assert_true(w->n_tasks < TASKS_MAX);
    task *t = &w->tasks[w->n_tasks++];
    *t = (task){.w = w, .work = *work};
    t->work.sector = (slk_lotus_sector_ref){.id = one, .proof = PROOF};
    t->work.key = key;
    t->work.params = json_pack("[o]", slk_lotus_sector_ref_json(&t->work.sector));
    slk_job_init(&t->job);
    assert_int_equal(pthread_create(&t->thread, NULL, task_main, t), 0);
    t->runs = true;
    return t;
}

static task *begin_task(world *w, const char *key)
{
    const slk_farm_work work = {.task = SLK_LOTUS_COMMIT2, .method = "Filecoin.SealCommit2"};
    return begin_work(w, &work, key);
}

static slk_err end_task(task *t)
{
    if (t->runs)
        assert_int_equal(pthread_join(t->thread, NULL), 0);
    t->runs = false;
    json_decref(t->work.params);
    t->work.params = NULL;
    slk_farm_call_done(&t->call);
    return t->code;
}

/* The worker's nth call (from 0), once it has it. */
static given *wait_call(played *p, size_t nth)
{
    const int64_t until = slk_clock_monotonic_ms() + WAIT_MS;
    (void)pthread_mutex_lock(&p->lock);
    while (p->n <= nth && slk_clock_monotonic_ms() < until)
        (void)slk_cond_wait_ms(&p->moved, &p->lock, 100);
    const bool found = p->n > nth;
    (void)pthread_mutex_unlock(&p->lock);
    if (!found)
        fail_msg("%s was not given call %zu", p->name, nth);
    return &p->calls[nth];
}

static void return_fetch(played *p, given *call, int fault)
{
    slk_error error = {0};
    const slk_lotus_fault failed = {.failed = fault >= 0, .code = fault, .message = "it fails"};
    fine(tell(p, "Filecoin.ReturnFetch",
              json_pack("[o o]", slk_lotus_call_id_json(&call->id), slk_lotus_fault_json(&failed)),
              &error),
         &error);
    call->canceled = true; /* it has it no more */
}

static void return_it(played *p, given *call, const char *result)
{
    slk_error error = {0};
    char method[64];
    (void)snprintf(method, sizeof method, "Filecoin.Return%s", call->method);
    fine(tell(p, method, json_pack("[o s n]", slk_lotus_call_id_json(&call->id), result), &error),
         &error);
}

/* ---- who goes ---- */

static slk_err leave(const played *p, const char *session)
{
    slk_error error = {0};
    return tell(p, "Selkie.WorkerLeave", json_pack("[s]", session), &error);
}

static void who_says_goodbye_is_forgotten(void **state)
{
    world *w = *state;
    played *p = come(w, "w1"), *other = come(w, "w1");
    assert_int_equal(leave(other, p->session), SLK_E_CONFLICT); /* nobody else may say it */
    assert_true(is_listed(w, p));
    assert_int_equal(leave(p, p->session), SLK_OK);
    assert_false(is_listed(w, p));
    assert_true(is_listed(w, other));
    assert_int_equal(leave(p, p->session), SLK_E_CONFLICT);
    connect_it(p); /* it may come again, even under the same session */
    assert_true(is_listed(w, p));
}

static void who_has_a_call_stays(void **state)
{
    world *w = *state;
    played *p = come(w, "w1");
    task *t = begin_task(w, "key");
    given *call = wait_call(p, 0);
    /* The answer with its id may be on its way still. */
    for (bool waited = false; !waited; let_live(w)) {
        slk_farm_enter(w->farm);
        waited = w->farm->waiting != NULL;
        slk_farm_leave(w->farm);
    }
    assert_int_equal(leave(p, p->session), SLK_E_CONFLICT);
    assert_true(is_listed(w, p));
    return_it(p, call, "cHJvb2Y=");
    assert_int_equal(end_task(t), SLK_OK);
    assert_int_equal(leave(p, p->session), SLK_OK);
    assert_false(is_listed(w, p));
}

/* As long as it takes until what is lost is found to be: it is looked at once a second. */
static void live_on(world *w)
{
    const int64_t until = slk_clock_monotonic_ms() + 2 * (LOST_MS + 1000);
    while (slk_clock_monotonic_ms() < until)
        let_live(w);
}

/* ---- who comes back ---- */

/* A call under way from before this node was started, of a worker that is known by these. */
static slk_farm_call from_before(world *w, const char *name, const char *identity)
{
    slk_error error = {0};
    bool done = false;
    slk_farm_call row = {.call.sector = one, .task = SLK_LOTUS_COMMIT2, .key = "key"};
    slk_uuid_random(row.session);
    (void)snprintf(row.hostname, sizeof row.hostname, "%s", name);
    (void)snprintf(row.identity, sizeof row.identity, "%s", identity);
    fine(slk_farm_calls_begin(&row, w->farm->calls, &error), &error);
    slk_uuid_random(row.call.uuid);
    fine(slk_farm_calls_named(&done, w->farm->calls, row.id, row.call.uuid, &error), &error);
    return row;
}

/* The call's own worker may come back as long as it is waited for; another one of its name is none. */
static void of_one_name(world *w, bool lotus)
{
    played *p = new_worker(w, "name");
    p->lotus = lotus;
    char others[SLK_UUID_CHARS];
    slk_uuid_random(others);
    connect_it(p);
    (void)from_before(w, "name", others);
    task *t = begin_task(w, "key");
    return_it(p, wait_call(p, 0),
              "cHJvb2Y="); /* long before it would be believed to have lost it */
    assert_int_equal(end_task(t), SLK_OK);
}

static void two_of_one_name_are_told_apart(void **state)
{
    of_one_name(*state, false);
}

static void two_of_lotus_are_told_apart_by_their_storage(void **state)
{
    of_one_name(*state, true);
}

/* Session, name, token and address are others, its folder is the same. */
static void the_same_goes_on_with_its_call(void **state)
{
    world *w = *state;
    played *p = new_worker(w, "new name");
    const slk_farm_call row = from_before(w, "old name", p->id);
    p->calls[p->n++] = (given){.id = row.call, .method = "SealCommit2"};
    connect_it(p);
    task *t = begin_task(w, "key");
    live_on(w);
    assert_int_equal(p->n, 1); /* it was not asked a second time */
    return_it(p, &p->calls[0], "cHJvb2Y=");
    assert_int_equal(end_task(t), SLK_OK);
}

/* Until it is in the node's list no more. */
static void wait_gone(world *w, const played *p)
{
    const int64_t until = slk_clock_monotonic_ms() + WAIT_MS;
    while (is_listed(w, p)) {
        assert_true(slk_clock_monotonic_ms() < until);
        let_live(w);
    }
}

static void started_anew_elsewhere(world *w, bool lotus)
{
    played *old = new_worker(w, "w1"), *fresh = new_worker(w, "w1");
    old->lotus = fresh->lotus = lotus;
    memcpy(fresh->id, old->id, sizeof fresh->id);
    memcpy(fresh->path, old->path, sizeof fresh->path);
    connect_it(old);
    go_away(old);
    connect_it(fresh);
    wait_gone(w, old);
    assert_true(is_listed(w, fresh));
}

static void who_starts_anew_elsewhere_takes_its_place(void **state)
{
    started_anew_elsewhere(*state, false);
}

static void so_does_one_of_lotus(void **state)
{
    started_anew_elsewhere(*state, true);
}

/* A folder that was copied: both work. */
static void a_copy_takes_nobodys_place(void **state)
{
    world *w = *state;
    played *p = new_worker(w, "w1"), *copy = new_worker(w, "w1");
    memcpy(copy->id, p->id, sizeof copy->id);
    connect_it(p);
    connect_it(copy);
    for (bool doubted = true; doubted; let_live(w)) {
        slk_farm_enter(w->farm);
        const slk_farm_worker *worker = slk_farm_worker_by_session(w->farm, p->session);
        doubted = worker && worker->doubted;
        slk_farm_leave(w->farm);
    }
    assert_true(is_listed(w, p) && is_listed(w, copy));
}

/* ---- whose call it is ---- */

static void know_sector(world *w, uint64_t number)
{
    static const slk_sql add = {
        "test.sector", "INSERT INTO rseal_client_pipeline (sp_id, sector_number, create_time,"
                       " reg_seal_proof, state, state_ms) VALUES (1000, $1, 0, 5, 'proving', 0)"};
    slk_error error = {0};
    slk_query q = {0};
    fine(slk_query_init(&q, w->db, &add, &error), &error);
    slk_bind_i64(&q, 1, (int64_t)number);
    fine(slk_query_run(&q, &error), &error);
    slk_query_done(&q);
}

static void wait_canceled(world *w, const given *call)
{
    const int64_t until = slk_clock_monotonic_ms() + WAIT_MS;
    while (!call->canceled) {
        assert_true(slk_clock_monotonic_ms() < until);
        let_live(w);
    }
}

/* The worker took it, and the node gave it to another. */
static void a_call_whose_id_was_lost_ends(void **state)
{
    world *w = *state;
    know_sector(w, one.number);
    played *p = come(w, "w1"), *other = come(w, "w2");
    p->loses_answer = true;
    task *t = begin_task(w, "key");
    given *lost = wait_call(p, 0), *call = wait_call(other, 0);
    wait_canceled(w, lost);
    assert_false(call->canceled);
    return_it(other, call, "cHJvb2Y=");
    assert_int_equal(end_task(t), SLK_OK);
}

/* Its worker was away for too long, and comes back with it. */
static void a_call_that_was_given_up_ends(void **state)
{
    world *w = *state;
    know_sector(w, one.number);
    played *p = new_worker(w, "w1"), *other = come(w, "w2");
    const slk_farm_call row = from_before(w, "w1", p->id);
    p->calls[p->n++] = (given){.id = row.call, .method = "SealCommit2"};
    task *t = begin_task(w, "key");
    given *call = wait_call(other, 0);
    connect_it(p);
    wait_canceled(w, &p->calls[0]);
    assert_false(call->canceled);
    return_it(other, call, "cHJvb2Y=");
    assert_int_equal(end_task(t), SLK_OK);
}

/* One that nobody waits for just now, and one of a sector that this node does not know. */
static void calls_of_others_go_on(void **state)
{
    world *w = *state;
    know_sector(w, one.number);
    played *p = new_worker(w, "w1");
    const slk_farm_call row = from_before(w, "w1", p->id);
    p->calls[p->n++] = (given){.id = row.call, .method = "SealCommit2"};
    p->calls[p->n] = p->calls[p->n - 1];
    p->calls[p->n].id.sector.number = 77;
    slk_uuid_random(p->calls[p->n++].id.uuid);
    p->calls[p->n] = p->calls[0];
    slk_uuid_random(p->calls[p->n++].id.uuid);
    connect_it(p);
    wait_canceled(w, &p->calls[2]); /* so that all have been looked at */
    assert_false(p->calls[0].canceled || p->calls[1].canceled);
}

/* ---- who takes nothing new ---- */

/* Until the worker's row says so. */
static void wait_open(world *w, const played *p, bool open, const char *why)
{
    const int64_t until = slk_clock_monotonic_ms() + WAIT_MS;
    for (bool is = !open; is != open;) {
        SLK_CLEANUP(slk_json_decrefp) json_t *row = row_of(w, p->session);
        assert_non_null(row);
        is = json_is_true(json_object_get(row, "Open"));
        if (is == open)
            assert_non_null(strstr(json_string_value(json_object_get(row, "Why")), why));
        assert_true(slk_clock_monotonic_ms() < until);
        let_live(w);
    }
}

static void disable(played *p, bool disabled)
{
    (void)pthread_mutex_lock(&p->lock);
    p->disabled = disabled;
    (void)pthread_mutex_unlock(&p->lock);
}

/* What it has it finishes, however long that takes; what is new goes to others. */
static void who_is_disabled_is_not_away(void **state)
{
    world *w = *state;
    played *p = come(w, "w1");
    task *t = begin_task(w, "key");
    given *call = wait_call(p, 0);
    disable(p, true);
    wait_open(w, p, false, "take nothing new");
    played *other = come(w, "w2");
    task *next = begin_task(w, "another");
    given *others = wait_call(other, 0);
    live_on(w);
    return_it(p, call, "cHJvb2Y=");
    return_it(other, others, "cHJvb2Y=");
    assert_int_equal(end_task(t), SLK_OK);
    assert_int_equal(end_task(next), SLK_OK);
    assert_int_equal(p->n, 1);
    disable(p, false);
    wait_open(w, p, true, "");
}

/* A node that was started again knows nothing of it: it connects, for the results that it still has. */
static void who_is_disabled_connects(void **state)
{
    world *w = *state;
    played *p = new_worker(w, "w1");
    disable(p, true);
    connect_it(p);
    wait_open(w, p, false, "take nothing new");
}

/* ---- layers that are fetched ---- */

#define LAYERS (SLK_LOTUS_SEALED | SLK_LOTUS_CACHE)

/* The worker's storage, with room. */
static void attach(world *w, const played *p)
{
    slk_error error = {0};
    const int64_t now = slk_clock_monotonic_ms();
    const slk_lotus_health health = {.stat = {.capacity = INT64_C(1) << 40,
                                              .available = INT64_C(1) << 40,
                                              .fs_available = INT64_C(1) << 40}};
    slk_lotus_path path = {.weight = 10, .can_seal = true};
    (void)snprintf(path.id, sizeof path.id, "%s", p->path);
    fine(slk_farm_index_attach(w->farm->index, &path, &health.stat, now, &error), &error);
    fine(slk_farm_index_report(w->farm->index, p->path, &health, now, &error), &error);
}

static void lies_at(world *w, const played *p, unsigned types)
{
    slk_error error = {0};
    fine(slk_farm_index_declare(w->farm->index, p->path, &one, types, false, &error), &error);
}

typedef struct tree_work {
    slk_farm_call made;
    slk_farm_select select;
    struct slk_farm_fetch_layers fetch;
} tree_work;

/* PC2 of a sector whose layers lie at the worker labels, by one that makes trees. */
static task *begin_trees(tree_work *t, world *w, const played *labels)
{
    *t = (tree_work){.made = {.call.sector = one}};
    (void)snprintf(t->made.session, sizeof t->made.session, "%s", labels->session);
    t->select = (slk_farm_select){.farm = w->farm,
                                  .sector = one,
                                  .sector_bytes = SECTOR,
                                  .types = LAYERS,
                                  .made = &t->made,
                                  .fetched = true};
    t->fetch = (struct slk_farm_fetch_layers){.sector = {.id = one, .proof = PROOF}, .key = "key"};
    const slk_farm_work work = {.task = SLK_LOTUS_PRECOMMIT2,
                                .selector = slk_farm_select_near,
                                .about = slk_farm_select_about,
                                .selector_context = &t->select,
                                .hopeless = slk_farm_select_hopeless,
                                .hopeless_context = &t->select,
                                .method = "Filecoin.SealPreCommit2",
                                .prepare = slk_farm_bring_layers,
                                .context = &t->fetch};
    return begin_work(w, &work, "key");
}

/* One that labels and has the layers, and one that makes trees and has none. */
static void two_kinds(world *w, played **ret_labels, played **ret_trees)
{
    played *labels = new_worker(w, "labels"), *trees = new_worker(w, "trees");
    labels->tasks = SLK_LOTUS_TASK_BIT(SLK_LOTUS_PRECOMMIT1);
    trees->tasks = SLK_LOTUS_TASK_BIT(SLK_LOTUS_PRECOMMIT2) | SLK_LOTUS_TASK_BIT(SLK_LOTUS_FETCH);
    attach(w, labels);
    attach(w, trees);
    lies_at(w, labels, LAYERS);
    connect_it(labels);
    connect_it(trees);
    *ret_labels = labels;
    *ret_trees = trees;
}

/* A disk that fails is a failure, however often it is tried; a source that is away is waited for. */
static void a_fetch_fails_by_its_own_disk_or_its_source(void **state)
{
    world *w = *state;
    played *labels, *trees;
    tree_work t;
    two_kinds(w, &labels, &trees);
    task *first = begin_trees(&t, w, labels);
    return_fetch(trees, wait_call(trees, 0), SLK_LOTUS_FAULT_UNKNOWN);
    assert_int_equal(end_task(first), SLK_E_IO);
    task *second = begin_trees(&t, w, labels);
    return_fetch(trees, wait_call(trees, 1), SLK_LOTUS_FAULT_TEMPORARY);
    assert_int_equal(end_task(second), SLK_E_UNREACHABLE);
    task *third = begin_trees(&t, w, labels);
    given *call = wait_call(trees, 2);
    go_away(labels);
    wait_open(w, labels, false, "");
    return_fetch(trees, call, SLK_LOTUS_FAULT_UNKNOWN); /* as a lotus-worker says of all failures */
    assert_int_equal(end_task(third), SLK_E_UNREACHABLE);
}

/* It ended between the two files: one has moved, the other has not. */
static void half_a_fetch_is_gone_on_with(void **state)
{
    world *w = *state;
    played *labels, *trees;
    tree_work t;
    two_kinds(w, &labels, &trees);
    task *first = begin_trees(&t, w, labels);
    given *call = wait_call(trees, 0);
    lies_at(w, trees, SLK_LOTUS_SEALED);
    slk_farm_index_drop(w->farm->index, labels->path, &one, SLK_LOTUS_SEALED);
    return_fetch(trees, call, SLK_LOTUS_FAULT_TEMPORARY);
    assert_int_equal(end_task(first), SLK_E_UNREACHABLE); /* begun again soon, without end */
    played *other = new_worker(w, "other"); /* with nothing of it: whoever has a part goes first */
    other->tasks = trees->tasks;
    attach(w, other);
    connect_it(other);
    task *second = begin_trees(&t, w, labels);
    call = wait_call(trees, 1);
    lies_at(w, trees, SLK_LOTUS_CACHE);
    slk_farm_index_drop(w->farm->index, labels->path, &one, SLK_LOTUS_CACHE);
    return_fetch(trees, call, -1);
    return_it(trees, wait_call(trees, 2), "CIDs");
    assert_int_equal(end_task(second), SLK_OK);
    assert_int_equal(other->n, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    /* One a line. */
    /* clang-format off */
    const struct CMUnitTest tests[] = {
        TEST(who_says_goodbye_is_forgotten),
        TEST(who_has_a_call_stays),
        TEST(two_of_one_name_are_told_apart),
        TEST(two_of_lotus_are_told_apart_by_their_storage),
        TEST(the_same_goes_on_with_its_call),
        TEST(who_starts_anew_elsewhere_takes_its_place),
        TEST(so_does_one_of_lotus),
        TEST(a_copy_takes_nobodys_place),
        TEST(a_call_whose_id_was_lost_ends),
        TEST(a_call_that_was_given_up_ends),
        TEST(calls_of_others_go_on),
        TEST(who_is_disabled_is_not_away),
        TEST(who_is_disabled_connects),
        TEST(a_fetch_fails_by_its_own_disk_or_its_source),
        TEST(half_a_fetch_is_gone_on_with),
    };
    /* clang-format on */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
