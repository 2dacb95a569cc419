/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The manifest of a sealed file: what it says, what it refuses, and that it is made once. */
#include "transfer/manifest.h"

#include "base/file.h"
#include "base/mem.h"
#include "crypto/sha256/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES (2 * SLK_MANIFEST_BLOCK_BYTES + 777)

typedef struct fixture {
    char folder[64], file[96], path[96];
    slk_crypto *crypto;
    slk_manifest_subject subject;
    slk_buf bytes; /* of the manifest */
} fixture;

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/slk_manifest.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->file, sizeof f->file, "%s/sealed", f->folder);
    (void)snprintf(f->path, sizeof f->path, "%s/manifest", f->folder);
    assert_int_equal(slk_crypto_new(&f->crypto, "plain", NULL), SLK_OK);
    uint8_t *content = malloc(FILE_BYTES);
    assert_non_null(content);
    for (size_t i = 0; i < FILE_BYTES; i++)
        content[i] = (uint8_t)(i * 31 + i / 1000);
    assert_int_equal(slk_file_write_atomic(f->file, content, FILE_BYTES, 0600, NULL), SLK_OK);
    free(content);
    f->subject = (slk_manifest_subject){.sp_id = 1000, .number = 7, .file_bytes = FILE_BYTES};
    memset(f->subject.comm_r, 9, 32);
    slk_buf_init(&f->bytes, SLK_MANIFEST_MAX_BYTES);
    slk_error e = {0};
    if (slk_manifest_make(f->path, &f->subject, f->file, f->crypto, NULL, &e) != SLK_OK)
        fail_msg("%s", e.message);
    assert_int_equal(slk_file_read_all(&f->bytes, f->path, NULL), SLK_OK);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    slk_buf_done(&f->bytes);
    slk_crypto_free(f->crypto);
    assert_int_equal(slk_remove_tree(f->folder, NULL), SLK_OK);
    free(f);
    return 0;
}

static slk_err read_it(const fixture *f, slk_manifest *ret)
{
    return slk_manifest_read(ret, f->bytes.data, f->bytes.len, &f->subject, f->crypto, NULL);
}

static void blocks_are_told_apart(void **state)
{
    fixture *f = *state;
    slk_manifest m = {0};
    assert_int_equal(f->bytes.len, slk_manifest_bytes(&f->subject));
    assert_int_equal(f->bytes.len, 16 + 32 + 32 + 3 * 32 + 32);
    assert_int_equal(read_it(f, &m), SLK_OK);
    assert_int_equal(m.n_blocks, 3);
    /* The last block's hash is SHA-256 of its 777 bytes and nothing else. */
    int fd = -1;
    uint8_t tail[777], hash[32];
    assert_int_equal(slk_file_open_rw(&fd, f->file, NULL), SLK_OK);
    assert_int_equal(slk_file_read_at(fd, tail, 777, FILE_BYTES - 777, f->file, NULL), SLK_OK);
    slk_sha256_of(f->crypto, hash, tail, 777);
    assert_memory_equal(m.hashes + 64, hash, 32);
    bool good = false;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(slk_manifest_check(&m, &good, i, fd, f->file, NULL), SLK_OK);
        assert_true(good);
    }
    const uint8_t wrong = (uint8_t)(tail[0] ^ 1);
    assert_int_equal(slk_file_write_at(fd, &wrong, 1, FILE_BYTES - 777, f->file, NULL), SLK_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(slk_manifest_check(&m, &good, i, fd, f->file, NULL), SLK_OK);
        assert_int_equal(good, i < 2);
    }
    close(fd);
    slk_manifest_done(&m);
}

/* Block 1 of the fixture's file, its first n bytes from the file and the rest from memory, in pieces;
 * whether it is right. */
