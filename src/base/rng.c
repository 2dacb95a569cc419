/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/rng.h"

#include "base/err.h"

#include <errno.h>
#include <sys/random.h>

void slk_rng_fill(uint8_t *out, size_t n)
{
    while (n) {
        ssize_t got = getrandom(out, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        slk_assert(got > 0);
        out += got;
        n -= (size_t)got;
    }
}
