/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sector with data, through the functions a worker computes by: piece by piece in, sealed, and out of the
 * replica again. */
#include "app/worker_ops.h"

#include "base/file.h"
#include "base/mem.h"
#include "fil/sector.h"
#include "proofs/fr32/fr32.h"
#include "proofs/piece/piece.h"
#include "proofs/vanilla/c1.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SECTOR 2048u
#define RAW 2032u
#define HALF 1016u
#define PROOF 5 /* StackedDrg2KiBV1_1 */

struct world {
    slk_crypto *crypto;
    slk_prover *prover;
    slk_worker_prover worker;
    slk_worker_ops ops;
    char folder[64];
    uint8_t raw[RAW];
};

static int set_up(void **state)
{
    slk_error error = {0};
    struct world *w = slk_calloc(1, sizeof *w);
    assert_non_null(w);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/slk-worker-ops-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    assert_int_equal(slk_crypto_new(&w->crypto, NULL, &error), SLK_OK);
    const slk_prover_options options = {
        .crypto = w->crypto, .threads = 1, .parameters_folder = w->folder};
    assert_int_equal(slk_prover_new(&w->prover, &options, &error), SLK_OK);
    slk_worker_ops_fill(&w->ops, &w->worker, w->prover, w->crypto);
    for (size_t i = 0; i < RAW; i++)
        w->raw[i] = (uint8_t)(i * 7 + 3);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    slk_error error = {0};
    slk_prover_free(w->prover);
    slk_crypto_free(w->crypto);
    assert_int_equal(slk_remove_tree(w->folder, &error), SLK_OK);
    slk_free(w);
    return 0;
}

static char *path_in(const struct world *w, const char *name)
{
    char *path = slk_path_join(w->folder, name);
    assert_non_null(path);
    return path;
}

/* ---- data by a pipe ---- */

struct writing {
    int fd;
    const uint8_t *bytes;
    size_t n;
};

/* In odd portions, as a network has them. */
static void *write_slowly(void *context)
{
    struct writing *w = context;
    for (size_t at = 0; at < w->n;) {
        const size_t n = w->n - at < 131 ? w->n - at : 131;
        assert_int_equal(write(w->fd, w->bytes + at, n), n);
        at += n;
    }
    assert_int_equal(close(w->fd), 0);
    return NULL;
}

#define LARGE ((size_t)4 << 20)

static slk_err keep_large(void *context, const uint8_t *bytes, size_t n, uint64_t offset,
                          slk_error *error)
{
    uint8_t *out = context;
    (void)error;
    assert_true(offset + n <= LARGE);
    memcpy(out + offset, bytes, n);
    return SLK_OK;
}

static slk_err keep_padded(void *context, const uint8_t *bytes, size_t n, uint64_t offset,
                           slk_error *error)
{
    uint8_t *out = context;
    (void)error;
    assert_true(offset + n <= SECTOR);
    memcpy(out + offset, bytes, n);
    return SLK_OK;
}

static slk_err take(struct world *w, slk_lotus_piece *ret, const uint8_t *bytes, size_t n,
                    uint64_t raw_bytes, bool whole, uint8_t *padded, slk_error *error)
{
    int fd[2];
    pthread_t thread;
    assert_int_equal(pipe(fd), 0);
    struct writing writing = {fd[1], bytes, n};
    assert_int_equal(pthread_create(&thread, NULL, write_slowly, &writing), 0);
    const slk_err code = w->ops.piece(w->ops.ctx, ret, raw_bytes, whole, fd[0],
                                      padded ? keep_padded : NULL, padded, NULL, error);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(close(fd[0]), 0);
    return code;
}

static void a_piece_is_padded_and_committed_to(void **state)
{
    struct world *w = *state;
    slk_error error = {0};
    slk_lotus_piece piece;
    slk_piece want;
    uint8_t padded[SECTOR] = {0}, expected[SECTOR] = {0};
    SLK_CLEANUP(slk_freep) char *path = path_in(w, "raw");
    assert_int_equal(slk_file_write_atomic(path, w->raw, RAW, 0644, &error), SLK_OK);
    assert_int_equal(slk_commp_of_file(&want, w->crypto, path, &error), SLK_OK);
    assert_int_equal(take(w, &piece, w->raw, RAW, RAW, true, padded, &error), SLK_OK);
    assert_int_equal(piece.bytes, SECTOR);
    assert_memory_equal(piece.comm_p, want.commitment, 32);
    slk_fr32_pad(expected, w->raw, RAW);
    assert_memory_equal(padded, expected, SECTOR);
    assert_false(w->ops.is_zero_piece(w->ops.ctx, &piece));
    /* 1500 bytes are a piece only when it is filled up */
    assert_int_equal(take(w, &piece, w->raw, 1500, 1500, false, NULL, &error), SLK_OK);
    assert_int_equal(piece.bytes, SECTOR);
    assert_int_equal(take(w, &piece, w->raw, 1500, 1500, true, NULL, &error), SLK_E_INVAL);
    assert_int_equal(take(w, &piece, w->raw, 1500, RAW, true, NULL, &error), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "ends before"));
    const uint64_t larger_than_any[] = {(UINT64_C(1) << 41) + 1, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof larger_than_any / sizeof *larger_than_any; i++)
        assert_int_equal(w->ops.piece(w->ops.ctx, &piece, larger_than_any[i], false, -1, NULL, NULL,
                                      NULL, &error),
                         SLK_E_INVAL);
}

