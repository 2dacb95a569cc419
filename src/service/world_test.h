/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What tests of this folder stand on: a database with the tables, and a key that signs. */
#ifndef SLK_SERVICE_WORLD_TEST_H
#define SLK_SERVICE_WORLD_TEST_H

#include "service/ledger.h"

#define NOW INT64_C(1800000000000)
#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

typedef struct world {
    char folder[64], path[96];
    slk_db *db;
    slk_signing_key *key;
    uint8_t public[1][32];
    slk_ledger_keys keys; /* of key */
} world;

/* For cmocka: *state is a world. */
int world_make(void **state);
int world_unmake(void **state);

/* What the customer owes is that, and its ledger is whole. */
void world_balance_is(world *w, int64_t customer_id, const char *want);

#endif
