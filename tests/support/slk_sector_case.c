/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/slk_sector_case.h"

#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

void slk_case_load(slk_c1 *ret_c1, json_t **ret_record, const char *name)
{
    char file[128];
    (void)snprintf(file, sizeof file, "%s/record.json.gz", name);
    json_t *record = slk_test_vectors_json(file);
    const slk_sector_shape *shape =
        slk_sector_shape_of((uint64_t)slk_test_get_int(record, "sector_size"));
    assert_non_null(shape);
    /* Sizes without a registered proof have the bare form only. */
    const bool bare = shape->nodes > 64 && shape->nodes < 2048;
    (void)snprintf(file, sizeof file, "%s/%s.json.gz", name, bare ? "c1-vanilla" : "c1");
    uint8_t porep_id[32];
    slk_test_get_hex(porep_id, 32, record, "porep_id");
    slk_seal_proof seal_proof;
    slk_seal_proof_custom(&seal_proof, shape, porep_id, SLK_API_1_1, SLK_FEATURE_NONE);
    size_t n;
    uint8_t *json = slk_test_vectors_bytes(file, &n);
    slk_error error = {0};
    if (slk_c1_read_json(ret_c1, json, n, bare ? &seal_proof : NULL, &error) != SLK_OK)
        fail_msg("%s: %s", file, error.message);
    free(json);
    *ret_record = record;
}