static bool check_in_pieces(const fixture *f, const slk_manifest *m, uint64_t n, size_t piece)
{
    static uint8_t content[SLK_MANIFEST_BLOCK_BYTES];
    SLK_CLEANUP(slk_closep) int fd = -1;
    assert_int_equal(slk_file_open_read(&fd, f->file, NULL), SLK_OK);
    assert_int_equal(
        slk_file_read_at(fd, content, sizeof content, SLK_MANIFEST_BLOCK_BYTES, f->file, NULL),
        SLK_OK);
    slk_manifest_block check;
    slk_manifest_block_begin(&check, m, 1);
    assert_int_equal(slk_manifest_block_take_file(&check, n, fd, f->file, NULL), SLK_OK);
    for (uint64_t at = n; at < sizeof content; at += piece)
        slk_manifest_block_take(&check, content + at,
                                piece < sizeof content - at ? piece : sizeof content - at);
    return slk_manifest_block_end(&check);
}

static void a_block_may_come_in_pieces(void **state)
{
    fixture *f = *state;
    slk_manifest m = {0};
    assert_int_equal(read_it(f, &m), SLK_OK);
    assert_true(check_in_pieces(f, &m, 0, 1000));
    assert_true(check_in_pieces(f, &m, 1234567, 65536));
    assert_true(check_in_pieces(f, &m, SLK_MANIFEST_BLOCK_BYTES, 1));
    m.hashes[32 * 1] ^= 1;
    assert_false(check_in_pieces(f, &m, 0, 1000));
    slk_manifest_done(&m);
}

static void what_is_not_right_is_refused(void **state)
{
    fixture *f = *state;
    slk_manifest m = {0};
    for (size_t i = 0; i < f->bytes.len; i++) {
        f->bytes.data[i] ^= 0x10;
        assert_int_equal(read_it(f, &m), SLK_E_CORRUPT);
        f->bytes.data[i] ^= 0x10;
    }
    for (size_t cut = 1; cut < f->bytes.len; cut++)
        assert_int_equal(
            slk_manifest_read(&m, f->bytes.data, f->bytes.len - cut, &f->subject, f->crypto, NULL),
            SLK_E_CORRUPT);
    const slk_manifest_subject good = f->subject;
    f->subject.sp_id++;
    assert_int_equal(read_it(f, &m), SLK_E_CORRUPT);
    f->subject = good;
    f->subject.number++;
    assert_int_equal(read_it(f, &m), SLK_E_CORRUPT);
    f->subject = good;
    f->subject.comm_r[31]++;
    assert_int_equal(read_it(f, &m), SLK_E_CORRUPT);
    f->subject = good;
    f->subject.file_bytes--; /* as many blocks */
    assert_int_equal(read_it(f, &m), SLK_E_CORRUPT);
    f->subject = good;
    assert_int_equal(read_it(f, &m), SLK_OK);
    slk_manifest_done(&m);
}

static void it_is_made_once_per_replica(void **state)
{
    fixture *f = *state;
    struct stat before, after;
    assert_int_equal(stat(f->path, &before), 0);
    assert_int_equal(slk_manifest_make(f->path, &f->subject, f->file, f->crypto, NULL, NULL),
                     SLK_OK);
    assert_int_equal(stat(f->path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    f->subject.comm_r[0]++;
    assert_int_equal(slk_manifest_make(f->path, &f->subject, f->file, f->crypto, NULL, NULL),
                     SLK_OK);
    assert_int_equal(stat(f->path, &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
    f->subject.file_bytes += 5;
    slk_error e = {0};
    assert_int_equal(slk_manifest_make(f->path, &f->subject, f->file, f->crypto, NULL, &e),
                     SLK_E_CORRUPT);
    slk_job job;
    slk_job_init(&job);
    slk_job_cancel(&job);
    f->subject.file_bytes -= 5;
    f->subject.number++;
    assert_int_equal(slk_manifest_make(f->path, &f->subject, f->file, f->crypto, &job, &e),
                     SLK_E_CANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(blocks_are_told_apart, make, unmake),
        cmocka_unit_test_setup_teardown(a_block_may_come_in_pieces, make, unmake),
        cmocka_unit_test_setup_teardown(what_is_not_right_is_refused, make, unmake),
        cmocka_unit_test_setup_teardown(it_is_made_once_per_replica, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
