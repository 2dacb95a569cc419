/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Storage paths: the list, what lies on them, room, removing and moving. */
#include "store/store.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/job.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/uuid.h"
#include "store/files.h"
#include "store/hold.h"
#include "store/place_test.h"
#include "store/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool folders_end_early; /* as on a disk that is failing */

/* In place of the system's. */
struct dirent *readdir(DIR *dir)
{
    struct dirent *(*real)(DIR *) = NULL;
    void *found = dlsym(RTLD_NEXT, "readdir");
    memcpy(&real, &found, sizeof real);
    struct dirent *entry = real(dir);
    if (!folders_end_early || !entry || entry->d_name[0] == '.')
        return entry;
    errno = EIO;
    return NULL;
}

static const slk_lotus_sector one = {1000, 1}, two = {1000, 2}, other = {2000, 1};

static int make(void **state)
{
    place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    place_make(p, "/tmp");
    *state = p;
    return 0;
}

static int unmake(void **state)
{
    place *p = *state;
    place_done(p);
    free(p);
    return 0;
}

static void assert_list(const place *p, const char *text)
{
    SLK_CLEANUP(slk_buf_done) slk_buf list;
    slk_buf_init(&list, 65536);
    assert_int_equal(slk_file_read_all(&list, p->list, NULL), SLK_OK);
    for (size_t i = 0; i < list.len; i++)
        if (list.data[i] == '\n' || list.data[i] == ' ')
            memmove(list.data + i, list.data + i + 1, list.len-- - i), i--;
    assert_string_equal(slk_buf_str(&list), text);
}

/* ---- the list ---- */

static void paths_are_kept_in_the_list(void **state)
{
    place *p = *state;
    const slk_lotus_meta meta = place_meta();
    const slk_store_path *paths[SLK_STORE_PATHS_MAX], *again = NULL;
    struct stat st;
    slk_error e = {0};
    assert_int_equal(slk_store_list(p->store, paths), 0);
    const slk_store_path *first = place_path(p, 0, &meta);
    const slk_store_path *second = place_path(p, 1, &meta);
    assert_true(slk_uuid_is(first->meta.id));
    assert_string_not_equal(first->meta.id, second->meta.id);
    SLK_CLEANUP(slk_freep) char *file = slk_path_join(first->folder, SLK_LOTUS_META_FILE);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    SLK_CLEANUP(slk_freep)
    char *listed = slk_strf("{\"StoragePaths\":[{\"Path\":\"%s\"},{\"Path\":\"%s\"}]}", p->path[0],
                            p->path[1]);
    assert_list(p, listed);
    /* As a process that comes later sees it. */
    SLK_CLEANUP(slk_store_freep) slk_store *later = NULL;
    assert_int_equal(slk_store_open(&later, p->list, NULL, NULL), SLK_OK);
    assert_int_equal(slk_store_list(later, paths), 2);
    assert_string_equal(paths[1]->meta.id, second->meta.id);
    assert_ptr_equal(slk_store_get(later, second->meta.id), paths[1]);
    assert_ptr_equal(slk_store_get(later, p->path[1]), paths[1]);
    assert_null(slk_store_get(later, "nothing"));
    SLK_CLEANUP(slk_freep) char *roundabout = slk_strf("%s/../path0/", p->path[1]);
    assert_int_equal(slk_store_detach(p->store, &again, roundabout, &e), SLK_OK);
    assert_ptr_equal(again, first);
    SLK_CLEANUP(slk_freep)
    char *left = slk_strf("{\"StoragePaths\":[{\"Path\":\"%s\"}]}", p->path[1]);
    assert_list(p, left);
    assert_int_equal(slk_store_detach(p->store, NULL, first->meta.id, &e), SLK_E_NOTFOUND);
    assert_string_equal(first->folder, p->path[0]); /* lives on */
}

