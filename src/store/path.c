/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store/path_impl.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "store/store_impl.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FETCHING "fetching"

const char *const slk_store_leftovers[SLK_STORE_LEFTOVERS] = {
    "", ".tmp", ".blocks", ".blocks.tmp", SLK_STORE_MOVE, SLK_STORE_GONE};

/* ---- names ---- */

char *slk_store_file(const slk_store_path *path, unsigned type, const slk_lotus_sector *sector)
{
    char name[SLK_LOTUS_NAME_CHARS];
    slk_lotus_sector_print(name, sector);
    return slk_strf("%s/%s/%s", path->folder, slk_lotus_type_name(type), name);
}

char *slk_store_temp(const slk_store_path *path, unsigned type, const slk_lotus_sector *sector)
{
    char name[SLK_LOTUS_NAME_CHARS];
    slk_lotus_sector_print(name, sector);
    return slk_strf("%s/%s/" FETCHING "/%s", path->folder, slk_lotus_type_name(type), name);
}

bool slk_store_has(const slk_store_path *path, unsigned type, const slk_lotus_sector *sector)
{
    struct stat st;
    SLK_CLEANUP(slk_freep) char *file = slk_store_file(path, type, sector);
    if (!file || lstat(file, &st) != 0)
        return false;
    return slk_lotus_type_is_folder(type) ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode);
}

/* ---- opening ---- */

static slk_err read_meta(slk_lotus_meta *ret_meta, const char *folder, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    SLK_CLEANUP(slk_freep) char *file = slk_path_join(folder, SLK_LOTUS_META_FILE);
    slk_buf_init(&text, SLK_LOTUS_META_MAX_BYTES);
    if (!file)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for storage path %s", folder);
    slk_err code = slk_file_read_all(&text, file, error);
    if (code == SLK_E_NOTFOUND)
        return slk_fail(error, code,
                        "%s is no storage path: it has no " SLK_LOTUS_META_FILE
                        "; mount its disk, attach it with --init, or take it off the list",
                        folder);
    SLK_TRY(code);
    code = slk_lotus_meta_parse(ret_meta, text.data, text.len, error);
    if (code == SLK_E_INVAL)
        return slk_fail_context(error, SLK_E_CORRUPT, "%s", file);
    return code;
}

static bool has_suffix(const char *text, const char *suffix)
{
    const size_t n = strlen(text), m = strlen(suffix);
    return n > m && strcmp(text + n - m, suffix) == 0;
}

/* What was being removed belongs to nobody. Another process may be removing it just now. */
static void remove_gone(const char *fetching)
{
    DIR *dir = opendir(fetching);
    for (const struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        SLK_CLEANUP(slk_freep) char *file = slk_path_join(fetching, e->d_name);
        slk_error why = {0};
        if (has_suffix(e->d_name, SLK_STORE_GONE) && file && slk_remove_tree(file, &why) != SLK_OK)
            slk_log(SLK_LOG_WARN, "storage.leftover", "file=\"%s\" why=\"%s\"", file, why.message);
    }
    if (dir)
        (void)closedir(dir);
}

static slk_err make_folders(const slk_store_path *path, slk_error *error)
{
    for (unsigned i = 0; i < SLK_LOTUS_TYPES; i++) {
        SLK_CLEANUP(slk_freep)
        char *fetching = slk_strf("%s/%s/" FETCHING, path->folder, slk_lotus_type_name(1u << i));
        if (!fetching)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for storage path %s", path->folder);
        SLK_TRY(slk_folder_make(fetching, 0755, error));
        remove_gone(fetching);
    }
    return SLK_OK;
}

