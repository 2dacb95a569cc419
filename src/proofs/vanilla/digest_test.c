/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Digests by chunks against their definition, in one piece and in any order. */
#include "proofs/vanilla/digest.h"

#include "base/file.h"
#include "base/mem.h"
#include "crypto/sha256/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK SLK_DIGEST_CHUNK_BYTES

static void plain(uint8_t out32[32], const slk_crypto *crypto, const uint8_t *data, size_t bytes)
{
    uint8_t of[4 * 32];
    size_t chunks = 0;
    for (size_t at = 0; at < bytes; at += CHUNK)
        slk_sha256_of(crypto, of + 32 * chunks++, data + at,
                      bytes - at < CHUNK ? bytes - at : CHUNK);
    slk_sha256_of(crypto, out32, of, 32 * chunks);
}

static void check_size(const slk_crypto *crypto, slk_pool *pool, const uint8_t *data, size_t bytes)
{
    char path[] = "/tmp/selkie-digest-XXXXXX";
    int fd = mkstemp(path);
    uint8_t want[32], got[32];
    plain(want, crypto, data, bytes);
    assert_int_equal(slk_file_write_at(fd, data, bytes, 0, path, NULL), SLK_OK);
    assert_int_equal(slk_digest_file(got, crypto, path, bytes, pool, NULL, NULL), SLK_OK);
    assert_memory_equal(got, want, 32);
    assert_int_equal(slk_digest_file(got, crypto, path, bytes + 1, pool, NULL, NULL),
                     SLK_E_CORRUPT);
    slk_job job;
    slk_job_init(&job);
    SLK_CLEANUP(slk_digests_done) slk_digests digests = {0};
    assert_int_equal(slk_digests_init(&digests, crypto, bytes, NULL), SLK_OK);
    const uint64_t chunks = slk_digests_chunks(&digests);
    assert_int_equal(chunks, (bytes + CHUNK - 1) / CHUNK);
    for (uint64_t chunk = chunks; chunk-- > 0;)
        slk_digests_take(&digests, chunk, data + chunk * CHUNK);
    slk_digests_final(&digests, got);
    assert_memory_equal(got, want, 32);
    slk_job_cancel(&job);
    assert_int_equal(slk_digest_file(got, crypto, path, bytes, pool, &job, NULL), SLK_E_CANCELED);
    slk_closep(&fd);
    assert_int_equal(unlink(path), 0);
}

static void test_sizes(void **state)
{
    static const size_t sizes[] = {1, 2048, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7};
    slk_pool *pool;
    assert_int_equal(slk_pool_new(&pool, 3, NULL), SLK_OK);
    uint8_t *data = slk_alloc(4 * CHUNK, 1);
    assert_non_null(data);
    for (size_t i = 0; i < 4 * CHUNK; i++)
        data[i] = (uint8_t)(i * 151 + (i >> 9));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_size(*state, NULL, data, sizes[i]);
        check_size(*state, pool, data, sizes[i]);
    }
    slk_free(data);
    slk_pool_free(pool);
}

static int setup(void **state)
{
    slk_crypto *crypto;
    if (slk_crypto_new(&crypto, getenv("SELKIE_CPU"), NULL) != SLK_OK)
        return -1;
    *state = crypto;
    return 0;
}

static int teardown(void **state)
{
    slk_crypto_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
