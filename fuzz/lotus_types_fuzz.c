/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every value of Lotus's two APIs that we read. The input is JSON; each reader tries it, and what one
 * takes prints to what it takes again. */
#include "fuzz.h"

#include "base/mem.h"
#include "codec/json.h"
#include "lotus/storage.h"
#include "lotus/types.h"
#include "lotus/worker_info.h"

#include <string.h>

#define MAX_BYTES 65536u
#define NOT_NULL(value) slk_assert((value) != NULL)

static void small_values(const json_t *value)
{
    slk_error error = {0};
    slk_lotus_sector_ref ref, ref2;
    slk_lotus_call_id call, call2;
    slk_lotus_cids cids, cids2;
    slk_lotus_fault fault, fault2;
    if (slk_lotus_sector_ref_read(&ref, value, "ref", &error) == SLK_OK) {
        SLK_CLEANUP(slk_json_decrefp) json_t *again = slk_lotus_sector_ref_json(&ref);
        slk_assert(slk_lotus_sector_ref_read(&ref2, again, "ref", &error) == SLK_OK);
        slk_assert(slk_lotus_sector_equal(&ref.id, &ref2.id) && ref.proof == ref2.proof);
    }
    if (slk_lotus_call_id_read(&call, value, "call", &error) == SLK_OK) {
        SLK_CLEANUP(slk_json_decrefp) json_t *again = slk_lotus_call_id_json(&call);
        slk_assert(slk_lotus_call_id_read(&call2, again, "call", &error) == SLK_OK);
        slk_assert(slk_lotus_sector_equal(&call.sector, &call2.sector) &&
                   strcmp(call.uuid, call2.uuid) == 0);
    }
    if (slk_lotus_cids_read(&cids, value, "cids", &error) == SLK_OK) {
        SLK_CLEANUP(slk_json_decrefp) json_t *again = slk_lotus_cids_json(&cids);
        slk_assert(slk_lotus_cids_read(&cids2, again, "cids", &error) == SLK_OK);
        slk_assert(cids.defined == cids2.defined);
    }
    if (slk_lotus_fault_read(&fault, value, "fault", &error) == SLK_OK) {
        SLK_CLEANUP(slk_json_decrefp) json_t *again = slk_lotus_fault_json(&fault);
        slk_assert(slk_lotus_fault_read(&fault2, again, "fault", &error) == SLK_OK);
        slk_assert(fault.failed == fault2.failed && strcmp(fault.message, fault2.message) == 0);
    }
}

static void parameters(const json_t *value)
{
    slk_error error = {0};
    slk_lotus_pieces pieces;
    slk_lotus_range *ranges;
    slk_lotus_source source;
    uint64_t *sizes, sum;
    uint8_t random[32];
    size_t n;
    if (slk_lotus_pieces_read(&pieces, value, "pieces", &error) == SLK_OK) {
        (void)!slk_lotus_pieces_bytes(&sum, &pieces);
        slk_lotus_pieces_done(&pieces);
    }
    if (slk_lotus_sizes_read(&sizes, &n, value, "sizes", &error) == SLK_OK)
        slk_free(sizes);
    if (slk_lotus_ranges_read(&ranges, &n, value, "ranges", &error) == SLK_OK) {
        for (size_t i = 0; i < n; i++)
            slk_assert(ranges[i].offset + ranges[i].bytes <= INT64_MAX);
        slk_free(ranges);
    }
    if (slk_lotus_source_read(&source, value, "source", &error) == SLK_OK) {
        SLK_CLEANUP(slk_json_decrefp) json_t *again = slk_lotus_source_json(&source);
        NOT_NULL(again);
    }
    (void)!slk_lotus_randomness_read(random, value, "ticket", &error);
}

static void storage(const json_t *value)
{
    slk_error error = {0};
    slk_lotus_path path, path2;
    slk_lotus_health health;
    slk_lotus_places places;
    slk_lotus_local_paths local;
    slk_lotus_declaration declaration;
    if (slk_lotus_path_read(&path, value, "path", &error) == SLK_OK) {
        SLK_CLEANUP(slk_json_decrefp) json_t *again = slk_lotus_path_json(&path);
        slk_assert(slk_lotus_path_read(&path2, again, "path", &error) == SLK_OK);
        slk_assert(path.urls.n == path2.urls.n && path.weight == path2.weight);
        slk_lotus_path_done(&path);
        slk_lotus_path_done(&path2);
    }
    if (slk_lotus_health_read(&health, value, "health", &error) == SLK_OK) {
        SLK_CLEANUP(slk_json_decrefp) json_t *again = slk_lotus_health_json(&health);
        slk_assert(slk_lotus_health_read(&health, again, "health", &error) == SLK_OK);
    }
    if (slk_lotus_places_read(&places, value, "places", &error) == SLK_OK) {
        SLK_CLEANUP(slk_json_decrefp) json_t *again = slk_lotus_places_json(&places);
        NOT_NULL(again);
        slk_lotus_places_done(&places);
    }
    if (slk_lotus_local_paths_read(&local, value, "paths", &error) == SLK_OK) {
        SLK_CLEANUP(slk_json_decrefp) json_t *again = slk_lotus_local_paths_json(&local);
        NOT_NULL(again);
        slk_lotus_local_paths_done(&local);
    }
    (void)!slk_lotus_declaration_read(&declaration, value, "decl", &error);
}

static void workers(const json_t *value)
{
    slk_error error = {0};
    slk_lotus_worker_info info, info2;
    slk_lotus_version version;
    slk_lotus_job job, job2;
    slk_lotus_waiting waiting;
    slk_lotus_task_set set;
    if (slk_lotus_worker_info_read(&info, value, "info", &error) == SLK_OK) {
        SLK_CLEANUP(slk_json_decrefp) json_t *again = slk_lotus_worker_info_json(&info);
        slk_assert(slk_lotus_worker_info_read(&info2, again, "info", &error) == SLK_OK);
        slk_assert(info.table == NULL || memcmp(info.table, info2.table, sizeof *info.table) == 0);
        slk_lotus_worker_info_done(&info);
        slk_lotus_worker_info_done(&info2);
    }
    if (slk_lotus_job_read(&job, value, "job", &error) == SLK_OK) {
        SLK_CLEANUP(slk_json_decrefp) json_t *again = slk_lotus_job_json(&job);
        if (slk_lotus_job_read(&job2, again, "job", &error) == SLK_OK)
            slk_assert(job.start_ms == job2.start_ms);
        else /* five digits of a year are printed, not read */
            slk_assert(job.start_ms > INT64_C(253370764800000));
    }
    (void)!slk_lotus_version_read(&version, value, "version", &error);
    (void)!slk_lotus_waiting_read(&waiting, value, "waiting", &error);
    (void)!slk_lotus_task_set_read(&set, value, "tasks", &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    slk_error error = {0};
    if (slk_json_parse(&value, text, n, MAX_BYTES, &error) != SLK_OK)
        return 0;
    small_values(value);
    parameters(value);
    storage(value);
    workers(value);
    return 0;
}
