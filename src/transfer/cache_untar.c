/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A reader that believes nothing: the archive may only hold what it must hold. */
#include "transfer/cache_tar.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/http_text.h"
#include "transfer/tar_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* tar pads archives to records of 10 KiB, some tools to more. */
#define TRAILING_ZEROS_MAX ((uint64_t)1 << 20)

typedef enum untar_state {
    UNTAR_HEADER,
    UNTAR_BODY,
    UNTAR_PADDING,
    UNTAR_END, /* zeros only from here on */
    UNTAR_FAILED,
} untar_state;

struct slk_cache_untar {
    const slk_sector_shape *shape;
    char *folder;
    int folder_fd;
    untar_state state;
    bool seen[2 + SLK_MAX_BASE_TREES];
    size_t member; /* index of the file in work */
    slk_cache_file file;
    int fd;
    uint64_t body_bytes, body_left;
    size_t padding_left;
    tar_header header;
    size_t header_n;
    uint64_t end_zeros;
};

slk_err slk_cache_untar_new(slk_cache_untar **ret_untar, const char *folder,
                            const slk_sector_shape *shape, slk_error *error)
{
    slk_cache_untar *u = slk_calloc(1, sizeof *u);
    if (!u)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    u->shape = shape;
    u->fd = -1;
    u->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int os_errno = errno;
    u->folder = slk_strdup(folder);
    if (u->folder && u->folder_fd >= 0) {
        *ret_untar = u;
        return SLK_OK;
    }
    bool no_memory = !u->folder;
    slk_cache_untar_free(u);
    return no_memory ? slk_fail(error, SLK_E_NOMEM, "out of memory")
                     : slk_fail_errno(error, os_errno, "cannot open folder %s", folder);
}

void slk_cache_untar_free(slk_cache_untar *u)
{
    if (!u)
        return;
    slk_closep(&u->fd);
    slk_closep(&u->folder_fd);
    slk_free(u->folder);
    slk_free(u);
}

/* ---- one header ---- */

/* Octal digits, then NULs or blanks to the end of the field; nothing else, above all not the
 * base-256 form of huge sizes. */
static bool read_octal(uint64_t *ret, const char *field, size_t n)
{
    size_t i = 0;
    uint64_t v = 0;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
        v = v * 8 + (uint64_t)(field[i] - '0');
    if (i == 0)
        return false;
    for (; i < n; i++)
        if (field[i] != 0 && field[i] != ' ')
            return false;
    *ret = v;
    return true;
}

static bool all_zero_field(const char *field, size_t n)
{
    return slk_bytes_all_zero((const uint8_t *)field, n);
}

static slk_err refuse(slk_cache_untar *u, slk_error *error, const char *why)
{
    char name[48];
    slk_printable(name, sizeof name, u->header.name, sizeof u->header.name);
    u->state = UNTAR_FAILED;
    return slk_fail(error, SLK_E_PROTO, "the peer's cache archive is refused at \"%s\": %s", name,
                    why);
}

static const char *header_fault(const tar_header *h, uint64_t *ret_size)
{
    uint64_t sum;
    if (!read_octal(&sum, h->checksum, sizeof h->checksum) || sum != tar_checksum(h))
        return "the header's checksum is wrong";
    if (memcmp(h->magic, "ustar\0", 6) != 0 && memcmp(h->magic, "ustar ", 6) != 0)
        return "the header is not ustar";
    if (h->type != '0' && h->type != 0)
        return "it is no plain file";
    if (h->link_name[0] || h->prefix[0])
        return "it has a link or a path";
    if (!read_octal(ret_size, h->size, sizeof h->size))
        return "its size is no octal number";
    return NULL;
}

/* The known file of that name, all of whose further bytes in the field are zero. */
static bool find_member(slk_cache_untar *u)
{
    const char *name = u->header.name;
    for (size_t i = 0; i < slk_cache_file_count(u->shape); i++) {
        slk_cache_file_at(&u->file, u->shape, i);
        size_t n = strlen(u->file.name);
        u->member = i;
        if (memcmp(name, u->file.name, n) == 0 &&
            all_zero_field(name + n, sizeof u->header.name - n))
            return true;
    }
    return false;
}

static slk_err open_member(slk_cache_untar *u, slk_error *error)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    u->fd = openat(u->folder_fd, u->file.name, flags, 0644);
    if (u->fd >= 0)
        return SLK_OK;
    u->state = UNTAR_FAILED;
    return slk_fail_errno(error, errno, "cannot create %s/%s", u->folder, u->file.name);
}

