/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The storage index as workers ask and tell it. source: reference/lotus-worker 5.2 */
#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "farm/api_impl.h"
#include "lotus/types.h"

static slk_farm_index *index_of(void *context)
{
    const slk_farm_api *api = context;
    return slk_farm_get_index(api->options.farm);
}

static const json_t *at(const slk_rpc_call *call, size_t i)
{
    return json_array_get(call->params, i);
}

/* Reads parameter i or fails as a bad one. */
#define PARAM(call, i, read, out)                                 \
    do {                                                          \
        if (read(out, at(call, i), "parameter", error) != SLK_OK) \
            return slk_rpc_bad_param_error(call, i, error);       \
    } while (0)

static slk_err text_at(const char **ret, const slk_rpc_call *call, size_t i, slk_error *error)
{
    *ret = json_string_value(at(call, i));
    return *ret ? SLK_OK : slk_rpc_bad_param(call, i, "a text", error);
}

static slk_err number_at(uint64_t *ret, const slk_rpc_call *call, size_t i, slk_error *error)
{
    int64_t value = 0;
    if (slk_json_as_i64(&value, at(call, i), "parameter", error) != SLK_OK || value < 0)
        return slk_rpc_bad_param(call, i, "a number", error);
    *ret = (uint64_t)value;
    return SLK_OK;
}

/* Its URLs lead to who calls; kept as they are from here on, without the pins. */
static slk_err open_doors(const slk_farm_api *api, slk_lotus_path *path, const slk_rpc_call *call,
                          slk_error *error)
{
    slk_farm_doors *doors = slk_farm_get_doors(api->options.farm);
    slk_farm_who who;
    SLK_TRY(slk_farm_api_who(&who, api, call, error));
    for (size_t i = 0; i < path->urls.n; i++) {
        SLK_TRY(slk_farm_doors_open(doors, path->urls.item[i], &who, error));
        slk_farm_url_plain(path->urls.item[i]);
    }
    return SLK_OK;
}

slk_err slk_farm_api_attach(void *context, const slk_rpc_call *call, json_t **ret_result,
                            slk_error *error)
{
    (void)ret_result;
    slk_lotus_path path;
    slk_lotus_fs_stat stat;
    PARAM(call, 1, slk_lotus_fs_stat_read, &stat);
    PARAM(call, 0, slk_lotus_path_read, &path);
    slk_err code = open_doors(context, &path, call, error);
    if (code == SLK_OK)
        code =
            slk_farm_index_attach(index_of(context), &path, &stat, slk_clock_monotonic_ms(), error);
    slk_lotus_path_done(&path);
    return code;
}

slk_err slk_farm_api_detach(void *context, const slk_rpc_call *call, json_t **ret_result,
                            slk_error *error)
{
    (void)ret_result;
    char id[SLK_UUID_CHARS];
    const char *url;
    PARAM(call, 0, slk_lotus_uuid_read, id);
    SLK_TRY(text_at(&url, call, 1, error));
    SLK_CLEANUP(slk_freep) char *plain = slk_strdup(url);
    if (!plain)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a URL");
    slk_farm_url_plain(plain);
    return slk_farm_index_detach(index_of(context), id, plain, error);
}

slk_err slk_farm_api_report(void *context, const slk_rpc_call *call, json_t **ret_result,
                            slk_error *error)
{
    (void)ret_result;
    char id[SLK_UUID_CHARS];
    slk_lotus_health health;
    PARAM(call, 0, slk_lotus_uuid_read, id);
    PARAM(call, 1, slk_lotus_health_read, &health);
    return slk_farm_index_report(index_of(context), id, &health, slk_clock_monotonic_ms(), error);
}

slk_err slk_farm_api_declare(void *context, const slk_rpc_call *call, json_t **ret_result,
                             slk_error *error)
{
    (void)ret_result;
    char id[SLK_UUID_CHARS];
    slk_lotus_sector sector;
    unsigned types;
    bool primary;
    PARAM(call, 0, slk_lotus_uuid_read, id);
    PARAM(call, 1, slk_lotus_sector_read, &sector);
    PARAM(call, 2, slk_lotus_types_read, &types);
    SLK_TRY(slk_rpc_flag(&primary, call, 3, error));
    return slk_farm_index_declare(index_of(context), id, &sector, types, primary, error);
}

slk_err slk_farm_api_drop(void *context, const slk_rpc_call *call, json_t **ret_result,
                          slk_error *error)
{
    (void)ret_result;
    char id[SLK_UUID_CHARS];
    slk_lotus_sector sector;
    unsigned types;
    PARAM(call, 0, slk_lotus_uuid_read, id);
    PARAM(call, 1, slk_lotus_sector_read, &sector);
    PARAM(call, 2, slk_lotus_types_read, &types);
    slk_farm_index_drop(index_of(context), id, &sector, types);
    return SLK_OK;
}

