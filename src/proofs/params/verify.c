/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Looking at, checking and fetching the files of a parameter folder. */
#include "proofs/params/params.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "crypto/blake2b/blake2b.h"
#include "crypto/sha256/sha256.h"
#include "proofs/params/internal.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES (UINT64_C(4) << 20)

static slk_err present(bool *ret_present, uint64_t *ret_bytes, const slk_crypto *crypto,
                       const char *folder, const slk_sector_shape *shape, slk_params_file file)
{
    SLK_CLEANUP(slk_freep) char *path = NULL;
    uint64_t bytes = 0;
    SLK_TRY(slk_params_path(&path, crypto, folder, shape, file, NULL));
    *ret_present = slk_file_size(&bytes, path, NULL) == SLK_OK;
    *ret_bytes = bytes;
    return SLK_OK;
}

bool slk_params_status_at(slk_params_status *ret_status, const slk_crypto *crypto,
                          const char *folder, size_t index)
{
    const slk_sector_shape *shape = slk_sector_shape_at(index);
    slk_params_sidecar sidecar;
    slk_params_status status = {.shape = shape};
    uint64_t vk_bytes;
    if (shape == NULL)
        return false;
    const slk_params_known *known = slk_params_known_of(shape);
    slk_params_name(status.name, crypto, shape, SLK_PARAMS_FILE_PARAMS);
    status.official = known != NULL && known->params_blake2b != NULL;
    status.expected_bytes = slk_params_expected_bytes(shape);
    if (present(&status.have_params, &status.bytes, crypto, folder, shape,
                SLK_PARAMS_FILE_PARAMS) == SLK_OK &&
        present(&status.have_vk, &vk_bytes, crypto, folder, shape, SLK_PARAMS_FILE_VK) == SLK_OK &&
        slk_params_sidecar_read(&sidecar, crypto, folder, shape, NULL) == SLK_OK)
        status.development = sidecar.present;
    *ret_status = status;
    return true;
}

/* --- digests ---------------------------------------------------------------------------------- */

static slk_err hash_file(slk_sha256 *sha256, slk_blake2b *blake2b, int fd, uint64_t bytes,
                         const char *path, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_freep) uint8_t *block = slk_alloc(1, READ_BYTES);
    if (block == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for reading %s", path);
    for (uint64_t offset = 0; offset < bytes; offset += READ_BYTES) {
        size_t n = (size_t)(bytes - offset < READ_BYTES ? bytes - offset : READ_BYTES);
        SLK_TRY(slk_job_check(job, error));
        SLK_TRY(slk_file_read_at(fd, block, n, offset, path, error));
        if (sha256 != NULL)
            slk_sha256_update(sha256, block, n);
        else
            slk_blake2b_update(blake2b, block, n);
        slk_job_advance(job, n);
    }
    return SLK_OK;
}

slk_err slk_params_file_digest(char ret_hex[65], const slk_crypto *crypto, const char *path,
                               slk_params_digest kind, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    slk_sha256 sha256;
    slk_blake2b blake2b;
    uint8_t digest[64];
    uint64_t bytes;
    SLK_TRY(slk_file_size(&bytes, path, error));
    SLK_TRY(slk_file_open_read(&fd, path, error));
    slk_job_stage(job, "verify parameters", bytes);
    slk_sha256_init(&sha256, crypto);
    slk_blake2b_init(&blake2b, 64, NULL, 0);
    bool sha = kind == SLK_PARAMS_SHA256;
    SLK_TRY(hash_file(sha ? &sha256 : NULL, &blake2b, fd, bytes, path, job, error));
    if (sha)
        slk_sha256_final(&sha256, digest);
    else
        slk_blake2b_final(&blake2b, digest);
    slk_hex_encode(ret_hex, digest, sha ? 32 : 16);
    return SLK_OK;
}

/* Compares one file of a size with its expected digest; one sentence into ret_detail. */
static slk_err compare(bool *matches, slk_buf *ret_detail, const slk_crypto *crypto,
                       const char *folder, const slk_sector_shape *shape, slk_params_file file,
                       slk_params_digest kind, const char *expected, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = NULL;
    char hex[65];
    SLK_TRY(slk_params_path(&path, crypto, folder, shape, file, error));
    SLK_TRY(slk_params_file_digest(hex, crypto, path, kind, job, error));
    bool equal = strcmp(hex, expected) == 0;
    *matches = *matches && equal;
    if (equal)
        return SLK_OK;
    return slk_buf_printf(ret_detail, "%s: digest %s instead of %s. ", path, hex, expected);
}

static slk_err compare_both(bool *ret_matches, slk_buf *ret_detail, const slk_crypto *crypto,
                            const char *folder, const slk_sector_shape *shape,
                            slk_params_digest kind, const char *params_hex, const char *key_hex,
                            slk_job *job, slk_error *error)
{
    bool matches = true;
    SLK_TRY(compare(&matches, ret_detail, crypto, folder, shape, SLK_PARAMS_FILE_VK, kind, key_hex,
                    job, error));
    SLK_TRY(compare(&matches, ret_detail, crypto, folder, shape, SLK_PARAMS_FILE_PARAMS, kind,
                    params_hex, job, error));
    *ret_matches = matches;
    return SLK_OK;
}

