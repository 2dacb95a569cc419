/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The structure of the circuit against the recorded digests of its constraints. */
#include "base/clock.h"
#include "support/slk_circuit_digest.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static int set_up(void **state)
{
    slk_crypto *crypto = NULL;
    slk_error error = {0};
    if (slk_crypto_new(&crypto, NULL, &error) != SLK_OK)
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
    print_message("%s: %zu namespaces, %llu terms\n", file, digest.matched,
                  (unsigned long long)digest.terms);
    slk_digest_done(&digest);
    slk_circuit_free(circuit);
    json_decref(json);
}

static void sizes(void **state)
{
    check_size(*state, "r1cs-2k.json.gz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
