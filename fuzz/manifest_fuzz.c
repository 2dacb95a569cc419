/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The manifest of a sealed file as a peer sends it: as it is, and with the digest at its end made
 * right, which no search would find; for one replica, and for the one it says it is of. */
#include "fuzz.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "crypto/sha256/sha256.h"
#include "transfer/manifest.h"

#include <string.h>

#define FIELDS_AT 16u /* behind the first line */
#define COMM_R_AT (FIELDS_AT + 32u)
#define HASHES_AT (COMM_R_AT + 32u)
#define FILE_MAX_BYTES (UINT64_C(64) << 30)

static void check_bytes(const uint8_t *bytes, size_t n, const slk_manifest_subject *subject)
{
    SLK_CLEANUP(slk_manifest_done) slk_manifest manifest = {0};
    slk_error error = {0};
    const slk_err code = slk_manifest_read(&manifest, bytes, n, subject, fuzz_crypto(), &error);
    if (code != SLK_OK) {
        slk_assert(code == SLK_E_CORRUPT && error.message[0] && !manifest.hashes);
        return;
    }
    slk_assert(n == slk_manifest_bytes(subject) && n <= SLK_MANIFEST_MAX_BYTES);
    slk_assert(slk_load_le64(bytes + FIELDS_AT) == subject->sp_id);
    slk_assert(memcmp(bytes + COMM_R_AT, subject->comm_r, 32) == 0);
    slk_assert(manifest.file_bytes == subject->file_bytes);
    slk_assert(manifest.n_blocks * SLK_MANIFEST_BLOCK_BYTES >= manifest.file_bytes);
    slk_assert(n == HASHES_AT + 32 * manifest.n_blocks + 32);
    slk_assert(memcmp(manifest.hashes, bytes + HASHES_AT, 32 * manifest.n_blocks) == 0);
}

/* Whatever the bytes say they are of; false when no file can be that. */
static bool subject_of(slk_manifest_subject *ret, const uint8_t *bytes)
{
    ret->sp_id = slk_load_le64(bytes + FIELDS_AT);
    ret->number = slk_load_le64(bytes + FIELDS_AT + 8);
    ret->file_bytes = slk_load_le64(bytes + FIELDS_AT + 16);
    memcpy(ret->comm_r, bytes + COMM_R_AT, 32);
    return ret->file_bytes > 0 && ret->file_bytes <= FILE_MAX_BYTES;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    slk_manifest_subject subject = {.sp_id = 1000,
                                    .number = 7,
                                    .file_bytes = 2 * SLK_MANIFEST_BLOCK_BYTES + 777},
                         named;
    memset(subject.comm_r, 9, 32);
    check_bytes(data, n, &subject);
    if (n < HASHES_AT + 32)
        return 0;
    SLK_CLEANUP(slk_freep) uint8_t *bytes = slk_alloc(n, 1);
    slk_assert(bytes);
    memcpy(bytes, data, n);
    slk_sha256_of(fuzz_crypto(), bytes + n - 32, bytes, n - 32);
    check_bytes(bytes, n, &subject);
    if (subject_of(&named, bytes))
        check_bytes(bytes, n, &named);
    return 0;
}
