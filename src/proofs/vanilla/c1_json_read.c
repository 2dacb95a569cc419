/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Only the canonical text is accepted: the official writer's keys in its order and no white space. So
 * whatever is accepted is, byte for byte, what slk_c1_write_json makes of the result. */
#include "base/bytes.h"
#include "crypto/fr/fr.h"
#include "proofs/label/label.h"
#include "proofs/vanilla/c1.h"

#include <stdio.h>

#define MAX_JSON_BYTES ((size_t)256 << 20)

struct reader {
    const uint8_t *begin, *at, *end;
    slk_c1 *c1;
    slk_error *error;
    bool has_comm_d, has_comm_c, has_comm_r_last;
};

static slk_err refuse(const struct reader *r, const char *what)
{
    return slk_fail(r->error, SLK_E_CORRUPT, "C1 JSON, byte %zu: %s", (size_t)(r->at - r->begin),
                    what);
}

static slk_err expect(struct reader *r, const char *text)
{
    const size_t n = strlen(text);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, text, n) != 0)
        return slk_fail(r->error, SLK_E_CORRUPT, "C1 JSON, byte %zu: expected %s",
                        (size_t)(r->at - r->begin), text);
    r->at += n;
    return SLK_OK;
}

static bool looking_at(const struct reader *r, const char *text)
{
    const size_t n = strlen(text);
    return (size_t)(r->end - r->at) >= n && memcmp(r->at, text, n) == 0;
}

/* Decimal without sign and leading zeros, at most max (< 2^59). */
static slk_err number(struct reader *r, uint64_t *ret, uint64_t max)
{
    uint64_t v = 0;
    const uint8_t *start = r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        if (r->at > start && v == 0)
            return refuse(r, "a number with a leading zero");
        v = v * 10 + (uint64_t)(*r->at - '0');
        if (v > max)
            return refuse(r, "a number is too large");
    }
    if (r->at == start)
        return refuse(r, "expected a number");
    *ret = v;
    return SLK_OK;
}

static slk_err number_is(struct reader *r, uint64_t want, const char *what)
{
    uint64_t got = 0;
    SLK_TRY(number(r, &got, UINT64_C(1) << 40));
    return got == want ? SLK_OK : refuse(r, what);
}

static slk_err bytes32(struct reader *r, uint8_t out32[32])
{
    for (size_t i = 0; i < 32; i++) {
        uint64_t v = 0;
        SLK_TRY(expect(r, i ? "," : "["));
        SLK_TRY(number(r, &v, 255));
        out32[i] = (uint8_t)v;
    }
    return expect(r, "]");
}

static slk_err node(struct reader *r, uint8_t out32[32])
{
    SLK_TRY(bytes32(r, out32));
    return slk_fr_node_is_canonical(out32) ? SLK_OK : refuse(r, "a value is no field element");
}

static slk_err node_is(struct reader *r, const uint8_t want32[32], const char *what)
{
    uint8_t got[32];
    SLK_TRY(node(r, got));
    return memcmp(got, want32, 32) == 0 ? SLK_OK : refuse(r, what);
}

/* A root: the first one is kept, all later ones must be equal to it. */
static slk_err root(struct reader *r, uint8_t kept32[32], bool *has)
{
    if (*has)
        return node_is(r, kept32, "proofs disagree about a root");
    *has = true;
    return node(r, kept32);
}

static slk_err nodes(struct reader *r, uint8_t *out, size_t n)
{
    SLK_TRY(expect(r, "["));
    for (size_t i = 0; i < n; i++) {
        if (i)
            SLK_TRY(expect(r, ","));
        SLK_TRY(node(r, out + 32 * i));
    }
    return expect(r, "]");
}

static slk_err data_proof(struct reader *r, uint8_t *record)
{
    const slk_record_layout *l = &r->c1->layout;
    SLK_TRY(expect(r, "{\"data\":{\"Single\":{\"root\":"));
    SLK_TRY(root(r, r->c1->comm_d, &r->has_comm_d));
    SLK_TRY(expect(r, ",\"leaf\":"));
    SLK_TRY(node(r, record + l->d_leaf));
    SLK_TRY(expect(r, ",\"path\":{\"path\":["));
    uint64_t challenge = 0;
    for (unsigned row = 0; row < l->shape->log2_nodes; row++) {
        uint64_t bit = 0;
        SLK_TRY(expect(r, row ? ",{\"hashes\":" : "{\"hashes\":"));
        SLK_TRY(nodes(r, record + l->d_siblings + 32 * (size_t)row, 1));
        SLK_TRY(expect(r, ",\"index\":"));
        SLK_TRY(number(r, &bit, 1));
        SLK_TRY(expect(r, "}"));
        challenge |= bit << row;
    }
    if (challenge == 0)
        return refuse(r, "node 0 is never challenged");
    slk_store_le64(record, challenge);
    return expect(r, "]}}}}");
}

