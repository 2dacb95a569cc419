/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/api.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "codec/json.h"
#include "farm/api_impl.h"
#include "farm/reclaim.h"
#include "fil/address.h"
#include "fil/sector.h"
#include "lotus/worker_info.h"
#include "rpc/permission.h"

#include <stdio.h>
#include <string.h>

/* A worker passes on the guesses of whoever calls it, each of them so many (net/server.h). */
#define UNKNOWN_BURST 100u
#define UNKNOWN_INTERVAL_MS 300

static const slk_sql first_miner = {
    "api.miner",
    "SELECT min(sp_id) FROM (SELECT sp_id FROM rseal_provider_pipeline UNION SELECT sp_id FROM"
    " rseal_client_pipeline) AS m"};
static const slk_sql proof_of = {
    "api.proof_of",
    "SELECT reg_seal_proof FROM (SELECT reg_seal_proof, create_time FROM rseal_provider_pipeline"
    " WHERE sp_id = $1 UNION SELECT reg_seal_proof, create_time FROM rseal_client_pipeline"
    " WHERE sp_id = $1) AS p ORDER BY create_time DESC LIMIT 1"};

slk_err slk_farm_api_new(slk_farm_api **ret_api, const slk_farm_api_options *options,
                         slk_error *error)
{
    slk_farm_api *api = slk_calloc(1, sizeof *api);
    if (!api)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the API");
    api->options = *options;
    const slk_err code = slk_limiter_new(&api->unknown, UNKNOWN_BURST, UNKNOWN_INTERVAL_MS, error);
    if (code != SLK_OK) {
        slk_farm_api_free(api);
        return code;
    }
    *ret_api = api;
    return SLK_OK;
}

void slk_farm_api_free(slk_farm_api *api)
{
    if (!api)
        return;
    slk_limiter_free(api->unknown);
    slk_bytes_wipe(api->options.secret32, sizeof api->options.secret32);
    slk_free(api);
}

static const json_t *at(const slk_rpc_call *call, size_t i)
{
    return json_array_get(call->params, i);
}

/* ---- who this is ---- */

static slk_err get_version(void *context, const slk_rpc_call *call, json_t **ret_result,
                           slk_error *error)
{
    (void)call;
    const slk_farm_api *api = context;
    slk_lotus_version version = {.api_version = SLK_LOTUS_MINER_API_VERSION,
                                 .block_delay_s = (uint64_t)api->options.block_delay_s};
    (void)snprintf(version.version, sizeof version.version, "%s+selkie", api->options.version);
    (void)snprintf(version.agent, sizeof version.agent, "selkie");
    return slk_rpc_give(ret_result, slk_lotus_version_json(&version), error);
}

static slk_err get_session(void *context, const slk_rpc_call *call, json_t **ret_result,
                           slk_error *error)
{
    (void)call;
    const slk_farm_api *api = context;
    return slk_rpc_give(ret_result, json_string(slk_farm_session(api->options.farm)), error);
}

/* A node may serve many miners: the first that has sectors here stands for all, SLK_LOTUS_NO_MINER for none. */
static slk_err get_actor(void *context, const slk_rpc_call *call, json_t **ret_result,
                         slk_error *error)
{
    (void)call;
    const slk_farm_api *api = context;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    char text[32];
    SLK_TRY(slk_query_init(&q, api->options.db, &first_miner, error));
    SLK_TRY(slk_query_step(&q, &row, error));
    (void)snprintf(text, sizeof text, "f0%lld", row ? (long long)slk_column_i64(&q, 0) : 0LL);
    return slk_rpc_give(ret_result, json_string(text), error);
}

static slk_err newest_proof(int64_t *ret_proof, const slk_farm_api *api, uint64_t miner,
                            slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_query_init(&q, api->options.db, &proof_of, error));
    slk_bind_i64(&q, 1, (int64_t)miner);
    SLK_TRY(slk_query_step(&q, &row, error));
    *ret_proof = row ? slk_column_i64(&q, 0) : api->options.usual_proof;
    return SLK_OK;
}

static slk_err get_sector_size(void *context, const slk_rpc_call *call, json_t **ret_result,
                               slk_error *error)
{
    const char *text = json_string_value(at(call, 0));
    uint64_t miner = 0;
    int64_t number = 0;
    slk_seal_proof proof;
    if (!text || slk_miner_id_parse(&miner, text, error) != SLK_OK)
        return slk_rpc_bad_param(call, 0, "a miner's address f0…", error);
    SLK_TRY(newest_proof(&number, context, miner, error));
    SLK_TRY(slk_seal_proof_registered(&proof, number, error));
    return slk_rpc_give(ret_result, json_integer((json_int_t)proof.shape->bytes), error);
}

