/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "proofs/label/label.h"
#include "proofs/vanilla/c1.h"

#include <stdio.h>

/* Text is gathered here and handed on in large pieces; the first failure sticks. */
struct writer {
    const slk_c1 *c1;
    slk_c1_sink *sink;
    void *context;
    slk_error *error;
    slk_err code;
    size_t used;
    char text[16384];
};

static void flush(struct writer *w)
{
    if (w->code == SLK_OK && w->used)
        w->code = w->sink(w->context, w->text, w->used, w->error);
    w->used = 0;
}

static void put_bytes(struct writer *w, const char *bytes, size_t n)
{
    if (sizeof w->text - w->used < n)
        flush(w);
    slk_assert(n <= sizeof w->text);
    memcpy(w->text + w->used, bytes, n);
    w->used += n;
}

static void put(struct writer *w, const char *text)
{
    put_bytes(w, text, strlen(text));
}

static void put_number(struct writer *w, uint64_t v)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    put_bytes(w, digits + at, sizeof digits - at);
}

static void put_node(struct writer *w, const uint8_t node32[32])
{
    for (size_t i = 0; i < 32; i++) {
        put(w, i ? "," : "[");
        put_number(w, node32[i]);
    }
    put(w, "]");
}

/* Nodes between brackets. */
static void put_nodes(struct writer *w, const uint8_t *nodes, size_t n)
{
    put(w, "[");
    for (size_t i = 0; i < n; i++) {
        put(w, i ? "," : "");
        put_node(w, nodes + 32 * i);
    }
    put(w, "]");
}

static void put_element(struct writer *w, const uint8_t *siblings, size_t n, uint64_t index)
{
    put(w, "{\"hashes\":");
    put_nodes(w, siblings, n);
    put(w, ",\"index\":");
    put_number(w, index);
    put(w, "}");
}

static void put_data_proof(struct writer *w, const uint8_t *record)
{
    const slk_record_layout *l = &w->c1->layout;
    put(w, "{\"data\":{\"Single\":{\"root\":");
    put_node(w, w->c1->comm_d);
    put(w, ",\"leaf\":");
    put_node(w, record + l->d_leaf);
    put(w, ",\"path\":{\"path\":[");
    const uint64_t node = slk_record_challenge(record);
    for (unsigned row = 0; row < l->shape->log2_nodes; row++) {
        put(w, row ? "," : "");
        put_element(w, record + l->d_siblings + 32 * (size_t)row, 1, node >> row & 1);
    }
    put(w, "]}}}}");
}

/* Levels [from, to) of a path as one {"path":[…]}. */
static void put_levels(struct writer *w, uint64_t node, const uint8_t *siblings, unsigned from,
                       unsigned to)
{
    const slk_sector_shape *shape = w->c1->layout.shape;
    put(w, "{\"path\":[");
    for (unsigned level = 0; level < to; level++) {
        const size_t n = slk_path_arity(shape, level) - 1;
        if (level >= from) {
            put(w, level > from ? "," : "");
            put_element(w, siblings, n, slk_path_digit(shape, node, level));
        }
        siblings += 32 * n;
    }
    put(w, "]}");
}

static void put_tree_proof(struct writer *w, uint64_t node, const uint8_t root[32],
                           const uint8_t *leaf, const uint8_t *siblings)
{
    const slk_sector_shape *shape = w->c1->layout.shape;
    const unsigned depth = shape->base_depth;
    if (!shape->sub_arity) {
        put(w, "{\"data\":{\"Single\":{\"root\":");
        put_node(w, root);
        put(w, ",\"leaf\":");
        put_node(w, leaf);
        put(w, ",\"path\":");
        put_levels(w, node, siblings, 0, depth);
        put(w, "}}}");
        return;
    }
    put(w, shape->top_arity ? "{\"data\":{\"Top\":{\"base_proof\":"
                            : "{\"data\":{\"Sub\":{\"base_proof\":");
    put_levels(w, node, siblings, 0, depth);
    put(w, ",\"sub_proof\":");
    put_levels(w, node, siblings, depth, depth + 1);
    if (shape->top_arity) {
        put(w, ",\"top_proof\":");
        put_levels(w, node, siblings, depth + 1, depth + 2);
    }
    put(w, ",\"root\":");
    put_node(w, root);
    put(w, ",\"leaf\":");
    put_node(w, leaf);
    put(w, "}}}");
}

