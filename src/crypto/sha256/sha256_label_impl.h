/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The labelling kernels. Internal to crypto/. */
#ifndef SLK_CRYPTO_SHA256_LABEL_IMPL_H
#define SLK_CRYPTO_SHA256_LABEL_IMPL_H

#include "crypto/sha256/sha256_label.h"

/* A message: header, 37 nodes, padding. */
#define SLK_LABEL_NODES_HASHED 37u
#define SLK_LABEL_MESSAGE_BITS ((64u + 32u * SLK_LABEL_NODES_HASHED) * 8u)

/* Best for many sectors first; the last is the plain one. */
#define SLK_LABEL_KERNELS 7u
extern const slk_label_kernel *const slk_label_kernels[SLK_LABEL_KERNELS];

/* Known-answer test: all lanes, in a lower and an upper layer, against the plain kernel. */
bool slk_label_works(const slk_label_kernel *kernel);

/* Labels that many records of a layer above the first: what is timed. */
void slk_label_work(const slk_label_kernel *kernel, size_t records);

extern const slk_label_kernel slk_label_ref;
extern const slk_label_kernel slk_label_shani1;
extern const slk_label_kernel slk_label_shani2;
extern const slk_label_kernel slk_label_avx2x8;
extern const slk_label_kernel slk_label_avx512x8;
extern const slk_label_kernel slk_label_avx512x16;
extern const slk_label_kernel slk_label_avx512x32;

#endif
