/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A reader that believes nothing: the archive may only hold what it must hold. */
#include "transfer/flat_tar.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/http_text.h"
#include "transfer/pax_impl.h"
#include "transfer/tar_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* tar pads archives to records of 10 KiB, some tools to more. */
#define TRAILING_ZEROS_MAX ((uint64_t)1 << 20)
/* The disk begins to write large members while they come, so that the sync at their end is short. */
#define WRITE_EARLY_BYTES ((uint64_t)16 << 20)

typedef enum untar_state {
    UNTAR_HEADER,
    UNTAR_EXTENDED, /* the records of an extended header */
    UNTAR_BODY,
    UNTAR_PADDING,
    UNTAR_END, /* zeros only from here on */
    UNTAR_FAILED,
} untar_state;

struct slk_flat_untar {
    const char *what;
    bool open_end, must_complete, stops, stopped;
    slk_flat_member members[SLK_FLAT_TAR_MEMBERS_MAX];
    size_t n;
    bool complete[SLK_FLAT_TAR_MEMBERS_MAX];
    char *folder;
    int folder_fd;
    untar_state state;
    size_t at; /* the member in work */
    int fd;
    uint64_t body_bytes, body_left, early_bytes;
    size_t padding_left;
    tar_header header;
    size_t header_n;
    slk_pax_records pax; /* of the member that comes next */
    char records[PAX_MAX_BYTES];
    size_t records_n, records_bytes;
    uint64_t end_zeros;
};