/* ---- tokens ---- */

slk_err slk_farm_api_authorise(void *context, const char *token, bool known_only,
                               slk_rpc_grant *ret_grant, slk_error *error)
{
    const slk_farm_api *api = context;
    const int64_t now_ms = slk_clock_wall_ms();
    slk_jwt_claims claims;
    (void)known_only; /* nobody else is asked */
    SLK_TRY(slk_jwt_read(&claims, token, api->options.secret32, now_ms / 1000, error));
    *ret_grant = (slk_rpc_grant){.permissions = slk_rpc_permissions_of_claims(&claims)};
    if (claims.expires_s)
        ret_grant->until_ms = slk_clock_monotonic_ms() + claims.expires_s * 1000 - now_ms;
    return SLK_OK;
}

static json_t *word_list(const slk_farm_may *may)
{
    json_t *words = json_array();
    bool good = words != NULL;
    for (unsigned bit = 1; bit <= SLK_RPC_ALL && good; bit <<= 1)
        if (may->permissions & bit)
            good = json_array_append_new(words, json_string(slk_rpc_permission_word(bit))) == 0;
    if (good && may->sector[0])
        good = json_array_append_new(words, json_string(may->sector)) == 0;
    if (good)
        return words;
    json_decref(words);
    return NULL;
}

/* What tells the bearer of one of our tokens from others, in it or in claims. */
static const char *credential_of(slk_jwt_claims *claims, const slk_farm_api *api, const char *token)
{
    *claims = (slk_jwt_claims){0};
    const slk_err code =
        slk_jwt_read(claims, token, api->options.secret32, slk_clock_wall_ms() / 1000, NULL);
    return code == SLK_OK && claims->id[0] ? claims->id : token;
}

slk_err slk_farm_api_who(slk_farm_who *ret_who, const slk_farm_api *api, const slk_rpc_call *call,
                         slk_error *error)
{
    slk_jwt_claims claims;
    return slk_farm_who_is(ret_who, credential_of(&claims, api, call->token), call->peer, error);
}

/* What the bearer of a worker's token may do at the worker that asks. Who has the worker's own is that
 * worker: a lotus-worker's commands show it to the worker. One of Lotus shows its own where it fetches. */
static unsigned at_worker(const slk_farm_api *api, const char *token, const slk_rpc_call *call,
                          const slk_farm_who *asker)
{
    slk_jwt_claims claims;
    if (strcmp(token, call->token) == 0)
        return SLK_RPC_ADMIN;
    return slk_farm_fetches_from(api->options.farm, credential_of(&claims, api, token), asker)
               ? SLK_RPC_FETCH
               : 0;
}

/* What the token allows at this node, which is what it allows at its workers. Who asks about too many that
 * are nobody's is put off. */
static slk_err known_here(unsigned *ret_permissions, slk_farm_api *api, const char *token,
                          const slk_rpc_call *call, const slk_farm_who *asker, slk_error *error)
{
    char owner[SLK_ADDRESS_CHARS];
    slk_rpc_grant grant = {0};
    slk_ip_owner(owner, &asker->ip);
    const slk_err code = slk_farm_api_authorise(api, token, true, &grant, error);
    if (code == SLK_E_AUTH && !slk_limiter_take(api->unknown, owner, slk_clock_monotonic_ms()))
        return slk_fail(error, SLK_E_BUSY,
                        "too many tokens that are nobody's were asked about from %s; ask again in "
                        "a while",
                        call->peer);
    SLK_TRY(code);
    *ret_permissions = grant.permissions;
    return SLK_OK;
}

/* Workers ask this of tokens that come to them: an operator's, or one that this node or another worker
 * shows at their doors, which is good for nothing here and to nobody else. A lotus-worker knows nobody who
 * may fetch files alone: to it that is an admin; ours sees the other words (worker/auth.c). */
