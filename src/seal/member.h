/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* This node among the nodes that share its database.
 *
 * Name. A node's row in `node` carries an instance, drawn anew at each start, and the time it was
 * last seen, renewed with each heartbeat. A start finds the row of its own name. Where nodes share a
 * database it first watches whether that row is still renewed: then another process lives under this
 * name, and the start is refused. A node that finds another instance in its row was replaced while it
 * stood still: it stops working. What it still holds is worthless by the fences of its tasks.
 *
 * Folders. A folder for sectors has an id in a file of its own (".selkie-folder"), made once: nodes
 * that read the same id share the folder. A node's id of a role is that of all folders the role's
 * files lie in. A row carries the id of the node that made its first files ("" before), and what
 * touches files runs only where the id is the same; everything else runs anywhere.
 *
 * Addresses. A node that serves notes where the others reach it, and the key of its certificate, so
 * that whoever asks it for the files of its folder knows whom it speaks to.
 *
 * Locks. Nodes that share a folder must not touch one sector's files at once, also when one of them
 * stood still past its lease and goes on: a lock file per sector in use, locks/…, which the system
 * frees when its holder ends. */
#ifndef SLK_SEAL_MEMBER_H
#define SLK_SEAL_MEMBER_H

#include "base/err.h"
#include "seal/seal.h"
#include "seal/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_FOLDER_ID_CHARS 80u

/* The id of a folder, which exists; made on the first call. */
SLK_MUST_CHECK slk_err slk_member_folder_id(char ret_id[37], const char *folder, slk_error *error);

/* Takes this node's name and reads its folders' ids. SLK_E_BUSY when another node lives under the
 * name; waits up to watch_ms to know it. A tool beside the nodes only reads the ids. */
SLK_MUST_CHECK slk_err slk_member_join(slk_seal *seal, slk_error *error);
/* Says that this node lives; SLK_E_CONFLICT once another took its name. */
SLK_MUST_CHECK slk_err slk_member_beat(slk_seal *seal, slk_error *error);
/* Gives the name free: the next start need not watch. */
SLK_MUST_CHECK slk_err slk_member_leave(slk_seal *seal, slk_error *error);

#define SLK_MEMBER_HOLDERS_MAX 4u

/* A node that serves, as another one reaches it. */
typedef struct slk_member_address {
    char name[64];
    char url[256];
    char pin[64]; /* as slk_http_request has it; "": its certificate must be trusted */
} slk_member_address;

/* Where this node serves, after each join; "" nowhere. SLK_E_CONFLICT once another took its name. */
SLK_MUST_CHECK slk_err slk_member_note_address(slk_seal *seal, const char *url, const char *pin,
                                               slk_error *error);
/* The other nodes that live, serve and have the provider's folder of that id, the freshest first. */
SLK_MUST_CHECK slk_err slk_member_find_holders(slk_member_address ret[SLK_MEMBER_HOLDERS_MAX],
                                               size_t *ret_n, slk_seal *seal, const char *folder_id,
                                               slk_error *error);
/* A node that was not seen for so long is not counted on. */
int64_t slk_member_fresh_ms(const slk_db *db);

/* What nodes of one database must have in common: the first to come writes value under name,
 * SLK_E_CONFLICT for one that has another. */
SLK_MUST_CHECK slk_err slk_member_agree(slk_db *db, const char *name, const char *value,
                                        slk_error *error);

/* Whether files of a row with that id are here ("" are nowhere yet: here is as good). */
bool slk_member_has(const slk_seal *seal, slk_pipeline pipeline, const char *folder_id);
/* SLK_E_BUSY unless they are here, naming no folder: for endpoints. */
SLK_MUST_CHECK slk_err slk_member_need(const slk_seal *seal, slk_pipeline pipeline,
                                       const char *folder_id, slk_error *error);

/* A new task that touches files is bound to the folder of its row, if that has one. */
SLK_MUST_CHECK slk_err slk_member_place_task(slk_db *db, slk_pipeline pipeline, int64_t task_id,
                                             uint64_t sp_id, uint64_t number, slk_error *error);
/* The row's files are here from now on, unless they are somewhere already. */
SLK_MUST_CHECK slk_err slk_member_place_row(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id,
                                            uint64_t number, slk_error *error);

/* Takes the lock of a sector's files without waiting; *ret_fd -1 when another process has it. */
SLK_MUST_CHECK slk_err slk_member_lock(int *ret_fd, const slk_seal *seal, slk_pipeline pipeline,
                                       uint64_t sp_id, uint64_t number, slk_error *error);
void slk_member_unlock(int fd, const slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id,
                       uint64_t number);

#endif
