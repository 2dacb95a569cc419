/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/slk_circuit_digest.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *digest_key(const slk_digest *d)
{
    return d->witness != NULL ? "values_sha256" : "sha256";
}

/* Whether a recorded digest is of nothing although there are constraints: not recorded then. */
static bool is_recorded(const char *hex, uint64_t size)
{
    static const char empty[] = "e3b0c442"; /* source: SHA-256 of no bytes */
    return size == 0 || strncmp(hex, empty, sizeof empty - 1) != 0;
}

static void start_level(slk_digest *d, slk_digest_level *level)
{
    level->constraints = d->constraints;
    level->aux = d->aux;
    slk_sha256_init(&level->hash, d->crypto);
}

static void update(slk_digest *d, const void *bytes, size_t n)
{
    for (unsigned i = 0; i <= d->depth && i <= d->hashed_depth; i++)
        slk_sha256_update(&d->levels[i].hash, bytes, n);
}

static uint8_t *put_lc(slk_digest *d, uint8_t *out, const slk_lc *lc)
{
    slk_store_le32(out, (uint32_t)lc->n);
    out += 4;
    uint64_t before = 0;
    for (size_t i = 0; i < lc->n; i++) {
        const uint32_t var = lc->terms[i].var;
        const uint64_t order = (uint64_t)(var ^ SLK_VAR_INPUT) + 1;
        assert_true(order > before);
        before = order;
        *out++ = var & SLK_VAR_INPUT ? 0 : 1;
        slk_store_le32(out, var & ~SLK_VAR_INPUT);
        slk_fr_to_node(out + 4, lc->terms[i].coefficient);
        out += 36;
    }
    d->terms += lc->n;
    return out;
}

static void on_constraint(void *context, uint64_t index, const slk_lc *a, const slk_lc *b,
                          const slk_lc *c)
{
    slk_digest *d = context;
    assert_int_equal(index, d->constraints);
    d->constraints++;
    if (d->witness != NULL)
        return;
    assert_true(40 * (a->n + b->n + c->n + 3) < SLK_DIGEST_BUFFER);
    uint8_t *end = put_lc(d, d->buffer, a);
    end = put_lc(d, end, b);
    end = put_lc(d, end, c);
    update(d, d->buffer, (size_t)(end - d->buffer));
}

static void on_allocate(void *context, uint32_t var)
{
    slk_digest *d = context;
    const uint32_t index = var & ~SLK_VAR_INPUT;
    if (var & SLK_VAR_INPUT)
        assert_int_equal(index, d->inputs++);
    else
        assert_int_equal(index, d->aux++);
    if (d->witness == NULL)
        return;
    slk_fr value;
    if (var & SLK_VAR_INPUT)
        value = d->witness->input[index];
    else
        slk_witness_get(&value, d->witness, index);
    uint8_t node[32];
    slk_fr_to_node(node, &value);
    update(d, node, sizeof node);
}

static void on_enter(void *context, const char *prefix, int index, const char *suffix)
{
    slk_digest *d = context;
    char number[16] = "";
    if (index >= 0)
        (void)snprintf(number, sizeof number, "%d", index);
    d->depth++;
    assert_true(d->depth < SLK_DIGEST_DEPTH);
    slk_digest_level *level = &d->levels[d->depth];
    level->path_length = d->path_length;
    const int n = snprintf(d->path + d->path_length, sizeof d->path - d->path_length, "%s%s%s%s",
                           d->path_length > 0 ? "/" : "", prefix, number, suffix);
    assert_true(n > 0 && (size_t)n < sizeof d->path - d->path_length);
    d->path_length += (size_t)n;
    start_level(d, level);
}

static void check_level(slk_digest *d, slk_digest_level *level, const json_t *expected)
{
    const uint64_t constraints = d->constraints - level->constraints;
    const uint64_t aux = d->aux - level->aux;
    if ((uint64_t)slk_test_get_int(expected, "first_constraint") != level->constraints ||
        (uint64_t)slk_test_get_int(expected, "constraints") != constraints ||
        (uint64_t)slk_test_get_int(expected, "first_aux") != level->aux ||
        (uint64_t)slk_test_get_int(expected, "aux") != aux)
        fail_msg("%s: %llu constraints, %llu aux", d->path, (unsigned long long)constraints,
                 (unsigned long long)aux);
    if (d->depth > d->hashed_depth)
        return;
    const char *hex = slk_test_get_text(expected, digest_key(d));
    uint8_t digest[32];
    char got[65];
    slk_sha256_final(&level->hash, digest);
    slk_hex_encode(got, digest, 32);
    if (is_recorded(hex, constraints + aux) && strcmp(hex, got) != 0)
        fail_msg("%s: digest %s, recorded %s", d->path, got, hex);
}

static void on_leave(void *context)
{
    slk_digest *d = context;
    assert_true(d->depth > 0);
    slk_digest_level *level = &d->levels[d->depth];
    const json_t *expected = json_object_get(d->expected, d->path);
    if (expected != NULL) {
        check_level(d, level, expected);
        d->matched++;
    }
    d->depth--;
    d->path_length = level->path_length;
    d->path[d->path_length] = 0;
}

void slk_digest_init(slk_digest *digest, const slk_crypto *crypto, const json_t *r1cs,
                     const slk_witness *witness)
{
    memset(digest, 0, sizeof *digest);
    digest->crypto = crypto;
    digest->witness = witness;
    digest->inputs = 1;
    digest->hashed_depth = 4;
    digest->buffer = slk_alloc(1, SLK_DIGEST_BUFFER);
    digest->expected = json_object();
    assert_non_null(digest->buffer);
    start_level(digest, &digest->levels[0]);
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(r1cs, "namespaces_in_closing_order"), i, entry)
        assert_int_equal(json_object_set(digest->expected, slk_test_get_text(entry, "path"), entry),
                         0);
    assert_true(json_object_size(digest->expected) > 0);
}

void slk_digest_done(slk_digest *digest)
{
    json_decref(digest->expected);
    slk_free(digest->buffer);
}

slk_circuit_visitor slk_digest_visitor(slk_digest *digest)
{
    return (slk_circuit_visitor){digest, on_constraint, on_allocate, on_enter, on_leave};
}

void slk_digest_check_whole(slk_digest *digest, const json_t *r1cs)
{
    assert_int_equal(digest->depth, 0);
    assert_int_equal(digest->matched, json_object_size(digest->expected));
    assert_int_equal(digest->inputs, (uint64_t)slk_test_get_int(r1cs, "inputs_including_one"));
    check_level(digest, &digest->levels[0], json_object_get(r1cs, "whole"));
}
