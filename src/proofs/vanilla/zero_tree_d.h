/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* TreeD of all-zero data as a file. Nothing in Selkie reads it: all its rows are constants. It is for
 * other programs that expect the official files. */
#ifndef SLK_PROOFS_VANILLA_ZERO_TREE_D_H
#define SLK_PROOFS_VANILLA_ZERO_TREE_D_H

#include "proofs/vanilla/seal.h"

/* Gives path such a file. With a parent cache folder there is one for all sectors of this size,
 * <folder>/selkie-zero-tree-d-<sector bytes>.dat, made when it is absent or not right, and path
 * becomes another name of it (a hard link); where that is not possible (another file system, a folder
 * that may not be written) and without a folder, path becomes a file of its own. Job stage "tree-d" in
 * nodes. Cost: reading the shared file once, all of it, so that its damage does not spread; else
 * writing the sector's size. */
SLK_MUST_CHECK slk_err slk_zero_tree_d(const slk_seal_env *env, const slk_sector_shape *shape,
                                       const char *path, slk_error *error);

#endif
