/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/graph/parents.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/outfile.h"
#include "crypto/sha256/sha256.h"

#define ROW_BYTES (SLK_PARENTS * sizeof(uint32_t))
#define GRAIN_NODES 4096u
#define SPOT_CHECKS 4096u

/* source: storage-proofs-porep/parent_cache.json (reference/proofs 3.6). */
static const struct {
    const char *name; /* hex of the file name */
    const char *digest; /* SHA-256 of the file */
} known_caches[] = {
    {"3f0eef38bb48af1f48ad65e14eb85b4ebfc167cec18cd81764f6d998836c9899",
     "3da49221e2ed55371b86d0bf3d6526fcf128af61bed904f966428db1b531750d"},
    {"494d91dc80f2df5272c4b9e129bc7ade9405225993af9fe34e6542a39a47554b",
     "840057702eea7652cf97e04306c30fe57174714d90de156a25eddd6075c25b97"},
    {"dcdabb0fbe4364bf0ac28b6a18c66de246409fa1a9020a00f33fb3e3053da6dc",
     "a76604f2f59f2744c7151653bbb1d8596b6b57d295e6fa6c1f0c41d725b502ce"},
    {"5eed212119fd91aa6220a27f31a8966444a9381842bceb3a1ea61525bd47a5b5",
     "03cd13565ded97c240a5f52e54295ad127bd0461b57904cb3a4d79b097bbecab"},
    {"2aa9c77c3e58259481351cc4be2079cc71e1c9af39700866545c043bfa30fb42",
     "3adcc092423aa76d6a7184016893406da44dd974b219a89cd3ece25e4e3018f5"},
    {"7ba215a1d2345774ab90b8cb1158d296e409d6068819d7b8c7baf0b25d63dc34",
     "b5877d1963793efebc261fd8fde4dd6bc59e6b5c7abf52617a4ee023b8dc173a"},
    {"e1fa5d5b811ddbd118be3412c4a8c329156b8b8acc72632bca459455b5a05a13",
     "3c4f9841fcc75aed8c695800e58d08480629f25af3a2aefd81904181d75cc0b6"},
    {"21981246c370f9d76c7a77ab273d94bde0ceb4e938292334960bce05585dc117",
     "93deeac5e3052b6927467d4b2641bb782f05491de18d510147c93eeedd8672da"},
    {"8a99e8d6b6be7ab87a56b632e6739ff201c23ea14e99737c74690f0e265574d6",
     "2778a732ad46a7dc18e0564dfdf59fd321dcde74ab476fd6d3c4e6735d7cd89c"},
    {"4905486b7af19558ac3649bc6261411858b6add534438878c4ee3b29d8b9de0b",
     "2698b74eb2606b55b98d8b095e18b6320b47f46e00075956d48640ccd1641b03"},
};

struct generate {
    const slk_crypto *crypto;
    const slk_graph *graph;
    uint32_t *rows;
    slk_job *job;
    slk_fault fault;
};

static void generate_range(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    (void)worker;
    struct generate *g = context;
    slk_error error = {0};
    if (slk_fault_any(&g->fault))
        return;
    if (slk_job_check(g->job, &error) != SLK_OK) {
        slk_fault_set(&g->fault, &error);
        return;
    }
    slk_graph_parents_range(g->graph, g->crypto, begin, end - begin, g->rows + begin * SLK_PARENTS);
    slk_job_advance(g->job, end - begin);
}

static slk_err generate(slk_file_map *map, const slk_crypto *crypto, const slk_graph *graph,
                        slk_pool *pool, slk_job *job, slk_error *error)
{
    struct generate g = {
        .crypto = crypto, .graph = graph, .rows = (uint32_t *)(void *)map->data, .job = job};
    slk_fault_init(&g.fault);
    slk_job_stage(job, "parents", graph->nodes);
    slk_pool_for(pool, graph->nodes, GRAIN_NODES, generate_range, &g);
    return slk_fault_result(&g.fault, error);
}

static bool digest_matches(const slk_crypto *crypto, const slk_file_map *map, const char *hex)
{
    uint8_t want[32], got[32];
    slk_assert(slk_hex_decode(want, 32, hex));
    slk_sha256_of(crypto, got, map->data, map->bytes);
    return memcmp(got, want, 32) == 0;
}

static const char *known_digest(const char *name)
{
    const char *hex = strrchr(name, '-') + 1;
    for (size_t i = 0; i < sizeof known_caches / sizeof *known_caches; i++) {
        if (strcmp(known_caches[i].name, hex) == 0)
            return known_caches[i].digest;
    }
    return NULL;
}

