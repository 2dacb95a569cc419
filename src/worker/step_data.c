/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls about a sector's data: pieces in, bytes out of a replica. */
#include "worker/worker_impl.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/bitfield.h"
#include "codec/json.h"
#include "store/unsealed.h"
#include "worker/source.h"

#include <errno.h>
#include <unistd.h>

#define ZEROS_BYTES 65536u

/* ---- a piece's data ---- */

struct piece_file {
    slk_unsealed *file;
    uint64_t offset; /* of the piece in the sector */
};

static slk_err write_padded(void *context, const uint8_t *bytes, size_t n, uint64_t offset,
                            slk_error *error)
{
    const struct piece_file *into = context;
    return slk_unsealed_write(into->file, bytes, n, into->offset + offset, error);
}

/* Zeros where an attempt that came to nothing has left something: [offset, end), which mostly is a hole. */
static slk_err write_zeros(slk_unsealed *file, uint64_t offset, uint64_t end, slk_error *error)
{
    static const uint8_t zeros[ZEROS_BYTES];
    while (offset < end) {
        const off_t data = lseek(file->fd, slk_i64(offset), SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            return SLK_OK; /* none up to the file's end */
        if (data < 0)
            return slk_fail_errno(error, errno, "cannot look into %s", file->path);
        offset = slk_max_u64(offset, slk_u64(data));
        if (offset >= end)
            return SLK_OK;
        const size_t n = (size_t)slk_min_u64(end - offset, sizeof zeros);
        SLK_TRY(slk_unsealed_write(file, zeros, n, offset, error));
        offset += n;
    }
    return SLK_OK;
}

/* The piece of the call's data; into NULL: nothing is written. */
static slk_err take_piece(slk_worker_run *run, slk_lotus_piece *ret_piece, uint64_t raw_bytes,
                          const json_t *where, bool whole, struct piece_file *into,
                          slk_error *error)
{
    slk_worker *worker = run->worker;
    const slk_worker_ops *ops = worker->options.ops;
    SLK_CLEANUP(slk_freep) slk_lotus_source *what = slk_calloc(1, sizeof *what);
    slk_source *source = NULL;
    if (!what)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for data");
    if (slk_lotus_source_read(what, where, "data", error) != SLK_OK)
        return slk_worker_bad_param(error);
    if (what->kind == SLK_LOTUS_SOURCE_ZEROS && what->bytes < raw_bytes)
        return slk_fail(error, SLK_E_INVAL, "%lu zero bytes are offered for %lu", what->bytes,
                        raw_bytes);
    SLK_TRY(slk_source_open(&source, what, worker->http, worker->push, run->job, error));
    slk_err code = ops->piece(ops->ctx, ret_piece, raw_bytes, whole, slk_source_fd(source),
                              into ? write_padded : NULL, into, run->job, error);
    slk_error why = {0};
    const slk_err closed = slk_source_close(source, &why);
    if (code == SLK_E_INVAL && closed != SLK_OK && closed != SLK_E_CANCELED) {
        *error = why; /* the data was short because of this */
        code = closed;
    }
    return code;
}

/* ---- AddPiece ---- */

/* Where the piece goes: behind those that are there. */
static slk_err end_of(uint64_t *ret_offset, const json_t *existing, bool *ret_first,
                      slk_error *error)
{
    SLK_CLEANUP(slk_freep) uint64_t *sizes = NULL;
    size_t n = 0;
    uint64_t offset = 0;
    if (slk_lotus_sizes_read(&sizes, &n, existing, "existing pieces", error) != SLK_OK)
        return slk_worker_bad_param(error);
    for (size_t i = 0; i < n; i++) {
        uint64_t padded = 0;
        SLK_TRY(slk_unpadded_to_padded(&padded, sizes[i], error));
        if (__builtin_add_overflow(offset, padded, &offset))
            return slk_fail(error, SLK_E_INVAL, "the existing pieces are larger than any sector");
    }
    *ret_offset = offset;
    *ret_first = n == 0;
    return SLK_OK;
}

static slk_err add_to(slk_worker_run *run, slk_lotus_piece *ret_piece, slk_unsealed *file,
                      uint64_t offset, uint64_t raw_bytes, slk_error *error)
{
    struct piece_file into = {.file = file, .offset = offset};
    uint64_t padded = 0;
    SLK_TRY(slk_unpadded_to_padded(&padded, raw_bytes, error));
    if (padded > run->shape->bytes || offset > run->shape->bytes - padded)
        return slk_fail(error, SLK_E_INVAL,
                        "a piece of %lu bytes does not fit behind %lu in a sector of %lu", padded,
                        offset, run->shape->bytes);
    SLK_TRY(write_zeros(file, offset, offset + padded, error));
    SLK_TRY(
        take_piece(run, ret_piece, raw_bytes, json_array_get(run->params, 3), true, &into, error));
    return slk_unsealed_allocate(file, offset, padded, error);
}

/* What came to nothing is begun anew by the next attempt, and would take the disk of others until then. */
static slk_err end_temp(slk_unsealed *file, const char *temp, slk_err code)
{
    slk_unsealed_done(file);
    if (code != SLK_OK)
        (void)unlink(temp);
    return code;
}

static slk_err reserve_unsealed(slk_store_room **ret_room, slk_worker_run *run, slk_error *error)
{
    const slk_store_wish wish = {.sector = run->ref.id,
                                 .types = SLK_LOTUS_UNSEALED,
                                 .sector_bytes = run->shape->bytes,
                                 .path_type = SLK_LOTUS_PATH_SEALING};
    return slk_store_room_reserve(ret_room, run->worker->store, &wish, error);
}

static slk_err add_first(slk_worker_run *run, slk_lotus_piece *ret_piece, uint64_t raw_bytes,
                         slk_error *error)
{
    slk_store *store = run->worker->store;
    SLK_CLEANUP(slk_store_room_freep) slk_store_room *room = NULL;
    SLK_TRY(slk_store_remove(store, NULL, &run->ref.id, SLK_LOTUS_UNSEALED, NULL, error));
    SLK_TRY(reserve_unsealed(&room, run, error));
    slk_unsealed file = SLK_UNSEALED_NONE;
    const char *temp = slk_store_room_temp(room, SLK_LOTUS_UNSEALED);
    slk_err code = slk_unsealed_create(&file, temp, run->shape->bytes, error);
    if (code == SLK_OK)
        code = add_to(run, ret_piece, &file, 0, raw_bytes, error);
    SLK_TRY(end_temp(&file, temp, code));
    return slk_store_place(store, room, &run->ref.id, SLK_LOTUS_UNSEALED, error);
}

/* What is allocated behind the pieces is of an attempt that came to nothing. */
static slk_err add_behind(slk_worker_run *run, slk_lotus_piece *ret_piece, uint64_t offset,
                          uint64_t raw_bytes, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = NULL;
    slk_bitfield before = {0};
    slk_unsealed file = SLK_UNSEALED_NONE;
    SLK_TRY(slk_worker_acquire(run, SLK_LOTUS_UNSEALED, SLK_LOTUS_PATH_SEALING,
                               SLK_LOTUS_ACQUIRE_MOVE, &path, error));
    SLK_TRY(slk_unsealed_open(&file, path, run->shape->bytes, true, error));
    slk_err code = SLK_OK;
    if (!slk_unsealed_has(&file, 0, offset))
        code = slk_fail(error, SLK_E_CORRUPT, "%s does not hold the existing pieces", path);
    if (code == SLK_OK && slk_bitfield_add_range(&before, 0, offset) != SLK_OK)
        code = slk_fail(error, SLK_E_NOMEM, "out of memory for a piece");
    if (code == SLK_OK)
        code = slk_unsealed_keep(&file, &before, error);
    if (code == SLK_OK)
        code = add_to(run, ret_piece, &file, offset, raw_bytes, error);
    slk_bitfield_done(&before);
    slk_unsealed_done(&file);
    return code;
}

static slk_err read_size(uint64_t *ret, const json_t *value, slk_error *error)
{
    int64_t bytes = 0;
    if (slk_json_as_i64(&bytes, value, "size", error) != SLK_OK)
        return slk_worker_bad_param(error);
    if (bytes <= 0)
        return slk_fail(error, SLK_E_INVAL, "a piece has no size");
    *ret = (uint64_t)bytes;
    return SLK_OK;
}

slk_err slk_step_add_piece(slk_worker_run *run, slk_error *error)
{
    uint64_t offset = 0;
    uint64_t raw_bytes = 0;
    bool first = false;
    slk_lotus_piece piece;
    SLK_TRY(end_of(&offset, json_array_get(run->params, 1), &first, error));
    SLK_TRY(read_size(&raw_bytes, json_array_get(run->params, 2), error));
    if (first)
        SLK_TRY(add_first(run, &piece, raw_bytes, error));
    else
        SLK_TRY(add_behind(run, &piece, offset, raw_bytes, error));
    return slk_worker_answer(run, slk_lotus_piece_json(&piece), error);
}

slk_err slk_step_data_cid(slk_worker_run *run, slk_error *error)
{
    uint64_t raw_bytes = 0;
    slk_lotus_piece piece;
    SLK_TRY(read_size(&raw_bytes, json_array_get(run->params, 0), error));
    SLK_TRY(take_piece(run, &piece, raw_bytes, json_array_get(run->params, 1), false, NULL, error));
    return slk_worker_answer(run, slk_lotus_piece_json(&piece), error);
}

/* ---- UnsealPiece ---- */

struct wanted {
    uint64_t raw_offset, raw_bytes;
    uint64_t offset, bytes; /* padded */
    uint8_t ticket[32], comm_d[32];
};

static slk_err read_wanted(struct wanted *ret, const slk_worker_run *run, slk_error *error)
{
    int64_t offset = 0;
    if (slk_json_as_i64(&offset, json_array_get(run->params, 1), "offset", error) != SLK_OK ||
        slk_lotus_randomness_read(ret->ticket, json_array_get(run->params, 3), "ticket", error) !=
            SLK_OK ||
        slk_lotus_comm_d_read(ret->comm_d, json_array_get(run->params, 4), "CommD", error) !=
            SLK_OK)
        return slk_worker_bad_param(error);
    SLK_TRY(read_size(&ret->raw_bytes, json_array_get(run->params, 2), error));
    if (offset < 0)
        return slk_fail(error, SLK_E_INVAL, "a negative offset");
    ret->raw_offset = (uint64_t)offset;
    SLK_TRY(slk_unpadded_to_padded(&ret->offset, ret->raw_offset, error));
    SLK_TRY(slk_unpadded_to_padded(&ret->bytes, ret->raw_bytes, error));
    const uint64_t sector = run->shape->bytes;
    if (ret->bytes > sector || ret->offset > sector - ret->bytes)
        return slk_fail(error, SLK_E_INVAL, "the range goes beyond the sector");
    return SLK_OK;
}

static slk_err unseal_into(slk_worker_run *run, slk_unsealed *file, const struct wanted *w,
                           const char *work, slk_error *error)
{
    const slk_worker_ops *ops = run->worker->options.ops;
    SLK_CLEANUP(slk_freep) char *sealed = NULL;
    struct piece_file into = {.file = file, .offset = w->offset};
    SLK_TRY(slk_worker_acquire(run, SLK_LOTUS_SEALED, SLK_LOTUS_PATH_SEALING,
                               SLK_LOTUS_ACQUIRE_COPY, &sealed, error));
    SLK_TRY(slk_folder_make(work, 0755, error));
    slk_err code = ops->unseal(ops->ctx, &run->ref, w->comm_d, w->ticket, sealed, work,
                               w->raw_offset, w->raw_bytes, write_padded, &into, run->job, error);
    slk_error why = {0};
    const slk_err removed = slk_remove_tree(work, &why);
    SLK_TRY(code);
    if (removed != SLK_OK) {
        *error = why;
        return removed;
    }
    return slk_unsealed_allocate(file, w->offset, w->bytes, error);
}

/* The file is open; work is made for the time of it. */
static slk_err unseal_missing(slk_worker_run *run, slk_unsealed *file, const struct wanted *w,
                              const char *temp, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *work = temp ? slk_strf("%s.work", temp) : NULL;
    if (!work)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
    if (slk_unsealed_has(file, w->offset, w->bytes))
        return SLK_OK;
    return unseal_into(run, file, w, work, error);
}

static slk_err unseal_here(slk_worker_run *run, const struct wanted *w, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = NULL;
    const slk_store_path *place = NULL;
    slk_unsealed file = SLK_UNSEALED_NONE;
    SLK_TRY(
        slk_store_find(run->worker->store, &place, &path, &run->ref.id, SLK_LOTUS_UNSEALED, error));
    SLK_CLEANUP(slk_freep) char *temp = slk_store_temp(place, SLK_LOTUS_UNSEALED, &run->ref.id);
    SLK_TRY(slk_unsealed_open(&file, path, run->shape->bytes, true, error));
    const slk_err code = unseal_missing(run, &file, w, temp, error);
    slk_unsealed_done(&file);
    return code;
}

static slk_err unseal_new(slk_worker_run *run, const struct wanted *w, slk_error *error)
{
    slk_store *store = run->worker->store;
    SLK_CLEANUP(slk_store_room_freep) slk_store_room *room = NULL;
    slk_unsealed file = SLK_UNSEALED_NONE;
    SLK_TRY(reserve_unsealed(&room, run, error));
    const char *temp = slk_store_room_temp(room, SLK_LOTUS_UNSEALED);
    slk_err code = slk_unsealed_create(&file, temp, run->shape->bytes, error);
    if (code == SLK_OK)
        code = unseal_missing(run, &file, w, temp, error);
    SLK_TRY(end_temp(&file, temp, code));
    return slk_store_place(store, room, &run->ref.id, SLK_LOTUS_UNSEALED, error);
}

slk_err slk_step_unseal(slk_worker_run *run, slk_error *error)
{
    struct wanted w;
    SLK_CLEANUP(slk_freep) char *path = NULL;
    SLK_TRY(read_wanted(&w, run, error));
    const slk_err found = slk_worker_acquire(run, SLK_LOTUS_UNSEALED, SLK_LOTUS_PATH_SEALING,
                                             SLK_LOTUS_ACQUIRE_MOVE, &path, error);
    if (found == SLK_E_NOTFOUND)
        return unseal_new(run, &w, error);
    SLK_TRY(found);
    return unseal_here(run, &w, error);
}
