/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sealing one sector, step by step: precommit 1 and 2, commit 1, finalisation; and back: unsealing,
 * checking a replica.
 *
 * A sector is a sealed file (its replica) and a cache folder with the official file names. Every file
 * is written under a temporary name, fsynced and renamed, so that a step killed at any moment is
 * simply called again. All steps: `error` names file and node; SLK_E_CANCELED when the job was
 * canceled; SLK_E_NOSPACE before disk blocks run out; SLK_E_CORRUPT for files of a wrong size or with
 * values that are not field elements; SLK_E_BUSY when another process or thread works in the cache
 * (the steps lock it). source: reference/proofs 3-7. */
#ifndef SLK_PROOFS_VANILLA_SEAL_H
#define SLK_PROOFS_VANILLA_SEAL_H

#include "base/err.h"
#include "base/gate.h"
#include "base/job.h"
#include "base/pool.h"
#include "crypto/crypto.h"
#include "fil/sector.h"
#include "proofs/piece/piece.h"
#include "proofs/vanilla/c1.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a step runs with. Borrowed for the call. */
typedef struct slk_seal_env {
    const slk_crypto *crypto;
    slk_pool *pool; /* may be NULL */
    slk_job *job; /* may be NULL */
    const char *parent_cache; /* folder of official parent caches and of what else sectors share;
                               * NULL: made anew, in the cache */
} slk_seal_env;

/* What, beside the data, makes a replica unique. */
typedef struct slk_sector_identity {
    slk_seal_proof proof;
    uint64_t miner_id;
    uint64_t number; /* at most SLK_SECTOR_NUMBER_MAX */
    uint8_t ticket[32];
} slk_sector_identity;

void slk_replica_id(uint8_t out32[32], const slk_crypto *crypto, const slk_sector_identity *sector,
                    const uint8_t comm_d[32]);

/* comm_r = H_2(comm_c, comm_r_last). False when an input is not a field element. */
bool slk_comm_r(uint8_t out32[32], const slk_crypto *crypto, const uint8_t comm_c[32],
                const uint8_t comm_r_last[32]);

/* ---- Precommit 1: copy of the data, TreeD, layers.
 *
 * unsealed: Fr32-padded data of exactly the sector's size (with pieces it may be shorter: zeros
 * follow; or longer: what lies behind the sector, as in Lotus's unsealed files, is no data), or NULL for all zeros. pieces: what CommD must follow from; n_pieces 0 takes the data as
 * it is. sealed: becomes the data as it will be encoded by precommit 2. Writes
 * sc-02-data-tree-d.dat, sc-02-data-layer-<l>.dat and `.selkie-pc1`, which holds a digest of each
 * finished file: called again after a kill, finished layers whose digest is right are kept. TreeD of
 * all-zero data is shared between sectors in env.parent_cache (see zero_tree_d.h), or left out.
 *
 * SLK_E_CONFLICT: the cache belongs to another sector, ticket or data, or to a finished sector (nothing
 * is changed). Repeated after precommit 2 and before finalisation it starts over: files of precommit 2
 * are removed.
 * SLK_E_INVAL: pieces that do not give the data's CommD, data that is not Fr32.
 * Peak anonymous memory: two layers where memory_bytes allows it, and 3 MiB per thread, 7 MiB for
 * parents computed on the fly; else the layers are mapped files, a fifth slower or more. A table of
 * parents (56 bytes per node) is always mapped. Disk: sector * (3 + layers) and, for a table without
 * parent_cache, 56 bytes per node for its duration. With more than one thread in env.pool a layer is
 * digested, written and made durable while the next one is labelled.
 * Job stages: "tree-d", "parents", "layer 1" …, in nodes. */
typedef enum slk_pc1_parents {
    SLK_PC1_PARENTS_ANY, /* the file of parent_cache; without one what is likely to be faster */
    SLK_PC1_PARENTS_FILE, /* a table: parent_cache's, or one made for this */
    SLK_PC1_PARENTS_FLY, /* computed by other threads as they are needed */
    SLK_PC1_PARENTS_COUNT
} slk_pc1_parents;

/* Who makes TreeC. Precommit 1 does it in the processors that the last layer leaves idle, and after that
 * layer in all of them: it takes longer, both steps together less. Where there is but one thread, or the
 * last layer was kept from an earlier run, it is left to precommit 2 whatever is asked for.
 * Memory: 1 MiB + 32 KiB * layers per thread more. Disk: that of TreeC, reserved before the first layer.
 * Job stage "tree-c". TreeC gets its names when it is whole; what a killed run has left is removed. */
