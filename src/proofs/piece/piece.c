/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/piece/piece.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "crypto/sha256/sha256.h"
#include "proofs/fr32/fr32.h"

#include <errno.h>
#include <unistd.h>

/* One chunk is reduced to a single node of level CHUNK_LEVEL before it meets the stack. */
#define CHUNK_LEVEL 11u
#define CHUNK_PADDED (32u << CHUNK_LEVEL)
#define CHUNK_RAW (CHUNK_PADDED / 128 * 127)
#define MAX_LEVEL (SLK_ZERO_LEVELS - 1)

void slk_zero_nodes_init(slk_zero_nodes *ret_zero, const slk_crypto *crypto)
{
    memset(ret_zero->node[0], 0, 32);
    for (size_t k = 1; k < SLK_ZERO_LEVELS; k++) {
        uint8_t pair[64];
        memcpy(pair, ret_zero->node[k - 1], 32);
        memcpy(pair + 32, ret_zero->node[k - 1], 32);
        slk_sha254_pairs(crypto, ret_zero->node[k], pair, 1);
    }
}

/* Complete subtrees from left to right, levels strictly falling. */
struct stack {
    size_t depth;
    uint8_t node[SLK_ZERO_LEVELS + 1][32];
    unsigned level[SLK_ZERO_LEVELS + 1];
};

static void push(struct stack *stack, const slk_crypto *crypto, const uint8_t node[32],
                 unsigned level)
{
    uint8_t top[32];
    memcpy(top, node, 32);
    while (stack->depth && stack->level[stack->depth - 1] == level) {
        uint8_t pair[64];
        memcpy(pair, stack->node[--stack->depth], 32);
        memcpy(pair + 32, top, 32);
        slk_sha254_pairs(crypto, top, pair, 1);
        level++;
    }
    slk_assert(level <= MAX_LEVEL && stack->depth < SLK_ZERO_LEVELS);
    memcpy(stack->node[stack->depth], top, 32);
    stack->level[stack->depth++] = level;
}

static void push_zero(struct stack *stack, const slk_crypto *crypto, const slk_zero_nodes *zero)
{
    unsigned level = stack->level[stack->depth - 1];
    push(stack, crypto, zero->node[level], level);
}

static unsigned level_of(uint64_t padded_bytes)
{
    return slk_log2(padded_bytes) - 5;
}

static slk_err check_pieces(uint64_t sector_bytes, const slk_piece *pieces, size_t n,
                            slk_error *error)
{
    if (n > sector_bytes / 128)
        return slk_fail(error, SLK_E_INVAL, "%zu pieces are more than the sector can hold", n);
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t size = pieces[i].padded_bytes;
        if (!slk_is_pow2(size) || size < SLK_PIECE_MIN_BYTES)
            return slk_fail(error, SLK_E_INVAL,
                            "piece %zu has %llu padded bytes, which is not a power of two of at "
                            "least 128",
                            i, (unsigned long long)size);
        if (slk_bytes_all_zero(pieces[i].commitment, 32))
            return slk_fail(error, SLK_E_INVAL, "piece %zu has an all-zero commitment", i);
        if (size > sector_bytes - sum)
            return slk_fail(error, SLK_E_INVAL, "pieces are larger than the sector of %llu bytes",
                            (unsigned long long)sector_bytes);
        sum += size;
    }
    return SLK_OK;
}

slk_err slk_comm_d_of_pieces(uint8_t out32[32], const slk_crypto *crypto, uint64_t sector_bytes,
                             const slk_piece *pieces, size_t n, slk_error *error)
{
    slk_assert(slk_is_pow2(sector_bytes) && sector_bytes >= SLK_PIECE_MIN_BYTES &&
               level_of(sector_bytes) <= MAX_LEVEL);
    SLK_TRY(check_pieces(sector_bytes, pieces, n, error));
    slk_zero_nodes zero;
    slk_zero_nodes_init(&zero, crypto);
    if (n == 0) {
        memcpy(out32, zero.node[level_of(sector_bytes)], 32);
        return SLK_OK;
    }
    struct stack stack = {0};
    push(&stack, crypto, pieces[0].commitment, level_of(pieces[0].padded_bytes));
    for (size_t i = 1; i < n; i++) {
        unsigned level = level_of(pieces[i].padded_bytes);
        while (stack.level[stack.depth - 1] < level) {
            /* Filling up may not outgrow what check_pieces has added up. */
            if (stack.depth == 1 && stack.level[0] >= level_of(sector_bytes))
                return slk_fail(error, SLK_E_INVAL, "aligned pieces outgrow the sector");
            push_zero(&stack, crypto, &zero);
        }
        push(&stack, crypto, pieces[i].commitment, level);
    }
    while (stack.depth > 1)
        push_zero(&stack, crypto, &zero);
    memcpy(out32, stack.node[0], 32);
    return SLK_OK;
}

struct slk_commp {
    const slk_crypto *crypto;
    uint64_t chunks; /* pushed to the stack */
    size_t held; /* bytes of raw */
    slk_zero_nodes zero;
    struct stack stack;
    uint8_t raw[CHUNK_RAW];
    uint8_t padded[CHUNK_PADDED];
};

