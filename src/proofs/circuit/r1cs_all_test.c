/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The structure of every recorded circuit, namespace by namespace: minutes in a slow build. */
#include "support/slk_circuit_digest.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state)
{
    slk_crypto *crypto = NULL;
    if (slk_crypto_new(&crypto, NULL, NULL) != SLK_OK)
        return -1;
    *state = crypto;
    return 0;
}

static int tear_down(void **state)
{
    slk_crypto_free(*state);
    return 0;
}

static slk_circuit *new_circuit(const slk_crypto *crypto, uint64_t bytes)
{
    slk_circuit *circuit = NULL;
    const slk_sector_shape *shape = slk_sector_shape_of(bytes);
    assert_non_null(shape);
    assert_int_equal(slk_circuit_new(&circuit, crypto, shape, NULL), SLK_OK);
    return circuit;
}

static void check_size(const slk_crypto *crypto, const char *file)
{
    json_t *json = slk_test_vectors_json(file);
    const json_t *r1cs = json_object_get(json, "r1cs");
    slk_circuit *circuit = new_circuit(crypto, (uint64_t)slk_test_get_int(json, "sector_size"));
    const slk_circuit_counts whole = slk_circuit_counts_whole(circuit);
    assert_int_equal(whole.constraints, (uint64_t)slk_test_get_int(r1cs, "constraints"));
    assert_int_equal(whole.aux, (uint64_t)slk_test_get_int(r1cs, "aux"));
    assert_int_equal(whole.inputs, (uint64_t)slk_test_get_int(r1cs, "inputs_including_one"));
    slk_digest digest;
    slk_digest_init(&digest, crypto, r1cs, NULL);
    const slk_circuit_visitor visitor = slk_digest_visitor(&digest);
    assert_int_equal(slk_circuit_visit(circuit, &visitor, NULL), SLK_OK);
    slk_digest_check_whole(&digest, r1cs);
    slk_digest_done(&digest);
    slk_circuit_free(circuit);
    json_decref(json);
}

/* Of the 130 million constraints of 32 GiB the head and the first challenge are recorded, and where
 * the other challenges stand. */
static void check_32g(const slk_crypto *crypto)
{
    json_t *json = slk_test_vectors_json("r1cs-32g-challenge0.json.gz");
    const json_t *r1cs = json_object_get(json, "r1cs");
    slk_circuit *circuit = new_circuit(crypto, (uint64_t)slk_test_get_int(json, "sector_size"));
    slk_digest digest;
    slk_digest_init(&digest, crypto, r1cs, NULL);
    const slk_circuit_visitor visitor = slk_digest_visitor(&digest);
    assert_int_equal(slk_circuit_visit_head(circuit, &visitor, NULL), SLK_OK);
    assert_int_equal(slk_circuit_visit_challenge(circuit, &visitor, 0, NULL), SLK_OK);
    const slk_circuit_counts each = slk_circuit_counts_challenge(circuit);
    for (int q = 1; q < 18; q++) {
        visitor.enter(visitor.context, "challenge_", q, "");
        digest.constraints += each.constraints;
        digest.aux += each.aux;
        digest.inputs += each.inputs;
        visitor.leave(visitor.context);
    }
    slk_digest_check_whole(&digest, r1cs);
    slk_digest_done(&digest);
    slk_circuit_free(circuit);
    json_decref(json);
}

static void all_sizes(void **state)
{
    static const char *const files[] = {
        "r1cs-4k.json.gz", "r1cs-16k.json.gz",  "r1cs-32k.json.gz",
        "r1cs-8m.json.gz", "r1cs-512m.json.gz",
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        check_size(*state, files[i]);
}

static void first_challenge_of_32g(void **state)
{
    check_32g(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_sizes),
        cmocka_unit_test(first_challenge_of_32g),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
