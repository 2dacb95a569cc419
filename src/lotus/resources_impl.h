/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Private to lotus/: which rows the table has. */
#ifndef SLK_LOTUS_RESOURCES_IMPL_H
#define SLK_LOTUS_RESOURCES_IMPL_H

#include "lotus/resources.h"

bool slk_lotus_need_has_row(slk_lotus_task task, int64_t proof);

#endif
