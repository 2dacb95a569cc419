/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client's sector, its provider and its files, for the length of a step's run. */
#ifndef SLK_SEAL_CLIENT_SIDE_IMPL_H
#define SLK_SEAL_CLIENT_SIDE_IMPL_H

#include "seal/rows_impl.h"

typedef struct slk_side {
    slk_task *task;
    bool has_files; /* slk_side_done lets others at them again */
    slk_seal *seal;
    slk_client_row row;
    slk_seal_token token;
    slk_seal_remote to;
    slk_seal_places store; /* in the storage folder */
    slk_seal_places scratch;
    slk_seal_paths paths;
    slk_seal_commitments comm;
} slk_side;

/* Reads row and places, and opens the token of the provider if there is one. */
SLK_MUST_CHECK slk_err slk_side_begin(slk_side *s, slk_task *task, slk_error *error);
/* Reads the row anew, and opens the token of its provider, if it has one. */
SLK_MUST_CHECK slk_err slk_side_read(slk_side *s, slk_error *error);
/* For the steps that write or read the sector's files, against a release that removes them. */
SLK_MUST_CHECK slk_err slk_side_take_files(slk_side *s, slk_error *error);
void slk_side_done(slk_side *s);

#endif