static slk_err levels(struct reader *r, uint64_t of, uint8_t **siblings, unsigned from, unsigned to)
{
    const slk_sector_shape *shape = r->c1->layout.shape;
    SLK_TRY(expect(r, "{\"path\":["));
    for (unsigned level = from; level < to; level++) {
        const size_t n = slk_path_arity(shape, level) - 1;
        SLK_TRY(expect(r, level > from ? ",{\"hashes\":" : "{\"hashes\":"));
        SLK_TRY(nodes(r, *siblings, n));
        SLK_TRY(expect(r, ",\"index\":"));
        SLK_TRY(number_is(r, slk_path_digit(shape, of, level), "a path index is not the node's"));
        SLK_TRY(expect(r, "}"));
        *siblings += 32 * n;
    }
    return expect(r, "]}");
}

static slk_err single_proof(struct reader *r, uint64_t of, uint8_t kept[32], bool *has,
                            uint8_t *leaf, uint8_t *siblings)
{
    SLK_TRY(expect(r, "{\"data\":{\"Single\":{\"root\":"));
    SLK_TRY(root(r, kept, has));
    SLK_TRY(expect(r, ",\"leaf\":"));
    SLK_TRY(node(r, leaf));
    SLK_TRY(expect(r, ",\"path\":"));
    SLK_TRY(levels(r, of, &siblings, 0, r->c1->layout.shape->base_depth));
    return expect(r, "}}}");
}

static slk_err tree_proof(struct reader *r, uint64_t of, uint8_t kept[32], bool *has, uint8_t *leaf,
                          uint8_t *siblings)
{
    const slk_sector_shape *shape = r->c1->layout.shape;
    const unsigned depth = shape->base_depth;
    if (!shape->sub_arity)
        return single_proof(r, of, kept, has, leaf, siblings);
    SLK_TRY(expect(r, shape->top_arity ? "{\"data\":{\"Top\":{\"base_proof\":"
                                       : "{\"data\":{\"Sub\":{\"base_proof\":"));
    SLK_TRY(levels(r, of, &siblings, 0, depth));
    SLK_TRY(expect(r, ",\"sub_proof\":"));
    SLK_TRY(levels(r, of, &siblings, depth, depth + 1));
    if (shape->top_arity) {
        SLK_TRY(expect(r, ",\"top_proof\":"));
        SLK_TRY(levels(r, of, &siblings, depth + 1, depth + 2));
    }
    SLK_TRY(expect(r, ",\"root\":"));
    SLK_TRY(root(r, kept, has));
    SLK_TRY(expect(r, ",\"leaf\":"));
    SLK_TRY(node(r, leaf));
    return expect(r, "}}}");
}

static slk_err column(struct reader *r, uint8_t *record, unsigned index)
{
    const slk_record_layout *l = &r->c1->layout;
    uint8_t *k = record + l->columns + index * l->column_bytes;
    uint64_t of = slk_record_challenge(record);
    SLK_TRY(expect(r, "{\"column\":{\"index\":"));
    if (index == 0) {
        SLK_TRY(number_is(r, of, "the column is not the challenge's"));
    } else {
        SLK_TRY(number(r, &of, l->shape->nodes - 1));
        slk_store_le64(record + 8 * (size_t)index, of);
    }
    SLK_TRY(expect(r, ",\"rows\":"));
    SLK_TRY(nodes(r, k, l->shape->layers));
    SLK_TRY(expect(r, ",\"_h\":null},\"inclusion_proof\":"));
    SLK_TRY(tree_proof(r, of, r->c1->comm_c, &r->has_comm_c, k + l->column_leaf,
                       k + l->column_siblings));
    return expect(r, "}");
}

static slk_err columns(struct reader *r, uint8_t *record, unsigned from, unsigned n)
{
    SLK_TRY(expect(r, "["));
    for (unsigned i = 0; i < n; i++) {
        if (i)
            SLK_TRY(expect(r, ","));
        SLK_TRY(column(r, record, from + i));
    }
    return expect(r, "]");
}

static slk_err labeling(struct reader *r, const uint8_t *record, unsigned layer)
{
    SLK_TRY(expect(r, "{\"parents\":["));
    for (unsigned i = 0; i < SLK_LABEL_PARENTS; i++) {
        if (i)
            SLK_TRY(expect(r, ","));
        SLK_TRY(node_is(r, slk_record_label_parent(&r->c1->layout, record, layer, i),
                        "a labelling parent is not its column's"));
    }
    SLK_TRY(expect(r, "],\"layer_index\":"));
    SLK_TRY(number_is(r, layer, "a labelling proof is of another layer"));
    SLK_TRY(expect(r, ",\"node\":"));
    SLK_TRY(number_is(r, slk_record_challenge(record), "a labelling proof is of another node"));
    return expect(r, "}");
}