slk_err slk_params_verify(bool *ret_matches, slk_buf *ret_detail, const slk_crypto *crypto,
                          const char *folder, const slk_sector_shape *shape, slk_job *job,
                          slk_error *error)
{
    slk_params_sidecar sidecar;
    const slk_params_known *known = slk_params_known_of(shape);
    char params_hex[65], key_hex[65];
    SLK_TRY(slk_params_sidecar_read(&sidecar, crypto, folder, shape, error));
    if (sidecar.present) {
        if (!sidecar.have_digests) {
            *ret_matches = false;
            return slk_buf_printf(ret_detail,
                                  "Development parameters without recorded digests: make them "
                                  "again.");
        }
        slk_hex_encode(params_hex, sidecar.params_sha256, 32);
        slk_hex_encode(key_hex, sidecar.key_sha256, 32);
        SLK_TRY(compare_both(ret_matches, ret_detail, crypto, folder, shape, SLK_PARAMS_SHA256,
                             params_hex, key_hex, job, error));
        return !*ret_matches ? SLK_OK
                             : slk_buf_printf(ret_detail, "DEVELOPMENT parameters, as recorded "
                                                          "when they were made.");
    }
    if (known == NULL || known->params_blake2b == NULL)
        return slk_fail(error, SLK_E_UNSUPPORTED, "no parameters are published for %s sectors",
                        shape->name);
    SLK_TRY(compare_both(ret_matches, ret_detail, crypto, folder, shape, SLK_PARAMS_BLAKE2B,
                         known->params_blake2b, known->key_blake2b, job, error));
    return !*ret_matches ? SLK_OK
                         : slk_buf_printf(ret_detail, "The published files, digests equal.");
}

/* --- fetching --------------------------------------------------------------------------------- */

slk_err slk_params_fetch_local(void *context, const char *name, int fd, slk_job *job,
                               slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(context, name);
    SLK_CLEANUP(slk_freep) uint8_t *block = slk_alloc(1, READ_BYTES);
    SLK_CLEANUP(slk_closep) int from = -1;
    uint64_t bytes;
    if (path == NULL || block == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for copying %s", name);
    SLK_TRY(slk_file_size(&bytes, path, error));
    SLK_TRY(slk_file_open_read(&from, path, error));
    slk_job_stage(job, "fetch parameters", bytes);
    for (uint64_t offset = 0; offset < bytes; offset += READ_BYTES) {
        size_t n = (size_t)(bytes - offset < READ_BYTES ? bytes - offset : READ_BYTES);
        SLK_TRY(slk_job_check(job, error));
        SLK_TRY(slk_file_read_at(from, block, n, offset, path, error));
        SLK_TRY(slk_file_write_at(fd, block, n, offset, name, error));
        slk_job_advance(job, n);
    }
    return SLK_OK;
}

static slk_err bring(const slk_crypto *crypto, int fd, const char *path, const char *temporary,
                     const char *name, const char *digest, slk_params_source *source, void *context,
                     slk_job *job, slk_error *error)
{
    char hex[65];
    SLK_TRY(source(context, name, fd, job, error));
    SLK_TRY(slk_file_sync(fd, temporary, error));
    SLK_TRY(slk_params_file_digest(hex, crypto, temporary, SLK_PARAMS_BLAKE2B, job, error));
    if (strcmp(hex, digest) != 0)
        return slk_fail(error, SLK_E_PROTO, "%s: the bytes have digest %s, the published are %s",
                        name, hex, digest);
    return slk_file_rename_durable(temporary, path, error);
}

static slk_err fetch_one(const slk_crypto *crypto, const char *folder,
                         const slk_sector_shape *shape, slk_params_file file, const char *digest,
                         slk_params_source *source, void *context, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = NULL;
    SLK_CLEANUP(slk_freep) char *temporary = NULL;
    char name[SLK_PARAMS_NAME_MAX], hex[65];
    slk_params_name(name, crypto, shape, file);
    SLK_TRY(slk_params_path(&path, crypto, folder, shape, file, error));
    temporary = slk_strf("%s.fetch.tmp", path);
    if (temporary == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a path");
    if (slk_params_file_digest(hex, crypto, path, SLK_PARAMS_BLAKE2B, job, NULL) == SLK_OK &&
        strcmp(hex, digest) == 0)
        return SLK_OK;
    SLK_TRY(slk_job_check(job, error));
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_params_temporary_open(&fd, temporary, error));
    slk_err err = bring(crypto, fd, path, temporary, name, digest, source, context, job, error);
    if (err != SLK_OK)
        unlink(temporary);
    return err;
}

slk_err slk_params_fetch(const slk_crypto *crypto, const char *folder,
                         const slk_sector_shape *shape, slk_params_source *source, void *context,
                         slk_job *job, slk_error *error)
{
    const slk_params_known *known = slk_params_known_of(shape);
    SLK_CLEANUP(slk_freep) char *meta = NULL;
    SLK_CLEANUP(slk_freep) char *sidecar = NULL;
    char text[64];
    if (known == NULL || known->params_blake2b == NULL)
        return slk_fail(error, SLK_E_UNSUPPORTED, "no parameters are published for %s sectors",
                        shape->name);
    SLK_TRY(slk_params_path(&meta, crypto, folder, shape, SLK_PARAMS_FILE_META, error));
    SLK_TRY(slk_params_path(&sidecar, crypto, folder, shape, SLK_PARAMS_FILE_DEVELOPMENT, error));
    SLK_TRY(slk_folder_make(folder, 0755, error));
    SLK_TRY(fetch_one(crypto, folder, shape, SLK_PARAMS_FILE_VK, known->key_blake2b, source,
                      context, job, error));
    SLK_TRY(fetch_one(crypto, folder, shape, SLK_PARAMS_FILE_PARAMS, known->params_blake2b, source,
                      context, job, error));
    slk_params_meta_text(text, sizeof(text), shape);
    SLK_TRY(slk_file_write_atomic(meta, text, strlen(text), 0644, error));
    /* Only now are they no longer what the warning says. */
    return slk_remove_tree(sidecar, error);
}
