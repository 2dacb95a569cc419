/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/poseidon/poseidon_impl.h"

#include "base/err.h"

#include <string.h>

static void mix(slk_fr *x, const slk_fr *matrix, unsigned t)
{
    slk_fr y[SLK_POSEIDON_MAX_WIDTH], term;
    for (unsigned j = 0; j < t; j++) {
        y[j] = slk_fr_zero;
        for (unsigned i = 0; i < t; i++) {
            slk_fr_mul(&term, &x[i], &matrix[i * t + j]);
            slk_fr_add(&y[j], &y[j], &term);
        }
    }
    memcpy(x, y, t * sizeof *x);
}

void slk_poseidon_plain(const slk_poseidon_params *params, slk_fr *out, const slk_fr *in)
{
    unsigned t = params->width, half = params->full_rounds / 2;
    unsigned rounds = params->full_rounds + params->partial_rounds;
    slk_fr x[SLK_POSEIDON_MAX_WIDTH];
    slk_assert(t <= SLK_POSEIDON_MAX_WIDTH);
    x[0] = params->tag;
    memcpy(x + 1, in, (t - 1) * sizeof *x);
    for (unsigned k = 0; k < rounds; k++) {
        bool full = k < half || k >= half + params->partial_rounds;
        for (unsigned i = 0; i < t; i++) {
            slk_fr_add(&x[i], &x[i], &params->round_keys[k * t + i]);
            if (full || i == 0)
                slk_fr_pow_u64(&x[i], &x[i], 5);
        }
        mix(x, params->mds, t);
    }
    *out = x[1];
}
