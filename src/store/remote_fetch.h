/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bringing a sector's files here from whoever serves /remote/…: Lotus's miners and workers, and ours.
 *
 * Nothing appears under a sector's name before it is complete and on disk. A file is complete by its
 * size (an unsealed one by its trailer), a cache by the files its stage demands, each of its exact size;
 * where an archive ends proves nothing. That the bytes are right is for the caller to check.
 * source: reference/lotus-worker 6.1, 6.3 */
#ifndef SLK_STORE_REMOTE_FETCH_H
#define SLK_STORE_REMOTE_FETCH_H

#include "base/job.h"
#include "fil/sector.h"
#include "net/client.h"
#include "store/cache_set.h"
#include "store/store.h"

#include <stdatomic.h>
#include <stddef.h>

typedef struct slk_store_fetch {
    slk_http_client *client;
    slk_lotus_sector sector;
    const slk_sector_shape *shape;
    unsigned type; /* one bit; "piece" is SLK_E_UNSUPPORTED */
    const char *const *urls; /* of the file itself; tried in this order */
    size_t n_urls; /* at least 1 */
    const slk_http_pass *passes; /* how the server of each is met; NULL: as any */
    slk_cache_stage stage; /* of a cache; FINISHED: only those files are asked for and kept */
    /* At FINISHED: of a server that knows no ?only=, whose archive begins with p_aux and has what is not kept
     * before the rest, p_aux is all that is read; SLK_CACHE_LEAN_FILE beside it says so. */
    bool lean;
    unsigned connections; /* as slk_fetch_from */
    atomic_uint_fast64_t *came; /* as slk_fetch_from */
} slk_store_fetch;

/* Brings it to dest by way of temp (same file system, its folder exists). A file whose server has ranges
 * and a strong ETag goes on where an earlier call was stopped, from whichever URL has the same ETag; any
 * other is read as one stream from its start. What else is left at temp is removed first. dest: must not
 * be there (SLK_E_EXISTS). *ret_url (may be NULL): which one gave it.
 * Failures of one server lead to the next; the error is that of the first, with how many were tried.
 * SLK_E_PROTO what comes is not what belongs there; SLK_E_NOSPACE, SLK_E_CANCELED … end it at once.
 * job: stage "fetch" or "fetch cache" in bytes. */
SLK_MUST_CHECK slk_err slk_store_fetch_to(const slk_store_fetch *fetch, const char *dest,
                                          const char *temp, size_t *ret_url, slk_job *job,
                                          slk_error *error);

/* The same into a path of the store: there already: nothing is done; else room is reserved, the file
 * fetched and placed. *ret_path: where it is now. The caller has a hold to write. */
SLK_MUST_CHECK slk_err slk_store_fetch_here(slk_store *store, const slk_store_path **ret_path,
                                            size_t *ret_url, const slk_store_fetch *fetch,
                                            slk_lotus_path_type path_type, slk_job *job,
                                            slk_error *error);

/* For a fetch that is given up: what calls of slk_store_fetch_to left at temp and beside it goes. */
SLK_MUST_CHECK slk_err slk_store_fetch_forget(const char *temp, slk_error *error);

/* Asks the server of url to delete its copies, but those on paths with the IDs in keep (NULL: none kept):
 * DELETE url?keep=…. SLK_E_BUSY: there is one, which stays for now. SLK_E_NOTFOUND also stands for Lotus's
 * 500, which may mean the same. */
SLK_MUST_CHECK slk_err slk_store_delete_there(slk_http_client *client, const slk_http_pass *pass,
                                              const char *url, const slk_lotus_strings *keep,
                                              slk_job *job, slk_error *error);

#endif
