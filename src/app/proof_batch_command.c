/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie proof pc1 --batch FILE: precommit 1 of many sectors at once. */
#include "app/proof_args.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/process.h"
#include "codec/json.h"
#include "proofs/vanilla/pc1_batch.h"

#include <string.h>

#define BATCH_FILE_BYTES_MAX (64u << 20)
#define FOLDERS_MAX 64u

/* The list of a batch file; texts are borrowed from `root`. */
struct batch_file {
    json_t *root;
    size_t n;
    slk_pc1_request *requests;
    slk_piece **pieces; /* of each sector, or NULL */
    slk_pc1_outcome *outcomes;
};

static void batch_file_done(struct batch_file *f)
{
    for (size_t i = 0; f->pieces && i < f->n; i++)
        slk_free(f->pieces[i]);
    slk_free(f->pieces);
    slk_free(f->requests);
    slk_free(f->outcomes);
    slk_json_decrefp(&f->root);
}

static slk_err read_miner(uint64_t *ret_miner, const json_t *row, slk_error *error)
{
    const json_t *miner = slk_json_member(row, "miner");
    if (json_is_integer(miner))
        return slk_json_u64(ret_miner, row, "miner", error);
    const char *text;
    SLK_TRY(slk_json_string(&text, row, "miner", error));
    const slk_err code = slk_parse_miner(ret_miner, text);
    return code == SLK_OK ? SLK_OK
                          : slk_fail(error, code, "miner: f01000 or 1000, not \"%.40s\"", text);
}

static slk_err read_sector(struct batch_file *f, size_t i, slk_error *error)
{
    const json_t *row = json_array_get(f->root, i);
    slk_pc1_request *r = &f->requests[i];
    int64_t registered;
    SLK_TRY(slk_json_i64(&registered, row, "seal_proof", error));
    SLK_TRY(slk_seal_proof_registered(&r->sector.proof, registered, error));
    SLK_TRY(read_miner(&r->sector.miner_id, row, error));
    SLK_TRY(slk_json_u64(&r->sector.number, row, "sector", error));
    SLK_TRY(slk_json_hex(r->sector.ticket, 32, row, "ticket", error));
    SLK_TRY(slk_json_string(&r->sealed, row, "sealed", error));
    SLK_TRY(slk_json_string(&r->cache, row, "cache", error));
    if (slk_json_member(row, "unsealed"))
        SLK_TRY(slk_json_string(&r->unsealed, row, "unsealed", error));
    const json_t *pieces = slk_json_member(row, "pieces");
    if (pieces)
        SLK_TRY(slk_proof_args_read_pieces(&f->pieces[i], &r->n_pieces, pieces, error));
    r->pieces = f->pieces[i];
    return SLK_OK;
}

static slk_err read_list(struct batch_file *f, const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, BATCH_FILE_BYTES_MAX);
    SLK_TRY(slk_file_read_all(&text, path, error));
    SLK_TRY(slk_json_parse(&f->root, slk_buf_str(&text), text.len, BATCH_FILE_BYTES_MAX, error));
    const size_t n = json_array_size(f->root);
    if (!json_is_array(f->root) || n == 0 || n > SLK_PC1_BATCH_MAX)
        return slk_fail(error, SLK_E_INVAL, "not a JSON array of 1 to %u sectors",
                        SLK_PC1_BATCH_MAX);
    f->requests = slk_calloc(n, sizeof *f->requests);
    f->pieces = slk_calloc(n, sizeof *f->pieces);
    f->outcomes = slk_calloc(n, sizeof *f->outcomes);
    if (!f->requests || !f->pieces || !f->outcomes)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    f->n = n;
    for (size_t i = 0; i < n; i++) {
        const slk_err code = read_sector(f, i, error);
        if (code != SLK_OK)
            return slk_fail_context(error, code, "sector %zu", i);
    }
    return SLK_OK;
}

