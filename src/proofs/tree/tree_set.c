/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/tree/tree_set.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "crypto/fr/fr.h"
#include "crypto/poseidon/poseidon.h"
#include "proofs/vanilla/record.h"

/* 8^3 leaves: the most a discarded part of tree-r-last covers (two rows beside the leaves). */
#define SEGMENT_MAX 512u

static slk_err check_node(const uint8_t node32[32], const char *path, uint64_t at, slk_error *error)
{
    if (slk_fr_node_is_canonical(node32))
        return SLK_OK;
    return slk_fail(error, SLK_E_CORRUPT, "%s: node %llu is not a field element", path,
                    (unsigned long long)at);
}

static slk_err open_base_tree(slk_tree_set *set, const char *folder, unsigned i, slk_error *error)
{
    const char *id = set->leaves_path ? "tree-r-last" : "tree-c";
    set->path[i] = slk_base_tree_path(folder, id, set->shape, i);
    if (!set->path[i])
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    const uint64_t bytes = slk_tree_file_bytes(&set->geometry);
    SLK_TRY(slk_tree_open_sized(&set->fd[i], set->path[i], bytes, error));
    SLK_TRY(slk_file_read_at(set->fd[i], set->base_roots[i], 32, bytes - 32, set->path[i], error));
    return check_node(set->base_roots[i], set->path[i], bytes / 32 - 1, error);
}

static slk_err open_all(slk_tree_set *set, const char *folder, const char *replica,
                        slk_error *error)
{
    if (replica) {
        set->leaves_path = slk_strdup(replica);
        if (!set->leaves_path)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        SLK_TRY(slk_tree_open_sized(&set->leaves_fd, replica, set->shape->bytes, error));
    }
    for (unsigned i = 0; i < set->shape->base_trees; i++)
        SLK_TRY(open_base_tree(set, folder, i, error));
    slk_tree_join(set->root, set->sub_roots, set->crypto, set->shape, set->base_roots[0]);
    return SLK_OK;
}

slk_err slk_tree_set_open(slk_tree_set *ret_set, const slk_crypto *crypto,
                          const slk_sector_shape *shape, const char *folder, const char *replica,
                          slk_error *error)
{
    slk_tree_set set = {.crypto = crypto, .shape = shape, .leaves_fd = -1};
    set.geometry = replica ? slk_tree_r_geometry(shape) : slk_tree_c_geometry(shape);
    for (size_t i = 0; i < SLK_MAX_BASE_TREES; i++)
        set.fd[i] = -1;
    slk_err code = open_all(&set, folder, replica, error);
    if (code == SLK_OK)
        *ret_set = set;
    else
        slk_tree_set_done(&set);
    return code;
}

void slk_tree_set_done(slk_tree_set *set)
{
    for (size_t i = 0; set->shape && i < SLK_MAX_BASE_TREES; i++) {
        slk_closep(&set->fd[i]);
        slk_free(set->path[i]);
    }
    slk_closep(&set->leaves_fd);
    slk_free(set->leaves_path);
    *set = SLK_TREE_SET_NONE;
}

/* All nodes of a group but the one at digit. */
static void copy_siblings(uint8_t *out, const uint8_t *group, unsigned arity, unsigned digit)
{
    memcpy(out, group, digit * (size_t)32);
    memcpy(out + digit * (size_t)32, group + (digit + 1) * (size_t)32,
           (arity - 1 - digit) * (size_t)32);
}

/* Leaves of the replica under one node of the first kept row, and where they begin. */
static uint64_t segment_leaves(const slk_tree_set *set)
{
    const uint64_t leaves = UINT64_C(1) << 3 * set->geometry.first_row;
    slk_assert(leaves <= SEGMENT_MAX);
    return leaves;
}

/* Where the node of a row lies in the file of its base tree. */
static uint64_t offset_of(const slk_tree_set *set, uint64_t node, unsigned row)
{
    const uint64_t in_tree = node & (slk_tree_row_nodes(&set->geometry, 0) - 1);
    return slk_tree_row_offset(&set->geometry, row) + (in_tree >> 3 * row) * 32;
}

static unsigned tree_of(const slk_tree_set *set, uint64_t node)
{
    return (unsigned)(node >> 3 * set->shape->base_depth);
}

