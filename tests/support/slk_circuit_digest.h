/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Test support: compares a run of the circuit, namespace by namespace, with the recorded digests of
 * tests/vectors. source: reference/proofs 12 */
#ifndef SLK_TEST_CIRCUIT_DIGEST_H
#define SLK_TEST_CIRCUIT_DIGEST_H

#include "crypto/sha256/sha256.h"
#include "proofs/circuit/circuit.h"

#include <jansson.h>

#define SLK_DIGEST_DEPTH 16
#define SLK_DIGEST_BUFFER (1u << 20)

typedef struct slk_digest_level {
    size_t path_length; /* of the path of its parent */
    uint64_t constraints, aux; /* at its start */
    slk_sha256 hash;
} slk_digest_level;

/* Digests of constraints, or, with a witness, of the values of what is allocated. */
typedef struct slk_digest {
    const slk_crypto *crypto;
    const slk_witness *witness; /* NULL: constraints */
    json_t *expected; /* object by path */
    uint64_t constraints, aux, inputs; /* so far */
    uint64_t terms;
    slk_digest_level levels[SLK_DIGEST_DEPTH]; /* level 0 is the whole */
    unsigned depth;
    char path[512]; /* of the innermost namespace */
    size_t path_length;
    unsigned hashed_depth; /* levels deeper than this are not hashed */
    size_t matched;
    uint8_t *buffer;
} slk_digest;

/* r1cs is the object with "namespaces_in_closing_order"; every function ends the test on failure. */
void slk_digest_init(slk_digest *digest, const slk_crypto *crypto, const json_t *r1cs,
                     const slk_witness *witness);
void slk_digest_done(slk_digest *digest);
slk_circuit_visitor slk_digest_visitor(slk_digest *digest);
/* Every recorded namespace has been met, the totals agree, and the whole digest. */
void slk_digest_check_whole(slk_digest *digest, const json_t *r1cs);

#endif
