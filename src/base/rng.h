/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Randomness from the kernel. */
#ifndef SLK_BASE_RNG_H
#define SLK_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Fills n bytes from getrandom; aborts if the kernel refuses, since nothing safe can follow. */
void slk_rng_fill(uint8_t *out, size_t n);

#endif
