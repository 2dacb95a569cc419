/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/worker_link.h"

#include "app/later.h"
#include "base/mem.h"
#include "codec/json.h"

static void link_done(slk_worker_link *link)
{
    slk_rpc_client_free(link->rpc);
    slk_lotus_api_done(&link->api);
}

static slk_err find_worker(slk_lotus_api *ret_api, const slk_options *options, slk_error *error)
{
    static const char *const names[] = {"WORKER_API_INFO", NULL};
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    slk_err code = slk_lotus_api_env(ret_api, names, error);
    if (code != SLK_E_NOTFOUND)
        return code;
    SLK_TRY(slk_home_path(&folder, slk_options_text(options, "worker-repo"), error));
    code = slk_lotus_api_repo(ret_api, folder, error);
    if (code == SLK_E_NOTFOUND)
        return slk_fail(error, SLK_E_NOTFOUND,
                        "no worker runs in %s: `selkie worker run --worker-repo %s` starts it, and "
                        "WORKER_API_INFO names one elsewhere",
                        folder, folder);
    return code;
}

static slk_err link_open(slk_worker_link *link, const slk_options *options, slk_error *error)
{
    SLK_TRY(find_worker(&link->api, options, error));
    const slk_rpc_client_options rpc = {.url = link->api.url,
                                        .bearer = link->api.info.token,
                                        .pin = link->api.pin,
                                        .later = slk_later_wait};
    return slk_rpc_client_new(&link->rpc, &rpc, error);
}

slk_err slk_worker_ask(slk_worker_link *link, const char *method, json_t *params, json_t **ret,
                       slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *owned = params;
    if (!owned)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return slk_rpc_invoke(link->rpc, method, owned, NULL, ret, NULL, error);
}

slk_err slk_worker_tell(slk_worker_link *link, const char *method, json_t *params, slk_error *error)
{
    return slk_rpc_tell(link->rpc, method, params, NULL, NULL, error);
}

int slk_worker_with_link(const slk_command *command, const slk_options *options,
                         slk_worker_action *act)
{
    slk_error error = {0};
    slk_worker_link link = {0};
    slk_err code = link_open(&link, options, &error);
    if (code == SLK_OK)
        code = act(&link, options, &error);
    link_done(&link);
    return code == SLK_OK ? SLK_EXIT_DONE : slk_command_fail(command, options, code, &error);
}
