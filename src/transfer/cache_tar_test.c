/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transfer/cache_tar.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "transfer/tar_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARCHIVE_MAX ((size_t)8 << 20)

typedef struct fixture {
    char folder[64];
    char cache[96];
    char out[96];
    const slk_sector_shape *shape;
} fixture;

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    /* Thousands of small files are synced here: in memory where there is such a place. */
    (void)snprintf(f->folder, sizeof f->folder, "%s/slk_tar_test.XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->cache, sizeof f->cache, "%s/cache", f->folder);
    (void)snprintf(f->out, sizeof f->out, "%s/out", f->folder);
    assert_int_equal(slk_folder_make(f->cache, 0755, NULL), SLK_OK);
    f->shape = slk_sector_shape_of(4096);
    assert_non_null(f->shape);
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

/* ---- archives by hand ---- */

static void octal(char *field, size_t n, uint64_t v)
{
    (void)snprintf(field, n, "%0*llo", (int)(n - 1), (unsigned long long)v);
}

static tar_header header(const char *name, uint64_t size)
{
    tar_header h = {.type = '0', .magic = {'u', 's', 't', 'a', 'r', 0}, .version = {'0', '0'}};
    memcpy(h.name, name, strlen(name));
    octal(h.mode, sizeof h.mode, 0600);
    octal(h.size, sizeof h.size, size);
    octal(h.mtime, sizeof h.mtime, 1763692620);
    return h;
}

static void put_header(slk_buf *tar, tar_header h)
{
    octal(h.checksum, 7, tar_checksum(&h));
    h.checksum[7] = ' ';
    assert_int_equal(slk_buf_append(tar, &h, sizeof h), SLK_OK);
}

static void put_body(slk_buf *tar, uint64_t size)
{
    for (uint64_t i = 0; i < size; i++)
        assert_int_equal(slk_buf_byte(tar, (uint8_t)(i % 253 + 1)), SLK_OK);
    for (size_t i = 0; i < tar_padding(size); i++)
        assert_int_equal(slk_buf_byte(tar, 0), SLK_OK);
}

static void put(slk_buf *tar, const char *name, uint64_t size)
{
    put_header(tar, header(name, size));
    put_body(tar, size);
}

static void put_zeros(slk_buf *tar, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(slk_buf_byte(tar, 0), SLK_OK);
}

/* The members of a 4 KiB cache: two trees of depth 2 with one row dropped: one root each. */
static void put_all_but(slk_buf *tar, const char *name)
{
    static const struct {
        const char *name;
        uint64_t size;
    } members[] = {{"p_aux", 64},
                   {"t_aux", 300},
                   {"sc-02-data-tree-r-last-0.dat", 32},
                   {"sc-02-data-tree-r-last-1.dat", 32}};
    for (size_t i = 0; i < 4; i++)
        if (strcmp(members[i].name, name) != 0)
            put(tar, members[i].name, members[i].size);
}

static void put_good(slk_buf *tar)
{
    put_all_but(tar, "");
}

/* Feeds the archive in pieces of that size. */
static slk_err extract(fixture *f, const slk_buf *tar, size_t piece, slk_error *error)
{
    assert_int_equal(slk_remove_tree(f->out, NULL), SLK_OK);
    assert_int_equal(slk_folder_make(f->out, 0755, NULL), SLK_OK);
    slk_flat_member members[SLK_FLAT_TAR_MEMBERS_MAX];
    const slk_flat_untar_options options = {.folder = f->out,
                                            .members = members,
                                            .n = slk_cache_members(members, f->shape),
                                            .what = "the archive",
                                            .complete = true};
    slk_flat_untar *u = NULL;
    assert_int_equal(slk_flat_untar_new(&u, &options, NULL), SLK_OK);
    slk_err code = SLK_OK;
    for (size_t at = 0; at < tar->len && code == SLK_OK; at += piece)
        code = slk_flat_untar_take(u, tar->data + at, piece < tar->len - at ? piece : tar->len - at,
                                   error);
    slk_err end = slk_flat_untar_finish(u, code == SLK_OK ? error : NULL);
    assert_true(code == SLK_OK || end != SLK_OK); /* a refusal stays one */
    slk_flat_untar_free(u);
    return code == SLK_OK ? end : code;
}

static void good_archives_are_taken(void **state)
{
    fixture *f = *state;
    static const size_t pieces[] = {1, 7, 511, 512, 513, 4096, 1 << 20};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        SLK_CLEANUP(slk_buf_done) slk_buf tar;
        slk_buf_init(&tar, ARCHIVE_MAX);
        put_good(&tar);
        put_zeros(&tar, 1024 + (i % 2 ? 6144 : 0));
        slk_error e = {0};
        if (extract(f, &tar, pieces[i], &e) != SLK_OK)
            fail_msg("%s", e.message);
        SLK_CLEANUP(slk_freep) char *path = slk_path_join(f->out, "t_aux");
        SLK_CLEANUP(slk_buf_done) slk_buf body;
        slk_buf_init(&body, 1000);
        assert_int_equal(slk_file_read_all(&body, path, NULL), SLK_OK);
        assert_int_equal(body.len, 300);
        assert_int_equal(body.data[299], 299 % 253 + 1);
    }
}

