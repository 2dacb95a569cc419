/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The C1 reader. The first byte says what the input is: even, the text itself; odd, changes to a
 * recorded C1 of a 2 KiB sector: offset (3 bytes), bytes to drop (2), bytes to insert (1), these bytes,
 * and so on. Accepted text is byte for byte what the writer makes of it. */
#include "fuzz.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "proofs/vanilla/c1.h"
#include "support/slk_test_vectors.h"

#define TEXT_MAX ((size_t)1 << 20)
#define CHANGE_BYTES 6u

typedef struct recorded {
    uint8_t *bytes;
    size_t n;
} recorded;

/* The text with its registered proof, and bare. */
static const recorded *recorded_c1(size_t index)
{
    static recorded texts[2];
    static const char *const names[] = {"s-2k-data/c1.json.gz", "s-2k-synth/c1.json.gz"};
    if (texts[index].bytes == NULL)
        texts[index].bytes = slk_test_vectors_bytes(names[index], &texts[index].n);
    return &texts[index];
}

static slk_err compare(void *context, const void *bytes, size_t n, slk_error *error)
{
    recorded *rest = context;
    (void)error;
    slk_assert(n <= rest->n && memcmp(rest->bytes, bytes, n) == 0);
    rest->bytes += n;
    rest->n -= n;
    return SLK_OK;
}

static void read_text(uint8_t *text, size_t n, const slk_seal_proof *expected)
{
    SLK_CLEANUP(slk_c1_done) slk_c1 c1 = {0};
    slk_error error = {0};
    if (slk_c1_read_json(&c1, text, n, expected, &error) != SLK_OK) {
        slk_assert(error.message[0]);
        return;
    }
    recorded rest = {text, n};
    bool bare = !memmem(text, n < 64 ? n : 64, "registered_proof", 16);
    slk_assert(slk_c1_write_json(&c1, bare, compare, &rest, &error) == SLK_OK && rest.n == 0);
}

/* Applies one change to text in place; the bytes of the input it used, 0 at the end. */
static size_t change(slk_buf *text, const uint8_t *data, size_t n)
{
    if (n < CHANGE_BYTES)
        return 0;
    size_t at = (data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16) % (text->len + 1);
    size_t drop = data[3] | (size_t)data[4] << 8, insert = data[5];
    if (insert > n - CHANGE_BYTES)
        insert = n - CHANGE_BYTES;
    if (drop > text->len - at)
        drop = text->len - at;
    if (slk_buf_reserve(text, insert) != SLK_OK)
        return 0;
    memmove(text->data + at + insert, text->data + at + drop, text->len - at - drop);
    memcpy(text->data + at, data + CHANGE_BYTES, insert);
    text->len += insert - drop;
    return CHANGE_BYTES + insert;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_seal_proof expected;
    slk_buf_init(&text, TEXT_MAX);
    if (n < 1 || n > TEXT_MAX / 4)
        return 0;
    if (data[0] & 1) {
        const recorded *base = recorded_c1(data[0] >> 1 & 1);
        slk_assert(slk_buf_append(&text, base->bytes, base->n) == SLK_OK);
        for (size_t at = 1, used = 1; used > 0; at += used)
            used = change(&text, data + at, n - at);
    } else {
        slk_assert(slk_buf_append(&text, data + 1, n - 1) == SLK_OK);
    }
    /* A copy of the exact size, without the NUL of the buffer. */
    SLK_CLEANUP(slk_freep) uint8_t *exact = slk_alloc(text.len, 1);
    slk_assert(exact);
    if (text.len > 0)
        memcpy(exact, text.data, text.len);
    read_text(exact, text.len, NULL);
    slk_assert(slk_seal_proof_registered(&expected, 5, NULL) == SLK_OK);
    read_text(exact, text.len, &expected);
    return 0;
}