static void an_id_is_open_once(void **state)
{
    place *p = *state;
    const slk_lotus_meta meta = place_meta();
    slk_error e = {0};
    const slk_store_path *first = place_path(p, 0, &meta);
    assert_int_equal(slk_store_attach(p->store, NULL, p->path[0], &e), SLK_E_EXISTS);
    assert_non_null(strstr(e.message, p->path[0]));
    assert_int_equal(slk_store_init_path(p->path[0], &meta, &e), SLK_E_EXISTS);
    assert_int_equal(slk_folder_make(p->path[1], 0755, NULL), SLK_OK);
    SLK_CLEANUP(slk_freep)
    char *copy = slk_strf("cp %s/sectorstore.json %s/", p->path[0], p->path[1]);
    assert_int_equal(system(copy), 0);
    assert_int_equal(slk_store_attach(p->store, NULL, p->path[1], &e), SLK_E_EXISTS);
    assert_non_null(strstr(e.message, p->path[0]));
    assert_non_null(strstr(e.message, p->path[1]));
    assert_non_null(strstr(e.message, first->meta.id));
    const slk_store_path *paths[SLK_STORE_PATHS_MAX];
    assert_int_equal(slk_store_list(p->store, paths), 1);
}

static void what_is_missing_is_named(void **state)
{
    place *p = *state;
    const slk_lotus_meta meta = place_meta();
    slk_error e = {0};
    assert_int_equal(slk_store_attach(p->store, NULL, p->path[0], &e), SLK_E_NOTFOUND);
    assert_non_null(strstr(e.message, p->path[0]));
    assert_int_equal(slk_folder_make(p->path[0], 0755, NULL), SLK_OK);
    assert_int_equal(slk_store_attach(p->store, NULL, p->path[0], &e), SLK_E_NOTFOUND);
    assert_non_null(strstr(e.message, "sectorstore.json"));
    (void)place_path(p, 1, &meta);
    SLK_CLEANUP(slk_freep) char *file = slk_path_join(p->path[1], SLK_LOTUS_META_FILE);
    assert_int_equal(unlink(file), 0);
    slk_store *later = NULL;
    assert_int_equal(slk_store_open(&later, p->list, NULL, &e), SLK_E_NOTFOUND);
    assert_non_null(strstr(e.message, p->list));
    assert_int_equal(slk_file_write_atomic(file, "{\"ID\":7}", 8, 0644, NULL), SLK_OK);
    assert_int_equal(slk_store_open(&later, p->list, NULL, &e), SLK_E_CORRUPT);
    assert_non_null(strstr(e.message, file));
    assert_int_equal(slk_file_write_atomic(p->list, "{", 1, 0644, NULL), SLK_OK);
    assert_int_equal(slk_store_open(&later, p->list, NULL, &e), SLK_E_CORRUPT);
    assert_int_equal(slk_store_attach(p->store, NULL, p->path[1], &e), SLK_E_CORRUPT);
}

/* ---- what lies there ---- */

static void a_scan_declares_sectors_alone(void **state)
{
    place *p = *state;
    const slk_lotus_meta meta = place_meta();
    const slk_sector_shape *shape = slk_sector_shape_of(2048);
    const slk_store_path *path = place_path(p, 0, &meta);
    SLK_CLEANUP(slk_store_scan_done) slk_store_scan scan = {0};
    place_file(path, SLK_LOTUS_SEALED, &one, 2048, 1);
    place_file(path, SLK_LOTUS_UNSEALED, &one, 2048, 1);
    place_cache(path, SLK_LOTUS_CACHE, &one, shape, true);
    place_file(path, SLK_LOTUS_SEALED, &other, 2048, 1);
    SLK_CLEANUP(slk_freep) char *sealed = slk_path_join(path->folder, "sealed");
    static const char *const foreign[] = {"s-t01000-1.tmp", "notes.txt", "s-t01000-01",
                                          "s-f01000-3", "s-t01000--4"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        SLK_CLEANUP(slk_freep) char *file = slk_path_join(sealed, foreign[i]);
        assert_int_equal(slk_file_write_atomic(file, "x", 1, 0644, NULL), SLK_OK);
    }
    SLK_CLEANUP(slk_freep) char *folder = slk_path_join(sealed, "s-t01000-7");
    assert_int_equal(slk_folder_make(folder, 0755, NULL), SLK_OK);
    SLK_CLEANUP(slk_freep) char *link = slk_path_join(sealed, "s-t01000-8");
    assert_int_equal(symlink("s-t01000-1", link), 0);
    SLK_CLEANUP(slk_freep) char *fetching = slk_path_join(sealed, "fetching/s-t01000-9");
    assert_int_equal(slk_file_write_atomic(fetching, "x", 1, 0644, NULL), SLK_OK);
    assert_int_equal(slk_store_scan_path(&scan, path, NULL), SLK_OK);
    assert_int_equal(scan.n, 2);
    assert_true(slk_lotus_sector_equal(&scan.found[0].sector, &one));
    assert_int_equal(scan.found[0].types, SLK_LOTUS_SEALED | SLK_LOTUS_UNSEALED | SLK_LOTUS_CACHE);
    assert_true(slk_lotus_sector_equal(&scan.found[1].sector, &other));
    assert_int_equal(scan.found[1].types, SLK_LOTUS_SEALED);
    assert_int_equal(scan.foreign.n, 7);
    assert_true(slk_lotus_strings_has(&scan.foreign, "sealed/s-t01000-1.tmp"));
    assert_true(slk_lotus_strings_has(&scan.foreign, "sealed/s-t01000-8"));
}

