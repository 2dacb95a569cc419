/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The form of a label store (label_store.h) whose layers lie on files. Internal to it. */
#ifndef SLK_PROOFS_VANILLA_LABEL_FILES_H
#define SLK_PROOFS_VANILLA_LABEL_FILES_H

#include "proofs/vanilla/label_store.h"

typedef struct slk_label_files slk_label_files;

/* Fills ring_nodes, ahead_nodes, memory_bytes and disk_bytes. */
SLK_MUST_CHECK slk_err slk_label_files_make_plan(slk_label_store_plan *plan, uint64_t nodes,
                                                 size_t record_bytes, uint64_t memory_bytes,
                                                 slk_error *error);
SLK_MUST_CHECK slk_err slk_label_files_new(slk_label_files **ret_files,
                                           const slk_label_store_plan *plan, uint64_t nodes,
                                           size_t record_bytes, const char *const *folders,
                                           size_t n_folders, slk_aio_way way, slk_error *error);
void slk_label_files_free(slk_label_files *files);

/* As the functions of the store. */
void slk_label_files_begin(slk_label_files *files, const slk_parents *parents, unsigned n_parents);
SLK_MUST_CHECK slk_err slk_label_files_parents(slk_label_files *files, const void **ret_parents,
                                               uint64_t node, slk_error *error);
SLK_MUST_CHECK slk_err slk_label_files_slot(slk_label_files *files, void **ret_record,
                                            uint64_t node, slk_error *error);
void slk_label_files_put(slk_label_files *files, uint64_t node);
const uint8_t *slk_label_files_latest(const slk_label_files *files, uint64_t first);
SLK_MUST_CHECK slk_err slk_label_files_end(slk_label_files *files, slk_error *error);

#endif