/* Lowest row that siblings are read from. */
static unsigned first_read(const slk_tree_set *set)
{
    return set->leaves_path ? set->geometry.first_row : 0;
}

slk_err slk_tree_set_note(const slk_tree_set *set, uint64_t node, slk_gather *gather,
                          slk_error *error)
{
    slk_assert(node < set->shape->nodes);
    const unsigned tree = tree_of(set, node), kept = first_read(set);
    if (kept) {
        const uint64_t leaves = segment_leaves(set);
        SLK_TRY(slk_gather_add(gather, set->leaves_fd, set->leaves_path,
                               (node & ~(leaves - 1)) * 32, (size_t)leaves * 32, error));
        SLK_TRY(slk_gather_add(gather, set->fd[tree], set->path[tree], offset_of(set, node, kept),
                               32, error));
    }
    for (unsigned row = kept; row < set->shape->base_depth; row++)
        SLK_TRY(slk_gather_add(gather, set->fd[tree], set->path[tree],
                               offset_of(set, node, row) & ~UINT64_C(255), 256, error));
    return SLK_OK;
}

/* Hashes the replica segment under one node of the first kept row, taking siblings on the way. */
static slk_err path_in_segment(const slk_tree_set *set, uint64_t node, uint8_t leaf32[32],
                               uint8_t *siblings, slk_gathered *from, slk_error *error)
{
    uint8_t segment[SEGMENT_MAX * 32];
    const unsigned rows = set->geometry.first_row, tree = tree_of(set, node);
    uint64_t leaves = segment_leaves(set), first = node & ~(leaves - 1);
    memcpy(segment, slk_gathered_take(from, (size_t)leaves * 32), (size_t)leaves * 32);
    for (uint64_t i = 0; i < leaves; i++)
        SLK_TRY(check_node(segment + i * 32, set->leaves_path, first + i, error));
    memcpy(leaf32, segment + (node - first) * 32, 32);
    uint64_t at = node - first;
    for (unsigned row = 0; row < rows; row++, at >>= 3) {
        copy_siblings(siblings + row * (size_t)7 * 32, segment + (at & ~UINT64_C(7)) * 32, 8,
                      (unsigned)(at & 7));
        leaves >>= 3;
        slk_tree_hash_row(set->crypto, 3, segment, (size_t)leaves);
    }
    if (memcmp(slk_gathered_take(from, 32), segment, 32) != 0)
        return slk_fail(error, SLK_E_CORRUPT,
                        "%s and %s disagree: nodes %llu to %llu do not hash to node %llu of the "
                        "tree",
                        set->leaves_path, set->path[tree], (unsigned long long)first,
                        (unsigned long long)(first + segment_leaves(set) - 1),
                        (unsigned long long)(offset_of(set, node, rows) / 32));
    return SLK_OK;
}

static slk_err path_in_file(const slk_tree_set *set, uint64_t node, unsigned row, uint8_t *leaf32,
                            uint8_t *siblings, slk_gathered *from, slk_error *error)
{
    const uint64_t offset = offset_of(set, node, row);
    const uint8_t *group = slk_gathered_take(from, 256);
    const unsigned digit = (unsigned)(offset / 32 & 7);
    for (uint64_t i = 0; i < 8; i++)
        SLK_TRY(check_node(group + i * 32, set->path[tree_of(set, node)], offset / 32 - digit + i,
                           error));
    if (leaf32)
        memcpy(leaf32, group + digit * (size_t)32, 32);
    copy_siblings(siblings, group, 8, digit);
    return SLK_OK;
}

