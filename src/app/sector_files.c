/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/sector_files.h"

#include "app/progress.h"
#include "app/sector_find.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "codec/json.h"
#include "crypto/sha256/sha256.h"
#include "fil/commcid.h"
#include "proofs/vanilla/seal.h"
#include "seal/client.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)1 << 20)
#define CACHE_FILES_MAX 64u

/* ---- the sector ---- */

struct subject {
    uint64_t sp_id, number;
    int64_t seal_proof;
    uint8_t comm_r[32];
    char *sealed, *cache;
    uint64_t sealed_bytes;
};

static void subject_done(struct subject *s)
{
    slk_free(s->sealed);
    slk_free(s->cache);
}

static slk_err read_comm_r(uint8_t out32[32], const json_t *row, slk_error *error)
{
    slk_cid cid;
    SLK_TRY(slk_cid_parse(&cid, slk_service_text(row, "comm_r"), error));
    return slk_comm_r_from_cid(out32, &cid, error);
}

/* The client's sector with that key, whose replica was verified here. */
static slk_err read_subject(struct subject *s, slk_node *node, uint64_t sp_id, uint64_t number,
                            slk_error *error)
{
    static const char *const before[] = {"new", "ordered", "sealed", "fetched"};
    SLK_CLEANUP(slk_json_decrefp) json_t *view = NULL;
    s->sp_id = sp_id;
    s->number = number;
    SLK_TRY(slk_sector_view(&view, node, sp_id, number, error));
    const json_t *row = json_array_get(json_object_get(view, "roles"), 0);
    if (strcmp(slk_service_text(row, "role"), "client") != 0)
        return slk_fail(error, SLK_E_NOTFOUND,
                        "it is no sector of ours: a provider's files are "
                        "its partner's to fetch");
    for (size_t i = 0; i < sizeof before / sizeof *before; i++)
        if (strcmp(slk_service_text(row, "state"), before[i]) == 0)
            return slk_fail(error, SLK_E_CONFLICT, "the sector is %s: its replica is not here yet",
                            before[i]);
    s->seal_proof = slk_service_number(row, "seal_proof");
    SLK_TRY(read_comm_r(s->comm_r, row, error));
    SLK_TRY(slk_client_paths(&s->sealed, &s->cache, node->seal, s->sp_id, s->number, error));
    return slk_file_size(&s->sealed_bytes, s->sealed, error);
}

/* ---- copying ---- */

struct copy {
    const slk_crypto *crypto;
    slk_job *job;
    uint8_t *buffer; /* COPY_BYTES */
};

/* SHA-256 of the file; into `to` while it is read, unless that is NULL. */
static slk_err stream(uint8_t hash32[32], struct copy *c, const slk_outfile *to, int from,
                      uint64_t bytes, const char *path, slk_error *error)
{
    slk_sha256 hash;
    slk_sha256_init(&hash, c->crypto);
    for (uint64_t at = 0; at < bytes;) {
        const size_t n = bytes - at < COPY_BYTES ? (size_t)(bytes - at) : COPY_BYTES;
        SLK_TRY(slk_job_check(c->job, error));
        SLK_TRY(slk_file_read_at(from, c->buffer, n, at, path, error));
        if (to)
            SLK_TRY(slk_outfile_write(to, c->buffer, n, at, error));
        slk_sha256_update(&hash, c->buffer, n);
        slk_job_advance(c->job, n);
        at += n;
    }
    slk_sha256_final(&hash, hash32);
    return SLK_OK;
}

/* Under its final name once it is on disk and reads back as it was written. */
static slk_err copy_file(struct copy *c, const char *from, const char *to, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_CLEANUP(slk_outfile_done) slk_outfile out = SLK_OUTFILE_NONE;
    uint8_t wrote[32], reads[32];
    uint64_t bytes = 0;
    SLK_TRY(slk_file_size(&bytes, from, error));
    SLK_TRY(slk_file_open_read(&fd, from, error));
    SLK_TRY(slk_outfile_open(&out, to, NULL, bytes, error));
    SLK_TRY(stream(wrote, c, &out, fd, bytes, from, error));
    SLK_TRY(slk_file_sync(out.fd, out.temp, error));
    (void)posix_fadvise(out.fd, 0, 0, POSIX_FADV_DONTNEED); /* from the disk, not from memory */
    SLK_TRY(stream(reads, c, NULL, out.fd, bytes, out.temp, error));
    if (memcmp(wrote, reads, 32) != 0)
        return slk_fail(error, SLK_E_IO, "%s does not read back as it was written", out.temp);
    return slk_outfile_commit(&out, error);
}

