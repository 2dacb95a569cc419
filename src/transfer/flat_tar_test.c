/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Archives of plain files: what cache_tar_test.c does not see, that is large members, open ends and files
 * that change. */
#include "transfer/flat_tar.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "transfer/pax_impl.h"
#include "transfer/tar_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGE ((uint64_t)8 << 30) /* one more than eleven octal digits hold */

typedef struct fixture {
    char folder[64], in[96], out[96];
} fixture;

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    /* Thousands of small files are synced here: in memory where there is such a place. */
    (void)snprintf(f->folder, sizeof f->folder, "%s/slk_flat_tar_test.XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->in, sizeof f->in, "%s/in", f->folder);
    (void)snprintf(f->out, sizeof f->out, "%s/out", f->folder);
    assert_int_equal(slk_folder_make(f->in, 0755, NULL), SLK_OK);
    assert_int_equal(slk_folder_make(f->out, 0755, NULL), SLK_OK);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    assert_int_equal(slk_remove_tree(f->folder, NULL), SLK_OK);
    free(f);
    return 0;
}

static void write_in(const fixture *f, const char *name, const char *text)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(f->in, name);
    assert_int_equal(slk_file_write_atomic(path, text, strlen(text), 0644, NULL), SLK_OK);
}

static slk_err open_out(slk_flat_untar **ret, fixture *f, const slk_flat_member *members, size_t n,
                        bool open_end)
{
    assert_int_equal(slk_remove_tree(f->out, NULL), SLK_OK);
    assert_int_equal(slk_folder_make(f->out, 0755, NULL), SLK_OK);
    const slk_flat_untar_options options = {
        .folder = f->out, .members = members, .n = n, .what = "the archive", .open_end = open_end};
    return slk_flat_untar_new(ret, &options, NULL);
}

/* Whether the archive's first n bytes, in pieces of 700, are taken to the end. */
static slk_err extract(fixture *f, const slk_flat_member *members, size_t n_members, bool open_end,
                       const slk_buf *tar, size_t n, size_t *ret_complete)
{
    slk_flat_untar *u = NULL;
    slk_error e = {0};
    assert_int_equal(open_out(&u, f, members, n_members, open_end), SLK_OK);
    slk_err code = SLK_OK;
    for (size_t at = 0; at < n && code == SLK_OK; at += 700)
        code = slk_flat_untar_take(u, tar->data + at, n - at < 700 ? n - at : 700, &e);
    if (code == SLK_OK)
        code = slk_flat_untar_finish(u, &e);
    *ret_complete = 0;
    for (size_t i = 0; i < n_members; i++)
        *ret_complete += slk_flat_untar_has(u, i);
    slk_flat_untar_free(u);
    return code;
}

static void make_archive(const fixture *f, slk_buf *tar, const slk_flat_member *members, size_t n)
{
    slk_flat_tar *w = NULL;
    uint64_t bytes = 0;
    uint8_t piece[333];
    assert_int_equal(slk_flat_tar_new(&w, &bytes, f->in, members, n, NULL), SLK_OK);
    for (size_t got = 1; got > 0;) {
        assert_int_equal(slk_flat_tar_produce(w, piece, sizeof piece, &got, NULL), SLK_OK);
        assert_int_equal(slk_buf_append(tar, piece, got), SLK_OK);
    }
    slk_flat_tar_free(w);
    assert_int_equal(tar->len, bytes);
}

static const slk_flat_member two[] = {{"a", 1, 1000, false}, {"b", 1, 1000, false}};

/* source: reference/lotus-worker 6.3: 64 and 100 bytes make 1636 in all */
static void an_open_end_is_taken_where_it_may_be(void **state)
{
    fixture *f = *state;
    SLK_CLEANUP(slk_buf_done) slk_buf tar;
    slk_buf_init(&tar, 1 << 16);
    char body[101] = "";
    memset(body, 'x', 100);
    write_in(f, "b", body);
    body[64] = 0;
    write_in(f, "a", body);
    make_archive(f, &tar, two, 2);
    assert_int_equal(tar.len, 2 * 512 + 512 + 512 + 1024);
    for (size_t n = 0; n <= tar.len; n++) {
        size_t complete = 0;
        const bool between = n == 0 || (n >= 512 + 64 && n <= 1024) || n >= 1636;
        const bool in_zeros = n > 2048 && n < 2560; /* half an end block is half a header */
        slk_err code = extract(f, two, 2, true, &tar, n, &complete);
        assert_int_equal(code, between && !in_zeros ? SLK_OK : SLK_E_PROTO);
        assert_int_equal(complete, n < 576 ? 0 : n < 1636 ? 1 : 2);
        code = extract(f, two, 2, false, &tar, n, &complete);
        assert_int_equal(code, n == tar.len ? SLK_OK : SLK_E_PROTO);
    }
}