static void put_column(struct writer *w, const uint8_t *record, unsigned column)
{
    const slk_record_layout *l = &w->c1->layout;
    const uint8_t *k = slk_record_column(l, record, column);
    const uint64_t node =
        column ? slk_record_parent(record, column - 1) : slk_record_challenge(record);
    put(w, "{\"column\":{\"index\":");
    put_number(w, node);
    put(w, ",\"rows\":");
    put_nodes(w, k, l->shape->layers);
    put(w, ",\"_h\":null},\"inclusion_proof\":");
    put_tree_proof(w, node, w->c1->comm_c, k + l->column_leaf, k + l->column_siblings);
    put(w, "}");
}

static void put_columns(struct writer *w, const uint8_t *record, unsigned from, unsigned n)
{
    put(w, "[");
    for (unsigned i = 0; i < n; i++) {
        put(w, i ? "," : "");
        put_column(w, record, from + i);
    }
    put(w, "]");
}

static void put_labeling(struct writer *w, const uint8_t *record, unsigned layer)
{
    put(w, "{\"parents\":[");
    for (unsigned i = 0; i < SLK_LABEL_PARENTS; i++) {
        put(w, i ? "," : "");
        put_node(w, slk_record_label_parent(&w->c1->layout, record, layer, i));
    }
    put(w, "],\"layer_index\":");
    put_number(w, layer);
    put(w, ",\"node\":");
    put_number(w, slk_record_challenge(record));
    put(w, "}");
}

static void put_proof(struct writer *w, const uint8_t *record)
{
    const slk_record_layout *l = &w->c1->layout;
    put(w, "{\"comm_d_proofs\":");
    put_data_proof(w, record);
    put(w, ",\"comm_r_last_proof\":");
    put_tree_proof(w, slk_record_challenge(record), w->c1->comm_r_last, record + l->r_leaf,
                   record + l->r_siblings);
    put(w, ",\"replica_column_proofs\":{\"c_x\":");
    put_column(w, record, 0);
    put(w, ",\"drg_parents\":");
    put_columns(w, record, 1, SLK_BASE_PARENTS);
    put(w, ",\"exp_parents\":");
    put_columns(w, record, 1 + SLK_BASE_PARENTS, SLK_EXPANDER_PARENTS);
    put(w, "},\"labeling_proofs\":[");
    for (unsigned layer = 1; layer <= l->shape->layers; layer++) {
        put(w, layer > 1 ? "," : "");
        put_labeling(w, record, layer);
    }
    put(w, "],\"encoding_proof\":");
    put_labeling(w, record, l->shape->layers);
    put(w, "}");
}

static void put_partitions(struct writer *w)
{
    const slk_c1 *c1 = w->c1;
    put(w, "[");
    for (unsigned k = 0; k < c1->partitions && w->code == SLK_OK; k++) {
        put(w, k ? ",[" : "[");
        for (unsigned i = 0; i < c1->challenges; i++) {
            put(w, i ? "," : "");
            put_proof(w, slk_c1_record(c1, k, i));
        }
        put(w, "]");
    }
    put(w, "]");
}

static void put_field(struct writer *w, const char *key, const uint8_t bytes[32])
{
    put(w, ",\"");
    put(w, key);
    put(w, "\":");
    put_node(w, bytes);
}

slk_err slk_c1_write_json(const slk_c1 *c1, bool bare, slk_c1_sink *sink, void *context,
                          slk_error *error)
{
    if (!bare && c1->proof.registered < 0)
        return slk_fail(error, SLK_E_INVAL,
                        "a sector without a registered proof has only the bare C1 form");
    struct writer w = {.c1 = c1, .sink = sink, .context = context, .error = error};
    put(&w, "{");
    if (!bare) {
        char name[64];
        slk_seal_proof_name(name, sizeof name, &c1->proof);
        put(&w, "\"registered_proof\":\"");
        put(&w, name);
        put(&w, "\",\"vanilla_proofs\":{\"StackedDrg");
        put(&w, c1->proof.shape->name);
        put(&w, "V1\":");
    } else {
        put(&w, "\"vanilla_proofs\":");
    }
    put_partitions(&w);
    put(&w, bare ? "" : "}");
    put_field(&w, "comm_r", c1->comm_r);
    put_field(&w, "comm_d", c1->comm_d);
    put_field(&w, "replica_id", c1->replica_id);
    put_field(&w, "seed", c1->seed);
    put_field(&w, "ticket", c1->ticket);
    put(&w, "}");
    flush(&w);
    return w.code;
}
