/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "worker/source.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

struct slk_source {
    slk_lotus_source what;
    slk_push *push;
    slk_http_client *http;
    slk_job job; /* of the fetching thread; under the reader's */
    int fd; /* read from; -1 zeros */
    int write_fd;
    pthread_t thread;
    bool running;
    slk_err code; /* of the thread, once it has ended */
    slk_error error;
};

/* ---- from an HTTP server, by a thread of its own ---- */

static slk_err take(void *context, const slk_http_response *response, const uint8_t *bytes,
                    size_t n, slk_error *error)
{
    const slk_source *source = context;
    if (response->status != 200)
        return slk_fail(error, SLK_E_PROTO, "the data's server answered %d", response->status);
    if (!slk_pipe_write(source->write_fd, bytes, n))
        return slk_fail(error, SLK_E_CANCELED, "nobody reads the data any more");
    return SLK_OK;
}

static void *fetch(void *context)
{
    slk_source *source = context;
    slk_http_response response = {0};
    const slk_http_request request = {
        .url = source->what.text, .sink = take, .sink_context = source, .job = &source->job};
    source->code = slk_http_call(source->http, &request, &response, &source->error);
    if (source->code == SLK_OK)
        source->code = slk_http_expect_success(&response, "the data's server", &source->error);
    slk_http_response_done(&response);
    (void)close(source->write_fd);
    return NULL;
}

static slk_err open_http(slk_source *source, slk_error *error)
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) != 0)
        return slk_fail_errno(error, errno, "cannot make a pipe");
    source->fd = fd[0];
    source->write_fd = fd[1];
    source->running = pthread_create(&source->thread, NULL, fetch, source) == 0;
    if (source->running)
        return SLK_OK;
    (void)close(source->write_fd);
    return slk_fail(error, SLK_E_NOMEM, "cannot start a thread that fetches data");
}

/* ---- any ---- */

static slk_err open_kind(slk_source *source, slk_job *job, slk_error *error)
{
    switch (source->what.kind) {
    case SLK_LOTUS_SOURCE_ZEROS:
        return SLK_OK;
    case SLK_LOTUS_SOURCE_HTTP:
        return open_http(source, error);
    case SLK_LOTUS_SOURCE_PUSH:
        return slk_push_open(source->push, source->what.text, &source->fd, job, error);
    }
    return slk_fail(error, SLK_E_INTERNAL, "an unknown kind of data source");
}

slk_err slk_source_open(slk_source **ret_source, const slk_lotus_source *what,
                        slk_http_client *http, slk_push *push, slk_job *job, slk_error *error)
{
    slk_source *source = slk_calloc(1, sizeof *source);
    if (!source)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for data");
    source->what = *what;
    source->http = http;
    source->push = push;
    source->fd = -1;
    slk_job_init_under(&source->job, job);
    const slk_err code = open_kind(source, job, error);
    if (code != SLK_OK) {
        (void)slk_source_close(source, NULL);
        return code;
    }
    *ret_source = source;
    return SLK_OK;
}

int slk_source_fd(const slk_source *source)
{
    return source->fd;
}

slk_err slk_source_close(slk_source *source, slk_error *error)
{
    slk_closep(&source->fd);
    if (source->running)
        (void)pthread_join(source->thread, NULL);
    if (source->what.kind == SLK_LOTUS_SOURCE_PUSH)
        slk_push_close(source->push, source->what.text);
    const slk_err code = source->code;
    if (code != SLK_OK && error)
        *error = source->error;
    slk_free(source);
    return code;
}
