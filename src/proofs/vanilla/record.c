/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/record.h"

#include "base/bytes.h"
#include "base/err.h"
#include "base/num.h"

void slk_record_layout_init(slk_record_layout *ret_layout, const slk_sector_shape *shape)
{
    slk_record_layout l = {.shape = shape};
    l.tree_siblings = (size_t)7 * shape->base_depth;
    if (shape->sub_arity)
        l.tree_siblings += shape->sub_arity - 1;
    if (shape->top_arity)
        l.tree_siblings += shape->top_arity - 1;
    const size_t node = SLK_NODE_BYTES;
    l.d_leaf = 8 + 8 * (size_t)SLK_PARENTS;
    l.d_siblings = l.d_leaf + node;
    l.columns = l.d_siblings + node * shape->log2_nodes;
    l.column_leaf = node * shape->layers;
    l.column_siblings = l.column_leaf + node;
    l.column_bytes = l.column_siblings + node * l.tree_siblings;
    l.r_leaf = l.columns + l.column_bytes * (1 + SLK_PARENTS);
    l.r_siblings = l.r_leaf + node;
    l.record_bytes = l.r_siblings + node * l.tree_siblings;
    *ret_layout = l;
}

unsigned slk_path_levels(const slk_sector_shape *shape)
{
    return shape->base_depth + (shape->sub_arity ? 1 : 0) + (shape->top_arity ? 1 : 0);
}

unsigned slk_path_arity(const slk_sector_shape *shape, unsigned level)
{
    slk_assert(level < slk_path_levels(shape));
    if (level < shape->base_depth)
        return 8;
    return level == shape->base_depth ? shape->sub_arity : shape->top_arity;
}

unsigned slk_path_digit(const slk_sector_shape *shape, uint64_t node, unsigned level)
{
    unsigned arity = slk_path_arity(shape, level);
    unsigned shift = 3 * level;
    if (level > shape->base_depth)
        shift = 3 * shape->base_depth + slk_log2(shape->sub_arity);
    return (unsigned)((node >> shift) & (arity - 1));
}

uint64_t slk_record_challenge(const uint8_t *record)
{
    return slk_load_le64(record);
}

uint64_t slk_record_parent(const uint8_t *record, unsigned parent)
{
    slk_assert(parent < SLK_PARENTS);
    return slk_load_le64(record + 8 + 8 * (size_t)parent);
}

const uint8_t *slk_record_column(const slk_record_layout *layout, const uint8_t *record,
                                 unsigned column)
{
    slk_assert(column <= SLK_PARENTS);
    return record + layout->columns + column * layout->column_bytes;
}

const uint8_t *slk_record_label_parent(const slk_record_layout *layout, const uint8_t *record,
                                       unsigned layer, unsigned i)
{
    const unsigned parent = i % (layer == 1 ? SLK_BASE_PARENTS : SLK_PARENTS);
    const unsigned row = parent < SLK_BASE_PARENTS ? layer - 1 : layer - 2;
    return slk_record_column(layout, record, parent + 1) + 32 * (size_t)row;
}