/* ---- attacks: each is a good archive with one thing wrong ---- */

typedef void attack(slk_buf *tar);

static void named(slk_buf *tar, const char *name)
{
    put(tar, name, 64);
    put_good(tar);
}
static void dot_dot(slk_buf *tar)
{
    named(tar, "../p_aux");
}
static void absolute(slk_buf *tar)
{
    named(tar, "/tmp/p_aux");
}
static void dot_slash(slk_buf *tar)
{
    named(tar, "./p_aux");
}
static void in_folder(slk_buf *tar)
{
    named(tar, "cache/p_aux");
}
static void unknown_name(slk_buf *tar)
{
    named(tar, "sc-02-data-layer-1.dat");
}
static void other_shape(slk_buf *tar)
{
    named(tar, "sc-02-data-tree-r-last.dat");
}
static void index_too_high(slk_buf *tar)
{
    named(tar, "sc-02-data-tree-r-last-2.dat");
}
static void index_with_zero(slk_buf *tar)
{
    named(tar, "sc-02-data-tree-r-last-00.dat");
}
static void longer_name(slk_buf *tar)
{
    named(tar, "p_auxx");
}
static void empty_name(slk_buf *tar)
{
    tar_header h = header("x", 64);
    h.name[0] = 0;
    put_header(tar, h);
    put_body(tar, 64);
    put_good(tar);
}
static void hidden_after_nul(slk_buf *tar)
{
    tar_header h = header("p_aux", 64);
    h.name[6] = 'x';
    put_header(tar, h);
    put_body(tar, 64);
    put_all_but(tar, "p_aux");
}
static void climbs_later(slk_buf *tar)
{
    named(tar, "p_aux/../../p_aux");
}
static void backslashes(slk_buf *tar)
{
    named(tar, "..\\p_aux");
}
static void drive(slk_buf *tar)
{
    named(tar, "C:\\p_aux");
}
static void percents(slk_buf *tar)
{
    named(tar, "%2e%2e/p_aux");
}
static void overlong_dots(slk_buf *tar)
{
    named(tar, "\xc0\xae\xc0\xae/p_aux");
}
static void slash_behind(slk_buf *tar)
{
    named(tar, "p_aux/");
}
static void blank_before(slk_buf *tar)
{
    named(tar, " p_aux");
}
static void new_line(slk_buf *tar)
{
    named(tar, "p_aux\n");
}
static void escape(slk_buf *tar)
{
    named(tar, "\033[2Jp_aux");
}
static void upper_case(slk_buf *tar)
{
    named(tar, "P_AUX");
}
static void own_descriptor(slk_buf *tar)
{
    named(tar, "/proc/self/fd/3");
}
static void where_c1_is(slk_buf *tar)
{
    named(tar, "c1.url");
}
static void our_own_note(slk_buf *tar)
{
    named(tar, ".selkie-pc1");
}
static void temporary(slk_buf *tar)
{
    named(tar, "sc-02-data-tree-r-last-0.dat.tmp");
}
static void name_without_end(slk_buf *tar)
{
    tar_header h = header("p_aux", 64);
    memset(h.name, 'a', sizeof h.name);
    put_header(tar, h);
    put_body(tar, 64);
    put_good(tar);
}
static void prefix_climbs(slk_buf *tar)
{
    tar_header h = header("p_aux", 64);
    memcpy(h.prefix, "..", 2);
    put_header(tar, h);
    put_body(tar, 64);
    put_all_but(tar, "p_aux");
}
static void with_prefix(slk_buf *tar)
{
    tar_header h = header("p_aux", 64);
    h.prefix[0] = 'a';
    put_header(tar, h);
    put_body(tar, 64);
    put_all_but(tar, "p_aux");
}
static void typed(slk_buf *tar, char type)
{
    tar_header h = header("p_aux", 64);
    h.type = type;
    put_header(tar, h);
    put_body(tar, 64);
    put_all_but(tar, "p_aux");
}
static void hard_link(slk_buf *tar)
{
    typed(tar, '1');
}
static void symbolic_link(slk_buf *tar)
{
    typed(tar, '2');
}
static void character_device(slk_buf *tar)
{
    typed(tar, '3');
}
static void block_device(slk_buf *tar)
{
    typed(tar, '4');
}
static void folder(slk_buf *tar)
{
    typed(tar, '5');
}
static void pipe_file(slk_buf *tar)
{
    typed(tar, '6');
}
static void contiguous(slk_buf *tar)
{
    typed(tar, '7');
}
static void gnu_long_name(slk_buf *tar)
{
    typed(tar, 'L');
}
static void gnu_sparse(slk_buf *tar)
{
    typed(tar, 'S');
}
static void pax_header(slk_buf *tar)
{
    typed(tar, 'x');
}
static void pax_global(slk_buf *tar)
{
    typed(tar, 'g');
}
static void gnu_long_link(slk_buf *tar)
{
    typed(tar, 'K');
}
static void gnu_volume(slk_buf *tar)
{
    typed(tar, 'V');
}
static void gnu_dump(slk_buf *tar)
{
    typed(tar, 'D');
}
static void gnu_continued(slk_buf *tar)
{
    typed(tar, 'M');
}
static void solaris_header(slk_buf *tar)
{
    typed(tar, 'X');
}
static void unknown_type(slk_buf *tar)
{
    typed(tar, 'Z');
}
static void link_then_file(slk_buf *tar)
{
    tar_header h = header("p_aux", 0);
    h.type = '2';
    memcpy(h.link_name, "/tmp/p_aux", 10);
    put_header(tar, h);
    put_good(tar);
}
static void link_name(slk_buf *tar)
{
    tar_header h = header("p_aux", 64);
    memcpy(h.link_name, "/etc/passwd", 11);
    put_header(tar, h);
    put_body(tar, 64);
    put_all_but(tar, "p_aux");
}
static void bad_checksum(slk_buf *tar)
{
    put(tar, "p_aux", 64);
    tar->data[101] ^= 1;
    put_all_but(tar, "p_aux");
}
static void no_checksum(slk_buf *tar)
{
    put(tar, "p_aux", 64);
    memset(tar->data + offsetof(tar_header, checksum), 0, 8);
    put_all_but(tar, "p_aux");
}
static void no_magic(slk_buf *tar)
{
    tar_header h = header("p_aux", 64);
    memset(h.magic, 0, sizeof h.magic);
    put_header(tar, h);
    put_body(tar, 64);
    put_all_but(tar, "p_aux");
}
static void sized(slk_buf *tar, const char *name, uint64_t size)
{
    put(tar, name, size);
    put_all_but(tar, name);
}
static void p_aux_short(slk_buf *tar)
{
    sized(tar, "p_aux", 63);
}
static void p_aux_long(slk_buf *tar)
{
    sized(tar, "p_aux", 65);
}
static void p_aux_empty(slk_buf *tar)
{
    sized(tar, "p_aux", 0);
}
static void t_aux_empty(slk_buf *tar)
{
    sized(tar, "t_aux", 0);
}
static void t_aux_huge(slk_buf *tar)
{
    sized(tar, "t_aux", 10241);
}
static void tree_long(slk_buf *tar)
{
    sized(tar, "sc-02-data-tree-r-last-0.dat", 64);
}
static void tree_short(slk_buf *tar)
{
    sized(tar, "sc-02-data-tree-r-last-1.dat", 31);
}
static void size_of_everything(slk_buf *tar)
{
    tar_header h = header("p_aux", 0);
    memcpy(h.size, "77777777777", 12);
    put_header(tar, h);
    put_body(tar, 5000);
    put_all_but(tar, "p_aux");
}
static void size_with_sign(slk_buf *tar)
{
    tar_header h = header("p_aux", 0);
    memcpy(h.size, "+0000000100", 12);
    put_header(tar, h);
    put_body(tar, 64);
    put_all_but(tar, "p_aux");
}
static void size_without_end(slk_buf *tar)
{
    tar_header h = header("t_aux", 0);
    memset(h.size, '7', sizeof h.size);
    put_header(tar, h);
    put_body(tar, 5000);
    put_all_but(tar, "t_aux");
}
static void size_base_256(slk_buf *tar)
{
    tar_header h = header("p_aux", 0);
    memset(h.size, 0, sizeof h.size);
    h.size[0] = (char)0x80;
    h.size[11] = 64;
    put_header(tar, h);
    put_body(tar, 64);
    put_all_but(tar, "p_aux");
}
static void size_negative(slk_buf *tar)
{
    tar_header h = header("p_aux", 0);
    memcpy(h.size, "-0000000100", 12);
    put_header(tar, h);
    put_body(tar, 64);
    put_all_but(tar, "p_aux");
}
static void size_with_junk(slk_buf *tar)
{
    tar_header h = header("p_aux", 0);
    memcpy(h.size, "0000000100x", 12);
    put_header(tar, h);
    put_body(tar, 64);
    put_all_but(tar, "p_aux");
}
static void size_blank(slk_buf *tar)
{
    tar_header h = header("p_aux", 0);
    memset(h.size, ' ', sizeof h.size);
    put_header(tar, h);
    put_body(tar, 64);
    put_all_but(tar, "p_aux");
}
static void duplicate(slk_buf *tar)
{
    put_good(tar);
    put(tar, "p_aux", 64);
}
static void one_too_many(slk_buf *tar)
{
    put_good(tar);
    put(tar, "p_aux2", 64);
}
static void two_archives(slk_buf *tar)
{
    put_good(tar);
    put_zeros(tar, 1024);
    put_good(tar);
}
static void half_a_header(slk_buf *tar)
{
    put_good(tar);
    const tar_header h = header("t_aux", 300);
    assert_int_equal(slk_buf_append(tar, &h, 200), SLK_OK);
}
static void missing_one(slk_buf *tar)
{
    put(tar, "p_aux", 64);
    put(tar, "t_aux", 300);
    put(tar, "sc-02-data-tree-r-last-1.dat", 32);
}
static void nothing(slk_buf *tar)
{
    (void)tar;
}
static void one_end_block_then_member(slk_buf *tar)
{
    put(tar, "p_aux", 64);
    put_zeros(tar, 512);
    put(tar, "t_aux", 300);
    put(tar, "sc-02-data-tree-r-last-0.dat", 32);
    put(tar, "sc-02-data-tree-r-last-1.dat", 32);
}
static void after_the_end(slk_buf *tar)
{
    put_good(tar);
    put_zeros(tar, 2048);
    assert_int_equal(slk_buf_byte(tar, 1), SLK_OK);
}
static void endless_end(slk_buf *tar)
{
    put_good(tar);
    put_zeros(tar, 2 << 20);
}
static void dirty_padding(slk_buf *tar)
{
    put(tar, "p_aux", 64);
    tar->data[tar->len - 1] = 1;
    put(tar, "t_aux", 300);
    put(tar, "sc-02-data-tree-r-last-0.dat", 32);
    put(tar, "sc-02-data-tree-r-last-1.dat", 32);
}
static void noise(slk_buf *tar)
{
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(slk_buf_byte(tar, (uint8_t)(i * 2654435761u >> 24)), SLK_OK);
}

