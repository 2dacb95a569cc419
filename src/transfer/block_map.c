/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transfer/block_map.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"

#include <string.h>

/* magic, file bytes, block bytes, ETag, one bit per block, FNV-1a of all before. */
#define MAGIC "selkie blocks 1\n"
#define MAGIC_BYTES (sizeof MAGIC - 1)
#define ETAG_AT (MAGIC_BYTES + 16)
#define BITS_AT (ETAG_AT + SLK_BLOCK_MAP_ETAG)
#define SUM_BYTES 8u
#define BLOCKS_MAX ((uint64_t)1 << 24) /* 64 TiB of 4 MiB blocks */

static size_t bits_bytes(const slk_block_map *map)
{
    return (map->n_blocks + 7) / 8;
}

/* source: Fowler, Noll, Vo: FNV-1a, 64 bits */
static uint64_t fnv1a(const uint8_t *bytes, size_t n)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    return sum;
}

bool slk_block_map_has(const slk_block_map *map, size_t block)
{
    return map->done[block / 8] >> (block % 8) & 1;
}

void slk_block_map_mark(slk_block_map *map, size_t block)
{
    slk_assert(block < map->n_blocks);
    if (slk_block_map_has(map, block))
        return;
    map->done[block / 8] = (uint8_t)(map->done[block / 8] | 1u << (block % 8));
    map->n_done++;
}

void slk_block_map_unmark(slk_block_map *map, size_t block)
{
    slk_assert(block < map->n_blocks);
    if (!slk_block_map_has(map, block))
        return;
    map->done[block / 8] = (uint8_t)(map->done[block / 8] & ~(1u << (block % 8)));
    map->n_done--;
}

void slk_block_map_clear(slk_block_map *map)
{
    memset(map->done, 0, bits_bytes(map));
    map->n_done = 0;
    map->etag[0] = 0;
}

bool slk_block_map_decode(slk_block_map *map, const uint8_t *bytes, size_t n)
{
    size_t bits = bits_bytes(map);
    if (n != BITS_AT + bits + SUM_BYTES || memcmp(bytes, MAGIC, MAGIC_BYTES) != 0)
        return false;
    if (slk_load_le64(bytes + n - SUM_BYTES) != fnv1a(bytes, n - SUM_BYTES))
        return false;
    if (slk_load_le64(bytes + MAGIC_BYTES) != map->file_bytes ||
        slk_load_le64(bytes + MAGIC_BYTES + 8) != map->block_bytes)
        return false;
    const uint8_t *etag = bytes + ETAG_AT;
    if (etag[SLK_BLOCK_MAP_ETAG - 1] != 0)
        return false;
    unsigned over = (unsigned)(bits * 8 - map->n_blocks);
    if (over && bytes[BITS_AT + bits - 1] >> (8 - over))
        return false;
    memcpy(map->etag, etag, SLK_BLOCK_MAP_ETAG);
    memcpy(map->done, bytes + BITS_AT, bits);
    map->n_done = 0;
    for (size_t i = 0; i < map->n_blocks; i++)
        map->n_done += slk_block_map_has(map, i);
    return true;
}

static slk_err load(slk_block_map *map, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, BITS_AT + bits_bytes(map) + SUM_BYTES);
    slk_err code = slk_file_read_all(&bytes, map->path, error);
    if (code == SLK_E_NOTFOUND || code == SLK_E_LIMIT)
        return SLK_OK;
    SLK_TRY(code);
    if (!slk_block_map_decode(map, bytes.data, bytes.len))
        slk_block_map_clear(map);
    return SLK_OK;
}

slk_err slk_block_map_init(slk_block_map *ret_map, const char *path, uint64_t file_bytes,
                           uint64_t block_bytes, slk_error *error)
{
    slk_assert(file_bytes > 0 && block_bytes > 0);
    uint64_t n_blocks = (file_bytes - 1) / block_bytes + 1;
    if (n_blocks > BLOCKS_MAX)
        return slk_fail(error, SLK_E_LIMIT, "%llu bytes are too many for one file",
                        (unsigned long long)file_bytes);
    slk_block_map map = {
        .file_bytes = file_bytes, .block_bytes = block_bytes, .n_blocks = n_blocks};
    map.path = slk_strdup(path);
    map.done = slk_calloc(bits_bytes(&map), 1);
    slk_err code =
        map.path && map.done ? load(&map, error) : slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (code != SLK_OK) {
        slk_block_map_done(&map);
        return code;
    }
    *ret_map = map;
    return SLK_OK;
}

void slk_block_map_done(slk_block_map *map)
{
    slk_free(map->path);
    slk_free(map->done);
    *map = (slk_block_map){0};
}

static slk_err encode(slk_buf *out, const slk_block_map *map)
{
    uint8_t numbers[16], sum[SUM_BYTES], etag[SLK_BLOCK_MAP_ETAG] = {0};
    slk_store_le64(numbers, map->file_bytes);
    slk_store_le64(numbers + 8, map->block_bytes);
    memcpy(etag, map->etag, strlen(map->etag));
    SLK_TRY(slk_buf_append(out, MAGIC, MAGIC_BYTES));
    SLK_TRY(slk_buf_append(out, numbers, sizeof numbers));
    SLK_TRY(slk_buf_append(out, etag, sizeof etag));
    SLK_TRY(slk_buf_append(out, map->done, bits_bytes(map)));
    slk_store_le64(sum, fnv1a(out->data, out->len));
    return slk_buf_append(out, sum, sizeof sum);
}

slk_err slk_block_map_save(const slk_block_map *map, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, BITS_AT + bits_bytes(map) + SUM_BYTES);
    if (encode(&bytes, map) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    /* A name of its own rather than slk_file_write_atomic's random one: after a kill in the
     * middle the next save overwrites it and slk_fetch_forget finds it. */
    SLK_CLEANUP(slk_freep) char *temp = slk_strf("%s.tmp", map->path);
    if (!temp)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_file_create(&fd, temp, 0644, error));
    SLK_TRY(slk_file_write_at(fd, bytes.data, bytes.len, 0, temp, error));
    SLK_TRY(slk_file_sync(fd, temp, error));
    return slk_file_rename_durable(temp, map->path, error);
}
