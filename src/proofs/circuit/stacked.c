/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/circuit/cs.h"

#include "base/num.h"

#include <string.h>

#define MAX_ARITY 8u

/* The number in 32 bytes of a vanilla proof; zero outside VALUES. */
static void read_node(slk_cs *cs, slk_fr *out, const uint8_t *node32)
{
    *out = slk_fr_zero;
    if (cs->mode == SLK_CS_VALUES && !slk_fr_from_node(out, node32))
        slk_cs_fault(cs, "contains a value that is not a field element");
}

static slk_num alloc_node(slk_cs *cs, const char *name, int index, const uint8_t *node32)
{
    slk_fr value;
    read_node(cs, &value, node32);
    slk_cs_enter(cs, name, index, "");
    const slk_num num = slk_cs_alloc(cs, &value);
    slk_cs_leave(cs);
    return num;
}

/* The tree a path belongs to. */
typedef struct tree {
    const slk_sector_shape *shape;
    bool sha; /* TreeD: binary, SHA-256, one group of levels */
} tree;

static unsigned tree_levels(const tree *t)
{
    return t->sha ? t->shape->log2_nodes : slk_path_levels(t->shape);
}

static unsigned tree_arity(const tree *t, unsigned level)
{
    return t->sha ? 2 : slk_path_arity(t->shape, level);
}

/* H(children) of TreeD. */
static slk_num sha_node(slk_cs *cs, const slk_num children[2])
{
    for (unsigned i = 0; i < 2; i++) {
        slk_cs_enter(cs, "", (int)i, "_num_into_bits");
        slk_gadget_node_bits(cs, cs->message + 256 * (size_t)i, &children[i]);
        slk_cs_leave(cs);
    }
    slk_bit digest[256];
    slk_cs_enter(cs, "hash", -1, "");
    slk_gadget_sha256(cs, digest, 512);
    slk_cs_leave(cs);
    slk_cs_enter(cs, "pack_le", -1, "");
    const slk_num node = slk_gadget_pack_node(cs, digest);
    slk_cs_leave(cs);
    return node;
}

/* One level of a path: from x and its siblings to their parent. bits: the level's index bits. */
static slk_num path_level(slk_cs *cs, const tree *t, unsigned arity, const slk_num *x,
                          const uint8_t *siblings, unsigned digit, slk_bit *bits)
{
    for (unsigned i = 0; i < slk_log2(arity); i++)
        bits[i] = slk_gadget_bit(cs, (int)(digit >> i & 1));
    slk_num others[MAX_ARITY - 1], children[MAX_ARITY];
    for (unsigned i = 0; i + 1 < arity; i++)
        others[i] = alloc_node(cs, "path element ", (int)i,
                               siblings == NULL ? NULL : siblings + (size_t)SLK_NODE_BYTES * i);
    slk_gadget_insert(cs, children, x, bits, others, arity);
    slk_cs_enter(cs, "computation of commitment hash", -1, "");
    const slk_num parent =
        t->sha ? sha_node(cs, children) : slk_gadget_poseidon(cs, children, arity);
    slk_cs_leave(cs);
    return parent;
}

/* Proves that leaf number `node` of the tree with this root is *leaf; publishes the number. */
static void inclusion(slk_cs *cs, const tree *t, const slk_num *leaf, const uint8_t *siblings,
                      uint64_t node, const slk_num *root)
{
    static const char *const groups[3] = {"base", "sub", "top"};
    const unsigned levels = tree_levels(t);
    const unsigned base = t->sha ? levels : t->shape->base_depth;
    slk_bit bits[64];
    unsigned n_bits = 0, level = 0;
    slk_num x = *leaf;
    for (unsigned g = 0; g < 3; g++) {
        slk_cs_enter(cs, groups[g], -1, "");
        const unsigned end = g == 0 ? base : slk_u32(slk_min_u64(levels, base + g));
        for (int i = 0; level < end; level++, i++) {
            const unsigned arity = tree_arity(t, level), width = slk_log2(arity);
            const unsigned digit = (unsigned)(node >> n_bits) & (arity - 1);
            slk_cs_enter(cs, "merkle tree hash ", i, "");
            x = path_level(cs, t, arity, &x, siblings, digit, bits + n_bits);
            slk_cs_leave(cs);
            n_bits += width;
            if (siblings != NULL)
                siblings += (size_t)SLK_NODE_BYTES * (arity - 1);
        }
        slk_cs_leave(cs);
    }
    slk_cs_enter(cs, "path", -1, "");
    slk_gadget_pack_input(cs, bits, n_bits);
    slk_cs_leave(cs);
    if (!slk_gadget_equal(cs, &x, root))
        slk_cs_fault(cs, "does not lead to its commitment");
}

