/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a worker asks and tells the node it works for: a lotus-miner, or a node of ours. One function per
 * method; each is one call, bounded in time unless `patient`, and safe from many threads. Codes as slk_rpc_invoke.
 * source: reference/lotus-worker 5 */
#ifndef SLK_WORKER_MINER_H
#define SLK_WORKER_MINER_H

#include "base/err.h"
#include "base/job.h"
#include "lotus/storage.h"
#include "lotus/types.h"
#include "lotus/worker_info.h"
#include "net/certificate.h"
#include "rpc/client.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct slk_miner {
    slk_rpc_client *rpc; /* borrowed */
    slk_job *job; /* canceled: calls end; borrowed */
    bool
        patient; /* a node that does not answer is asked again until it does, or the job is canceled */
} slk_miner;

/* Whether a node that failed us so may answer later. */
bool slk_miner_may_come_back(slk_err code);

SLK_MUST_CHECK slk_err slk_miner_version(const slk_miner *miner, slk_lotus_version *ret_version,
                                         slk_error *error);
/* "f01000", or SLK_LOTUS_NO_MINER; at most n characters with the NUL. */
SLK_MUST_CHECK slk_err slk_miner_address(const slk_miner *miner, char *out, size_t n,
                                         slk_error *error);
SLK_MUST_CHECK slk_err slk_miner_sector_size(const slk_miner *miner, const char *address,
                                             uint64_t *ret_bytes, slk_error *error);
SLK_MUST_CHECK slk_err slk_miner_session(const slk_miner *miner, char ret_uuid[SLK_UUID_CHARS],
                                         slk_error *error);
/* url: of our API; the node calls it back before it answers. */
SLK_MUST_CHECK slk_err slk_miner_connect(const slk_miner *miner, const char *url, slk_error *error);
/* Of a node of ours: the worker of that session, which has no call of its in hand, ends. Within 2 s; the node
 * may refuse. SLK_E_UNSUPPORTED: an older node. */
SLK_MUST_CHECK slk_err slk_miner_leave(const slk_miner *miner, const char *session,
                                       slk_error *error);
/* What the token allows there: words ("admin") in *ret_words. SLK_E_AUTH: it is none of theirs. */
SLK_MUST_CHECK slk_err slk_miner_auth_verify(const slk_miner *miner, const char *token,
                                             slk_lotus_strings *ret_words, slk_error *error);

SLK_MUST_CHECK slk_err slk_miner_attach(const slk_miner *miner, const slk_lotus_path *path,
                                        const slk_lotus_fs_stat *stat, slk_error *error);
SLK_MUST_CHECK slk_err slk_miner_detach(const slk_miner *miner, const char *path_id,
                                        const char *url, slk_error *error);
SLK_MUST_CHECK slk_err slk_miner_report_health(const slk_miner *miner, const char *path_id,
                                               const slk_lotus_health *health, slk_error *error);
SLK_MUST_CHECK slk_err slk_miner_declare(const slk_miner *miner, const char *path_id,
                                         const slk_lotus_sector *sector, unsigned types,
                                         bool primary, slk_error *error);
SLK_MUST_CHECK slk_err slk_miner_drop(const slk_miner *miner, const char *path_id,
                                      const slk_lotus_sector *sector, unsigned types,
                                      slk_error *error);
/* Everything that is declared, as StorageList answers it: a new reference, an object. */
SLK_MUST_CHECK slk_err slk_miner_list(const slk_miner *miner, json_t **ret_list, slk_error *error);
/* Where files of one kind of a sector are. */
SLK_MUST_CHECK slk_err slk_miner_find(const slk_miner *miner, const slk_lotus_sector *sector,
                                      unsigned type, slk_lotus_places *ret_places,
                                      slk_error *error);

/* Of a node of ours: a token for the worker that bears the present one. *ret_token heap; the caller wipes
 * and frees. ret_id64: by which the node knows it. SLK_E_UNSUPPORTED: an older node. */
SLK_MUST_CHECK slk_err slk_miner_worker_token(const slk_miner *miner, char **ret_token,
                                              char ret_id64[64], int64_t *ret_lasts_s,
                                              slk_error *error);

/* Of a node of ours: what to show at the URL of a sector's file at another worker. SLK_E_CONFLICT: it gives
 * none, with the reason. */
#define SLK_FETCH_TOKEN_CHARS 512u
typedef struct slk_fetch_key {
    char token[SLK_FETCH_TOKEN_CHARS];
    char pin[SLK_CERTIFICATE_PIN_CHARS]; /* "" none */
} slk_fetch_key;
SLK_MUST_CHECK slk_err slk_miner_fetch_key(const slk_miner *miner, const char *url,
                                           slk_fetch_key *ret_key, slk_error *error);

/* A call's end: `Filecoin.<method> [id, (value,) fault]`. value NULL: the method has none; file: its
 * bytes, as base64, are the value. SLK_OK also when the node has it already; a fault of the node's own is
 * SLK_E_CONFLICT or SLK_E_UNSUPPORTED. */
SLK_MUST_CHECK slk_err slk_miner_return(const slk_miner *miner, const char *method,
                                        const slk_lotus_call_id *id, json_t *value,
                                        const char *file, const slk_lotus_fault *fault,
                                        slk_error *error);

#endif
