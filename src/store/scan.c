/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store/store.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void slk_store_scan_done(slk_store_scan *scan)
{
    slk_free(scan->found);
    slk_lotus_strings_done(&scan->foreign);
    *scan = (slk_store_scan){0};
}

typedef struct scanner {
    slk_store_scan scan;
    size_t capacity;
    const slk_store_path *path;
    unsigned type; /* being read */
} scanner;

static slk_err note_sector(scanner *s, const slk_lotus_sector *sector)
{
    slk_store_scan *scan = &s->scan;
    if (scan->n == s->capacity) {
        const size_t capacity = s->capacity ? s->capacity * 2 : 64;
        slk_lotus_declaration *grown = slk_realloc(scan->found, capacity, sizeof *grown);
        if (!grown)
            return SLK_E_NOMEM;
        scan->found = grown;
        s->capacity = capacity;
    }
    scan->found[scan->n++] = (slk_lotus_declaration){.sector = *sector, .types = s->type};
    return SLK_OK;
}

static slk_err note_foreign(scanner *s, const char *name, const char *why)
{
    SLK_CLEANUP(slk_freep)
    char *shown = slk_strf("%s/%s", slk_lotus_type_name(s->type), name);
    if (!shown)
        return SLK_E_NOMEM;
    slk_text_quotable(shown);
    slk_log(SLK_LOG_WARN, "storage.foreign", "path=\"%s\" entry=\"%s\" why=\"%s\"", s->path->folder,
            shown, why);
    const slk_err code = slk_lotus_strings_add(&s->scan.foreign, shown);
    return code == SLK_E_LIMIT ? SLK_OK : code; /* the log has it */
}

static slk_err look_at(scanner *s, int folder, const char *name)
{
    struct stat st;
    slk_lotus_sector sector;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "fetching") == 0)
        return SLK_OK;
    if (slk_lotus_sector_parse(&sector, name, NULL) != SLK_OK)
        return note_foreign(s, name, "not the name of a sector");
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? SLK_OK : note_foreign(s, name, "not to be looked at");
    const bool as_it_must =
        slk_lotus_type_is_folder(s->type) ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode);
    return as_it_must ? note_sector(s, &sector) : note_foreign(s, name, "not a file of this kind");
}

static slk_err read_type(scanner *s, slk_error *error)
{
    SLK_CLEANUP(slk_freep)
    char *folder = slk_path_join(s->path->folder, slk_lotus_type_name(s->type));
    if (!folder)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for what %s has", s->path->folder);
    DIR *dir = opendir(folder);
    if (!dir && errno == ENOENT)
        return SLK_OK;
    if (!dir)
        return slk_fail_errno(error, errno, "cannot read %s", folder);
    slk_err code = SLK_OK;
    errno = 0;
    for (const struct dirent *e; code == SLK_OK && (e = readdir(dir)) != NULL; errno = 0)
        code = look_at(s, dirfd(dir), e->d_name);
    const int os_errno = errno;
    (void)closedir(dir);
    if (code != SLK_OK)
        return slk_fail(error, code, "out of memory for what %s has", s->path->folder);
    return os_errno ? slk_fail_errno(error, os_errno, "cannot read %s", folder) : SLK_OK;
}

static int compare(const void *a, const void *b)
{
    const slk_lotus_sector *x = &((const slk_lotus_declaration *)a)->sector;
    const slk_lotus_sector *y = &((const slk_lotus_declaration *)b)->sector;
    if (x->miner != y->miner)
        return x->miner < y->miner ? -1 : 1;
    return x->number == y->number ? 0 : x->number < y->number ? -1 : 1;
}

/* One entry per sector, types together. */
static void join(slk_store_scan *scan)
{
    size_t n = 0;
    if (scan->n > 0)
        qsort(scan->found, scan->n, sizeof *scan->found, compare);
    for (size_t i = 0; i < scan->n; i++) {
        if (n > 0 && compare(&scan->found[n - 1], &scan->found[i]) == 0)
            scan->found[n - 1].types |= scan->found[i].types;
        else
            scan->found[n++] = scan->found[i];
    }
    scan->n = n;
}

slk_err slk_store_scan_path(slk_store_scan *ret_scan, const slk_store_path *path, slk_error *error)
{
    scanner s = {.path = path};
    slk_err code = SLK_OK;
    for (unsigned i = 0; i < SLK_LOTUS_TYPES && code == SLK_OK; i++) {
        s.type = 1u << i;
        code = read_type(&s, error);
    }
    if (code != SLK_OK) {
        slk_store_scan_done(&s.scan);
        return code;
    }
    join(&s.scan);
    *ret_scan = s.scan;
    return SLK_OK;
}
