/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The text of parts, and what cannot be joined. That parts of a real proof join is tested in
 * groth16/prove_long_test.c. */
#include "proofs/porep_part.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

/* 32 GiB: ten partitions. */
static slk_porep_part make(unsigned first, unsigned n)
{
    slk_porep_part part = {.first = first, .n = n};
    assert_int_equal(slk_seal_proof_registered(&part.statement.proof, 8, NULL), SLK_OK);
    part.statement.miner_id = 1000;
    part.statement.sector_number = INT64_MAX;
    memset(part.statement.ticket, 1, 32);
    memset(part.statement.seed, 2, 32);
    memset(part.statement.comm_r, 3, 32);
    memset(part.statement.comm_d, 4, 32);
    part.proofs = slk_alloc(n, SLK_GROTH16_PROOF_BYTES);
    assert_non_null(part.proofs);
    for (size_t i = 0; i < (size_t)n * SLK_GROTH16_PROOF_BYTES; i++)
        part.proofs[i] = (uint8_t)(i * 7 + first);
    return part;
}

static void print(slk_buf *out, const slk_porep_part *part)
{
    slk_buf_init(out, SLK_POREP_PART_BYTES_MAX);
    assert_int_equal(slk_porep_part_write(out, part, NULL), SLK_OK);
}

static void test_text(void **state)
{
    (void)state;
    slk_porep_part part = make(3, 7), back = {0};
    slk_buf text;
    print(&text, &part);
    assert_int_equal(slk_porep_part_read(&back, text.data, text.len, NULL), SLK_OK);
    assert_int_equal(back.first, 3);
    assert_int_equal(back.n, 7);
    assert_int_equal(back.statement.proof.registered, 8);
    assert_int_equal(back.statement.miner_id, 1000);
    assert_true(back.statement.sector_number == INT64_MAX);
    assert_memory_equal(back.statement.ticket, part.statement.ticket, 32);
    assert_memory_equal(back.statement.seed, part.statement.seed, 32);
    assert_memory_equal(back.statement.comm_r, part.statement.comm_r, 32);
    assert_memory_equal(back.statement.comm_d, part.statement.comm_d, 32);
    assert_memory_equal(back.proofs, part.proofs, (size_t)7 * SLK_GROTH16_PROOF_BYTES);
    slk_porep_part_done(&back);
    slk_porep_part_done(&part);
    slk_buf_done(&text);
}

static void test_nonsense(void **state)
{
    (void)state;
    slk_porep_part part = make(9, 1), back = {0};
    slk_buf text;
    print(&text, &part);
    const char *const from[] = {"\"selkie_proof_part\":1", "\"seal_proof\":8", "\"first\":9",
                                "\"proofs\":\"",           "\"ticket\":\"01",  "\"miner\":1000"};
    const char *const to[] = {"\"selkie_proof_part\":2", "\"seal_proof\":99", "\"first\":10",
                              "\"proofs\":\"00",         "\"ticket\":\"0x",   "\"miner\":-1"};
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        const char *at = strstr(slk_buf_str(&text), from[i]);
        assert_non_null(at);
        const int before = (int)(at - slk_buf_str(&text));
        char *changed =
            slk_strf("%.*s%s%s", before, slk_buf_str(&text), to[i], at + strlen(from[i]));
        assert_non_null(changed);
        assert_int_equal(slk_porep_part_read(&back, changed, strlen(changed), NULL), SLK_E_CORRUPT);
        slk_free(changed);
    }
    for (size_t n = 0; n + 2 < text.len; n += 13)
        assert_int_equal(slk_porep_part_read(&back, text.data, n, NULL), SLK_E_CORRUPT);
    assert_null(back.proofs);
    slk_porep_part_done(&part);
    slk_buf_done(&text);
}

static void test_not_joined(void **state)
{
    (void)state;
    slk_porep_part parts[2] = {make(0, 5), make(5, 5)};
    uint8_t proof[10 * SLK_GROTH16_PROOF_BYTES];
    slk_error error = {0};
    /* The statement cannot be (comm_r is no sector's), but it is looked at after the parts. */
    parts[1].first = 4;
    assert_int_equal(slk_porep_join(proof, NULL, NULL, NULL, parts, 2, &error), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "twice"));
    parts[1].first = 5;
    assert_int_equal(slk_porep_join(proof, NULL, NULL, NULL, parts, 1, &error), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "partition 5 of 0 to 9 is missing"));
    parts[1].statement.seed[31] ^= 1;
    assert_int_equal(slk_porep_join(proof, NULL, NULL, NULL, parts, 2, &error), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "not of one proof"));
    slk_porep_part_done(&parts[0]);
    slk_porep_part_done(&parts[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_not_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
