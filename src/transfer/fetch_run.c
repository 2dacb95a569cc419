/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transfer/fetch_run.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RUN_BLOCKS_MAX ((size_t)16) /* 64 MiB a request keep its overhead small */
/* At most so much is fetched again after a kill; while a save waits for the disk its connection
 * receives nothing. */
#define SAVE_BLOCKS ((size_t)32)
#define BAD_BLOCK_MAX 3u /* times one block may come wrong */
/* TLS brings 16 KiB at a time; a file takes 256 KiB for half as much a byte. Of a slow connection
 * little waits. */
#define PIECE_BYTES ((size_t)256 << 10)
#define PIECE_MS 200
#define SLOW_MS_DEFAULT 10000
#define SLOW_BYTES_PER_MS 32u
#define IDLE_LOOK_MS 20

static void lock(fetch *f)
{
    slk_assert(pthread_mutex_lock(&f->mutex) == 0);
}

static void unlock(fetch *f)
{
    slk_assert(pthread_mutex_unlock(&f->mutex) == 0);
}

unsigned slk_fetch_attempts(const slk_fetch_from *from)
{
    return from->block_attempts ? from->block_attempts : 5;
}

int64_t slk_fetch_stall_ms(const slk_fetch_from *from)
{
    return from->stall_ms ? from->stall_ms : 30000;
}

void slk_fetch_back_off(unsigned failures, slk_job *job, const atomic_bool *stop)
{
    int64_t ms = failures ? 100 : 10;
    for (unsigned i = 1; i < failures && ms < 5000; i++)
        ms *= 2;
    int64_t until = slk_clock_monotonic_ms() + (ms < 5000 ? ms : 5000);
    while (slk_clock_monotonic_ms() < until) {
        if ((job && slk_job_check(job, NULL) != SLK_OK) || (stop && *stop))
            return;
        slk_clock_sleep_ms(20);
    }
}

/* ---- claiming ---- */

static bool is_free(const fetch *f, size_t block)
{
    return !f->claimed[block] && !slk_block_map_has(&f->map, block);
}

/* An eighth of what is missing is under way at once. So what has arrived in order, which is all that
 * others can read along, is never far behind, and at the end no connection is left with much while
 * others are idle. */
static size_t run_limit(const fetch *f)
{
    size_t missing = f->map.n_blocks - f->map.n_done;
    size_t connections = f->from->connections ? f->from->connections : 4;
    return slk_max_u64(1, slk_min_u64(RUN_BLOCKS_MAX, missing / (8 * connections)));
}

static uint64_t block_end(const fetch *f, size_t block)
{
    return slk_min_u64(f->bytes, ((uint64_t)block + 1) * SLK_FETCH_BLOCK_BYTES);
}

/* Under the mutex: the next free blocks in a row. */
static bool claim_free(fetch *f, run *r)
{
    size_t first = f->prefix;
    while (first < f->map.n_blocks && !is_free(f, first))
        first++;
    size_t n = 0, limit = run_limit(f);
    while (n < limit && first + n < f->map.n_blocks && is_free(f, first + n) &&
           (n == 0 || f->got[first + n] == 0))
        f->claimed[first + n++] = 1;
    if (n == 0)
        return false;
    r->first = first;
    r->n = n;
    r->at = (uint64_t)first * SLK_FETCH_BLOCK_BYTES + f->got[first];
    r->end = block_end(f, first + n - 1);
    return true;
}

/* Under the mutex: whether it has been slow for as long as we look on. */
static bool is_slow(const fetch *f, run *r, int64_t now)
{
    int64_t slow_ms = f->from->slow_ms ? f->from->slow_ms : SLOW_MS_DEFAULT;
    if (now - r->mark_ms < slow_ms)
        return false;
    bool slow = (r->at - r->mark_at) / (uint64_t)(now - r->mark_ms) < SLOW_BYTES_PER_MS;
    r->mark_at = r->at;
    r->mark_ms = now;
    return slow;
}

/* Under the mutex: the rest of a run that does not get on, while we have nothing else to do. One that
 * is writing keeps it: nobody may write where another goes on. */
static bool claim_slow(fetch *f, run *r)
{
    int64_t now = slk_clock_monotonic_ms();
    for (size_t i = 0; i < SLK_FETCH_CONNECTIONS_MAX; i++) {
        run *slow = f->runs[i];
        if (!slow || slow->whole || slow->lost || slow->writing || slow->at >= slow->end ||
            !is_slow(f, slow, now))
            continue;
        size_t block = (size_t)(slow->at / SLK_FETCH_BLOCK_BYTES);
        r->first = block;
        r->n = slow->first + slow->n - block;
        r->at = slow->at;
        r->end = slow->end;
        slow->n = block - slow->first;
        slow->lost = true;
        return true;
    }
    return false;
}

