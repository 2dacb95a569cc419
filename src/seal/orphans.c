/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/orphans.h"

#include "base/file.h"
#include "base/mem.h"
#include "db/args.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REMAINS_PREFIX ".removed-"

static const slk_sql count_owners = {
    "orphans.owners",
    "SELECT (SELECT count(*) FROM rseal_provider_pipeline WHERE sp_id = $1 AND sector_number = $2"
    " AND state <> 'cleaned') + (SELECT count(*) FROM rseal_client_pipeline WHERE sp_id = $1"
    " AND sector_number = $2)"};
static const slk_sql pass_door = {
    "orphans.door", "UPDATE seal_sequence SET value = value + 1 WHERE name = 'admission'"};

const char *slk_orphan_kind_name(slk_orphan_kind kind)
{
    static const char *const names[SLK_ORPHAN_KIND_COUNT] = {"scratch", "storage", "remains",
                                                             "foreign"};
    slk_assert(kind < SLK_ORPHAN_KIND_COUNT);
    return names[kind];
}

/* Digits as a number below 2^63, without sign or leading zeros; returns what follows, NULL when it is
 * none. */
static const char *read_number(uint64_t *ret, const char *text)
{
    if (*text < '0' || *text > '9' || (*text == '0' && text[1] >= '0' && text[1] <= '9'))
        return NULL;
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || value > INT64_MAX)
        return NULL;
    *ret = value;
    return end;
}

/* "s-t01000-7", "s-t01000-7.tmp" */
static bool is_sector(uint64_t *ret_sp_id, uint64_t *ret_number, const char *name)
{
    if (strncmp(name, "s-t0", 4) != 0)
        return false;
    const char *at = read_number(ret_sp_id, name + 4);
    if (!at || *at != '-')
        return false;
    at = read_number(ret_number, at + 1);
    return at && (*at == '\0' || *at == '.');
}

struct scan {
    slk_seal *seal;
    slk_orphan_visit *visit;
    void *context;
};

static slk_err look_at(const struct scan *scan, const char *folder, slk_orphan_kind kind,
                       const char *name, slk_error *error)
{
    slk_orphan o = {.kind = kind};
    if (strncmp(name, REMAINS_PREFIX, strlen(REMAINS_PREFIX)) == 0) {
        o.kind = SLK_ORPHAN_REMAINS;
    } else if (is_sector(&o.sp_id, &o.number, name)) {
        int64_t owners = 0;
        SLK_TRY(slk_sql_number(&owners, slk_seal_db(scan->seal), &count_owners,
                               SLK_ARGS(slk_arg_u(o.sp_id), slk_arg_u(o.number)), error));
        if (owners > 0)
            return SLK_OK;
    } else {
        o.kind = SLK_ORPHAN_FOREIGN;
    }
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, name);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    o.path = path;
    o.bytes = slk_path_used_bytes(path);
    return scan->visit(scan->context, &o, error);
}

/* All names first: visit may rename and remove under our hands. */
static slk_err scan_folder(const struct scan *scan, const char *base, const char *inner,
                           slk_orphan_kind kind, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *folder = slk_path_join(base, inner);
    if (!folder)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    struct dirent **list = NULL;
    const int n = scandir(folder, &list, NULL, alphasort);
    if (n < 0)
        return errno == ENOENT ? SLK_OK
                               : slk_fail_errno(error, errno, "cannot read the folder %s", folder);
    slk_err code = SLK_OK;
    for (int i = 0; i < n; i++) {
        const char *name = list[i]->d_name;
        if (code == SLK_OK && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            code = look_at(scan, folder, kind, name, error);
        slk_free(list[i]);
    }
    slk_free(list);
    return code;
}

slk_err slk_orphans_scan(slk_seal *seal, slk_orphan_visit *visit, void *context, slk_error *error)
{
    const slk_seal_options *o = slk_seal_get_options(seal);
    const struct scan scan = {seal, visit, context};
    static const char *const scratch[] = {"sealed", "cache", "c1"};
    static const char *const storage[] = {"sealed", "cache", "unsealed"};
    for (size_t i = 0; i < 3; i++)
        SLK_TRY(scan_folder(&scan, o->scratch_folder, scratch[i], SLK_ORPHAN_SCRATCH, error));
    for (size_t i = 0; i < 3 && o->storage_folder && o->storage_folder[0]; i++)
        SLK_TRY(scan_folder(&scan, o->storage_folder, storage[i], SLK_ORPHAN_STORAGE, error));
    return SLK_OK;
}

struct removal {
    const slk_orphan *orphan;
    const char *aside;
};

static slk_err move_aside(slk_db *db, void *context, slk_error *error)
{
    const struct removal *r = context;
    int64_t owners = 0;
    SLK_TRY(slk_sql_run(db, &pass_door, NULL, 0, NULL, error));
    SLK_TRY(slk_sql_number(&owners, db, &count_owners,
                           SLK_ARGS(slk_arg_u(r->orphan->sp_id), slk_arg_u(r->orphan->number)),
                           error));
    if (owners > 0)
        return slk_fail(error, SLK_E_CONFLICT, "%s belongs to a sector by now", r->orphan->path);
    if (rename(r->orphan->path, r->aside) != 0 && errno != ENOENT)
        return slk_fail_errno(error, errno, "cannot rename %s", r->orphan->path);
    return SLK_OK;
}

slk_err slk_orphan_remove(slk_seal *seal, const slk_orphan *orphan, slk_error *error)
{
    if (orphan->kind == SLK_ORPHAN_FOREIGN)
        return slk_fail(error, SLK_E_INVAL, "%s is not ours to remove", orphan->path);
    if (orphan->kind == SLK_ORPHAN_REMAINS)
        return slk_remove_tree(orphan->path, error);
    const char *name = strrchr(orphan->path, '/');
    slk_assert(name);
    SLK_CLEANUP(slk_freep)
    char *aside =
        slk_strf("%.*s/" REMAINS_PREFIX "%s", (int)(name - orphan->path), orphan->path, name + 1);
    if (!aside)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_remove_tree(aside, error)); /* of an earlier time */
    struct removal r = {orphan, aside};
    SLK_TRY(slk_db_tx(slk_seal_db(seal), move_aside, &r, error));
    return slk_remove_tree(aside, error);
}
