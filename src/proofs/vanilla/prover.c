/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/prover.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "proofs/vanilla/cache.h"

static slk_err open_all(slk_prover *p, const slk_crypto *crypto, const char *sealed,
                        const char *cache, slk_error *error)
{
    const slk_sector_shape *shape = p->proof.shape;
    const slk_tree_geometry d = slk_tree_d_geometry(shape);
    for (unsigned i = 0; i < shape->layers; i++) {
        p->layer_path[i] = slk_layer_path(cache, i + 1);
        if (!p->layer_path[i])
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        SLK_TRY(slk_tree_open_sized(&p->layer_fd[i], p->layer_path[i], shape->bytes, error));
    }
    p->tree_d_path = slk_tree_path(cache, "tree-d", -1);
    if (!p->tree_d_path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_tree_open_sized(&p->tree_d_fd, p->tree_d_path, slk_tree_file_bytes(&d), error));
    SLK_TRY(slk_tree_set_open(&p->tree_c, crypto, shape, cache, NULL, error));
    return slk_tree_set_open(&p->tree_r, crypto, shape, cache, sealed, error);
}

slk_err slk_prover_open(slk_prover *ret_prover, const slk_crypto *crypto,
                        const slk_seal_proof *proof, const char *sealed, const char *cache,
                        slk_error *error)
{
    slk_prover p = {.proof = *proof, .tree_d_fd = -1};
    p.tree_c = SLK_TREE_SET_NONE;
    p.tree_r = SLK_TREE_SET_NONE;
    for (size_t i = 0; i < SLK_MAX_LAYERS; i++)
        p.layer_fd[i] = -1;
    slk_record_layout_init(&p.layout, proof->shape);
    slk_graph_init(&p.graph, crypto, proof);
    slk_err code = open_all(&p, crypto, sealed, cache, error);
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
    slk_closep(&prover->tree_d_fd);
    slk_free(prover->tree_d_path);
    slk_tree_set_done(&prover->tree_c);
    slk_tree_set_done(&prover->tree_r);
    *prover = (slk_prover){0};
}

static slk_err put_column(const slk_prover *p, uint64_t node, uint8_t *column, slk_error *error)
{
    for (unsigned i = 0; i < p->proof.shape->layers; i++)
        SLK_TRY(slk_file_read_at(p->layer_fd[i], column + 32 * (size_t)i, 32, node * 32,
                                 p->layer_path[i], error));
    return slk_tree_set_path(&p->tree_c, node, column + p->layout.column_leaf,
                             column + p->layout.column_siblings, error);
}

slk_err slk_prover_record(const slk_prover *prover, uint64_t challenge, uint8_t *record,
                          slk_error *error)
{
    const slk_record_layout *l = &prover->layout;
    slk_assert(challenge >= 1 && challenge < prover->proof.shape->nodes);
    uint32_t parents[SLK_PARENTS];
    slk_graph_parents(&prover->graph, challenge, parents);
    slk_store_le64(record, challenge);
    SLK_TRY(slk_tree_d_path(prover->tree_d_fd, prover->tree_d_path, prover->proof.shape, challenge,
                            record + l->d_leaf, record + l->d_siblings, error));
    SLK_TRY(put_column(prover, challenge, record + l->columns, error));
    for (size_t i = 0; i < SLK_PARENTS; i++) {
        slk_store_le64(record + 8 + 8 * i, parents[i]);
        SLK_TRY(
            put_column(prover, parents[i], record + l->columns + (i + 1) * l->column_bytes, error));
    }
    return slk_tree_set_path(&prover->tree_r, challenge, record + l->r_leaf, record + l->r_siblings,
                             error);
}
