/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A replica checked while it arrives: the same answer as for the whole file, whatever the order and
 * pace, and whatever is wrong with it. */
#include "base/file.h"
#include "base/mem.h"
#include "proofs/tree/tree.h"
#include "proofs/vanilla/cache.h"
#include "proofs/vanilla/prover.h"
#include "support/slk_seal_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRIVING "arriving"

typedef struct arrival {
    const slk_seal_case *c;
    slk_gate gate;
    slk_err code;
    slk_error error;
} arrival;

static void *check(void *context)
{
    arrival *a = context;
    const slk_check_replica_request request = {.env = a->c->env,
                                               .proof = a->c->sector.proof,
                                               .sealed = ARRIVING,
                                               .cache = a->c->cache,
                                               .comm_r = a->c->comm_r,
                                               .arriving = &a->gate};
    a->code = slk_check_replica(&request, &a->error);
    return NULL;
}

/* Writes the replica in uneven steps, bytes behind the gate being garbage until then; ends after
 * `until` bytes. Byte wrong_at is not what it should be. */
static slk_err let_arrive(const slk_seal_case *c, const slk_buf *sealed, size_t until,
                          size_t wrong_at)
{
    arrival a = {.c = c, .error = {0}};
    slk_gate_init(&a.gate);
    uint8_t *bytes = malloc(sealed->len);
    assert_non_null(bytes);
    memset(bytes, 0xff, sealed->len); /* no field element */
    assert_int_equal(slk_file_write_atomic(ARRIVING, bytes, sealed->len, 0600, NULL), SLK_OK);
    memcpy(bytes, sealed->data, sealed->len);
    if (wrong_at < sealed->len)
        bytes[wrong_at] ^= 1;
    int fd;
    assert_int_equal(slk_file_open_rw(&fd, ARRIVING, NULL), SLK_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, check, &a), 0);
    size_t at = 0, step = 1;
    while (at < until) {
        const size_t n = until - at < step ? until - at : step;
        assert_int_equal(slk_file_write_at(fd, bytes + at, n, at, ARRIVING, NULL), SLK_OK);
        at += n;
        step = step * 3 + 7;
        (void)slk_gate_raise(&a.gate, at);
    }
    slk_gate_close(&a.gate);
    (void)pthread_join(thread, NULL);
    slk_closep(&fd);
    slk_gate_done(&a.gate);
    free(bytes);
    return a.code;
}

static void arrives_as(const slk_seal_env *env, const char *name)
{
    slk_seal_case c;
    slk_seal_case_open(&c, env, name);
    slk_seal_case_run_pc1(&c);
    slk_seal_case_run_pc2(&c);
    SLK_CLEANUP(slk_buf_done) slk_buf sealed;
    slk_buf_init(&sealed, 1u << 24);
    assert_int_equal(slk_file_read_all(&sealed, "sealed", NULL), SLK_OK);
    assert_int_equal(let_arrive(&c, &sealed, sealed.len, SIZE_MAX), SLK_OK);
    assert_int_equal(let_arrive(&c, &sealed, sealed.len, 0), SLK_E_CORRUPT);
    assert_int_equal(let_arrive(&c, &sealed, sealed.len, sealed.len - 32), SLK_E_CORRUPT);
    assert_int_equal(let_arrive(&c, &sealed, sealed.len - 1, SIZE_MAX), SLK_E_CANCELED);
    assert_int_equal(let_arrive(&c, &sealed, 0, SIZE_MAX), SLK_E_CANCELED);
    slk_seal_case_close(&c);
}

static void arriving_is_as_good_as_there(void **state)
{
    arrives_as(*state, "s-4k-data");
    arrives_as(*state, "s-8m-data");
}

/* Of a cache with p_aux alone the rest is made, the same as it was. */
static void lean_as(const slk_seal_env *env, const char *name)
{
    slk_seal_case c;
    slk_seal_case_open(&c, env, name);
    slk_seal_case_run_pc1(&c);
    slk_seal_case_run_pc2(&c);
    slk_check_replica_request request = {.env = c.env,
                                         .proof = c.sector.proof,
                                         .sealed = "sealed",
                                         .cache = "lean",
                                         .comm_r = c.comm_r};
    uint8_t comm_c[32], comm_r_last[32], wrong[32];
    slk_error e = {0};
    assert_int_equal(slk_p_aux_read(comm_c, comm_r_last, c.cache, NULL), SLK_OK);
    assert_int_equal(slk_folder_make("lean", 0755, NULL), SLK_OK);
    assert_int_equal(slk_p_aux_write("lean", comm_c, comm_r_last, NULL), SLK_OK);
    assert_int_equal(slk_check_replica(&request, &e),
                     SLK_E_NOTFOUND); /* nobody said that it is one */
    assert_int_equal(slk_file_write_atomic("lean/" SLK_CACHE_LEAN_FILE, "", 0, 0644, NULL), SLK_OK);
    memset(wrong, 1, sizeof wrong);
    request.comm_r = wrong;
    assert_int_equal(slk_check_replica(&request, &e), SLK_E_CORRUPT);
    assert_true(slk_file_exists("lean/" SLK_CACHE_LEAN_FILE));
    request.comm_r = c.comm_r;
    if (slk_check_replica(&request, &e) != SLK_OK)
        fail_msg("%s", e.message);
    assert_false(slk_file_exists("lean/" SLK_CACHE_LEAN_FILE));
    assert_true(slk_file_exists("lean/t_aux"));
    request.comm_r = c.comm_r;
    assert_int_equal(slk_check_replica(&request, &e), SLK_OK); /* as any other now */
    for (unsigned i = 0; i < c.sector.proof.shape->base_trees; i++) {
        SLK_CLEANUP(slk_freep)
        char *made = slk_base_tree_path("lean", "tree-r-last", c.sector.proof.shape, i);
        SLK_CLEANUP(slk_freep)
        char *was = slk_base_tree_path(c.cache, "tree-r-last", c.sector.proof.shape, i);
        SLK_CLEANUP(slk_buf_done) slk_buf a;
        SLK_CLEANUP(slk_buf_done) slk_buf b;
        slk_buf_init(&a, 1u << 24);
        slk_buf_init(&b, 1u << 24);
        assert_int_equal(slk_file_read_all(&a, made, NULL), SLK_OK);
        assert_int_equal(slk_file_read_all(&b, was, NULL), SLK_OK);
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.data, b.data, a.len);
    }
    slk_seal_case_close(&c);
}

static void a_lean_cache_is_made_whole(void **state)
{
    lean_as(*state, "s-4k-data");
    lean_as(*state, "s-8m-data");
}

static int setup(void **state)
{
    static slk_crypto *crypto;
    static slk_pool *pool;
    static slk_seal_env env;
    if (slk_crypto_new(&crypto, NULL, NULL) != SLK_OK || slk_pool_new(&pool, 3, NULL) != SLK_OK)
        return -1;
    env = (slk_seal_env){.crypto = crypto, .pool = pool};
    *state = &env;
    return 0;
}

static int teardown(void **state)
{
    const slk_seal_env *env = *state;
    slk_pool_free(env->pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(arriving_is_as_good_as_there),
                                       cmocka_unit_test(a_lean_cache_is_made_whole)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
