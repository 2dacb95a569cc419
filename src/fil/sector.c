/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "fil/sector.h"

#include "base/bytes.h"
#include "base/num.h"

#include <stdio.h>
#include <string.h>

/* Sizes up to 1 GiB: 2 layers, 1 partition of 2 challenges (13 non-interactive);
 * from 32 GiB: 11 layers, 10 partitions of 18 (126). source: reference/proofs 4, 5.1, 6 */
#define SMALL .layers = 2, .partitions = 1, .challenges = 2, .ni_partitions = 13
#define LARGE .layers = 11, .partitions = 10, .challenges = 18, .ni_partitions = 126
#define SIZE(log2) \
    .bytes = UINT64_C(32) << (log2), .nodes = UINT64_C(1) << (log2), .log2_nodes = (log2)
#define TREE(sub, top, trees, depth, left_out, text)                                      \
    .sub_arity = (sub), .top_arity = (top), .base_trees = (trees), .base_depth = (depth), \
    .discard = (left_out), .tree_name = (text)

/* source: reference/proofs 5.1 */
static const slk_sector_shape shapes[] = {
    {.name = "2KiB", SIZE(6), SMALL, TREE(0, 0, 1, 2, 1, "8-0-0")},
    {.name = "4KiB", SIZE(7), SMALL, TREE(2, 0, 2, 2, 1, "8-2-0")},
    {.name = "16KiB", SIZE(9), SMALL, TREE(8, 0, 8, 2, 1, "8-8-0")},
    {.name = "32KiB", SIZE(10), SMALL, TREE(8, 2, 16, 2, 1, "8-8-2")},
    {.name = "8MiB", SIZE(18), SMALL, TREE(0, 0, 1, 6, 2, "8-0-0")},
    {.name = "16MiB", SIZE(19), SMALL, TREE(2, 0, 2, 6, 2, "8-2-0")},
    {.name = "512MiB", SIZE(24), SMALL, TREE(0, 0, 1, 8, 2, "8-0-0")},
    {.name = "1GiB", SIZE(25), SMALL, TREE(2, 0, 2, 8, 2, "8-2-0")},
    {.name = "32GiB", SIZE(30), LARGE, TREE(8, 0, 8, 9, 2, "8-8-0")},
    {.name = "64GiB", SIZE(31), LARGE, TREE(8, 2, 16, 9, 2, "8-8-2")},
};
#define SHAPES (sizeof shapes / sizeof *shapes)

/* One row of five registered numbers per variant. source: reference/proofs 3.1, reference/chain 2 */
#define NUMBERS_PER_VARIANT 5
static const uint64_t numbered_bytes[NUMBERS_PER_VARIANT] = {
    UINT64_C(2) << 10, UINT64_C(8) << 20, UINT64_C(512) << 20, UINT64_C(32) << 30,
    UINT64_C(64) << 30};
static const struct variant {
    const char *suffix;
    slk_api_version api;
    slk_porep_feature feature;
} variants[] = {
    {"V1", SLK_API_1_0, SLK_FEATURE_NONE},
    {"V1_1", SLK_API_1_1, SLK_FEATURE_NONE},
    {"V1_1_Feat_SyntheticPoRep", SLK_API_1_2, SLK_FEATURE_SYNTHETIC},
    {"V1_2_Feat_NonInteractivePoRep", SLK_API_1_2, SLK_FEATURE_NON_INTERACTIVE},
};
#define NUMBERS ((int64_t)(NUMBERS_PER_VARIANT * (sizeof variants / sizeof *variants)))

const slk_sector_shape *slk_sector_shape_of(uint64_t bytes)
{
    for (size_t i = 0; i < SHAPES; i++)
        if (shapes[i].bytes == bytes)
            return &shapes[i];
    return NULL;
}

const slk_sector_shape *slk_sector_shape_at(size_t index)
{
    return index < SHAPES ? &shapes[index] : NULL;
}

const slk_sector_shape *slk_sector_shape_parse(const char *text)
{
    for (size_t i = 0; i < SHAPES; i++)
        if (strcmp(shapes[i].name, text) == 0)
            return &shapes[i];
    uint64_t bytes;
    return slk_parse_u64(&bytes, text) == SLK_OK ? slk_sector_shape_of(bytes) : NULL;
}

slk_err slk_seal_proof_registered(slk_seal_proof *ret_proof, int64_t number, slk_error *error)
{
    if (number < 0 || number >= NUMBERS)
        return slk_fail(error, SLK_E_INVAL,
                        "%lld is not a registered seal proof: the known ones are 0 to %lld",
                        (long long)number, (long long)NUMBERS - 1);
    const struct variant *variant = &variants[number / NUMBERS_PER_VARIANT];
    const slk_sector_shape *shape =
        slk_sector_shape_of(numbered_bytes[number % NUMBERS_PER_VARIANT]);
    uint8_t porep_id[32] = {0};
    slk_store_le64(porep_id, (uint64_t)number);
    slk_seal_proof_custom(ret_proof, shape, porep_id, variant->api, variant->feature);
    ret_proof->registered = number;
    return SLK_OK;
}

void slk_seal_proof_custom(slk_seal_proof *ret_proof, const slk_sector_shape *shape,
                           const uint8_t porep_id[32], slk_api_version api,
                           slk_porep_feature feature)
{
    slk_assert(shape);
    ret_proof->shape = shape;
    ret_proof->registered = -1;
    memcpy(ret_proof->porep_id, porep_id, sizeof ret_proof->porep_id);
    ret_proof->api = api;
    ret_proof->feature = feature;
}

void slk_seal_proof_name(char *out, size_t n, const slk_seal_proof *proof)
{
    size_t row = proof->registered < 0 ? 0 : (size_t)proof->registered / NUMBERS_PER_VARIANT;
    int length = snprintf(out, n, "StackedDrg%s%s", proof->shape->name, variants[row].suffix);
    slk_assert(length > 0 && (size_t)length < n);
}

unsigned slk_seal_proof_partitions(const slk_seal_proof *proof)
{
    return proof->feature == SLK_FEATURE_NON_INTERACTIVE ? proof->shape->ni_partitions
                                                         : proof->shape->partitions;
}

size_t slk_seal_proof_bytes(const slk_seal_proof *proof)
{
    return (size_t)192 * slk_seal_proof_partitions(proof); /* source: reference/chain 2 */
}

void slk_prover_id(uint8_t out32[32], uint64_t miner_id)
{
    memset(out32, 0, 32);
    size_t i = 0;
    for (; miner_id >= 0x80; miner_id >>= 7)
        out32[i++] = (uint8_t)(0x80 | (miner_id & 0x7f));
    out32[i] = (uint8_t)miner_id;
}
