/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Development parameters: scalars from the known secrets, points by fixed-base multiplication,
 * written as they are made. */
#include "proofs/params/params.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "crypto/msm/fixed_base.h"
#include "crypto/sha256/sha256.h"
#include "proofs/params/internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_BITS 16u
#define PIECE 512u /* points encoded and written by one thread */
#define BATCH 16384u /* points made and written at a time */

/* Everything one generation needs. */
typedef struct generator {
    const slk_crypto *crypto;
    slk_pool *pool;
    slk_job *job;
    slk_params_secrets secrets;
    slk_params_queries queries;
    slk_fr gamma_inverse, delta_inverse;
    slk_fixed_base *table; /* of the section's group */
    const slk_group *group;
    slk_fr *scalars; /* [BATCH] */
    size_t n_scalars;
    uint8_t *affine; /* [BATCH] */
    uint8_t *encoded; /* [BATCH] */
    uint8_t *written; /* [BATCH], the batch before: on disk, its bytes not yet in the hash */
    size_t written_bytes;
    int fd;
    const char *path;
    uint64_t offset;
    slk_sha256 hash;
    slk_fault fault;
} generator;

static void hash_written(generator *g)
{
    slk_sha256_update(&g->hash, g->written, g->written_bytes);
    g->written_bytes = 0;
}

static slk_err put(generator *g, const void *bytes, size_t n, slk_error *error)
{
    SLK_TRY(slk_file_write_at(g->fd, bytes, n, g->offset, g->path, error));
    hash_written(g);
    slk_sha256_update(&g->hash, bytes, n);
    g->offset += n;
    return SLK_OK;
}

static void put_piece(generator *g, size_t first)
{
    const size_t bytes = g->group->encoded_bytes;
    const size_t n = (size_t)slk_min_u64(PIECE, g->n_scalars - first);
    uint8_t *encoded = g->encoded + first * bytes;
    slk_error error;
    g->group->encode(encoded, g->affine + first * g->group->affine_bytes, n);
    if (slk_file_write_at(g->fd, encoded, n * bytes, g->offset + first * bytes, g->path, &error) !=
        SLK_OK)
        slk_fault_set(&g->fault, &error);
}

/* Bytes are hashed in their order, so that one thread does it, a batch later. */
static void put_body(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    (void)worker;
    for (uint64_t i = begin; i < end; i++) {
        if (i == 0)
            hash_written(context);
        else
            put_piece(context, (i - 1) * PIECE);
    }
}

static slk_err flush_scalars(generator *g, slk_error *error)
{
    SLK_TRY(slk_job_check(g->job, error));
    SLK_TRY(slk_fixed_base_mul(g->table, g->pool, g->affine, g->scalars, g->n_scalars, error));
    slk_pool_for(g->pool, 1 + (g->n_scalars + PIECE - 1) / PIECE, 1, put_body, g);
    SLK_TRY(slk_fault_result(&g->fault, error));
    uint8_t *hashed = g->written;
    g->written = g->encoded;
    g->written_bytes = g->n_scalars * g->group->encoded_bytes;
    g->encoded = hashed;
    g->offset += g->written_bytes;
    /* Advice: the disk works while the next points are made, and the sync at the end is short. */
    (void)sync_file_range(g->fd, (off_t)(g->offset - g->written_bytes), (off_t)g->written_bytes,
                          SYNC_FILE_RANGE_WRITE);
    slk_job_advance(g->job, g->n_scalars);
    g->n_scalars = 0;
    return SLK_OK;
}

static slk_err put_scalar(generator *g, const slk_fr *scalar, slk_error *error)
{
    g->scalars[g->n_scalars++] = *scalar;
    return g->n_scalars == BATCH ? flush_scalars(g, error) : SLK_OK;
}

