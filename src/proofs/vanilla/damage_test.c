/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sealing with broken inputs, after interruptions, and with the wrong identity. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "proofs/vanilla/prover.h"
#include "support/slk_seal_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *in_cache(const slk_seal_case *c, const char *name)
{
    char *path = slk_path_join(c->cache, name);
    assert_non_null(path);
    return path;
}

/* Overwrites one byte of a file of the cache ("sealed" is beside it). */
static void poke(const char *path, uint64_t at, uint8_t value)
{
    int fd;
    assert_int_equal(slk_file_open_rw(&fd, path, NULL), SLK_OK);
    assert_int_equal(slk_file_write_at(fd, &value, 1, at, path, NULL), SLK_OK);
    slk_closep(&fd);
}

static void cut(const char *path, uint64_t bytes)
{
    assert_int_equal(truncate(path, (off_t)bytes), 0);
}

static void save(slk_buf *buf, const char *path)
{
    slk_buf_init(buf, 1u << 25);
    assert_int_equal(slk_file_read_all(buf, path, NULL), SLK_OK);
}

static void restore(slk_buf *buf, const char *path)
{
    assert_int_equal(slk_file_write_atomic(path, buf->data, buf->len, 0644, NULL), SLK_OK);
    slk_buf_done(buf);
}

static bool has_temp_files(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return false; /* a folder made for nothing is gone again */
    bool found = false;
    for (struct dirent *e; (e = readdir(dir));)
        found = found || strstr(e->d_name, ".tmp");
    (void)closedir(dir);
    return found;
}

/* The code must be as wanted, the message must name the file. */
static void refused(slk_err got, slk_err want, const slk_error *error, const char *names)
{
    if (got != want)
        fail_msg("%s instead of %s: %s", slk_err_name(got), slk_err_name(want), error->message);
    if (names && !strstr(error->message, names))
        fail_msg("\"%s\" does not name %s", error->message, names);
}

static slk_err pc1(const slk_seal_case *c, slk_pc1_result *result, slk_error *error)
{
    slk_pc1_request request = slk_seal_case_pc1(c);
    return slk_pc1(result, &request, error);
}

static slk_err pc2(const slk_seal_case *c, slk_error *error)
{
    slk_pc2_request request = slk_seal_case_pc2(c);
    slk_pc2_result result;
    return slk_pc2(&result, &request, error);
}

static slk_err commit1(const slk_seal_case *c, slk_error *error)
{
    slk_commit1_request request = slk_seal_case_commit1(c);
    slk_c1 c1 = {0};
    slk_err code = slk_commit1(&c1, &request, error);
    slk_c1_done(&c1);
    return code;
}

static slk_err check(const slk_seal_case *c, slk_error *error)
{
    slk_check_replica_request request = {.env = c->env,
                                         .proof = c->sector.proof,
                                         .sealed = "sealed",
                                         .cache = c->cache,
                                         .comm_r = c->comm_r};
    return slk_check_replica(&request, error);
}

/* Layers below the first that is not right are kept, all others are made again; nothing else is trusted. */
static void test_resume(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-4k-data");
    slk_pc1_result result = {0};
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *one = in_cache(&c, "sc-02-data-layer-1.dat");
    SLK_CLEANUP(slk_freep) char *two = in_cache(&c, "sc-02-data-layer-2.dat");
    SLK_CLEANUP(slk_freep) char *mark = in_cache(&c, ".selkie-pc1");
    assert_int_equal(pc1(&c, &result, &error), SLK_OK);
    assert_int_equal(result.layers_kept, 0);
    assert_int_equal(pc1(&c, &result, &error), SLK_OK);
    assert_int_equal(result.layers_kept, 2);
    poke(one, 77, 1);
    assert_int_equal(pc1(&c, &result, &error), SLK_OK);
    assert_int_equal(result.layers_kept, 0);
    assert_int_equal(unlink(two), 0);
    assert_int_equal(pc1(&c, &result, &error), SLK_OK);
    assert_int_equal(result.layers_kept, 1);
    cut(two, 100);
    assert_int_equal(pc1(&c, &result, &error), SLK_OK);
    assert_int_equal(result.layers_kept, 1);
    poke(mark, 20, 1); /* a damaged mark is as good as none */
    assert_int_equal(pc1(&c, &result, &error), SLK_OK);
    assert_int_equal(result.layers_kept, 0);
    slk_seal_case_run_pc1(&c);
    slk_seal_case_run_pc2(&c);
    slk_seal_case_run_pc2(&c); /* repeated */
    slk_seal_case_run_pc1(&c); /* and back: p_aux goes, the data comes back */
    slk_seal_case_run_pc2(&c);
    slk_seal_case_run_finalize(&c);
    refused(pc1(&c, &result, &error), SLK_E_CONFLICT, &error, "finished");
    slk_seal_case_run_back(&c);
    slk_seal_case_close(&c);
}

