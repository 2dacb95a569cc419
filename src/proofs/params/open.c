/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/params/params.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "proofs/params/internal.h"

#include <inttypes.h>
#include <string.h>

struct slk_params {
    slk_params_key key;
    slk_file_map map;
    slk_params_points h, l, a, b_g1, b_g2;
};

/* Fills key from the head of bytes; *ret_used is its length. */
static slk_err read_key(slk_params_key *key, size_t *ret_used, const slk_crypto *crypto,
                        const char *folder, const slk_sector_shape *shape, bool allow_development,
                        const uint8_t *bytes, size_t n, slk_error *error)
{
    slk_params_sidecar sidecar;
    uint32_t ic = slk_params_ic_count(shape);
    SLK_TRY(slk_params_sidecar_read(&sidecar, crypto, folder, shape, error));
    SLK_TRY(slk_groth16_key_read(&key->key, ret_used, crypto, bytes, n, ic, error));
    key->shape = shape;
    key->development = sidecar.present || !slk_params_key_is_published(shape, bytes, *ret_used);
    slk_err err = SLK_OK;
    if (key->key.n_ic != ic)
        err = slk_fail(error, SLK_E_CORRUPT,
                       "verifying key: %" PRIu32 " input points, the circuit has %" PRIu32,
                       key->key.n_ic, ic);
    else if (key->development && !allow_development)
        err = slk_fail(error, SLK_E_INVAL,
                       "the %s parameters in %s are not the published ones but DEVELOPMENT "
                       "parameters, under which whoever knows their secrets can forge proofs: "
                       "fetch the published ones, or say that this is a development network",
                       shape->name, folder);
    if (err != SLK_OK)
        slk_groth16_key_done(&key->key);
    return err;
}

static slk_err read_key_file(slk_params_key *key, const slk_crypto *crypto, const char *folder,
                             const slk_sector_shape *shape, bool allow_development,
                             const char *path, slk_error *error)
{
    size_t used, max = SLK_GROTH16_KEY_BYTES(slk_params_ic_count(shape));
    uint64_t size;
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, max);
    slk_err err =
        slk_file_size(&size, path, error); /* also: not a pipe, which could be waited for */
    if (err == SLK_OK)
        err = slk_file_read_all(&bytes, path, error);
    if (err == SLK_E_LIMIT)
        return slk_fail(error, SLK_E_CORRUPT, "%s is longer than its %zu bytes", path, max);
    if (err == SLK_OK)
        err = read_key(key, &used, crypto, folder, shape, allow_development, bytes.data, bytes.len,
                       error);
    if (err == SLK_OK && used != bytes.len) {
        slk_groth16_key_done(&key->key);
        return slk_fail(error, SLK_E_CORRUPT, "%s goes on after its points", path);
    }
    return err == SLK_E_CORRUPT ? slk_fail_context(error, err, "%s", path) : err;
}

static slk_err key_from_folder(slk_params_key *key, const slk_crypto *crypto, const char *folder,
                               const slk_sector_shape *shape, bool allow_development,
                               slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *vk = NULL;
    SLK_CLEANUP(slk_freep) char *params = NULL;
    SLK_CLEANUP(slk_file_map_done) slk_file_map map = {0};
    size_t used;
    SLK_TRY(slk_params_path(&vk, crypto, folder, shape, SLK_PARAMS_FILE_VK, error));
    SLK_TRY(slk_params_path(&params, crypto, folder, shape, SLK_PARAMS_FILE_PARAMS, error));
    if (slk_file_exists(vk))
        return read_key_file(key, crypto, folder, shape, allow_development, vk, error);
    if (!slk_file_exists(params))
        return slk_fail(error, SLK_E_NOTFOUND,
                        "there is no verifying key for %s sectors in %s; `selkie params fetch "
                        "--sector-size %s` brings the parameters there",
                        shape->name, folder, shape->name);
    SLK_TRY(slk_file_map_read(&map, params, error));
    slk_err err =
        read_key(key, &used, crypto, folder, shape, allow_development, map.data, map.bytes, error);
    return err == SLK_E_CORRUPT ? slk_fail_context(error, err, "%s", params) : err;
}

