/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/graph/graph.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "crypto/sha256/sha256.h"
#include "proofs/graph/parents.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void proof_of(slk_seal_proof *out, const json_t *entry)
{
    const slk_sector_shape *shape =
        slk_sector_shape_of((uint64_t)slk_test_get_int(entry, "sector_size"));
    assert_non_null(shape);
    uint8_t porep_id[32];
    slk_test_get_hex(porep_id, 32, entry, "porep_id");
    const char *version = slk_test_get_text(entry, "api_version");
    slk_api_version api = version[2] == '0'   ? SLK_API_1_0
                          : version[2] == '1' ? SLK_API_1_1
                                              : SLK_API_1_2;
    slk_seal_proof_custom(out, shape, porep_id, api, SLK_FEATURE_NONE);
}

static void check_rows(const slk_graph *graph, const json_t *rows)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        uint64_t node = (uint64_t)json_integer_value(json_array_get(row, 0));
        const json_t *want = json_array_get(row, 1);
        uint32_t got[SLK_PARENTS];
        slk_graph_parents(graph, node, got);
        for (size_t j = 0; j < SLK_PARENTS; j++)
            assert_int_equal(got[j], json_integer_value(json_array_get(want, j)));
    }
}

static void check_digest(const slk_crypto *crypto, const slk_graph *graph, const json_t *entry)
{
    uint64_t n = (uint64_t)slk_test_get_int(entry, "first_nodes");
    slk_sha256 hash;
    slk_sha256_init(&hash, crypto);
    for (uint64_t node = 0; node < n; node += 100) { /* whole batches and a rest */
        uint32_t rows[100][SLK_PARENTS];
        const uint64_t step = n - node < 100 ? n - node : 100;
        slk_graph_parents_range(graph, crypto, node, step, rows[0]);
        slk_sha256_update(&hash, rows, step * sizeof rows[0]);
    }
    uint8_t got[32], want[32];
    slk_sha256_final(&hash, got);
    slk_test_get_hex(want, 32, entry, "sha256_of_le32_parents_of_first_nodes");
    assert_memory_equal(got, want, 32);
}

static void test_vectors(void **state)
{
    const slk_crypto *crypto = *state;
    json_t *all = slk_test_vectors_json("graph.json.gz");
    assert_true(json_array_size(all) >= 10);
    size_t i;
    json_t *entry;
    json_array_foreach(all, i, entry)
    {
        slk_seal_proof proof;
        proof_of(&proof, entry);
        slk_graph graph;
        slk_graph_init(&graph, crypto, &proof);
        check_rows(&graph, json_object_get(entry, "parents"));
        check_digest(crypto, &graph, entry);
    }
    json_decref(all);
}

/* source: reference/proofs 3.6 */
static void test_cache_names(void **state)
{
    const slk_crypto *crypto = *state;
    static const struct {
        int64_t number;
        const char *name;
    } want[] = {
        {0, "3f0eef38bb48af1f48ad65e14eb85b4ebfc167cec18cd81764f6d998836c9899"},
        {7, "7ba215a1d2345774ab90b8cb1158d296e409d6068819d7b8c7baf0b25d63dc34"},
        {8, "21981246c370f9d76c7a77ab273d94bde0ceb4e938292334960bce05585dc117"},
        {9, "4905486b7af19558ac3649bc6261411858b6add534438878c4ee3b29d8b9de0b"},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        slk_seal_proof proof;
        assert_int_equal(slk_seal_proof_registered(&proof, want[i].number, NULL), SLK_OK);
        slk_graph graph;
        slk_graph_init(&graph, crypto, &proof);
        char name[SLK_GRAPH_CACHE_NAME_CHARS];
        slk_graph_cache_name(name, crypto, &graph);
        assert_string_equal(name + strlen("v28-sdr-parent-"), want[i].name);
    }
}

static void check_table(const slk_crypto *crypto, const slk_graph *graph, const char *cache,
                        const char *scratch)
{
    slk_parents parents;
    assert_int_equal(slk_parents_open(&parents, crypto, graph, cache, scratch, NULL, NULL, NULL),
                     SLK_OK);
    for (uint64_t node = 0; node < graph->nodes; node++) {
        uint32_t want[SLK_PARENTS];
        slk_graph_parents(graph, node, want);
        assert_memory_equal(slk_parents_row(&parents, node), want, sizeof want);
    }
    slk_parents_done(&parents);
}

/* Generated, then found, then damaged and made again; and without a cache folder. */
static void test_table(void **state)
{
    const slk_crypto *crypto = *state;
    char folder[] = "/tmp/selkie-graph-XXXXXX";
    assert_non_null(mkdtemp(folder));
    for (int64_t number = 5; number <= 10; number += 5) {
        slk_seal_proof proof;
        assert_int_equal(slk_seal_proof_registered(&proof, number, NULL), SLK_OK);
        slk_graph graph;
        slk_graph_init(&graph, crypto, &proof);
        check_table(crypto, &graph, folder, NULL);
        check_table(crypto, &graph, folder, NULL);
        char name[SLK_GRAPH_CACHE_NAME_CHARS];
        slk_graph_cache_name(name, crypto, &graph);
        SLK_CLEANUP(slk_freep) char *path = slk_strf("%s/%s.cache", folder, name);
        int fd;
        assert_int_equal(slk_file_open_rw(&fd, path, NULL), SLK_OK);
        assert_int_equal(slk_file_write_at(fd, "\x2a", 1, 1000, path, NULL), SLK_OK);
        slk_closep(&fd);
        check_table(crypto, &graph, folder, NULL);
        check_table(crypto, &graph, NULL, folder);
    }
    assert_int_equal(slk_remove_tree(folder, NULL), SLK_OK);
}

/* Three processes ask for the same cache at once: one makes it, all get it whole. */
static void test_shared_cache(void **state)
{
    const slk_crypto *crypto = *state;
    char folder[] = "/tmp/selkie-graph-XXXXXX";
    assert_non_null(mkdtemp(folder));
    slk_seal_proof proof;
    assert_int_equal(slk_seal_proof_registered(&proof, 6, NULL), SLK_OK);
    slk_graph graph;
    slk_graph_init(&graph, crypto, &proof);
    pid_t children[3];
    for (size_t i = 0; i < 3; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            slk_parents parents;
            uint8_t digest[32], want[32];
            bool ok = slk_parents_open(&parents, crypto, &graph, folder, NULL, NULL, NULL, NULL) ==
                      SLK_OK;
            if (ok)
                slk_sha256_of(crypto, digest, parents.map.data, parents.map.bytes);
            /* source: reference/proofs 3.6 */
            ok = ok &&
                 slk_hex_decode(want, 32,
                                "03cd13565ded97c240a5f52e54295ad1"
                                "27bd0461b57904cb3a4d79b097bbecab") &&
                 memcmp(digest, want, 32) == 0;
            _exit(ok ? 0 : 1);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(slk_remove_tree(folder, NULL), SLK_OK);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_cache_names),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_shared_cache),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