static void test_other_sector(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-2k-data");
    slk_pc1_result result;
    slk_error error = {0};
    assert_int_equal(pc1(&c, &result, &error), SLK_OK);
    slk_pc1_request request = slk_seal_case_pc1(&c);
    request.sector.ticket[0] ^= 1;
    refused(slk_pc1(&result, &request, &error), SLK_E_CONFLICT, &error, c.cache);
    request = slk_seal_case_pc1(&c);
    request.sector.number++;
    refused(slk_pc1(&result, &request, &error), SLK_E_CONFLICT, &error, c.cache);
    request = slk_seal_case_pc1(&c);
    request.unsealed = NULL; /* other data */
    request.n_pieces = 0;
    refused(slk_pc1(&result, &request, &error), SLK_E_CONFLICT, &error, c.cache);
    slk_seal_case_run_pc1(&c); /* all is as it was */
    slk_seal_case_close(&c);
}

static void test_bad_requests(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-2k-data");
    slk_pc1_result result;
    slk_error error = {0};
    slk_pc1_request request = slk_seal_case_pc1(&c);
    request.sector.number = UINT64_C(1) << 63;
    refused(slk_pc1(&result, &request, &error), SLK_E_INVAL, &error, NULL);
    request = slk_seal_case_pc1(&c);
    request.n_pieces = 1; /* half the sector */
    refused(slk_pc1(&result, &request, &error), SLK_E_INVAL, &error, "CommD");
    request = slk_seal_case_pc1(&c);
    request.unsealed = "nowhere";
    refused(slk_pc1(&result, &request, &error), SLK_E_NOTFOUND, &error, "nowhere");
    slk_buf whole;
    save(&whole, "unsealed");
    poke("unsealed", 32 * 5 + 31, 0xff);
    refused(pc1(&c, &result, &error), SLK_E_INVAL, &error, "node 5");
    cut("unsealed", 2000);
    request = slk_seal_case_pc1(&c);
    request.n_pieces = 0;
    refused(slk_pc1(&result, &request, &error), SLK_E_INVAL, &error, "unsealed");
    restore(&whole, "unsealed");
    assert_false(slk_file_exists("sealed"));
    assert_false(has_temp_files("."));
    assert_false(has_temp_files(c.cache));
    slk_seal_case_run_pc1(&c);
    slk_seal_case_close(&c);
}

/* Lotus's unsealed files end in which bytes are allocated. */
static void test_trailer_is_no_data(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-2k-data");
    slk_pc1_result result;
    slk_error error = {0};
    poke("unsealed", 2048, 0x04);
    poke("unsealed", 2054, 0xff);
    slk_pc1_request request = slk_seal_case_pc1(&c);
    request.n_pieces = 0; /* then it is not known what the data is */
    refused(slk_pc1(&result, &request, &error), SLK_E_INVAL, &error, "unsealed");
    slk_seal_case_run_pc1(&c); /* and compares all files */
    slk_seal_case_close(&c);
}

static void test_canceled(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-2k-data");
    slk_job job;
    slk_job_init(&job);
    slk_job_cancel(&job);
    c.env.job = &job;
    slk_pc1_result result;
    slk_error error = {0};
    assert_int_equal(pc1(&c, &result, &error), SLK_E_CANCELED);
    assert_false(has_temp_files(c.cache));
    assert_false(slk_file_exists("sealed"));
    c.env.job = NULL;
    slk_seal_case_run_pc1(&c);
    c.env.job = &job;
    assert_int_equal(pc2(&c, &error), SLK_E_CANCELED);
    assert_false(has_temp_files(c.cache));
    c.env.job = NULL;
    slk_seal_case_run_pc2(&c);
    slk_seal_case_close(&c);
}

static bool has_pc2_files(const slk_seal_case *c)
{
    static const char *const names[] = {"sc-02-data-tree-c.dat", "sc-02-data-tree-r-last.dat",
                                        "t_aux", "p_aux"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        SLK_CLEANUP(slk_freep) char *path = in_cache(c, names[i]);
        found = found || slk_file_exists(path);
    }
    return found;
}