static slk_err auth_verify(void *context, const slk_rpc_call *call, json_t **ret_result,
                           slk_error *error)
{
    slk_farm_api *api = context;
    const char *token = json_string_value(at(call, 0));
    slk_farm_may may = {0};
    slk_farm_who who;
    if (!token)
        return slk_rpc_bad_param(call, 0, "a token", error);
    if (!*call->token)
        return slk_fail(error, SLK_E_AUTH,
                        "only who has a token of this node may ask about others");
    SLK_TRY(slk_farm_api_who(&who, api, call, error));
    if (!slk_farm_doors_know(slk_farm_get_doors(api->options.farm), &may, token, &who))
        SLK_TRY(known_here(&may.permissions, api, token, call, &who, error));
    if (may.permissions & SLK_RPC_WORKER)
        may.permissions |= at_worker(api, token, call, &who);
    if (may.permissions & SLK_RPC_FETCH)
        may.permissions |= SLK_RPC_ADMIN;
    return slk_rpc_give(ret_result, word_list(&may), error);
}

static slk_err auth_new(void *context, const slk_rpc_call *call, json_t **ret_result,
                        slk_error *error)
{
    const slk_farm_api *api = context;
    unsigned permissions = 0;
    if (!json_is_array(at(call, 0)))
        return slk_rpc_bad_param(call, 0, "a list of permissions", error);
    for (size_t i = 0; i < json_array_size(at(call, 0)); i++) {
        const char *word = json_string_value(json_array_get(at(call, 0), i));
        const unsigned bit = word ? slk_rpc_permission_of(word) : 0;
        if (bit == 0)
            return slk_rpc_bad_param(call, 0, "a list of read, write, sign, admin, worker", error);
        permissions |= bit;
    }
    slk_jwt_claims claims = {0};
    char *token = NULL;
    slk_rpc_permissions_to_claims(&claims, permissions);
    SLK_TRY(slk_jwt_make(&token, &claims, api->options.secret32, error));
    json_t *value = slk_json_new_bytes((const uint8_t *)token, strlen(token));
    slk_bytes_wipe(token, strlen(token));
    slk_free(token);
    return slk_rpc_give(ret_result, value, error);
}

/* ---- workers ---- */

static slk_err worker_connect(void *context, const slk_rpc_call *call, json_t **ret_result,
                              slk_error *error)
{
    (void)ret_result;
    const slk_farm_api *api = context;
    const char *url = json_string_value(at(call, 0));
    if (!url)
        return slk_rpc_bad_param(call, 0, "the worker's URL", error);
    slk_farm_who who;
    SLK_TRY(slk_farm_api_who(&who, api, call, error));
    return slk_farm_connect(api->options.farm, url, &who, error);
}

static slk_err worker_leave(void *context, const slk_rpc_call *call, json_t **ret_result,
                            slk_error *error)
{
    (void)ret_result;
    const slk_farm_api *api = context;
    const char *session = json_string_value(at(call, 0));
    if (!session)
        return slk_rpc_bad_param(call, 0, "a session", error);
    slk_farm_who who;
    SLK_TRY(slk_farm_api_who(&who, api, call, error));
    return slk_farm_disconnect(api->options.farm, session, &who, error);
}

/* A worker's own token for a while, of the same id as the one that it has, for nothing but a worker's work:
 * it asks for the next one before that is over. */
static slk_err worker_token(void *context, const slk_rpc_call *call, json_t **ret_result,
                            slk_error *error)
{
    const slk_farm_api *api = context;
    const int64_t now_s = slk_clock_wall_ms() / 1000;
    slk_jwt_claims its, claims = {.expires_s = now_s + SLK_FARM_WORKER_TOKEN_S};
    char *token = NULL;
    SLK_TRY(slk_jwt_read(&its, call->token, api->options.secret32, now_s, error));
    slk_rpc_permissions_to_claims(&claims, SLK_RPC_WORKER);
    memcpy(claims.pin, its.pin, sizeof claims.pin);
    memcpy(claims.id, its.id, sizeof claims.id);
    if (!claims.id[0])
        slk_uuid_random(claims.id);
    SLK_TRY(slk_jwt_make(&token, &claims, api->options.secret32, error));
    json_t *value =
        json_pack("{ss ss si}", "Token", token, "Id", claims.id, "LastsS", SLK_FARM_WORKER_TOKEN_S);
    slk_bytes_wipe(token, strlen(token));
    slk_free(token);
    return slk_rpc_give(ret_result, value, error);
}

/* The sector whose file lies at a URL: the last part of its path. */
static slk_err sector_at(slk_lotus_sector *ret, const slk_rpc_call *call, const char *url,
                         slk_error *error)
{
    const char *name = strrchr(url, '/');
    if (!name || slk_lotus_sector_parse(ret, name + 1, error) != SLK_OK)
        return slk_rpc_bad_param(call, 0, "the URL of a sector's file", error);
    return SLK_OK;
}

/* For a worker of ours that needs files of another one: what it shows there, so that it need not show its
 * own token to a server that somebody named. */
