/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The short test and the trial run of a group's kernel. Internal to crypto/. */
#ifndef SLK_CRYPTO_CURVE_GROUP_CHECK_H
#define SLK_CRYPTO_CURVE_GROUP_CHECK_H

#include "crypto/curve/group.h"

#define SLK_GROUP_WORK_PAIRS 256u

/* Sums of small multiples of the generator, with every special case in one batch, against
 * multiplications by blst; and the encodings there and back. Takes 3 ms. */
bool slk_group_works(const slk_group *group);

/* SLK_GROUP_WORK_PAIRS additions in one batch. */
void slk_group_work(const slk_group *group);

#endif