static void damaged_for_pc2(const slk_seal_case *c, const char *name, uint64_t at, uint8_t value,
                            uint64_t length, bool marked)
{
    slk_buf whole, mark;
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *path = in_cache(c, name);
    SLK_CLEANUP(slk_freep) char *mark_path = in_cache(c, ".selkie-pc1");
    save(&whole, path);
    save(&mark, mark_path);
    if (!marked)
        assert_int_equal(unlink(mark_path), 0);
    if (length)
        cut(path, length);
    else
        poke(path, at, value);
    refused(pc2(c, &error), SLK_E_CORRUPT, &error, name);
    assert_false(has_temp_files(c->cache));
    assert_false(has_temp_files("."));
    assert_false(has_pc2_files(c));
    restore(&whole, path);
    restore(&mark, mark_path);
}

static void test_pc2_inputs(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-2k-data");
    slk_seal_case_run_pc1(&c);
    damaged_for_pc2(&c, "sc-02-data-layer-1.dat", 100, 0xff, 0, true);
    damaged_for_pc2(&c, "sc-02-data-layer-2.dat", 100, 0xff, 0, true);
    damaged_for_pc2(&c, "sc-02-data-tree-d.dat", 3000, 0xff, 0, true);
    damaged_for_pc2(&c, "sc-02-data-layer-2.dat", 0, 0, 2047, true);
    damaged_for_pc2(&c, "sc-02-data-tree-d.dat", 0, 0, 4000, true);
    /* Without our mark only what is no field element can be seen. */
    damaged_for_pc2(&c, "sc-02-data-layer-1.dat", 32 * 9 + 31, 0x80, 0, false);
    damaged_for_pc2(&c, "sc-02-data-tree-d.dat", 32 * 9 + 31, 0x80, 0, false);
    cut("sealed", 100);
    slk_error error = {0};
    refused(pc2(&c, &error), SLK_E_CORRUPT, &error, "sealed");
    cut("sealed", 2048);
    slk_seal_case_run_pc2(&c);
    slk_seal_case_close(&c);
}

/* What is wrong in the last chunk of a longer file is found when everything has been made: none of it
 * may stay. */
static void test_late_mismatch(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-8m-data");
    slk_seal_case_run_pc1(&c);
    const uint64_t mib = 1 << 20;
    damaged_for_pc2(&c, "sc-02-data-layer-1.dat", 8 * mib - 32, 0xff, 0, true);
    damaged_for_pc2(&c, "sc-02-data-layer-2.dat", 7 * mib, 0xff, 0, true);
    damaged_for_pc2(&c, "sc-02-data-tree-d.dat", 12 * mib - 32, 0xff, 0, true);
    damaged_for_pc2(&c, "sc-02-data-tree-d.dat", 16 * mib - 256, 0xff, 0, true);
    damaged_for_pc2(&c, "sc-02-data-tree-d.dat", 16 * mib - 64, 0xff, 0, true);
    slk_seal_case_run_pc2(&c);
    slk_seal_case_close(&c);
}

static void *cancel_when_begun(void *context)
{
    slk_job *job = context;
    while (atomic_load(&job->done) == 0)
        (void)sched_yield();
    slk_job_cancel(job);
    return NULL;
}

/* Canceled in the middle, it leaves nothing, and begun again it is as if nothing had been. */
static void test_interrupted_pass(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-8m-data");
    slk_seal_case_run_pc1(&c);
    slk_job job;
    slk_job_init(&job);
    pthread_t thread;
    slk_error error = {0};
    assert_int_equal(pthread_create(&thread, NULL, cancel_when_begun, &job), 0);
    c.env.job = &job;
    assert_int_equal(pc2(&c, &error), SLK_E_CANCELED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(has_temp_files(c.cache));
    assert_false(has_temp_files("."));
    assert_false(has_pc2_files(&c));
    c.env.job = NULL;
    slk_seal_case_run_pc2(&c);
    slk_seal_case_close(&c);
}

static uint64_t inode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_ino;
}

/* TreeD of zeros: one file for all sectors of a size, whatever happens to it. */
static void shared_tree_d(const slk_seal_env *env, const char *name, const char *shared)
{
    slk_seal_case c;
    slk_seal_case_open(&c, env, name);
    assert_int_equal(slk_folder_make("parents", 0755, NULL), SLK_OK);
    c.env.parent_cache = "parents";
    SLK_CLEANUP(slk_freep) char *tree = in_cache(&c, "sc-02-data-tree-d.dat");
    slk_seal_case_run_pc1(&c); /* absent */
    const uint64_t first = inode_of(shared), bytes = 2 * c.sector.proof.shape->bytes;
    assert_int_equal(inode_of(tree), first);
    slk_seal_case_run_pc1(&c); /* there and right */
    assert_int_equal(inode_of(shared), first);
    assert_int_equal(inode_of(tree), first);
    for (uint64_t at = 0; at < bytes; at += bytes / 3) {
        poke(shared, at, 0x55);
        slk_seal_case_run_pc1(&c); /* its files are the recorded ones again */
        assert_int_equal(inode_of(tree), inode_of(shared));
    }
    cut(shared, 100);
    slk_seal_case_run_pc1(&c);
    assert_int_equal(inode_of(tree), inode_of(shared));
    assert_int_equal(unlink(shared), 0);
    assert_int_equal(slk_folder_make(shared, 0755, NULL), SLK_OK); /* cannot be used at all */
    slk_seal_case_run_pc1(&c);
    assert_false(has_temp_files(c.cache));
    slk_seal_case_run_pc2(&c);
    slk_seal_case_run_commit1(&c);
    slk_seal_case_close(&c);
}

