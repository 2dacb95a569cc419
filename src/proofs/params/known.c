/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is known about the files of every sector size. */
#include "base/bytes.h"
#include "crypto/blake2b/blake2b.h"
#include "proofs/params/internal.h"

#include <string.h>

/* Digests: first 16 bytes of BLAKE2b-512 of the files of the real trusted setup.
 * source: reference/proofs 8.9 (counts), 9.2 (digests) */
static const slk_params_known table[] = {
    {2048, 22, 2685673, 2674948, 685522, "434fb1338ecfaf0f59256f30dde4968f",
     "dc1ade9929ade1708238f155343044ac"},
    {4096, 22, 2786423, 2773198, 716040, NULL, NULL},
    {16384, 22, 2974867, 2959970, 766964, NULL, NULL},
    {32768, 22, 3075617, 3058220, 797482, NULL, NULL},
    {8388608, 22, 3842449, 3815036, 1011290, "09e612e4eeb7a0eb95679a88404f960c",
     "b687beb9adbd9dabe265a7e3620813e4"},
    {16777216, 22, 3943199, 3913286, 1041808, NULL, NULL},
    {536870912, 23, 4420837, 4385080, 1174174, "6c77597eb91ab936c1cef4cf19eba1b3",
     "065179da19fbe515507267677f02823e"},
    {1073741824, 23, 4521587, 4483330, 1204692, NULL, NULL},
    {34359738368, 27, 130169893, 129753620, 33112282, "6a388072a518cf46ebd661f5cc46900a",
     "0c7b4aac1c40fdb7eb82bc355b41addf"},
    {68719476736, 27, 131076643, 130637870, 33386944, "1801f8a6e1b00bceb00cc27314bb5ce3",
     "a89884252c04c298d0b3c81bfd884164"},
};

const slk_params_known *slk_params_known_of(const slk_sector_shape *shape)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].sector_bytes == shape->bytes)
            return &table[i];
    return NULL;
}

uint32_t slk_params_ic_count(const slk_sector_shape *shape)
{
    return 1 + 3 + 18 * shape->challenges;
}

uint64_t slk_params_expected_bytes(const slk_sector_shape *shape)
{
    const slk_params_known *known = slk_params_known_of(shape);
    if (known == NULL)
        return 0;
    uint64_t g1 = (UINT64_C(1) << known->log2_domain) - 1 + known->l + known->a + known->b;
    return SLK_GROTH16_KEY_BYTES(slk_params_ic_count(shape)) + 20 + SLK_G1_BYTES * g1 +
           SLK_G2_BYTES * known->b;
}

bool slk_params_key_is_published(const slk_sector_shape *shape, const uint8_t *bytes, size_t n)
{
    const slk_params_known *known = slk_params_known_of(shape);
    slk_blake2b hash;
    uint8_t digest[64];
    char hex[33];
    if (known == NULL || known->key_blake2b == NULL)
        return false;
    slk_blake2b_init(&hash, sizeof(digest), NULL, 0);
    slk_blake2b_update(&hash, bytes, n);
    slk_blake2b_final(&hash, digest);
    slk_hex_encode(hex, digest, 16);
    return strcmp(hex, known->key_blake2b) == 0;
}
