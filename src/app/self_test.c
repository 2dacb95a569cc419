/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/self_test.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/job.h"
#include "base/log.h"
#include "base/mem.h"

#include <slk_revision.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX_BYTES 4096u
#define SP_ID 1000u
#define NUMBER 1u

/* A feature set: five sizes in a row have it, the first is 2 KiB. */
#define SIZES 5
typedef struct family {
    int64_t proof; /* of 2 KiB */
    const char *comm_r;
} family;

/* source: CommR of the all-zero sector f01000/1 with a ticket of 32 bytes 1; `selkie proof`, whose
 * replicas equal those of the official crates (tests/vectors) */
static const family families[] = {
    {0, "5b25c87c9893927d5e7fe75707fc77fd700b9c0c732851dea4da8a7822fca340"},
    {5, "77424390b36f74acd595c40d0e341f4fbff18623feaf8ad72fe73d7490d0d65c"},
    {10, "03acc211b1e9078fa5eaca2ec2c9f9556b2ff66b20bb67ad11b50e1d50313e37"},
};
#define FAMILIES (sizeof families / sizeof *families)

/* ---- what passed before ---- */

/* The line that must be the same for a note to count. */
static slk_err print_key(slk_buf *out, const slk_crypto *crypto)
{
    SLK_TRY(slk_buf_printf(out, "revision=%s features=%llx", SLK_REVISION,
                           (unsigned long long)slk_cpu_features(NULL)));
    const char *primitive, *kernel;
    for (size_t i = 0; slk_crypto_choice(crypto, i, &primitive, &kernel); i++)
        SLK_TRY(slk_buf_printf(out, " %s=%s", primitive, kernel));
    return slk_buf_byte(out, '\n');
}

/* One bit per family. A note that cannot be read, or of another program, is no note. */
static unsigned read_passed(const char *path, const slk_buf *key)
{
    SLK_CLEANUP(slk_buf_done) slk_buf note;
    slk_buf_init(&note, FILE_MAX_BYTES);
    unsigned passed = 0;
    if (!SLK_REVISION[0] || slk_file_read_all(&note, path, NULL) != SLK_OK || note.len < key->len ||
        memcmp(note.data, key->data, key->len) != 0 ||
        sscanf(slk_buf_str(&note) + key->len, "passed=%x", &passed) != 1)
        return 0;
    return passed;
}

/* Without the note the next start only takes a little longer. */
static void write_passed(const char *path, const slk_buf *key, unsigned passed)
{
    SLK_CLEANUP(slk_buf_done) slk_buf note;
    slk_buf_init(&note, FILE_MAX_BYTES);
    slk_err code = slk_buf_append(&note, key->data, key->len);
    if (code == SLK_OK)
        code = slk_buf_printf(&note, "passed=%x\n", passed);
    slk_error error = {0};
    if (code == SLK_OK)
        code = slk_file_write_atomic(path, note.data, note.len, 0600, &error);
    if (code != SLK_OK)
        slk_log(SLK_LOG_WARN, "selftest.note", "why=\"%s\"", slk_error_text(&error, code));
}

/* ---- one sector ---- */

static slk_err seal(const family *f, const slk_seal_prover *prover, const slk_seal_paths *paths,
                    const char *c1_path, slk_job *job, slk_error *error)
{
    const slk_seal_sector sector = {.sp_id = SP_ID, .number = NUMBER, .seal_proof = f->proof};
    uint8_t ticket[32], seed[32];
    memset(ticket, 1, sizeof ticket);
    memset(seed, 2, sizeof seed);
    slk_seal_commitments comm;
    SLK_TRY(prover->pc1(prover->ctx, &sector, ticket, paths, job, error));
    SLK_TRY(prover->pc2(prover->ctx, &comm, &sector, paths, job, error));
    char comm_r[65];
    slk_hex_encode(comm_r, comm.comm_r, sizeof comm.comm_r);
    if (strcmp(comm_r, f->comm_r) != 0)
        return slk_fail(error, SLK_E_CORRUPT, "CommR is %s where %s is right", comm_r, f->comm_r);
    SLK_TRY(prover->c1(prover->ctx, &sector, &comm, ticket, seed, paths, c1_path, job, error));
    bool valid = false;
    char why[SLK_SEAL_REASON_CHARS] = "";
    SLK_TRY(prover->verify_c1(prover->ctx, &valid, why, &sector, &comm, ticket, seed, c1_path, job,
                              error));
    return valid ? SLK_OK : slk_fail(error, SLK_E_CORRUPT, "its C1 does not verify: %s", why);
}