typedef enum slk_pc1_tree_c {
    SLK_PC1_TREE_C_NO, /* precommit 2 */
    SLK_PC1_TREE_C_AUTO, /* precommit 1 where env.pool has more threads than labels and parents keep
                          * busy, the two last layers lie in memory, and the disk has room for TreeC
                          * beside the layers that are to be made */
    SLK_PC1_TREE_C_YES /* precommit 1; SLK_E_NOSPACE, SLK_E_NOMEM where there is no room */
} slk_pc1_tree_c;

typedef struct slk_pc1_request {
    slk_seal_env env;
    slk_sector_identity sector;
    const char *unsealed;
    const slk_piece *pieces;
    size_t n_pieces;
    const char *sealed;
    const char *cache;
    /* Of all-zero data leave the file of TreeD out: our steps do not need it. */
    bool no_zero_tree_d;
    slk_pc1_tree_c tree_c;
    slk_pc1_parents parents;
    uint64_t memory_bytes; /* most for layers; 0: three quarters of what the machine has to spare */
} slk_pc1_request;

typedef struct slk_pc1_result {
    uint8_t comm_d[32];
    uint8_t replica_id[32];
    unsigned layers_kept; /* found finished and right */
    bool tree_c; /* made, so precommit 2 does not */
} slk_pc1_result;

SLK_MUST_CHECK slk_err slk_pc1(slk_pc1_result *ret_result, const slk_pc1_request *request,
                               slk_error *error);

/* ---- Precommit 2: TreeC, encoding, TreeR, t_aux, p_aux (written last), and for synthetic proofs
 * their file.
 *
 * One pass over layers and data makes both trees and the replica. Reads the data out of TreeD, so it can
 * be repeated. TreeC is kept when precommit 1 has made it. With `.selkie-pc1` in the cache every layer and
 * TreeD are checked against their digests on the way; nothing gets its final name before they were right. replica_id (only used for synthetic
 * proofs) may be NULL when `.selkie-pc1` is there. The cache path is recorded in t_aux as given.
 * Peak anonymous memory: 2 MiB + 32 KiB * (layers + 1) per thread, 32 bytes per MiB of layers and TreeD
 * and 64 per MiB of sector (14 MiB at 32 GiB); for synthetic proofs 6 MiB per thread. Disk: sealed is written beside the old one, so one more
 * sector for its duration. Job stages "check" (rows of TreeD), "trees" in nodes, "synthetic". */
typedef struct slk_pc2_request {
    slk_seal_env env;
    slk_seal_proof proof;
    const uint8_t *replica_id;
    const char *sealed;
    const char
        *replica; /* where the replica is put, `sealed` staying as it is; NULL: in its place */
    const char *cache;
    bool
        holds_lock; /* the caller has the cache's lock to write (slk_cache_lock): it is not taken again */
    bool zero_data; /* without `.selkie-pc1`: all data is zero, and TreeD may be left out */
    bool
        keep_columns; /* also write `.selkie-columns`: as large as all layers, and commit 1 then reads a
                        * column at once instead of label by label; removed by finalisation */
} slk_pc2_request;

typedef struct slk_pc2_result {
    uint8_t comm_d[32], comm_r[32];
    uint8_t comm_c[32], comm_r_last[32];
} slk_pc2_result;

SLK_MUST_CHECK slk_err slk_pc2(slk_pc2_result *ret_result, const slk_pc2_request *request,
                               slk_error *error);

/* ---- Commit 1: the vanilla proofs for a seed, verified before they are returned.
 *
 * comm_r and comm_d must be the sector's (SLK_E_INVAL); pieces as for precommit 1, n_pieces 0 skips
 * them. Synthetic: read from the synthetic file (then only p_aux and that file are needed), or from
 * trees and layers while they are there; kept columns are read instead of layers. All reads are under
 * way at once, so the time is that of the storage. With the CommD of zeros TreeD is not read.
 * Memory: the slk_c1 (8 MB at 32 GiB), and what is read (11 MB) with 128 bytes per read (8 MB). */
typedef struct slk_commit1_request {
    slk_seal_env env;
    slk_sector_identity sector;
    uint8_t seed[32], comm_r[32], comm_d[32];
    const slk_piece *pieces;
    size_t n_pieces;
    const char *sealed;
    const char *cache;
} slk_commit1_request;

