/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A batch gives every sector the very files that precommit 1 alone gives it. */
#include "proofs/vanilla/pc1_batch.h"

#include "base/file.h"
#include "base/mem.h"
#include "proofs/vanilla/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SECTORS_MAX 40u

/* n sectors of one size: single/<i> made alone, batch/<i> made together. */
struct world {
    char folder[64];
    slk_seal_env env;
    size_t n;
    slk_pc1_request alone[SECTORS_MAX], batch[SECTORS_MAX];
    char paths[SECTORS_MAX][5][96];
    slk_job job[SECTORS_MAX];
    slk_pc1_outcome outcomes[SECTORS_MAX];
};

static void fill_data(const char *path, uint64_t bytes, size_t i)
{
    SLK_CLEANUP(slk_freep) uint8_t *data = slk_alloc((size_t)bytes, 1);
    assert_non_null(data);
    uint64_t x = i + 1;
    for (size_t k = 0; k < bytes; k++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        data[k] = k % 32 == 31 ? (uint8_t)(x >> 60) : (uint8_t)(x >> 56);
    }
    assert_int_equal(slk_file_write_atomic(path, data, (size_t)bytes, 0644, NULL), SLK_OK);
}

static void set_paths(struct world *w, size_t i, bool data)
{
    static const char *const names[] = {"a-cache", "a-sealed", "b-cache", "b-sealed", "data"};
    for (size_t k = 0; k < 5; k++)
        (void)snprintf(w->paths[i][k], sizeof w->paths[i][k], "%s/%s-%zu", w->folder, names[k], i);
    w->alone[i].cache = w->paths[i][0];
    w->alone[i].sealed = w->paths[i][1];
    if (data) {
        fill_data(w->paths[i][4], w->alone[i].sector.proof.shape->bytes, i);
        w->alone[i].unsealed = w->paths[i][4];
    }
    w->batch[i] = w->alone[i];
    w->batch[i].cache = w->paths[i][2];
    w->batch[i].sealed = w->paths[i][3];
}

static void add_sector(struct world *w, uint64_t bytes, uint8_t porep)
{
    const size_t i = w->n++;
    uint8_t porep_id[32] = {porep};
    slk_pc1_request *r = &w->alone[i];
    *r = (slk_pc1_request){.env = w->env};
    r->sector.miner_id = 1000 + i % 3;
    r->sector.number = i;
    memset(r->sector.ticket, (int)i + 1, 31);
    slk_seal_proof_custom(&r->sector.proof, slk_sector_shape_of(bytes), porep_id, SLK_API_1_1,
                          SLK_FEATURE_NONE);
    set_paths(w, i, i % 4 != 1);
    slk_job_init(&w->job[i]);
    w->batch[i].env = (slk_seal_env){.job = &w->job[i]};
}

/* In memory where there is such a folder: a thousand small files are flushed. */
static void open_world(struct world *w, void **state)
{
    *w = (struct world){.env = *(const slk_seal_env *)*state};
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(w->folder, sizeof w->folder, "%s/selkie-batch-XXXXXX", parent);
    assert_non_null(mkdtemp(w->folder));
}

static void close_world(struct world *w)
{
    assert_int_equal(slk_remove_tree(w->folder, NULL), SLK_OK);
}

static void same_files(const char *a, const char *b)
{
    SLK_CLEANUP(slk_file_map_done) slk_file_map x = {0};
    SLK_CLEANUP(slk_file_map_done) slk_file_map y = {0};
    assert_int_equal(slk_file_map_read(&x, a, NULL), SLK_OK);
    assert_int_equal(slk_file_map_read(&y, b, NULL), SLK_OK);
    assert_int_equal(x.bytes, y.bytes);
    assert_memory_equal(x.data, y.data, x.bytes);
}

static void same_file(const char *folder_a, const char *folder_b, const char *name)
{
    SLK_CLEANUP(slk_freep) char *a = slk_path_join(folder_a, name);
    SLK_CLEANUP(slk_freep) char *b = slk_path_join(folder_b, name);
    same_files(a, b);
}

