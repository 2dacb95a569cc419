/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Storage paths: what a worker says of them, what the index answers, and the two files that keep them.
 *
 * Reading and printing as in lotus/types.h. Structs with lists own them: _done releases, is idempotent
 * and accepts {0}; a read overwrites its output without releasing it.
 * source: reference/lotus-worker 1.4, 4.3, 5.2 */
#ifndef SLK_LOTUS_STORAGE_H
#define SLK_LOTUS_STORAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/uuid.h"
#include "lotus/name.h"
#include "lotus/strings.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What may lie on a path, and for whom. Empty Allow lists allow all; a Deny wins. */
typedef struct slk_lotus_filter {
    slk_lotus_strings groups; /* what this path belongs to */
    slk_lotus_strings allow_to; /* groups its files may be moved to; empty: any */
    slk_lotus_strings allow_types, deny_types; /* names of lotus/name.h; unknown ones never match */
    slk_lotus_strings allow_miners, deny_miners; /* addresses "f01000", "t01000" */
} slk_lotus_filter;

void slk_lotus_filter_done(slk_lotus_filter *filter);
/* *ret_copy is overwritten, not released. */
SLK_MUST_CHECK slk_err slk_lotus_filter_copy(slk_lotus_filter *ret_copy,
                                             const slk_lotus_filter *filter);
/* One bit of lotus/name.h. */
bool slk_lotus_filter_takes_type(const slk_lotus_filter *filter, unsigned type);
bool slk_lotus_filter_takes_miner(const slk_lotus_filter *filter, uint64_t miner);
/* Files of a path with `from` may be moved to a path with `to`. */
bool slk_lotus_filter_lets_move(const slk_lotus_filter *from, const slk_lotus_filter *to);

/* ---- StorageInfo: the parameter of StorageAttach, the result of StorageInfo and StorageBestAlloc. */
typedef struct slk_lotus_path {
    char id[SLK_UUID_CHARS];
    slk_lotus_strings urls; /* "http://host:port/remote", at least one */
    uint64_t weight;
    uint64_t max_storage; /* bytes; 0: no limit */
    bool can_seal, can_store;
    slk_lotus_filter filter;
} slk_lotus_path;

void slk_lotus_path_done(slk_lotus_path *path);
SLK_MUST_CHECK slk_err slk_lotus_path_read(slk_lotus_path *ret_path, const json_t *value,
                                           const char *what, slk_error *error);
json_t *slk_lotus_path_json(const slk_lotus_path *path);

/* ---- FsStat: bytes. Available may be negative where more is promised than there is. */
typedef struct slk_lotus_fs_stat {
    int64_t capacity, available; /* available to us: less what is reserved */
    int64_t fs_available; /* what the file system says */
    int64_t reserved, max, used;
} slk_lotus_fs_stat;

SLK_MUST_CHECK slk_err slk_lotus_fs_stat_read(slk_lotus_fs_stat *ret_stat, const json_t *value,
                                              const char *what, slk_error *error);
json_t *slk_lotus_fs_stat_json(const slk_lotus_fs_stat *stat);

/* ---- HealthReport: {"Stat":{…},"Err":""} */
typedef struct slk_lotus_health {
    slk_lotus_fs_stat stat;
    char problem[512]; /* "": well */
} slk_lotus_health;

SLK_MUST_CHECK slk_err slk_lotus_health_read(slk_lotus_health *ret_health, const json_t *value,
                                             const char *what, slk_error *error);
json_t *slk_lotus_health_json(const slk_lotus_health *health);

/* ---- SectorStorageInfo: one place StorageFindSector knows. */
typedef struct slk_lotus_place {
    char id[SLK_UUID_CHARS];
    slk_lotus_strings urls; /* of the file itself; of use when one kind was asked for */
    slk_lotus_strings base_urls;
    uint64_t weight;
    bool can_seal, can_store, primary;
    slk_lotus_filter filter; /* without groups and allow_to, which are not told */
} slk_lotus_place;

typedef struct slk_lotus_places {
    slk_lotus_place *item;
    size_t n;
} slk_lotus_places;

void slk_lotus_places_done(slk_lotus_places *places);
SLK_MUST_CHECK slk_err slk_lotus_places_read(slk_lotus_places *ret_places, const json_t *value,
                                             const char *what, slk_error *error);
json_t *slk_lotus_places_json(const slk_lotus_places *places); /* empty: [] */

/* ---- StoragePath: one element of what the worker's Paths answers. */
typedef struct slk_lotus_local_path {
    char id[SLK_UUID_CHARS];
    uint64_t weight;
    char *folder; /* absolute; heap */
    bool can_seal, can_store;
} slk_lotus_local_path;

typedef struct slk_lotus_local_paths {
    slk_lotus_local_path *item;
    size_t n;
} slk_lotus_local_paths;

void slk_lotus_local_paths_done(slk_lotus_local_paths *paths);
SLK_MUST_CHECK slk_err slk_lotus_local_paths_read(slk_lotus_local_paths *ret_paths,
                                                  const json_t *value, const char *what,
                                                  slk_error *error);
json_t *slk_lotus_local_paths_json(const slk_lotus_local_paths *paths);

/* ---- Decl: {"Miner":1000,"Number":1,"SectorFileType":3}, an element of what StorageList answers. */
typedef struct slk_lotus_declaration {
    slk_lotus_sector sector;
    unsigned types;
} slk_lotus_declaration;

SLK_MUST_CHECK slk_err slk_lotus_declaration_read(slk_lotus_declaration *ret_declaration,
                                                  const json_t *value, const char *what,
                                                  slk_error *error);
json_t *slk_lotus_declaration_json(const slk_lotus_declaration *declaration);

/* ---- `<path>/sectorstore.json`: what a storage path is. */
#define SLK_LOTUS_META_FILE "sectorstore.json"
typedef struct slk_lotus_meta {
    char id[SLK_UUID_CHARS];
    uint64_t weight; /* 0: nothing is written there */
    bool can_seal, can_store;
    uint64_t max_storage; /* bytes; 0: no limit */
    slk_lotus_filter filter;
} slk_lotus_meta;

#define SLK_LOTUS_META_MAX_BYTES 65536u
void slk_lotus_meta_done(slk_lotus_meta *meta);
/* The whole file's text. Unknown kinds in Allow/DenyTypes are kept. */
SLK_MUST_CHECK slk_err slk_lotus_meta_parse(slk_lotus_meta *ret_meta, const void *text, size_t n,
                                            slk_error *error);
/* Appends the text, indented and with a line's end. */
SLK_MUST_CHECK slk_err slk_lotus_meta_print(slk_buf *out, const slk_lotus_meta *meta);

/* ---- `<repository>/storage.json`: {"StoragePaths":[{"Path":"/abs"}]} */
#define SLK_LOTUS_STORAGE_FILE "storage.json"
#define SLK_LOTUS_STORAGE_MAX_BYTES 262144u
/* Paths must be absolute and occur once. *ret_paths is overwritten. */
SLK_MUST_CHECK slk_err slk_lotus_storage_parse(slk_lotus_strings *ret_paths, const void *text,
                                               size_t n, slk_error *error);
SLK_MUST_CHECK slk_err slk_lotus_storage_print(slk_buf *out, const slk_lotus_strings *paths);

#endif