SLK_MUST_CHECK slk_err slk_commit1(slk_c1 *ret_c1, const slk_commit1_request *request,
                                   slk_error *error);

/* ---- Verifying a commit 1 output.
 *
 * Checks all of the official verifier (reference/proofs 7.2) and more: challenges follow from seed
 * and replica id, parents are the graph's, labels, columns, encoding, and the hash chains of all
 * paths including those to CommD and comm_r_last. sector (with its kind of proof), comm_r, comm_d,
 * seed: what the caller knows; NULL skips that comparison. *ret_valid false: reason (may be NULL) says why.
 * Cost: per challenge 15 columns and 17 paths, hashed eight at a time where the processor can: 0.5 ms at
 * 32 GiB. */
typedef struct slk_c1_expected {
    const slk_sector_identity *sector;
    const uint8_t *comm_r, *comm_d, *seed;
} slk_c1_expected;

SLK_MUST_CHECK slk_err slk_c1_verify(bool *ret_valid, slk_error *reason, const slk_c1 *c1,
                                     const slk_c1_expected *expected, const slk_crypto *crypto,
                                     slk_pool *pool, slk_error *error);

/* ---- Finalisation: removes layers, kept columns, TreeD, TreeC, `.selkie-pc1`, and the temporary files
 * killed writers left of these; p_aux, t_aux, tree-r-last and the synthetic file stay. SLK_E_NOTFOUND when
 * precommit 2 is not complete (nothing is removed). slk_clear_synthetic removes the synthetic file; absent
 * is fine. */
SLK_MUST_CHECK slk_err slk_finalize_cache(const slk_sector_shape *shape, const char *cache,
                                          slk_error *error);
SLK_MUST_CHECK slk_err slk_clear_synthetic(const char *cache, slk_error *error);

/* ---- Unsealing: raw (unpadded) bytes [offset, offset + length) of the data into the file `out`.
 *
 * Recomputes all layers in `work` (a folder; two layers and the parent table at a time, removed
 * again), so it takes as long as precommit 1. offset + length <= sector * 127 / 128. Any offset gives
 * exactly those bytes (the official code does so only for multiples of 127). Job stages as PC1. */
typedef struct slk_unseal_request {
    slk_seal_env env;
    slk_sector_identity sector;
    uint8_t comm_d[32];
    const char *sealed;
    const char *work;
    const char *out;
    uint64_t offset, length;
} slk_unseal_request;

SLK_MUST_CHECK slk_err slk_unseal(const slk_unseal_request *request, slk_error *error);

/* ---- Checking a replica: rebuilds tree-r-last from the sealed file and compares it with the files,
 * with p_aux, with comm_r (NULL: not compared) and with replica_id. SLK_OK: all agree. SLK_E_CORRUPT: which file and
 * node does not. A cache with SLK_CACHE_LEAN_FILE in it has p_aux alone: what else a finished one has is
 * made, and when all agrees the note is removed. Where the file still arrives its bytes are hashed as they come, in order: threads of
 * the pool sleep until then, so it should be one of its own; the cache must be complete before the
 * first byte, and SLK_E_CANCELED says that the gate was closed too early. Memory: 1 MiB per thread and one tree-r-last file (10 MB at 32 GiB). Job stage
 * "replica" in nodes. */
typedef struct slk_check_replica_request {
    slk_seal_env env;
    slk_seal_proof proof;
    const char *sealed;
    const char *cache;
    const uint8_t *comm_r;
    /* Of an empty sector: its first node must be this replica's, which tells a whole replica of another
     * sector or ticket, for the price of one label. NULL: not compared. */
    const uint8_t *replica_id;
    slk_gate *arriving; /* bytes of `sealed` that can be read already; NULL: all */
} slk_check_replica_request;

SLK_MUST_CHECK slk_err slk_check_replica(const slk_check_replica_request *request,
                                         slk_error *error);
/* The same of `samples` (> 0) places alone, at least one in each base tree, drawn anew each time and spread
 * over the whole replica: the leaves below one node of tree-r-last (16 KiB at 32 GiB) and the path from
 * there to the root; p_aux, comm_r and replica_id as above. A replica with a damaged share d passes with
 * (1 - d)^samples. Job stage "sample" in places. */
SLK_MUST_CHECK slk_err slk_check_replica_sample(const slk_check_replica_request *request,
                                                uint64_t samples, slk_error *error);

#endif