static void test_zero_tree_d(void **state)
{
    shared_tree_d(*state, "x-2k-cc", "parents/selkie-zero-tree-d-2048.dat");
    shared_tree_d(*state, "x-8m-cc", "parents/selkie-zero-tree-d-8388608.dat");
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "x-2k-cc");
    slk_pc1_request request = slk_seal_case_pc1(&c);
    request.no_zero_tree_d = true;
    slk_pc1_result result;
    slk_error error = {0};
    assert_int_equal(slk_pc1(&result, &request, &error), SLK_OK);
    assert_memory_equal(result.comm_d, c.comm_d, 32);
    SLK_CLEANUP(slk_freep) char *tree = in_cache(&c, "sc-02-data-tree-d.dat");
    assert_false(slk_file_exists(tree));
    slk_pc2_request second = slk_seal_case_pc2(&c);
    slk_pc2_result made;
    assert_int_equal(slk_pc2(&made, &second, &error), SLK_OK);
    assert_memory_equal(made.comm_r, c.comm_r, 32);
    assert_memory_equal(made.comm_d, c.comm_d, 32);
    slk_seal_case_run_commit1(&c);
    slk_seal_case_run_finalize(&c);
    slk_seal_case_close(&c);
}

/* One flipped bit in each file that commit 1 opens, at every 64th byte; and cut by one byte. */
static void damaged_for_commit1(const slk_seal_case *c, const char *path, const char *name,
                                size_t *refusals)
{
    slk_buf whole;
    slk_error error = {0};
    save(&whole, path);
    for (uint64_t at = 0; at < whole.len; at += 64) {
        poke(path, at, whole.data[at] ^ 1);
        slk_err code = commit1(c, &error);
        if (code != SLK_OK)
            refused(code, SLK_E_CORRUPT, &error, NULL);
        *refusals += code != SLK_OK;
        poke(path, at, whole.data[at]);
    }
    cut(path, whole.len - 1);
    refused(commit1(c, &error), SLK_E_CORRUPT, &error, name);
    restore(&whole, path);
}

static void test_commit1_inputs(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-2k-data");
    slk_seal_case_run_pc1(&c);
    slk_seal_case_run_pc2(&c);
    static const char *const names[] = {"sc-02-data-layer-1.dat", "sc-02-data-layer-2.dat",
                                        "sc-02-data-tree-d.dat", "sc-02-data-tree-c.dat"};
    size_t refusals = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        SLK_CLEANUP(slk_freep) char *path = in_cache(&c, names[i]);
        damaged_for_commit1(&c, path, names[i], &refusals);
        assert_true(refusals > 0);
    }
    refusals = 0;
    damaged_for_commit1(&c, "sealed", "sealed", &refusals);
    assert_int_equal(refusals, 32); /* 64 leaves: one segment, hashed as a whole */
    slk_error error = {0};
    slk_buf whole;
    save(&whole, "sealed");
    poke("sealed", 64, whole.data[64] ^ 1);
    refused(commit1(&c, &error), SLK_E_CORRUPT, &error, "disagree");
    restore(&whole, "sealed");
    poke("sealed", 32 * 40 + 31, 0xf0);
    refused(commit1(&c, &error), SLK_E_CORRUPT, &error, "node 40");
    slk_seal_case_close(&c);
}

