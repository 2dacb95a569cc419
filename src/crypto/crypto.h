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

/* level as in base/cpu.h (NULL: everything this processor has); main passes $SELKIE_CPU. Takes about
 * 50 ms for the Poseidon constants. SLK_E_INVAL unknown level, SLK_E_INTERNAL a kernel that gives
 * wrong answers. */
SLK_MUST_CHECK slk_err slk_crypto_new(slk_crypto **ret_crypto, const char *level, slk_error *error);
void slk_crypto_free(slk_crypto *crypto); /* NULL allowed */

/* The choice per primitive, for `selkie cpu`: index from 0, false past the last.
 * *ret_primitive "sha256", *ret_kernel "shani". */
bool slk_crypto_choice(const slk_crypto *crypto, size_t index, const char **ret_primitive,
                       const char **ret_kernel);

#endif
