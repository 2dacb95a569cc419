/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What every file of this project takes for granted about the platform. */
#ifndef SLK_BASE_ASSUME_H
#define SLK_BASE_ASSUME_H

#include <assert.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

static_assert(CHAR_BIT == 8, "bytes have 8 bits");
static_assert(sizeof(void *) == 8 && sizeof(size_t) == 8, "64-bit platform");
static_assert(sizeof(off_t) == 8, "64-bit file offsets");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian platform");

#endif
