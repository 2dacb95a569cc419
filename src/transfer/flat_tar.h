/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An archive of plain files with flat names that both ends know beforehand: ustar, a PAX size record for
 * members of 8 GiB and more. Reader and writer work piece by piece in bounded memory.
 * source: POSIX.1-1988 ustar; POSIX.1-2001 pax, extended header records; reference/lotus-worker 6.3 */
#ifndef SLK_TRANSFER_FLAT_TAR_H
#define SLK_TRANSFER_FLAT_TAR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_FLAT_TAR_MEMBERS_MAX 64u
#define SLK_FLAT_NAME_CHARS 48u

/* A file that may be in the archive. Copyable. */
typedef struct slk_flat_member {
    char name[SLK_FLAT_NAME_CHARS]; /* no slash; not "" */
    uint64_t min_bytes; /* at least 1 */
    uint64_t max_bytes;
    bool skip; /* reader: it may come, and is not kept */
} slk_flat_member;

/* ---- writer ---- */
typedef struct slk_flat_tar slk_flat_tar;
/* An archive of these n (1 to SLK_FLAT_TAR_MEMBERS_MAX) files of the folder, in this order; each is
 * looked at now and opened when its turn comes. *ret_bytes: size of the whole archive. SLK_E_NOTFOUND
 * when one is absent, SLK_E_CORRUPT when it is no regular file (links are not followed) or of a wrong
 * size. Mode 0644, time 0: the same files make the same archive. */
SLK_MUST_CHECK slk_err slk_flat_tar_new(slk_flat_tar **ret_tar, uint64_t *ret_bytes,
                                        const char *folder, const slk_flat_member *members,
                                        size_t n, slk_error *error);
void slk_flat_tar_free(slk_flat_tar *tar); /* NULL allowed */
/* The next up to capacity bytes; *ret_n 0 at the end. SLK_E_CORRUPT when a file is no longer of the
 * size it had. Has the shape of slk_http_produce, with slk_flat_tar_release as its release. */
SLK_MUST_CHECK slk_err slk_flat_tar_produce(void *tar, uint8_t *out, size_t capacity, size_t *ret_n,
                                            slk_error *error);
void slk_flat_tar_release(void *tar);

/* ---- reader ---- */
typedef struct slk_flat_untar slk_flat_untar;
typedef struct slk_flat_untar_options {
    const char *folder; /* exists and is empty; the members are written into it */
    const slk_flat_member *members;
    size_t n;
    const char *what; /* "the peer's cache archive", for errors; a static text */
    /* As Lotus writes: sizes may come in PAX headers, and the archive may lack its end blocks and what
     * fills the last member's block. Then where it ends proves nothing: the caller must know which
     * members have to be there. */
    bool open_end;
    bool complete; /* all members must come */
    /* Ends before a member that would be skipped, once one has come that is kept: what follows may be many
     * times as large. What came by then is on disk. */
    bool stops;
} slk_flat_untar_options;

/* All but the text of `what` is copied. */
SLK_MUST_CHECK slk_err slk_flat_untar_new(slk_flat_untar **ret_untar,
                                          const slk_flat_untar_options *options, slk_error *error);
void slk_flat_untar_free(slk_flat_untar *untar); /* NULL allowed; leaves what was written */
/* Takes the next bytes of the archive, in pieces of any size. Anything but the known members, each at
 * most once, as plain files of a right size is SLK_E_PROTO. Every failure is final. */
SLK_MUST_CHECK slk_err slk_flat_untar_take(slk_flat_untar *untar, const uint8_t *bytes, size_t n,
                                           slk_error *error);
/* After the last byte: the archive ended where one may end, all came that must, and is on disk. */
SLK_MUST_CHECK slk_err slk_flat_untar_finish(slk_flat_untar *untar, slk_error *error);
/* A take failed because it ended as `stops` says: nothing was wrong. */
bool slk_flat_untar_stopped(const slk_flat_untar *untar);
/* Whether member index < n has come in full. */
bool slk_flat_untar_has(const slk_flat_untar *untar, size_t index);

#endif
