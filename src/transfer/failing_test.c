/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each allocation fails once, alone and with all that follow, while a manifest is made and read: an error in
 * words, nothing half-made under its name, nothing left over, and the next call succeeds. */
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "support/slk_failing_alloc.h"
#include "transfer/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALLOCATIONS_MAX 1000u

struct fixture {
    char folder[64], file[96], path[96], temp[112];
    slk_crypto *crypto;
    slk_manifest_subject subject;
};

/* Makes the manifest and reads it back. */
static slk_err make_and_read(const struct fixture *f, slk_error *error)
{
    slk_manifest manifest = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, SLK_MANIFEST_MAX_BYTES);
    SLK_TRY(slk_manifest_make(f->path, &f->subject, f->file, f->crypto, NULL, error));
    SLK_TRY(slk_file_read_all(&bytes, f->path, error));
    SLK_TRY(slk_manifest_read(&manifest, bytes.data, bytes.len, &f->subject, f->crypto, error));
    slk_manifest_done(&manifest);
    return SLK_OK;
}

/* Whether what lies under the manifest's name, if anything does, is one. */
static void is_whole(const struct fixture *f)
{
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, SLK_MANIFEST_MAX_BYTES);
    slk_manifest manifest = {0};
    assert_int_not_equal(access(f->temp, F_OK), 0);
    if (access(f->path, F_OK) != 0)
        return;
    assert_int_equal(slk_file_read_all(&bytes, f->path, NULL), SLK_OK);
    assert_int_equal(
        slk_manifest_read(&manifest, bytes.data, bytes.len, &f->subject, f->crypto, NULL), SLK_OK);
    slk_manifest_done(&manifest);
}

static void set_up(struct fixture *f)
{
    uint8_t content[5000];
    memset(content, 7, sizeof content);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/slk_failing.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->file, sizeof f->file, "%s/sealed", f->folder);
    (void)snprintf(f->path, sizeof f->path, "%s/manifest", f->folder);
    (void)snprintf(f->temp, sizeof f->temp, "%s.tmp", f->path);
    assert_int_equal(slk_crypto_new(&f->crypto, "plain", NULL), SLK_OK);
    assert_int_equal(slk_file_write_atomic(f->file, content, sizeof content, 0600, NULL), SLK_OK);
    f->subject = (slk_manifest_subject){.sp_id = 1000, .number = 7, .file_bytes = sizeof content};
}

static void manifest(bool on)
{
    struct fixture f = {0};
    set_up(&f);
    uint64_t n = 0;
    for (bool hit = true; hit;) {
        assert_in_range(++n, 1, ALLOCATIONS_MAX);
        slk_error error = {0};
        slk_failing_alloc_at(n, on);
        const slk_err code = make_and_read(&f, &error);
        hit = slk_failing_alloc_seen() >= n;
        slk_failing_alloc_at(0, false);
        assert_true(hit || code == SLK_OK);
        if (code != SLK_OK) {
            assert_int_equal(code, SLK_E_NOMEM);
            assert_non_null(strchr(error.message, ' '));
        }
        is_whole(&f);
        assert_int_equal(make_and_read(&f, NULL), SLK_OK);
        (void)unlink(f.path);
    }
    assert_true(n > 3);
    slk_crypto_free(f.crypto);
    assert_int_equal(slk_remove_tree(f.folder, NULL), SLK_OK);
}

static void each_allocation_of_a_manifest(void **state)
{
    (void)state;
    manifest(false);
    manifest(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_of_a_manifest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
