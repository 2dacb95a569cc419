/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The first failure of a parallel loop, kept until the loop's caller can return it. */
#ifndef SLK_BASE_FAULT_H
#define SLK_BASE_FAULT_H

#include "base/err.h"

#include <stdatomic.h>

typedef struct slk_fault {
    atomic_bool claimed; /* some thread writes, or has written, error */
    atomic_bool set; /* error is complete */
    slk_error error;
} slk_fault;

void slk_fault_init(slk_fault *fault);

/* Any thread; the first call is kept. error->code must be set, as slk_fail does. */
void slk_fault_set(slk_fault *fault, const slk_error *error);

/* Any thread: whether to stop early. */
bool slk_fault_any(slk_fault *fault);

/* After the loop, by its caller: SLK_OK, or the kept failure copied to *error (may be NULL). */
SLK_MUST_CHECK slk_err slk_fault_result(slk_fault *fault, slk_error *error);

#endif