static void test_p_aux_and_identity(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-2k-data");
    slk_seal_case_run_pc1(&c);
    slk_error error = {0};
    refused(commit1(&c, &error), SLK_E_NOTFOUND, &error, "p_aux");
    refused(slk_finalize_cache(c.sector.proof.shape, c.cache, &error), SLK_E_NOTFOUND, &error,
            "p_aux");
    slk_seal_case_run_pc2(&c);
    slk_seal_case other = c;
    other.comm_r[0] ^= 1;
    refused(commit1(&other, &error), SLK_E_INVAL, &error, "CommR");
    other = c;
    other.comm_d[0] ^= 1;
    refused(commit1(&other, &error), SLK_E_INVAL, &error, "CommD");
    other = c;
    other.sector.miner_id++;
    refused(commit1(&other, &error), SLK_E_CORRUPT, &error, NULL);
    other = c;
    other.sector.ticket[3] ^= 1;
    refused(commit1(&other, &error), SLK_E_CORRUPT, &error, NULL);
    SLK_CLEANUP(slk_freep) char *path = in_cache(&c, "p_aux");
    poke(path, 31, 0xff);
    refused(commit1(&c, &error), SLK_E_CORRUPT, &error, "p_aux");
    cut(path, 63);
    refused(commit1(&c, &error), SLK_E_CORRUPT, &error, "p_aux");
    refused(slk_finalize_cache(c.sector.proof.shape, c.cache, &error), SLK_E_CORRUPT, &error,
            "p_aux");
    slk_seal_case_close(&c);
}

static void test_check_replica(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-4k-data");
    slk_seal_case_run_pc1(&c);
    slk_seal_case_run_pc2(&c);
    slk_error error = {0};
    assert_int_equal(check(&c, &error), SLK_OK);
    SLK_CLEANUP(slk_freep) char *tree = in_cache(&c, "sc-02-data-tree-r-last-1.dat");
    slk_buf whole;
    save(&whole, tree);
    poke(tree, 7, whole.data[7] ^ 4);
    refused(check(&c, &error), SLK_E_CORRUPT, &error, "tree-r-last-1");
    cut(tree, 31);
    refused(check(&c, &error), SLK_E_CORRUPT, &error, "tree-r-last-1");
    restore(&whole, tree);
    save(&whole, "sealed");
    for (uint64_t at = 3; at < whole.len; at += 512) {
        poke("sealed", at, whole.data[at] ^ 16);
        refused(check(&c, &error), SLK_E_CORRUPT, &error, NULL);
        poke("sealed", at, whole.data[at]);
    }
    poke("sealed", 32 * 100 + 31, 0x7f);
    refused(check(&c, &error), SLK_E_CORRUPT, &error, "node 100");
    restore(&whole, "sealed");
    slk_seal_case other = c;
    other.comm_r[9] ^= 1;
    refused(check(&other, &error), SLK_E_CORRUPT, &error, "CommR");
    assert_int_equal(check(&c, &error), SLK_OK);
    slk_seal_case_close(&c);
}

/* A whole replica, but of another ticket: told by its first node alone. */
static void test_check_replica_of_another(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "x-2k-zero");
    slk_seal_case_run_pc1(&c);
    slk_seal_case_run_pc2(&c);
    slk_error error = {0};
    uint8_t replica_id[32];
    memcpy(replica_id, c.replica_id, sizeof replica_id);
    const slk_check_replica_request request = {.env = c.env,
                                               .proof = c.sector.proof,
                                               .sealed = "sealed",
                                               .cache = c.cache,
                                               .comm_r = c.comm_r,
                                               .replica_id = replica_id};
    assert_int_equal(slk_check_replica(&request, &error), SLK_OK);
    assert_int_equal(slk_check_replica_sample(&request, 1, &error), SLK_OK);
    replica_id[31] ^= 1;
    refused(slk_check_replica(&request, &error), SLK_E_CORRUPT, &error, "another sector or ticket");
    refused(slk_check_replica_sample(&request, 1, &error), SLK_E_CORRUPT, &error,
            "another sector or ticket");
    slk_seal_case_close(&c);
}

static slk_err sample(const slk_seal_case *c, uint64_t samples, slk_error *error)
{
    slk_check_replica_request request = {.env = c->env,
                                         .proof = c->sector.proof,
                                         .sealed = "sealed",
                                         .cache = c->cache,
                                         .comm_r = c->comm_r};
    return slk_check_replica_sample(&request, samples, error);
}

