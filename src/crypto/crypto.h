/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The kernels chosen for this processor, and the tables they need: made once, then immutable.
 *
 * Every choice has passed a known-answer test, else slk_crypto_new fails loudly. A const slk_crypto
 * is shared freely between threads. About 1 MiB of tables. */
#ifndef SLK_CRYPTO_CRYPTO_H
#define SLK_CRYPTO_CRYPTO_H

#include "base/err.h"

#include <stddef.h>

typedef struct slk_crypto slk_crypto;

/* choice is what $SELKIE_CPU says: a comma-separated list of at most one level of base/cpu.h and any
 * number of PRIMITIVE=KERNEL, such as "avx2" or "native,poseidon=mulx"; at most 256 bytes.
 *   - a primitive that is named gets that kernel;
 *   - with a level, the others get the first eligible kernel of their list, so that the choice is the
 *     same on every run;
 *   - with none (NULL or "" too), they get the fastest of the eligible kernels, by a trial of some
 *     milliseconds in all; a kernel takes the place of one before it only when it is faster by a
 *     twentieth, so that noise changes nothing.
 * Eligible: everything the kernel needs is allowed by the level and offered by the processor.
 * SLK_E_INVAL: the choice cannot be read, names what is not there, or a kernel this processor cannot
 * run; SLK_E_INTERNAL: a kernel that gives wrong answers. */
SLK_MUST_CHECK slk_err slk_crypto_new(slk_crypto **ret_crypto, const char *choice,
                                      slk_error *error);
void slk_crypto_free(slk_crypto *crypto); /* NULL allowed */

/* The choice per primitive, for `selkie cpu`: index from 0, false past the last.
 * *ret_primitive "sha256", *ret_kernel "shani". */
bool slk_crypto_choice(const slk_crypto *crypto, size_t index, const char **ret_primitive,
                       const char **ret_kernel);

typedef struct slk_kernel_report {
    const char *primitive, *kernel;
    const char *unit; /* of work: "block", "hash of 8" */
    bool chosen, eligible;
    double ns_each; /* one unit on one core; 0 where not eligible */
} slk_kernel_report;

/* Tests and times kernel `kernel` of primitive `primitive` now, both from 0; false past the last kernel
 * (or the last primitive). Takes up to 10 ms. A kernel that gives wrong answers is not eligible. */
bool slk_crypto_report(const slk_crypto *crypto, size_t primitive, size_t kernel,
                       slk_kernel_report *ret_report);

#endif