static void same_sector(const struct world *w, size_t i)
{
    slk_pc1_result alone;
    assert_int_equal(slk_pc1(&alone, &w->alone[i], NULL), SLK_OK);
    assert_int_equal(w->outcomes[i].code, SLK_OK);
    assert_memory_equal(alone.comm_d, w->outcomes[i].result.comm_d, 32);
    assert_memory_equal(alone.replica_id, w->outcomes[i].result.replica_id, 32);
    const char *a = w->alone[i].cache, *b = w->batch[i].cache;
    for (unsigned layer = 1; layer <= w->alone[i].sector.proof.shape->layers; layer++) {
        SLK_CLEANUP(slk_freep) char *x = slk_layer_path(a, layer);
        SLK_CLEANUP(slk_freep) char *y = slk_layer_path(b, layer);
        same_files(x, y);
    }
    same_file(a, b, SLK_PC1_STATE_FILE);
    same_file(a, b, "sc-02-data-tree-d.dat");
    same_files(w->alone[i].sealed, w->batch[i].sealed);
}

static slk_pc1_batch_options options_of(const struct world *w)
{
    return (slk_pc1_batch_options){.env = w->env, .memory_bytes = UINT64_C(1) << 31};
}

static size_t run(struct world *w, const slk_pc1_batch_options *options)
{
    return slk_pc1_batch(w->outcomes, NULL, w->batch, w->n, options);
}

static void test_all_counts(void **state)
{
    for (size_t n = 1; n <= 17; n++) {
        struct world w;
        open_world(&w, state);
        for (size_t i = 0; i < n; i++)
            add_sector(&w, n % 4 ? 2048 : 16384, 7);
        const slk_pc1_batch_options options = options_of(&w);
        assert_int_equal(run(&w, &options), 0);
        for (size_t i = 0; i < n; i++)
            same_sector(&w, i);
        close_world(&w);
    }
}

/* Labels on files, with as little memory as they need. */
static void test_on_files(void **state)
{
    struct world w;
    open_world(&w, state);
    for (size_t i = 0; i < 16; i++)
        add_sector(&w, 32768, 7);
    slk_pc1_batch_options options = options_of(&w);
    const char *folders[] = {w.folder, "/tmp"};
    options.memory_bytes = 500 << 10;
    options.threads = 1;
    options.folders = folders;
    options.n_folders = 2;
    slk_pc1_batch_plan plan;
    assert_int_equal(
        slk_pc1_batch_make_plan(&plan, w.batch[0].sector.proof.shape, w.n, &options, NULL), SLK_OK);
    assert_true(plan.in_memory == (plan.kernel_lanes < 8));
    assert_true(plan.memory_bytes <= options.memory_bytes);
    assert_int_equal(run(&w, &options), 0);
    for (size_t i = 0; i < w.n; i++)
        same_sector(&w, i);
    close_world(&w);
}

/* Files of several chunks, on a disk. */
static void test_large(void **state)
{
    struct world w = {.env = *(const slk_seal_env *)*state, .folder = "/tmp/selkie-batch-XXXXXX"};
    assert_non_null(mkdtemp(w.folder));
    for (size_t i = 0; i < 1; i++)
        add_sector(&w, 8 << 20, 7);
    const slk_pc1_batch_options options = options_of(&w);
    assert_int_equal(run(&w, &options), 0);
    for (size_t i = 0; i < w.n; i++)
        same_sector(&w, i);
    close_world(&w);
}

/* Several groups at once, and sectors of three graphs and two sizes among each other. */
static void test_groups_and_graphs(void **state)
{
    struct world w;
    open_world(&w, state);
    for (size_t i = 0; i < 11; i++)
        add_sector(&w, i % 3 == 2 ? 16384 : 2048, i % 2 ? 7 : 8);
    slk_pc1_batch_options options = options_of(&w);
    options.lanes = 2;
    options.threads = 3;
    assert_int_equal(run(&w, &options), 0);
    for (size_t i = 0; i < w.n; i++)
        same_sector(&w, i);
    close_world(&w);
}

/* Ends of sectors, as they are told. */
struct ends {
    struct world *w;
    size_t seen[SECTORS_MAX];
    size_t cancel_at, cancels; /* when the first has ended, the second is canceled */
};