/* Under the mutex. */
static void enter(fetch *f, run *r)
{
    r->f = f;
    r->start = r->mark_at = r->at;
    r->mark_ms = slk_clock_monotonic_ms();
    size_t i = 0;
    while (i < SLK_FETCH_CONNECTIONS_MAX && f->runs[i])
        i++;
    slk_assert(i < SLK_FETCH_CONNECTIONS_MAX);
    f->runs[i] = r;
}

bool slk_fetch_claim(fetch *f, run *r)
{
    for (;;) {
        *r = (run){0};
        lock(f);
        bool all = f->map.n_done == f->map.n_blocks;
        bool mine = !all && !f->stop && (claim_free(f, r) || claim_slow(f, r));
        if (mine)
            enter(f, r);
        f->stop = f->stop || all;
        unlock(f);
        if (mine || f->stop || (f->job && slk_job_check(f->job, NULL) != SLK_OK))
            return mine;
        slk_clock_sleep_ms(IDLE_LOOK_MS);
    }
}

void slk_fetch_release(run *r)
{
    fetch *f = r->f;
    lock(f);
    for (size_t i = 0; i < SLK_FETCH_CONNECTIONS_MAX; i++)
        if (f->runs[i] == r)
            f->runs[i] = NULL;
    for (size_t i = 0; i < r->n; i++)
        f->claimed[r->first + i] = 0;
    size_t block = (size_t)(r->at / SLK_FETCH_BLOCK_BYTES);
    if (!r->whole && !r->lost && r->at < r->end)
        f->got[block] = (uint32_t)(r->at % SLK_FETCH_BLOCK_BYTES);
    unlock(f);
}

/* ---- saving ---- */

static bool take_snapshot(fetch *f)
{
    lock(f);
    bool mine = !f->saving && !f->from->whole; /* a stream is not gone on with */
    if (mine) {
        f->saving = true;
        f->unsaved = 0;
        memcpy(f->snapshot.done, f->map.done, (f->map.n_blocks + 7) / 8);
        memcpy(f->snapshot.etag, f->map.etag, sizeof f->map.etag);
    }
    unlock(f);
    return mine;
}

/* The snapshot is taken before the sync, so every block in it is covered by it. */
slk_err slk_fetch_save(fetch *f, slk_error *error)
{
    if (!take_snapshot(f))
        return SLK_OK;
    slk_err code = slk_file_sync(f->fd, f->temp, error);
    if (code == SLK_OK)
        code = slk_block_map_save(&f->snapshot, error);
    lock(f);
    f->saving = false;
    unlock(f);
    return code;
}

/* ---- the answer ---- */

/* Under the mutex. The first ETag seen is the one all further answers must have. What a lost run is
 * told is no news: the file may be complete without it. */
static bool etag_fits(const run *r, const char *etag)
{
    fetch *f = r->f;
    if (f->map.etag[0]) {
        const bool fits = strcmp(f->map.etag, etag) == 0;
        f->changed = f->changed || (!fits && !r->lost);
        return fits;
    }
    (void)snprintf(f->map.etag, sizeof f->map.etag, "%s", etag);
    return true;
}

static slk_err check_part(const run *r, const slk_http_response *response, slk_error *error)
{
    fetch *f = r->f;
    if (!response->has_content_range)
        return slk_fail(error, SLK_E_PROTO, "the peer sends a part without saying which");
    if (response->range_total != f->bytes)
        return slk_fail(error, SLK_E_PROTO, "the peer's file has %llu bytes where %llu belong",
                        (unsigned long long)response->range_total, (unsigned long long)f->bytes);
    if (response->range_first != r->at || response->range_last != r->end - 1)
        return slk_fail(
            error, SLK_E_PROTO, "asked for bytes %llu-%llu the peer sends bytes %llu-%llu",
            (unsigned long long)r->at, (unsigned long long)(r->end - 1),
            (unsigned long long)response->range_first, (unsigned long long)response->range_last);
    lock(f);
    bool fits = etag_fits(r, response->etag);
    unlock(f);
    return fits ? SLK_OK : slk_fail(error, SLK_E_CONFLICT, "the peer's file has changed");
}

static slk_err check_whole(const run *r, const slk_http_response *response, slk_error *error)
{
    fetch *f = r->f;
    if (r->whole) {
        if (response->content_length >= 0 && slk_u64(response->content_length) != f->bytes)
            return slk_fail(error, SLK_E_PROTO, "the peer's file has %lld bytes where %llu belong",
                            (long long)response->content_length, (unsigned long long)f->bytes);
        return SLK_OK;
    }
    /* Either If-Range did not hold any more, or the peer knows no ranges. */
    lock(f);
    bool fits = etag_fits(r, response->etag);
    f->no_ranges = f->no_ranges || (fits && !r->lost);
    unlock(f);
    return fits ? slk_fail(error, SLK_E_UNSUPPORTED, "the peer does not serve ranges")
                : slk_fail(error, SLK_E_CONFLICT, "the peer's file has changed");
}