static slk_err close_member(slk_cache_untar *u, slk_error *error)
{
    slk_err code = slk_file_sync(u->fd, u->file.name, error);
    slk_closep(&u->fd);
    u->fd = -1;
    u->state = code == SLK_OK ? UNTAR_PADDING : UNTAR_FAILED;
    return code;
}

static slk_err begin_member(slk_cache_untar *u, slk_error *error)
{
    u->header_n = 0;
    if (all_zero_field((const char *)&u->header, sizeof u->header)) {
        u->state = UNTAR_END;
        u->end_zeros = TAR_BLOCK;
        return SLK_OK;
    }
    uint64_t size = 0;
    const char *fault = header_fault(&u->header, &size);
    if (fault)
        return refuse(u, error, fault);
    if (!find_member(u))
        return refuse(u, error, "no file of a finished cache has this name");
    if (u->seen[u->member])
        return refuse(u, error, "it comes a second time");
    if (size == 0 || size > u->file.max_bytes || (u->file.bytes && size != u->file.bytes))
        return refuse(u, error, "its size is wrong");
    u->seen[u->member] = true;
    u->body_bytes = u->body_left = size;
    u->padding_left = tar_padding(size);
    u->state = UNTAR_BODY;
    return open_member(u, error);
}

/* ---- pieces ---- */

/* Each takes at least one of the n > 0 bytes and says how many. */
static slk_err take_header(slk_cache_untar *u, const uint8_t *bytes, size_t n, size_t *ret_taken,
                           slk_error *error)
{
    size_t want = slk_min_u64(n, TAR_BLOCK - u->header_n);
    memcpy((uint8_t *)&u->header + u->header_n, bytes, want);
    u->header_n += want;
    *ret_taken = want;
    return u->header_n == TAR_BLOCK ? begin_member(u, error) : SLK_OK;
}

static slk_err take_body(slk_cache_untar *u, const uint8_t *bytes, size_t n, size_t *ret_taken,
                         slk_error *error)
{
    size_t want = slk_min_u64(n, u->body_left);
    slk_err code =
        slk_file_write_at(u->fd, bytes, want, u->body_bytes - u->body_left, u->file.name, error);
    if (code != SLK_OK) {
        u->state = UNTAR_FAILED;
        return code;
    }
    u->body_left -= want;
    *ret_taken = want;
    return u->body_left ? SLK_OK : close_member(u, error);
}

static slk_err take_padding(slk_cache_untar *u, const uint8_t *bytes, size_t n, size_t *ret_taken,
                            slk_error *error)
{
    size_t want = slk_min_u64(n, u->padding_left);
    if (!slk_bytes_all_zero(bytes, want))
        return refuse(u, error, "what fills its last block is not zero");
    u->padding_left -= want;
    *ret_taken = want;
    return SLK_OK;
}

static slk_err take_end(slk_cache_untar *u, const uint8_t *bytes, size_t n, slk_error *error)
{
    if (!slk_bytes_all_zero(bytes, n))
        return refuse(u, error, "something follows the archive's end");
    u->end_zeros += n;
    if (u->end_zeros > TRAILING_ZEROS_MAX)
        return refuse(u, error, "the archive's end does not end");
    return SLK_OK;
}

slk_err slk_cache_untar_take(slk_cache_untar *u, const uint8_t *bytes, size_t n, slk_error *error)
{
    while (n) {
        size_t taken = n;
        if (u->state == UNTAR_PADDING && u->padding_left == 0)
            u->state = UNTAR_HEADER;
        switch (u->state) {
        case UNTAR_HEADER:
            SLK_TRY(take_header(u, bytes, n, &taken, error));
            break;
        case UNTAR_BODY:
            SLK_TRY(take_body(u, bytes, n, &taken, error));
            break;
        case UNTAR_PADDING:
            SLK_TRY(take_padding(u, bytes, n, &taken, error));
            break;
        case UNTAR_END:
            SLK_TRY(take_end(u, bytes, n, error));
            break;
        case UNTAR_FAILED:
            return slk_fail(error, SLK_E_PROTO, "the peer's cache archive was refused before");
        }
        bytes += taken;
        n -= taken;
    }
    return SLK_OK;
}

slk_err slk_cache_untar_finish(slk_cache_untar *u, slk_error *error)
{
    if (u->state != UNTAR_END || u->end_zeros < TAR_END_BLOCKS * TAR_BLOCK)
        return slk_fail(error, SLK_E_PROTO, "the peer's cache archive is cut short");
    for (size_t i = 0; i < slk_cache_file_count(u->shape); i++) {
        slk_cache_file_at(&u->file, u->shape, i);
        if (!u->seen[i])
            return slk_fail(error, SLK_E_PROTO, "the peer's cache archive lacks %s", u->file.name);
    }
    return slk_file_sync(u->folder_fd, u->folder, error);
}