static slk_err fill_path(slk_store_path *path, const char *folder, slk_error *error)
{
    char whole[PATH_MAX];
    if (!realpath(folder, whole))
        return slk_fail_errno(error, errno, "cannot open storage path %s (is its disk mounted?)",
                              folder);
    if (!(path->folder = slk_strdup(whole)))
        return slk_fail(error, SLK_E_NOMEM, "out of memory for storage path %s", folder);
    SLK_TRY(read_meta(&path->meta, path->folder, error));
    return path->meta.weight > 0 ? make_folders(path, error) : SLK_OK;
}

slk_err slk_store_path_open(slk_store_path **ret_path, const char *folder, slk_error *error)
{
    slk_store_path *path = slk_calloc(1, sizeof *path);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for storage path %s", folder);
    const slk_err code = fill_path(path, folder, error);
    if (code != SLK_OK) {
        slk_store_path_free(path);
        return code;
    }
    *ret_path = path;
    return SLK_OK;
}

void slk_store_path_free(slk_store_path *path)
{
    if (!path)
        return;
    slk_lotus_meta_done(&path->meta);
    slk_free(path->folder);
    slk_free(path);
}

/* ---- a new path ---- */

slk_err slk_store_init_path(const char *folder, const slk_lotus_meta *meta, slk_error *error)
{
    SLK_TRY(slk_folder_make(folder, 0755, error));
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    SLK_CLEANUP(slk_freep) char *file = slk_path_join(folder, SLK_LOTUS_META_FILE);
    slk_buf_init(&text, SLK_LOTUS_META_MAX_BYTES);
    if (!file)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for storage path %s", folder);
    if (slk_file_exists(file))
        return slk_fail(error, SLK_E_EXISTS,
                        "%s is a storage path already; attach it without --init", folder);
    slk_lotus_meta fresh = *meta; /* borrows its lists */
    slk_uuid_random(fresh.id);
    const slk_err code = slk_lotus_meta_print(&text, &fresh);
    if (code != SLK_OK)
        return slk_fail(error, code, "%s cannot be written: %s", file, slk_error_text(NULL, code));
    return slk_file_write_atomic(file, text.data, text.len, 0644, error);
}

/* ---- the list ---- */

slk_err slk_store_list_read(slk_lotus_strings *ret_folders, const char *list_file, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_LOTUS_STORAGE_MAX_BYTES);
    slk_err code = slk_file_read_all(&text, list_file, error);
    if (code == SLK_E_NOTFOUND) {
        *ret_folders = (slk_lotus_strings){0};
        return SLK_OK;
    }
    SLK_TRY(code);
    code = slk_lotus_storage_parse(ret_folders, text.data, text.len, error);
    if (code == SLK_E_INVAL)
        return slk_fail_context(error, SLK_E_CORRUPT, "%s", list_file);
    return code;
}

/* The list may name a folder by another name than the canonical one. */
static slk_err take_off(slk_lotus_strings *folders, const char *folder)
{
    for (size_t i = folders->n; i > 0; i--) {
        SLK_CLEANUP(slk_freep) char *name = slk_strdup(folders->item[i - 1]);
        if (!name)
            return SLK_E_NOMEM;
        if (strcmp(name, folder) == 0 || slk_file_same(name, folder))
            slk_lotus_strings_remove(folders, name);
    }
    return SLK_OK;
}

slk_err slk_store_list_change(const char *list_file, const char *folder, bool add, slk_error *error)
{
    if (!list_file)
        return SLK_OK;
    SLK_CLEANUP(slk_lotus_strings_done) slk_lotus_strings folders = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_LOTUS_STORAGE_MAX_BYTES);
    SLK_TRY(slk_store_list_read(&folders, list_file, error));
    slk_err code = take_off(&folders, folder);
    if (code == SLK_OK && add)
        code = slk_lotus_strings_add(&folders, folder);
    if (code == SLK_OK)
        code = slk_lotus_storage_print(&text, &folders);
    if (code != SLK_OK)
        return slk_fail(error, code, "%s cannot be written: %s", list_file,
                        slk_error_text(NULL, code));
    return slk_file_write_atomic(list_file, text.data, text.len, 0644, error);
}
