/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store/remote_fetch.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "store/files.h"
#include "store/room.h"
#include "store/store_impl.h"
#include "store/unsealed.h"
#include "transfer/fetch.h"

#include <stdio.h>
#include <string.h>

#define STALL_MS 30000

/* ---- one file ---- */

/* What a server says of a file before it is asked for all of it. */
typedef struct probe {
    uint64_t bytes;
    bool resumable; /* ranges, and a strong ETag that says of which file they are */
    bool told;
} probe;

static slk_err on_probe(void *context, const slk_http_response *response, const uint8_t *bytes,
                        size_t n, slk_error *error)
{
    (void)bytes;
    (void)n;
    probe *p = context;
    if (response->status == 206 && response->has_content_range) {
        *p = (probe){
            .bytes = response->range_total, .resumable = response->etag[0] == '"', .told = true};
        return SLK_OK;
    }
    if (response->status == 200 && response->content_length >= 0)
        *p = (probe){.bytes = slk_u64(response->content_length), .told = true};
    return slk_fail(error, SLK_E_CANCELED, "what follows is not wanted yet");
}

static slk_http_pass pass_of(const slk_store_fetch *fetch, size_t which)
{
    return fetch->passes ? fetch->passes[which] : (slk_http_pass){0};
}

static slk_err ask_size(probe *ret, const slk_store_fetch *fetch, size_t which, slk_job *job,
                        slk_error *error)
{
    probe p = {0};
    SLK_CLEANUP(slk_http_response_done) slk_http_response response = {0};
    const slk_http_pass pass = pass_of(fetch, which);
    const slk_http_request request = {.url = fetch->urls[which],
                                      .bearer = pass.bearer,
                                      .pin = pass.pin,
                                      .only = pass.only,
                                      .has_range = true,
                                      .sink = on_probe,
                                      .sink_context = &p,
                                      .job = job,
                                      .stall_timeout_ms = STALL_MS};
    slk_err code = slk_http_call(fetch->client, &request, &response, error);
    if (!p.told && code == SLK_OK)
        code = slk_http_expect_success(&response, "fetching a file", error);
    if (!p.told && code == SLK_OK)
        code = slk_fail(error, SLK_E_PROTO, "the peer does not say how large its file is");
    if (!p.told)
        return code;
    *ret = p;
    return SLK_OK;
}

static slk_err check_size(const slk_store_fetch *fetch, uint64_t bytes, slk_error *error)
{
    const uint64_t least = fetch->shape->bytes;
    const uint64_t most = fetch->type == SLK_LOTUS_UNSEALED
                              ? least + SLK_UNSEALED_RLE_MAX_BYTES + sizeof(uint32_t)
                              : least;
    if (bytes < least || bytes > most)
        return slk_fail(error, SLK_E_PROTO,
                        "the peer's %s file has %llu bytes; of a sector of %llu that is none",
                        slk_lotus_type_name(fetch->type), (unsigned long long)bytes,
                        (unsigned long long)least);
    return SLK_OK;
}

static slk_err check_unsealed(const slk_store_fetch *fetch, const char *temp, slk_error *error)
{
    SLK_CLEANUP(slk_unsealed_done) slk_unsealed file = SLK_UNSEALED_NONE;
    slk_error why = {0};
    const slk_err code = slk_unsealed_open(&file, temp, fetch->shape->bytes, false, &why);
    if (code != SLK_E_CORRUPT) {
        if (code != SLK_OK && error)
            *error = why;
        return code;
    }
    SLK_TRY(slk_remove_tree(temp, error));
    return slk_fail(error, SLK_E_PROTO, "the peer's unsealed file is none: %s", why.message);
}

