/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What both ways of fetching share. */
#ifndef SLK_TRANSFER_FETCH_IMPL_H
#define SLK_TRANSFER_FETCH_IMPL_H

#include "transfer/fetch.h"

/* Whether the same request may do later. */
static inline bool slk_fetch_may_retry(slk_err code)
{
    return code == SLK_E_UNREACHABLE || code == SLK_E_TIMEOUT || code == SLK_E_BUSY;
}

/* Waits before attempt number failures + 1 (0.1 s doubling to 5 s; a moment after a failure that
 * brought something, failures 0); early once the job is canceled
 * or *stop (may be NULL) is set. */
void slk_fetch_back_off(unsigned failures, slk_job *job, const atomic_bool *stop);

unsigned slk_fetch_attempts(const slk_fetch_from *from);

/* A connection that brings less for so long is given up. */
#define SLK_FETCH_STALL_BYTES_PER_S 4096u
int64_t slk_fetch_stall_ms(const slk_fetch_from *from);

#endif