static attack *const attacks[] = {
    dot_dot,
    absolute,
    dot_slash,
    in_folder,
    unknown_name,
    other_shape,
    index_too_high,
    index_with_zero,
    longer_name,
    empty_name,
    hidden_after_nul,
    with_prefix,
    hard_link,
    symbolic_link,
    character_device,
    block_device,
    folder,
    pipe_file,
    contiguous,
    gnu_long_name,
    gnu_sparse,
    pax_header,
    pax_global,
    link_name,
    bad_checksum,
    no_checksum,
    no_magic,
    p_aux_short,
    p_aux_long,
    p_aux_empty,
    t_aux_empty,
    t_aux_huge,
    tree_long,
    size_without_end,
    size_base_256,
    size_negative,
    size_blank,
    duplicate,
    missing_one,
    nothing,
    one_end_block_then_member,
    after_the_end,
    endless_end,
    dirty_padding,
    noise,
    size_with_junk,
    climbs_later,
    backslashes,
    drive,
    percents,
    overlong_dots,
    slash_behind,
    blank_before,
    new_line,
    escape,
    upper_case,
    own_descriptor,
    where_c1_is,
    our_own_note,
    temporary,
    name_without_end,
    prefix_climbs,
    gnu_long_link,
    gnu_volume,
    gnu_dump,
    gnu_continued,
    solaris_header,
    unknown_type,
    link_then_file,
    tree_short,
    size_of_everything,
    size_with_sign,
    one_too_many,
    two_archives,
    half_a_header,
};