slk_err slk_commp_new(slk_commp **ret_commp, const slk_crypto *crypto, slk_error *error)
{
    slk_commp *commp = slk_calloc(1, sizeof *commp);
    if (!commp)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a piece commitment");
    commp->crypto = crypto;
    slk_zero_nodes_init(&commp->zero, crypto);
    *ret_commp = commp;
    return SLK_OK;
}

void slk_commp_free(slk_commp *commp)
{
    slk_free(commp);
}

void slk_commp_freep(slk_commp **commp)
{
    slk_commp_free(*commp);
}

/* Pads raw_bytes and reduces them, with zeros behind, to one node of the level; into padded[0]. */
static void reduce_chunk(slk_commp *commp, const uint8_t *raw, size_t raw_bytes, unsigned level)
{
    size_t used = slk_fr32_pad_out_bytes(raw_bytes);
    slk_fr32_pad(commp->padded, raw, raw_bytes);
    memset(commp->padded + used, 0, (32u << level) - used);
    for (size_t nodes = (size_t)1 << level; nodes > 1; nodes /= 2)
        slk_sha254_pairs(commp->crypto, commp->padded, commp->padded, nodes / 2);
}

static slk_err push_chunk(slk_commp *commp, const uint8_t *raw, slk_error *error)
{
    if (commp->chunks == (UINT64_C(1) << (MAX_LEVEL - CHUNK_LEVEL)) - 1)
        return slk_fail(error, SLK_E_LIMIT, "a piece is larger than 2 TiB");
    reduce_chunk(commp, raw, CHUNK_RAW, CHUNK_LEVEL);
    push(&commp->stack, commp->crypto, commp->padded, CHUNK_LEVEL);
    commp->chunks++;
    return SLK_OK;
}

slk_err slk_commp_update(slk_commp *commp, const void *in, size_t n, slk_error *error)
{
    const uint8_t *from = in;
    while (n) {
        if (commp->held == 0 && n >= CHUNK_RAW) {
            SLK_TRY(push_chunk(commp, from, error));
            from += CHUNK_RAW;
            n -= CHUNK_RAW;
            continue;
        }
        size_t take = CHUNK_RAW - commp->held < n ? CHUNK_RAW - commp->held : n;
        memcpy(commp->raw + commp->held, from, take);
        commp->held += take;
        from += take;
        n -= take;
        if (commp->held == CHUNK_RAW) {
            SLK_TRY(push_chunk(commp, commp->raw, error));
            commp->held = 0;
        }
    }
    return SLK_OK;
}

/* The level of the piece to make: the smallest that holds the stream, or the one asked for. */
static slk_err final_level(const slk_commp *commp, unsigned *ret_level, uint64_t padded_bytes,
                           slk_error *error)
{
    uint64_t used = commp->chunks * CHUNK_PADDED + slk_fr32_pad_out_bytes(commp->held);
    if (!padded_bytes) {
        padded_bytes = SLK_PIECE_MIN_BYTES;
        while (padded_bytes < used)
            padded_bytes *= 2;
    }
    if (!slk_is_pow2(padded_bytes) || padded_bytes < SLK_PIECE_MIN_BYTES ||
        level_of(padded_bytes) > MAX_LEVEL || padded_bytes < used)
        return slk_fail(error, SLK_E_INVAL,
                        "%llu is no size for a piece of %llu padded bytes of data",
                        (unsigned long long)padded_bytes, (unsigned long long)used);
    *ret_level = level_of(padded_bytes);
    return SLK_OK;
}

slk_err slk_commp_final(slk_commp *commp, slk_piece *ret_piece, uint64_t padded_bytes,
                        slk_error *error)
{
    unsigned level = 0;
    SLK_TRY(final_level(commp, &level, padded_bytes, error));
    const uint8_t *root = commp->stack.node[0];
    if (commp->chunks == 0) {
        unsigned small = level < CHUNK_LEVEL ? level : CHUNK_LEVEL;
        reduce_chunk(commp, commp->raw, commp->held, small);
        push(&commp->stack, commp->crypto, commp->padded, small);
    } else if (commp->held) {
        reduce_chunk(commp, commp->raw, commp->held, CHUNK_LEVEL);
        push(&commp->stack, commp->crypto, commp->padded, CHUNK_LEVEL);
    }
    while (commp->stack.depth > 1 || commp->stack.level[0] < level)
        push_zero(&commp->stack, commp->crypto, &commp->zero);
    memcpy(ret_piece->commitment, root, 32);
    ret_piece->padded_bytes = UINT64_C(32) << level;
    return SLK_OK;
}

slk_err slk_commp_of_file(slk_piece *ret_piece, const slk_crypto *crypto, const char *path,
                          slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_file_open_read(&fd, path, error));
    SLK_CLEANUP(slk_commp_freep) slk_commp *commp = NULL;
    SLK_TRY(slk_commp_new(&commp, crypto, error));
    uint8_t chunk[65536];
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return slk_fail_errno(error, errno, "cannot read %s", path);
        if (got == 0)
            return slk_commp_final(commp, ret_piece, 0, error);
        SLK_TRY(slk_commp_update(commp, chunk, (size_t)got, error));
    }
}