static void the_heaviest_copy_is_found(void **state)
{
    place *p = *state;
    slk_lotus_meta meta = place_meta();
    const slk_store_path *found = NULL, *light = place_path(p, 0, &meta);
    meta.weight = 20;
    const slk_store_path *heavy = place_path(p, 1, &meta);
    SLK_CLEANUP(slk_freep) char *file = NULL;
    slk_error e = {0};
    assert_int_equal(slk_store_find(p->store, &found, NULL, &one, SLK_LOTUS_SEALED, &e),
                     SLK_E_NOTFOUND);
    assert_null(strstr(e.message, p->folder)); /* may be told to strangers */
    place_file(light, SLK_LOTUS_SEALED, &one, 10, 1);
    assert_int_equal(slk_store_find(p->store, &found, &file, &one, SLK_LOTUS_SEALED, &e), SLK_OK);
    assert_ptr_equal(found, light);
    assert_non_null(strstr(file, "path0/sealed/s-t01000-1"));
    place_file(heavy, SLK_LOTUS_SEALED, &one, 10, 1);
    assert_int_equal(slk_store_find(p->store, &found, NULL, &one, SLK_LOTUS_SEALED, &e), SLK_OK);
    assert_ptr_equal(found, heavy);
    assert_int_equal(slk_store_find(p->store, &found, NULL, &two, SLK_LOTUS_SEALED, &e),
                     SLK_E_NOTFOUND);
}

/* ---- room ---- */

static slk_store_wish wish_of(unsigned types, uint64_t bytes)
{
    return (slk_store_wish){.sector = one,
                            .types = types,
                            .sector_bytes = 2048,
                            .bytes = bytes,
                            .path_type = SLK_LOTUS_PATH_SEALING};
}

static void reservations_shrink_as_files_grow(void **state)
{
    place *p = *state;
    slk_lotus_meta meta = place_meta();
    const slk_store_path *path = place_path(p, 0, &meta);
    slk_lotus_fs_stat before, stat;
    slk_store_wish wish = wish_of(SLK_LOTUS_SEALED | SLK_LOTUS_CACHE, 0);
    slk_store_room *room = NULL;
    assert_int_equal(slk_store_stat(p->store, &before, path, NULL), SLK_OK);
    assert_int_equal(before.reserved, 0);
    assert_int_equal(before.max, 0);
    assert_true(before.available == before.fs_available && before.capacity >= before.available);
    assert_int_equal(slk_store_room_reserve(&room, p->store, &wish, NULL), SLK_OK);
    assert_ptr_equal(slk_store_room_path(room, SLK_LOTUS_CACHE), path);
    assert_int_equal(slk_store_stat(p->store, &stat, path, NULL), SLK_OK);
    assert_int_equal(stat.reserved,
                     30924); /* source: reference/lotus-worker 6.4, but for folders: */
    assert_int_equal(slk_store_detach(p->store, NULL, path->meta.id, NULL), SLK_E_BUSY);
    slk_store_room_free(room);
    assert_int_equal(slk_store_stat(p->store, &stat, path, NULL), SLK_OK);
    assert_int_equal(stat.reserved, 0);
    wish = wish_of(SLK_LOTUS_SEALED, 1 << 20);
    assert_int_equal(slk_store_room_reserve(&room, p->store, &wish, NULL), SLK_OK);
    static uint8_t half[1 << 19];
    memset(half, 1, sizeof half);
    assert_int_equal(slk_file_write_atomic(slk_store_room_temp(room, SLK_LOTUS_SEALED), half,
                                           sizeof half, 0644, NULL),
                     SLK_OK);
    assert_int_equal(slk_store_stat(p->store, &stat, path, NULL), SLK_OK);
    assert_in_range(stat.reserved, (1 << 19) - 8192, 1 << 19);
    assert_int_equal(slk_store_place(p->store, room, &one, SLK_LOTUS_SEALED, NULL), SLK_OK);
    assert_int_equal(p->placed, 1);
    assert_int_equal(slk_store_stat(p->store, &stat, path, NULL), SLK_OK);
    assert_in_range(stat.reserved, (1 << 19) - 8192, 1 << 19);
    slk_store_room_free(room);
    assert_true(place_has(path, SLK_LOTUS_SEALED, &one, sizeof half, 1));
}

