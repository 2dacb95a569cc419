/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/label_files.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#include <string.h>

#define PAGE ((size_t)SLK_AIO_DIRECT_BYTES) /* what is read for one parent */
#define UNIT ((size_t)65536) /* what is written at once; units go round the files */
#define RING_UNITS_MIN 4u
#define AHEAD_MIN 4u
#define AHEAD_MAX 128u
#define ASK_EVERY 8u /* nodes whose reads are started together */
#define WRITES_MAX 128u
#define WRITE_TAG (UINT64_C(1) << 63) /* with the unit; else the place in the pages */
#define FILES_MAX 64u

/* A node's distance from a parent decides where the parent is read: up to ring_nodes it is in the
 * ring, beyond that its unit has been written. That holds because a read is asked for at most
 * ahead_nodes before its use, and ring_nodes >= ahead_nodes + two units. */
struct slk_label_files {
    uint64_t nodes;
    size_t record_bytes;
    uint64_t unit_nodes, units, units_per_file;
    uint64_t ring_nodes, ahead;
    slk_region ring;
    slk_region pages; /* SLK_PARENTS pages for each of `ahead` nodes */
    uint8_t pending[AHEAD_MAX]; /* reads under way, by node modulo ahead */
    slk_aio *aio;
    size_t n_files;
    int fd[FILES_MAX];
    const char *folder[FILES_MAX];

    const slk_parents *parents;
    unsigned n_parents;
    unsigned half; /* of the files: which layer is being made, 0 or 1 */
    uint64_t asked; /* nodes whose parents have been asked for */
    uint64_t filled; /* nodes put */
    uint64_t sent; /* units handed over for writing */
    uint64_t written; /* units before this are on the files */
    bool unit_written[(
        size_t)WRITES_MAX]; /* of the units from `written`, by unit modulo WRITES_MAX */
    slk_error failure; /* the first; code SLK_OK none */
};

static uint64_t unit_count(uint64_t nodes, size_t record_bytes)
{
    return (nodes * record_bytes + UNIT - 1) / UNIT;
}

static uint64_t power_of_two_up_to(uint64_t n)
{
    return UINT64_C(1) << (63 - __builtin_clzll(n));
}

slk_err slk_label_files_make_plan(slk_label_store_plan *plan, uint64_t nodes, size_t record_bytes,
                                  uint64_t memory_bytes, slk_error *error)
{
    const uint64_t ahead_bytes = SLK_PARENTS * PAGE;
    const uint64_t least = RING_UNITS_MIN * UNIT + AHEAD_MIN * ahead_bytes;
    if (memory_bytes < least)
        return slk_fail(error, SLK_E_LIMIT,
                        "labels on files need %llu bytes of memory at least, %llu are allowed",
                        (unsigned long long)least, (unsigned long long)memory_bytes);
    uint64_t ahead = power_of_two_up_to(memory_bytes / 4 / ahead_bytes + 1);
    ahead = slk_min_u64(slk_max_u64(ahead, AHEAD_MIN), AHEAD_MAX);
    uint64_t ring = power_of_two_up_to(memory_bytes - ahead * ahead_bytes);
    ring = slk_min_u64(ring, power_of_two_up_to(2 * unit_count(nodes, record_bytes) * UNIT));
    ring = slk_max_u64(ring, RING_UNITS_MIN * UNIT);
    plan->ring_nodes = ring / record_bytes;
    plan->ahead_nodes = ahead;
    plan->memory_bytes = ring + ahead * ahead_bytes;
    plan->disk_bytes = 2 * unit_count(nodes, record_bytes) * UNIT;
    return SLK_OK;
}

static slk_err open_files(slk_label_files *f, const char *const *folders, size_t n,
                          slk_error *error)
{
    if (n > FILES_MAX)
        return slk_fail(error, SLK_E_LIMIT, "more than %u folders for labels", FILES_MAX);
    f->units_per_file = (f->units + n - 1) / n;
    for (size_t i = 0; i < n; i++) {
        SLK_TRY(slk_file_create_unnamed(&f->fd[i], folders[i], error));
        f->folder[i] = folders[i];
        f->n_files++;
        SLK_TRY(slk_file_reserve(f->fd[i], 2 * f->units_per_file * UNIT, folders[i], error));
        (void)slk_aio_make_direct(f->fd[i]); /* where not, through the page cache */
    }
    return SLK_OK;
}

