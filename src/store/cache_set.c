/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store/cache_set.h"

#include "base/num.h"
#include "transfer/cache_tar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SYNTHETIC "syn-porep-vanilla-proofs.dat"
/* Those of a 32 GiB sector have 2^18 challenges of some 80 KiB. */
#define SYNTHETIC_MAX_BYTES ((uint64_t)64 << 30)

static const char *const tree_c = "sc-02-data-tree-c", *const tree_r = "sc-02-data-tree-r-last";
static const char *const layer = "sc-02-data-layer-", *const tree_d = "sc-02-data-tree-d.dat";

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* Stays when a cache is finished. */
static bool is_finished_file(const char *name)
{
    return strcmp(name, "p_aux") == 0 || strcmp(name, "t_aux") == 0 || begins(name, tree_r);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const slk_flat_member *)a)->name, ((const slk_flat_member *)b)->name);
}

static slk_flat_member *add(slk_cache_set *set, uint64_t min_bytes, uint64_t max_bytes)
{
    slk_assert(set->n < SLK_FLAT_TAR_MEMBERS_MAX);
    slk_flat_member *m = &set->member[set->n++];
    *m = (slk_flat_member){.min_bytes = min_bytes, .max_bytes = max_bytes};
    return m;
}

static void add_trees(slk_cache_set *set, const char *stem, unsigned trees, uint64_t bytes)
{
    for (unsigned i = 0; i < trees; i++) {
        slk_flat_member *m = add(set, bytes, bytes);
        if (trees == 1)
            (void)snprintf(m->name, sizeof m->name, "%s.dat", stem);
        else
            (void)snprintf(m->name, sizeof m->name, "%s-%u.dat", stem, i);
    }
}

/* All rows of an octal tree of that depth. */
static uint64_t octal_tree_bytes(unsigned depth)
{
    uint64_t nodes = 0;
    for (unsigned row = 0; row <= depth; row++)
        nodes = nodes * 8 + 1;
    return nodes * SLK_NODE_BYTES;
}

void slk_cache_set_init(slk_cache_set *ret_set, const slk_sector_shape *shape, bool finished)
{
    slk_cache_set set = {.n = 0};
    set.n = slk_cache_members(set.member, shape);
    add_trees(&set, tree_c, shape->base_trees, octal_tree_bytes(shape->base_depth));
    for (unsigned i = 1; i <= shape->layers; i++) {
        slk_flat_member *m = add(&set, shape->bytes, shape->bytes);
        (void)snprintf(m->name, sizeof m->name, "%s%u.dat", layer, i);
    }
    const uint64_t tree_d_bytes = 2 * shape->bytes - SLK_NODE_BYTES;
    (void)snprintf(add(&set, tree_d_bytes, tree_d_bytes)->name, SLK_FLAT_NAME_CHARS, "%s", tree_d);
    (void)snprintf(add(&set, 1, SYNTHETIC_MAX_BYTES)->name, SLK_FLAT_NAME_CHARS, "%s", SYNTHETIC);
    for (size_t i = 0; i < set.n; i++)
        set.member[i].skip = finished && !is_finished_file(set.member[i].name);
    qsort(set.member, set.n, sizeof *set.member, compare);
    *ret_set = set;
}

/* ---- a folder ---- */

/* "<stem>-<i>.dat" with i within [first, last], and the only spelling of it. */
static bool is_numbered(const char *name, const char *stem, unsigned first, unsigned last)
{
    char spelled[SLK_FLAT_NAME_CHARS];
    for (unsigned i = first; i <= last; i++) {
        (void)snprintf(spelled, sizeof spelled, "%s%u.dat", stem, i);
        if (strcmp(name, spelled) == 0)
            return true;
    }
    return false;
}

/* A name that a cache of some shape has. */
static bool is_known(const char *name)
{
    static const char *const plain[] = {"p_aux",
                                        "t_aux",
                                        "sc-02-data-tree-r-last.dat",
                                        "sc-02-data-tree-c.dat",
                                        SYNTHETIC,
                                        "sc-02-data-tree-d.dat"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(name, plain[i]) == 0)
            return true;
    return is_numbered(name, layer, 1, SLK_MAX_LAYERS) ||
           is_numbered(name, "sc-02-data-tree-r-last-", 0, SLK_MAX_BASE_TREES - 1) ||
           is_numbered(name, "sc-02-data-tree-c-", 0, SLK_MAX_BASE_TREES - 1);
}

