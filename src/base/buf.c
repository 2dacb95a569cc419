/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/buf.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

void slk_buf_init(slk_buf *buf, size_t max_bytes)
{
    *buf = (slk_buf){.max = max_bytes};
}

void slk_buf_done(slk_buf *buf)
{
    slk_free(buf->data);
    *buf = (slk_buf){.max = buf->max};
}

void slk_buf_reset(slk_buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = 0;
}

slk_err slk_buf_reserve(slk_buf *buf, size_t more)
{
    if (more > buf->max - buf->len)
        return SLK_E_LIMIT;
    size_t need = buf->len + more;
    if (buf->data && need <= buf->capacity)
        return SLK_OK;
    size_t grown = buf->capacity < 64 ? 64 : buf->capacity;
    while (grown < need)
        grown = grown > buf->max / 2 ? buf->max : grown * 2;
    uint8_t *data = slk_realloc(buf->data, grown + 1, 1);
    if (!data)
        return SLK_E_NOMEM;
    if (!buf->data)
        data[0] = 0;
    buf->data = data;
    buf->capacity = grown;
    return SLK_OK;
}

slk_err slk_buf_append(slk_buf *buf, const void *bytes, size_t n)
{
    SLK_TRY(slk_buf_reserve(buf, n));
    if (n)
        memcpy(buf->data + buf->len, bytes, n);
    buf->len += n;
    buf->data[buf->len] = 0;
    return SLK_OK;
}

slk_err slk_buf_byte(slk_buf *buf, uint8_t byte)
{
    return slk_buf_append(buf, &byte, 1);
}

slk_err slk_buf_text(slk_buf *buf, const char *text)
{
    return slk_buf_append(buf, text, strlen(text));
}

slk_err slk_buf_printf(slk_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    slk_err code = n < 0 ? SLK_E_INTERNAL : slk_buf_reserve(buf, (size_t)n);
    if (code == SLK_OK) {
        (void)vsnprintf((char *)buf->data + buf->len, (size_t)n + 1, format, again);
        buf->len += (size_t)n;
    }
    va_end(again);
    return code;
}

const char *slk_buf_str(const slk_buf *buf)
{
    return buf->data ? (const char *)buf->data : "";
}

char *slk_buf_take(slk_buf *buf)
{
    if (!buf->data)
        return slk_strdup("");
    char *text = (char *)buf->data;
    *buf = (slk_buf){.max = buf->max};
    return text;
}