/* ---- export ---- */

struct list {
    size_t n;
    uint64_t bytes;
    char name[CACHE_FILES_MAX][128];
};

static slk_err add_cache_file(struct list *list, const char *folder, const char *name,
                              slk_error *error)
{
    uint64_t bytes = 0;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, name);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (strcmp(name, SLK_SEAL_C1_URL_FILE) == 0 || slk_file_size(&bytes, path, NULL) != SLK_OK)
        return SLK_OK; /* the token's file, and what is no file, stay here */
    if (list->n == CACHE_FILES_MAX || strlen(name) >= sizeof list->name[0])
        return slk_fail(error, SLK_E_LIMIT, "%s holds more than a sector's cache", folder);
    (void)snprintf(list->name[list->n++], sizeof list->name[0], "%s", name);
    list->bytes += bytes;
    return SLK_OK;
}

static slk_err list_cache(struct list *list, const char *folder, slk_error *error)
{
    DIR *dir = opendir(folder);
    slk_err code = SLK_OK;
    if (!dir)
        return slk_fail(error, SLK_E_NOTFOUND, "%s is not there", folder);
    for (const struct dirent *e = readdir(dir); e && code == SLK_OK; e = readdir(dir))
        if (e->d_name[0] != '.')
            code = add_cache_file(list, folder, e->d_name, error);
    (void)closedir(dir);
    return code;
}

static slk_err copy_all(struct copy *c, const struct subject *s, const struct list *list,
                        const char *to, slk_error *error)
{
    const unsigned long sp_id = s->sp_id, number = s->number;
    SLK_CLEANUP(slk_freep) char *sealed = slk_strf("%s/sealed/s-t0%lu-%lu", to, sp_id, number);
    SLK_CLEANUP(slk_freep) char *folder = slk_strf("%s/sealed", to);
    SLK_CLEANUP(slk_freep) char *cache = slk_strf("%s/cache/s-t0%lu-%lu", to, sp_id, number);
    if (!sealed || !folder || !cache)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (slk_file_same(sealed, s->sealed))
        return slk_fail(error, SLK_E_INVAL, "%s is where the sector lies already", to);
    SLK_TRY(slk_folder_make(folder, 0755, error));
    SLK_TRY(slk_folder_make(cache, 0755, error));
    for (size_t i = 0; i < list->n; i++) {
        SLK_CLEANUP(slk_freep) char *from = slk_path_join(s->cache, list->name[i]);
        SLK_CLEANUP(slk_freep) char *out = slk_path_join(cache, list->name[i]);
        if (!from || !out)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        SLK_TRY(copy_file(c, from, out, error));
    }
    return copy_file(c, s->sealed, sealed, error); /* last: with it the sector is whole */
}

/* A folder that is there, with room for the copy: a mount that is away would fill the disk below it. */
static slk_err check_target(const char *to, uint64_t bytes, slk_error *error)
{
    struct stat info;
    uint64_t free_bytes = 0;
    if (stat(to, &info) != 0 || !S_ISDIR(info.st_mode))
        return slk_fail(error, SLK_E_INVAL, "%s is no folder here: make it, or mount it", to);
    SLK_TRY(slk_folder_free_bytes(&free_bytes, to, error));
    if (free_bytes < bytes)
        return slk_fail(error, SLK_E_NOSPACE,
                        "%s has %" PRIu64 " bytes free, the copy takes %" PRIu64, to, free_bytes,
                        bytes);
    return SLK_OK;
}