static void look_at(slk_cache_set *set, int folder, const char *name, bool finished)
{
    struct stat st;
    if (!is_known(name) || (finished && !is_finished_file(name)) ||
        fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) ||
        st.st_size == 0)
        return;
    const uint64_t bytes = slk_u64(st.st_size);
    (void)snprintf(add(set, bytes, bytes)->name, SLK_FLAT_NAME_CHARS, "%s", name);
}

slk_err slk_cache_set_scan(slk_cache_set *ret_set, const char *folder, bool finished,
                           slk_error *error)
{
    slk_cache_set set = {.n = 0};
    DIR *dir = opendir(folder);
    if (!dir)
        return slk_fail_errno(error, errno, "cannot read %s", folder);
    errno = 0;
    for (const struct dirent *e; (e = readdir(dir)) != NULL; errno = 0)
        look_at(&set, dirfd(dir), e->d_name, finished);
    const int os_errno = errno;
    (void)closedir(dir);
    if (os_errno != 0)
        return slk_fail_errno(error, os_errno, "cannot read %s", folder);
    if (set.n == 0)
        return slk_fail(error, SLK_E_NOTFOUND, "%s has none of the files of a %scache", folder,
                        finished ? "finished " : "");
    qsort(set.member, set.n, sizeof *set.member, compare);
    *ret_set = set;
    return SLK_OK;
}

/* ---- stages ---- */

typedef bool name_test(const char *name);

static bool is_layer(const char *name)
{
    return begins(name, layer);
}

static bool is_layers_file(const char *name)
{
    return is_layer(name) || strcmp(name, tree_d) == 0;
}

static bool is_tree_c_file(const char *name)
{
    return begins(name, tree_c);
}

static bool is_synthetic_file(const char *name)
{
    return strcmp(name, SYNTHETIC) == 0;
}

/* The first of those the test names that lacks; NULL: none. */
static const char *lacking(const slk_cache_set *set, const bool *has, name_test *test)
{
    for (size_t i = 0; i < set->n; i++)
        if (test(set->member[i].name) && !has[i])
            return set->member[i].name;
    return NULL;
}

static bool has_any(const slk_cache_set *set, const bool *has, name_test *test)
{
    for (size_t i = 0; i < set->n; i++)
        if (test(set->member[i].name) && has[i])
            return true;
    return false;
}

static const char *lacking_of_trees(const slk_cache_set *set, const bool *has)
{
    const char *name = lacking(set, has, is_finished_file);
    if (name || has_any(set, has, is_synthetic_file))
        return name;
    name = lacking(set, has, is_layers_file);
    return name ? name : lacking(set, has, is_tree_c_file);
}

/* Of which stage it is, is seen by what only that stage has. */
static const char *lacking_of_any(const slk_cache_set *set, const bool *has, bool of_ours)
{
    if (!has_any(set, has, is_finished_file))
        return lacking(set, has, of_ours ? is_layer : is_layers_file);
    if (has_any(set, has, is_layers_file) || has_any(set, has, is_tree_c_file))
        return lacking_of_trees(set, has);
    return lacking(set, has, is_finished_file);
}

bool slk_cache_set_complete(const slk_cache_set *set, const bool *has, slk_cache_stage stage,
                            const char **ret_missing)
{
    const char *missing = NULL;
    switch (stage) {
    case SLK_CACHE_ANY:
    case SLK_CACHE_ANY_OF_OURS:
        missing = lacking_of_any(set, has, stage == SLK_CACHE_ANY_OF_OURS);
        break;
    case SLK_CACHE_LAYERS:
        missing = lacking(set, has, is_layers_file);
        break;
    case SLK_CACHE_TREES:
        missing = lacking_of_trees(set, has);
        break;
    case SLK_CACHE_FINISHED:
        missing = lacking(set, has, is_finished_file);
        break;
    }
    if (ret_missing)
        *ret_missing = missing;
    return missing == NULL;
}