static void what_is_skipped_is_not_kept(void **state)
{
    fixture *f = *state;
    static const slk_flat_member one[] = {{"a", 1, 1000, true}, {"b", 1, 1000, false}};
    SLK_CLEANUP(slk_buf_done) slk_buf tar;
    SLK_CLEANUP(slk_freep) char *a = slk_path_join(f->out, "a");
    SLK_CLEANUP(slk_freep) char *b = slk_path_join(f->out, "b");
    slk_buf_init(&tar, 1 << 16);
    size_t complete = 0;
    write_in(f, "a", "not wanted");
    write_in(f, "b", "wanted");
    make_archive(f, &tar, one, 2);
    assert_int_equal(extract(f, one, 2, true, &tar, tar.len, &complete), SLK_OK);
    assert_int_equal(complete, 2);
    assert_false(slk_file_exists(a));
    assert_true(slk_file_exists(b));
}

static void make_large(const fixture *f, uint64_t bytes)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(f->in, "a");
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    assert_int_equal(close(fd), 0);
}

/* Headers alone: 8 GiB of zeros need not pass here. */
static void members_of_8_gib_have_a_pax_size(void **state)
{
    fixture *f = *state;
    const slk_flat_member large[] = {{"a", 1, LARGE, false}};
    uint8_t head[3 * TAR_BLOCK];
    tar_header h;
    uint64_t bytes = 0;
    size_t n = 0;
    slk_flat_tar *w = NULL;
    slk_flat_untar *u = NULL;
    make_large(f, LARGE);
    assert_int_equal(slk_flat_tar_new(&w, &bytes, f->in, large, 1, NULL), SLK_OK);
    assert_true(bytes == LARGE + 5 * TAR_BLOCK);
    assert_int_equal(slk_flat_tar_produce(w, head, sizeof head, &n, NULL), SLK_OK);
    slk_flat_tar_free(w);
    assert_int_equal(n, sizeof head);
    assert_int_equal(head[offsetof(tar_header, type)], 'x');
    assert_string_equal((const char *)head + TAR_BLOCK, "19 size=8589934592\n");
    memcpy(&h, head + 2 * TAR_BLOCK, sizeof h);
    assert_string_equal(h.name, "a");
    assert_string_equal(h.size, "00000000000");
    /* Lotus's readers and ours: */
    assert_int_equal(open_out(&u, f, large, 1, true), SLK_OK);
    assert_int_equal(slk_flat_untar_take(u, head, sizeof head, NULL), SLK_OK);
    assert_int_equal(slk_flat_untar_finish(u, NULL), SLK_E_PROTO);
    slk_flat_untar_free(u);
    assert_int_equal(open_out(&u, f, large, 1, false), SLK_OK);
    assert_int_equal(slk_flat_untar_take(u, head, sizeof head, NULL), SLK_E_PROTO);
    slk_flat_untar_free(u);
    SLK_CLEANUP(slk_freep)
    char *list = slk_strf("head -c 2000 /dev/zero | cat %s/head - | tar -tv 2>/dev/null | "
                          "grep -q ' 8589934592 .* a$'",
                          f->folder);
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(f->folder, "head");
    assert_int_equal(slk_file_write_atomic(path, head, sizeof head, 0644, NULL), SLK_OK);
    assert_int_equal(system(list), 0);
}

/* One byte less fits the header. */
static void members_below_8_gib_are_plain(void **state)
{
    fixture *f = *state;
    const slk_flat_member large[] = {{"a", 1, LARGE, false}};
    uint8_t head[TAR_BLOCK];
    uint64_t bytes = 0;
    size_t n = 0;
    slk_flat_tar *w = NULL;
    make_large(f, LARGE - 1);
    assert_int_equal(slk_flat_tar_new(&w, &bytes, f->in, large, 1, NULL), SLK_OK);
    assert_true(bytes == LARGE + 3 * TAR_BLOCK);
    assert_int_equal(slk_flat_tar_produce(w, head, sizeof head, &n, NULL), SLK_OK);
    slk_flat_tar_free(w);
    assert_string_equal((const char *)head + offsetof(tar_header, size), "77777777777");
}

static void records_of_pax_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fine;
        uint64_t size; /* 0: none */
    } known[] = {
        {"19 size=8589934592\n", true, 8589934592},
        {"30 mtime=1763692620.123456789\n19 size=8589934592\n", true, 8589934592},
        {"9 uid=77\n", true, 0},
        {"11 size=7\n", false, 0}, /* the length is one too large */
        {"8 size=7\n", false, 0},
        {"9 size=7\n9 size=8\n", false, 0},
        {"9 size=x\n", false, 0},
        {"11 size=-7\n", false, 0},
        {"11 size=7 \n", false, 0},
        {"29 size=99999999999999999999\n", false, 0},
        {"11 path=..\n", false, 0},
        {"20 linkpath=/etc/pw\n", false, 0},
        {"21 GNU.sparse.major=1", false, 0},
        {"9 size 7\n", false, 0},
        {"0 size=7\n", false, 0},
        {"2 \n", false, 0},
        {"18446744073709551615 size=7\n", false, 0},
        {" 9 size=7\n", false, 0},
        {"size=7\n", false, 0},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        slk_pax_records records = {0};
        const char *fault = slk_pax_read(&records, known[i].text, strlen(known[i].text));
        if ((fault == NULL) != known[i].fine)
            fail_msg("record %zu: %s", i, fault ? fault : "taken");
        assert_true(records.size == known[i].size);
        assert_true(records.has_size == (known[i].size > 0));
    }
}

