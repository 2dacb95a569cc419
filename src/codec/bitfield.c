/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/bitfield.h"

#include "base/mem.h"
#include "codec/varint.h"

#include <string.h>

void slk_bitfield_done(slk_bitfield *set)
{
    slk_free(set->ranges);
    *set = (slk_bitfield){0};
}

/* Index of the first range that ends after bit. */
static size_t locate(const slk_bitfield *set, uint64_t bit)
{
    size_t low = 0, high = set->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ranges[middle].end > bit)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

bool slk_bitfield_has(const slk_bitfield *set, uint64_t bit)
{
    size_t i = locate(set, bit);
    return i < set->n && set->ranges[i].first <= bit;
}

static slk_err insert(slk_bitfield *set, size_t at, slk_bit_range range)
{
    if (set->n == SLK_BITFIELD_MAX_RANGES)
        return SLK_E_LIMIT;
    if (set->n == set->capacity) {
        size_t capacity = set->capacity == 0 ? 8 : set->capacity * 2;
        slk_bit_range *grown = slk_realloc(set->ranges, capacity, sizeof *grown);
        if (grown == NULL)
            return SLK_E_NOMEM;
        set->ranges = grown;
        set->capacity = capacity;
    }
    memmove(set->ranges + at + 1, set->ranges + at, (set->n - at) * sizeof *set->ranges);
    set->ranges[at] = range;
    set->n++;
    return SLK_OK;
}

static void erase(slk_bitfield *set, size_t at, size_t n)
{
    if (n == 0)
        return;
    set->n -= n;
    memmove(set->ranges + at, set->ranges + at + n, (set->n - at) * sizeof *set->ranges);
}

slk_err slk_bitfield_add_range(slk_bitfield *set, uint64_t first, uint64_t end)
{
    slk_assert(first <= end);
    if (first == end)
        return SLK_OK;
    /* Those from i on, below j, overlap or touch it. */
    size_t i = locate(set, first);
    if (i > 0 && set->ranges[i - 1].end == first)
        i--;
    size_t j = i;
    while (j < set->n && set->ranges[j].first <= end)
        j++;
    if (i == j)
        return insert(set, i, (slk_bit_range){first, end});
    if (set->ranges[i].first > first)
        set->ranges[i].first = first;
    set->ranges[i].end = set->ranges[j - 1].end > end ? set->ranges[j - 1].end : end;
    erase(set, i + 1, j - i - 1);
    return SLK_OK;
}

slk_err slk_bitfield_add(slk_bitfield *set, uint64_t bit)
{
    slk_assert(bit < UINT64_MAX);
    return slk_bitfield_add_range(set, bit, bit + 1);
}

slk_err slk_bitfield_remove_range(slk_bitfield *set, uint64_t first, uint64_t end)
{
    slk_assert(first <= end);
    if (first == end)
        return SLK_OK;
    size_t i = locate(set, first);
    if (i < set->n && set->ranges[i].first < first) {
        const slk_bit_range cut = set->ranges[i];
        if (cut.end > end)
            SLK_TRY(insert(set, i + 1, (slk_bit_range){end, cut.end}));
        set->ranges[i].end = first;
        i++;
    }
    size_t j = i; /* those from i on, below j, are inside */
    while (j < set->n && set->ranges[j].end <= end)
        j++;
    if (j < set->n && set->ranges[j].first < end)
        set->ranges[j].first = end;
    erase(set, i, j - i);
    return SLK_OK;
}

bool slk_bitfield_has_range(const slk_bitfield *set, uint64_t first, uint64_t end)
{
    slk_assert(first <= end);
    const size_t i = locate(set, first);
    return first == end ||
           (i < set->n && set->ranges[i].first <= first && set->ranges[i].end >= end);
}

uint64_t slk_bitfield_first_free(const slk_bitfield *set, uint64_t from)
{
    size_t i = locate(set, from);
    return i < set->n && set->ranges[i].first <= from ? set->ranges[i].end : from;
}

uint64_t slk_bitfield_count(const slk_bitfield *set)
{
    uint64_t n = 0;
    for (size_t i = 0; i < set->n; i++)
        n += set->ranges[i].end - set->ranges[i].first;
    return n;
}

/* A set being read from runs; done bits so far. */
typedef struct run_reader {
    slk_bitfield set;
    uint64_t at;
} run_reader;

static slk_err take_run(run_reader *reader, bool ones, uint64_t length)
{
    uint64_t end;
    if (__builtin_add_overflow(reader->at, length, &end) || end == UINT64_MAX)
        return SLK_E_INVAL;
    if (ones && length > 0)
        SLK_TRY(insert(&reader->set, reader->set.n, (slk_bit_range){reader->at, end}));
    reader->at = end;
    return SLK_OK;
}

slk_err slk_bitfield_from_json(slk_bitfield *ret_set, const json_t *value, slk_error *error)
{
    run_reader reader = {0};
    if (value != NULL && !json_is_null(value) && !json_is_array(value))
        return slk_fail(error, SLK_E_INVAL, "bitfield: not an array of run lengths");
    size_t n = json_array_size(value);
    slk_err code = SLK_OK;
    for (size_t i = 0; i < n && code == SLK_OK; i++) {
        json_t *run = json_array_get(value, i);
        json_int_t length = json_integer_value(run);
        if (!json_is_integer(run) || length < 0 || (length == 0 && i > 0))
            code = SLK_E_INVAL;
        else
            code = take_run(&reader, i % 2 == 1, (uint64_t)length);
    }
    if (code != SLK_OK) {
        slk_bitfield_done(&reader.set);
        return slk_fail(error, code, "bitfield: run lengths are not what they must be");
    }
    *ret_set = reader.set;
    return SLK_OK;
}

