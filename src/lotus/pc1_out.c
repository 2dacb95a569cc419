/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "lotus/pc1_out.h"

#include "base/mem.h"
#include "codec/json.h"
#include "fil/commcid.h"
#include "lotus/lotus_impl.h"
#include "lotus/types.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TICKET_KEY "_lotus_SealRandomness"
#define NAME_CHARS 64u

/* "StackedDrg2KiBV1": labels are named by size alone. */
static void labels_name(char out[NAME_CHARS], const slk_sector_shape *shape)
{
    (void)snprintf(out, NAME_CHARS, "StackedDrg%sV1", shape->name);
}

/* ---- printing */

static json_t *store_json(const char *id, const char *cache, uint64_t nodes)
{
    return json_pack("{s:s, s:o, s:i, s:I}", "id", id, "path", slk_lotus_text_json(cache),
                     "rows_to_discard", 0, "size", (json_int_t)nodes);
}

static json_t *layers_json(const slk_sector_shape *shape, const char *cache)
{
    char id[16];
    json_t *list = json_array();
    for (unsigned layer = 1; layer <= shape->layers && list != NULL; layer++) {
        (void)snprintf(id, sizeof id, "layer-%u", layer);
        if (json_array_append_new(list, store_json(id, cache, shape->nodes)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *byte_json(const void *one)
{
    const uint8_t *byte = one;
    return json_integer(*byte);
}

slk_err slk_lotus_pc1_out_print(slk_buf *out, const slk_lotus_pc1_out *pc1, const char *cache)
{
    char proof[NAME_CHARS], labels[NAME_CHARS];
    const slk_sector_shape *shape = pc1->proof.shape;
    slk_seal_proof_name(proof, sizeof proof, &pc1->proof);
    labels_name(labels, shape);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *value =
        json_pack("{s:o, s:o, s:o, s:{s:{s:n, s:o}}, s:s}", TICKET_KEY,
                  pc1->has_ticket ? slk_lotus_randomness_json(pc1->ticket) : json_null(), "comm_d",
                  slk_lotus_list_json(pc1->comm_d, 32, 1, byte_json), "config",
                  store_json("tree-d", cache, 2 * shape->nodes - 1), "labels", labels, "_h",
                  "labels", layers_json(shape, cache), "registered_proof", proof);
    if (value != NULL && !pc1->has_ticket)
        (void)json_object_del(value, TICKET_KEY);
    return slk_json_print(out, value);
}

/* ---- reading */

static slk_err read_proof(slk_seal_proof *ret_proof, const json_t *value, slk_error *error)
{
    const char *wanted;
    char name[NAME_CHARS];
    SLK_TRY(slk_json_string(&wanted, value, "registered_proof", error));
    for (int64_t number = 0; slk_seal_proof_registered(ret_proof, number, NULL) == SLK_OK;
         number++) {
        slk_seal_proof_name(name, sizeof name, ret_proof);
        if (strcmp(name, wanted) == 0)
            return SLK_OK;
    }
    return slk_fail(error, SLK_E_INVAL, "registered_proof: \"%.60s\" is not a seal proof", wanted);
}

static slk_err read_comm_d(uint8_t out32[32], const json_t *value, slk_error *error)
{
    json_t *list;
    SLK_TRY(slk_json_array(&list, value, "comm_d", error));
    if (json_array_size(list) != 32)
        return slk_fail(error, SLK_E_INVAL, "comm_d: not 32 numbers");
    for (size_t i = 0; i < 32; i++) {
        int64_t byte;
        SLK_TRY(slk_json_as_i64(&byte, json_array_get(list, i), "comm_d", error));
        if (byte < 0 || byte > 255)
            return slk_fail(error, SLK_E_INVAL, "comm_d: %" PRId64 " is not a byte", byte);
        out32[i] = (uint8_t)byte;
    }
    if (!slk_comm_d_in_range(out32))
        return slk_fail(error, SLK_E_INVAL, "comm_d: more than 254 bits");
    return SLK_OK;
}

/* One store's description: the id and the number of nodes that it must have. */
static slk_err check_store(const json_t *store, const char *wanted, uint64_t nodes,
                           slk_error *error)
{
    const char *id;
    uint64_t size;
    SLK_TRY(slk_json_string(&id, store, "id", error));
    SLK_TRY(slk_json_u64(&size, store, "size", error));
    if (strcmp(id, wanted) != 0)
        return slk_fail(error, SLK_E_INVAL, "id: \"%.40s\", %s expected", id, wanted);
    if (size != nodes)
        return slk_fail(error, SLK_E_INVAL, "size: %" PRIu64 " nodes, %" PRIu64 " expected", size,
                        nodes);
    return SLK_OK;
}

static slk_err check_layers(const json_t *value, const slk_sector_shape *shape, slk_error *error)
{
    char name[NAME_CHARS], id[16];
    json_t *labels, *set, *list;
    labels_name(name, shape);
    SLK_TRY(slk_json_object(&labels, value, "labels", error));
    SLK_TRY(slk_lotus_named(slk_json_object(&set, labels, name, error), "labels", error));
    SLK_TRY(slk_lotus_named(slk_json_array(&list, set, "labels", error), name, error));
    if (json_array_size(list) != shape->layers)
        return slk_fail(error, SLK_E_INVAL, "labels: %zu layers, %u expected",
                        json_array_size(list), shape->layers);
    for (unsigned layer = 1; layer <= shape->layers; layer++) {
        (void)snprintf(id, sizeof id, "layer-%u", layer);
        SLK_TRY(
            slk_lotus_named(check_store(json_array_get(list, layer - 1), id, shape->nodes, error),
                            "labels", error));
    }
    return SLK_OK;
}

static slk_err read_value(slk_lotus_pc1_out *pc1, const json_t *value, slk_error *error)
{
    json_t *config;
    const json_t *ticket = slk_json_member(value, TICKET_KEY);
    SLK_TRY(read_proof(&pc1->proof, value, error));
    SLK_TRY(read_comm_d(pc1->comm_d, value, error));
    SLK_TRY(slk_json_object(&config, value, "config", error));
    SLK_TRY(slk_lotus_named(check_store(config, "tree-d", 2 * pc1->proof.shape->nodes - 1, error),
                            "config", error));
    SLK_TRY(check_layers(value, pc1->proof.shape, error));
    pc1->has_ticket = ticket != NULL;
    return ticket == NULL ? SLK_OK
                          : slk_lotus_randomness_read(pc1->ticket, ticket, TICKET_KEY, error);
}

slk_err slk_lotus_pc1_out_read(slk_lotus_pc1_out *ret_pc1, const void *text, size_t n,
                               slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    slk_lotus_pc1_out pc1 = {0};
    slk_err code = slk_json_parse(&value, text, n, SLK_LOTUS_PC1_OUT_MAX_BYTES, error);
    if (code == SLK_OK)
        code = read_value(&pc1, value, error);
    if (code == SLK_OK)
        *ret_pc1 = pc1;
    return slk_lotus_named(code, "precommit 1 output", error);
}
