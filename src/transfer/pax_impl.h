/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The records of a pax extended header, of which the size alone counts. Only for the tar reader.
 * source: POSIX.1-2001 pax, extended header records */
#ifndef SLK_TRANSFER_PAX_IMPL_H
#define SLK_TRANSFER_PAX_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAX_MAX_BYTES 1024u

typedef struct slk_pax_records {
    bool given;
    bool has_size;
    uint64_t size;
} slk_pax_records;

/* NULL when all n bytes are records "LENGTH KEY=VALUE\n" with known keys: size, and those that change
 * nothing here (times and owners). Else what is wrong. */
const char *slk_pax_read(slk_pax_records *ret_records, const char *text, size_t n);

#endif