static slk_err fetch_file(const slk_store_fetch *fetch, size_t which, const char *temp,
                          slk_job *job, slk_error *error)
{
    probe p = {0};
    SLK_TRY(ask_size(&p, fetch, which, job, error));
    SLK_TRY(check_size(fetch, p.bytes, error));
    const slk_fetch_from from = {.client = fetch->client,
                                 .url = fetch->urls[which],
                                 .pass = pass_of(fetch, which),
                                 .connections = fetch->connections,
                                 .whole = !p.resumable,
                                 .came = fetch->came};
    SLK_TRY(slk_fetch_file(&from, temp, p.bytes, job, error));
    return fetch->type == SLK_LOTUS_UNSEALED ? check_unsealed(fetch, temp, error) : SLK_OK;
}

/* ---- one folder ---- */

static bool has_p_aux(const slk_cache_set *set, const bool *has)
{
    size_t i = 0;
    while (i < set->n && strcmp(set->member[i].name, "p_aux") != 0)
        i++;
    return i < set->n && has[i];
}

/* What came of a finished cache is its first file. */
static slk_err note_lean(const char *cache, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(cache, SLK_CACHE_LEAN_FILE);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return slk_file_write_atomic(path, "", 0, 0644, error);
}

static slk_err fetch_folder(const slk_store_fetch *fetch, size_t which, const char *temp,
                            slk_job *job, slk_error *error)
{
    const bool finished = fetch->stage == SLK_CACHE_FINISHED;
    slk_cache_set set;
    bool has[SLK_FLAT_TAR_MEMBERS_MAX] = {false};
    const char *missing = NULL;
    SLK_CLEANUP(slk_freep)
    char *asked = slk_strf("%s%s", fetch->urls[which], finished ? "?only=finished" : "");
    if (!asked)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_cache_set_init(&set, fetch->shape, finished);
    const slk_fetch_from from = {
        .client = fetch->client, .url = asked, .pass = pass_of(fetch, which), .came = fetch->came};
    const slk_flat_untar_options options = {.folder = temp,
                                            .members = set.member,
                                            .n = set.n,
                                            .what = "the peer's cache archive",
                                            .open_end = true,
                                            .stops = finished && fetch->lean};
    SLK_TRY(slk_fetch_flat_tar(&from, has, &options, job, error));
    if (slk_cache_set_complete(&set, has, fetch->stage, &missing))
        return SLK_OK;
    if (options.stops && has_p_aux(&set, has))
        return note_lean(temp, error);
    if (options.stops) { /* in another order than Lotus's */
        slk_store_fetch all = *fetch;
        all.lean = false;
        return fetch_folder(&all, which, temp, job, error);
    }
    SLK_TRY(slk_remove_tree(temp, error));
    return slk_fail(error, SLK_E_PROTO, "the peer's cache archive is not complete: it lacks %s",
                    missing);
}

/* ---- one after the other ---- */

/* What another server may do better. */
static bool is_theirs(slk_err code)
{
    return code == SLK_E_UNREACHABLE || code == SLK_E_TIMEOUT || code == SLK_E_PROTO ||
           code == SLK_E_NOTFOUND || code == SLK_E_AUTH || code == SLK_E_BUSY ||
           code == SLK_E_INVAL || code == SLK_E_CONFLICT || code == SLK_E_UNSUPPORTED ||
           code == SLK_E_LIMIT;
}

static slk_err try_urls(const slk_store_fetch *fetch, const char *temp, size_t *ret_url,
                        slk_job *job, slk_error *error)
{
    slk_error first = {0};
    slk_err first_code = SLK_OK;
    const bool folder = slk_lotus_type_is_folder(fetch->type);
    for (size_t i = 0; i < fetch->n_urls; i++) {
        slk_error why = {0};
        const slk_err code = (folder ? fetch_folder : fetch_file)(fetch, i, temp, job, &why);
        *ret_url = i;
        if (code == SLK_OK)
            return SLK_OK;
        if (first_code == SLK_OK || !is_theirs(code)) {
            first_code = code;
            first = why;
        }
        if (!is_theirs(code))
            break;
    }
    if (error)
        *error = first;
    if (!is_theirs(first_code) || fetch->n_urls == 1)
        return first_code;
    return slk_fail_context(error, first_code, "none of %zu sources gave it; the first",
                            fetch->n_urls);
}