/* Only files of the known names may have appeared, and nothing beside the folder. */
static void check_folder(const fixture *f)
{
    DIR *d = opendir(f->out);
    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        bool known = e->d_name[0] == '.';
        for (size_t i = 0; i < slk_cache_file_count(f->shape); i++) {
            slk_cache_file file;
            slk_cache_file_at(&file, f->shape, i);
            known = known || strcmp(e->d_name, file.name) == 0;
        }
        assert_true(known);
    }
    closedir(d);
    SLK_CLEANUP(slk_freep) char *outside = slk_path_join(f->folder, "p_aux");
    assert_false(slk_file_exists(outside));
}

static void attacks_are_refused(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        for (size_t piece = 100; piece <= 1 << 20; piece *= 100) {
            SLK_CLEANUP(slk_buf_done) slk_buf tar;
            slk_buf_init(&tar, ARCHIVE_MAX);
            attacks[i](&tar);
            put_zeros(&tar, 1024);
            slk_error e = {0};
            slk_err code = extract(f, &tar, piece, &e);
            if (code != SLK_E_PROTO)
                fail_msg("attack %zu: %s %s", i, slk_err_name(code), e.message);
            check_folder(f);
        }
    }
    (void)printf("# %zu archives\n", sizeof attacks / sizeof *attacks);
}