static void note_end(void *context, size_t index)
{
    struct ends *e = context;
    e->seen[index]++;
    if (index == e->cancel_at)
        slk_job_cancel(&e->w->job[e->cancels]);
}

/* In one group: sector 1 has no data, 2 is of another kind than its cache, 5 cannot write its second
 * layer, at which moment 6 is canceled, 8 was canceled before, 9 has the folder of 0. */
static void test_failures_stay_alone(void **state)
{
    struct world w;
    open_world(&w, state);
    for (size_t i = 0; i < 13; i++)
        add_sector(&w, 2048, 7);
    struct ends ends = {.w = &w, .cancel_at = 5, .cancels = 6};
    w.batch[1].unsealed = "/nonexistent";
    w.batch[2].cache = w.alone[3].cache;
    slk_pc1_result unused;
    assert_int_equal(slk_pc1(&unused, &w.alone[3], NULL), SLK_OK);
    SLK_CLEANUP(slk_freep)
    char *blocked = slk_path_join(w.batch[5].cache, "sc-02-data-layer-2..tmp");
    assert_int_equal(slk_folder_make(blocked, 0755, NULL), SLK_OK);
    slk_job_cancel(&w.job[8]);
    w.batch[9].cache = w.batch[0].cache;
    slk_pc1_batch_options options = options_of(&w);
    options.lanes = 16;
    options.threads = 1;
    options.ended = note_end;
    options.context = &ends;
    assert_int_equal(run(&w, &options), 6);
    static const slk_err want[13] = {[1] = SLK_E_NOTFOUND, [2] = SLK_E_CONFLICT, [5] = SLK_E_IO,
                                     [6] = SLK_E_CANCELED, [8] = SLK_E_CANCELED, [9] = SLK_E_INVAL};
    for (size_t i = 0; i < w.n; i++) {
        assert_int_equal(w.outcomes[i].code, want[i]);
        assert_int_equal(ends.seen[i], 1);
        if (want[i] == SLK_OK)
            same_sector(&w, i);
        else
            assert_true(w.outcomes[i].error.message[0] != 0);
    }
    /* Where kernels are narrow it is in a later group, which then ends before its first layer. */
    const bool together = strstr(w.outcomes[6].error.message, "layer 2") != NULL;
    assert_true(together || strstr(w.outcomes[6].error.message, "layer 1") != NULL);
    /* Their locks are gone, and what stopped them too: all that could be good now is. */
    assert_int_equal(slk_remove_tree(blocked, NULL), SLK_OK);
    w.batch[5].env.job = w.batch[6].env.job = NULL;
    assert_int_equal(slk_pc1_batch(w.outcomes + 5, NULL, w.batch + 5, 2, &options), 0);
    assert_int_equal(w.outcomes[6].result.layers_kept, together ? 1 : 0);
    same_sector(&w, 5);
    same_sector(&w, 6);
    close_world(&w);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void no_more_room(void *context, size_t index)
{
    if (index == *(const size_t *)context)
        limit_files(1000);
}

/* The disk takes no more while layers are written whose files are open: from the moment the last
 * sector cannot open its own. */
static void test_writes_fail(void **state)
{
    struct world w;
    open_world(&w, state);
    for (size_t i = 0; i < 9; i++)
        add_sector(&w, 2048, 7);
    size_t last = w.n - 1;
    SLK_CLEANUP(slk_freep)
    char *blocked = slk_path_join(w.batch[last].cache, "sc-02-data-layer-2..tmp");
    assert_int_equal(slk_folder_make(blocked, 0755, NULL), SLK_OK);
    slk_pc1_batch_options options = options_of(&w);
    options.threads = 1;
    options.ended = no_more_room;
    options.context = &last;
    (void)signal(SIGXFSZ, SIG_IGN);
    const size_t failed = run(&w, &options);
    limit_files(RLIM_INFINITY);
    assert_int_equal(slk_remove_tree(blocked, NULL), SLK_OK);
    /* Narrow kernels have made the groups before that of the last sector. */
    assert_true(failed >= 1 && failed <= w.n);
    for (size_t i = w.n - failed; i < last; i++) {
        assert_int_equal(w.outcomes[i].code, SLK_E_LIMIT);
        assert_non_null(strstr(w.outcomes[i].error.message, "cannot write"));
    }
    options.ended = NULL;
    assert_int_equal(run(&w, &options), 0);
    for (size_t i = 0; i < w.n; i++) {
        assert_int_equal(w.outcomes[i].result.layers_kept, i < w.n - failed ? 2 : 1);
        same_sector(&w, i);
    }
    close_world(&w);
}

/* Sector 1 has the sealed file of 0 by another name, 2 its folder. */
static void test_other_names(void **state)
{
    struct world w;
    open_world(&w, state);
    for (size_t i = 0; i < 4; i++)
        add_sector(&w, 2048, 7);
    char sealed[96];
    (void)snprintf(sealed, sizeof sealed, "%s/./b-sealed-0", w.folder);
    w.batch[1].sealed = sealed;
    assert_int_equal(symlink(w.batch[0].cache, w.batch[2].cache), 0);
    const slk_pc1_batch_options options = options_of(&w);
    assert_int_equal(run(&w, &options), 2);
    assert_int_equal(w.outcomes[1].code, SLK_E_INVAL);
    assert_int_equal(w.outcomes[2].code, SLK_E_INVAL);
    same_sector(&w, 0);
    same_sector(&w, 3);
    close_world(&w);
}

static void test_whole_batch_canceled(void **state)
{
    struct world w;
    open_world(&w, state);
    for (size_t i = 0; i < 3; i++)
        add_sector(&w, 2048, 7);
    slk_job job;
    slk_job_init(&job);
    slk_job_cancel(&job);
    slk_pc1_batch_options options = options_of(&w);
    options.env.job = &job;
    assert_int_equal(run(&w, &options), 3);
    for (size_t i = 0; i < w.n; i++)
        assert_int_equal(w.outcomes[i].code, SLK_E_CANCELED);
    close_world(&w);
}

/* Sectors that have finished different layers, one of them damaged. */
static void test_goes_on(void **state)
{
    struct world w;
    open_world(&w, state);
    for (size_t i = 0; i < 5; i++)
        add_sector(&w, i == 4 ? 16384 : 32768, 7);
    const slk_pc1_batch_options options = options_of(&w);
    assert_int_equal(run(&w, &options), 0);
    SLK_CLEANUP(slk_freep) char *second = slk_layer_path(w.batch[0].cache, 2);
    SLK_CLEANUP(slk_freep) char *first = slk_layer_path(w.batch[1].cache, 1);
    SLK_CLEANUP(slk_freep) char *other = slk_layer_path(w.batch[3].cache, 2);
    SLK_CLEANUP(slk_closep) int fd = -1;
    assert_int_equal(slk_remove_tree(second, NULL), SLK_OK);
    assert_int_equal(slk_remove_tree(other, NULL), SLK_OK);
    assert_int_equal(slk_file_open_rw(&fd, first, NULL), SLK_OK);
    assert_int_equal(slk_file_write_at(fd, "x", 1, 5000, first, NULL), SLK_OK);
    assert_int_equal(run(&w, &options), 0);
    static const unsigned kept[] = {1, 0, 2, 1, 2};
    for (size_t i = 0; i < w.n; i++) {
        assert_int_equal(w.outcomes[i].result.layers_kept, kept[i]);
        same_sector(&w, i);
    }
    /* All begin at layer 2: its parents come out of the files. */
    assert_int_equal(slk_remove_tree(second, NULL), SLK_OK);
    assert_int_equal(slk_remove_tree(other, NULL), SLK_OK);
    assert_int_equal(run(&w, &options), 0);
    for (size_t i = 0; i < w.n; i++)
        same_sector(&w, i);
    close_world(&w);
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
        cmocka_unit_test(test_all_counts),
        cmocka_unit_test(test_on_files),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_groups_and_graphs),
        cmocka_unit_test(test_failures_stay_alone),
        cmocka_unit_test(test_writes_fail),
        cmocka_unit_test(test_other_names),
        cmocka_unit_test(test_whole_batch_canceled),
        cmocka_unit_test(test_goes_on),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
