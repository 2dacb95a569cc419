/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "lotus/name.h"

#include "base/num.h"
#include "fil/sector.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool slk_lotus_sector_equal(const slk_lotus_sector *a, const slk_lotus_sector *b)
{
    return a->miner == b->miner && a->number == b->number;
}

void slk_lotus_sector_print(char out[SLK_LOTUS_NAME_CHARS], const slk_lotus_sector *sector)
{
    (void)snprintf(out, SLK_LOTUS_NAME_CHARS, "s-t0%" PRIu64 "-%" PRIu64, sector->miner,
                   sector->number);
}

static const char prefix[] = "s-t0";

slk_err slk_lotus_sector_parse(slk_lotus_sector *ret_sector, const char *text, slk_error *error)
{
    slk_lotus_sector sector = {0};
    char copy[SLK_LOTUS_NAME_CHARS], again[SLK_LOTUS_NAME_CHARS];
    const size_t skip = sizeof prefix - 1;
    const char *dash = strlen(text) < sizeof copy ? strrchr(text, '-') : NULL;
    if (dash != NULL && strncmp(text, prefix, skip) == 0 && dash > text + skip) {
        (void)snprintf(copy, sizeof copy, "%.*s", (int)(dash - text - (ptrdiff_t)skip),
                       text + skip);
        if (slk_parse_u64(&sector.miner, copy) == SLK_OK &&
            slk_parse_u64(&sector.number, dash + 1) == SLK_OK &&
            sector.miner <= SLK_SECTOR_NUMBER_MAX && sector.number <= SLK_SECTOR_NUMBER_MAX) {
            slk_lotus_sector_print(again, &sector);
            if (strcmp(again, text) == 0) { /* one spelling alone */
                *ret_sector = sector;
                return SLK_OK;
            }
        }
    }
    return slk_fail(error, SLK_E_INVAL, "\"%.60s\" is not a sector's name like s-t01000-1", text);
}

/* In the order of the bits. Tenths of the sector: while sealing, and finalised.
 * source: reference/lotus-worker 6.4 */
static const struct {
    const char *name;
    unsigned sealing_tenths, finalised_tenths;
    bool folder;
} types[SLK_LOTUS_TYPES] = {
    {"unsealed", 10, 10, false}, {"sealed", 10, 10, false},     {"cache", 141, 1, true},
    {"update", 10, 10, false},   {"update-cache", 21, 1, true}, {"piece", 10, 10, false},
};

/* Index of the one bit in it; SLK_LOTUS_TYPES when it is no such bit. */
static unsigned index_of(unsigned type)
{
    return slk_is_pow2(type) && type <= SLK_LOTUS_ALL_TYPES ? slk_log2(type) : SLK_LOTUS_TYPES;
}

const char *slk_lotus_type_name(unsigned type)
{
    const unsigned i = index_of(type);
    return i < SLK_LOTUS_TYPES ? types[i].name : NULL;
}

unsigned slk_lotus_type_of(const char *name)
{
    for (unsigned i = 0; i < SLK_LOTUS_TYPES; i++)
        if (strcmp(types[i].name, name) == 0)
            return 1u << i;
    return 0;
}

bool slk_lotus_type_is_folder(unsigned type)
{
    const unsigned i = index_of(type);
    return i < SLK_LOTUS_TYPES && types[i].folder;
}

slk_err slk_lotus_need_bytes(uint64_t *ret_bytes, unsigned set, uint64_t sector_bytes,
                             bool finalised, slk_error *error)
{
    if ((set & ~(unsigned)SLK_LOTUS_ALL_TYPES) != 0)
        return slk_fail(error, SLK_E_INVAL, "%u is not a set of kinds of files", set);
    uint64_t sum = 0;
    for (unsigned i = 0; i < SLK_LOTUS_TYPES; i++) {
        uint64_t part = 0;
        const unsigned tenths = finalised ? types[i].finalised_tenths : types[i].sealing_tenths;
        if ((set >> i & 1) == 0)
            continue;
        if (slk_mul_u64(&part, sector_bytes, tenths) != SLK_OK ||
            slk_add_u64(&sum, sum, part / 10) != SLK_OK || sum > INT64_MAX)
            return slk_fail(error, SLK_E_INVAL, "a sector of %" PRIu64 " bytes is too large",
                            sector_bytes);
    }
    *ret_bytes = sum;
    return SLK_OK;
}

static const char *const path_types[] = {"sealing", "storage"};
static const char *const acquire_modes[] = {"move", "copy"};

bool slk_lotus_path_type_of(slk_lotus_path_type *ret_type, const char *name)
{
    const bool storage = strcmp(name, path_types[SLK_LOTUS_PATH_STORAGE]) == 0;
    if (!storage && strcmp(name, path_types[SLK_LOTUS_PATH_SEALING]) != 0)
        return false;
    *ret_type = storage ? SLK_LOTUS_PATH_STORAGE : SLK_LOTUS_PATH_SEALING;
    return true;
}

bool slk_lotus_acquire_mode_of(slk_lotus_acquire_mode *ret_mode, const char *name)
{
    const bool copy = strcmp(name, acquire_modes[SLK_LOTUS_ACQUIRE_COPY]) == 0;
    if (!copy && strcmp(name, acquire_modes[SLK_LOTUS_ACQUIRE_MOVE]) != 0)
        return false;
    *ret_mode = copy ? SLK_LOTUS_ACQUIRE_COPY : SLK_LOTUS_ACQUIRE_MOVE;
    return true;
}
