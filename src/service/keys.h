/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The public keys that this service has ever signed with: one per node and signing file. They stay, so
 * that old entries of the ledger can be checked for ever. */
#ifndef SLK_SERVICE_KEYS_H
#define SLK_SERVICE_KEYS_H

#include "base/err.h"
#include "db/db.h"
#include "service/ledger.h"

#include <stdint.h>

#define SLK_SERVICE_KEYS_MAX 64u

typedef struct slk_service_keys {
    uint8_t keys[SLK_SERVICE_KEYS_MAX][32];
    slk_ledger_keys list; /* of those in keys */
} slk_service_keys;

/* Notes the public half of key; again is fine. SLK_E_LIMIT past SLK_SERVICE_KEYS_MAX. */
SLK_MUST_CHECK slk_err slk_service_key_note(slk_db *db, const slk_signing_key *key, int64_t now_ms,
                                            slk_error *error);
/* *ret_keys must not be moved. */
SLK_MUST_CHECK slk_err slk_service_keys_read(slk_service_keys *ret_keys, slk_db *db,
                                             slk_error *error);

#endif