slk_err slk_sector_files_export(slk_sector_copy *ret, slk_node *node, uint64_t sp_id,
                                uint64_t number, const char *to, bool dry_run, slk_job *job,
                                slk_error *error)
{
    SLK_CLEANUP(subject_done) struct subject s = {0};
    SLK_CLEANUP(slk_freep) struct list *list = slk_calloc(1, sizeof *list);
    SLK_CLEANUP(slk_freep) uint8_t *buffer = slk_alloc(COPY_BYTES, 1);
    if (!list || !buffer)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    struct copy c = {.crypto = node->crypto, .job = job, .buffer = buffer};
    SLK_TRY(read_subject(&s, node, sp_id, number, error));
    SLK_TRY(list_cache(list, s.cache, error));
    SLK_TRY(check_target(to, list->bytes + s.sealed_bytes, error));
    ret->files = list->n + 1;
    ret->bytes = list->bytes + s.sealed_bytes;
    if (dry_run)
        return SLK_OK;
    slk_job_stage(job, "copy", 2 * ret->bytes); /* written, and read back */
    return copy_all(&c, &s, list, to, error);
}

slk_err slk_sector_export(slk_node *node, const slk_options *options, slk_error *error)
{
    const char *to = slk_options_text(options, "to");
    const bool dry = slk_options_flag(options, "dry-run");
    uint64_t sp_id, number;
    slk_sector_copy copy = {0};
    slk_progress *progress = NULL;
    slk_job job;
    slk_job_init(&job);
    SLK_TRY(slk_sector_find(&sp_id, &number, node, options, error));
    SLK_TRY(slk_progress_start(&progress, &job, options->json, error));
    const slk_err code = slk_sector_files_export(&copy, node, sp_id, number, to, dry, &job, error);
    (void)slk_progress_stop(progress);
    SLK_TRY(code);
    if (options->json)
        (void)printf("{\"%s\":true,\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
                     dry ? "dry_run" : "done", copy.files, copy.bytes);
    else
        (void)printf("sector f0%" PRIu64 "/%" PRIu64 ": %" PRIu64 " files, %" PRIu64
                     " bytes %s %s\n",
                     sp_id, number, copy.files, copy.bytes,
                     dry ? "would be copied to" : "copied and read back in", to);
    return SLK_OK;
}

/* ---- verify ---- */

static slk_err check(const slk_check_replica_request *request, uint64_t samples, slk_error *error)
{
    return samples > 0 ? slk_check_replica_sample(request, samples, error)
                       : slk_check_replica(request, error);
}

slk_err slk_sector_files_verify(slk_node *node, uint64_t sp_id, uint64_t number, uint64_t samples,
                                bool dry_run, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(subject_done) struct subject s = {0};
    slk_pool *pool = NULL;
    SLK_TRY(read_subject(&s, node, sp_id, number, error));
    slk_check_replica_request request = {.sealed = s.sealed, .cache = s.cache, .comm_r = s.comm_r};
    SLK_TRY(slk_seal_proof_registered(&request.proof, s.seal_proof, error));
    if (dry_run)
        return SLK_OK;
    SLK_TRY(slk_pool_new(&pool, (unsigned)node->repo.config.threads, error));
    request.env = (slk_seal_env){.crypto = node->crypto, .pool = pool, .job = job};
    const slk_err code = check(&request, samples, error);
    slk_pool_free(pool);
    return code;
}

slk_err slk_sector_verify(slk_node *node, const slk_options *options, slk_error *error)
{
    uint64_t sp_id, number;
    slk_progress *progress = NULL;
    const uint64_t samples = slk_options_u64(options, "sample");
    slk_job job;
    slk_job_init(&job);
    if (slk_options_has(options, "sample") && samples == 0)
        return slk_fail(error, SLK_E_INVAL, "--sample wants at least 1 place");
    SLK_TRY(slk_sector_find(&sp_id, &number, node, options, error));
    SLK_TRY(slk_progress_start(&progress, &job, options->json, error));
    const slk_err code = slk_sector_files_verify(node, sp_id, number, samples, false, &job, error);
    (void)slk_progress_stop(progress);
    SLK_TRY(code);
    if (options->json)
        (void)printf("{\"valid\":true,\"samples\":%" PRIu64 "}\n", samples);
    else if (samples > 0)
        (void)printf("sector f0%" PRIu64 "/%" PRIu64 ": %" PRIu64
                     " places of its replica are good\n",
                     sp_id, number, samples);
    else
        (void)printf("sector f0%" PRIu64 "/%" PRIu64 ": its whole replica is good\n", sp_id,
                     number);
    return SLK_OK;
}
