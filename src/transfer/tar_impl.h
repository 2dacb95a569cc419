/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The ustar header block, field by field. source: POSIX.1-1988 ustar interchange format. */
#ifndef SLK_TRANSFER_TAR_IMPL_H
#define SLK_TRANSFER_TAR_IMPL_H

#include <assert.h>
#include <stddef.h>

#define TAR_BLOCK 512u
#define TAR_END_BLOCKS 2u
#define TAR_OCTAL_MAX_BYTES 077777777777ull /* the largest size of eleven octal digits */

typedef struct tar_header {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char link_name[100];
    char magic[6]; /* "ustar\0" POSIX, "ustar " GNU */
    char version[2];
    char user[32];
    char group[32];
    char device_major[8];
    char device_minor[8];
    char prefix[155];
    char unused[12];
} tar_header;
static_assert(sizeof(tar_header) == TAR_BLOCK, "one block");

/* Sum of the header's bytes with the checksum field read as blanks. */
static inline unsigned tar_checksum(const tar_header *header)
{
    const unsigned char *bytes = (const unsigned char *)header;
    unsigned sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        size_t field = offsetof(tar_header, checksum);
        int blank = i >= field && i < field + sizeof header->checksum;
        sum += blank ? ' ' : bytes[i];
    }
    return sum;
}

/* Zero bytes that fill up the last block of a member. */
static inline size_t tar_padding(unsigned long long bytes)
{
    return (size_t)((TAR_BLOCK - bytes % TAR_BLOCK) % TAR_BLOCK);
}

#endif
