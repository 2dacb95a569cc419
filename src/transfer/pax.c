/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transfer/pax_impl.h"

#include "base/num.h"

#include <stdio.h>
#include <string.h>

/* Decimal digits at text up to `stop`, which follows them within n bytes. False: something else. */
static bool read_number(uint64_t *ret, size_t *ret_digits, const char *text, size_t n, char stop)
{
    char digits[24];
    const char *end = memchr(text, stop, n);
    const size_t length = end ? (size_t)(end - text) : 0;
    if (length == 0 || length >= sizeof digits || text[0] < '0' || text[0] > '9')
        return false;
    memcpy(digits, text, length);
    digits[length] = 0;
    *ret_digits = length;
    return slk_parse_u64(ret, digits) == SLK_OK;
}

static bool is_harmless(const char *key, size_t n)
{
    static const char *const known[] = {"mtime", "atime", "ctime", "uid", "gid", "uname", "gname"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i]) == n && memcmp(known[i], key, n) == 0)
            return true;
    return false;
}

/* One record of n bytes without its length: "KEY=VALUE\n". */
static const char *read_record(slk_pax_records *records, const char *text, size_t n)
{
    const char *equals = memchr(text, '=', n);
    if (!equals || text[n - 1] != '\n')
        return "its extended header is malformed";
    const size_t key = (size_t)(equals - text);
    size_t digits;
    if (is_harmless(text, key))
        return NULL;
    if (key != 4 || memcmp(text, "size", 4) != 0)
        return "its extended header says more than its size";
    if (records->has_size || !read_number(&records->size, &digits, equals + 1, n - key - 1, '\n') ||
        key + 1 + digits + 1 != n)
        return "its size is no number";
    records->has_size = true;
    return NULL;
}

const char *slk_pax_read(slk_pax_records *ret_records, const char *text, size_t n)
{
    slk_pax_records records = {.given = true};
    while (n > 0) {
        uint64_t length = 0;
        size_t digits = 0;
        if (!read_number(&length, &digits, text, n, ' ') || length > n || length < digits + 3)
            return "its extended header is malformed";
        const char *fault = read_record(&records, text + digits + 1, (size_t)length - digits - 1);
        if (fault)
            return fault;
        text += length;
        n -= (size_t)length;
    }
    *ret_records = records;
    return NULL;
}
