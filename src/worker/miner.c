/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "worker/miner.h"

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "net/jwt.h"

#include <stdio.h>
#include <string.h>

/* A return may carry some tens of megabytes. */
#define RETURN_TIMEOUT_MS (10 * 60 * 1000)
#define LEAVE_TIMEOUT_MS 2000 /* whoever ends us waits for it */
#define AGAIN_MS 1000
#define LASTS_MAX_S (INT64_C(3660) * 24 * 3600)

bool slk_miner_may_come_back(slk_err code)
{
    return code == SLK_E_UNREACHABLE || code == SLK_E_TIMEOUT || code == SLK_E_BUSY;
}

static slk_err invoke(const slk_miner *miner, const char *method, const json_t *params,
                      json_t **ret_result, slk_error *error)
{
    const slk_rpc_how how = {.job = miner->job};
    for (;;) {
        const slk_err code =
            slk_rpc_invoke(miner->rpc, method, params, &how, ret_result, NULL, error);
        if (!miner->patient || !slk_miner_may_come_back(code))
            return code;
        SLK_TRY(slk_job_check(miner->job, error));
        slk_clock_sleep_ms(AGAIN_MS);
    }
}

/* One call; params is stolen. ret_result NULL: dropped. */
static slk_err call(const slk_miner *miner, const char *method, json_t *params, json_t **ret_result,
                    slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *owned = params;
    json_t *result = NULL;
    if (!owned)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for %s", method);
    SLK_TRY(invoke(miner, method, owned, &result, error));
    if (ret_result)
        *ret_result = result;
    else
        json_decref(result);
    return SLK_OK;
}

static slk_err answered_wrong(const char *method, slk_error *error)
{
    return slk_fail_context(error, SLK_E_PROTO, "the answer of %s", method);
}

/* ---- who is there ---- */

slk_err slk_miner_version(const slk_miner *miner, slk_lotus_version *ret_version, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    SLK_TRY(call(miner, "Filecoin.Version", json_array(), &result, error));
    if (slk_lotus_version_read(ret_version, result, "Version", error) != SLK_OK)
        return answered_wrong("Version", error);
    return SLK_OK;
}

slk_err slk_miner_address(const slk_miner *miner, char *out, size_t n, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    SLK_TRY(call(miner, "Filecoin.ActorAddress", json_array(), &result, error));
    const char *text = json_string_value(result);
    if (!text || strlen(text) >= n)
        return slk_fail(error, SLK_E_PROTO, "ActorAddress answered no address");
    (void)snprintf(out, n, "%s", text);
    return SLK_OK;
}

slk_err slk_miner_sector_size(const slk_miner *miner, const char *address, uint64_t *ret_bytes,
                              slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    SLK_TRY(call(miner, "Filecoin.ActorSectorSize", json_pack("[s]", address), &result, error));
    int64_t bytes = 0;
    if (slk_json_as_i64(&bytes, result, "size", error) != SLK_OK || bytes <= 0)
        return slk_fail(error, SLK_E_PROTO, "ActorSectorSize answered no size");
    *ret_bytes = (uint64_t)bytes;
    return SLK_OK;
}

slk_err slk_miner_session(const slk_miner *miner, char ret_uuid[SLK_UUID_CHARS], slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    SLK_TRY(call(miner, "Filecoin.Session", json_array(), &result, error));
    if (slk_lotus_uuid_read(ret_uuid, result, "Session", error) != SLK_OK)
        return answered_wrong("Session", error);
    return SLK_OK;
}

slk_err slk_miner_connect(const slk_miner *miner, const char *url, slk_error *error)
{
    return call(miner, "Filecoin.WorkerConnect", json_pack("[s]", url), NULL, error);
}

slk_err slk_miner_leave(const slk_miner *miner, const char *session, slk_error *error)
{
    const slk_rpc_how how = {.timeout_ms = LEAVE_TIMEOUT_MS, .job = miner->job};
    return slk_rpc_tell(miner->rpc, "Selkie.WorkerLeave", json_pack("[s]", session), &how, NULL,
                        error);
}

slk_err slk_miner_auth_verify(const slk_miner *miner, const char *token,
                              slk_lotus_strings *ret_words, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *wrapped = NULL;
    const slk_err code =
        call(miner, "Filecoin.AuthVerify", json_pack("[s]", token), &result, error);
    if (code == SLK_E_CONFLICT || code == SLK_E_INVAL)
        return slk_fail(error, SLK_E_AUTH, "the token is not one of the node's");
    SLK_TRY(code);
    wrapped = json_pack("{sO}", "Allow", result);
    if (!wrapped)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a token");
    if (slk_lotus_strings_read(ret_words, wrapped, "Allow", error) != SLK_OK)
        return answered_wrong("AuthVerify", error);
    return SLK_OK;
}

/* ---- the storage index ---- */

slk_err slk_miner_attach(const slk_miner *miner, const slk_lotus_path *path,
                         const slk_lotus_fs_stat *stat, slk_error *error)
{
    return call(miner, "Filecoin.StorageAttach",
                json_pack("[oo]", slk_lotus_path_json(path), slk_lotus_fs_stat_json(stat)), NULL,
                error);
}

slk_err slk_miner_detach(const slk_miner *miner, const char *path_id, const char *url,
                         slk_error *error)
{
    return call(miner, "Filecoin.StorageDetach", json_pack("[ss]", path_id, url), NULL, error);
}