static slk_err fetch_key(void *context, const slk_rpc_call *call, json_t **ret_result,
                         slk_error *error)
{
    const slk_farm_api *api = context;
    slk_farm *farm = api->options.farm;
    const char *url = json_string_value(at(call, 0));
    slk_farm_who who;
    slk_farm_key key;
    slk_lotus_sector sector;
    if (!url)
        return slk_rpc_bad_param(call, 0, "a URL", error);
    SLK_TRY(sector_at(&sector, call, url, error));
    SLK_TRY(slk_farm_api_who(&who, api, call, error));
    if (!(call->permissions & SLK_RPC_ADMIN) && !slk_farm_works_on(farm, &who, &sector))
        return slk_fail(
            error, SLK_E_BUSY,
            "this worker has no task of sector %lu of f0%lu from the node now, so it is "
            "given nobody's files of it",
            sector.number, sector.miner);
    SLK_TRY(slk_farm_doors_key(slk_farm_get_doors(farm), &key, url, &sector, error));
    json_t *value = json_pack("{ss ss}", "Token", key.token, "Pin", key.pin);
    slk_farm_key_wipe(&key);
    return slk_rpc_give(ret_result, value, error);
}

static slk_err worker_stats(void *context, const slk_rpc_call *call, json_t **ret_result,
                            slk_error *error)
{
    (void)call;
    const slk_farm_api *api = context;
    return slk_rpc_give(ret_result, slk_farm_worker_stats(api->options.farm), error);
}

static slk_err worker_jobs(void *context, const slk_rpc_call *call, json_t **ret_result,
                           slk_error *error)
{
    (void)call;
    const slk_farm_api *api = context;
    return slk_farm_worker_jobs(ret_result, api->options.farm, error);
}

/* Lotus lets strangers read, by which a worker finds its miner: who works here is none of their business. */
static slk_err refuse_stranger(const slk_rpc_call *call, slk_error *error)
{
    if (*call->token)
        return SLK_OK;
    return slk_fail(error, SLK_E_AUTH, "nobody is told of the workers without a token");
}

static slk_err worker_list(void *context, const slk_rpc_call *call, json_t **ret_result,
                           slk_error *error)
{
    const slk_farm_api *api = context;
    SLK_TRY(refuse_stranger(call, error));
    return slk_rpc_give(ret_result, slk_farm_workers(api->options.farm), error);
}

static slk_err worker_use(void *context, const slk_rpc_call *call, json_t **ret_result,
                          slk_error *error)
{
    const slk_farm_api *api = context;
    SLK_TRY(refuse_stranger(call, error));
    return slk_rpc_give(ret_result, slk_farm_use(api->options.farm), error);
}

static slk_err worker_open(void *context, const slk_rpc_call *call, json_t **ret_result,
                           slk_error *error)
{
    (void)ret_result;
    const slk_farm_api *api = context;
    const char *session = json_string_value(at(call, 0));
    bool open = false;
    if (!session)
        return slk_rpc_bad_param(call, 0, "a session", error);
    SLK_TRY(slk_rpc_flag(&open, call, 1, error));
    return slk_farm_set_open(api->options.farm, session, open, "closed by an operator", error);
}

static slk_err ghosts(void *context, const slk_rpc_call *call, json_t **ret_result,
                      slk_error *error)
{
    const slk_farm_api *api = context;
    bool remove = false;
    SLK_TRY(slk_rpc_flag(&remove, call, 0, error));
    return slk_farm_ghosts(ret_result, api->options.farm, remove, error);
}

/* ---- sealing ---- */

static slk_err sched_diag(void *context, const slk_rpc_call *call, json_t **ret_result,
                          slk_error *error)
{
    (void)call;
    const slk_farm_api *api = context;
    return slk_rpc_give(ret_result, slk_farm_sched_diag(api->options.farm), error);
}

static slk_err sealing_abort(void *context, const slk_rpc_call *call, json_t **ret_result,
                             slk_error *error)
{
    (void)ret_result;
    const slk_farm_api *api = context;
    slk_lotus_call_id id;
    if (slk_lotus_call_id_read(&id, at(call, 0), "CallID", error) != SLK_OK)
        return slk_rpc_bad_param_error(call, 0, error);
    return slk_farm_abort(api->options.farm, &id, error);
}

static slk_err remove_request(void *context, const slk_rpc_call *call, json_t **ret_result,
                              slk_error *error)
{
    (void)context;
    (void)call;
    (void)ret_result;
    return slk_fail(error, SLK_E_UNSUPPORTED,
                    "what waits belongs to a sector: `selkie sector cancel` ends that");
}