static void max_storage_counts_what_is_there_and_promised(void **state)
{
    place *p = *state;
    slk_lotus_meta meta = place_meta();
    meta.max_storage = 4 << 20;
    const slk_store_path *path = place_path(p, 0, &meta);
    slk_lotus_fs_stat stat;
    slk_error e = {0};
    slk_store_room *room = NULL, *second = NULL;
    place_file(path, SLK_LOTUS_SEALED, &two, 1 << 20, 1);
    assert_int_equal(slk_store_stat(p->store, &stat, path, NULL), SLK_OK);
    assert_int_equal(stat.max, 4 << 20);
    assert_in_range(stat.used, 1 << 20, (1 << 20) + 131072);
    assert_int_equal(stat.available, stat.max - stat.used);
    slk_store_wish wish = wish_of(SLK_LOTUS_SEALED, 2 << 20);
    assert_int_equal(slk_store_room_reserve(&room, p->store, &wish, &e), SLK_OK);
    wish.sector = other;
    assert_int_equal(slk_store_room_reserve(&second, p->store, &wish, &e), SLK_E_NOSPACE);
    assert_non_null(strstr(e.message, "sealed/s-t02000-1"));
    assert_non_null(strstr(e.message, "2097152 are needed"));
    slk_store_room_free(room);
    assert_int_equal(slk_store_room_reserve(&second, p->store, &wish, &e), SLK_OK);
    slk_store_room_free(second);
}

static void the_roomiest_by_weight_is_chosen(void **state)
{
    place *p = *state;
    slk_lotus_meta meta = place_meta();
    meta.max_storage = 8 << 20;
    (void)place_path(p, 0, &meta);
    meta.max_storage = 4 << 20;
    meta.weight = 30;
    const slk_store_path *heavy = place_path(p, 1, &meta);
    slk_store_room *rooms[4];
    unsigned on_heavy = 0;
    const slk_store_wish wish = wish_of(SLK_LOTUS_SEALED, 1 << 20);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(slk_store_room_reserve(&rooms[i], p->store, &wish, NULL), SLK_OK);
        on_heavy += slk_store_room_path(rooms[i], SLK_LOTUS_SEALED) == heavy;
        assert_int_equal(slk_store_room_path(rooms[0], SLK_LOTUS_SEALED) == heavy, 1);
    }
    /* 120, 90, 60 of the heavy one, then 80 of the light one. */
    assert_int_equal(on_heavy, 2);
    for (unsigned i = 0; i < 4; i++)
        slk_store_room_free(rooms[i]);
}

static void paths_take_what_they_are_for(void **state)
{
    place *p = *state;
    slk_lotus_meta meta = place_meta();
    slk_error e = {0};
    slk_store_room *room = NULL;
    slk_store_wish wish = wish_of(SLK_LOTUS_CACHE, 0);
    assert_int_equal(slk_store_room_reserve(&room, p->store, &wish, &e), SLK_E_NOSPACE);
    meta.can_seal = false;
    assert_int_equal(slk_lotus_strings_add(&meta.filter.deny_types, "cache"), SLK_OK);
    assert_int_equal(slk_lotus_strings_add(&meta.filter.allow_miners, "f02000"), SLK_OK);
    (void)place_path(p, 0, &meta);
    slk_lotus_meta read_only = place_meta();
    read_only.weight = 0;
    (void)place_path(p, 1, &read_only);
    assert_int_equal(slk_store_room_reserve(&room, p->store, &wish, &e), SLK_E_NOSPACE);
    assert_non_null(strstr(e.message, "path0 is not for sealing"));
    assert_non_null(strstr(e.message, "path1 is read-only"));
    wish.path_type = SLK_LOTUS_PATH_STORAGE;
    assert_int_equal(slk_store_room_reserve(&room, p->store, &wish, &e), SLK_E_NOSPACE);
    assert_non_null(strstr(e.message, "path0 does not take this type"));
    wish.types = SLK_LOTUS_SEALED;
    assert_int_equal(slk_store_room_reserve(&room, p->store, &wish, &e), SLK_E_NOSPACE);
    assert_non_null(strstr(e.message, "path0 does not take this miner"));
    wish.sector = other;
    assert_int_equal(slk_store_room_reserve(&room, p->store, &wish, &e), SLK_OK);
    slk_store_room_free(room);
    slk_lotus_meta_done(&meta);
}

