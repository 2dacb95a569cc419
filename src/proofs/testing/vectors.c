/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/testing/vectors.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <zlib.h>

char *slk_vector_path(const char *name)
{
    const char *folder = getenv("SELKIE_VECTORS");
    char *path = slk_path_join(folder ? folder : "tests/vectors", name);
    assert_non_null(path);
    return path;
}

void slk_vector_bytes(slk_buf *buf, const char *name)
{
    SLK_CLEANUP(slk_freep) char *path = slk_vector_path(name);
    gzFile file = gzopen(path, "rb"); /* reads plain files as they are */
    if (!file)
        fail_msg("cannot open %s", path);
    char chunk[16384];
    int got;
    while ((got = gzread(file, chunk, sizeof chunk)) > 0)
        assert_int_equal(slk_buf_append(buf, chunk, (size_t)got), SLK_OK);
    assert_int_equal(got, 0);
    (void)gzclose(file);
}

json_t *slk_vector_json(const char *name)
{
    slk_buf buf;
    slk_buf_init(&buf, (size_t)256 << 20);
    slk_vector_bytes(&buf, name);
    json_error_t where;
    json_t *json = json_loadb((const char *)buf.data, buf.len, 0, &where);
    slk_buf_done(&buf);
    if (!json)
        fail_msg("%s: %s at %d", name, where.text, where.position);
    return json;
}

static const json_t *field(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        fail_msg("no field %s", key);
    return value;
}

uint64_t slk_vector_u64(const json_t *object, const char *key)
{
    const json_t *value = field(object, key);
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

const char *slk_vector_text(const json_t *object, const char *key)
{
    const json_t *value = field(object, key);
    assert_true(json_is_string(value));
    return json_string_value(value);
}

void slk_vector_hex(uint8_t *out, size_t n, const json_t *object, const char *key)
{
    assert_true(slk_hex_decode(out, n, slk_vector_text(object, key)));
}
