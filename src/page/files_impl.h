/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The files of src/page/assets as data; the table is made by tools/embed.py. */
#ifndef SLK_PAGE_FILES_IMPL_H
#define SLK_PAGE_FILES_IMPL_H

#include <stddef.h>
#include <stdint.h>

typedef struct slk_page_file {
    const char *name;
    const char *type; /* for Content-Type */
    const char *etag; /* with its quotes, of the content */
    const uint8_t *plain;
    size_t plain_n;
    const uint8_t *gzip;
    size_t gzip_n;
} slk_page_file;

extern const slk_page_file slk_page_files[]; /* ends with an empty row */

#endif