static slk_err proof(struct reader *r, uint8_t *record)
{
    const slk_record_layout *l = &r->c1->layout;
    SLK_TRY(expect(r, "{\"comm_d_proofs\":"));
    SLK_TRY(data_proof(r, record));
    SLK_TRY(expect(r, ",\"comm_r_last_proof\":"));
    SLK_TRY(tree_proof(r, slk_record_challenge(record), r->c1->comm_r_last, &r->has_comm_r_last,
                       record + l->r_leaf, record + l->r_siblings));
    SLK_TRY(expect(r, ",\"replica_column_proofs\":{\"c_x\":"));
    SLK_TRY(column(r, record, 0));
    SLK_TRY(expect(r, ",\"drg_parents\":"));
    SLK_TRY(columns(r, record, 1, SLK_BASE_PARENTS));
    SLK_TRY(expect(r, ",\"exp_parents\":"));
    SLK_TRY(columns(r, record, 1 + SLK_BASE_PARENTS, SLK_EXPANDER_PARENTS));
    SLK_TRY(expect(r, "},\"labeling_proofs\":["));
    for (unsigned layer = 1; layer <= l->shape->layers; layer++) {
        if (layer > 1)
            SLK_TRY(expect(r, ","));
        SLK_TRY(labeling(r, record, layer));
    }
    SLK_TRY(expect(r, "],\"encoding_proof\":"));
    SLK_TRY(labeling(r, record, l->shape->layers));
    return expect(r, "}");
}

static slk_err partitions(struct reader *r)
{
    SLK_TRY(expect(r, "["));
    for (unsigned k = 0; k < r->c1->partitions; k++) {
        SLK_TRY(expect(r, k ? ",[" : "["));
        for (unsigned i = 0; i < r->c1->challenges; i++) {
            if (i)
                SLK_TRY(expect(r, ","));
            SLK_TRY(proof(r, slk_c1_record(r->c1, k, i)));
        }
        SLK_TRY(expect(r, "]"));
    }
    return expect(r, "]");
}

static slk_err tail(struct reader *r)
{
    SLK_TRY(expect(r, ",\"comm_r\":"));
    SLK_TRY(node(r, r->c1->comm_r));
    SLK_TRY(expect(r, ",\"comm_d\":"));
    SLK_TRY(node_is(r, r->c1->comm_d, "comm_d is not the root of the data proofs"));
    SLK_TRY(expect(r, ",\"replica_id\":"));
    SLK_TRY(node(r, r->c1->replica_id));
    SLK_TRY(expect(r, ",\"seed\":"));
    SLK_TRY(bytes32(r, r->c1->seed));
    SLK_TRY(expect(r, ",\"ticket\":"));
    SLK_TRY(bytes32(r, r->c1->ticket));
    SLK_TRY(expect(r, "}"));
    return r->at == r->end ? SLK_OK : refuse(r, "bytes after the end");
}

/* The name after "registered_proof", up to and with its closing quote. */
static slk_err registered(struct reader *r, slk_seal_proof *ret_proof,
                          const slk_seal_proof *expected)
{
    for (int64_t i = 0; i < 20; i++) {
        slk_seal_proof candidate;
        char name[64], quoted[72];
        SLK_TRY(slk_seal_proof_registered(&candidate, i, r->error));
        slk_seal_proof_name(name, sizeof name, &candidate);
        (void)snprintf(quoted, sizeof quoted, "%s\"", name);
        if (!looking_at(r, quoted))
            continue;
        if (expected && expected->registered != i)
            return refuse(r, "it is of another seal proof than expected");
        r->at += strlen(quoted);
        *ret_proof = candidate;
        return SLK_OK;
    }
    return refuse(r, "unknown registered proof");
}

static slk_err read_all(struct reader *r, const slk_seal_proof *expected)
{
    slk_seal_proof of = {0};
    char key[64] = "";
    if (looking_at(r, "{\"registered_proof\":\"")) {
        SLK_TRY(expect(r, "{\"registered_proof\":\""));
        SLK_TRY(registered(r, &of, expected));
        (void)snprintf(key, sizeof key, ",\"vanilla_proofs\":{\"StackedDrg%sV1\":", of.shape->name);
    } else if (!expected) {
        return refuse(r, "expected {\"registered_proof\":");
    } else {
        of = *expected;
        (void)snprintf(key, sizeof key, "{\"vanilla_proofs\":");
    }
    SLK_TRY(expect(r, key));
    SLK_TRY(slk_c1_init(r->c1, &of, r->error));
    SLK_TRY(partitions(r));
    if (key[0] == ',')
        SLK_TRY(expect(r, "}"));
    return tail(r);
}

slk_err slk_c1_read_json(slk_c1 *ret_c1, const uint8_t *json, size_t n,
                         const slk_seal_proof *expected, slk_error *error)
{
    if (n > MAX_JSON_BYTES)
        return slk_fail(error, SLK_E_LIMIT, "a C1 JSON of %zu bytes is larger than 256 MiB", n);
    slk_c1 c1 = {0};
    struct reader r = {.begin = json, .at = json, .end = json + n, .c1 = &c1, .error = error};
    slk_err code = read_all(&r, expected);
    if (code == SLK_OK)
        *ret_c1 = c1;
    else
        slk_c1_done(&c1);
    return code;
}
