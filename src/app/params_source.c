/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/params_source.h"

#include "base/file.h"
#include "base/mem.h"
#include "net/client.h"

#include <string.h>

struct slk_params_url {
    slk_http_client *client;
    char *base;
};

struct body {
    int fd;
    uint64_t offset;
    const char *name;
    slk_job *job;
};

bool slk_params_url_is(const char *from)
{
    return strncmp(from, "https://", 8) == 0 || strncmp(from, "http://", 7) == 0;
}

void slk_params_url_freep(slk_params_url **url)
{
    if (!*url)
        return;
    slk_http_client_free((*url)->client);
    slk_free((*url)->base);
    slk_free(*url);
    *url = NULL;
}

slk_err slk_params_url_new(slk_params_url **ret_url, const char *base, slk_error *error)
{
    SLK_CLEANUP(slk_params_url_freep) slk_params_url *url = slk_calloc(1, sizeof *url);
    if (!url || !(url->base = slk_strdup(base)))
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    const bool local =
        strncmp(base, "http://127.0.0.1", 16) == 0 || strncmp(base, "http://localhost", 16) == 0;
    const slk_http_client_options options = {.allow_plain_http = local};
    SLK_TRY(slk_http_client_new(&url->client, &options, error));
    *ret_url = url;
    url = NULL;
    return SLK_OK;
}

static slk_err take(void *context, const slk_http_response *response, const uint8_t *bytes,
                    size_t n, slk_error *error)
{
    struct body *body = context;
    if (body->offset == 0 && response->content_length > 0)
        slk_job_stage(body->job, "download", (uint64_t)response->content_length);
    SLK_TRY(slk_file_write_at(body->fd, bytes, n, body->offset, body->name, error));
    body->offset += n;
    slk_job_advance(body->job, n);
    return SLK_OK;
}

slk_err slk_params_url_get(void *context, const char *name, int fd, slk_job *job, slk_error *error)
{
    slk_params_url *url = context;
    SLK_CLEANUP(slk_freep) char *address = slk_http_url_join(url->base, name);
    if (!address)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    struct body body = {.fd = fd, .name = name, .job = job};
    slk_job_stage(job, "download", 0);
    const slk_http_request request = {
        .url = address, .sink = take, .sink_context = &body, .job = job};
    SLK_CLEANUP(slk_http_response_done) slk_http_response response = {0};
    SLK_TRY(slk_http_call(url->client, &request, &response, error));
    return slk_http_expect_success(&response, name, error);
}
