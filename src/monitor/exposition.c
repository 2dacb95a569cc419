/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "monitor/exposition.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define WHOLE_MAX 9007199254740992.0 /* 2^53: whole numbers are exact up to here */

static void put(slk_exposition *x, slk_err code)
{
    if (x->code == SLK_OK)
        x->code = code;
}

static void put_text(slk_exposition *x, const char *text)
{
    if (x->code == SLK_OK)
        put(x, slk_buf_text(x->out, text));
}

void slk_expose_family(slk_exposition *exposition, const char *name, slk_metric_kind kind,
                       const char *help)
{
    static const char *const words[] = {
        [SLK_METRIC_COUNTER] = "counter",
        [SLK_METRIC_GAUGE] = "gauge",
        [SLK_METRIC_HISTOGRAM] = "histogram",
    };
    exposition->name = name;
    if (exposition->code == SLK_OK)
        put(exposition, slk_buf_printf(exposition->out, "# HELP %s %s\n# TYPE %s %s\n", name, help,
                                       name, words[kind]));
}

static void put_value(slk_exposition *x, const char *text)
{
    char cut[SLK_LABEL_MAX_BYTES + 1];
    (void)snprintf(cut, sizeof cut, "%s", text);
    SLK_CLEANUP(slk_freep) char *plain = slk_text_printable(cut);
    if (!plain)
        put(x, SLK_E_NOMEM);
    for (const char *c = plain; c && *c && x->code == SLK_OK; c++) {
        if (*c == '"' || *c == '\\')
            put(x, slk_buf_byte(x->out, '\\'));
        put(x, slk_buf_byte(x->out, (uint8_t)*c));
    }
}

/* name suffix { labels, extra="…" } and a space. */
static void put_head(slk_exposition *x, const char *suffix, const slk_label *labels, size_t n,
                     const char *bound)
{
    put_text(x, x->name);
    put_text(x, suffix);
    for (size_t i = 0; i < n; i++) {
        put_text(x, i ? "," : "{");
        put_text(x, labels[i].name);
        put_text(x, "=\"");
        put_value(x, labels[i].value ? labels[i].value : "");
        put_text(x, "\"");
    }
    if (bound && x->code == SLK_OK)
        put(x, slk_buf_printf(x->out, "%sle=\"%s\"", n ? "," : "{", bound));
    put_text(x, n || bound ? "} " : " ");
}

static void put_number(slk_exposition *x, double value)
{
    if (x->code != SLK_OK)
        return;
    if (fabs(value) < WHOLE_MAX && value == floor(value))
        put(x, slk_buf_printf(x->out, "%" PRId64 "\n", (int64_t)value));
    else
        put(x, slk_buf_printf(x->out, "%.15g\n", value));
}

void slk_expose(slk_exposition *exposition, const slk_label *labels, size_t n, double value)
{
    put_head(exposition, "", labels, n, NULL);
    put_number(exposition, value);
}

void slk_expose_histogram(slk_exposition *exposition, const slk_label *labels, size_t n,
                          const slk_histogram *histogram, double unit_us)
{
    uint64_t below = 0;
    char bound[32];
    for (size_t i = 0; i <= histogram->n; i++) {
        below += slk_counter_read(&histogram->count[i]);
        if (i < histogram->n)
            (void)snprintf(bound, sizeof bound, "%.9g", (double)histogram->bounds[i] / unit_us);
        put_head(exposition, "_bucket", labels, n, i < histogram->n ? bound : "+Inf");
        put_number(exposition, (double)below);
    }
    put_head(exposition, "_sum", labels, n, NULL);
    put_number(exposition, (double)slk_counter_read(&histogram->sum) / unit_us);
    put_head(exposition, "_count", labels, n, NULL);
    put_number(exposition, (double)below);
}
