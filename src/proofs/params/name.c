/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/params/params.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "crypto/sha256/sha256.h"
#include "proofs/params/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* source: reference/proofs 9.2 (version and place that the official library uses) */
#define SYSTEM_FOLDER "/var/tmp/filecoin-proof-parameters"

static const char *const suffixes[SLK_PARAMS_FILE_COUNT] = {
    [SLK_PARAMS_FILE_PARAMS] = "params",
    [SLK_PARAMS_FILE_VK] = "vk",
    [SLK_PARAMS_FILE_META] = "meta",
    [SLK_PARAMS_FILE_DEVELOPMENT] = "development",
};

void slk_params_name(char out[SLK_PARAMS_NAME_MAX], const slk_crypto *crypto,
                     const slk_sector_shape *shape, slk_params_file file)
{
    char identifier[512], hex[65];
    uint8_t digest[32];
    int n = snprintf(identifier, sizeof(identifier),
                     "layered_drgporep::PublicParams{ graph: stacked_graph::StackedGraph{"
                     "expansion_degree: 8 base_graph: drgraph::BucketGraph{size: %" PRIu64
                     "; degree: 6; hasher: poseidon_hasher} }, challenges: LayerChallenges { "
                     "layers: %u, max_count: %u }, tree: merkletree-poseidon_hasher-%s }",
                     shape->nodes, shape->layers, shape->challenges, shape->tree_name);
    slk_assert(n > 0 && (size_t)n < sizeof(identifier));
    slk_sha256_of(crypto, digest, identifier, (size_t)n);
    slk_hex_encode(hex, digest, sizeof(digest));
    n = snprintf(out, SLK_PARAMS_NAME_MAX,
                 "v28-stacked-proof-of-replication-merkletree-poseidon_hasher-%s-sha256_hasher-"
                 "%s.%s",
                 shape->tree_name, hex, suffixes[file]);
    slk_assert(n > 0 && (size_t)n < SLK_PARAMS_NAME_MAX);
}

void slk_params_meta_text(char *out, size_t n, const slk_sector_shape *shape)
{
    int length = snprintf(out, n, "{\"sector_size\":%" PRIu64 "}", shape->bytes);
    slk_assert(length > 0 && (size_t)length < n);
}

slk_err slk_params_path(char **ret_path, const slk_crypto *crypto, const char *folder,
                        const slk_sector_shape *shape, slk_params_file file, slk_error *error)
{
    char name[SLK_PARAMS_NAME_MAX];
    slk_params_name(name, crypto, shape, file);
    char *path = slk_path_join(folder, name);
    if (path == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a path");
    *ret_path = path;
    return SLK_OK;
}

static bool usable(const char *folder)
{
    return slk_folder_make(folder, 0755, NULL) == SLK_OK && access(folder, R_OK | W_OK | X_OK) == 0;
}

slk_err slk_params_folder(char **ret_folder, const char *env_value, const char *data_folder,
                          slk_error *error)
{
    char *folder;
    if (env_value != NULL && env_value[0] != '\0')
        folder = slk_strdup(env_value);
    else if (usable(SYSTEM_FOLDER))
        folder = slk_strdup(SYSTEM_FOLDER);
    else
        folder = slk_path_join(data_folder, "proof-parameters");
    if (folder == NULL)
        return slk_fail(error, SLK_E_NOMEM, "no memory for a path");
    *ret_folder = folder;
    return SLK_OK;
}