static void every_cut_is_seen(void **state)
{
    fixture *f = *state;
    SLK_CLEANUP(slk_buf_done) slk_buf tar;
    slk_buf_init(&tar, ARCHIVE_MAX);
    put_good(&tar);
    put_zeros(&tar, 1024);
    size_t whole = tar.len;
    for (size_t n = 0; n < whole; n += n < 2000 ? 37 : 1) {
        if (n > 2000 && n < whole - 1100)
            n = whole - 1100;
        tar.len = n;
        assert_int_equal(extract(f, &tar, 1000, NULL), SLK_E_PROTO);
    }
    tar.len = whole;
    assert_int_equal(extract(f, &tar, 1000, NULL), SLK_OK);
}

/* ---- our own writer ---- */

static void write_cache(const fixture *f)
{
    for (size_t i = 0; i < slk_cache_file_count(f->shape); i++) {
        slk_cache_file file;
        slk_cache_file_at(&file, f->shape, i);
        size_t n = file.bytes ? file.bytes : 345;
        SLK_CLEANUP(slk_freep) uint8_t *body = slk_alloc(n, 1);
        assert_non_null(body);
        memset(body, (int)(i + 1), n);
        SLK_CLEANUP(slk_freep) char *path = slk_path_join(f->cache, file.name);
        assert_int_equal(slk_file_write_atomic(path, body, n, 0644, NULL), SLK_OK);
    }
}

