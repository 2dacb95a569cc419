/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/sse.h"

#include <string.h>

void slk_sse_init(slk_sse *sse, size_t max_bytes, slk_sse_event *event, void *context)
{
    *sse = (slk_sse){.event = event, .context = context};
    slk_buf_init(&sse->line, max_bytes);
    slk_buf_init(&sse->data, max_bytes);
}

void slk_sse_done(slk_sse *sse)
{
    slk_buf_done(&sse->line);
    slk_buf_done(&sse->data);
}

static slk_err too_long(slk_err code, const char *what, slk_error *error)
{
    return code == SLK_E_LIMIT ? slk_fail(error, code, "%s of the events is too long", what) : code;
}

static slk_err dispatch(slk_sse *sse, slk_error *error)
{
    slk_err code = SLK_OK;
    if (sse->has_data)
        code = sse->event(sse->context, sse->name, slk_buf_str(&sse->data), sse->data.len, error);
    slk_buf_reset(&sse->data);
    sse->has_data = false;
    sse->name[0] = 0;
    return code;
}

static slk_err take_name(slk_sse *sse, const char *value, size_t n, slk_error *error)
{
    if (n >= sizeof sse->name || memchr(value, 0, n))
        return slk_fail(error, SLK_E_LIMIT, "the name of an event is too long, or none");
    memcpy(sse->name, value, n);
    sse->name[n] = 0;
    return SLK_OK;
}

static slk_err take_data(slk_sse *sse, const char *value, size_t n, slk_error *error)
{
    slk_err code = sse->has_data ? slk_buf_byte(&sse->data, '\n') : SLK_OK;
    if (code == SLK_OK)
        code = slk_buf_append(&sse->data, value, n);
    sse->has_data = true;
    return too_long(code, "the data of one", error);
}

/* "field: value", "field:value" or "field"; a comment has no field's name. */
static slk_err take_field(slk_sse *sse, const char *line, size_t n, slk_error *error)
{
    const char *colon = memchr(line, ':', n);
    const size_t name = colon ? (size_t)(colon - line) : n;
    size_t from = colon ? name + 1 : n;
    if (from < n && line[from] == ' ')
        from++;
    if (name == 5 && memcmp(line, "event", name) == 0)
        return take_name(sse, line + from, n - from, error);
    if (name == 4 && memcmp(line, "data", name) == 0)
        return take_data(sse, line + from, n - from, error);
    return SLK_OK;
}

static slk_err end_line(slk_sse *sse, slk_error *error)
{
    const char *line = slk_buf_str(&sse->line);
    size_t n = sse->line.len;
    if (!sse->begun && n >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        n -= 3;
    }
    sse->begun = true;
    const slk_err code = n ? take_field(sse, line, n, error) : dispatch(sse, error);
    slk_buf_reset(&sse->line);
    return code;
}

/* How many bytes go before a line end. */
static size_t line_bytes(const uint8_t *bytes, size_t n)
{
    size_t i = 0;
    while (i < n && bytes[i] != '\n' && bytes[i] != '\r')
        i++;
    return i;
}

slk_err slk_sse_take(slk_sse *sse, const uint8_t *bytes, size_t n, slk_error *error)
{
    for (size_t at = 0; at < n; at++) {
        if (sse->after_cr && bytes[at] == '\n') {
            sse->after_cr = false;
            continue;
        }
        sse->after_cr = false;
        const size_t more = line_bytes(bytes + at, n - at);
        SLK_TRY(too_long(slk_buf_append(&sse->line, bytes + at, more), "a line", error));
        at += more;
        if (at == n)
            break;
        sse->after_cr = bytes[at] == '\r';
        SLK_TRY(end_line(sse, error));
    }
    return SLK_OK;
}