#define OF_WORKERS (SLK_RPC_ADMIN | SLK_RPC_WORKER)
#define OF_READERS (SLK_RPC_READ | SLK_RPC_WORKER)

static const slk_rpc_method methods[] = {
    {"Filecoin.Version", 0, OF_READERS, get_version},
    {"Filecoin.Session", 0, OF_READERS, get_session},
    {"Filecoin.ActorAddress", 0, OF_READERS, get_actor},
    {"Filecoin.ActorSectorSize", 1, OF_READERS, get_sector_size},
    {"Filecoin.AuthVerify", 1, OF_READERS, auth_verify},
    {"Filecoin.AuthNew", 1, SLK_RPC_ADMIN, auth_new},
    {"Filecoin.WorkerConnect", 1, OF_WORKERS, worker_connect},
    {"Filecoin.WorkerStats", 0, SLK_RPC_ADMIN, worker_stats},
    {"Filecoin.WorkerJobs", 0, SLK_RPC_ADMIN, worker_jobs},
    {"Filecoin.SealingSchedDiag", 1, SLK_RPC_ADMIN, sched_diag},
    {"Filecoin.SealingAbort", 1, SLK_RPC_ADMIN, sealing_abort},
    {"Filecoin.SealingRemoveRequest", 1, SLK_RPC_ADMIN, remove_request},
    {"Filecoin.StorageAttach", 2, OF_WORKERS, slk_farm_api_attach},
    {"Filecoin.StorageDetach", 2, OF_WORKERS, slk_farm_api_detach},
    {"Filecoin.StorageReportHealth", 2, OF_WORKERS, slk_farm_api_report},
    {"Filecoin.StorageDeclareSector", 4, OF_WORKERS, slk_farm_api_declare},
    {"Filecoin.StorageDropSector", 3, OF_WORKERS, slk_farm_api_drop},
    {"Filecoin.StorageFindSector", 4, OF_WORKERS, slk_farm_api_find},
    {"Filecoin.StorageBestAlloc", 4, OF_WORKERS, slk_farm_api_best},
    {"Filecoin.StorageInfo", 1, OF_WORKERS, slk_farm_api_info},
    {"Filecoin.StorageList", 0, OF_WORKERS, slk_farm_api_list},
    {"Filecoin.StorageStat", 1, SLK_RPC_ADMIN, slk_farm_api_stat},
    {"Filecoin.StorageLocal", 0, SLK_RPC_ADMIN, slk_farm_api_local},
    {"Filecoin.StorageLock", 3, OF_WORKERS, slk_farm_api_lock},
    {"Filecoin.StorageTryLock", 3, OF_WORKERS, slk_farm_api_try_lock},
    {"Filecoin.StorageGetLocks", 0, SLK_RPC_ADMIN, slk_farm_api_locks},
    {"Filecoin.ReturnAddPiece", 3, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnSealPreCommit1", 3, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnSealPreCommit2", 3, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnSealCommit1", 3, OF_WORKERS, slk_farm_api_return_file},
    {"Filecoin.ReturnSealCommit2", 3, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnDataCid", 3, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnReplicaUpdate", 3, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnProveReplicaUpdate1", 3, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnProveReplicaUpdate2", 3, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnReadPiece", 3, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnSelkieCheck", 3, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnFinalizeSector", 2, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnReleaseUnsealed", 2, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnMoveStorage", 2, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnFetch", 2, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnUnsealPiece", 2, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnGenerateSectorKeyFromData", 2, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnFinalizeReplicaUpdate", 2, OF_WORKERS, slk_farm_api_return},
    {"Filecoin.ReturnDownloadSector", 2, OF_WORKERS, slk_farm_api_return},
    {"Selkie.FetchKey", 1, OF_WORKERS, fetch_key},
    {"Selkie.WorkerToken", 0, OF_WORKERS, worker_token},
    {"Selkie.WorkerLeave", 1, OF_WORKERS, worker_leave},
    {"Selkie.Workers", 0, OF_READERS, worker_list},
    {"Selkie.WorkerUse", 0, OF_READERS, worker_use},
    {"Selkie.WorkerOpen", 2, SLK_RPC_ADMIN, worker_open},
    {"Selkie.Ghosts", 1, SLK_RPC_ADMIN, ghosts},
};

slk_rpc_table slk_farm_api_table(slk_farm_api *api)
{
    return (slk_rpc_table){methods, sizeof methods / sizeof *methods, api};
}
