/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whether what the database says is consistent with itself and with the files of this node. It only
 * reads, beside running nodes; what changes while it looks is looked at twice, so that a step that is
 * just being taken is no finding. */
#ifndef SLK_SEAL_FSCK_H
#define SLK_SEAL_FSCK_H

#include "base/buf.h"
#include "base/err.h"
#include "seal/seal.h"

#include <stdint.h>

/* Appends {"findings":[{"promise","miner","number","detail","mend"}],"promises","sectors","files"} to
 * out: how many promises, sectors and files were looked at. number is -1 where no sector is meant.
 * *ret_findings of them; at most 1000 are listed. */
SLK_MUST_CHECK slk_err slk_fsck(slk_buf *out, uint64_t *ret_findings, slk_seal *seal,
                                slk_error *error);

#endif