/* As many samples as there are places look at everything. */
static void test_check_sample(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-4k-data");
    slk_seal_case_run_pc1(&c);
    slk_seal_case_run_pc2(&c);
    slk_error error = {0};
    assert_int_equal(sample(&c, 1, &error), SLK_OK);
    assert_int_equal(sample(&c, 1000, &error), SLK_OK);
    SLK_CLEANUP(slk_freep) char *tree = in_cache(&c, "sc-02-data-tree-r-last-1.dat");
    slk_buf whole;
    save(&whole, tree);
    for (uint64_t at = 3; at < whole.len; at += 32) { /* each node of the tree */
        poke(tree, at, whole.data[at] ^ 4);
        refused(sample(&c, 1000, &error), SLK_E_CORRUPT, &error, NULL);
        poke(tree, at, whole.data[at]);
    }
    restore(&whole, tree);
    save(&whole, "sealed");
    for (uint64_t at = 3; at < whole.len; at += 512) {
        poke("sealed", at, whole.data[at] ^ 16);
        refused(sample(&c, 1000, &error), SLK_E_CORRUPT, &error, NULL);
        poke("sealed", at, whole.data[at]);
    }
    restore(&whole, "sealed");
    slk_seal_case other = c;
    other.comm_r[9] ^= 1;
    refused(sample(&other, 1, &error), SLK_E_CORRUPT, &error, "CommR");
    assert_int_equal(sample(&c, 2, &error), SLK_OK);
    slk_seal_case_close(&c);
}

static slk_err unseal(const slk_seal_case *c, uint64_t offset, uint64_t length, slk_error *error)
{
    slk_unseal_request request = {.env = c->env,
                                  .sector = c->sector,
                                  .sealed = "sealed",
                                  .work = "work",
                                  .out = "range",
                                  .offset = offset,
                                  .length = length};
    memcpy(request.comm_d, c->comm_d, 32);
    return slk_unseal(&request, error);
}

static void test_unseal(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-2k-data");
    slk_seal_case_run_pc1(&c);
    slk_seal_case_run_pc2(&c);
    slk_error error = {0};
    assert_int_equal(unseal(&c, 0, 2032, &error), SLK_OK);
    slk_buf all, part;
    save(&all, "range");
    assert_int_equal(all.len, 2032);
    static const uint64_t ranges[][2] = {{0, 1}, {1, 126}, {100, 100}, {127, 127}, {2031, 1}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        assert_int_equal(unseal(&c, ranges[i][0], ranges[i][1], &error), SLK_OK);
        save(&part, "range");
        assert_int_equal(part.len, ranges[i][1]);
        assert_memory_equal(part.data, all.data + ranges[i][0], part.len);
        slk_buf_done(&part);
    }
    slk_buf_done(&all);
    assert_int_equal(unseal(&c, 2032, 0, &error), SLK_OK);
    refused(unseal(&c, 2031, 2, &error), SLK_E_INVAL, &error, NULL);
    refused(unseal(&c, UINT64_MAX, 2, &error), SLK_E_INVAL, &error, NULL);
    assert_int_equal(unlink("range"), 0);
    slk_seal_case other = c;
    other.sector.ticket[0] ^= 1;
    refused(unseal(&other, 0, 2032, &error), SLK_E_CORRUPT, &error, "does not decode");
    cut("sealed", 2047);
    refused(unseal(&c, 0, 1, &error), SLK_E_CORRUPT, &error, "sealed");
    assert_false(slk_file_exists("range"));
    assert_false(has_temp_files("."));
    assert_false(has_temp_files("work"));
    slk_seal_case_close(&c);
}

/* Each byte of a record counts: any change is noticed. */
static void test_verify_every_node(void **state)
{
    const slk_seal_env *env = *state;
    slk_seal_case c;
    slk_seal_case_open(&c, env, "s-2k-data");
    slk_seal_case_run_pc1(&c);
    slk_seal_case_run_pc2(&c);
    slk_commit1_request request = slk_seal_case_commit1(&c);
    slk_c1 c1 = {0};
    slk_error error = {0};
    assert_int_equal(slk_commit1(&c1, &request, &error), SLK_OK);
    const slk_c1_expected expected = {.sector = &c.sector};
    bool valid = false;
    for (size_t at = 0; at < c1.layout.record_bytes; at += 8) {
        c1.records[at] ^= 1;
        assert_int_equal(slk_c1_verify(&valid, &error, &c1, &expected, env->crypto, NULL, NULL),
                         SLK_OK);
        if (valid)
            fail_msg("byte %zu of a record may be anything", at);
        c1.records[at] ^= 1;
    }
    uint8_t *const heads[] = {c1.comm_r,     c1.comm_d, c1.comm_c, c1.comm_r_last,
                              c1.replica_id, c1.seed,   c1.ticket};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        heads[i][0] ^= 1;
        assert_int_equal(slk_c1_verify(&valid, &error, &c1, &expected, env->crypto, NULL, NULL),
                         SLK_OK);
        assert_false(valid);
        heads[i][0] ^= 1;
    }
    assert_int_equal(slk_c1_verify(&valid, &error, &c1, &expected, env->crypto, env->pool, NULL),
                     SLK_OK);
    assert_true(valid);
    /* Everything holds but the graph: labels made over other parents are no replica. */
    const slk_c1_expected nothing = {0};
    c1.proof.porep_id[0] ^= 1;
    assert_int_equal(slk_c1_verify(&valid, &error, &c1, &nothing, env->crypto, NULL, NULL), SLK_OK);
    assert_false(valid);
    assert_non_null(strstr(error.message, "parents"));
    c1.proof.porep_id[0] ^= 1;
    /* The same replica id, but another kind of proof than the sector's. */
    slk_sector_identity others[3] = {c.sector, c.sector, c.sector};
    others[0].proof.shape = slk_sector_shape_parse("32GiB");
    others[1].proof.feature = SLK_FEATURE_NON_INTERACTIVE;
    others[2].proof.api = c.sector.proof.api == SLK_API_1_2 ? SLK_API_1_1 : SLK_API_1_2;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const slk_c1_expected other = {.sector = &others[i]};
        assert_int_equal(slk_c1_verify(&valid, &error, &c1, &other, env->crypto, NULL, NULL),
                         SLK_OK);
        assert_false(valid);
    }
    slk_c1_done(&c1);
    slk_seal_case_close(&c);
}