static slk_err check_answer(const run *r, const slk_http_response *response, slk_error *error)
{
    if (response->status == 206 && !r->whole)
        return check_part(r, response, error);
    if (response->status == 200)
        return check_whole(r, response, error);
    return slk_fail(error, SLK_E_PROTO, "the peer answered %d to a request for a file",
                    response->status);
}

/* ---- the body ---- */

void slk_fetch_announce(fetch *f)
{
    lock(f);
    while (f->prefix < f->map.n_blocks && slk_block_map_has(&f->map, f->prefix))
        f->prefix++;
    uint64_t there = slk_min_u64(f->bytes, f->prefix * SLK_FETCH_BLOCK_BYTES);
    unlock(f);
    if (f->from->arrived)
        (void)slk_gate_raise(f->from->arrived, there);
}

static void hash_piece(run *r, uint64_t at, size_t n)
{
    const slk_manifest *manifest = r->f->from->manifest;
    if (!manifest)
        return;
    if (at % SLK_FETCH_BLOCK_BYTES == 0)
        slk_manifest_block_begin(&r->hash, manifest, (size_t)(at / SLK_FETCH_BLOCK_BYTES));
    slk_manifest_block_take(&r->hash, r->piece, n);
}

/* Without a manifest every block is taken as it comes. A bad one is to be fetched again, whole. */
static slk_err check_block(run *r, size_t block, slk_error *error)
{
    fetch *f = r->f;
    if (!f->from->manifest || slk_manifest_block_end(&r->hash))
        return SLK_OK;
    lock(f);
    f->bad[block]++;
    r->damaged = true;
    r->at = (uint64_t)block * SLK_FETCH_BLOCK_BYTES;
    unlock(f);
    return slk_fail(error, SLK_E_CORRUPT,
                    "block %zu (bytes from %llu) is not what the peer's manifest says", block,
                    (unsigned long long)r->at);
}

/* All of the block is in temp now. */
static slk_err end_block(run *r, size_t block, slk_error *error)
{
    fetch *f = r->f;
    SLK_TRY(check_block(r, block, error));
    const uint64_t start = (uint64_t)block * SLK_FETCH_BLOCK_BYTES;
    slk_file_write_early(f->fd, start, block_end(f, block) - start);
    lock(f);
    slk_block_map_mark(&f->map, block);
    f->got[block] = 0;
    f->unsaved++;
    const bool save = f->unsaved >= SAVE_BLOCKS;
    unlock(f);
    slk_fetch_announce(f);
    return save ? slk_fetch_save(f, error) : SLK_OK;
}

/* False when another has taken the run over; nobody can from here to end_write. */
static bool begin_write(run *r)
{
    lock(r->f);
    r->writing = !r->lost;
    const bool mine = r->writing;
    unlock(r->f);
    return mine;
}

/* Moves the run on by n bytes that are in temp now. */
static void end_write(run *r, size_t n)
{
    lock(r->f);
    r->writing = false;
    r->at += n;
    unlock(r->f);
}

/* A run that goes on within a block: what came of it before belongs to its hash. The time that takes is
 * not its peer's: nobody takes it over meanwhile, or for that afterwards. */
static slk_err begin_hash(run *r, slk_error *error)
{
    const fetch *f = r->f;
    const uint64_t there = r->at % SLK_FETCH_BLOCK_BYTES;
    if (!f->from->manifest || there == 0)
        return SLK_OK;
    if (!begin_write(r))
        return slk_fail(error, SLK_E_CANCELED, "another connection goes on");
    slk_manifest_block_begin(&r->hash, f->from->manifest, (size_t)(r->at / SLK_FETCH_BLOCK_BYTES));
    const slk_err code = slk_manifest_block_take_file(&r->hash, there, f->fd, f->temp, error);
    lock(r->f);
    r->writing = false;
    r->mark_ms = slk_clock_monotonic_ms();
    unlock(r->f);
    return code;
}

/* Puts the piece into temp; it lies in one block. What another goes on with is dropped. */
static slk_err put_piece(run *r, slk_error *error)
{
    fetch *f = r->f;
    const size_t n = r->held;
    const uint64_t at = r->at;
    const size_t block = (size_t)(at / SLK_FETCH_BLOCK_BYTES);
    r->held = 0;
    if (!begin_write(r))
        return slk_fail(error, SLK_E_CANCELED, "another connection goes on");
    const slk_err code = slk_file_write_at(f->fd, r->piece, n, at, f->temp, error);
    end_write(r, code == SLK_OK ? n : 0);
    SLK_TRY(code);
    r->put_ms = slk_clock_monotonic_ms();
    hash_piece(r, at, n);
    if (f->job)
        slk_job_advance(f->job, n);
    return at + n == block_end(f, block) ? end_block(r, block, error) : SLK_OK;
}