static void put_header(slk_buf *tar, char type, const char *name, const char *size)
{
    tar_header h = {.type = type, .magic = "ustar", .version = {'0', '0'}};
    memcpy(h.name, name, strlen(name));
    memcpy(h.size, size, strlen(size));
    (void)snprintf(h.checksum, 7, "%06o", tar_checksum(&h));
    h.checksum[7] = ' ';
    assert_int_equal(slk_buf_append(tar, &h, sizeof h), SLK_OK);
}

static void put_block(slk_buf *tar, const char *text)
{
    uint8_t block[TAR_BLOCK] = {0};
    memcpy(block, text, strlen(text));
    assert_int_equal(slk_buf_append(tar, block, sizeof block), SLK_OK);
}

static void extended_headers_belong_to_a_file(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *first, *second; /* records; NULL none */
        bool member;
        slk_err code;
    } known[] = {
        {"9 size=5\n", NULL, true, SLK_OK},
        {"9 size=5\n", NULL, false, SLK_E_PROTO}, /* of no file */
        {"9 size=5\n", "9 size=5\n", true, SLK_E_PROTO},
        {"9 size=0\n", NULL, true, SLK_E_PROTO},
        {"13 size=5000\n", NULL, true, SLK_E_PROTO},
        {"10 path=b\n", NULL, true, SLK_E_PROTO},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        SLK_CLEANUP(slk_buf_done) slk_buf tar;
        slk_buf_init(&tar, 1 << 16);
        size_t complete = 0;
        char size[12];
        for (size_t k = 0; k < 2; k++) {
            const char *records = k ? known[i].second : known[i].first;
            if (!records)
                continue;
            (void)snprintf(size, sizeof size, "%011zo", strlen(records));
            put_header(&tar, 'x', "PaxHeaders.0/a", size);
            put_block(&tar, records);
        }
        if (known[i].member) {
            put_header(&tar, '0', "a", "00000000000");
            put_block(&tar, "12345");
        }
        for (size_t zeros = 0; zeros < 3; zeros++) {
            const slk_err code = extract(f, two, 2, true, &tar, tar.len, &complete);
            if (code != known[i].code)
                fail_msg("archive %zu: %s", i, slk_err_name(code));
            put_block(&tar, "");
        }
    }
    SLK_CLEANUP(slk_buf_done) slk_buf tar;
    slk_buf_init(&tar, 1 << 16);
    size_t complete = 0;
    put_header(&tar, 'x', "PaxHeaders.0/a", "00000002001"); /* 1025 bytes */
    assert_int_equal(extract(f, two, 2, true, &tar, tar.len, &complete), SLK_E_PROTO);
}

static void changed_files_and_links_are_seen(void **state)
{
    fixture *f = *state;
    SLK_CLEANUP(slk_freep) char *b = slk_path_join(f->in, "b");
    uint8_t piece[4096];
    uint64_t bytes = 0;
    size_t n = 0;
    slk_flat_tar *w = NULL;
    write_in(f, "a", "one");
    assert_int_equal(slk_flat_tar_new(&w, &bytes, f->in, two, 2, NULL), SLK_E_NOTFOUND);
    write_in(f, "b", "two");
    assert_int_equal(slk_flat_tar_new(&w, &bytes, f->in, two, 2, NULL), SLK_OK);
    write_in(f, "b", "three");
    assert_int_equal(slk_flat_tar_produce(w, piece, sizeof piece, &n, NULL), SLK_E_CORRUPT);
    slk_flat_tar_free(w);
    assert_int_equal(unlink(b), 0);
    assert_int_equal(symlink("a", b), 0);
    assert_int_equal(slk_flat_tar_new(&w, &bytes, f->in, two, 2, NULL), SLK_E_CORRUPT);
    assert_int_equal(unlink(b), 0);
    assert_int_equal(mkfifo(b, 0644), 0);
    assert_int_equal(slk_flat_tar_new(&w, &bytes, f->in, two, 2, NULL), SLK_E_CORRUPT);
}

#define T(function) cmocka_unit_test_setup_teardown(function, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_open_end_is_taken_where_it_may_be),
        T(what_is_skipped_is_not_kept),
        T(members_of_8_gib_have_a_pax_size),
        T(members_below_8_gib_are_plain),
        T(records_of_pax_are_read),
        T(extended_headers_belong_to_a_file),
        T(changed_files_and_links_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
