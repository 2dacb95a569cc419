/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Groth16 parameter files: official names and format, opened by mmap and checked against the
 * circuit they belong to; listing, verifying, fetching, and generating development parameters.
 *
 * One sector size has three files: NAME.params (verifying key and all points), NAME.vk (verifying
 * key alone), NAME.meta. Development parameters carry a fourth, NAME.development, that says what
 * they are: whoever knows their secrets can forge proofs, and everybody knows them.
 * source: reference/proofs 9.2, 12. */
#ifndef SLK_PROOFS_PARAMS_PARAMS_H
#define SLK_PROOFS_PARAMS_PARAMS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/job.h"
#include "base/pool.h"
#include "crypto/crypto.h"
#include "fil/sector.h"
#include "proofs/groth16/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of a file name of this module with its final NUL, at most. */
#define SLK_PARAMS_NAME_MAX 192u

typedef enum slk_params_file {
    SLK_PARAMS_FILE_PARAMS,
    SLK_PARAMS_FILE_VK,
    SLK_PARAMS_FILE_META,
    SLK_PARAMS_FILE_DEVELOPMENT,
    SLK_PARAMS_FILE_COUNT
} slk_params_file;

/* "v28-stacked-proof-of-replication-…-<sha256 of the identifier>.params" into out. */
void slk_params_name(char out[SLK_PARAMS_NAME_MAX], const slk_crypto *crypto,
                     const slk_sector_shape *shape, slk_params_file file);

/* Where parameters live: env_value (of FIL_PROOFS_PARAMETER_CACHE) when not NULL or empty, else
 * /var/tmp/filecoin-proof-parameters when it exists or can be made and is writable, else
 * <data_folder>/proof-parameters. Heap string, the caller frees. Makes no folder but that of the
 * system: looking at a wrong path leaves nothing there. */
SLK_MUST_CHECK slk_err slk_params_folder(char **ret_folder, const char *env_value,
                                         const char *data_folder, slk_error *error);

/* A verifying key, prepared for use. Immutable, shared freely between threads. */
typedef struct slk_params_key {
    const slk_sector_shape *shape;
    bool development; /* not the published key of its size, or a sidecar file says so */
    slk_groth16_key key;
} slk_params_key;

/* Reads NAME.vk in folder, or when that is absent the head of NAME.params. Every point is checked
 * (curve, subgroup, not infinity), the number of inputs is the circuit's. SLK_E_NOTFOUND absent;
 * SLK_E_CORRUPT damaged; SLK_E_INVAL development parameters (any but the published
 * ones) while !allow_development. */
SLK_MUST_CHECK slk_err slk_params_key_open(slk_params_key **ret_key, const slk_crypto *crypto,
                                           const char *folder, const slk_sector_shape *shape,
                                           bool allow_development, slk_error *error);
void slk_params_key_free(slk_params_key *key); /* NULL allowed */

/* One run of points inside the mapped file, uncompressed (G1 96, G2 192 bytes each), unchecked. */
typedef struct slk_params_points {
    const uint8_t *data;
    uint64_t count;
} slk_params_points;

/* Whole parameters. The file stays mapped read-only; nothing is copied but the key. */
typedef struct slk_params slk_params;
SLK_MUST_CHECK slk_err slk_params_open(slk_params **ret_params, const slk_crypto *crypto,
                                       const char *folder, const slk_sector_shape *shape,
                                       bool allow_development, slk_error *error);
void slk_params_free(slk_params *params); /* NULL allowed */
const slk_params_key *slk_params_key_of(const slk_params *params);
slk_params_points slk_params_h(const slk_params *params);
slk_params_points slk_params_l(const slk_params *params);
slk_params_points slk_params_a(const slk_params *params);
slk_params_points slk_params_b_g1(const slk_params *params);
slk_params_points slk_params_b_g2(const slk_params *params);

/* What a folder holds for one sector size. */
typedef struct slk_params_status {
    const slk_sector_shape *shape;
    char name[SLK_PARAMS_NAME_MAX]; /* of the .params file */
    bool have_params, have_vk;
    bool development;
    bool official; /* digests of the published file are known */
    uint64_t bytes; /* of the .params file, 0 when absent */
    uint64_t expected_bytes;
} slk_params_status;

/* For every sector size (index from 0); false past the last. Looks at names and sizes only. */
bool slk_params_status_at(slk_params_status *ret_status, const slk_crypto *crypto,
                          const char *folder, size_t index);

/* Reads the whole .params and .vk of one size and compares them with what is known: the published
 * digest, or for development parameters the recorded SHA-256 of the sidecar file.
 * *ret_matches false: they are not those files; ret_detail gets one sentence either way. */
SLK_MUST_CHECK slk_err slk_params_verify(bool *ret_matches, slk_buf *ret_detail,
                                         const slk_crypto *crypto, const char *folder,
                                         const slk_sector_shape *shape, slk_job *job,
                                         slk_error *error);

/* Brings one named file: writes its bytes to fd. Given by the application (an HTTP GET of
 * URL/name); slk_params_fetch_local copies from a local folder (context: const char *folder). */
typedef slk_err slk_params_source(void *context, const char *name, int fd, slk_job *job,
                                  slk_error *error);
slk_err slk_params_fetch_local(void *context, const char *name, int fd, slk_job *job,
                               slk_error *error);

/* Fetches the published .params and .vk of one size into folder through source: temporary name,
 * digest checked, fsync, rename; files already there with the right digest stay. SLK_E_UNSUPPORTED
 * for sizes without published parameters; SLK_E_PROTO when the bytes are not the published ones. */
SLK_MUST_CHECK slk_err slk_params_fetch(const slk_crypto *crypto, const char *folder,
                                        const slk_sector_shape *shape, slk_params_source *source,
                                        void *context, slk_job *job, slk_error *error);

/* Default of secrets_label: gives the development parameters everybody shares. */
#define SLK_PARAMS_DEVELOPMENT_LABEL "development parameters"

/* Makes development parameters in folder (all four files) from the secrets that follow from
 * "<secrets_label>: alpha" and so on, and replaces none: SLK_E_EXISTS when the .params file is
 * already there, SLK_E_BUSY while another process makes them. Peak anonymous memory 96 bytes per
 * variable and 110 MB; 2 KiB: 1.1 GB of file, 370 MB of memory, 24 s on two cores of 2.6 GHz.
 * ret_params_sha256 may be NULL. source: reference/proofs 9.3, 12. */
SLK_MUST_CHECK slk_err slk_params_generate(uint8_t ret_params_sha256[32], const slk_crypto *crypto,
                                           slk_pool *pool, const char *folder,
                                           const slk_sector_shape *shape, const char *secrets_label,
                                           slk_job *job, slk_error *error);

#endif