/* --labels DIR[,DIR...]: cut at the commas in place. */
static slk_err read_folders(char *text, const char **folders, size_t *ret_n, slk_tool *tool)
{
    char *rest = NULL;
    for (char *one = strtok_r(text, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
        if (*ret_n == FOLDERS_MAX)
            return slk_tool_misuse(tool, slk_fail(&tool->error, SLK_E_INVAL,
                                                  "--labels: more than %u folders", FOLDERS_MAX));
        folders[(*ret_n)++] = one;
    }
    return SLK_OK;
}

static json_t *sector_row(const slk_pc1_request *request)
{
    return json_pack("{s:i, s:I, s:I}", "seal_proof", (int)request->sector.proof.registered,
                     "miner", (json_int_t)request->sector.miner_id, "sector",
                     (json_int_t)request->sector.number);
}

static void add_hex(json_t *row, const char *key, const uint8_t bytes32[32])
{
    char text[65];
    slk_hex_encode(text, bytes32, 32);
    (void)json_object_set_new(row, key, json_string(text));
}

static json_t *outcome_row(const struct batch_file *f, size_t i)
{
    const slk_pc1_outcome *o = &f->outcomes[i];
    json_t *row = sector_row(&f->requests[i]);
    (void)json_object_set_new(row, "code", json_string(slk_err_name(o->code)));
    if (o->code != SLK_OK) {
        SLK_CLEANUP(slk_freep) char *text = slk_text_printable(slk_error_text(&o->error, o->code));
        (void)json_object_set_new(row, "message", text ? json_string(text) : NULL);
        return row;
    }
    add_hex(row, "comm_d", o->result.comm_d);
    add_hex(row, "replica_id", o->result.replica_id);
    (void)json_object_set_new(row, "layers_kept", json_integer(o->result.layers_kept));
    return row;
}

static void add_stats(slk_tool *tool, const slk_pc1_batch_stats *stats)
{
    slk_tool_number(tool, "labels", stats->labels);
    slk_tool_json(tool, "label_seconds", json_real(stats->seconds));
    if (stats->labels > 0 && stats->seconds > 0) {
        const double labels = (double)stats->labels;
        slk_tool_json(tool, "labels_per_second", json_real(labels / stats->seconds));
        slk_tool_json(tool, "cpu_ns_per_label", json_real(stats->cpu_seconds * 1e9 / labels));
    }
    slk_tool_number(tool, "label_memory_bytes", stats->memory_bytes);
}

static bool of_one_graph(const slk_pc1_request *a, const slk_pc1_request *b)
{
    const slk_seal_proof *x = &a->sector.proof, *y = &b->sector.proof;
    return x->shape == y->shape && x->api == y->api && memcmp(x->porep_id, y->porep_id, 32) == 0;
}

static json_t *plan_row(const slk_pc1_batch_plan *p, const slk_sector_shape *shape, size_t n)
{
    return json_pack("{s:s, s:I, s:i, s:i, s:i, s:s, s:i, s:f, s:b, s:I, s:I, s:I, s:I}",
                     "sector_size", shape->name, "sectors", (json_int_t)n, "groups", (int)p->groups,
                     "groups_at_once", (int)p->groups_at_once, "group_sectors",
                     (int)p->group_sectors, "kernel", p->kernel, "kernel_lanes",
                     (int)p->kernel_lanes, "label_ns", p->label_ns, "labels_in_memory",
                     (int)p->in_memory, "memory_bytes", (json_int_t)p->memory_bytes,
                     "label_files_bytes", (json_int_t)p->store_bytes, "sector_files_bytes",
                     (json_int_t)p->sector_bytes, "parents_bytes", (json_int_t)p->parents_bytes);
}

/* One row per graph, in the order of first sectors. */
static slk_err dry_run(slk_tool *tool, const struct batch_file *f,
                       const slk_pc1_batch_options *options)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *rows = json_array();
    for (size_t i = 0; i < f->n; i++) {
        size_t same_before = 0, same = 0;
        for (size_t k = 0; k < f->n; k++) {
            const bool one = of_one_graph(&f->requests[i], &f->requests[k]);
            same += one;
            same_before += one && k < i;
        }
        if (same_before > 0)
            continue;
        const slk_sector_shape *shape = f->requests[i].sector.proof.shape;
        slk_pc1_batch_plan plan;
        SLK_TRY(slk_tool_misuse(
            tool, slk_pc1_batch_make_plan(&plan, shape, same, options, &tool->error)));
        (void)json_array_append_new(rows, plan_row(&plan, shape, same));
    }
    slk_tool_bool(tool, "dry_run", true);
    slk_tool_json(tool, "plan", json_incref(rows));
    return SLK_OK;
}

static slk_err run_batch(slk_tool *tool, const struct batch_file *f,
                         const slk_pc1_batch_options *options, int *ret_status)
{
    slk_pc1_batch_stats stats;
    const size_t failed = slk_pc1_batch(f->outcomes, &stats, f->requests, f->n, options);
    SLK_CLEANUP(slk_json_decrefp) json_t *rows = json_array();
    for (size_t i = 0; i < f->n; i++)
        (void)json_array_append_new(rows, outcome_row(f, i));
    if (json_array_size(rows) != f->n)
        return slk_fail(&tool->error, SLK_E_NOMEM, "out of memory");
    slk_tool_json(tool, "sectors", json_incref(rows));
    slk_tool_number(tool, "failed", failed);
    add_stats(tool, &stats);
    *ret_status = failed ? SLK_EXIT_FAILED : SLK_EXIT_DONE;
    return SLK_OK;
}

slk_err slk_proof_batch(int *ret_status, slk_tool *tool)
{
    const slk_options *o = tool->options;
    const char *path = slk_options_text(o, "batch");
    SLK_CLEANUP(batch_file_done) struct batch_file f = {0};
    const slk_err code = read_list(&f, path, &tool->error);
    if (code != SLK_OK)
        return slk_tool_misuse(tool, slk_fail_context(&tool->error, code, "%s", path));
    const char *folders[FOLDERS_MAX];
    size_t n_folders = 0;
    const char *list = slk_options_text(o, "labels");
    SLK_CLEANUP(slk_freep) char *text = slk_strdup(list ? list : "");
    if (!text)
        return slk_fail(&tool->error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(read_folders(text, folders, &n_folders, tool));
    const uint64_t threads = slk_options_u64(o, "threads"), lanes = slk_options_u64(o, "lanes");
    if (threads > 1024 || lanes > 32)
        return slk_tool_misuse(tool, slk_fail(&tool->error, SLK_E_INVAL,
                                              "--threads goes up to 1024, --lanes up to 32"));
    const slk_pc1_batch_options options = {.env = slk_proof_env(tool),
                                           .threads = (unsigned)threads,
                                           .lanes = (unsigned)lanes,
                                           .memory_bytes = slk_options_u64(o, "memory"),
                                           .folders = folders,
                                           .n_folders = n_folders};
    if (slk_options_flag(o, "dry-run"))
        return dry_run(tool, &f, &options);
    for (size_t i = 0; i < f.n; i++)
        f.requests[i].no_zero_tree_d = slk_options_flag(o, "no-tree-d");
    slk_allow_open_files(); /* a batch of many sectors holds several of each */
    return run_batch(tool, &f, &options, ret_status);
}