/* Names what is worked on, for the message if it turns out wrong. */
static void at_place(slk_cs *cs, const char *place, int index)
{
    if (cs->fault != NULL)
        return;
    cs->fault_place = place;
    cs->fault_index = index;
}

void slk_stacked_head_run(slk_cs *cs, slk_stacked_head *ret_head, const slk_c1 *c1)
{
    at_place(cs, "the head", -1);
    const slk_num replica_id = alloc_node(cs, "replica_id", -1, c1 == NULL ? NULL : c1->replica_id);
    slk_cs_enter(cs, "replica_id_input", -1, "");
    slk_gadget_inputize(cs, &replica_id);
    slk_cs_leave(cs);
    slk_cs_enter(cs, "replica_id_bits", -1, "");
    slk_gadget_node_bits(cs, ret_head->replica_id_bits, &replica_id);
    slk_cs_leave(cs);
    ret_head->comm_d = alloc_node(cs, "comm_d", -1, c1 == NULL ? NULL : c1->comm_d);
    slk_cs_enter(cs, "comm_d_input", -1, "");
    slk_gadget_inputize(cs, &ret_head->comm_d);
    slk_cs_leave(cs);
    const slk_num comm_r = alloc_node(cs, "comm_r", -1, c1 == NULL ? NULL : c1->comm_r);
    slk_cs_enter(cs, "comm_r_input", -1, "");
    slk_gadget_inputize(cs, &comm_r);
    slk_cs_leave(cs);
    ret_head->comm_r_last = alloc_node(cs, "comm_r_last", -1, c1 == NULL ? NULL : c1->comm_r_last);
    ret_head->comm_c = alloc_node(cs, "comm_c", -1, c1 == NULL ? NULL : c1->comm_c);
    slk_cs_enter(cs, "H_comm_c_comm_r_last", -1, "");
    const slk_num hash =
        slk_gadget_poseidon(cs, (const slk_num[2]){ret_head->comm_c, ret_head->comm_r_last}, 2);
    slk_cs_leave(cs);
    if (!slk_gadget_equal(cs, &comm_r, &hash))
        slk_cs_fault(cs, "has a comm_r that is not the hash of comm_c and comm_r_last");
}

/* Column of parent k: its labels, their hash, and the path from it to comm_c. */
static void parent_column(slk_cs *cs, const slk_stacked_head *head, unsigned k,
                          const uint8_t *record)
{
    const slk_circuit *circuit = cs->circuit;
    const slk_record_layout *layout = &circuit->layout;
    const unsigned layers = circuit->shape->layers;
    const char *prefix = k < SLK_BASE_PARENTS ? "drg_parent_" : "exp_parent_";
    const int index = (int)(k < SLK_BASE_PARENTS ? k : k - SLK_BASE_PARENTS);
    const uint8_t *column = NULL, *siblings = NULL;
    uint64_t node = 0;
    if (record != NULL) {
        column = slk_record_column(layout, record, 1 + k);
        siblings = column + layout->column_siblings;
        node = slk_record_parent(record, k);
    }
    at_place(cs, "the TreeC path of parent ", (int)k);
    slk_cs_enter(cs, prefix, index, "_num");
    slk_cs_enter(cs, "column", -1, "");
    for (unsigned l = 0; l < layers; l++)
        cs->columns[k][l] = alloc_node(cs, "column_num_row_", (int)l,
                                       column == NULL ? NULL : column + (size_t)SLK_NODE_BYTES * l);
    slk_cs_leave(cs);
    slk_cs_leave(cs);
    slk_cs_enter(cs, prefix, index, "_constraint");
    const slk_num leaf = slk_gadget_poseidon(cs, cs->columns[k], layers);
    slk_cs_leave(cs);
    slk_cs_enter(cs, prefix, index, "_inclusion");
    inclusion(cs, &(tree){circuit->shape, false}, &leaf, siblings, node, &head->comm_c);
    slk_cs_leave(cs);
}

/* Label of the challenge in layer l (from 1). cs->message starts with the replica id's bits and the
 * challenge stands where it belongs. source: reference/proofs 4, 8.7 */