slk_err slk_params_key_open(slk_params_key **ret_key, const slk_crypto *crypto, const char *folder,
                            const slk_sector_shape *shape, bool allow_development, slk_error *error)
{
    slk_params_key *key = slk_calloc(1, sizeof(*key));
    if (key == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a verifying key");
    slk_err err = key_from_folder(key, crypto, folder, shape, allow_development, error);
    if (err != SLK_OK) {
        slk_free(key);
        return err;
    }
    *ret_key = key;
    return SLK_OK;
}

void slk_params_key_free(slk_params_key *key)
{
    if (key == NULL)
        return;
    slk_groth16_key_done(&key->key);
    slk_free(key);
}

/* --- whole files ------------------------------------------------------------------------------ */

/* One section at *offset: count, then points. */
static slk_err read_section(slk_params_points *ret_points, size_t *offset, const slk_file_map *map,
                            const char *name, size_t point_bytes, uint64_t expected,
                            slk_error *error)
{
    if (map->bytes - *offset < 4)
        return slk_fail(error, SLK_E_CORRUPT, "the file ends before the points %s", name);
    uint64_t count = slk_load_be32(map->data + *offset);
    if (count != expected)
        return slk_fail(error, SLK_E_CORRUPT, "%" PRIu64 " points %s, the circuit has %" PRIu64,
                        count, name, expected);
    *offset += 4;
    if ((map->bytes - *offset) / point_bytes < count)
        return slk_fail(error, SLK_E_CORRUPT, "the file ends within the points %s", name);
    *ret_points = (slk_params_points){map->data + *offset, count};
    *offset += count * point_bytes;
    return SLK_OK;
}

static slk_err read_sections(slk_params *params, size_t offset, slk_error *error)
{
    const slk_params_known *known = slk_params_known_of(params->key.shape);
    const slk_file_map *map = &params->map;
    if (known == NULL)
        return slk_fail(error, SLK_E_UNSUPPORTED, "no circuit counts for %s sectors",
                        params->key.shape->name);
    uint64_t h = (UINT64_C(1) << known->log2_domain) - 1;
    SLK_TRY(read_section(&params->h, &offset, map, "h", SLK_G1_BYTES, h, error));
    SLK_TRY(read_section(&params->l, &offset, map, "l", SLK_G1_BYTES, known->l, error));
    SLK_TRY(read_section(&params->a, &offset, map, "a", SLK_G1_BYTES, known->a, error));
    SLK_TRY(read_section(&params->b_g1, &offset, map, "b_g1", SLK_G1_BYTES, known->b, error));
    SLK_TRY(read_section(&params->b_g2, &offset, map, "b_g2", SLK_G2_BYTES, known->b, error));
    if (offset != map->bytes)
        return slk_fail(error, SLK_E_CORRUPT, "%zu bytes after the last point",
                        map->bytes - offset);
    return SLK_OK;
}

static slk_err open_params(slk_params *params, const slk_crypto *crypto, const char *folder,
                           const slk_sector_shape *shape, bool allow_development, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = NULL;
    size_t offset = 0;
    SLK_TRY(slk_params_path(&path, crypto, folder, shape, SLK_PARAMS_FILE_PARAMS, error));
    if (!slk_file_exists(path))
        return slk_fail(error, SLK_E_NOTFOUND,
                        "there are no parameters for %s sectors in %s; `selkie params fetch "
                        "--sector-size %s` brings them there",
                        shape->name, folder, shape->name);
    SLK_TRY(slk_file_map_read(&params->map, path, error));
    slk_err err = read_key(&params->key, &offset, crypto, folder, shape, allow_development,
                           params->map.data, params->map.bytes, error);
    if (err == SLK_OK)
        err = read_sections(params, offset, error);
    return err == SLK_E_CORRUPT ? slk_fail_context(error, err, "%s", path) : err;
}

slk_err slk_params_open(slk_params **ret_params, const slk_crypto *crypto, const char *folder,
                        const slk_sector_shape *shape, bool allow_development, slk_error *error)
{
    slk_params *params = slk_calloc(1, sizeof(*params));
    if (params == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for parameters");
    slk_err err = open_params(params, crypto, folder, shape, allow_development, error);
    if (err != SLK_OK) {
        slk_params_free(params);
        return err;
    }
    *ret_params = params;
    return SLK_OK;
}

void slk_params_free(slk_params *params)
{
    if (params == NULL)
        return;
    slk_groth16_key_done(&params->key.key);
    slk_file_map_done(&params->map);
    slk_free(params);
}

const slk_params_key *slk_params_key_of(const slk_params *params)
{
    return &params->key;
}

slk_params_points slk_params_h(const slk_params *params)
{
    return params->h;
}

slk_params_points slk_params_l(const slk_params *params)
{
    return params->l;
}

slk_params_points slk_params_a(const slk_params *params)
{
    return params->a;
}

slk_params_points slk_params_b_g1(const slk_params *params)
{
    return params->b_g1;
}

slk_params_points slk_params_b_g2(const slk_params *params)
{
    return params->b_g2;
}