/* More than is read at a time: the parts join up. */
static void a_large_piece_is_padded_in_parts(void **state)
{
    struct world *w = *state;
    slk_error error = {0};
    slk_lotus_piece piece;
    const size_t n = LARGE / 128 * 127;
    int fd[2];
    pthread_t thread;
    uint8_t *raw = slk_alloc(n, 1);
    uint8_t *padded = slk_calloc(LARGE, 1);
    uint8_t *expected = slk_calloc(LARGE, 1);
    assert_true(raw && padded && expected);
    for (size_t i = 0; i < n; i++)
        raw[i] = (uint8_t)(i * 31 + (i >> 13));
    assert_int_equal(pipe(fd), 0);
    struct writing writing = {fd[1], raw, n};
    assert_int_equal(pthread_create(&thread, NULL, write_slowly, &writing), 0);
    assert_int_equal(
        w->ops.piece(w->ops.ctx, &piece, n, true, fd[0], keep_large, padded, NULL, &error), SLK_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(close(fd[0]), 0);
    slk_fr32_pad(expected, raw, n);
    assert_memory_equal(padded, expected, LARGE);
    slk_free(raw);
    slk_free(padded);
    slk_free(expected);
}

static void zeros_need_no_reading(void **state)
{
    struct world *w = *state;
    slk_error error = {0};
    slk_lotus_piece zero, read;
    const uint8_t bytes[RAW] = {0};
    assert_int_equal(w->ops.piece(w->ops.ctx, &zero, RAW, true, -1, NULL, NULL, NULL, &error),
                     SLK_OK);
    assert_int_equal(take(w, &read, bytes, RAW, RAW, true, NULL, &error), SLK_OK);
    assert_memory_equal(zero.comm_p, read.comm_p, 32);
    assert_true(w->ops.is_zero_piece(w->ops.ctx, &zero));
    zero.bytes /= 2;
    assert_false(w->ops.is_zero_piece(w->ops.ctx, &zero));
}

/* ---- a sector ---- */

struct sector {
    slk_lotus_sector_ref ref;
    slk_lotus_piece piece[2];
    slk_lotus_pieces pieces;
    uint8_t padded[SECTOR];
    uint8_t ticket[32];
    char *unsealed, *sealed, *cache, *work;
};

static void make_sector(struct world *w, struct sector *s)
{
    slk_error error = {0};
    *s = (struct sector){.ref = {{1000, 7}, PROOF},
                         .unsealed = path_in(w, "unsealed"),
                         .sealed = path_in(w, "sealed"),
                         .cache = path_in(w, "cache"),
                         .work = path_in(w, "work")};
    uint8_t file[SECTOR + 7] = {0};
    memset(s->ticket, 9, 31);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(take(w, &s->piece[i], w->raw + i * HALF, HALF, HALF, true,
                              s->padded + i * SECTOR / 2, &error),
                         SLK_OK);
    s->pieces = (slk_lotus_pieces){s->piece, 2};
    memcpy(file, s->padded, SECTOR);
    memcpy(file + SECTOR, "\x04\x10\x02\x03\x00\x00\x00", 7); /* as Lotus ends it */
    assert_int_equal(slk_file_write_atomic(s->unsealed, file, sizeof file, 0644, &error), SLK_OK);
    assert_int_equal(slk_folder_make(s->cache, 0755, &error), SLK_OK);
    assert_int_equal(slk_folder_make(s->work, 0755, &error), SLK_OK);
}

static void sector_done(struct sector *s)
{
    slk_free(s->unsealed);
    slk_free(s->sealed);
    slk_free(s->cache);
    slk_free(s->work);
}

static slk_worker_pc1 pc1_of(const struct sector *s)
{
    return (slk_worker_pc1){.sector = s->ref,
                            .ticket32 = s->ticket,
                            .pieces = &s->pieces,
                            .paths = {s->unsealed, s->sealed, s->cache}};
}

static void data_comes_back_out_of_the_replica(void **state)
{
    struct world *w = *state;
    struct sector s;
    slk_error error = {0};
    uint8_t comm_d[32], again[SECTOR] = {0};
    slk_lotus_cids cids;
    make_sector(w, &s);
    const slk_worker_pc1 pc1 = pc1_of(&s);
    if (w->ops.pc1(w->ops.ctx, comm_d, &pc1, &error) != SLK_OK)
        fail_msg("%s", error.message);
    if (w->ops.pc2(w->ops.ctx, &cids, &s.ref, comm_d, s.ticket, &pc1.paths, NULL, &error) != SLK_OK)
        fail_msg("%s", error.message);
    assert_memory_equal(cids.comm_d, comm_d, 32);
    SLK_CLEANUP(slk_freep) char *out = path_in(w, "c1");
    const uint8_t seed[32] = {5};
    if (w->ops.c1(w->ops.ctx, &s.ref, &cids, s.ticket, seed, &s.pieces, &pc1.paths, out, NULL,
                  &error) != SLK_OK)
        fail_msg("%s", error.message);
    s.piece[1] = s.piece[0]; /* other pieces than the sector's */
    assert_int_equal(w->ops.c1(w->ops.ctx, &s.ref, &cids, s.ticket, seed, &s.pieces, &pc1.paths,
                               out, NULL, &error),
                     SLK_E_INVAL);
    assert_int_equal(w->ops.finalize(w->ops.ctx, &s.ref, s.cache, NULL, &error), SLK_OK);
    if (w->ops.unseal(w->ops.ctx, &s.ref, comm_d, s.ticket, s.sealed, s.work, HALF, HALF,
                      keep_padded, again, NULL, &error) != SLK_OK)
        fail_msg("%s", error.message);
    assert_memory_equal(again, s.padded + SECTOR / 2, SECTOR / 2);
    sector_done(&s);
}

static void pieces_that_are_not_the_data_are_refused(void **state)
{
    struct world *w = *state;
    struct sector s;
    slk_error error = {0};
    uint8_t comm_d[32];
    make_sector(w, &s);
    s.piece[1].comm_p[0] ^= 1;
    const slk_worker_pc1 pc1 = pc1_of(&s);
    assert_int_equal(w->ops.pc1(w->ops.ctx, comm_d, &pc1, &error), SLK_E_INVAL);
    sector_done(&s);
}

struct ended {
    unsigned n;
    uint8_t comm_d[32];
};

static void note(void *context, size_t index, slk_err code, const uint8_t *comm_d32,
                 const slk_error *error)
{
    struct ended *ended = context;
    (void)index;
    if (code != SLK_OK)
        fail_msg("%s", error->message);
    memcpy(ended->comm_d, comm_d32, 32);
    ended->n++;
}

static void a_batch_gives_each_what_it_gets_alone(void **state)
{
    struct world *w = *state;
    struct sector s;
    slk_error error = {0};
    struct ended ended = {0};
    uint8_t comm_d[32];
    make_sector(w, &s);
    const slk_worker_pc1 pc1 = pc1_of(&s);
    w->ops.pc1_batch(w->ops.ctx, &pc1, 1, note, &ended);
    assert_int_equal(ended.n, 1);
    assert_int_equal(w->ops.pc1(w->ops.ctx, comm_d, &pc1, &error), SLK_OK); /* finds it done */
    assert_memory_equal(comm_d, ended.comm_d, 32);
    sector_done(&s);
}

/* As many as no kernel labels side by side: of a batch of four one may have left before it began. */
static void a_batch_of_three_is_labelled_in_memory(void **state)
{
    enum { N = 3 };
    struct world *w = *state;
    struct sector s, of[N];
    slk_worker_pc1 list[N];
    slk_error error = {0};
    struct ended ended = {0};
    make_sector(w, &s);
    for (unsigned i = 0; i < N; i++) {
        char name[16];
        of[i] = s;
        of[i].ref.id.number += i;
        (void)snprintf(name, sizeof name, "sealed-%u", i);
        of[i].sealed = path_in(w, name);
        (void)snprintf(name, sizeof name, "cache-%u", i);
        of[i].cache = path_in(w, name);
        assert_int_equal(slk_folder_make(of[i].cache, 0755, &error), SLK_OK);
        list[i] = pc1_of(&of[i]);
    }
    w->ops.pc1_batch(w->ops.ctx, list, N, note, &ended);
    assert_int_equal(ended.n, N);
    for (unsigned i = 0; i < N; i++) {
        slk_free(of[i].sealed);
        slk_free(of[i].cache);
    }
    sector_done(&s);
}

static void other_kinds_of_proof_are_refused(void **state)
{
    struct world *w = *state;
    struct sector s;
    slk_error error = {0};
    uint8_t comm_d[32];
    make_sector(w, &s);
    slk_worker_pc1 pc1 = pc1_of(&s);
    pc1.sector.proof = 15;
    assert_int_equal(w->ops.pc1(w->ops.ctx, comm_d, &pc1, &error), SLK_E_UNSUPPORTED);
    pc1.sector.proof = 99;
    assert_int_equal(w->ops.pc1(w->ops.ctx, comm_d, &pc1, &error), SLK_E_UNSUPPORTED);
    sector_done(&s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_piece_is_padded_and_committed_to),
        TEST(a_large_piece_is_padded_in_parts),
        TEST(zeros_need_no_reading),
        TEST(data_comes_back_out_of_the_replica),
        TEST(pieces_that_are_not_the_data_are_refused),
        TEST(a_batch_gives_each_what_it_gets_alone),
        TEST(a_batch_of_three_is_labelled_in_memory),
        TEST(other_kinds_of_proof_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