static slk_err seal_in(const family *f, const slk_seal_prover *prover, const char *folder,
                       slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *sealed = slk_path_join(folder, "sealed");
    SLK_CLEANUP(slk_freep) char *cache = slk_path_join(folder, "cache");
    SLK_CLEANUP(slk_freep) char *c1 = slk_path_join(folder, "c1");
    if (!sealed || !cache || !c1)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the self-test");
    SLK_TRY(slk_remove_tree(folder, error));
    SLK_TRY(slk_folder_make(folder, 0700, error));
    SLK_TRY(slk_folder_make(cache, 0700, error));
    slk_job job;
    slk_job_init(&job);
    const slk_seal_paths paths = {sealed, cache};
    const slk_err code = seal(f, prover, &paths, c1, &job, error);
    slk_err ignored = slk_remove_tree(folder, NULL);
    (void)ignored;
    return code;
}

/* ---- all of them ---- */

static size_t family_of(int64_t proof)
{
    size_t i = 0;
    while (i < FAMILIES && (proof < families[i].proof || proof >= families[i].proof + SIZES))
        i++;
    return i;
}

static bool try_family(const family *f, const slk_seal_prover *prover, const char *folder)
{
    slk_error error = {0};
    const int64_t start_ms = slk_clock_monotonic_ms();
    const slk_err code = seal_in(f, prover, folder, &error);
    if (code != SLK_OK)
        slk_log(SLK_LOG_ERROR, "selftest.failed",
                "proof=%d why=\"%s\" then=\"its sizes are not offered\"", (int)f->proof,
                slk_error_text(&error, code));
    else
        slk_log(SLK_LOG_INFO, "selftest.passed", "proof=%d seconds=%.3f", (int)f->proof,
                (double)(slk_clock_monotonic_ms() - start_ms) / 1000);
    return code == SLK_OK;
}

slk_err slk_self_test(int64_t *proofs, size_t *n, const slk_seal_prover *prover,
                      const slk_repo *repo, const slk_crypto *crypto, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf key;
    slk_buf_init(&key, FILE_MAX_BYTES);
    SLK_CLEANUP(slk_freep) char *path = slk_repo_path(repo, SLK_SELF_TEST_FILE, "");
    SLK_CLEANUP(slk_freep) char *folder = slk_repo_path(repo, SLK_SELF_TEST_FILE ".tmp", "");
    if (!path || !folder || print_key(&key, crypto) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the self-test");
    const unsigned before = read_passed(path, &key);
    unsigned passed = before, tried = before;
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        const size_t f = family_of(proofs[i]);
        if (f < FAMILIES && !(tried >> f & 1) && try_family(&families[f], prover, folder))
            passed |= 1u << f;
        tried |= f < FAMILIES ? 1u << f : 0;
        if (f < FAMILIES && passed >> f & 1)
            proofs[kept++] = proofs[i];
    }
    if (passed != before)
        write_passed(path, &key, passed);
    if (*n > 0 && kept == 0)
        return slk_fail(error, SLK_E_UNSUPPORTED,
                        "no seal proof of SealProofs could be sealed in the self-test; the log "
                        "says why");
    *n = kept;
    return SLK_OK;
}