/* ---- removing ---- */

static void what_is_kept_is_not_removed(void **state)
{
    place *p = *state;
    const slk_lotus_meta meta = place_meta();
    const slk_sector_shape *shape = slk_sector_shape_of(2048);
    const slk_store_path *a = place_path(p, 0, &meta), *b = place_path(p, 1, &meta);
    SLK_CLEANUP(slk_lotus_strings_done) slk_lotus_strings keep = {0};
    size_t n = 0;
    slk_error e = {0};
    assert_int_equal(slk_lotus_strings_add(&keep, b->meta.id), SLK_OK);
    place_cache(a, SLK_LOTUS_CACHE, &one, shape, false);
    place_cache(b, SLK_LOTUS_CACHE, &one, shape, false);
    place_cache(a, SLK_LOTUS_CACHE, &two, shape, false);
    p->refuse = true;
    assert_int_equal(slk_store_remove(p->store, &n, &one, SLK_LOTUS_CACHE, NULL, &e),
                     SLK_E_UNREACHABLE);
    assert_int_equal(n, 0);
    assert_true(place_has(a, SLK_LOTUS_CACHE, &one, 0, 0));
    p->refuse = false;
    assert_int_equal(slk_store_remove(p->store, &n, &one, SLK_LOTUS_CACHE, &keep, &e), SLK_OK);
    assert_int_equal(n, 1);
    assert_int_equal(p->dropped, 1);
    assert_false(place_has(a, SLK_LOTUS_CACHE, &one, 0, 0));
    assert_true(place_has(b, SLK_LOTUS_CACHE, &one, 0, 0));
    assert_true(place_has(a, SLK_LOTUS_CACHE, &two, 0, 0));
    place_no_leftovers(a, SLK_LOTUS_CACHE);
    assert_int_equal(slk_store_remove(p->store, &n, &one, SLK_LOTUS_CACHE, NULL, &e), SLK_OK);
    assert_int_equal(n, 1);
    assert_int_equal(slk_store_remove(p->store, &n, &one, SLK_LOTUS_CACHE, NULL, &e), SLK_OK);
    assert_int_equal(n, 0);
}

static void leftovers_go_with_the_sector(void **state)
{
    place *p = *state;
    const slk_lotus_meta meta = place_meta();
    const slk_store_path *path = place_path(p, 0, &meta);
    static const char *const ends[] = {"", ".tmp", ".blocks", ".blocks.tmp", ".move", ".gone"};
    SLK_CLEANUP(slk_freep) char *temp = slk_store_temp(path, SLK_LOTUS_SEALED, &one);
    SLK_CLEANUP(slk_freep) char *others = slk_store_temp(path, SLK_LOTUS_SEALED, &two);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        SLK_CLEANUP(slk_freep) char *file = slk_strf("%s%s", temp, ends[i]);
        assert_int_equal(slk_file_write_atomic(file, "x", 1, 0644, NULL), SLK_OK);
    }
    assert_int_equal(slk_file_write_atomic(others, "x", 1, 0644, NULL), SLK_OK);
    assert_int_equal(slk_store_remove(p->store, NULL, &one, SLK_LOTUS_SEALED, NULL, NULL), SLK_OK);
    assert_true(slk_file_exists(others));
    assert_int_equal(unlink(others), 0);
    place_no_leftovers(path, SLK_LOTUS_SEALED);
    /* A process that died while it removed a folder: the next one to open the path goes on. */
    SLK_CLEANUP(slk_freep) char *gone = slk_strf("%s.gone/deep", temp);
    assert_int_equal(slk_folder_make(gone, 0755, NULL), SLK_OK);
    assert_int_equal(slk_store_detach(p->store, NULL, path->meta.id, NULL), SLK_OK);
    assert_int_equal(slk_store_attach(p->store, &path, p->path[0], NULL), SLK_OK);
    place_no_leftovers(path, SLK_LOTUS_SEALED);
}

/* ---- moving ---- */

static const slk_store_path *sealing_path(place *p, unsigned i)
{
    slk_lotus_meta meta = place_meta();
    meta.can_store = false;
    return place_path(p, i, &meta);
}