static slk_err on_body(void *context, const slk_http_response *response, const uint8_t *bytes,
                       size_t n, slk_error *error)
{
    run *r = context;
    fetch *f = r->f;
    if (!r->checked) {
        SLK_TRY(check_answer(r, response, error));
        SLK_TRY(begin_hash(r, error));
    }
    r->checked = true;
    if (f->from->came)
        atomic_fetch_add(f->from->came, n);
    if (f->stop)
        return slk_fail(error, SLK_E_CANCELED, "another part of the file failed");
    if (n > r->end - r->at - r->held)
        return slk_fail(error, SLK_E_PROTO, "the peer sends more than was asked for");
    while (n > 0) {
        const uint64_t to = slk_min_u64(r->end, (r->at / PIECE_BYTES + 1) * PIECE_BYTES);
        const size_t part = (size_t)slk_min_u64(n, to - r->at - r->held);
        memcpy(r->piece + r->held, bytes, part);
        r->held += part;
        bytes += part;
        n -= part;
        if (r->at + r->held == to || slk_clock_monotonic_ms() - r->put_ms >= PIECE_MS)
            SLK_TRY(put_piece(r, error));
    }
    return SLK_OK;
}

/* What came before a request ended early is not asked for again. */
static slk_err put_rest(run *r, slk_err code, slk_error *error)
{
    slk_error put_error = {0};
    const slk_err put = r->held > 0 && !r->lost ? put_piece(r, &put_error) : SLK_OK;
    if (put == SLK_OK || r->lost)
        return code;
    if (error)
        *error = put_error;
    return put;
}

/* Whether the same blocks may be asked for again: not when one came wrong each time. */
static bool may_retry(const run *r, slk_err code)
{
    fetch *f = r->f;
    if (!r->damaged)
        return slk_fetch_may_retry(code);
    lock(f);
    bool hope = f->bad[r->at / SLK_FETCH_BLOCK_BYTES] < BAD_BLOCK_MAX;
    unlock(f);
    return hope;
}

static slk_err judge(const run *r, const slk_http_response *response, bool *ret_retry,
                     slk_error *error)
{
    if (response->status == 416 && response->has_unsatisfied_range)
        return slk_fail(error, SLK_E_PROTO, "the peer's file has %llu bytes where %llu belong",
                        (unsigned long long)response->range_total, (unsigned long long)r->f->bytes);
    slk_err code = slk_http_expect_success(response, "fetching a file", error);
    *ret_retry = slk_fetch_may_retry(code);
    if (r->lost)
        return SLK_OK;
    if (code == SLK_OK && r->at < r->end) {
        *ret_retry = true;
        code = slk_fail(error, SLK_E_PROTO, "the peer's answer ends %llu bytes too early",
                        (unsigned long long)(r->end - r->at));
    }
    return code;
}

slk_err slk_fetch_request(run *r, bool *ret_retry, slk_error *error)
{
    fetch *f = r->f;
    char etag[SLK_BLOCK_MAP_ETAG];
    lock(f);
    memcpy(etag, f->map.etag, sizeof etag);
    unlock(f);
    SLK_CLEANUP(slk_freep) uint8_t *piece = slk_alloc(PIECE_BYTES, 1);
    *ret_retry = false;
    if (!piece)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for what a request brings");
    r->piece = piece;
    r->put_ms = slk_clock_monotonic_ms();
    slk_http_header if_range = {"If-Range", etag};
    slk_http_request request = {.url = f->from->url,
                                .bearer = f->from->pass.bearer,
                                .pin = f->from->pass.pin,
                                .only = f->from->pass.only,
                                .headers = &if_range,
                                .n_headers = !r->whole && etag[0] == '"', /* strong ones only */
                                .has_range = !r->whole,
                                .range_first = r->at,
                                .range_last = r->end - 1,
                                .sink = on_body,
                                .sink_context = r,
                                .job = f->job,
                                .stop = r->whole ? NULL : &r->lost,
                                .stall_timeout_ms = slk_fetch_stall_ms(f->from),
                                .stall_bytes_per_s = SLK_FETCH_STALL_BYTES_PER_S};
    SLK_CLEANUP(slk_http_response_done) slk_http_response response = {0};
    slk_err code = slk_http_call(f->from->client, &request, &response, error);
    code = put_rest(r, code, error);
    if (code == SLK_OK)
        return judge(r, &response, ret_retry, error);
    if (r->lost)
        return SLK_OK;
    *ret_retry = may_retry(r, code);
    return code;
}