slk_err slk_store_fetch_to(const slk_store_fetch *fetch, const char *dest, const char *temp,
                           size_t *ret_url, slk_job *job, slk_error *error)
{
    size_t url = 0;
    slk_assert(fetch->n_urls > 0);
    if (fetch->type == SLK_LOTUS_PIECE || !slk_lotus_type_name(fetch->type))
        return slk_fail(error, SLK_E_UNSUPPORTED, "files of type %u are not fetched", fetch->type);
    if (slk_file_exists(dest))
        return slk_fail(error, SLK_E_EXISTS, "%s is there already", dest);
    /* A whole file that was not placed any more may be of an earlier sealing. */
    SLK_TRY(slk_remove_tree(temp, error));
    SLK_TRY(try_urls(fetch, temp, &url, job, error));
    SLK_TRY(slk_file_rename_durable(temp, dest, error));
    if (ret_url)
        *ret_url = url;
    return SLK_OK;
}

slk_err slk_store_fetch_forget(const char *temp, slk_error *error)
{
    SLK_TRY(slk_remove_tree(temp, error));
    return slk_fetch_forget(temp, error);
}

/* ---- into the store ---- */

slk_err slk_store_fetch_here(slk_store *store, const slk_store_path **ret_path, size_t *ret_url,
                             const slk_store_fetch *fetch, slk_lotus_path_type path_type,
                             slk_job *job, slk_error *error)
{
    const slk_err found = slk_store_find(store, ret_path, NULL, &fetch->sector, fetch->type, NULL);
    if (found == SLK_OK && ret_url)
        *ret_url = fetch->n_urls;
    if (found == SLK_OK)
        return SLK_OK;
    const slk_store_wish wish = {.sector = fetch->sector,
                                 .types = fetch->type,
                                 .sector_bytes = fetch->shape->bytes,
                                 .finalised = fetch->stage == SLK_CACHE_FINISHED,
                                 .path_type = path_type};
    SLK_CLEANUP(slk_store_room_freep) slk_store_room *room = NULL;
    SLK_TRY(slk_store_room_reserve(&room, store, &wish, error));
    SLK_TRY(slk_store_fetch_to(fetch, slk_store_room_file(room, fetch->type),
                               slk_store_room_temp(room, fetch->type), ret_url, job, error));
    /* Attempts may have begun on other paths. */
    SLK_TRY(slk_store_remove_attempts(store, &fetch->sector, fetch->type, error));
    *ret_path = slk_store_room_path(room, fetch->type);
    return slk_store_tell_placed(store, *ret_path, &fetch->sector, fetch->type, error);
}

/* ---- at the source ---- */

slk_err slk_store_delete_there(slk_http_client *client, const slk_http_pass *pass, const char *url,
                               const slk_lotus_strings *keep, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf target;
    SLK_CLEANUP(slk_http_response_done) slk_http_response response = {0};
    slk_buf_init(&target, 1 << 16);
    slk_err code = slk_buf_text(&target, url);
    for (size_t i = 0; keep && i < keep->n && code == SLK_OK; i++)
        code = slk_buf_printf(&target, "%s%s", i ? "." : "?keep=", keep->item[i]);
    if (code != SLK_OK)
        return slk_fail(error, code, "too many storage paths to keep");
    const slk_http_request request = {.method = "DELETE",
                                      .url = slk_buf_str(&target),
                                      .bearer = pass->bearer,
                                      .pin = pass->pin,
                                      .only = pass->only,
                                      .job = job,
                                      .stall_timeout_ms = 2 * STALL_MS};
    SLK_TRY(slk_http_call(client, &request, &response, error));
    code = slk_http_expect_success(&response, "deleting at the source", error);
    return response.status == 500 ? slk_fail_context(error, SLK_E_NOTFOUND, "source") : code;
}
