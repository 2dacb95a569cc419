/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/label_store.h"

#include "base/mem.h"
#include "proofs/vanilla/label_files.h"

/* Before a record is made, this many others are: enough time for the memory to answer. */
#define PREFETCH_NODES 8u
#define LINE_BYTES 64u

struct slk_label_store {
    slk_label_files *files; /* NULL: in memory */
    uint64_t nodes;
    size_t record_bytes;
    slk_region layer[2];
    unsigned current;
    const slk_parents *parents;
    unsigned n_parents;
};

slk_err slk_label_store_make_plan(slk_label_store_plan *ret_plan, uint64_t nodes,
                                  size_t record_bytes, uint64_t memory_bytes, slk_error *error)
{
    slk_label_store_plan plan = {.memory_bytes = 2 * nodes * record_bytes};
    plan.in_memory = plan.memory_bytes <= memory_bytes;
    if (!plan.in_memory)
        SLK_TRY(slk_label_files_make_plan(&plan, nodes, record_bytes, memory_bytes, error));
    *ret_plan = plan;
    return SLK_OK;
}

static slk_err open_store(slk_label_store *s, const slk_label_store_plan *plan,
                          const char *const *folders, size_t n_folders, slk_aio_way way,
                          slk_error *error)
{
    if (!plan->in_memory)
        return slk_label_files_new(&s->files, plan, s->nodes, s->record_bytes, folders, n_folders,
                                   way, error);
    const size_t bytes = (size_t)s->nodes * s->record_bytes;
    SLK_TRY(slk_region_init(&s->layer[0], bytes, "a layer of labels", error));
    return slk_region_init(&s->layer[1], bytes, "a layer of labels", error);
}

slk_err slk_label_store_new(slk_label_store **ret_store, const slk_label_store_plan *plan,
                            uint64_t nodes, size_t record_bytes, const char *const *folders,
                            size_t n_folders, slk_aio_way way, slk_error *error)
{
    slk_assert(record_bytes >= 32 && record_bytes <= 1024 && !(record_bytes & (record_bytes - 1)));
    slk_label_store *s = slk_calloc(1, sizeof *s);
    if (!s)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    s->nodes = nodes;
    s->record_bytes = record_bytes;
    const slk_err code = open_store(s, plan, folders, n_folders, way, error);
    if (code != SLK_OK) {
        slk_label_store_free(s);
        return code;
    }
    *ret_store = s;
    return SLK_OK;
}

void slk_label_store_free(slk_label_store *s)
{
    if (!s)
        return;
    slk_label_files_free(s->files);
    slk_region_done(&s->layer[0]);
    slk_region_done(&s->layer[1]);
    slk_free(s);
}

void slk_label_store_begin(slk_label_store *s, const slk_parents *parents, unsigned n_parents)
{
    slk_assert(n_parents == 0 || n_parents == SLK_BASE_PARENTS || n_parents == SLK_PARENTS);
    s->parents = parents;
    s->n_parents = n_parents;
    s->current ^= 1;
    if (s->files)
        slk_label_files_begin(s->files, parents, n_parents);
}

static const uint8_t *parent_record(const slk_label_store *s, const uint32_t *row, unsigned k)
{
    const unsigned layer = k < SLK_BASE_PARENTS ? s->current : s->current ^ 1;
    return s->layer[layer].data + (size_t)row[k] * s->record_bytes;
}

static void prefetch(const slk_label_store *s, uint64_t node)
{
    if (node >= s->nodes)
        return;
    const uint32_t *row = slk_parents_row(s->parents, node);
    for (unsigned k = 0; k < s->n_parents; k++) {
        const uint8_t *record = parent_record(s, row, k);
        for (size_t i = 0; i < s->record_bytes; i += LINE_BYTES)
            __builtin_prefetch(record + i);
    }
}

slk_err slk_label_store_parents(slk_label_store *s, const void **ret_parents, uint64_t node,
                                slk_error *error)
{
    if (s->n_parents == 0)
        return SLK_OK;
    if (s->files)
        return slk_label_files_parents(s->files, ret_parents, node, error);
    prefetch(s, node + PREFETCH_NODES);
    if (node == 0)
        return SLK_OK;
    const uint32_t *row = slk_parents_row(s->parents, node);
    for (unsigned k = 0; k < s->n_parents; k++)
        ret_parents[k] = parent_record(s, row, k);
    return SLK_OK;
}

slk_err slk_label_store_slot(slk_label_store *s, void **ret_record, uint64_t node, slk_error *error)
{
    if (s->files)
        return slk_label_files_slot(s->files, ret_record, node, error);
    *ret_record = s->layer[s->current].data + node * s->record_bytes;
    return SLK_OK;
}

void slk_label_store_put(slk_label_store *s, uint64_t node)
{
    if (s->files)
        slk_label_files_put(s->files, node);
}

const uint8_t *slk_label_store_latest(const slk_label_store *s, uint64_t first)
{
    if (s->files)
        return slk_label_files_latest(s->files, first);
    return s->layer[s->current].data + first * s->record_bytes;
}

slk_err slk_label_store_end(slk_label_store *s, slk_error *error)
{
    return s->files ? slk_label_files_end(s->files, error) : SLK_OK;
}
