/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store/unsealed.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct fixture {
    char folder[64];
    char path[96];
} fixture;

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/slk_unsealed_test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof f->path, "%s/s-t01000-1", f->folder);
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

/* What follows the data of a sector of that size, as hex. */
static void assert_trailer(const fixture *f, uint64_t sector_bytes, const char *hex)
{
    uint64_t bytes = 0;
    uint8_t raw[64];
    char text[129];
    SLK_CLEANUP(slk_closep) int fd = -1;
    assert_int_equal(slk_file_size(&bytes, f->path, NULL), SLK_OK);
    assert_in_range(bytes, sector_bytes, sector_bytes + sizeof raw);
    const size_t n = (size_t)(bytes - sector_bytes);
    assert_int_equal(slk_file_open_read(&fd, f->path, NULL), SLK_OK);
    assert_int_equal(slk_file_read_at(fd, raw, n, sector_bytes, f->path, NULL), SLK_OK);
    slk_hex_encode(text, raw, n);
    assert_string_equal(text, hex);
}

/* source: reference/lotus-worker 6.5, seen in Lotus */
static void trailers_are_those_of_lotus(void **state)
{
    const fixture *f = *state;
    static const struct {
        uint64_t sector, allocated;
        const char *trailer;
    } known[] = {
        {2048, 0, "00000000"},
        {2048, 1024, "04100103000000"},
        {2048, 2048, "04100203000000"},
        {UINT64_C(8) << 20, UINT64_C(8) << 20, "0410109004000000"},
        {UINT64_C(512) << 20, UINT64_C(512) << 20, "041010105005000000"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        slk_unsealed file;
        assert_int_equal(slk_unsealed_create(&file, f->path, known[i].sector, NULL), SLK_OK);
        assert_int_equal(slk_unsealed_allocate(&file, 0, known[i].allocated, NULL), SLK_OK);
        slk_unsealed_done(&file);
        assert_trailer(f, known[i].sector, known[i].trailer);
        assert_int_equal(slk_unsealed_open(&file, f->path, known[i].sector, false, NULL), SLK_OK);
        assert_int_equal(slk_bitfield_count(&file.allocated), known[i].allocated);
        assert_true(slk_unsealed_has(&file, 0, known[i].allocated));
        assert_false(slk_unsealed_has(&file, 0, known[i].allocated + 1));
        slk_unsealed_done(&file);
    }
}

static void parts_come_together(void **state)
{
    const fixture *f = *state;
    SLK_CLEANUP(slk_unsealed_done) slk_unsealed file = SLK_UNSEALED_NONE;
    uint8_t data[512], back[512];
    memset(data, 0xa5, sizeof data);
    assert_int_equal(slk_unsealed_create(&file, f->path, 2048, NULL), SLK_OK);
    assert_int_equal(slk_unsealed_write(&file, data, 512, 1024, NULL), SLK_OK);
    assert_int_equal(slk_unsealed_allocate(&file, 1024, 512, NULL), SLK_OK);
    assert_false(slk_unsealed_has(&file, 512, 1024));
    assert_int_equal(slk_unsealed_allocate(&file, 512, 512, NULL), SLK_OK);
    slk_unsealed_done(&file);
    assert_int_equal(slk_unsealed_open(&file, f->path, 2048, true, NULL), SLK_OK);
    assert_true(slk_unsealed_has(&file, 512, 1024));
    assert_false(slk_unsealed_has(&file, 511, 2));
    assert_int_equal(file.allocated.n, 1);
    assert_int_equal(slk_unsealed_allocate(&file, 1536, 512, NULL), SLK_OK);
    assert_int_equal(slk_unsealed_allocate(&file, 0, 512, NULL), SLK_OK);
    assert_trailer(f, 2048, "04100203000000");
    assert_int_equal(slk_file_read_at(file.fd, back, 512, 1024, f->path, NULL), SLK_OK);
    assert_memory_equal(back, data, 512);
    assert_int_equal(slk_file_read_at(file.fd, back, 512, 0, f->path, NULL), SLK_OK);
    assert_true(slk_bytes_all_zero(back, 512));
}

static void the_end_of_a_sector_is_kept(void **state)
{
    const fixture *f = *state;
    SLK_CLEANUP(slk_unsealed_done) slk_unsealed file = SLK_UNSEALED_NONE;
    assert_int_equal(slk_unsealed_create(&file, f->path, 2048, NULL), SLK_OK);
    assert_int_equal(slk_unsealed_write(&file, "x", 1, 2048, NULL), SLK_E_INVAL);
    assert_int_equal(slk_unsealed_allocate(&file, 2047, 2, NULL), SLK_E_INVAL);
    assert_int_equal(slk_unsealed_allocate(&file, UINT64_MAX, 2, NULL), SLK_E_INVAL);
    assert_false(slk_unsealed_has(&file, UINT64_MAX, 2));
    assert_trailer(f, 2048, "00000000");
}

static void what_is_kept_stays(void **state)
{
    const fixture *f = *state;
    SLK_CLEANUP(slk_unsealed_done) slk_unsealed file = SLK_UNSEALED_NONE;
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield keep = {0};
    const uint64_t sector = UINT64_C(8) << 20;
    static uint8_t data[1 << 20];
    uint8_t back[16];
    struct stat before, after;
    memset(data, 7, sizeof data);
    assert_int_equal(slk_unsealed_create(&file, f->path, sector, NULL), SLK_OK);
    for (uint64_t at = 0; at < UINT64_C(6) << 20; at += sizeof data)
        assert_int_equal(slk_unsealed_write(&file, data, sizeof data, at, NULL), SLK_OK);
    assert_int_equal(slk_unsealed_allocate(&file, 0, UINT64_C(6) << 20, NULL), SLK_OK);
    assert_int_equal(stat(f->path, &before), 0);
    assert_int_equal(slk_bitfield_add_range(&keep, 1 << 20, 2 << 20), SLK_OK);
    assert_int_equal(slk_bitfield_add_range(&keep, 5 << 20, 8 << 20), SLK_OK);
    assert_int_equal(slk_unsealed_keep(&file, &keep, NULL), SLK_OK);
    slk_unsealed_done(&file);
    assert_int_equal(slk_unsealed_open(&file, f->path, sector, false, NULL), SLK_OK);
    assert_int_equal(slk_bitfield_count(&file.allocated), 2 << 20);
    assert_true(slk_unsealed_has(&file, 1 << 20, 1 << 20));
    assert_true(slk_unsealed_has(&file, 5 << 20, 1 << 20));
    assert_int_equal(slk_file_read_at(file.fd, back, 16, 1 << 20, f->path, NULL), SLK_OK);
    assert_memory_equal(back, data, 16);
    assert_int_equal(stat(f->path, &after), 0);
    assert_in_range(after.st_blocks * 512, 2 << 20, before.st_blocks * 512 - (3 << 20));
}

static void write_file(const fixture *f, uint64_t sector, const char *trailer_hex)
{
    uint8_t bytes[2048 + 64] = {0};
    const size_t n = strlen(trailer_hex) / 2;
    assert_true(sector + n <= sizeof bytes);
    assert_true(slk_hex_decode(bytes + sector, n, trailer_hex));
    assert_int_equal(slk_file_write_atomic(f->path, bytes, sector + n, 0644, NULL), SLK_OK);
}

static void a_bare_sector_is_all_data(void **state)
{
    const fixture *f = *state;
    SLK_CLEANUP(slk_unsealed_done) slk_unsealed file = SLK_UNSEALED_NONE;
    write_file(f, 2048, "");
    assert_int_equal(slk_unsealed_open(&file, f->path, 2048, false, NULL), SLK_OK);
    assert_true(slk_unsealed_has(&file, 0, 2048));
}

static void damaged_ones_are_named(void **state)
{
    const fixture *f = *state;
    static const char *const trailers[] = {
        "04", /* no length */
        "000000", /* the same */
        "01000000", /* a length of what is not there */
        "04100202000000", /* a wrong length */
        "041002ff000000", /* the same */
        "04100403000000", /* 4096 bytes of 2048 */
        "05100203000000", /* another version of RLE+ */
        "00000001000000", /* RLE+ that ends with zeros */
    };
    for (size_t i = 0; i < sizeof trailers / sizeof *trailers; i++) {
        slk_unsealed file = SLK_UNSEALED_NONE;
        slk_error e = {0};
        write_file(f, 2048, trailers[i]);
        assert_int_equal(slk_unsealed_open(&file, f->path, 2048, false, &e), SLK_E_CORRUPT);
        assert_non_null(strstr(e.message, "s-t01000-1"));
        assert_int_equal(file.fd, -1);
    }
    slk_unsealed file = SLK_UNSEALED_NONE;
    write_file(f, 1000, "");
    assert_int_equal(slk_unsealed_open(&file, f->path, 2048, false, NULL), SLK_E_CORRUPT);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(slk_unsealed_open(&file, f->path, 2048, false, NULL), SLK_E_NOTFOUND);
    assert_int_equal(symlink("/etc/passwd", f->path), 0);
    assert_int_not_equal(slk_unsealed_open(&file, f->path, 2048, false, NULL), SLK_OK);
}

static void a_sector_without_data_takes_no_disk(void **state)
{
    const fixture *f = *state;
    SLK_CLEANUP(slk_unsealed_done) slk_unsealed file = SLK_UNSEALED_NONE;
    const uint64_t sector = UINT64_C(32) << 30;
    struct stat st;
    assert_int_equal(slk_unsealed_create(&file, f->path, sector, NULL), SLK_OK);
    assert_int_equal(slk_unsealed_allocate(&file, 0, sector, NULL), SLK_OK);
    slk_unsealed_done(&file);
    assert_int_equal(stat(f->path, &st), 0);
    assert_in_range(st.st_blocks * 512, 0, 65536);
    assert_int_equal(slk_unsealed_open(&file, f->path, sector, false, NULL), SLK_OK);
    assert_true(slk_unsealed_has(&file, 0, sector));
}

static void sizes_are_padded(void **state)
{
    (void)state;
    uint64_t padded = 0;
    assert_int_equal(slk_unpadded_to_padded(&padded, 2032, NULL), SLK_OK);
    assert_int_equal(padded, 2048);
    assert_int_equal(slk_unpadded_to_padded(&padded, 0, NULL), SLK_OK);
    assert_int_equal(padded, 0);
    assert_int_equal(slk_unpadded_to_padded(&padded, 2033, NULL), SLK_E_INVAL);
    assert_int_equal(slk_unpadded_to_padded(&padded, UINT64_MAX / 127 * 127, NULL), SLK_E_INVAL);
}

#define T(function) cmocka_unit_test_setup_teardown(function, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(trailers_are_those_of_lotus),
        T(parts_come_together),
        T(the_end_of_a_sector_is_kept),
        T(what_is_kept_stays),
        T(a_bare_sector_is_all_data),
        T(damaged_ones_are_named),
        T(sizes_are_padded),
        T(a_sector_without_data_takes_no_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