static void write_archive(const fixture *f, slk_buf *tar, size_t piece)
{
    slk_flat_tar *w = NULL;
    uint64_t bytes = 0;
    slk_error e = {0};
    if (slk_cache_tar_new(&w, &bytes, f->cache, f->shape, &e) != SLK_OK)
        fail_msg("%s", e.message);
    uint8_t chunk[5000];
    for (size_t n = 1; n;) {
        assert_int_equal(slk_flat_tar_produce(w, chunk, piece, &n, &e), SLK_OK);
        assert_int_equal(slk_buf_append(tar, chunk, n), SLK_OK);
    }
    assert_int_equal(tar->len, bytes);
    slk_flat_tar_free(w);
}

static void writer_and_reader_agree(void **state)
{
    fixture *f = *state;
    static const uint64_t sizes[] = {
        2048, 4096, 16384, 32768, (uint64_t)8 << 20, (uint64_t)512 << 20};
    static const size_t pieces[] = {1, 512, 777, 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        f->shape = slk_sector_shape_of(sizes[i]);
        assert_int_equal(slk_remove_tree(f->cache, NULL), SLK_OK);
        assert_int_equal(slk_folder_make(f->cache, 0755, NULL), SLK_OK);
        write_cache(f);
        SLK_CLEANUP(slk_buf_done) slk_buf tar;
        slk_buf_init(&tar, ARCHIVE_MAX);
        write_archive(f, &tar, pieces[i % 4]);
        slk_error e = {0};
        if (extract(f, &tar, 1000, &e) != SLK_OK)
            fail_msg("%s", e.message);
        SLK_CLEANUP(slk_freep) char *compare = slk_strf("diff -r %s %s", f->cache, f->out);
        assert_int_equal(system(compare), 0);
        SLK_CLEANUP(slk_freep)
        char *list = slk_strf("tar -xf - -O p_aux 2>/dev/null | wc -c | grep -qx 64");
        FILE *p = popen(list, "w");
        assert_non_null(p);
        (void)fwrite(tar.data, 1, tar.len, p);
        assert_int_equal(pclose(p), 0);
    }
}

static void sizes_follow_the_shape(void **state)
{
    (void)state;
    static const struct {
        uint64_t sector, bytes;
        size_t trees;
    } known[] = {/* source: reference/proofs 5.1 */
                 {2048, 32, 1},
                 {(uint64_t)512 << 20, 1198368, 1},
                 {(uint64_t)1 << 30, 1198368, 2},
                 {(uint64_t)32 << 30, 9586976, 8},
                 {(uint64_t)64 << 30, 9586976, 16}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const slk_sector_shape *shape = slk_sector_shape_of(known[i].sector);
        slk_cache_file file;
        assert_int_equal(slk_cache_file_count(shape), 2 + known[i].trees);
        slk_cache_file_at(&file, shape, 2);
        if (i)
            assert_int_equal(file.bytes, known[i].bytes);
    }
}

static void writer_refuses_an_unfinished_cache(void **state)
{
    fixture *f = *state;
    slk_flat_tar *w = NULL;
    uint64_t bytes;
    assert_int_equal(slk_cache_tar_new(&w, &bytes, f->cache, f->shape, NULL), SLK_E_NOTFOUND);
    write_cache(f);
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(f->cache, "p_aux");
    assert_int_equal(truncate(path, 63), 0);
    assert_int_equal(slk_cache_tar_new(&w, &bytes, f->cache, f->shape, NULL), SLK_E_CORRUPT);
}

#define T(function) cmocka_unit_test_setup_teardown(function, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(good_archives_are_taken), T(attacks_are_refused),
        T(every_cut_is_seen),       T(writer_and_reader_agree),
        T(sizes_follow_the_shape),  T(writer_refuses_an_unfinished_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
