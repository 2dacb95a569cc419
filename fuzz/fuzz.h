/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the fuzz targets share. Each target is one file with LLVMFuzzerTestOneInput; a property that
 * does not hold is an slk_assert. replay.c runs a target over its corpus, tools/fuzz.sh lets
 * libFuzzer search. */
#ifndef SLK_FUZZ_FUZZ_H
#define SLK_FUZZ_FUZZ_H

#include "base/err.h"
#include "crypto/crypto.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A heap copy of exactly n bytes and a NUL, so that a sanitizer sees the first byte read too far.
 * Release with slk_free; aborts when out of memory. */
char *fuzz_text(const uint8_t *data, size_t n);

/* A scratch folder of this process, empty at its first use, in memory where /dev/shm exists;
 * removed at exit. */
const char *fuzz_folder(void);

/* Writes n bytes as `name` in the scratch folder, replacing what was there. */
void fuzz_write(const char *name, const uint8_t *data, size_t n);

/* The kernels of this machine, made once. */
const slk_crypto *fuzz_crypto(void);

#endif
