/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store/place_test.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/cache_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static slk_err dropping(void *context, const slk_store_path *path, const slk_lotus_sector *sector,
                        unsigned type, slk_error *error)
{
    place *p = context;
    (void)path;
    (void)sector;
    (void)type;
    if (p->refuse)
        return slk_fail(error, SLK_E_UNREACHABLE, "nobody can be told");
    p->dropped++;
    return SLK_OK;
}

static slk_err placed(void *context, const slk_store_path *path, const slk_lotus_sector *sector,
                      unsigned type, slk_error *error)
{
    place *p = context;
    (void)type;
    (void)sector;
    (void)error;
    assert_non_null(path->folder);
    p->placed++;
    return SLK_OK;
}

void place_make(place *p, const char *parent)
{
    slk_error e = {0};
    *p = (place){0};
    (void)snprintf(p->folder, sizeof p->folder, "%s/slk_store_test.XXXXXX", parent);
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->list, sizeof p->list, "%s/storage.json", p->folder);
    for (unsigned i = 0; i < PLACES; i++)
        (void)snprintf(p->path[i], sizeof p->path[i], "%s/path%u", p->folder, i);
    const slk_store_hooks hooks = {p, dropping, placed};
    if (slk_store_open(&p->store, p->list, &hooks, &e) != SLK_OK)
        fail_msg("%s", e.message);
}

void place_done(place *p)
{
    slk_store_free(p->store);
    assert_int_equal(slk_remove_tree(p->folder, NULL), SLK_OK);
}

slk_lotus_meta place_meta(void)
{
    return (slk_lotus_meta){.weight = 10, .can_seal = true, .can_store = true};
}

const slk_store_path *place_path(place *p, unsigned i, const slk_lotus_meta *meta)
{
    const slk_store_path *path = NULL;
    slk_error e = {0};
    if (slk_store_init_path(p->path[i], meta, &e) != SLK_OK ||
        slk_store_attach(p->store, &path, p->path[i], &e) != SLK_OK)
        fail_msg("%s", e.message);
    return path;
}

/* Not synced: thousands of them are made where a test kills a process again and again. */
static void write_plainly(const char *file, const void *bytes, size_t n)
{
    FILE *out = fopen(file, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
}

void place_file(const slk_store_path *path, unsigned type, const slk_lotus_sector *sector,
                size_t bytes, int fill)
{
    SLK_CLEANUP(slk_freep) char *file = slk_store_file(path, type, sector);
    SLK_CLEANUP(slk_freep) uint8_t *content = slk_alloc(bytes, 1);
    assert_true(file && content);
    memset(content, fill, bytes);
    write_plainly(file, content, bytes);
}

void place_cache(const slk_store_path *path, unsigned type, const slk_lotus_sector *sector,
                 const slk_sector_shape *shape, bool finished)
{
    slk_cache_set set;
    SLK_CLEANUP(slk_freep) char *folder = slk_store_file(path, type, sector);
    assert_int_equal(slk_folder_make(folder, 0755, NULL), SLK_OK);
    slk_cache_set_init(&set, shape, finished);
    for (size_t i = 0; i < set.n; i++) {
        if (set.member[i].skip || strncmp(set.member[i].name, "syn-", 4) == 0)
            continue;
        SLK_CLEANUP(slk_freep) char *file = slk_path_join(folder, set.member[i].name);
        SLK_CLEANUP(slk_freep) uint8_t *content = slk_alloc(set.member[i].min_bytes, 1);
        memset(content, (int)i + 1, set.member[i].min_bytes);
        write_plainly(file, content, set.member[i].min_bytes);
    }
}

bool place_has(const slk_store_path *path, unsigned type, const slk_lotus_sector *sector,
               size_t bytes, int fill)
{
    SLK_CLEANUP(slk_freep) char *file = slk_store_file(path, type, sector);
    SLK_CLEANUP(slk_buf_done) slk_buf content;
    slk_buf_init(&content, bytes + 1);
    if (!slk_file_exists(file))
        return false;
    if (slk_lotus_type_is_folder(type))
        return true;
    assert_int_equal(slk_file_read_all(&content, file, NULL), SLK_OK);
    assert_int_equal(content.len, bytes);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(content.data[i], fill);
    return true;
}

void place_no_leftovers(const slk_store_path *path, unsigned type)
{
    SLK_CLEANUP(slk_freep)
    char *folder = slk_strf("%s/%s/fetching", path->folder, slk_lotus_type_name(type));
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            fail_msg("%s/%s is left", folder, e->d_name);
    (void)closedir(dir);
}