static slk_err begin_section(generator *g, const char *stage, uint64_t count, slk_error *error)
{
    uint8_t be[4];
    slk_assert(count <= UINT32_MAX);
    slk_job_stage(g->job, stage, count);
    slk_store_be32(be, (uint32_t)count);
    return put(g, be, 4, error);
}

/* h_i = tau^i * (tau^m - 1) / delta, i < m - 1. */
static slk_err put_h(generator *g, slk_error *error)
{
    uint64_t count = (UINT64_C(1) << g->queries.log2_domain) - 1;
    slk_fr scalar;
    SLK_TRY(begin_section(g, "points h", count, error));
    slk_fr_mul(&scalar, &g->queries.vanishing, &g->delta_inverse);
    for (uint64_t i = 0; i < count; i++) {
        SLK_TRY(put_scalar(g, &scalar, error));
        slk_fr_mul(&scalar, &scalar, &g->secrets.tau);
    }
    return flush_scalars(g, error);
}

/* (beta * A_v + alpha * B_v + C_v) * inverse for variables first .. last - 1: ic and l. */
static slk_err put_combined(generator *g, uint64_t first, uint64_t last, const slk_fr *inverse,
                            slk_error *error)
{
    const slk_params_queries *q = &g->queries;
    for (uint64_t v = first; v < last; v++) {
        slk_fr sum, t;
        slk_fr_mul(&sum, &q->a[v], &g->secrets.beta);
        slk_fr_mul(&t, &q->b[v], &g->secrets.alpha);
        slk_fr_add(&sum, &sum, &t);
        slk_fr_add(&sum, &sum, &q->c[v]);
        slk_fr_mul(&sum, &sum, inverse);
        if (slk_fr_is_zero(&sum))
            return slk_fail(error, SLK_E_INTERNAL,
                            "the circuit leaves variable %" PRIu64 " unconstrained", v);
        SLK_TRY(put_scalar(g, &sum, error));
    }
    return flush_scalars(g, error);
}

/* The non-zero ones of A or B; infinity is left out of the file. */
static slk_err put_dense(generator *g, const char *stage, const slk_fr *values, slk_error *error)
{
    uint64_t count = 0;
    for (uint64_t v = 0; v < g->queries.variables; v++)
        count += !slk_fr_is_zero(&values[v]);
    SLK_TRY(begin_section(g, stage, count, error));
    for (uint64_t v = 0; v < g->queries.variables; v++)
        if (!slk_fr_is_zero(&values[v]))
            SLK_TRY(put_scalar(g, &values[v], error));
    return flush_scalars(g, error);
}

static slk_err put_g1(generator *g, const slk_fr *scalar, slk_error *error)
{
    slk_g1_affine point;
    slk_g1 product;
    uint8_t bytes[SLK_G1_BYTES];
    slk_g1_generator(&point);
    slk_g1_mul(&product, &point, scalar);
    slk_g1_to_affine(&point, &product);
    slk_g1_write(bytes, &point);
    return put(g, bytes, sizeof(bytes), error);
}

static slk_err put_g2(generator *g, const slk_fr *scalar, slk_error *error)
{
    slk_g2_affine point;
    slk_g2 product;
    uint8_t bytes[SLK_G2_BYTES];
    slk_g2_generator(&point);
    slk_g2_mul(&product, &point, scalar);
    slk_g2_to_affine(&point, &product);
    slk_g2_write(bytes, &point);
    return put(g, bytes, sizeof(bytes), error);
}

static slk_err put_key(generator *g, slk_error *error)
{
    const slk_params_secrets *s = &g->secrets;
    SLK_TRY(put_g1(g, &s->alpha, error));
    SLK_TRY(put_g1(g, &s->beta, error));
    SLK_TRY(put_g2(g, &s->beta, error));
    SLK_TRY(put_g2(g, &s->gamma, error));
    SLK_TRY(put_g1(g, &s->delta, error));
    SLK_TRY(put_g2(g, &s->delta, error));
    SLK_TRY(begin_section(g, "verifying key", g->queries.inputs, error));
    return put_combined(g, 0, g->queries.inputs, &g->gamma_inverse, error);
}

