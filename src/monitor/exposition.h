/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Prometheus text format 0.0.4: families of samples with labels, appended to a buffer.
 *
 *     slk_exposition x = {.out = &buf};
 *     slk_expose_family(&x, "selkie_sectors", SLK_METRIC_GAUGE, "Sectors by state.");
 *     slk_expose(&x, SLK_LABELS({"role", "client"}, {"state", "proving"}), 12);
 *
 * All samples of a family follow its slk_expose_family. The first failure of the buffer is kept in
 * code, and what follows it is not written. Confined to one thread.
 * source: prometheus.io, Exposition formats, Text-based format */
#ifndef SLK_MONITOR_EXPOSITION_H
#define SLK_MONITOR_EXPOSITION_H

#include "base/buf.h"
#include "base/err.h"
#include "base/tally.h"

#include <stddef.h>

#define SLK_EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define SLK_LABEL_MAX_BYTES 128u /* longer values are cut */

typedef enum slk_metric_kind {
    SLK_METRIC_COUNTER,
    SLK_METRIC_GAUGE,
    SLK_METRIC_HISTOGRAM,
} slk_metric_kind;

typedef struct slk_exposition {
    slk_buf *out;
    const char *name; /* of the family */
    slk_err code;
} slk_exposition;

/* value: any text; what is not UTF-8 or is a control character is shown as '?'. */
typedef struct slk_label {
    const char *name;
    const char *value;
} slk_label;

/* The labels and their number, as two parameters of the functions below. */
#define SLK_LABELS(...) \
    (const slk_label[]){__VA_ARGS__}, sizeof((const slk_label[]){__VA_ARGS__}) / sizeof(slk_label)
#define SLK_NO_LABELS NULL, 0

/* name and help are static texts. */
void slk_expose_family(slk_exposition *exposition, const char *name, slk_metric_kind kind,
                       const char *help);
void slk_expose(slk_exposition *exposition, const slk_label *labels, size_t n, double value);
/* A histogram of microseconds, printed in units of unit_us: 1000 for ms, 1000000 for seconds. */
void slk_expose_histogram(slk_exposition *exposition, const slk_label *labels, size_t n,
                          const slk_histogram *histogram, double unit_us);

#endif