slk_err slk_miner_report_health(const slk_miner *miner, const char *path_id,
                                const slk_lotus_health *health, slk_error *error)
{
    return call(miner, "Filecoin.StorageReportHealth",
                json_pack("[so]", path_id, slk_lotus_health_json(health)), NULL, error);
}

slk_err slk_miner_declare(const slk_miner *miner, const char *path_id,
                          const slk_lotus_sector *sector, unsigned types, bool primary,
                          slk_error *error)
{
    return call(miner, "Filecoin.StorageDeclareSector",
                json_pack("[soib]", path_id, slk_lotus_sector_json(sector), (int)types, primary),
                NULL, error);
}

slk_err slk_miner_drop(const slk_miner *miner, const char *path_id, const slk_lotus_sector *sector,
                       unsigned types, slk_error *error)
{
    return call(miner, "Filecoin.StorageDropSector",
                json_pack("[soi]", path_id, slk_lotus_sector_json(sector), (int)types), NULL,
                error);
}

slk_err slk_miner_list(const slk_miner *miner, json_t **ret_list, slk_error *error)
{
    json_t *result = NULL;
    SLK_TRY(call(miner, "Filecoin.StorageList", json_array(), &result, error));
    if (!json_is_object(result)) {
        json_decref(result);
        return slk_fail(error, SLK_E_PROTO, "StorageList answered no list of paths");
    }
    *ret_list = result;
    return SLK_OK;
}

slk_err slk_miner_find(const slk_miner *miner, const slk_lotus_sector *sector, unsigned type,
                       slk_lotus_places *ret_places, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    SLK_TRY(call(miner, "Filecoin.StorageFindSector",
                 json_pack("[oiib]", slk_lotus_sector_json(sector), (int)type, 0, 0), &result,
                 error));
    if (slk_lotus_places_read(ret_places, result, "places", error) != SLK_OK)
        return answered_wrong("StorageFindSector", error);
    return SLK_OK;
}

/* ---- tokens of a node of ours ---- */

static slk_err take_text(char *out, size_t n, const json_t *object, const char *name,
                         slk_error *error)
{
    const char *text = NULL;
    SLK_TRY(slk_json_string(&text, object, name, error));
    if (strlen(text) >= n)
        return slk_fail(error, SLK_E_PROTO, "%s is too long", name);
    (void)snprintf(out, n, "%s", text);
    return SLK_OK;
}

slk_err slk_miner_worker_token(const slk_miner *miner, char **ret_token, char ret_id64[64],
                               int64_t *ret_lasts_s, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    const char *text = NULL;
    char id[64];
    int64_t lasts_s = 0;
    SLK_TRY(call(miner, "Selkie.WorkerToken", json_array(), &result, error));
    if (take_text(id, sizeof id, result, "Id", error) != SLK_OK ||
        slk_json_string(&text, result, "Token", error) != SLK_OK ||
        slk_json_i64(&lasts_s, result, "LastsS", error) != SLK_OK)
        return answered_wrong("WorkerToken", error);
    if (lasts_s < 1 || lasts_s > LASTS_MAX_S || strlen(text) >= SLK_JWT_MAX_CHARS)
        return slk_fail(error, SLK_E_PROTO, "WorkerToken answered no token that can be used");
    char *token = slk_strdup(text);
    if (!token)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a token");
    *ret_token = token;
    memcpy(ret_id64, id, sizeof id);
    *ret_lasts_s = lasts_s;
    return SLK_OK;
}

slk_err slk_miner_fetch_key(const slk_miner *miner, const char *url, slk_fetch_key *ret_key,
                            slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    slk_fetch_key key;
    SLK_TRY(call(miner, "Selkie.FetchKey", json_pack("[s]", url), &result, error));
    if (take_text(key.token, sizeof key.token, result, "Token", error) != SLK_OK ||
        take_text(key.pin, sizeof key.pin, result, "Pin", error) != SLK_OK)
        return answered_wrong("FetchKey", error);
    *ret_key = key;
    return SLK_OK;
}

/* ---- returns ---- */

/* The node has this result already: told before its answer was lost on the way. */
static bool has_it(const slk_rpc_peer_error *peer)
{
    return peer->is_set && (strstr(peer->message, "already reported") ||
                            strstr(peer->message, "already has a response"));
}

slk_err slk_miner_return(const slk_miner *miner, const char *method, const slk_lotus_call_id *id,
                         json_t *value, const char *file, const slk_lotus_fault *fault,
                         slk_error *error)
{
    char name[64];
    (void)snprintf(name, sizeof name, "Filecoin.%s", method);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *params = json_pack("[o]", slk_lotus_call_id_json(id));
    slk_rpc_peer_error peer = {0};
    json_t *result = NULL;
    bool built = params != NULL;
    if (file || value)
        built =
            built && json_array_append_new(params, file ? json_null() : json_incref(value)) == 0;
    built = built && json_array_append_new(params, slk_lotus_fault_json(fault)) == 0;
    if (!built)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for %s", name);
    const slk_rpc_how how = {
        .timeout_ms = RETURN_TIMEOUT_MS, .job = miner->job, .file = file, .file_param = 1};
    const slk_err code = slk_rpc_invoke(miner->rpc, name, params, &how, &result, &peer, error);
    json_decref(result);
    return code != SLK_OK && has_it(&peer) ? SLK_OK : code;
}