static slk_err use_group(generator *g, const slk_group *group, slk_error *error)
{
    _Alignas(64) uint8_t base[SLK_AFFINE_BYTES_MAX];
    slk_fixed_base_free(g->table);
    g->table = NULL;
    g->group = group;
    group->generator(base);
    return slk_fixed_base_new(&g->table, group, base, WINDOW_BITS, error);
}

static slk_err put_all(generator *g, slk_error *error)
{
    const slk_params_queries *q = &g->queries;
    SLK_TRY(use_group(g, slk_group_of(g->crypto, SLK_G1), error));
    SLK_TRY(put_key(g, error));
    SLK_TRY(put_h(g, error));
    SLK_TRY(begin_section(g, "points l", q->variables - q->inputs, error));
    SLK_TRY(put_combined(g, q->inputs, q->variables, &g->delta_inverse, error));
    SLK_TRY(put_dense(g, "points a", q->a, error));
    SLK_TRY(put_dense(g, "points b1", q->b, error));
    SLK_TRY(use_group(g, slk_group_of(g->crypto, SLK_G2), error));
    return put_dense(g, "points b2", q->b, error);
}

static slk_err allocate(generator *g, slk_error *error)
{
    g->scalars = slk_alloc(BATCH, sizeof(slk_fr));
    g->affine = slk_alloc(BATCH, SLK_AFFINE_BYTES_MAX);
    g->encoded = slk_alloc(BATCH, SLK_G2_BYTES);
    g->written = slk_alloc(BATCH, SLK_G2_BYTES);
    if (!g->scalars || !g->affine || !g->encoded || !g->written)
        return slk_fail(error, SLK_E_NOMEM, "no memory for generating parameters");
    return SLK_OK;
}

static void generator_done(generator *g)
{
    slk_params_queries_done(&g->queries);
    slk_fixed_base_free(g->table);
    slk_free(g->scalars);
    slk_free(g->affine);
    slk_free(g->encoded);
    slk_free(g->written);
    slk_bytes_wipe(&g->secrets, sizeof(g->secrets));
}

/* Bytes of the whole file; counts of a and b follow from the queries. */
static uint64_t file_bytes(const slk_params_queries *q)
{
    uint64_t a = 0, b = 0, h = (UINT64_C(1) << q->log2_domain) - 1;
    for (uint64_t v = 0; v < q->variables; v++) {
        a += !slk_fr_is_zero(&q->a[v]);
        b += !slk_fr_is_zero(&q->b[v]);
    }
    return SLK_GROTH16_KEY_BYTES(q->inputs) + 20 +
           SLK_G1_BYTES * (h + (q->variables - q->inputs) + a + b) + SLK_G2_BYTES * b;
}

/* The four files. The one that makes the parameters usable comes last, the warning before any. */
static slk_err publish(const generator *g, const char *folder, const slk_sector_shape *shape,
                       const char *label, const uint8_t sha256[32], slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *params = NULL;
    SLK_CLEANUP(slk_freep) char *vk = NULL;
    SLK_CLEANUP(slk_freep) char *meta = NULL;
    SLK_CLEANUP(slk_freep) char *warning = NULL;
    SLK_CLEANUP(slk_freep) uint8_t *key = NULL;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, 4096);
    size_t key_bytes = SLK_GROTH16_KEY_BYTES(g->queries.inputs);
    SLK_TRY(slk_params_path(&params, g->crypto, folder, shape, SLK_PARAMS_FILE_PARAMS, error));
    SLK_TRY(slk_params_path(&vk, g->crypto, folder, shape, SLK_PARAMS_FILE_VK, error));
    SLK_TRY(slk_params_path(&meta, g->crypto, folder, shape, SLK_PARAMS_FILE_META, error));
    SLK_TRY(
        slk_params_path(&warning, g->crypto, folder, shape, SLK_PARAMS_FILE_DEVELOPMENT, error));
    key = slk_alloc(1, key_bytes);
    if (key == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the verifying key");
    SLK_TRY(slk_file_read_at(g->fd, key, key_bytes, 0, g->path, error));
    SLK_TRY(slk_params_warning(&text, g->crypto, label, sha256, key, key_bytes));
    SLK_TRY(slk_file_write_atomic(warning, text.data, text.len, 0644, error));
    SLK_TRY(slk_file_write_atomic(vk, key, key_bytes, 0644, error));
    char meta_text[64];
    slk_params_meta_text(meta_text, sizeof(meta_text), shape);
    SLK_TRY(slk_file_write_atomic(meta, meta_text, strlen(meta_text), 0644, error));
    return slk_file_rename_durable(g->path, params, error);
}

