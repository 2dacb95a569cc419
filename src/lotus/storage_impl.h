/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Private to lotus/: the six lists of a storage path, wherever they stand. */
#ifndef SLK_LOTUS_STORAGE_IMPL_H
#define SLK_LOTUS_STORAGE_IMPL_H

#include "lotus/storage.h"

/* From the members Groups, AllowTo, AllowTypes, DenyTypes, AllowMiners, DenyMiners. */
SLK_MUST_CHECK slk_err slk_lotus_filter_read(slk_lotus_filter *ret_filter, const json_t *object,
                                             slk_error *error);
/* Sets them. False: out of memory. */
bool slk_lotus_filter_add_json(json_t *object, const slk_lotus_filter *filter);

#endif