slk_err slk_flat_untar_new(slk_flat_untar **ret_untar, const slk_flat_untar_options *options,
                           slk_error *error)
{
    slk_assert(options->n > 0 && options->n <= SLK_FLAT_TAR_MEMBERS_MAX);
    slk_flat_untar *u = slk_calloc(1, sizeof *u);
    if (!u)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    memcpy(u->members, options->members, options->n * sizeof *u->members);
    u->n = options->n;
    u->what = options->what;
    u->open_end = options->open_end;
    u->must_complete = options->complete;
    u->stops = options->stops;
    u->fd = -1;
    u->folder_fd = open(options->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int os_errno = errno;
    u->folder = slk_strdup(options->folder);
    if (u->folder && u->folder_fd >= 0) {
        *ret_untar = u;
        return SLK_OK;
    }
    bool no_memory = !u->folder;
    slk_flat_untar_free(u);
    return no_memory ? slk_fail(error, SLK_E_NOMEM, "out of memory")
                     : slk_fail_errno(error, os_errno, "cannot open folder %s", options->folder);
}

void slk_flat_untar_free(slk_flat_untar *u)
{
    if (!u)
        return;
    slk_closep(&u->fd);
    slk_closep(&u->folder_fd);
    slk_free(u->folder);
    slk_free(u);
}

bool slk_flat_untar_stopped(const slk_flat_untar *u)
{
    return u->stopped;
}

bool slk_flat_untar_has(const slk_flat_untar *u, size_t index)
{
    slk_assert(index < u->n);
    return u->complete[index];
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

static slk_err refuse(slk_flat_untar *u, slk_error *error, const char *why)
{
    char name[64];
    slk_printable(name, sizeof name, u->header.name, sizeof u->header.name);
    u->state = UNTAR_FAILED;
    return slk_fail(error, SLK_E_PROTO, "%s is refused at \"%s\": %s", u->what, name, why);
}

static const char *header_fault(const slk_flat_untar *u, uint64_t *ret_size)
{
    const tar_header *h = &u->header;
    uint64_t sum;
    if (!read_octal(&sum, h->checksum, sizeof h->checksum) || sum != tar_checksum(h))
        return "the header's checksum is wrong";
    if (memcmp(h->magic, "ustar\0", 6) != 0 && memcmp(h->magic, "ustar ", 6) != 0)
        return "the header is not ustar";
    const bool extended = u->open_end && h->type == 'x' && !u->pax.given;
    if (h->type != '0' && h->type != 0 && !extended)
        return "it is no plain file";
    if (h->link_name[0] || h->prefix[0])
        return "it has a link or a path";
    if (!read_octal(ret_size, h->size, sizeof h->size))
        return "its size is no octal number";
    return NULL;
}

/* The known file of that name, all of whose further bytes in the field are zero. */
static bool find_member(slk_flat_untar *u)
{
    const char *name = u->header.name;
    for (size_t i = 0; i < u->n; i++) {
        size_t n = strlen(u->members[i].name);
        u->at = i;
        if (memcmp(name, u->members[i].name, n) == 0 &&
            all_zero_field(name + n, sizeof u->header.name - n))
            return true;
    }
    return false;
}

static slk_err open_member(slk_flat_untar *u, slk_error *error)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    if (u->members[u->at].skip)
        return SLK_OK;
    u->fd = openat(u->folder_fd, u->members[u->at].name, flags, 0644);
    if (u->fd >= 0)
        return SLK_OK;
    u->state = UNTAR_FAILED;
    return slk_fail_errno(error, errno, "cannot create %s/%s", u->folder, u->members[u->at].name);
}

static slk_err close_member(slk_flat_untar *u, slk_error *error)
{
    slk_err code = u->fd < 0 ? SLK_OK : slk_file_sync(u->fd, u->members[u->at].name, error);
    slk_closep(&u->fd);
    u->fd = -1;
    u->complete[u->at] = code == SLK_OK;
    u->state = code == SLK_OK ? UNTAR_PADDING : UNTAR_FAILED;
    return code;
}

static slk_err begin_extended(slk_flat_untar *u, uint64_t size, slk_error *error)
{
    if (size == 0 || size > sizeof u->records)
        return refuse(u, error, "its extended header is too large");
    u->records_bytes = (size_t)size;
    u->records_n = 0;
    u->padding_left = tar_padding(size);
    u->state = UNTAR_EXTENDED;
    return SLK_OK;
}

static bool has_any_kept(const slk_flat_untar *u)
{
    for (size_t i = 0; i < u->n; i++)
        if (u->complete[i] && !u->members[i].skip)
            return true;
    return false;
}

static slk_err stop(slk_flat_untar *u, slk_error *error)
{
    u->state = UNTAR_FAILED;
    SLK_TRY(slk_file_sync(u->folder_fd, u->folder, error));
    u->stopped = true;
    return slk_fail(error, SLK_E_CANCELED, "what follows is not wanted");
}

static slk_err begin_member(slk_flat_untar *u, uint64_t size, slk_error *error)
{
    if (u->pax.has_size)
        size = u->pax.size;
    u->pax = (slk_pax_records){0};
    if (!find_member(u))
        return refuse(u, error, "no file that may come has this name");
    const slk_flat_member *m = &u->members[u->at];
    if (u->complete[u->at])
        return refuse(u, error, "it comes a second time");
    if (size == 0 || size < m->min_bytes || size > m->max_bytes)
        return refuse(u, error, "its size is wrong");
    if (u->stops && m->skip && has_any_kept(u))
        return stop(u, error);
    u->body_bytes = u->body_left = size;
    u->early_bytes = 0;
    u->padding_left = tar_padding(size);
    u->state = UNTAR_BODY;
    return open_member(u, error);
}

static slk_err end_header(slk_flat_untar *u, slk_error *error)
{
    u->header_n = 0;
    if (all_zero_field((const char *)&u->header, sizeof u->header)) {
        if (u->pax.given)
            return refuse(u, error, "an extended header is of no file");
        u->state = UNTAR_END;
        u->end_zeros = TAR_BLOCK;
        return SLK_OK;
    }
    uint64_t size = 0;
    const char *fault = header_fault(u, &size);
    if (fault)
        return refuse(u, error, fault);
    return u->header.type == 'x' ? begin_extended(u, size, error) : begin_member(u, size, error);
}

/* ---- pieces ---- */

/* Each takes at least one of the n > 0 bytes and says how many. */
static slk_err take_header(slk_flat_untar *u, const uint8_t *bytes, size_t n, size_t *ret_taken,
                           slk_error *error)
{
    size_t want = slk_min_u64(n, TAR_BLOCK - u->header_n);
    memcpy((uint8_t *)&u->header + u->header_n, bytes, want);
    u->header_n += want;
    *ret_taken = want;
    return u->header_n == TAR_BLOCK ? end_header(u, error) : SLK_OK;
}

static slk_err take_extended(slk_flat_untar *u, const uint8_t *bytes, size_t n, size_t *ret_taken,
                             slk_error *error)
{
    size_t want = slk_min_u64(n, u->records_bytes - u->records_n);
    memcpy(u->records + u->records_n, bytes, want);
    u->records_n += want;
    *ret_taken = want;
    if (u->records_n < u->records_bytes)
        return SLK_OK;
    u->state = UNTAR_PADDING;
    const char *fault = slk_pax_read(&u->pax, u->records, u->records_n);
    return fault ? refuse(u, error, fault) : SLK_OK;
}

static slk_err take_body(slk_flat_untar *u, const uint8_t *bytes, size_t n, size_t *ret_taken,
                         slk_error *error)
{
    const uint64_t at = u->body_bytes - u->body_left;
    size_t want = slk_min_u64(n, u->body_left);
    slk_err code = u->fd < 0
                       ? SLK_OK
                       : slk_file_write_at(u->fd, bytes, want, at, u->members[u->at].name, error);
    if (code != SLK_OK) {
        u->state = UNTAR_FAILED;
        return code;
    }
    if (u->fd >= 0 && at + want - u->early_bytes >= WRITE_EARLY_BYTES) {
        slk_file_write_early(u->fd, u->early_bytes, at + want - u->early_bytes);
        u->early_bytes = at + want;
    }
    u->body_left -= want;
    *ret_taken = want;
    return u->body_left ? SLK_OK : close_member(u, error);
}

static slk_err take_padding(slk_flat_untar *u, const uint8_t *bytes, size_t n, size_t *ret_taken,
                            slk_error *error)
{
    size_t want = slk_min_u64(n, u->padding_left);
    if (!slk_bytes_all_zero(bytes, want))
        return refuse(u, error, "what fills its last block is not zero");
    u->padding_left -= want;
    *ret_taken = want;
    return SLK_OK;
}

static slk_err take_end(slk_flat_untar *u, const uint8_t *bytes, size_t n, slk_error *error)
{
    if (!slk_bytes_all_zero(bytes, n))
        return refuse(u, error, "something follows the archive's end");
    u->end_zeros += n;
    if (u->end_zeros > TRAILING_ZEROS_MAX)
        return refuse(u, error, "the archive's end does not end");
    return SLK_OK;
}

static slk_err take_some(slk_flat_untar *u, const uint8_t *bytes, size_t n, size_t *ret_taken,
                         slk_error *error)
{
    if (u->state == UNTAR_PADDING && u->padding_left == 0)
        u->state = UNTAR_HEADER;
    switch (u->state) {
    case UNTAR_HEADER:
        return take_header(u, bytes, n, ret_taken, error);
    case UNTAR_EXTENDED:
        return take_extended(u, bytes, n, ret_taken, error);
    case UNTAR_BODY:
        return take_body(u, bytes, n, ret_taken, error);
    case UNTAR_PADDING:
        return take_padding(u, bytes, n, ret_taken, error);
    case UNTAR_END:
        return take_end(u, bytes, n, error);
    case UNTAR_FAILED:
        break;
    }
    return slk_fail(error, SLK_E_PROTO, "%s was refused before", u->what);
}

slk_err slk_flat_untar_take(slk_flat_untar *u, const uint8_t *bytes, size_t n, slk_error *error)
{
    while (n) {
        size_t taken = n;
        SLK_TRY(take_some(u, bytes, n, &taken, error));
        bytes += taken;
        n -= taken;
    }
    return SLK_OK;
}

/* Whether the archive may end here. */
static bool is_at_end(const slk_flat_untar *u)
{
    if (u->state == UNTAR_END)
        return u->open_end || u->end_zeros >= TAR_END_BLOCKS * TAR_BLOCK;
    const bool between =
        u->state == UNTAR_PADDING || (u->state == UNTAR_HEADER && u->header_n == 0);
    return u->open_end && between && !u->pax.given;
}

slk_err slk_flat_untar_finish(slk_flat_untar *u, slk_error *error)
{
    if (!is_at_end(u))
        return slk_fail(error, SLK_E_PROTO, "%s is cut short", u->what);
    for (size_t i = 0; i < u->n && u->must_complete; i++)
        if (!u->complete[i])
            return slk_fail(error, SLK_E_PROTO, "%s lacks %s", u->what, u->members[i].name);
    return slk_file_sync(u->folder_fd, u->folder, error);
}
