/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pieces, sizes, ranges, and where a piece's data comes from. */
#include "lotus/types.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "lotus/lotus_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PIECE_MIN_BYTES 128u /* source: reference/chain 2 */

static slk_err read_piece(slk_lotus_piece *piece, const json_t *value, slk_error *error)
{
    const json_t *cid = slk_json_member(value, "PieceCID");
    SLK_TRY(slk_json_u64(&piece->bytes, value, "Size", error));
    if (piece->bytes == 0 && cid == NULL)
        return SLK_OK;
    if (piece->bytes < PIECE_MIN_BYTES || !slk_is_pow2(piece->bytes))
        return slk_fail(error, SLK_E_INVAL, "Size: %" PRIu64 " is not a padded size", piece->bytes);
    return slk_lotus_comm_d_read(piece->comm_p, cid, "PieceCID", error);
}

slk_err slk_lotus_piece_read(slk_lotus_piece *ret_piece, const json_t *value, const char *what,
                             slk_error *error)
{
    slk_lotus_piece piece = {0};
    SLK_TRY(slk_lotus_named(read_piece(&piece, value, error), what, error));
    *ret_piece = piece;
    return SLK_OK;
}

json_t *slk_lotus_piece_json(const slk_lotus_piece *piece)
{
    return json_pack("{s:I, s:o}", "Size", (json_int_t)piece->bytes, "PieceCID",
                     piece->bytes == 0 ? json_null() : slk_lotus_comm_d_json(piece->comm_p));
}

static slk_err read_whole_piece(void *one, const json_t *value, slk_error *error)
{
    slk_lotus_piece *piece = one;
    SLK_TRY(read_piece(piece, value, error));
    return piece->bytes != 0 ? SLK_OK : slk_fail(error, SLK_E_INVAL, "a piece of no size");
}

slk_err slk_lotus_pieces_read(slk_lotus_pieces *ret_pieces, const json_t *value, const char *what,
                              slk_error *error)
{
    void *items;
    size_t n;
    slk_err code = slk_lotus_get_list(&items, &n, value, SLK_LOTUS_PIECES_MAX,
                                      sizeof *ret_pieces->item, read_whole_piece, NULL, error);
    if (code == SLK_OK)
        *ret_pieces = (slk_lotus_pieces){.item = items, .n = n};
    return slk_lotus_named(code, what, error);
}

void slk_lotus_pieces_done(slk_lotus_pieces *pieces)
{
    slk_free(pieces->item);
    *pieces = (slk_lotus_pieces){0};
}

slk_err slk_lotus_pieces_bytes(uint64_t *ret_bytes, const slk_lotus_pieces *pieces)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < pieces->n; i++)
        if (slk_add_u64(&sum, sum, pieces->item[i].bytes) != SLK_OK || sum > INT64_MAX)
            return SLK_E_LIMIT;
    *ret_bytes = sum;
    return SLK_OK;
}

static slk_err read_size(void *one, const json_t *value, slk_error *error)
{
    int64_t size;
    SLK_TRY(slk_json_as_i64(&size, value, "size", error));
    if (size < 0)
        return slk_fail(error, SLK_E_INVAL, "size: negative");
    *(uint64_t *)one = (uint64_t)size;
    return SLK_OK;
}

slk_err slk_lotus_sizes_read(uint64_t **ret_sizes, size_t *ret_n, const json_t *value,
                             const char *what, slk_error *error)
{
    void *items;
    SLK_TRY(slk_lotus_named(slk_lotus_get_list(&items, ret_n, value, SLK_LOTUS_PIECES_MAX,
                                               sizeof **ret_sizes, read_size, NULL, error),
                            what, error));
    *ret_sizes = items;
    return SLK_OK;
}

static slk_err read_range(void *one, const json_t *value, slk_error *error)
{
    slk_lotus_range *range = one;
    uint64_t end;
    SLK_TRY(slk_json_u64(&range->offset, value, "Offset", error));
    SLK_TRY(slk_json_u64(&range->bytes, value, "Size", error));
    if (slk_add_u64(&end, range->offset, range->bytes) != SLK_OK || end > INT64_MAX)
        return slk_fail(error, SLK_E_INVAL, "ends past 2^63");
    return SLK_OK;
}

slk_err slk_lotus_ranges_read(slk_lotus_range **ret_ranges, size_t *ret_n, const json_t *value,
                              const char *what, slk_error *error)
{
    void *items;
    SLK_TRY(slk_lotus_named(slk_lotus_get_list(&items, ret_n, value, SLK_LOTUS_PIECES_MAX,
                                               sizeof **ret_ranges, read_range, NULL, error),
                            what, error));
    *ret_ranges = items;
    return SLK_OK;
}

static const char *const kinds[] = {
    [SLK_LOTUS_SOURCE_ZEROS] = "null",
    [SLK_LOTUS_SOURCE_HTTP] = "http",
    [SLK_LOTUS_SOURCE_PUSH] = "push",
};
#define KINDS (sizeof kinds / sizeof *kinds)

static bool is_url(const char *text)
{
    return (strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0) &&
           slk_text_is_printable(text) && strchr(text, ' ') == NULL;
}

static slk_err read_source(slk_lotus_source *source, const json_t *value, slk_error *error)
{
    char type[16];
    unsigned kind = 0;
    SLK_TRY(slk_lotus_get_text(type, sizeof type, value, "Type", error));
    SLK_TRY(slk_lotus_get_text(source->text, sizeof source->text, value, "Info", error));
    while (kind < KINDS && strcmp(kinds[kind], type) != 0)
        kind++;
    if (kind == KINDS)
        return slk_fail(error, SLK_E_INVAL, "Type: not \"null\", \"http\" or \"push\"");
    source->kind = (slk_lotus_source_kind)kind;
    const bool zeros = kind == SLK_LOTUS_SOURCE_ZEROS;
    if (zeros &&
        (slk_parse_u64(&source->bytes, source->text) != SLK_OK || source->bytes > INT64_MAX))
        return slk_fail(error, SLK_E_INVAL, "Info: not a number of bytes");
    if (kind == SLK_LOTUS_SOURCE_HTTP && !is_url(source->text))
        return slk_fail(error, SLK_E_INVAL, "Info: not an http or https URL");
    if (kind == SLK_LOTUS_SOURCE_PUSH && !slk_uuid_is(source->text))
        return slk_fail(error, SLK_E_INVAL, "Info: not a UUID in lower case");
    if (zeros)
        source->text[0] = '\0';
    return SLK_OK;
}

slk_err slk_lotus_source_read(slk_lotus_source *ret_source, const json_t *value, const char *what,
                              slk_error *error)
{
    slk_lotus_source source = {0};
    SLK_TRY(slk_lotus_named(read_source(&source, value, error), what, error));
    *ret_source = source;
    return SLK_OK;
}

json_t *slk_lotus_source_json(const slk_lotus_source *source)
{
    char bytes[24];
    (void)snprintf(bytes, sizeof bytes, "%" PRIu64, source->bytes);
    return json_pack("{s:s, s:s}", "Type", kinds[source->kind], "Info",
                     source->kind == SLK_LOTUS_SOURCE_ZEROS ? bytes : source->text);
}
