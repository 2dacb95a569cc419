/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The small files of a cache folder: p_aux, t_aux, and our own `.selkie-pc1`. */
#ifndef SLK_PROOFS_VANILLA_CACHE_H
#define SLK_PROOFS_VANILLA_CACHE_H

#include "proofs/vanilla/seal.h"

#include <stdint.h>

#define SLK_SYNTHETIC_FILE "syn-porep-vanilla-proofs.dat"
#define SLK_SYNTHETIC_HEADER_BYTES 96u /* comm_d, comm_c, comm_r_last; records follow */
#define SLK_PC1_STATE_FILE ".selkie-pc1"
/* Kept columns: the labels of node 0, layer 1 first, then those of node 1, … */
#define SLK_COLUMNS_FILE ".selkie-columns"

/* Exactly 64 bytes of two field elements, else SLK_E_CORRUPT. */
SLK_MUST_CHECK slk_err slk_p_aux_read(uint8_t comm_c[32], uint8_t comm_r_last[32],
                                      const char *cache, slk_error *error);
SLK_MUST_CHECK slk_err slk_p_aux_write(const char *cache, const uint8_t comm_c[32],
                                       const uint8_t comm_r_last[32], slk_error *error);

/* t_aux with the cache path as given. source: reference/proofs 5.4. */
SLK_MUST_CHECK slk_err slk_t_aux_write(const char *cache, const slk_sector_shape *shape,
                                       slk_error *error);

/* Writes a small file of the cache atomically, under one fixed temporary name. */
SLK_MUST_CHECK slk_err slk_cache_write(const char *cache, const char *name, const void *bytes,
                                       size_t n, slk_error *error);

/* What precommit 1 has finished in this cache. */
typedef struct slk_pc1_state {
    slk_sector_identity sector;
    uint8_t comm_d[32];
    uint8_t replica_id[32];
    uint8_t tree_d_digest[32]; /* see slk_tree_builder_digest; zero when all data is zero */
    uint32_t layers_done; /* bit l - 1: layer l is finished and has this digest */
    uint8_t layer_digest[SLK_MAX_LAYERS][32];
    uint8_t comm_c[32]; /* TreeC is finished and has this root; zero: it is not */
} slk_pc1_state;

/* *ret_found false: there is none, or none that is whole (then it is as good as none). Of
 * sector.proof only shape, porep_id and api are kept. */
SLK_MUST_CHECK slk_err slk_pc1_state_load(slk_pc1_state *ret_state, bool *ret_found,
                                          const slk_crypto *crypto, const char *cache,
                                          slk_error *error);
SLK_MUST_CHECK slk_err slk_pc1_state_save(const slk_pc1_state *state, const slk_crypto *crypto,
                                          const char *cache, slk_error *error);

/* SHA-256 of a whole file of exactly `bytes`. */
SLK_MUST_CHECK slk_err slk_file_digest(uint8_t out32[32], const slk_crypto *crypto,
                                       const char *path, uint64_t bytes, slk_job *job,
                                       slk_error *error);

/* Keeps the steps of one cache folder apart, between threads and processes: an exclusive lock to
 * write, a shared one to read. SLK_E_BUSY when another step has it. Unlocked by closing *ret_fd (-1
 * where the file system has no locks: the caller's duty there). */
SLK_MUST_CHECK slk_err slk_cache_lock(int *ret_fd, const char *cache, bool exclusive,
                                      slk_error *error);

/* Removes from a cache folder what our steps alone know: `.selkie-pc1`, kept columns, and files under
 * temporary names that a killed step of ours has left. The caller has the lock to write. */
SLK_MUST_CHECK slk_err slk_cache_tidy(const slk_sector_shape *shape, const char *cache,
                                      slk_error *error);

/* Path of layer l (from 1) in a cache folder; heap, NULL when out of memory. */
char *slk_layer_path(const char *cache, unsigned layer) SLK_MUST_CHECK;
/* What it is written as: the official temporary name has two dots. source: reference/proofs 4 */
char *slk_layer_temp(const char *cache, unsigned layer) SLK_MUST_CHECK;

/* CommD of all-zero data. */
void slk_comm_d_zero(uint8_t out32[32], const slk_crypto *crypto, const slk_sector_shape *shape);

/* Job stage "layer <l>", l from 1 to 11. */
const char *slk_layer_stage(unsigned layer);

#endif
