/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One storage path on disk, and the list of paths on disk. Only for src/store/. */
#ifndef SLK_STORE_PATH_IMPL_H
#define SLK_STORE_PATH_IMPL_H

#include "store/store.h"

/* Reads what the folder says of itself. Where it may be written (weight above 0) the folders of all types
 * are made, and what was being removed when a process died is removed. */
SLK_MUST_CHECK slk_err slk_store_path_open(slk_store_path **ret_path, const char *folder,
                                           slk_error *error);
void slk_store_path_free(slk_store_path *path);

/* The folders listed in storage.json; none when there is no such file. */
SLK_MUST_CHECK slk_err slk_store_list_read(slk_lotus_strings *ret_folders, const char *list_file,
                                           slk_error *error);
/* Adds a folder to the file or takes it off. list_file NULL: nothing is done. */
SLK_MUST_CHECK slk_err slk_store_list_change(const char *list_file, const char *folder, bool add,
                                             slk_error *error);

#endif