static bool cache_is_right(const slk_crypto *crypto, const slk_graph *graph, const char *name,
                           const slk_file_map *map)
{
    if (map->bytes != graph->nodes * ROW_BYTES)
        return false;
    const char *digest = known_digest(name);
    if (digest)
        return digest_matches(crypto, map, digest);
    const uint64_t step = slk_max_u64(1, graph->nodes / SPOT_CHECKS);
    for (uint64_t node = step - 1; node < graph->nodes; node += step) {
        uint32_t want[SLK_PARENTS];
        slk_graph_parents(graph, node, want);
        if (memcmp(map->data + node * ROW_BYTES, want, ROW_BYTES) != 0)
            return false;
    }
    return true;
}

static slk_err make_cache(const slk_crypto *crypto, const slk_graph *graph, const char *name,
                          const char *path, slk_pool *pool, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_outfile_done) slk_outfile file = SLK_OUTFILE_NONE;
    SLK_CLEANUP(slk_file_map_done) slk_file_map map = {0};
    const uint64_t bytes = graph->nodes * ROW_BYTES;
    SLK_TRY(slk_outfile_open(&file, path, NULL, bytes, error));
    SLK_TRY(slk_file_map_rw(&map, file.fd, bytes, file.temp, error));
    SLK_TRY(generate(&map, crypto, graph, pool, job, error));
    const char *digest = known_digest(name);
    if (digest && !digest_matches(crypto, &map, digest))
        return slk_fail(error, SLK_E_INTERNAL, "parents made for %s have a wrong digest", name);
    return slk_outfile_commit(&file, error);
}

static slk_err open_cache(slk_file_map *ret_map, const slk_crypto *crypto, const slk_graph *graph,
                          const char *folder, slk_pool *pool, slk_job *job, slk_error *error)
{
    char name[SLK_GRAPH_CACHE_NAME_CHARS];
    slk_graph_cache_name(name, crypto, graph);
    SLK_CLEANUP(slk_freep) char *path = slk_strf("%s/%s.cache", folder, name);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_CLEANUP(slk_file_map_done) slk_file_map map = {0};
    while (slk_file_map_read(&map, path, NULL) != SLK_OK ||
           !cache_is_right(crypto, graph, name, &map)) {
        slk_file_map_done(&map);
        SLK_TRY(slk_folder_make(folder, 0755, error));
        slk_err code = make_cache(crypto, graph, name, path, pool, job, error);
        if (code == SLK_OK) {
            SLK_TRY(slk_file_map_read(&map, path, error));
            break;
        }
        if (code != SLK_E_BUSY)
            return code;
        /* Another process makes it: wait for its result. */
        slk_clock_sleep_ms(200);
        SLK_TRY(slk_job_check(job, error));
    }
    *ret_map = map;
    map = (slk_file_map){0};
    return SLK_OK;
}

static slk_err make_scratch(slk_file_map *ret_map, const slk_crypto *crypto, const slk_graph *graph,
                            const char *folder, slk_pool *pool, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_CLEANUP(slk_file_map_done) slk_file_map map = {0};
    const uint64_t bytes = graph->nodes * ROW_BYTES;
    SLK_TRY(slk_file_create_unnamed(&fd, folder, error));
    SLK_TRY(slk_file_reserve(fd, bytes, "the table of parents", error));
    SLK_TRY(slk_file_map_rw(&map, fd, bytes, "the table of parents", error));
    SLK_TRY(generate(&map, crypto, graph, pool, job, error));
    *ret_map = map;
    map = (slk_file_map){0};
    return SLK_OK;
}

slk_err slk_parents_open(slk_parents *ret_parents, const slk_crypto *crypto, const slk_graph *graph,
                         const char *cache_folder, const char *scratch_folder, slk_pool *pool,
                         slk_job *job, slk_error *error)
{
    slk_parents parents = {0};
    if (cache_folder)
        SLK_TRY(open_cache(&parents.map, crypto, graph, cache_folder, pool, job, error));
    else
        SLK_TRY(make_scratch(&parents.map, crypto, graph, scratch_folder, pool, job, error));
    parents.rows = (const uint32_t *)(const void *)parents.map.data;
    *ret_parents = parents;
    return SLK_OK;
}

uint64_t slk_parents_bytes(const slk_graph *graph)
{
    return graph->nodes * ROW_BYTES;
}

void slk_parents_done(slk_parents *parents)
{
    slk_file_map_done(&parents->map);
    parents->rows = NULL;
}