slk_err slk_farm_api_find(void *context, const slk_rpc_call *call, json_t **ret_result,
                          slk_error *error)
{
    slk_lotus_sector sector;
    unsigned types;
    uint64_t bytes;
    bool allow_fetch;
    slk_lotus_places places;
    PARAM(call, 0, slk_lotus_sector_read, &sector);
    PARAM(call, 1, slk_lotus_types_read, &types);
    SLK_TRY(number_at(&bytes, call, 2, error));
    SLK_TRY(slk_rpc_flag(&allow_fetch, call, 3, error));
    SLK_TRY(slk_farm_index_find(&places, index_of(context), &sector, types, bytes, allow_fetch,
                                slk_clock_monotonic_ms(), error));
    json_t *value = slk_lotus_places_json(&places);
    slk_lotus_places_done(&places);
    return slk_rpc_give(ret_result, value, error);
}

slk_err slk_farm_api_best(void *context, const slk_rpc_call *call, json_t **ret_result,
                          slk_error *error)
{
    unsigned types;
    uint64_t bytes, miner;
    slk_lotus_path_type use;
    slk_lotus_path *list = NULL;
    size_t n = 0;
    PARAM(call, 0, slk_lotus_types_read, &types);
    SLK_TRY(number_at(&bytes, call, 1, error));
    PARAM(call, 2, slk_lotus_path_type_read, &use);
    SLK_TRY(number_at(&miner, call, 3, error));
    SLK_TRY(slk_farm_index_best(&list, &n, index_of(context), types, bytes, use, miner,
                                slk_clock_monotonic_ms(), error));
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++) {
        if (all && json_array_append_new(all, slk_lotus_path_json(&list[i])) != 0) {
            json_decref(all);
            all = NULL;
        }
        slk_lotus_path_done(&list[i]);
    }
    slk_free(list);
    return slk_rpc_give(ret_result, all, error);
}

slk_err slk_farm_api_info(void *context, const slk_rpc_call *call, json_t **ret_result,
                          slk_error *error)
{
    char id[SLK_UUID_CHARS];
    slk_lotus_path path;
    PARAM(call, 0, slk_lotus_uuid_read, id);
    SLK_TRY(slk_farm_index_path(&path, index_of(context), id, error));
    json_t *value = slk_lotus_path_json(&path);
    slk_lotus_path_done(&path);
    return slk_rpc_give(ret_result, value, error);
}

slk_err slk_farm_api_stat(void *context, const slk_rpc_call *call, json_t **ret_result,
                          slk_error *error)
{
    char id[SLK_UUID_CHARS];
    slk_lotus_fs_stat stat;
    PARAM(call, 0, slk_lotus_uuid_read, id);
    SLK_TRY(slk_farm_index_stat(&stat, index_of(context), id, error));
    return slk_rpc_give(ret_result, slk_lotus_fs_stat_json(&stat), error);
}

/* Folders of this process among the paths: none, a node's own are no storage paths of Lotus's. */
slk_err slk_farm_api_local(void *context, const slk_rpc_call *call, json_t **ret_result,
                           slk_error *error)
{
    (void)context;
    (void)call;
    return slk_rpc_give(ret_result, json_object(), error);
}

slk_err slk_farm_api_list(void *context, const slk_rpc_call *call, json_t **ret_result,
                          slk_error *error)
{
    (void)call;
    return slk_rpc_give(ret_result, slk_farm_index_list(index_of(context)), error);
}

/* A lock over HTTP ends with its call, so that nobody can hold one: steps of a sector are kept apart by
 * the node. */
slk_err slk_farm_api_locks(void *context, const slk_rpc_call *call, json_t **ret_result,
                           slk_error *error)
{
    (void)context;
    (void)call;
    return slk_rpc_give(ret_result, json_pack("{s[]}", "Locks"), error);
}

slk_err slk_farm_api_lock(void *context, const slk_rpc_call *call, json_t **ret_result,
                          slk_error *error)
{
    (void)context;
    (void)ret_result;
    slk_lotus_sector sector;
    PARAM(call, 0, slk_lotus_sector_read, &sector);
    return SLK_OK;
}

slk_err slk_farm_api_try_lock(void *context, const slk_rpc_call *call, json_t **ret_result,
                              slk_error *error)
{
    SLK_TRY(slk_farm_api_lock(context, call, ret_result, error));
    return slk_rpc_give(ret_result, json_true(), error);
}
