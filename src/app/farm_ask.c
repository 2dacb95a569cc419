/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/farm_ask.h"

#include "app/later.h"
#include "app/lock.h"
#include "app/lotus_api.h"
#include "app/lotus_keys.h"
#include "app/repo.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "rpc/client.h"
#include "rpc/permission.h"

#include <string.h>

slk_err slk_farm_ask(json_t **ret, const char *folder, const char *method, json_t *params,
                     int64_t timeout_ms, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *given = params;
    SLK_CLEANUP(slk_lotus_api_done) slk_lotus_api api = {0};
    SLK_CLEANUP(slk_rpc_client_freep) slk_rpc_client *client = NULL;
    if (!given)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a question");
    slk_err code = slk_lotus_api_repo(&api, folder, error);
    if (code == SLK_E_NOTFOUND)
        return slk_repo_no_node(folder, error);
    SLK_TRY(code);
    const slk_rpc_client_options at = {
        .url = api.url, .bearer = api.info.token, .pin = api.pin, .later = slk_later_wait};
    const slk_rpc_how how = {.timeout_ms = timeout_ms};
    SLK_TRY(slk_rpc_client_new(&client, &at, error));
    code = slk_rpc_invoke(client, method, given, &how, ret, NULL, error);
    slk_lock_holder holder = {0};
    if (code != SLK_E_UNREACHABLE || slk_lock_look(&holder, folder, NULL) != SLK_OK || holder.pid)
        return code;
    return slk_repo_no_node(folder, error); /* it was killed, and left where it served */
}

static slk_err read_permissions(unsigned *ret, const char *perm, slk_error *error)
{
    const unsigned bit = slk_rpc_permission_of(perm);
    const unsigned set = bit == SLK_RPC_WORKER ? bit : slk_rpc_permissions_of_level(bit);
    if (!set)
        return slk_fail(error, SLK_E_INVAL,
                        "no permission `%.40s`: read, write, sign, admin or worker", perm);
    *ret = set;
    return SLK_OK;
}

/* That of the node's own token, which was made when it started to serve. */
static void find_pin(char out64[64], const char *folder)
{
    SLK_CLEANUP(slk_lotus_api_done) slk_lotus_api api = {0};
    out64[0] = 0;
    if (slk_lotus_api_repo(&api, folder, NULL) == SLK_OK)
        memcpy(out64, api.pin, sizeof api.pin);
}

slk_err slk_farm_make_token(char **ret_token, const char *folder, const char *perm,
                            int64_t lasts_ms, slk_error *error)
{
    unsigned permissions = 0;
    uint8_t secret[SLK_JWT_SECRET_BYTES];
    SLK_TRY(read_permissions(&permissions, perm, error));
    SLK_TRY(slk_repo_check(folder, error));
    SLK_TRY(slk_lotus_secret(secret, folder, error));
    char pin[64];
    find_pin(pin, folder);
    const slk_lotus_grant grant = {.own = true,
                                   .expires_s =
                                       lasts_ms ? (slk_clock_wall_ms() + lasts_ms) / 1000 : 0,
                                   .pin = pin};
    const slk_err code = slk_lotus_token(ret_token, secret, permissions, &grant, error);
    slk_bytes_wipe(secret, sizeof secret);
    return code;
}
