/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/label/rows.h"

#include "base/mem.h"
#include "base/num.h"

#define BLOCK_NUMBERS ((size_t)SLK_ROW_BLOCK_NODES * SLK_PARENTS)

static uint64_t blocks_of_layer(const slk_rows *rows)
{
    return (rows->graph.nodes + SLK_ROW_BLOCK_NODES - 1) / SLK_ROW_BLOCK_NODES;
}

static uint64_t first_of(const slk_rows *rows, uint64_t block)
{
    return block % blocks_of_layer(rows) * SLK_ROW_BLOCK_NODES;
}

static uint64_t nodes_of(const slk_rows *rows, uint64_t block)
{
    return slk_min_u64(SLK_ROW_BLOCK_NODES, rows->graph.nodes - first_of(rows, block));
}

slk_err slk_rows_init(slk_rows *rows, const slk_parents *table, const slk_crypto *crypto,
                      const slk_graph *graph, unsigned layers, bool alone, slk_error *error)
{
    rows->table = table;
    rows->crypto = crypto;
    rows->graph = *graph;
    rows->blocks = layers * blocks_of_layer(rows);
    rows->taken = 0;
    rows->alone = alone;
    rows->memory = NULL;
    atomic_init(&rows->next, 0);
    for (size_t i = 0; i < SLK_ROW_BLOCKS; i++)
        slk_gate_init(&rows->made[i]);
    slk_gate_init(&rows->passed);
    if (table)
        return SLK_OK;
    rows->memory = slk_alloc((alone ? 1 : SLK_ROW_BLOCKS) * BLOCK_NUMBERS, sizeof *rows->memory);
    return rows->memory ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "no memory for parents");
}

void slk_rows_done(slk_rows *rows)
{
    for (size_t i = 0; i < SLK_ROW_BLOCKS; i++)
        slk_gate_done(&rows->made[i]);
    slk_gate_done(&rows->passed);
    slk_free(rows->memory);
    rows->memory = NULL;
}

static void make_block(slk_rows *rows, uint64_t block, uint32_t *out)
{
    slk_graph_parents_range(&rows->graph, rows->crypto, first_of(rows, block),
                            nodes_of(rows, block), out);
}

const uint32_t *slk_rows_take(slk_rows *rows, uint64_t *ret_nodes)
{
    const uint64_t block = rows->taken;
    if (block >= rows->blocks)
        return NULL;
    rows->taken++;
    *ret_nodes = nodes_of(rows, block);
    if (rows->table)
        return slk_parents_row(rows->table, first_of(rows, block));
    if (rows->alone) {
        make_block(rows, block, rows->memory);
        return rows->memory;
    }
    if (!slk_gate_raise(&rows->passed, block))
        return NULL;
    const size_t place = block % SLK_ROW_BLOCKS;
    if (!slk_gate_wait(&rows->made[place], block + 1))
        return NULL;
    return rows->memory + place * BLOCK_NUMBERS;
}

void slk_rows_make(slk_rows *rows)
{
    if (rows->table)
        return;
    for (;;) {
        const uint64_t block = atomic_fetch_add(&rows->next, 1);
        if (block >= rows->blocks)
            return;
        const size_t place = block % SLK_ROW_BLOCKS;
        /* The block that lies there now must have been used. */
        if (block >= SLK_ROW_BLOCKS && !slk_gate_wait(&rows->passed, block - SLK_ROW_BLOCKS + 1))
            return;
        make_block(rows, block, rows->memory + place * BLOCK_NUMBERS);
        if (!slk_gate_raise(&rows->made[place], block + 1))
            return;
    }
}

void slk_rows_close(slk_rows *rows)
{
    for (size_t i = 0; i < SLK_ROW_BLOCKS; i++)
        slk_gate_close(&rows->made[i]);
    slk_gate_close(&rows->passed);
}
