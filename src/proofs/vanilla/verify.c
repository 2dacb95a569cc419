/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/fault.h"
#include "base/mem.h"
#include "crypto/fr/fr.h"
#include "crypto/poseidon/poseidon.h"
#include "proofs/label/label.h"
#include "proofs/vanilla/challenges.h"
#include "proofs/vanilla/prover.h"

#include <stdio.h>

static uint64_t column_node(const uint8_t *record, unsigned column)
{
    return column ? slk_record_parent(record, column - 1) : slk_record_challenge(record);
}

#define COLUMNS (1 + SLK_PARENTS)

/* All column hashes against the TreeC leaves. */
static bool columns_are_right(const slk_record_context *c, const uint8_t *record)
{
    const slk_record_layout *l = c->layout;
    uint8_t labels[SLK_MAX_LAYERS][COLUMNS * 32], hashes[COLUMNS * 32];
    const uint8_t *rows[SLK_MAX_LAYERS];
    for (unsigned layer = 0; layer < l->shape->layers; layer++) {
        rows[layer] = labels[layer];
        for (unsigned column = 0; column < COLUMNS; column++) {
            const uint8_t *label = slk_record_column(l, record, column) + 32 * (size_t)layer;
            if (!slk_fr_node_is_canonical(label))
                return false;
            memcpy(labels[layer] + 32 * (size_t)column, label, 32);
        }
    }
    slk_poseidon_columns(c->crypto, l->shape->layers, hashes, rows, COLUMNS);
    for (unsigned column = 0; column < COLUMNS; column++) {
        if (memcmp(hashes + 32 * (size_t)column,
                   slk_record_column(l, record, column) + l->column_leaf, 32) != 0)
            return false;
    }
    return true;
}

/* The TreeC paths of all columns and the TreeR path; NULL or what is wrong. */
static const char *path_problem(const slk_record_context *c, const uint8_t *record)
{
    const slk_record_layout *l = c->layout;
    slk_tree_walk walks[COLUMNS + 1];
    uint8_t roots[(COLUMNS + 1) * 32];
    for (unsigned column = 0; column < COLUMNS; column++) {
        const uint8_t *k = slk_record_column(l, record, column);
        walks[column] = (slk_tree_walk){.node = column_node(record, column),
                                        .leaf = k + l->column_leaf,
                                        .siblings = k + l->column_siblings};
    }
    walks[COLUMNS] = (slk_tree_walk){.node = slk_record_challenge(record),
                                     .leaf = record + l->r_leaf,
                                     .siblings = record + l->r_siblings};
    if (!slk_tree_walk_roots(roots, c->crypto, l->shape, walks, COLUMNS + 1))
        return "a node of a path is not a field element";
    for (unsigned column = 0; column < COLUMNS; column++) {
        if (memcmp(roots + 32 * (size_t)column, c->comm_c, 32) != 0)
            return column ? "a parent's path does not lead to comm_c"
                          : "the challenge's path does not lead to comm_c";
    }
    if (memcmp(roots + 32 * (size_t)COLUMNS, c->comm_r_last, 32) != 0)
        return "the replica path does not lead to comm_r_last";
    return NULL;
}
static_assert(COLUMNS + 1 <= SLK_TREE_WALKS, "all paths of a record at once");

/* The challenge's label in every layer, from the parents' columns. */
static bool labels_are_right(const slk_record_context *c, const uint8_t *record)
{
    const slk_record_layout *l = c->layout;
    const uint8_t *own = slk_record_column(l, record, 0);
    for (unsigned layer = 1; layer <= l->shape->layers; layer++) {
        uint8_t group[SLK_PARENTS * 32], label[32];
        const unsigned n = layer == 1 ? SLK_BASE_PARENTS : SLK_PARENTS;
        for (unsigned i = 0; i < n; i++)
            memcpy(group + 32 * (size_t)i, slk_record_label_parent(l, record, layer, i), 32);
        slk_label_node(c->crypto, label, c->replica_id, layer, slk_record_challenge(record), group,
                       n);
        if (memcmp(label, own + 32 * (size_t)(layer - 1), 32) != 0)
            return false;
    }
    return true;
}

static bool parents_are_right(const slk_record_context *c, const uint8_t *record)
{
    uint32_t want[SLK_PARENTS];
    slk_graph_parents(c->graph, slk_record_challenge(record), want);
    for (unsigned i = 0; i < SLK_PARENTS; i++) {
        if (slk_record_parent(record, i) != want[i])
            return false;
    }
    return true;
}