slk_err slk_tree_set_path(const slk_tree_set *set, uint64_t node, uint8_t leaf32[32],
                          uint8_t *siblings, slk_gathered *from, slk_error *error)
{
    const slk_sector_shape *shape = set->shape;
    slk_assert(node < shape->nodes);
    const unsigned depth = shape->base_depth, tree = tree_of(set, node), kept = first_read(set);
    if (kept)
        SLK_TRY(path_in_segment(set, node, leaf32, siblings, from, error));
    for (unsigned row = kept; row < depth; row++)
        SLK_TRY(path_in_file(set, node, row, row ? NULL : leaf32, siblings + row * (size_t)7 * 32,
                             from, error));
    uint8_t *out = siblings + depth * (size_t)7 * 32;
    if (shape->sub_arity) {
        const unsigned digit = slk_path_digit(shape, node, depth);
        copy_siblings(out, set->base_roots[tree - digit], shape->sub_arity, digit);
        out += (shape->sub_arity - 1) * (size_t)32;
    }
    if (shape->top_arity)
        copy_siblings(out, set->sub_roots[0], shape->top_arity,
                      slk_path_digit(shape, node, depth + 1));
    return SLK_OK;
}

slk_err slk_tree_d_note(int fd, const char *path, const slk_sector_shape *shape, uint64_t node,
                        slk_gather *gather, slk_error *error)
{
    const slk_tree_geometry geometry = slk_tree_d_geometry(shape);
    uint64_t row_offset = 0;
    for (unsigned row = 0; row < geometry.depth; row++) {
        const uint64_t pair = node >> row & ~UINT64_C(1);
        SLK_TRY(slk_gather_add(gather, fd, path, row_offset + pair * 32, 64, error));
        row_offset += slk_tree_row_nodes(&geometry, row) * 32;
    }
    return SLK_OK;
}

void slk_tree_d_path(const slk_sector_shape *shape, uint64_t node, uint8_t leaf32[32],
                     uint8_t *siblings, slk_gathered *from)
{
    for (unsigned row = 0; row < shape->log2_nodes; row++) {
        const uint8_t *pair = slk_gathered_take(from, 64);
        const uint64_t side = node >> row & 1;
        if (row == 0)
            memcpy(leaf32, pair + side * 32, 32);
        memcpy(siblings + row * (size_t)32, pair + (1 - side) * 32, 32);
    }
}

/* The node among its siblings, as it is hashed. */
static bool fill_group(uint8_t *group, const uint8_t node32[32], const uint8_t *siblings,
                       unsigned arity, unsigned digit)
{
    memcpy(group, siblings, digit * (size_t)32);
    memcpy(group + digit * (size_t)32, node32, 32);
    memcpy(group + (digit + 1) * (size_t)32, siblings + digit * (size_t)32,
           (arity - 1 - digit) * (size_t)32);
    for (size_t i = 0; i < arity; i++) {
        if (!slk_fr_node_is_canonical(group + 32 * i))
            return false;
    }
    return true;
}

bool slk_tree_walk_roots(uint8_t *roots, const slk_crypto *crypto, const slk_sector_shape *shape,
                         const slk_tree_walk *walks, size_t n)
{
    slk_assert(n <= SLK_TREE_WALKS);
    uint8_t groups[SLK_TREE_WALKS * 8 * 32];
    for (size_t i = 0; i < n; i++)
        memcpy(roots + 32 * i, walks[i].leaf, 32);
    size_t passed = 0; /* siblings of the levels below */
    for (unsigned level = 0; level < slk_path_levels(shape); level++) {
        const unsigned arity = slk_path_arity(shape, level);
        for (size_t i = 0; i < n; i++) {
            const unsigned digit = slk_path_digit(shape, walks[i].node, level);
            if (!fill_group(groups + i * arity * 32, roots + 32 * i,
                            walks[i].siblings + passed * 32, arity, digit))
                return false;
        }
        slk_poseidon_batch(crypto, arity, roots, groups, n);
        passed += arity - 1;
    }
    return true;
}

void slk_tree_d_path_root(uint8_t root32[32], const slk_crypto *crypto,
                          const slk_sector_shape *shape, uint64_t node, const uint8_t leaf32[32],
                          const uint8_t *siblings)
{
    uint8_t current[32];
    memcpy(current, leaf32, 32);
    for (unsigned row = 0; row < shape->log2_nodes; row++) {
        uint8_t pair[64];
        const size_t side = node >> row & 1;
        memcpy(pair + 32 * side, current, 32);
        memcpy(pair + 32 * (1 - side), siblings + row * (size_t)32, 32);
        slk_tree_hash_row(crypto, 1, pair, 1);
        memcpy(current, pair, 32);
    }
    memcpy(root32, current, 32);
}
