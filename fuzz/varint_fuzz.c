/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Varints: only the shortest form is taken, so reading and writing are inverse. */
#include "fuzz.h"

#include "base/bytes.h"
#include "codec/varint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t out[SLK_VARINT_MAX_BYTES];
    uint64_t value = 7;
    size_t used = slk_varint_get(&value, data, n);
    slk_assert(used <= n && used <= SLK_VARINT_MAX_BYTES);
    if (used == 0)
        slk_assert(value == 7);
    else
        slk_assert(slk_varint_put(out, value) == used && memcmp(out, data, used) == 0);
    if (n >= 8) {
        uint64_t again = 0;
        value = slk_load_le64(data);
        used = slk_varint_put(out, value);
        slk_assert(slk_varint_get(&again, out, used) == used && again == value);
        slk_assert(slk_varint_get(&again, out, used - 1) == 0);
    }
    return 0;
}
