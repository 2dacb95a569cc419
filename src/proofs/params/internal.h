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

/* Creates or reuses a temporary file, empty, for this process alone until it is closed.
 * SLK_E_BUSY while another process has it. */
SLK_MUST_CHECK slk_err slk_params_temporary_open(int *ret_fd, const char *path, slk_error *error);

/* Contents of NAME.meta. */
void slk_params_meta_text(char *out, size_t n, const slk_sector_shape *shape);

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

/* --- known numbers -------------------------------------------------------------------------- */

/* Numbers of points, and the digests of the published files (NULL where none are published). */
typedef struct slk_params_known {
    uint64_t sector_bytes;
    unsigned log2_domain; /* h has 2^log2_domain - 1 points */
    uint64_t l, a, b;
    const char *params_blake2b; /* 32 hex characters */
    const char *key_blake2b;
} slk_params_known;

/* NULL for a size that is not in the table (there is none today). */
const slk_params_known *slk_params_known_of(const slk_sector_shape *shape);
uint32_t slk_params_ic_count(const slk_sector_shape *shape); /* inputs with ONE */
uint64_t slk_params_expected_bytes(const slk_sector_shape *shape); /* of the .params file */

/* Are these bytes the published verifying key of this size? Every other key counts as one of
 * development parameters, so that neither a lost sidecar nor other secrets hide what they are. */
bool slk_params_key_is_published(const slk_sector_shape *shape, const uint8_t *bytes, size_t n);

/* --- digests of files ----------------------------------------------------------------------- */

typedef enum slk_params_digest { SLK_PARAMS_SHA256, SLK_PARAMS_BLAKE2B } slk_params_digest;

/* Lower-case hex of SHA-256 (64 characters) or of the first 16 bytes of BLAKE2b-512 (32) of a file
 * into ret_hex[65]. SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_params_file_digest(char ret_hex[65], const slk_crypto *crypto,
                                              const char *path, slk_params_digest kind,
                                              slk_job *job, slk_error *error);

#endif
