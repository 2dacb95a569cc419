/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"

#include "base/mem.h"

bool slk_bytes_equal_ct(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint8_t difference = 0;
    for (size_t i = 0; i < n; i++)
        difference = (uint8_t)(difference | (a[i] ^ b[i]));
    return difference == 0;
}

void slk_bytes_wipe(void *p, size_t n)
{
    explicit_bzero(p, n);
}

bool slk_bytes_all_zero(const uint8_t *p, size_t n)
{
    if (n == 0)
        return true;
    return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

void slk_hex_encode(char *out, const uint8_t *in, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    out[2 * n] = 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool slk_hex_decode(uint8_t *out, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        int high = hex_value(text[2 * i]);
        int low = high < 0 ? -1 : hex_value(text[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return text[2 * n] == 0;
}

/* Length of the UTF-8 character at p, U+0000 none; 0 when there is none. */
static size_t character_length(const uint8_t *p)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (p[0] < 0x80)
        return p[0] != 0;
    const size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc0 || p[0] >= 0xf8)
        return 0;
    uint32_t code = p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) /* also at the final NUL */
            return 0;
        code = code << 6 | (p[i] & 0x3fu);
    }
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    return code >= least[n] && code <= 0x10ffff && !surrogate ? n : 0;
}

/* The same of one that may be printed: no control character of ASCII or ISO 8859. */
static size_t printable_length(const uint8_t *p)
{
    const size_t n = character_length(p);
    const bool control =
        (n == 1 && (p[0] < 0x20 || p[0] == 0x7f)) || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
    return control ? 0 : n;
}

static void replace(char *text, size_t (*length)(const uint8_t *))
{
    while (*text) {
        const size_t n = length((const uint8_t *)text);
        if (n == 0)
            *text = '?';
        text += n ? n : 1;
    }
}

/* Is text the beginning of a character that goes on after the text's end? */
static bool is_cut(const uint8_t *text)
{
    const size_t want = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    size_t n = 1;
    while ((text[n] & 0xc0) == 0x80)
        n++;
    return text[0] >= 0xc2 && text[0] < 0xf5 && text[n] == 0 && n < want;
}

void slk_text_mend(char *text)
{
    const size_t n = strlen(text);
    for (size_t i = 1; i <= 3 && i <= n; i++)
        if (is_cut((const uint8_t *)text + n - i)) {
            text[n - i] = 0;
            break;
        }
    replace(text, character_length);
}

void slk_text_quotable(char *text)
{
    slk_text_mend(text);
    replace(text, printable_length);
    for (; *text; text++)
        *text = *text == '"' ? '\'' : *text;
}

bool slk_text_is_utf8(const char *text)
{
    size_t n = 1;
    while (*text && n > 0)
        text += n = character_length((const uint8_t *)text);
    return n > 0;
}

bool slk_text_is_printable(const char *text)
{
    size_t n = 1;
    while (*text && n > 0)
        text += n = printable_length((const uint8_t *)text);
    return n > 0;
}

char *slk_text_printable(const char *text)
{
    char *clean = slk_strdup(text);
    if (clean)
        replace(clean, printable_length);
    return clean;
}
