/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transfer/fetch_impl.h"

#include "base/file.h"
#include "base/mem.h"
#include "transfer/cache_tar.h"

typedef struct cache_sink {
    slk_flat_untar *untar;
    slk_job *job;
    atomic_uint_fast64_t *came;
} cache_sink;

static slk_err on_body(void *context, const slk_http_response *response, const uint8_t *bytes,
                       size_t n, slk_error *error)
{
    const cache_sink *sink = context;
    if (response->status != 200)
        return slk_fail(error, SLK_E_PROTO, "the peer answered %d to a request for a cache",
                        response->status);
    if (sink->came)
        atomic_fetch_add(sink->came, n);
    if (sink->job)
        slk_job_advance(sink->job, n);
    return slk_flat_untar_take(sink->untar, bytes, n, error);
}

static void untar_freep(slk_flat_untar **untar)
{
    slk_flat_untar_free(*untar);
}

/* One attempt into a fresh folder. */
static slk_err attempt(const slk_fetch_from *from, bool *ret_has,
                       const slk_flat_untar_options *options, slk_job *job, slk_error *error)
{
    SLK_TRY(slk_remove_tree(options->folder, error));
    SLK_TRY(slk_folder_make(options->folder, 0755, error));
    SLK_CLEANUP(untar_freep) slk_flat_untar *untar = NULL;
    SLK_TRY(slk_flat_untar_new(&untar, options, error));
    if (job)
        slk_job_stage(job, "fetch cache", 0);
    cache_sink sink = {untar, job, from->came};
    slk_http_request request = {.url = from->url,
                                .bearer = from->pass.bearer,
                                .pin = from->pass.pin,
                                .only = from->pass.only,
                                .sink = on_body,
                                .sink_context = &sink,
                                .job = job,
                                .stall_timeout_ms = slk_fetch_stall_ms(from),
                                .stall_bytes_per_s = SLK_FETCH_STALL_BYTES_PER_S};
    SLK_CLEANUP(slk_http_response_done) slk_http_response response = {0};
    const slk_err code = slk_http_call(from->client, &request, &response, error);
    if (!slk_flat_untar_stopped(untar)) {
        SLK_TRY(code);
        SLK_TRY(slk_http_expect_success(&response, "fetching a cache", error));
        SLK_TRY(slk_flat_untar_finish(untar, error));
    }
    for (size_t i = 0; i < options->n; i++)
        ret_has[i] = slk_flat_untar_has(untar, i);
    return SLK_OK;
}

slk_err slk_fetch_flat_tar(const slk_fetch_from *from, bool *ret_has,
                           const slk_flat_untar_options *options, slk_job *job, slk_error *error)
{
    slk_err code = SLK_OK;
    for (unsigned failures = 1; failures <= slk_fetch_attempts(from); failures++) {
        code = attempt(from, ret_has, options, job, error);
        if (!slk_fetch_may_retry(code))
            break;
        slk_fetch_back_off(failures, job, NULL);
    }
    if (code != SLK_OK) {
        /* The failure to report is the first one, not that of tidying up. */
        slk_err ignored = slk_remove_tree(options->folder, NULL);
        (void)ignored;
    }
    return code;
}

slk_err slk_fetch_cache(const slk_fetch_from *from, const char *cache,
                        const slk_sector_shape *shape, slk_job *job, slk_error *error)
{
    if (slk_file_exists(cache))
        return slk_fail(error, SLK_E_EXISTS, "%s is there already", cache);
    SLK_CLEANUP(slk_freep) char *temp = slk_strf("%s.tmp", cache);
    if (!temp)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_flat_member members[SLK_FLAT_TAR_MEMBERS_MAX];
    bool has[SLK_FLAT_TAR_MEMBERS_MAX];
    const slk_flat_untar_options options = {.folder = temp,
                                            .members = members,
                                            .n = slk_cache_members(members, shape),
                                            .what = "the peer's cache archive",
                                            .complete = true};
    SLK_TRY(slk_fetch_flat_tar(from, has, &options, job, error));
    return slk_file_rename_durable(temp, cache, error);
}