static const slk_store_path *storing_path(place *p, unsigned i)
{
    slk_lotus_meta meta = place_meta();
    meta.can_seal = false;
    return place_path(p, i, &meta);
}

static void files_move_to_where_they_are_kept(void **state)
{
    place *p = *state;
    const slk_sector_shape *shape = slk_sector_shape_of(2048);
    const slk_store_path *seal = sealing_path(p, 0), *store = NULL;
    const unsigned types = SLK_LOTUS_SEALED | SLK_LOTUS_CACHE;
    slk_error e = {0};
    place_file(seal, SLK_LOTUS_SEALED, &one, 2048, 5);
    place_cache(seal, SLK_LOTUS_CACHE, &one, shape, true);
    assert_int_equal(slk_store_move(p->store, &one, types, 2048, NULL, &e), SLK_E_NOSPACE);
    assert_true(place_has(seal, SLK_LOTUS_SEALED, &one, 2048, 5));
    store = storing_path(p, 1);
    assert_int_equal(slk_store_move(p->store, &one, types, 2048, NULL, &e), SLK_OK);
    assert_false(place_has(seal, SLK_LOTUS_SEALED, &one, 2048, 5));
    assert_false(place_has(seal, SLK_LOTUS_CACHE, &one, 0, 0));
    assert_true(place_has(store, SLK_LOTUS_SEALED, &one, 2048, 5));
    assert_true(place_has(store, SLK_LOTUS_CACHE, &one, 0, 0));
    assert_int_equal(p->dropped, 2);
    assert_int_equal(p->placed, 2);
    /* Again: nothing to do. A copy that is left where it was sealed goes. */
    assert_int_equal(slk_store_move(p->store, &one, types, 2048, NULL, &e), SLK_OK);
    assert_int_equal(p->dropped, 2);
    place_file(seal, SLK_LOTUS_SEALED, &one, 2048, 5);
    assert_int_equal(slk_store_move(p->store, &one, types, 2048, NULL, &e), SLK_OK);
    assert_false(place_has(seal, SLK_LOTUS_SEALED, &one, 2048, 5));
    assert_int_equal(p->dropped, 3);
    assert_int_equal(slk_store_move(p->store, &two, types, 2048, NULL, &e), SLK_E_NOTFOUND);
}

static void groups_say_where_to(void **state)
{
    place *p = *state;
    slk_lotus_meta from = place_meta(), to = place_meta();
    from.can_store = false;
    assert_int_equal(slk_lotus_strings_add(&from.filter.allow_to, "vault"), SLK_OK);
    const slk_store_path *seal = place_path(p, 0, &from);
    (void)storing_path(p, 1);
    slk_error e = {0};
    place_file(seal, SLK_LOTUS_SEALED, &one, 2048, 5);
    assert_int_equal(slk_store_move(p->store, &one, SLK_LOTUS_SEALED, 2048, NULL, &e),
                     SLK_E_NOSPACE);
    assert_non_null(strstr(e.message, "groups"));
    assert_int_equal(slk_lotus_strings_add(&to.filter.groups, "vault"), SLK_OK);
    const slk_store_path *vault = place_path(p, 2, &to);
    assert_int_equal(slk_store_move(p->store, &one, SLK_LOTUS_SEALED, 2048, NULL, &e), SLK_OK);
    assert_true(place_has(vault, SLK_LOTUS_SEALED, &one, 2048, 5));
    slk_lotus_meta_done(&from);
    slk_lotus_meta_done(&to);
}