static slk_err open_all(slk_label_files *f, const slk_label_store_plan *plan,
                        const char *const *folders, size_t n_folders, slk_aio_way way,
                        slk_error *error)
{
    f->unit_nodes = UNIT / f->record_bytes;
    f->units = unit_count(f->nodes, f->record_bytes);
    f->ring_nodes = plan->ring_nodes;
    f->ahead = plan->ahead_nodes;
    slk_assert(f->ahead <= AHEAD_MAX && f->ring_nodes >= f->ahead + 2 * f->unit_nodes);
    SLK_TRY(
        slk_region_init(&f->ring, f->ring_nodes * f->record_bytes, "the ring of labels", error));
    SLK_TRY(slk_region_init(&f->pages, f->ahead * SLK_PARENTS * PAGE, "pages of labels", error));
    const unsigned depth = (unsigned)f->ahead * SLK_PARENTS + WRITES_MAX;
    SLK_TRY(slk_aio_new(&f->aio, depth, way, error));
    return open_files(f, folders, n_folders, error);
}

slk_err slk_label_files_new(slk_label_files **ret_files, const slk_label_store_plan *plan,
                            uint64_t nodes, size_t record_bytes, const char *const *folders,
                            size_t n_folders, slk_aio_way way, slk_error *error)
{
    slk_label_files *f = slk_calloc(1, sizeof *f);
    if (!f)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    f->nodes = nodes;
    f->record_bytes = record_bytes;
    const slk_err code = open_all(f, plan, folders, n_folders, way, error);
    if (code != SLK_OK) {
        slk_label_files_free(f);
        return code;
    }
    *ret_files = f;
    return SLK_OK;
}

void slk_label_files_free(slk_label_files *f)
{
    if (!f)
        return;
    slk_aio_free(f->aio);
    for (size_t i = 0; i < f->n_files; i++)
        slk_closep(&f->fd[i]);
    slk_region_done(&f->pages);
    slk_region_done(&f->ring);
    slk_free(f);
}

void slk_label_files_begin(slk_label_files *f, const slk_parents *parents, unsigned n_parents)
{
    f->parents = parents;
    f->n_parents = n_parents;
    f->half ^= 1;
    f->asked = f->filled = f->sent = f->written = 0;
    memset(f->unit_written, 0, sizeof f->unit_written);
}

static void note_written(slk_label_files *f, uint64_t unit)
{
    f->unit_written[unit % WRITES_MAX] = true;
    while (f->unit_written[f->written % WRITES_MAX]) {
        f->unit_written[f->written % WRITES_MAX] = false;
        f->written++;
    }
}

/* Takes what has ended. */
static slk_err reap(slk_label_files *f, bool wait, slk_error *error)
{
    slk_aio_done done[64];
    const size_t n = slk_aio_reap(f->aio, done, sizeof done / sizeof *done, wait);
    for (size_t i = 0; i < n; i++) {
        slk_error reason;
        if (slk_aio_result(&done[i], &reason) != SLK_OK && f->failure.code == SLK_OK)
            f->failure = reason;
        if (done[i].tag & WRITE_TAG)
            note_written(f, done[i].tag & ~WRITE_TAG);
        else
            f->pending[done[i].tag]--;
    }
    if (f->failure.code != SLK_OK && error)
        *error = f->failure;
    return f->failure.code;
}

static slk_err wait_for_unit(slk_label_files *f, uint64_t unit, slk_error *error)
{
    slk_assert(unit < f->sent || f->failure.code != SLK_OK);
    while (f->written <= unit)
        SLK_TRY(reap(f, true, error));
    return SLK_OK;
}

static uint64_t file_offset(const slk_label_files *f, unsigned half, uint64_t unit)
{
    return (half * f->units_per_file + unit / f->n_files) * UNIT;
}

static uint8_t *page_of(const slk_label_files *f, uint64_t node, unsigned k)
{
    return f->pages.data + (node % f->ahead * SLK_PARENTS + k) * PAGE;
}

static uint8_t *ring_slot(const slk_label_files *f, uint64_t node)
{
    return f->ring.data + (node & (f->ring_nodes - 1)) * f->record_bytes;
}

static bool in_ring(const slk_label_files *f, uint64_t node, uint64_t parent, unsigned k)
{
    return k < SLK_BASE_PARENTS && node - parent <= f->ring_nodes;
}