static slk_err write_file(generator *g, const char *folder, const slk_sector_shape *shape,
                          const char *label, uint8_t ret_sha256[32], slk_error *error)
{
    SLK_TRY(slk_file_reserve(g->fd, file_bytes(&g->queries), g->path, error));
    slk_sha256_init(&g->hash, g->crypto);
    slk_fault_init(&g->fault);
    SLK_TRY(put_all(g, error));
    slk_assert(g->offset == file_bytes(&g->queries));
    slk_job_stage(g->job, "sync", 0);
    SLK_TRY(slk_file_sync(g->fd, g->path, error));
    hash_written(g);
    slk_sha256_final(&g->hash, ret_sha256);
    return publish(g, folder, shape, label, ret_sha256, error);
}

/* With the temporary file open. */
static slk_err generate(generator *g, const char *folder, const slk_sector_shape *shape,
                        const char *label, uint8_t ret_sha256[32], slk_error *error)
{
    slk_params_secrets_of(&g->secrets, g->crypto, label);
    slk_fr_inv(&g->gamma_inverse, &g->secrets.gamma);
    slk_fr_inv(&g->delta_inverse, &g->secrets.delta);
    SLK_TRY(allocate(g, error));
    SLK_TRY(slk_params_queries_init(&g->queries, g->crypto, shape, &g->secrets.tau, g->job, error));
    return write_file(g, folder, shape, label, ret_sha256, error);
}

slk_err slk_params_generate(uint8_t ret_params_sha256[32], const slk_crypto *crypto, slk_pool *pool,
                            const char *folder, const slk_sector_shape *shape,
                            const char *secrets_label, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = NULL;
    SLK_CLEANUP(slk_freep) char *temporary = NULL;
    uint8_t sha256[32];
    if (!slk_params_label_is_plain(secrets_label))
        return slk_fail(error, SLK_E_INVAL,
                        "the label of the secrets must be 1 to 200 printable characters");
    SLK_TRY(slk_params_path(&path, crypto, folder, shape, SLK_PARAMS_FILE_PARAMS, error));
    if (slk_file_exists(path))
        return slk_fail(error, SLK_E_EXISTS, "%s is already there: remove it first", path);
    temporary = slk_strf("%s.tmp", path);
    if (temporary == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a path");
    SLK_TRY(slk_folder_make(folder, 0755, error));
    generator g = {.crypto = crypto, .pool = pool, .job = job, .path = temporary, .fd = -1};
    SLK_TRY(slk_params_temporary_open(&g.fd, temporary, error));
    slk_err err = SLK_OK;
    if (slk_file_exists(path)) /* made by another process meanwhile */
        err = slk_fail(error, SLK_E_EXISTS, "%s is already there: remove it first", path);
    else
        err = generate(&g, folder, shape, secrets_label, sha256, error);
    if (err != SLK_OK)
        unlink(temporary);
    close(g.fd);
    generator_done(&g);
    if (err == SLK_OK && ret_params_sha256 != NULL)
        memcpy(ret_params_sha256, sha256, sizeof(sha256));
    return err;
}