json_t *slk_bitfield_to_json(const slk_bitfield *set)
{
    json_t *runs = json_array();
    uint64_t at = 0;
    bool ok = runs != NULL;
    if (ok && set->n == 0)
        ok = json_array_append_new(runs, json_integer(0)) == 0;
    for (size_t i = 0; ok && i < set->n; i++) {
        slk_bit_range range = set->ranges[i];
        ok = json_array_append_new(runs, json_integer((json_int_t)(range.first - at))) == 0 &&
             json_array_append_new(runs, json_integer((json_int_t)(range.end - range.first))) == 0;
        at = range.end;
    }
    if (ok)
        return runs;
    json_decref(runs);
    return NULL;
}

/* Bits are packed from the lowest bit of each byte on. */
typedef struct bit_reader {
    const uint8_t *in;
    size_t bits, at;
} bit_reader;

static uint64_t take_bits(bit_reader *reader, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n && reader->at < reader->bits; i++, reader->at++)
        v |= (uint64_t)((reader->in[reader->at / 8] >> (reader->at % 8)) & 1) << i;
    return v;
}

/* One run length: "1" is 1, "01" four bits, "00" a varint. False past the end or malformed. */
static bool take_length(bit_reader *reader, uint64_t *ret_length)
{
    if (take_bits(reader, 1) == 1) {
        *ret_length = 1;
        return true;
    }
    if (take_bits(reader, 1) == 1) {
        *ret_length = take_bits(reader, 4);
        return true;
    }
    uint8_t bytes[SLK_VARINT_MAX_BYTES] = {0};
    size_t n = 0;
    do {
        if (n == sizeof bytes || reader->at >= reader->bits)
            return false;
        bytes[n] = (uint8_t)take_bits(reader, 8);
    } while ((bytes[n++] & 0x80) != 0);
    return slk_varint_get(ret_length, bytes, n) == n;
}

/* True when only zero bits are left, which is padding. */
static bool only_padding(bit_reader reader)
{
    while (reader.at < reader.bits)
        if (take_bits(&reader, 1) != 0)
            return false;
    return true;
}

slk_err slk_bitfield_from_rle(slk_bitfield *ret_set, const uint8_t *in, size_t n, slk_error *error)
{
    run_reader runs = {0};
    bit_reader bits = {.in = in, .bits = n * 8};
    if (n == 0) {
        *ret_set = runs.set;
        return SLK_OK;
    }
    if (n > SLK_BITFIELD_MAX_RANGES)
        return slk_fail(error, SLK_E_LIMIT, "RLE+ of %zu bytes", n);
    if (in[n - 1] == 0)
        return slk_fail(error, SLK_E_INVAL, "RLE+ ends with a zero byte");
    if (take_bits(&bits, 2) != 0)
        return slk_fail(error, SLK_E_INVAL, "RLE+ of an unknown version");
    bool ones = take_bits(&bits, 1) == 1;
    slk_err code = SLK_OK;
    while (code == SLK_OK && !only_padding(bits)) {
        uint64_t length = 0;
        code =
            take_length(&bits, &length) && length > 0 ? take_run(&runs, ones, length) : SLK_E_INVAL;
        ones = !ones;
    }
    if (code != SLK_OK) {
        slk_bitfield_done(&runs.set);
        return slk_fail(error, code, "RLE+ is malformed");
    }
    *ret_set = runs.set;
    return SLK_OK;
}

typedef struct bit_writer {
    slk_buf *out;
    size_t start; /* of our bytes in out */
    size_t at;
} bit_writer;

static slk_err put_bits(bit_writer *writer, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++, writer->at++) {
        if (writer->at % 8 == 0)
            SLK_TRY(slk_buf_byte(writer->out, 0));
        uint8_t bit = (uint8_t)((v >> i) & 1);
        writer->out->data[writer->start + writer->at / 8] |= (uint8_t)(bit << (writer->at % 8));
    }
    return SLK_OK;
}

static slk_err put_length(bit_writer *writer, uint64_t length)
{
    uint8_t bytes[SLK_VARINT_MAX_BYTES];
    if (length == 1)
        return put_bits(writer, 1, 1);
    if (length < 16)
        return put_bits(writer, length << 2 | 2, 6);
    SLK_TRY(put_bits(writer, 0, 2));
    size_t n = slk_varint_put(bytes, length);
    for (size_t i = 0; i < n; i++)
        SLK_TRY(put_bits(writer, bytes[i], 8));
    return SLK_OK;
}

slk_err slk_bitfield_to_rle(slk_buf *out, const slk_bitfield *set)
{
    bit_writer writer = {.out = out, .start = out->len};
    if (set->n == 0)
        return SLK_OK;
    bool first_is_one = set->ranges[0].first == 0;
    SLK_TRY(put_bits(&writer, first_is_one ? 4 : 0, 3));
    uint64_t at = 0;
    for (size_t i = 0; i < set->n; i++) {
        slk_bit_range range = set->ranges[i];
        if (range.first > at)
            SLK_TRY(put_length(&writer, range.first - at));
        SLK_TRY(put_length(&writer, range.end - range.first));
        at = range.end;
    }
    /* The shortest form: readers supply zero bits past the end. */
    while (out->len > writer.start && out->data[out->len - 1] == 0)
        out->len--;
    return SLK_OK;
}
