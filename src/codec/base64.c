/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static slk_err encode(slk_buf *out, const uint8_t *in, size_t n, const char *alphabet, bool pad)
{
    SLK_TRY(slk_buf_reserve(out, n / 3 * 4 + 4));
    while (n >= 3) {
        uint32_t v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        char four[4] = {alphabet[v >> 18], alphabet[(v >> 12) & 63], alphabet[(v >> 6) & 63],
                        alphabet[v & 63]};
        SLK_TRY(slk_buf_append(out, four, 4));
        in += 3;
        n -= 3;
    }
    if (n == 0)
        return SLK_OK;
    uint32_t v = (uint32_t)in[0] << 16 | (n == 2 ? (uint32_t)in[1] << 8 : 0);
    char four[4] = {alphabet[v >> 18], alphabet[(v >> 12) & 63],
                    n == 2 ? alphabet[(v >> 6) & 63] : '=', '='};
    return slk_buf_append(out, four, pad ? 4 : n + 1);
}

slk_err slk_base64_encode(slk_buf *out, const uint8_t *in, size_t n)
{
    return encode(out, in, n, standard, true);
}

slk_err slk_base64url_encode(slk_buf *out, const uint8_t *in, size_t n)
{
    return encode(out, in, n, url_safe, false);
}

static int value_of(char c, char c62, char c63)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == c62)
        return 62;
    return c == c63 ? 63 : -1;
}

/* chars without padding; the length is not 1 modulo 4. */
static slk_err decode(slk_buf *out, const char *text, size_t chars, char c62, char c63)
{
    size_t before = out->len;
    SLK_TRY(slk_buf_reserve(out, chars / 4 * 3 + chars % 4 * 3 / 4));
    uint32_t bits = 0;
    unsigned held = 0;
    bool ok = chars % 4 != 1;
    for (size_t i = 0; i < chars && ok; i++) {
        int v = value_of(text[i], c62, c63);
        ok = v >= 0;
        bits = (bits << 6) | ((uint32_t)v & 63);
        held += 6;
        if (held >= 8) {
            held -= 8;
            ok = ok && slk_buf_byte(out, (uint8_t)(bits >> held)) == SLK_OK;
        }
    }
    if (ok && (bits & ((1u << held) - 1)) == 0)
        return SLK_OK;
    out->len = before;
    if (out->data != NULL)
        out->data[before] = 0;
    return SLK_E_INVAL;
}

slk_err slk_base64_decode(slk_buf *out, const char *text, size_t chars)
{
    if (chars % 4 != 0)
        return SLK_E_INVAL;
    for (int i = 0; i < 2 && chars > 0 && text[chars - 1] == '='; i++)
        chars--;
    return decode(out, text, chars, '+', '/');
}

slk_err slk_base64url_decode(slk_buf *out, const char *text, size_t chars)
{
    return decode(out, text, chars, '-', '_');
}
