/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the database says of sectors, queue, partners, leases and nodes, as gauges.
 *
 * One table of families, each one read-only statement whose last column is the value and whose other
 * columns are the labels; at most SLK_GAUGE_SAMPLES samples of a family, so that no number of miners
 * or partners makes the page grow without bound. */
#ifndef SLK_MONITOR_GAUGES_H
#define SLK_MONITOR_GAUGES_H

#include "monitor/exposition.h"
#include "seal/seal.h"

#define SLK_GAUGE_SAMPLES 1000

SLK_MUST_CHECK slk_err slk_gauges_expose(slk_exposition *exposition, slk_seal *seal,
                                         slk_error *error);

#endif