const char *slk_record_problem(const slk_record_context *context, const uint8_t *record)
{
    const slk_record_layout *l = context->layout;
    const slk_sector_shape *shape = l->shape;
    const uint64_t challenge = slk_record_challenge(record);
    uint8_t hash[32];
    if (challenge < 1 || challenge >= shape->nodes)
        return "the challenge is no node of the sector";
    if (!parents_are_right(context, record))
        return "the parents are not those of the graph";
    slk_tree_d_path_root(hash, context->crypto, shape, challenge, record + l->d_leaf,
                         record + l->d_siblings);
    if (memcmp(hash, context->comm_d, 32) != 0)
        return "the data path does not lead to CommD";
    if (!columns_are_right(context, record))
        return "a column does not hash to its leaf";
    if (!labels_are_right(context, record))
        return "a label is not the hash of its parents";
    const uint8_t *last = slk_record_column(l, record, 0) + 32 * (size_t)(shape->layers - 1);
    if (!slk_fr_node_add(hash, last, record + l->d_leaf) ||
        memcmp(hash, record + l->r_leaf, 32) != 0)
        return "the replica node is not label plus data";
    return path_problem(context, record);
}

/* ---- All records of a C1. */

struct verify {
    const slk_c1 *c1;
    slk_record_context context;
    const uint64_t *challenges;
    slk_fault fault; /* an answer here: the first record that is wrong */
};

static void verify_range(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    (void)worker;
    struct verify *v = context;
    for (uint64_t i = begin; i < end && !slk_fault_any(&v->fault); i++) {
        const uint8_t *record = v->c1->records + i * v->c1->layout.record_bytes;
        const char *problem = "the challenge does not follow from seed and replica id";
        if (slk_record_challenge(record) == v->challenges[i])
            problem = slk_record_problem(&v->context, record);
        if (!problem)
            continue;
        slk_error error = {0};
        (void)slk_fail(&error, SLK_E_CORRUPT, "partition %llu, challenge %llu: %s",
                       (unsigned long long)(i / v->c1->challenges),
                       (unsigned long long)(i % v->c1->challenges), problem);
        slk_fault_set(&v->fault, &error);
    }
}

/* Challenges and graph follow from the kind of proof that the C1 claims, so it must be the sector's. */
static const char *sector_problem(const slk_c1 *c1, const slk_sector_identity *sector,
                                  const slk_crypto *crypto)
{
    uint8_t replica_id[32];
    if (c1->proof.shape != sector->proof.shape || c1->proof.api != sector->proof.api ||
        c1->proof.feature != sector->proof.feature ||
        memcmp(c1->proof.porep_id, sector->proof.porep_id, 32) != 0)
        return "it is of another seal proof than the sector's";
    if (memcmp(sector->ticket, c1->ticket, 32) != 0)
        return "the ticket is another one";
    slk_replica_id(replica_id, crypto, sector, c1->comm_d);
    if (memcmp(replica_id, c1->replica_id, 32) != 0)
        return "the replica id is another sector's";
    return NULL;
}

static const char *header_problem(const slk_c1 *c1, const slk_c1_expected *expected,
                                  const slk_crypto *crypto)
{
    uint8_t hash[32];
    if (slk_bytes_all_zero(c1->comm_d, 32) || slk_bytes_all_zero(c1->comm_r, 32))
        return "a commitment is zero";
    if (!slk_comm_r(hash, crypto, c1->comm_c, c1->comm_r_last) || memcmp(hash, c1->comm_r, 32) != 0)
        return "CommR is not the hash of comm_c and comm_r_last";
    if (!slk_fr_node_is_canonical(c1->comm_d))
        return "CommD is not a field element";
    if (expected->comm_r && memcmp(expected->comm_r, c1->comm_r, 32) != 0)
        return "CommR is another sector's";
    if (expected->comm_d && memcmp(expected->comm_d, c1->comm_d, 32) != 0)
        return "CommD is another sector's";
    if (expected->seed && memcmp(expected->seed, c1->seed, 32) != 0)
        return "the seed is another one";
    return expected->sector ? sector_problem(c1, expected->sector, crypto) : NULL;
}

slk_err slk_c1_verify(bool *ret_valid, slk_error *reason, const slk_c1 *c1,
                      const slk_c1_expected *expected, const slk_crypto *crypto, slk_pool *pool,
                      slk_error *error)
{
    const char *problem = header_problem(c1, expected, crypto);
    if (problem) {
        (void)slk_fail(reason, SLK_E_CORRUPT, "%s", problem);
        *ret_valid = false;
        return SLK_OK;
    }
    const size_t n = (size_t)c1->partitions * c1->challenges;
    SLK_CLEANUP(slk_freep) uint64_t *challenges = slk_calloc(n, sizeof *challenges);
    if (!challenges)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_challenges(challenges, crypto, &c1->proof, c1->replica_id, c1->seed, c1->comm_r);
    slk_graph graph;
    slk_graph_init(&graph, crypto, &c1->proof);
    struct verify v = {
        .c1 = c1,
        .context = {.crypto = crypto,
                    .layout = &c1->layout,
                    .graph = &graph,
                    .replica_id = c1->replica_id,
                    .comm_d = c1->comm_d,
                    .comm_c = c1->comm_c,
                    .comm_r_last = c1->comm_r_last},
        .challenges = challenges,
    };
    slk_fault_init(&v.fault);
    slk_pool_for(pool, n, 1, verify_range, &v);
    *ret_valid = slk_fault_result(&v.fault, reason) == SLK_OK;
    return SLK_OK;
}
