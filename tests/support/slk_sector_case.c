/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/slk_sector_case.h"

#include "base/bytes.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void get_node(uint8_t *out32, const json_t *object, const char *key)
{
    slk_test_json_bytes(out32, 32, slk_test_get(object, key));
}

/* Leaf and siblings, bottom-up, of one path; returns its root in root32. */
static uint8_t *put_path(uint8_t *out, uint8_t *root32, const json_t *merkle_proof)
{
    static const char *const parts[] = {"path", "base_proof", "sub_proof", "top_proof"};
    const json_t *data = slk_test_get(merkle_proof, "data");
    const json_t *path =
        json_object_iter_value(json_object_iter(slk_test_get(merkle_proof, "data")));
    assert_int_equal(json_object_size(data), 1);
    get_node(root32, path, "root");
    get_node(out, path, "leaf");
    out += 32;
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        size_t i, k;
        json_t *level, *hash;
        json_array_foreach(json_object_get(json_object_get(path, parts[p]), "path"), i, level)
            json_array_foreach(slk_test_get(level, "hashes"), k, hash)
        {
            slk_test_json_bytes(out, 32, hash);
            out += 32;
        }
    }
    return out;
}

static uint8_t *put_column(uint8_t *out, uint8_t *root32, const json_t *column_proof)
{
    size_t i;
    json_t *row;
    json_array_foreach(slk_test_get(slk_test_get(column_proof, "column"), "rows"), i, row)
    {
        slk_test_json_bytes(out, 32, row);
        out += 32;
    }
    return put_path(out, root32, slk_test_get(column_proof, "inclusion_proof"));
}

static void put_record(slk_c1 *c1, uint8_t *record, const json_t *proof)
{
    uint8_t root[32];
    const json_t *columns = slk_test_get(proof, "replica_column_proofs");
    const json_t *label = json_array_get(slk_test_get(proof, "labeling_proofs"), 0);
    slk_store_le64(record, (uint64_t)slk_test_get_int(label, "node"));
    uint8_t *out = record + 8 + 8 * (size_t)SLK_PARENTS;
    out = put_path(out, root, slk_test_get(proof, "comm_d_proofs"));
    out = put_column(out, c1->comm_c, slk_test_get(columns, "c_x"));
    for (unsigned k = 0; k < SLK_PARENTS; k++) {
        const bool base = k < SLK_BASE_PARENTS;
        const json_t *list = slk_test_get(columns, base ? "drg_parents" : "exp_parents");
        const json_t *column = json_array_get(list, base ? k : k - SLK_BASE_PARENTS);
        slk_store_le64(record + 8 + 8 * (size_t)k,
                       (uint64_t)slk_test_get_int(slk_test_get(column, "column"), "index"));
        out = put_column(out, root, column);
    }
    out = put_path(out, c1->comm_r_last, slk_test_get(proof, "comm_r_last_proof"));
    assert_int_equal(out - record, c1->layout.record_bytes);
}

static slk_porep_feature feature_of(const json_t *record)
{
    const char *feature = slk_test_get_text(record, "feature");
    if (strcmp(feature, "ni") == 0)
        return SLK_FEATURE_NON_INTERACTIVE;
    return strcmp(feature, "synth") == 0 ? SLK_FEATURE_SYNTHETIC : SLK_FEATURE_NONE;
}

void slk_case_load(slk_c1 *ret_c1, json_t **ret_record, const char *name)
{
    char file[128];
    (void)snprintf(file, sizeof file, "%s/record.json.gz", name);
    json_t *record = slk_test_vectors_json(file);
    const slk_sector_shape *shape =
        slk_sector_shape_of((uint64_t)slk_test_get_int(record, "sector_size"));
    assert_non_null(shape);
    uint8_t porep_id[32];
    slk_test_get_hex(porep_id, 32, record, "porep_id");
    slk_seal_proof seal_proof;
    slk_seal_proof_custom(&seal_proof, shape, porep_id, SLK_API_1_1, feature_of(record));
    assert_int_equal(slk_c1_init(ret_c1, &seal_proof, NULL), SLK_OK);

    /* Sizes without a registered proof have the bare form only. */
    const bool bare = shape->nodes > 64 && shape->nodes < 2048;
    (void)snprintf(file, sizeof file, "%s/%s.json.gz", name, bare ? "c1-vanilla" : "c1");
    json_t *json = slk_test_vectors_json(file);
    get_node(ret_c1->comm_r, json, "comm_r");
    get_node(ret_c1->comm_d, json, "comm_d");
    get_node(ret_c1->replica_id, json, "replica_id");
    get_node(ret_c1->seed, json, "seed");
    get_node(ret_c1->ticket, json, "ticket");
    json_t *partitions = slk_test_get(json, "vanilla_proofs");
    if (json_is_object(partitions))
        partitions = json_object_iter_value(json_object_iter(partitions));
    for (unsigned k = 0; k < ret_c1->partitions; k++)
        for (unsigned q = 0; q < ret_c1->challenges; q++)
            put_record(ret_c1, slk_c1_record(ret_c1, k, q),
                       json_array_get(json_array_get(partitions, k), q));
    json_decref(json);
    *ret_record = record;
}
