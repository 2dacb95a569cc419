/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "proofs/fr32/fr32.h"
#include "proofs/piece/piece.h"

#include <errno.h>
#include <unistd.h>

#define COPY_RAW (127u * 512)

static slk_err check_size(uint64_t piece_bytes, slk_error *error)
{
    if (piece_bytes % 127 != 0 || !slk_is_pow2(piece_bytes / 127) ||
        piece_bytes > (UINT64_C(127) << 34))
        return slk_fail(error, SLK_E_INVAL,
                        "%llu is no piece size: it must be 127 times a power of two",
                        (unsigned long long)piece_bytes);
    return SLK_OK;
}

/* Zeros that bring `written` to a multiple of the piece's size. */
static uint64_t gap_before(uint64_t written, uint64_t piece_bytes)
{
    return (piece_bytes - written % piece_bytes) % piece_bytes;
}

slk_err slk_piece_alignment(uint64_t *ret_left, uint64_t *ret_right, uint64_t piece_bytes,
                            const uint64_t *previous_bytes, size_t n, slk_error *error)
{
    SLK_TRY(check_size(piece_bytes, error));
    uint64_t written = 0;
    for (size_t i = 0; i < n; i++) {
        SLK_TRY(check_size(previous_bytes[i], error));
        uint64_t end;
        if (slk_add_u64(&end, written, gap_before(written, previous_bytes[i])) != SLK_OK ||
            slk_add_u64(&end, end, previous_bytes[i]) != SLK_OK || end > (UINT64_C(1) << 48))
            return slk_fail(error, SLK_E_LIMIT, "pieces are larger than any sector");
        written = end;
    }
    *ret_left = gap_before(written, piece_bytes);
    *ret_right = 0; /* legal sizes fill their place */
    return SLK_OK;
}

/* Up to n bytes from a stream, fewer only at its end. */
static slk_err read_stream(size_t *ret_got, int fd, uint8_t *out, size_t n, slk_error *error)
{
    size_t got = 0;
    while (got < n) {
        ssize_t more = read(fd, out + got, n - got);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return slk_fail_errno(error, errno, "cannot read the piece");
        if (more == 0)
            break;
        got += (size_t)more;
    }
    *ret_got = got;
    return SLK_OK;
}

static slk_err copy_padded(slk_commp *commp, int source_fd, int target_fd, uint64_t offset,
                           uint64_t piece_bytes, slk_error *error)
{
    uint8_t raw[COPY_RAW], padded[COPY_RAW / 127 * 128];
    for (uint64_t done = 0; done < piece_bytes;) {
        size_t want = (size_t)slk_min_u64(sizeof raw, piece_bytes - done), got = 0;
        SLK_TRY(read_stream(&got, source_fd, raw, want, error));
        if (got != want)
            return slk_fail(error, SLK_E_INVAL, "the piece ends after %llu of its %llu bytes",
                            (unsigned long long)(done + got), (unsigned long long)piece_bytes);
        SLK_TRY(slk_commp_update(commp, raw, got, error));
        slk_fr32_pad(padded, raw, got);
        size_t n = slk_fr32_pad_out_bytes(got);
        SLK_TRY(slk_file_write_at(target_fd, padded, n, offset, "the unsealed file", error));
        offset += n;
        done += got;
    }
    return SLK_OK;
}

slk_err slk_add_piece(slk_piece *ret_piece, uint64_t *ret_written, const slk_crypto *crypto,
                      int source_fd, int target_fd, uint64_t piece_bytes,
                      const uint64_t *previous_bytes, size_t n, slk_error *error)
{
    uint64_t left = 0, right = 0;
    SLK_TRY(slk_piece_alignment(&left, &right, piece_bytes, previous_bytes, n, error));
    off_t old = lseek(target_fd, 0, SEEK_END);
    if (old < 0)
        return slk_fail_errno(error, errno, "cannot find the end of the unsealed file");
    SLK_CLEANUP(slk_commp_freep) slk_commp *commp = NULL;
    SLK_TRY(slk_commp_new(&commp, crypto, error));
    uint64_t begin = (uint64_t)old + slk_fr32_padded_bytes(left);
    slk_err code = copy_padded(commp, source_fd, target_fd, begin, piece_bytes, error);
    if (code == SLK_OK)
        code = slk_commp_final(commp, ret_piece, slk_fr32_padded_bytes(piece_bytes), error);
    if (code != SLK_OK) {
        (void)!ftruncate(target_fd, old);
        return code;
    }
    *ret_written = left + piece_bytes + right;
    return SLK_OK;
}