/* Where there are two file systems: /tmp and /dev/shm mostly are. */
static void files_move_to_another_disk(void **state)
{
    place *p = *state;
    const slk_sector_shape *shape = slk_sector_shape_of(2048);
    const uint64_t large = (uint64_t)8 << 20;
    struct stat a, b;
    if (stat("/tmp", &a) != 0 || stat("/dev/shm", &b) != 0 || a.st_dev == b.st_dev)
        skip();
    place far;
    place_make(&far, "/dev/shm");
    (void)snprintf(p->path[1], sizeof p->path[1], "%s", far.path[0]);
    const slk_store_path *seal = sealing_path(p, 0), *store = storing_path(p, 1);
    slk_error e = {0};
    place_file(seal, SLK_LOTUS_SEALED, &one, 3 << 20, 5);
    place_cache(seal, SLK_LOTUS_CACHE, &one, shape, true);
    SLK_CLEANUP(slk_freep) char *sparse = slk_store_file(seal, SLK_LOTUS_UNSEALED, &one);
    assert_int_equal(slk_file_write_atomic(sparse, "head", 4, 0644, NULL), SLK_OK);
    assert_int_equal(truncate(sparse, (off_t)large), 0);
    slk_job job;
    slk_job_init(&job);
    slk_job_cancel(&job);
    assert_int_equal(slk_store_move(p->store, &one, SLK_LOTUS_SEALED, 2048, &job, &e),
                     SLK_E_CANCELED);
    assert_true(place_has(seal, SLK_LOTUS_SEALED, &one, 3 << 20, 5));
    place_no_leftovers(store, SLK_LOTUS_SEALED);
    slk_job_init(&job);
    folders_end_early = true; /* half a folder is no copy of it */
    assert_int_equal(slk_store_move(p->store, &one, SLK_LOTUS_CACHE, 2048, &job, &e), SLK_E_IO);
    folders_end_early = false;
    assert_true(place_has(seal, SLK_LOTUS_CACHE, &one, 0, 0));
    assert_false(place_has(store, SLK_LOTUS_CACHE, &one, 0, 0));
    const unsigned types = SLK_LOTUS_SEALED | SLK_LOTUS_CACHE | SLK_LOTUS_UNSEALED;
    if (slk_store_move(p->store, &one, types, 2048, &job, &e) != SLK_OK)
        fail_msg("%s", e.message);
    assert_true(place_has(store, SLK_LOTUS_SEALED, &one, 3 << 20, 5));
    assert_true(place_has(store, SLK_LOTUS_CACHE, &one, 0, 0));
    assert_false(place_has(seal, SLK_LOTUS_SEALED, &one, 0, 0));
    assert_false(place_has(seal, SLK_LOTUS_CACHE, &one, 0, 0));
    SLK_CLEANUP(slk_freep) char *moved = slk_store_file(store, SLK_LOTUS_UNSEALED, &one);
    assert_int_equal(stat(moved, &a), 0);
    assert_int_equal(a.st_size, large);
    assert_in_range(a.st_blocks * 512, 0, 1 << 20); /* holes stay holes */
    place_no_leftovers(store, SLK_LOTUS_SEALED);
    place_no_leftovers(seal, SLK_LOTUS_CACHE);
    /* Both copies, as after a crash between placing and removing. */
    place_file(seal, SLK_LOTUS_SEALED, &one, 3 << 20, 5);
    assert_int_equal(slk_store_move(p->store, &one, types, 2048, &job, &e), SLK_OK);
    assert_false(place_has(seal, SLK_LOTUS_SEALED, &one, 0, 0));
    slk_store_free(p->store);
    p->store = NULL;
    place_done(&far);
}

/* ---- holds ---- */

typedef struct waiter {
    slk_store *store;
    atomic_bool has;
    slk_err code;
    slk_job job;
} waiter;

static void *wait_to_write(void *context)
{
    waiter *w = context;
    slk_store_hold *hold = NULL;
    w->code = slk_store_hold_take(&hold, w->store, &one, 0, SLK_LOTUS_CACHE, -1, &w->job, NULL);
    w->has = w->code == SLK_OK;
    slk_store_hold_free(hold);
    return NULL;
}

static void many_read_and_one_writes(void **state)
{
    place *p = *state;
    slk_store_hold *a = NULL, *b = NULL, *c = NULL;
    slk_error e = {0};
    const unsigned cache = SLK_LOTUS_CACHE, sealed = SLK_LOTUS_SEALED;
    assert_int_equal(slk_store_hold_take(&a, p->store, &one, cache, 0, 0, NULL, &e), SLK_OK);
    assert_int_equal(slk_store_hold_take(&b, p->store, &one, cache, sealed, 0, NULL, &e), SLK_OK);
    assert_int_equal(slk_store_hold_take(&c, p->store, &one, 0, cache, 0, NULL, &e), SLK_E_BUSY);
    assert_non_null(strstr(e.message, "s-t01000-1"));
    assert_int_equal(slk_store_hold_take(&c, p->store, &one, sealed, 0, 1, NULL, &e), SLK_E_BUSY);
    assert_int_equal(slk_store_hold_take(&c, p->store, &two, 0, cache, 0, NULL, &e), SLK_OK);
    slk_store_hold_free(c);
    slk_store_hold_free(a);
    slk_store_hold_free(b);
    assert_int_equal(slk_store_hold_take(&c, p->store, &one, 0, cache, 0, NULL, &e), SLK_OK);
    slk_store_hold_free(c);
}

