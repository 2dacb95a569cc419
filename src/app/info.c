/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/info.h"

#include "app/farm_ask.h"
#include "app/lock.h"
#include "app/service.h"
#include "base/file.h"
#include "base/mem.h"
#include "codec/json.h"
#include "monitor/alerts.h"
#include "seal/board.h"
#include "seal/summary.h"
#include "seal/view.h"

#include <string.h>
#include <sys/statvfs.h>

#define USE_MS 500

static slk_err no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory");
}

static slk_err put_view(json_t *info, const char *name, slk_service_list *of, slk_node *node,
                        slk_error *error)
{
    json_t *value = NULL;
    SLK_TRY(slk_service_read(&value, of, node, error));
    return json_object_set_new(info, name, value) == 0 ? SLK_OK : no_memory(error);
}

/* The members of a view's object become members of info. */
static slk_err merge_view(json_t *info, slk_service_list *of, slk_node *node, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    SLK_TRY(slk_service_read(&value, of, node, error));
    return json_object_update(info, value) == 0 ? SLK_OK : no_memory(error);
}

static slk_err put_counts(json_t *info, slk_error *error)
{
    int64_t sectors = 0, failed = 0;
    const json_t *miners = json_object_get(info, "miners");
    for (size_t i = 0; i < json_array_size(miners); i++) {
        const json_t *row = json_array_get(miners, i);
        sectors += slk_service_number(row, "count");
        failed += slk_service_number(row, "failed");
    }
    json_t *counts = json_pack("{s:I,s:I}", "sectors", (json_int_t)sectors, "failed_sectors",
                               (json_int_t)failed);
    const bool ok = counts && json_object_update(info, counts) == 0;
    json_decref(counts);
    return ok ? SLK_OK : no_memory(error);
}

static json_t *disk_json(const char *name, const char *folder)
{
    struct statvfs fs;
    if (statvfs(folder, &fs) != 0)
        return json_pack("{s:s,s:s,s:n,s:n}", "name", name, "folder", folder, "free_bytes",
                         "total_bytes");
    return json_pack("{s:s,s:s,s:I,s:I}", "name", name, "folder", folder, "free_bytes",
                     (json_int_t)((uint64_t)fs.f_bavail * fs.f_frsize), "total_bytes",
                     (json_int_t)((uint64_t)fs.f_blocks * fs.f_frsize));
}

static slk_err put_machine(json_t *info, const slk_node *node, slk_error *error)
{
    const slk_config *config = &node->repo.config;
    json_t *machine = json_pack("{s:[o,o,o],s:[{s:s,s:I},{s:s,s:I},{s:s,s:I},{s:s,s:I},{s:s,s:I}]}",
                                "disks", disk_json("repository", node->repo.folder),
                                disk_json("scratch", node->scratch_folder),
                                disk_json("storage", node->storage_folder), "workers", "class",
                                "compute", "limit", (json_int_t)config->compute_workers, "class",
                                "snark", "limit", (json_int_t)config->snark_workers, "class",
                                "transfer", "limit", (json_int_t)config->transfer_workers, "class",
                                "call", "limit", (json_int_t)config->call_workers, "class", "chain",
                                "limit", (json_int_t)config->chain_workers);
    const bool ok = machine && json_object_update(info, machine) == 0;
    json_decref(machine);
    return ok ? SLK_OK : no_memory(error);
}

static slk_err put_own(json_t *info, const slk_node *node, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *url = NULL;
    slk_lock_holder holder = {0};
    uint64_t free_bytes = 0;
    if (slk_repo_url(&url, &node->repo, NULL) != SLK_OK)
        url = slk_strdup("");
    SLK_TRY(slk_folder_free_bytes(&free_bytes, node->repo.folder, error));
    SLK_TRY(slk_lock_look(&holder, node->repo.folder, error));
    json_t *process = holder.pid ? json_pack("{s:I,s:b}", "pid", (json_int_t)holder.pid, "serving",
                                             holder.serving ? 1 : 0)
                                 : json_null();
    json_t *own = json_pack("{s:s,s:s,s:s,s:s,s:b,s:I,s:o}", "node", node->repo.name, "version",
                            SLK_VERSION, "repository", node->repo.folder, "url", url ? url : "",
                            "development", node->repo.config.development ? 1 : 0, "free_bytes",
                            (json_int_t)free_bytes, "process", process);
    const bool ok = own && json_object_update(info, own) == 0;
    json_decref(own);
    return ok ? SLK_OK : no_memory(error);
}

static slk_err put_chain(json_t *info, slk_node *node, bool ask, slk_error *error)
{
    slk_network network;
    slk_error why = {0};
    int64_t head = 0;
    json_t *value = NULL;
    if (!node->chain || !ask) {
        value = json_pack("{s:b}", "configured", node->chain ? 1 : 0);
        return json_object_set_new(info, "chain", value) == 0 ? SLK_OK : no_memory(error);
    }
    const slk_seal_chain *chain = &slk_seal_get_ops(node->seal)->chain;
    slk_err code = slk_chain_ops_network(node->chain, &network, &why);
    if (code == SLK_OK)
        code = chain->head(chain->ctx, &head, &why);
    value = code == SLK_OK
                ? json_pack("{s:b,s:s,s:I,s:s}", "configured", 1, "network", network.name, "head",
                            (json_int_t)head, "node", network.node_version)
                : json_pack("{s:b,s:s}", "configured", 1, "error", slk_error_text(&why, code));
    return json_object_set_new(info, "chain", value) == 0 ? SLK_OK : no_memory(error);
}

static slk_err put_alerts(json_t *info, const slk_node *node, slk_error *error)
{
    json_t *list = NULL;
    SLK_TRY(slk_alerts_list(&list, node->db, false, error));
    return json_object_set_new(info, "alerts", list) == 0 ? SLK_OK : no_memory(error);
}

/* What a running node's workers do; null when it does not tell within the time of a look. */
static slk_err put_worker_use(json_t *info, const slk_node *node, slk_error *error)
{
    json_t *use = NULL;
    slk_error why = {0};
    if (!json_is_object(json_object_get(info, "process")) ||
        slk_farm_ask(&use, node->repo.folder, "Selkie.WorkerUse", json_array(), USE_MS, &why) !=
            SLK_OK)
        use = json_null();
    return json_object_set_new(info, "worker_use", use) == 0 ? SLK_OK : no_memory(error);
}

slk_err slk_info_gather(json_t **ret_info, slk_node *node, bool ask_chain, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *info = json_object();
    if (!info)
        return no_memory(error);
    SLK_TRY(put_own(info, node, error));
    SLK_TRY(put_worker_use(info, node, error));
    SLK_TRY(merge_view(info, slk_summary, node, error));
    SLK_TRY(put_counts(info, error));
    SLK_TRY(put_alerts(info, node, error));
    SLK_TRY(merge_view(info, slk_board_overview, node, error));
    SLK_TRY(put_view(info, "nodes", slk_board_nodes, node, error));
    SLK_TRY(put_view(info, "partners", slk_view_partners, node, error));
    SLK_TRY(put_view(info, "providers", slk_view_providers, node, error));
    SLK_TRY(put_machine(info, node, error));
    SLK_TRY(put_chain(info, node, ask_chain, error));
    *ret_info = json_incref(info);
    return SLK_OK;
}
