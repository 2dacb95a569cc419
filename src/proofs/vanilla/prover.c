/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/prover.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "proofs/vanilla/cache.h"

static slk_err open_layers(slk_prover *p, const char *cache, slk_error *error)
{
    const slk_sector_shape *shape = p->proof.shape;
    p->columns_path = slk_path_join(cache, SLK_COLUMNS_FILE);
    if (!p->columns_path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (slk_file_exists(p->columns_path))
        return slk_tree_open_sized(&p->columns_fd, p->columns_path, shape->layers * shape->bytes,
                                   error);
    for (unsigned i = 0; i < shape->layers; i++) {
        p->layer_path[i] = slk_layer_path(cache, i + 1);
        if (!p->layer_path[i])
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        SLK_TRY(slk_tree_open_sized(&p->layer_fd[i], p->layer_path[i], shape->bytes, error));
    }
    return SLK_OK;
}

static slk_err open_tree_d(slk_prover *p, const slk_crypto *crypto, const uint8_t comm_d[32],
                           const char *cache, slk_error *error)
{
    const slk_sector_shape *shape = p->proof.shape;
    const slk_tree_geometry d = slk_tree_d_geometry(shape);
    slk_zero_nodes_init(&p->zero, crypto);
    if (memcmp(comm_d, p->zero.node[shape->log2_nodes], 32) == 0)
        return SLK_OK;
    p->tree_d_path = slk_tree_path(cache, "tree-d", -1);
    if (!p->tree_d_path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return slk_tree_open_sized(&p->tree_d_fd, p->tree_d_path, slk_tree_file_bytes(&d), error);
}

static slk_err open_all(slk_prover *p, const slk_crypto *crypto, const uint8_t comm_d[32],
                        const char *sealed, const char *cache, slk_error *error)
{
    const slk_sector_shape *shape = p->proof.shape;
    SLK_TRY(open_layers(p, cache, error));
    SLK_TRY(open_tree_d(p, crypto, comm_d, cache, error));
    SLK_TRY(slk_tree_set_open(&p->tree_c, crypto, shape, cache, NULL, error));
    return slk_tree_set_open(&p->tree_r, crypto, shape, cache, sealed, error);
}

slk_err slk_prover_open(slk_prover *ret_prover, const slk_crypto *crypto,
                        const slk_seal_proof *proof, const uint8_t comm_d[32], const char *sealed,
                        const char *cache, slk_error *error)
{
    slk_prover p = {.proof = *proof, .tree_d_fd = -1, .columns_fd = -1};
    p.tree_c = SLK_TREE_SET_NONE;
    p.tree_r = SLK_TREE_SET_NONE;
    for (size_t i = 0; i < SLK_MAX_LAYERS; i++)
        p.layer_fd[i] = -1;
    slk_record_layout_init(&p.layout, proof->shape);
    slk_graph_init(&p.graph, crypto, proof);
    slk_err code = open_all(&p, crypto, comm_d, sealed, cache, error);
    if (code == SLK_OK)
        *ret_prover = p;
    else
        slk_prover_done(&p);
    return code;
}

void slk_prover_done(slk_prover *prover)
{
    if (!prover->proof.shape)
        return;
    for (size_t i = 0; i < SLK_MAX_LAYERS; i++) {
        slk_closep(&prover->layer_fd[i]);
        slk_free(prover->layer_path[i]);
    }
    slk_closep(&prover->columns_fd);
    slk_free(prover->columns_path);
    slk_closep(&prover->tree_d_fd);
    slk_free(prover->tree_d_path);
    slk_tree_set_done(&prover->tree_c);
    slk_tree_set_done(&prover->tree_r);
    *prover = (slk_prover){0};
}

/* ---- What is read, and what is made of it: the same order in both. */

static slk_err note_column(const slk_prover *p, uint64_t node, slk_gather *gather, slk_error *error)
{
    const unsigned layers = p->proof.shape->layers;
    if (p->columns_fd >= 0)
        SLK_TRY(slk_gather_add(gather, p->columns_fd, p->columns_path, node * 32 * layers,
                               32 * (size_t)layers, error));
    for (unsigned i = 0; p->columns_fd < 0 && i < layers; i++)
        SLK_TRY(slk_gather_add(gather, p->layer_fd[i], p->layer_path[i], node * 32, 32, error));
    return slk_tree_set_note(&p->tree_c, node, gather, error);
}

static slk_err put_column(const slk_prover *p, uint64_t node, uint8_t *column, slk_gathered *from,
                          slk_error *error)
{
    const unsigned layers = p->proof.shape->layers;
    if (p->columns_fd >= 0)
        memcpy(column, slk_gathered_take(from, 32 * (size_t)layers), 32 * (size_t)layers);
    for (unsigned i = 0; p->columns_fd < 0 && i < layers; i++)
        memcpy(column + 32 * (size_t)i, slk_gathered_take(from, 32), 32);
    return slk_tree_set_path(&p->tree_c, node, column + p->layout.column_leaf,
                             column + p->layout.column_siblings, from, error);
}

slk_err slk_prover_note(const slk_prover *prover, uint64_t challenge, slk_gather *gather,
                        slk_error *error)
{
    slk_assert(challenge >= 1 && challenge < prover->proof.shape->nodes);
    uint32_t parents[SLK_PARENTS];
    slk_graph_parents(&prover->graph, challenge, parents);
    if (prover->tree_d_fd >= 0)
        SLK_TRY(slk_tree_d_note(prover->tree_d_fd, prover->tree_d_path, prover->proof.shape,
                                challenge, gather, error));
    SLK_TRY(note_column(prover, challenge, gather, error));
    for (size_t i = 0; i < SLK_PARENTS; i++)
        SLK_TRY(note_column(prover, parents[i], gather, error));
    return slk_tree_set_note(&prover->tree_r, challenge, gather, error);
}

slk_err slk_prover_record(const slk_prover *prover, uint64_t challenge, uint8_t *record,
                          slk_gathered *from, slk_error *error)
{
    const slk_record_layout *l = &prover->layout;
    const slk_sector_shape *shape = prover->proof.shape;
    uint32_t parents[SLK_PARENTS];
    slk_graph_parents(&prover->graph, challenge, parents);
    slk_store_le64(record, challenge);
    if (prover->tree_d_fd >= 0)
        slk_tree_d_path(shape, challenge, record + l->d_leaf, record + l->d_siblings, from);
    else
        memset(record + l->d_leaf, 0, 32);
    for (size_t row = 0; prover->tree_d_fd < 0 && row < shape->log2_nodes; row++)
        memcpy(record + l->d_siblings + 32 * row, prover->zero.node[row], 32);
    SLK_TRY(put_column(prover, challenge, record + l->columns, from, error));
    for (size_t i = 0; i < SLK_PARENTS; i++) {
        slk_store_le64(record + 8 + 8 * i, parents[i]);
        SLK_TRY(put_column(prover, parents[i], record + l->columns + (i + 1) * l->column_bytes,
                           from, error));
    }
    return slk_tree_set_path(&prover->tree_r, challenge, record + l->r_leaf, record + l->r_siblings,
                             from, error);
}