/* Who asks to read after a writer does not pass it. */
static void a_writer_is_not_starved(void **state)
{
    place *p = *state;
    slk_store_hold *a = NULL, *b = NULL;
    waiter w = {.store = p->store};
    pthread_t thread;
    slk_job_init(&w.job);
    assert_int_equal(slk_store_hold_take(&a, p->store, &one, SLK_LOTUS_CACHE, 0, 0, NULL, NULL),
                     SLK_OK);
    assert_int_equal(pthread_create(&thread, NULL, wait_to_write, &w), 0);
    /* Readers get in until the writer has asked. */
    while (slk_store_hold_take(&b, p->store, &one, SLK_LOTUS_CACHE, 0, 0, NULL, NULL) == SLK_OK)
        slk_store_hold_free(b);
    assert_false(w.has);
    slk_store_hold_free(a);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(w.has);
}

static void waiting_ends_with_its_job(void **state)
{
    place *p = *state;
    slk_store_hold *a = NULL, *b = NULL;
    waiter w = {.store = p->store};
    pthread_t thread;
    slk_job_init(&w.job);
    assert_int_equal(slk_store_hold_take(&a, p->store, &one, SLK_LOTUS_CACHE, 0, 0, NULL, NULL),
                     SLK_OK);
    assert_int_equal(pthread_create(&thread, NULL, wait_to_write, &w), 0);
    slk_job_cancel(&w.job);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(w.code, SLK_E_CANCELED);
    assert_int_equal(slk_store_hold_take(&b, p->store, &one, SLK_LOTUS_CACHE, 0, 0, NULL, NULL),
                     SLK_OK);
    slk_store_hold_free(a);
    slk_store_hold_free(b);
}

/* ---- many threads ---- */

typedef struct reserver {
    slk_store *store;
    atomic_uint rounds;
    atomic_bool stop;
} reserver;

static void *reserve_again_and_again(void *context)
{
    reserver *r = context;
    const slk_store_wish wish = {.sector = one,
                                 .types = SLK_LOTUS_SEALED,
                                 .sector_bytes = 2048,
                                 .path_type = SLK_LOTUS_PATH_SEALING};
    while (!atomic_load(&r->stop)) {
        slk_store_room *room = NULL;
        if (slk_store_room_reserve(&room, r->store, &wish, NULL) == SLK_OK)
            slk_store_room_free(room);
        atomic_fetch_add(&r->rounds, 1);
    }
    return NULL;
}

static void paths_come_and_go_while_others_reserve(void **state)
{
    place *p = *state;
    const slk_lotus_meta meta = place_meta();
    reserver r = {.store = p->store};
    pthread_t thread;
    slk_error e = {0};
    (void)place_path(p, 0, &meta);
    (void)place_path(p, 1, &meta);
    (void)alarm(60); /* two that wait for each other wait for ever */
    assert_int_equal(pthread_create(&thread, NULL, reserve_again_and_again, &r), 0);
    for (unsigned gone = 0; gone < 200 || atomic_load(&r.rounds) < 200;) {
        const slk_err code = slk_store_detach(p->store, NULL, p->path[1], &e);
        if (code == SLK_E_BUSY)
            continue;
        assert_int_equal(code, SLK_OK);
        assert_int_equal(slk_store_attach(p->store, NULL, p->path[1], &e), SLK_OK);
        gone++;
    }
    atomic_store(&r.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)alarm(0);
}

#define T(function) cmocka_unit_test_setup_teardown(function, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(paths_are_kept_in_the_list),
        T(an_id_is_open_once),
        T(what_is_missing_is_named),
        T(a_scan_declares_sectors_alone),
        T(the_heaviest_copy_is_found),
        T(reservations_shrink_as_files_grow),
        T(max_storage_counts_what_is_there_and_promised),
        T(the_roomiest_by_weight_is_chosen),
        T(paths_take_what_they_are_for),
        T(what_is_kept_is_not_removed),
        T(leftovers_go_with_the_sector),
        T(files_move_to_where_they_are_kept),
        T(groups_say_where_to),
        T(files_move_to_another_disk),
        T(many_read_and_one_writes),
        T(a_writer_is_not_starved),
        T(waiting_ends_with_its_job),
        T(paths_come_and_go_while_others_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