static slk_num label(slk_cs *cs, unsigned l)
{
    const unsigned parents = l == 1 ? SLK_BASE_PARENTS : SLK_PARENTS;
    slk_cs_enter(cs, "labeling_", (int)l, "");
    for (unsigned k = 0; k < parents; k++) {
        const bool base = k < SLK_BASE_PARENTS;
        slk_cs_enter(cs, base ? "drg_parent_" : "exp_parent_", (int)k, "_bits");
        slk_gadget_node_bits(cs, cs->parents[k], &cs->columns[k][base ? l - 1 : l - 2]);
        slk_cs_leave(cs);
    }
    slk_bit *m = cs->message + 256;
    for (unsigned i = 0; i < 32; i++)
        m[i] = slk_bit_const(l >> (31 - i) & 1);
    for (unsigned i = 32 + 64; i < 256; i++)
        m[i] = SLK_BIT_FALSE;
    for (unsigned i = 0; i < 37; i++)
        memcpy(m + 256 * (size_t)(1 + i), cs->parents[i % parents], sizeof cs->parents[0]);
    slk_bit digest[256];
    slk_cs_enter(cs, "create_label", -1, "");
    slk_cs_enter(cs, "hash", -1, "");
    slk_gadget_sha256(cs, digest, (2 + 37) * 256);
    slk_cs_leave(cs);
    slk_cs_enter(cs, "result_num", -1, "");
    const slk_num num = slk_gadget_pack_node(cs, digest);
    slk_cs_leave(cs);
    slk_cs_leave(cs);
    slk_cs_leave(cs);
    return num;
}

static void labels(slk_cs *cs, const slk_stacked_head *head, uint64_t node, slk_num *ret_labels)
{
    slk_bit challenge[64];
    slk_cs_enter(cs, "challenge", -1, "");
    for (unsigned i = 0; i < 64; i++)
        challenge[i] = slk_gadget_bit(cs, (int)(node >> i & 1));
    slk_cs_leave(cs);
    slk_cs_enter(cs, "challenge input", -1, "");
    slk_gadget_pack_input(cs, challenge, 64);
    slk_cs_leave(cs);
    for (unsigned l = 1; l <= cs->circuit->shape->layers; l++) {
        memcpy(cs->message, head->replica_id_bits, sizeof head->replica_id_bits);
        for (unsigned i = 0; i < 64; i++)
            cs->message[256 + 32 + i] = challenge[63 - i];
        ret_labels[l - 1] = label(cs, l);
    }
}

/* The replica's node is label + data, and stands in TreeR; the labels' hash stands in TreeC. */
static void encoding(slk_cs *cs, const slk_stacked_head *head, const slk_num *data_leaf,
                     const slk_num *all_labels, uint64_t node, const uint8_t *record)
{
    const slk_circuit *circuit = cs->circuit;
    const slk_record_layout *layout = &circuit->layout;
    const tree t = {circuit->shape, false};
    const unsigned layers = circuit->shape->layers;
    slk_cs_enter(cs, "encode_node", -1, "");
    slk_cs_enter(cs, "encode_add", -1, "");
    const slk_num encoded = slk_gadget_add(cs, &all_labels[layers - 1], data_leaf);
    slk_cs_leave(cs);
    slk_cs_leave(cs);
    at_place(cs, "the TreeR path", -1);
    slk_cs_enter(cs, "comm_r_last_data_inclusion", -1, "");
    inclusion(cs, &t, &encoded, record == NULL ? NULL : record + layout->r_siblings, node,
              &head->comm_r_last);
    slk_cs_leave(cs);
    at_place(cs, "the TreeC path of the challenge", -1);
    slk_cs_enter(cs, "c_x_column_hash", -1, "");
    const slk_num column = slk_gadget_poseidon(cs, all_labels, layers);
    slk_cs_leave(cs);
    slk_cs_enter(cs, "c_x_inclusion", -1, "");
    inclusion(cs, &t, &column,
              record == NULL ? NULL
                             : slk_record_column(layout, record, 0) + layout->column_siblings,
              node, &head->comm_c);
    slk_cs_leave(cs);
}

void slk_stacked_challenge_run(slk_cs *cs, const slk_stacked_head *head, unsigned q,
                               const uint8_t *record)
{
    const slk_circuit *circuit = cs->circuit;
    const slk_record_layout *layout = &circuit->layout;
    const uint64_t node = record == NULL ? 0 : slk_record_challenge(record);
    slk_cs_enter(cs, "challenge_", (int)q, "");
    at_place(cs, "the TreeD path", -1);
    const slk_num data_leaf =
        alloc_node(cs, "data_leaf", -1, record == NULL ? NULL : record + layout->d_leaf);
    slk_cs_enter(cs, "comm_d_inclusion", -1, "");
    inclusion(cs, &(tree){circuit->shape, true}, &data_leaf,
              record == NULL ? NULL : record + layout->d_siblings, node, &head->comm_d);
    slk_cs_leave(cs);
    for (unsigned k = 0; k < SLK_PARENTS; k++)
        parent_column(cs, head, k, record);
    slk_num all_labels[SLK_MAX_LAYERS];
    labels(cs, head, node, all_labels);
    encoding(cs, head, &data_leaf, all_labels, node, record);
    slk_cs_leave(cs);
}