static void test_synthetic_file(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-2k-synth");
    slk_seal_case_run_pc1(&c);
    slk_seal_case_run_pc2(&c);
    SLK_CLEANUP(slk_freep) char *path = in_cache(&c, "syn-porep-vanilla-proofs.dat");
    slk_buf whole;
    slk_error error = {0};
    save(&whole, path);
    poke(path, 0, whole.data[0] ^ 1);
    refused(commit1(&c, &error), SLK_E_CORRUPT, &error, "syn-porep");
    restore(&whole, path);
    save(&whole, path);
    size_t refusals = 0;
    for (uint64_t record = 0; record < 64; record++) {
        uint64_t at = 96 + record * 8984 + 4000;
        poke(path, at, whole.data[at] ^ 1);
        refusals += commit1(&c, &error) == SLK_E_CORRUPT;
        poke(path, at, whole.data[at]);
    }
    assert_int_equal(refusals, 2); /* the two that are picked */
    cut(path, whole.len - 1);
    refused(commit1(&c, &error), SLK_E_CORRUPT, &error, "syn-porep");
    restore(&whole, path);
    assert_int_equal(unlink(path), 0);
    slk_seal_case_run_commit1(&c); /* from the trees */
    slk_seal_case_close(&c);
}

/* Commit 1 from kept columns: the same bytes, also without layers; they go with precommit 1 and with
 * finalisation. */
static void kept_columns(const slk_seal_env *env, const char *name)
{
    slk_seal_case c;
    slk_seal_case_open(&c, env, name);
    slk_seal_case_run_pc1(&c);
    slk_pc2_request request = slk_seal_case_pc2(&c);
    request.keep_columns = true;
    slk_pc2_result result;
    slk_error error = {0};
    assert_int_equal(slk_pc2(&result, &request, &error), SLK_OK);
    assert_memory_equal(result.comm_r, c.comm_r, 32);
    SLK_CLEANUP(slk_freep) char *columns = in_cache(&c, ".selkie-columns");
    SLK_CLEANUP(slk_freep) char *layer = in_cache(&c, "sc-02-data-layer-1.dat");
    slk_buf whole;
    save(&whole, layer);
    assert_int_equal(unlink(layer), 0);
    slk_seal_case_run_commit1(&c);
    restore(&whole, layer);
    size_t refusals = 0;
    damaged_for_commit1(&c, columns, ".selkie-columns", &refusals);
    assert_true(refusals > 0);
    assert_int_equal(unlink(columns), 0);
    slk_seal_case_run_commit1(&c);
    assert_int_equal(slk_pc2(&result, &request, &error), SLK_OK);
    assert_true(slk_file_exists(columns));
    slk_seal_case_run_pc1(&c);
    assert_false(slk_file_exists(columns));
    assert_int_equal(slk_pc2(&result, &request, &error), SLK_OK);
    slk_seal_case_run_finalize(&c);
    assert_false(has_temp_files("."));
    slk_seal_case_close(&c);
}

static void test_kept_columns(void **state)
{
    kept_columns(*state, "s-2k-data");
    kept_columns(*state, "s-4k-data");
    kept_columns(*state, "s-32k-data");
}

static void refused_with_tree_c(const slk_seal_case *c, const char *name, uint64_t at)
{
    SLK_CLEANUP(slk_freep) char *path = in_cache(c, name);
    slk_buf whole;
    slk_error error = {0};
    save(&whole, path);
    poke(path, at, whole.data[at] ^ 1);
    refused(pc2(c, &error), SLK_E_CORRUPT, &error, name);
    restore(&whole, path);
}

