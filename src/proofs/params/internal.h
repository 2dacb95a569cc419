/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of params/ share. */
#ifndef SLK_PROOFS_PARAMS_INTERNAL_H
#define SLK_PROOFS_PARAMS_INTERNAL_H

#include "base/mem.h"
#include "crypto/fr/fr.h"
#include "proofs/params/params.h"

#include <stdint.h>

/* folder/NAME.<suffix of file>; heap. */
SLK_MUST_CHECK slk_err slk_params_path(char **ret_path, const slk_crypto *crypto,
                                       const char *folder, const slk_sector_shape *shape,
                                       slk_params_file file, slk_error *error);

/* The five secrets of development parameters. */
typedef struct slk_params_secrets {
    slk_fr alpha, beta, gamma, delta, tau;
} slk_params_secrets;

void slk_params_secrets_of(slk_params_secrets *ret_secrets, const slk_crypto *crypto,
                           const char *label);

/* A_v, B_v, C_v of every variable at tau: sums over the constraints of coefficient times Lagrange
 * polynomial. Index v: inputs first, then aux. */
typedef struct slk_params_queries {
    uint64_t variables;
    uint32_t inputs;
    unsigned log2_domain;
    slk_fr vanishing; /* tau^m - 1 */
    slk_fr *a, *b, *c; /* [variables] */
    slk_region memory;
} slk_params_queries;

SLK_MUST_CHECK slk_err slk_params_queries_init(slk_params_queries *ret_queries,
                                               const slk_crypto *crypto,
                                               const slk_sector_shape *shape, const slk_fr *tau,
                                               slk_job *job, slk_error *error);
void slk_params_queries_done(slk_params_queries *queries); /* idempotent */

/* --- NAME.development ----------------------------------------------------------------------- */

/* 1 to 200 printable ASCII characters. */
bool slk_params_label_is_plain(const char *label);

/* The text of the sidecar file. */
SLK_MUST_CHECK slk_err slk_params_warning(slk_buf *buf, const slk_crypto *crypto, const char *label,
                                          const uint8_t params_sha256[32], const uint8_t *key,
                                          size_t key_bytes);

/* Does folder mark the parameters of this size as development parameters, and if so, which digests
 * were recorded? An unreadable or garbled sidecar still marks them: have_digests is false then. */
typedef struct slk_params_sidecar {
    bool present;
    bool have_digests;
    uint8_t params_sha256[32];
    uint8_t key_sha256[32];
} slk_params_sidecar;
SLK_MUST_CHECK slk_err slk_params_sidecar_read(slk_params_sidecar *ret_sidecar,
                                               const slk_crypto *crypto, const char *folder,
                                               const slk_sector_shape *shape, slk_error *error);

/* Is this the verifying key of the development parameters everybody shares? */
bool slk_params_key_is_shared_development(const slk_crypto *crypto, const uint8_t *key,
                                          size_t key_bytes);

#endif
