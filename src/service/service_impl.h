/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of this folder share. */
#ifndef SLK_SERVICE_SERVICE_IMPL_H
#define SLK_SERVICE_SERVICE_IMPL_H

#include "service/ledger.h"

#include <stdbool.h>

/* false: no such name. */
bool slk_ledger_kind_parse(slk_ledger_kind *ret, const char *name);
bool slk_ledger_item_parse(slk_ledger_item *ret, const char *name);

#endif