static slk_err ask_for(slk_label_files *f, uint64_t node, slk_error *error)
{
    const uint32_t *row = slk_parents_row(f->parents, node);
    for (unsigned k = 0; k < f->n_parents; k++) {
        if (in_ring(f, node, row[k], k))
            continue;
        const uint64_t unit = row[k] / f->unit_nodes;
        const unsigned half = k < SLK_BASE_PARENTS ? f->half : f->half ^ 1;
        if (half == f->half)
            SLK_TRY(wait_for_unit(f, unit, error));
        const uint64_t in_unit = row[k] % f->unit_nodes * f->record_bytes / PAGE * PAGE;
        const size_t file = (size_t)(unit % f->n_files);
        while (slk_aio_room(f->aio) == 0)
            SLK_TRY(reap(f, true, error));
        slk_aio_read(f->aio, f->fd[file], page_of(f, node, k), PAGE,
                     file_offset(f, half, unit) + in_unit, f->folder[file], node % f->ahead);
        f->pending[node % f->ahead]++;
    }
    return SLK_OK;
}

static slk_err ask_ahead(slk_label_files *f, uint64_t node, slk_error *error)
{
    const uint64_t end = slk_min_u64(f->nodes, node + f->ahead);
    for (; f->asked < end; f->asked++) {
        if (f->asked > 0) /* node 0 is labelled without its parents */
            SLK_TRY(ask_for(f, f->asked, error));
    }
    slk_aio_submit(f->aio);
    return reap(f, false, error);
}

slk_err slk_label_files_parents(slk_label_files *f, const void **ret_parents, uint64_t node,
                                slk_error *error)
{
    slk_assert(node == f->filled);
    if (f->failure.code != SLK_OK) /* kept by _put: what this node needs may be missing */
        return reap(f, false, error);
    if (f->asked <= node || node % ASK_EVERY == 0)
        SLK_TRY(ask_ahead(f, node, error));
    while (f->pending[node % f->ahead] > 0)
        SLK_TRY(reap(f, true, error));
    if (node == 0)
        return SLK_OK;
    const uint32_t *row = slk_parents_row(f->parents, node);
    for (unsigned k = 0; k < f->n_parents; k++) {
        ret_parents[k] = in_ring(f, node, row[k], k)
                             ? ring_slot(f, row[k])
                             : page_of(f, node, k) + row[k] * f->record_bytes % PAGE;
    }
    return SLK_OK;
}

slk_err slk_label_files_slot(slk_label_files *f, void **ret_record, uint64_t node, slk_error *error)
{
    /* What the slots of this unit held must be on the files before the first is overwritten. */
    if (node >= f->ring_nodes && node % f->unit_nodes == 0)
        SLK_TRY(wait_for_unit(f, (node - f->ring_nodes) / f->unit_nodes, error));
    *ret_record = ring_slot(f, node);
    return SLK_OK;
}

static void send_unit(slk_label_files *f)
{
    const uint64_t unit = f->sent++;
    const size_t file = (size_t)(unit % f->n_files);
    /* The last unit of a layer may be partly old: nothing reads that part. */
    slk_aio_write(f->aio, f->fd[file], ring_slot(f, unit * f->unit_nodes), UNIT,
                  file_offset(f, f->half, unit), f->folder[file], WRITE_TAG | unit);
}

void slk_label_files_put(slk_label_files *f, uint64_t node)
{
    slk_assert(node == f->filled);
    f->filled++;
    if (f->filled % f->unit_nodes != 0 && f->filled != f->nodes)
        return;
    while (f->failure.code == SLK_OK &&
           (slk_aio_room(f->aio) == 0 || f->sent - f->written >= WRITES_MAX))
        (void)reap(f, true, NULL); /* a failure is kept for the next call */
    if (f->failure.code != SLK_OK)
        return;
    send_unit(f);
    slk_aio_submit(f->aio);
}

const uint8_t *slk_label_files_latest(const slk_label_files *f, uint64_t first)
{
    slk_assert(first % SLK_LABEL_STORE_STEP == 0 && f->filled - first <= SLK_LABEL_STORE_STEP);
    return ring_slot(f, first);
}

slk_err slk_label_files_end(slk_label_files *f, slk_error *error)
{
    slk_assert(f->filled == f->nodes);
    return wait_for_unit(f, f->units - 1, error);
}
