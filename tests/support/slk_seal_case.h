/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Test support: a recorded sector of tests/vectors, made again step by step in a temporary folder.
 * Everything ends the running test on failure. Only tests include this. */
#ifndef SLK_TEST_SEAL_CASE_H
#define SLK_TEST_SEAL_CASE_H

#include "proofs/vanilla/seal.h"

#include <jansson.h>
#include <stdbool.h>

/* The working folder of the process is changed to a fresh one: t_aux holds the cache path as given. */
typedef struct slk_seal_case {
    char folder[64];
    const char *name;
    json_t *record;
    slk_seal_env env;
    slk_sector_identity sector;
    uint8_t seed[32], comm_d[32], comm_r[32], replica_id[32];
    slk_piece pieces[3];
    size_t n_pieces;
    bool zero; /* all data is zero: no unsealed file is made */
    char cache[64];
} slk_seal_case;

void slk_seal_case_open(slk_seal_case *ret_case, const slk_seal_env *env, const char *name);
void slk_seal_case_close(slk_seal_case *c);

slk_pc1_request slk_seal_case_pc1(const slk_seal_case *c);
slk_pc2_request slk_seal_case_pc2(const slk_seal_case *c);
slk_commit1_request slk_seal_case_commit1(const slk_seal_case *c);

/* Each step with all its files compared with the record. */
void slk_seal_case_run_pc1(const slk_seal_case *c);
void slk_seal_case_run_pc2(const slk_seal_case *c);
void slk_seal_case_run_commit1(const slk_seal_case *c); /* JSON bytes, reading back, verifying */
void slk_seal_case_run_finalize(const slk_seal_case *c);
void slk_seal_case_run_back(const slk_seal_case *c); /* replica checked, a range unsealed */
void slk_seal_case_run_all(const slk_seal_env *env, const char *name);

#endif