/* TreeC made with the last layer: the same files; used by precommit 2 while it is whole. */
static void fused_tree_c(const slk_seal_env *env, const char *name, const char *tree_c)
{
    slk_seal_case c;
    slk_seal_case_open(&c, env, name);
    slk_pc1_request request = slk_seal_case_pc1(&c);
    request.tree_c = SLK_PC1_TREE_C_YES;
    slk_pc1_result result;
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *tree = in_cache(&c, tree_c);
    assert_int_equal(slk_pc1(&result, &request, &error), SLK_OK);
    assert_false(has_temp_files(c.cache));
    const uint64_t made = inode_of(tree);
    refused_with_tree_c(&c, "sc-02-data-layer-2.dat", 96);
    refused_with_tree_c(&c, "sc-02-data-tree-d.dat", 96);
    slk_seal_case_run_pc2(&c); /* compares every file with the record */
    assert_int_equal(inode_of(tree), made);
    cut(tree, 100);
    slk_seal_case_run_pc2(&c);
    assert_int_equal(unlink(tree), 0);
    slk_seal_case_run_pc2(&c);
    slk_seal_case_run_commit1(&c);
    /* Begun again nothing is left of it, and a kept last layer does not bring it back. */
    assert_int_equal(slk_pc1(&result, &request, &error), SLK_OK);
    assert_int_equal(result.layers_kept, c.sector.proof.shape->layers);
    assert_false(slk_file_exists(tree));
    slk_seal_case_run_pc2(&c);
    slk_seal_case_close(&c);
}

static void test_fused_tree_c(void **state)
{
    fused_tree_c(*state, "s-4k-data", "sc-02-data-tree-c-1.dat");
    fused_tree_c(*state, "s-8m-data", "sc-02-data-tree-c.dat");
    slk_seal_env alone = *(const slk_seal_env *)*state;
    alone.pool = NULL; /* nobody to do it: left to precommit 2 */
    slk_seal_case c;
    slk_seal_case_open(&c, &alone, "s-2k-data");
    slk_pc1_request request = slk_seal_case_pc1(&c);
    request.tree_c = SLK_PC1_TREE_C_YES;
    slk_pc1_result result;
    slk_error error = {0};
    assert_int_equal(slk_pc1(&result, &request, &error), SLK_OK);
    slk_seal_case_run_pc2(&c);
    slk_seal_case_close(&c);
}

/* A child that seals for good and all; it never comes back. */
static _Noreturn void seal_in_child(const slk_seal_case *c)
{
    slk_seal_case mine = *c;
    mine.env.pool = NULL; /* the pool's threads stay with the parent */
    slk_pc1_result one;
    slk_error error;
    if (pc1(&mine, &one, &error) == SLK_OK)
        (void)pc2(&mine, &error);
    _exit(0);
}

/* Killed at twenty moments, then finished: all files are the recorded ones and none is left over. */
static void test_killed(void **state)
{
    slk_seal_case c;
    slk_seal_case_open(&c, *state, "s-32k-data");
    for (int moment = 0; moment < 20; moment++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            seal_in_child(&c);
        slk_clock_sleep_ms(moment);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    slk_seal_case_run_pc1(&c);
    slk_seal_case_run_pc2(&c);
    assert_false(has_temp_files("."));
    assert_false(has_temp_files(c.cache));
    slk_seal_case_close(&c);
}

static int setup(void **state)
{
    static slk_seal_env env;
    slk_crypto *crypto;
    if (slk_crypto_new(&crypto, getenv("SELKIE_CPU"), NULL) != SLK_OK ||
        slk_pool_new(&env.pool, 2, NULL) != SLK_OK)
        return -1;
    env.crypto = crypto;
    *state = &env;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_other_sector),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_trailer_is_no_data),
        cmocka_unit_test(test_canceled),
        cmocka_unit_test(test_pc2_inputs),
        cmocka_unit_test(test_late_mismatch),
        cmocka_unit_test(test_interrupted_pass),
        cmocka_unit_test(test_zero_tree_d),
        cmocka_unit_test(test_commit1_inputs),
        cmocka_unit_test(test_p_aux_and_identity),
        cmocka_unit_test(test_check_replica),
        cmocka_unit_test(test_check_replica_of_another),
        cmocka_unit_test(test_check_sample),
        cmocka_unit_test(test_unseal),
        cmocka_unit_test(test_verify_every_node),
        cmocka_unit_test(test_synthetic_file),
        cmocka_unit_test(test_kept_columns),
        cmocka_unit_test(test_fused_tree_c),
        cmocka_unit_test(test_killed),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
