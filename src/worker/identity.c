/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* By what a node of ours knows a worker again when its session, its address, its token and its name are others: an
 * id in its folder, made once. Whoever knows it could be taken for the worker, so that it is told to its node
 * alone. */
#include "worker/worker_impl.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/uuid.h"

#include <stdio.h>
#include <string.h>

#define ID_FILE "worker-id"
#define FILE_MAX_BYTES 256u

static slk_err read_id(char out[SLK_UUID_CHARS], const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, FILE_MAX_BYTES);
    SLK_TRY(slk_file_read_all(&text, path, error));
    (void)snprintf(out, SLK_UUID_CHARS, "%s", slk_buf_str(&text));
    if (text.len + 1 != SLK_UUID_CHARS || !slk_uuid_is(out))
        return slk_fail(error, SLK_E_CORRUPT,
                        "%s is no id: remove it while the node has no task with this worker, and a "
                        "new one is made",
                        path);
    return SLK_OK;
}

slk_err slk_worker_find_id(slk_worker *worker, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(worker->options.folder, ID_FILE);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the worker");
    const slk_err code = read_id(worker->id, path, error);
    if (code != SLK_E_NOTFOUND)
        return code;
    slk_uuid_random(worker->id);
    return slk_file_write_atomic(path, worker->id, strlen(worker->id), 0600, error);
}
