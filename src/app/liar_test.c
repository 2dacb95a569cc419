/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A provider that lies, one lie at a time, to a client whose peer and verifier are the real ones: what
 * comes over the wire is that of a sector sealed once, with one thing changed. Every lie is found, and
 * named, before a pre-commit or, where it is about C1, before a SNARK is made of it; and the provider
 * is paused or has it on its record. */
#include "app/prover.h"
#include "base/file.h"
#include "base/mem.h"
#include "fil/commcid.h"
#include "fil/sector.h"
#include "net/server.h"
#include "remote/peer.h"
#include "remote/wire.h"
#include "seal/world_test.h"
#include "transfer/cache_tar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD 5000 /* where a world begins */
#define EPOCH (HEAD - 900)
#define FIRST_NUMBER 0
#define LARGE_PROOF 6
#ifdef __SANITIZE_ADDRESS__
#define WITH_LARGE false /* its trees take minutes there, and are the same code */
#else
#define WITH_LARGE true
#endif
#define REPLICA_MAX_BYTES ((size_t)8 << 20)
#define TAR_MAX_BYTES ((size_t)4 << 20)
#define C1_MAX_BYTES ((size_t)4 << 20)

/* ---- sectors that were really sealed ---- */

typedef struct made {
    slk_seal_sector sector;
    int64_t epoch;
    uint8_t ticket[32];
    slk_seal_commitments comm;
    char sealed[128], cache[128];
    slk_buf replica, tar;
} made;

static char folder[64];
static slk_crypto *crypto;
static slk_prover *prover;
static slk_seal_prover prover_ops;
static made honest; /* what was ordered */
static made large; /* the same of 8 MiB, whose tree has rows */
static made other_number, other_ticket, other_miner, other_version;

static void fine(slk_err code, const slk_error *error)
{
    if (code != SLK_OK)
        fail_msg("%s: %s", slk_err_name(code), slk_error_text(error, code));
}

static void pack(made *m)
{
    slk_flat_tar *tar = NULL;
    slk_error error = {0};
    uint64_t bytes = 0;
    const slk_sector_shape *shape = slk_sector_shape_of(m->replica.len);
    fine(slk_cache_tar_new(&tar, &bytes, m->cache, shape, &error), &error);
    slk_buf_init(&m->tar, TAR_MAX_BYTES);
    uint8_t piece[4096];
    for (size_t n = 1; n > 0;) {
        fine(slk_flat_tar_produce(tar, piece, sizeof piece, &n, &error), &error);
        assert_int_equal(slk_buf_append(&m->tar, piece, n), SLK_OK);
    }
    slk_flat_tar_free(tar);
}

static void seal(made *m, const char *name, slk_seal_sector sector, int64_t epoch)
{
    world *w = world_new(); /* its chain knows all tickets */
    const slk_seal_chain *chain = &w->client.ops.chain;
    slk_error error = {0};
    slk_job job;
    slk_job_init(&job);
    m->sector = sector;
    m->epoch = epoch;
    fine(chain->ticket(chain->ctx, m->ticket, sector.sp_id, epoch, &error), &error);
    world_free(w);
    (void)snprintf(m->sealed, sizeof m->sealed, "%s/%s", folder, name);
    (void)snprintf(m->cache, sizeof m->cache, "%s/%s-cache", folder, name);
    const slk_seal_paths paths = {m->sealed, m->cache};
    fine(slk_folder_make(m->cache, 0755, &error), &error);
    fine(prover_ops.pc1(prover, &sector, m->ticket, &paths, &job, &error), &error);
    fine(prover_ops.pc2(prover, &m->comm, &sector, &paths, &job, &error), &error);
    slk_buf_init(&m->replica, REPLICA_MAX_BYTES);
    fine(slk_file_read_all(&m->replica, m->sealed, &error), &error);
    pack(m);
}

static void make_c1(slk_buf *ret, const made *m, const uint8_t seed32[32])
{
    slk_error error = {0};
    slk_job job;
    slk_job_init(&job);
    char path[160];
    (void)snprintf(path, sizeof path, "%s.c1", m->sealed);
    const slk_seal_paths paths = {m->sealed, m->cache};
    fine(prover_ops.c1(prover, &m->sector, &m->comm, m->ticket, seed32, &paths, path, &job, &error),
         &error);
    slk_buf_init(ret, C1_MAX_BYTES);
    fine(slk_file_read_all(ret, path, &error), &error);
}

/* ---- lies ---- */

typedef enum thing {
    NOTHING,
    STATUS,
    SEALED,
    CACHE,
    C1,
} thing;

typedef struct lie {
    const char *name;
    thing about;
    const char *reason; /* of the sector's failure */
    const char *words; /* in its sentence */
    const char *outcome; /* on the provider's record */
    bool trusted; /* it still gets orders: this may be misfortune */
    int http; /* the answer's status; 0 that of the truth */
    bool large; /* the sector has 8 MiB */
    const made *of; /* the thing is that of this sector; NULL that of the right one */
    const made *all_of; /* and so is everything else */
    void (*in_status)(slk_wire_status *status);
    void (*in_bytes)(slk_buf *body);
    bool other_seed;
    bool gigantic;
    bool breaks_off; /* the connection ends half-way through the answer */
    unsigned times; /* the first answers only; 0 all */
} lie;

static const lie *told; /* to the client that is asking now */
static unsigned tellings; /* of it so far */

static void flip(slk_buf *body, size_t at)
{
    assert_in_range(at, 0, body->len - 1);
    body->data[at] ^= 1;
}

static void set_text(slk_buf *body, const char *text)
{
    slk_buf_reset(body);
    assert_int_equal(slk_buf_text(body, text), SLK_OK);
}

/* -- in the status */

static void put_cid(char out[SLK_WIRE_CID_CHARS + 1], const slk_cid *cid)
{
    char text[SLK_CID_TEXT_CHARS];
    slk_cid_print(text, cid);
    (void)snprintf(out, SLK_WIRE_CID_CHARS + 1, "%s", text);
}

static void cid_of_r(char out[SLK_WIRE_CID_CHARS + 1], const uint8_t comm_r32[32])
{
    slk_cid cid;
    slk_comm_r_cid(&cid, comm_r32);
    put_cid(out, &cid);
}

static void cid_of_d(char out[SLK_WIRE_CID_CHARS + 1], const uint8_t comm_d32[32])
{
    slk_cid cid;
    slk_comm_d_cid(&cid, comm_d32);
    put_cid(out, &cid);
}

static void comm_d_of_data(slk_wire_status *s)
{
    static const uint8_t data[32] = {1, 2, 3};
    cid_of_d(s->tree_d_cid, data);
}
static void comm_d_of_another_size(slk_wire_status *s)
{
    uint8_t comm_d[32];
    slk_error error = {0};
    fine(prover_ops.zero_comm_d(prover, comm_d, 6, &error), &error);
    cid_of_d(s->tree_d_cid, comm_d);
}
static void comm_r_of_nothing(slk_wire_status *s)
{
    static const uint8_t random[32] = {9, 9, 9};
    cid_of_r(s->tree_r_cid, random);
}
static void comm_r_of_another(slk_wire_status *s)
{
    cid_of_r(s->tree_r_cid, other_number.comm.comm_r);
}
static void comm_r_is_nonsense(slk_wire_status *s)
{
    strcpy(s->tree_r_cid, "bagboeanonsense");
}
static void comm_r_is_a_comm_d(slk_wire_status *s)
{
    strcpy(s->tree_r_cid, s->tree_d_cid);
}
static void comm_r_is_missing(slk_wire_status *s)
{
    s->tree_r_cid[0] = '\0';
}
static void cids_are_swapped(slk_wire_status *s)
{
    char kept[SLK_WIRE_CID_CHARS + 1];
    memcpy(kept, s->tree_d_cid, sizeof kept);
    memcpy(s->tree_d_cid, s->tree_r_cid, sizeof kept);
    memcpy(s->tree_r_cid, kept, sizeof kept);
}
static void ticket_is_random(slk_wire_status *s)
{
    memset(s->ticket_value.data, 7, 32);
}
static void ticket_of_another_epoch(slk_wire_status *s)
{
    memcpy(s->ticket_value.data, other_ticket.ticket, 32);
}
static void epoch_of_another_ticket(slk_wire_status *s)
{
    s->ticket_epoch--;
}
static void ticket_of_another_miner(slk_wire_status *s)
{
    memcpy(s->ticket_value.data, other_miner.ticket, 32);
}
static void ticket_from_the_future(slk_wire_status *s)
{
    s->ticket_epoch = HEAD + 1000000;
}
static void ticket_of_long_ago(slk_wire_status *s)
{
    s->ticket_epoch = HEAD - 4000;
}
static void ticket_before_the_chain(slk_wire_status *s)
{
    s->ticket_epoch = INT64_MIN;
}
static void ticket_is_short(slk_wire_status *s)
{
    s->ticket_value.n = 31;
}
static void ticket_is_long(slk_wire_status *s)
{
    s->ticket_value.n = 33;
}
static void state_is_unknown(slk_wire_status *s)
{
    strcpy(s->state, "sleeping");
}
static void fails_without_a_reason(slk_wire_status *s)
{
    *s = (slk_wire_status){.state = "failed"};
}
static void fails_in_colours(slk_wire_status *s)
{
    *s = (slk_wire_status){.state = "failed", .fail_reason = "\033[31mdisk\nfull"};
}
static void knows_of_nothing(slk_wire_status *s)
{
    *s = (slk_wire_status){.state = "gone"};
}
static void is_never_done(slk_wire_status *s)
{
    *s = (slk_wire_status){.state = "sdr"};
}
static void is_a_page(slk_buf *body)
{
    set_text(body, "<html><body>complete</body></html>");
}
static void is_larger_than_any(slk_buf *body)
{
    while (body->len <= SLK_WIRE_BODY_MAX_BYTES)
        assert_int_equal(slk_buf_byte(body, ' '), SLK_OK);
}

/* -- in files */

static void is_flipped(slk_buf *body)
{
    flip(body, 777);
}
static void last_byte_is_flipped(slk_buf *body)
{
    flip(body, body->len - 32);
}
static void is_zero(slk_buf *body)
{
    memset(body->data, 0, body->len);
}
static void is_no_field_element(slk_buf *body)
{
    memset(body->data + 64, 0xff, 32);
}
static void nodes_are_swapped(slk_buf *body)
{
    uint8_t kept[32];
    memcpy(kept, body->data + 320, 32);
    memcpy(body->data + 320, body->data + 640, 32);
    memcpy(body->data + 640, kept, 32);
}
static void far_nodes_are_swapped(slk_buf *body)
{
    uint8_t kept[32];
    memcpy(kept, body->data + 32 * 5, 32);
    memcpy(body->data + 32 * 5, body->data + body->len - 32 * 5, 32);
    memcpy(body->data + body->len - 32 * 5, kept, 32);
}
static void is_short(slk_buf *body)
{
    body->len--;
}
static void is_long(slk_buf *body)
{
    assert_int_equal(slk_buf_byte(body, 0), SLK_OK);
}
static void says_no(slk_buf *body)
{
    set_text(body, "no");
}
static void is_empty(slk_buf *body)
{
    body->len = 0;
}

/* Body of a member of the archive. */
static uint8_t *member(slk_buf *tar, const char *name)
{
    for (size_t at = 0; at + 512 <= tar->len && tar->data[at];) {
        const char *header = (const char *)tar->data + at;
        const size_t bytes = strtoul(header + 124, NULL, 8);
        if (strcmp(header, name) == 0)
            return tar->data + at + 512;
        at += 512 + (bytes + 511) / 512 * 512;
    }
    fail_msg("no %s in the archive", name);
    return NULL;
}

static void p_aux_comm_c_flipped(slk_buf *tar)
{
    member(tar, "p_aux")[5] ^= 1;
}
static void p_aux_comm_r_last_flipped(slk_buf *tar)
{
    member(tar, "p_aux")[37] ^= 1;
}
static void p_aux_halves_swapped(slk_buf *tar)
{
    uint8_t *p_aux = member(tar, "p_aux"), kept[32];
    memcpy(kept, p_aux, 32);
    memcpy(p_aux, p_aux + 32, 32);
    memcpy(p_aux + 32, kept, 32);
}
static void p_aux_of_another(slk_buf *tar)
{
    slk_buf theirs = other_number.tar;
    memcpy(member(tar, "p_aux"), member(&theirs, "p_aux"), 64);
}
static void tree_flipped(slk_buf *tar)
{
    member(tar, "sc-02-data-tree-r-last.dat")[3] ^= 1;
}
static void tree_of_another(slk_buf *tar)
{
    slk_buf theirs = other_number.tar;
    static const char name[] = "sc-02-data-tree-r-last.dat";
    memcpy(member(tar, name), member(&theirs, name), 32);
}
/* Nodes of tree-r-last: 512 in its lowest row, then 64, 8 and the root. */
static void swap_nodes(slk_buf *tar, size_t a, size_t b)
{
    uint8_t *tree = member(tar, "sc-02-data-tree-r-last.dat"), kept[32];
    memcpy(kept, tree + 32 * a, 32);
    memcpy(tree + 32 * a, tree + 32 * b, 32);
    memcpy(tree + 32 * b, kept, 32);
}
static void leaves_swapped(slk_buf *tar)
{
    swap_nodes(tar, 7, 500);
}
static void twigs_swapped(slk_buf *tar)
{
    swap_nodes(tar, 512 + 3, 512 + 60);
}
static void rows_swapped(slk_buf *tar)
{
    swap_nodes(tar, 512 + 64 + 2, 512 + 3);
}
static void root_swapped(slk_buf *tar)
{
    swap_nodes(tar, 512 + 64 + 8, 512 + 64 + 7);
}
static void climbs_out(slk_buf *tar)
{
    char *name = (char *)member(tar, "p_aux") - 512;
    unsigned sum = 0;
    strcpy(name, "../../p_aux");
    memset(name + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += (uint8_t)name[i];
    (void)snprintf(name + 148, 8, "%06o", sum);
}
static void is_cut(slk_buf *tar)
{
    tar->len = 700;
}

/* -- in C1 */

/* A byte of the first number of the first array behind the key. */
static void change_number(slk_buf *json, const char *key)
{
    char *at = strstr((char *)json->data, key);
    assert_non_null(at);
    at += strlen(key);
    while (*at && *at != '[')
        at++;
    while (*at == '[')
        at++;
    assert_in_range(*at, '0', '9');
    *at = *at == '1' ? '2' : '1';
}

static void c1_comm_r(slk_buf *json)
{
    change_number(json, "\"comm_r\":");
}
static void c1_comm_d(slk_buf *json)
{
    change_number(json, "\"comm_d\":");
}
static void c1_replica_id(slk_buf *json)
{
    change_number(json, "\"replica_id\":");
}
static void c1_seed(slk_buf *json)
{
    change_number(json, "\"seed\":");
}
static void c1_ticket(slk_buf *json)
{
    change_number(json, "\"ticket\":");
}
static void c1_label(slk_buf *json)
{
    change_number(json, "\"rows\":");
}
static void c1_parent(slk_buf *json)
{
    change_number(json, "\"labeling_proofs\":[{\"parents\":");
}
static void c1_encoding(slk_buf *json)
{
    change_number(json, "\"encoding_proof\":");
}
static void c1_data_root(slk_buf *json)
{
    change_number(json, "\"comm_d_proofs\":{\"data\":{\"Single\":{\"root\":");
}
static void c1_replica_root(slk_buf *json)
{
    change_number(json, "\"comm_r_last_proof\":");
}
static void c1_hashes(slk_buf *json)
{
    change_number(json, "\"hashes\":");
}
static void c1_column_root(slk_buf *json)
{
    change_number(json, "\"inclusion_proof\":");
}
static void c1_challenge(slk_buf *json)
{
    char *at = strstr((char *)json->data, "\"column\":{\"index\":");
    assert_non_null(at);
    at += strlen("\"column\":{\"index\":");
    *at = *at == '1' ? '2' : '1';
}
static void c1_proof_type(slk_buf *json)
{
    char *at = strstr((char *)json->data, "StackedDrg2KiB");
    assert_non_null(at);
    memcpy(at, "StackedDrg8MiB", 14);
}
static void c1_is_half(slk_buf *json)
{
    json->len /= 2;
}
static void c1_goes_on(slk_buf *json)
{
    assert_int_equal(slk_buf_text(json, "{}"), SLK_OK);
}
static void c1_is_an_object(slk_buf *json)
{
    set_text(json, "{}");
}
static void c1_is_noise(slk_buf *json)
{
    for (size_t i = 0; i < json->len; i++)
        json->data[i] = (uint8_t)(i * 2654435761u >> 24);
}
static void c1_is_deep(slk_buf *json)
{
    memset(json->data, '[', json->len);
}

/* ---- the providers' server: asked as localhost it tells the truth ---- */

static const lie truth = {.name = "the truth", .about = NOTHING};

static const lie *told_to(const slk_http_exchange *x)
{
    const char *host = slk_http_header_value(x, "Host");
    const bool over = told->times > 0 && tellings >= told->times;
    return over || (host && strncmp(host, "localhost", 9) == 0) ? &truth : told;
}

static const made *made_for(const lie *l, thing about)
{
    if (l->all_of)
        return l->all_of;
    if (l->about == about && l->of)
        return l->of;
    return told->large ? &large : &honest;
}

struct half {
    uint8_t *bytes;
    size_t at, end;
};

static slk_err produce_half(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                            slk_error *error)
{
    struct half *h = context;
    if (h->at == h->end)
        return slk_fail(error, SLK_E_IO, "it breaks off");
    *ret_n = h->end - h->at < capacity ? h->end - h->at : capacity;
    memcpy(out, h->bytes + h->at, *ret_n);
    h->at += *ret_n;
    return SLK_OK;
}

static void release_half(void *context)
{
    struct half *h = context;
    free(h->bytes);
    free(h);
}

static slk_err break_off(slk_http_exchange *x, const char *type, const slk_buf *body)
{
    struct half *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->end = body->len / 2;
    h->bytes = malloc(h->end);
    assert_non_null(h->bytes);
    memcpy(h->bytes, body->data, h->end);
    return slk_http_reply_stream(x, 200, type, (int64_t)body->len, produce_half, release_half, h);
}

static slk_err say(slk_http_exchange *x, thing about, const char *type, slk_buf *body)
{
    const lie *l = told_to(x);
    if (l->about != about)
        return slk_http_reply_bytes(x, 200, type, body->data, body->len);
    tellings++;
    if (l->in_bytes)
        l->in_bytes(body);
    if (l->breaks_off)
        return break_off(x, type, body);
    return slk_http_reply_bytes(x, l->http ? l->http : 200, type, body->data, body->len);
}

static slk_err serve_status(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    (void)error;
    const lie *l = told_to(x);
    const made *m = made_for(l, STATUS);
    slk_wire_status status = {
        .state = "complete", .ticket_epoch = honest.epoch, .ticket_value = {.n = 32}};
    cid_of_d(status.tree_d_cid, m->comm.comm_d);
    cid_of_r(status.tree_r_cid, m->comm.comm_r);
    memcpy(status.ticket_value.data, honest.ticket, 32);
    if (l->in_status)
        l->in_status(&status);
    SLK_CLEANUP(slk_buf_done) slk_buf body;
    slk_buf_init(&body, 2 * SLK_WIRE_BODY_MAX_BYTES);
    assert_int_equal(slk_wire_print(&body, &slk_wire_type_status, &status), SLK_OK);
    return say(x, STATUS, "application/json", &body);
}

static slk_err serve_sealed(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    (void)error;
    SLK_CLEANUP(slk_buf_done) slk_buf body;
    const made *m = made_for(told_to(x), SEALED);
    slk_buf_init(&body, m->replica.len + 1);
    assert_int_equal(slk_buf_append(&body, m->replica.data, m->replica.len), SLK_OK);
    return say(x, SEALED, "application/octet-stream", &body);
}

static slk_err serve_cache(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    (void)error;
    SLK_CLEANUP(slk_buf_done) slk_buf body;
    slk_buf_init(&body, TAR_MAX_BYTES);
    const made *m = made_for(told_to(x), CACHE);
    assert_int_equal(slk_buf_append(&body, m->tar.data, m->tar.len), SLK_OK);
    return say(x, CACHE, "application/x-tar", &body);
}

static slk_err produce_endlessly(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                                 slk_error *error)
{
    (void)context;
    (void)error;
    memset(out, ' ', capacity);
    *ret_n = capacity;
    return SLK_OK;
}

static void release_nothing(void *context)
{
    (void)context;
}

static slk_err serve_c1(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)context;
    const lie *l = told_to(x);
    if (l->gigantic)
        return slk_http_reply_stream(x, 200, "application/octet-stream", -1, produce_endlessly,
                                     release_nothing, NULL);
    size_t n = 0;
    const char *text = slk_http_body(x, &n);
    slk_wire_commit1 request;
    SLK_TRY(slk_wire_read(&request, &slk_wire_type_commit1, text, n, error));
    if (l->other_seed)
        request.seed_value.data[0] ^= 1;
    SLK_CLEANUP(slk_buf_done) slk_buf body;
    make_c1(&body, made_for(l, C1), request.seed_value.data);
    return say(x, C1, "application/octet-stream", &body);
}

static slk_err serve_text(void *context, slk_http_exchange *x, slk_error *error)
{
    (void)error;
    return slk_http_reply_json(x, 200, context);
}

static slk_http_server *server;
static slk_remote_peer *peer;
static char url[64];

static void serve(void)
{
    static char available[] = "{\"available\":true,\"slot_token\":\"00\"}";
    static char accepted[] = "{\"accepted\":true}";
    static char empty[] = "{}";
    static const slk_http_route routes[] = {
        {.method = "POST",
         .path = SLK_WIRE_PATH "available",
         .handler = serve_text,
         .context = available},
        {.method = "POST",
         .path = SLK_WIRE_PATH "order",
         .handler = serve_text,
         .context = accepted},
        {.method = "POST", .path = SLK_WIRE_PATH "status", .handler = serve_status},
        {.method = "POST", .path = SLK_WIRE_PATH "commit1", .handler = serve_c1},
        {.method = "POST",
         .path = SLK_WIRE_PATH "finalize",
         .handler = serve_text,
         .context = empty},
        {.method = "POST",
         .path = SLK_WIRE_PATH "cleanup",
         .handler = serve_text,
         .context = empty},
        {.method = "GET", .path = SLK_WIRE_PATH "sealed-data/{sp_id}/{n}", .handler = serve_sealed},
        {.method = "GET", .path = SLK_WIRE_PATH "cache-data/{sp_id}/{n}", .handler = serve_cache},
    };
    const slk_http_server_options options = {.listen = "127.0.0.1:0",
                                             .routes = routes,
                                             .n_routes = sizeof routes / sizeof *routes,
                                             .request_burst = 1000000};
    slk_error error = {0};
    fine(slk_http_server_new(&server, &options, &error), &error);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)slk_http_server_port(server));
}

/* ---- the client ---- */

static unsigned snarks;

static slk_err stub_c2(void *ctx, slk_buf *proof, const slk_seal_sector *sector,
                       const char *c1_path, slk_job *job, slk_error *error)
{
    (void)ctx;
    (void)sector;
    (void)c1_path;
    (void)job;
    (void)error;
    static const uint8_t zero[192];
    snarks++;
    return slk_buf_append(proof, zero, sizeof zero);
}

static slk_err stub_verify_proof(void *ctx, bool *ret_valid, const slk_seal_sector *sector,
                                 const slk_seal_commitments *comm, const uint8_t ticket[32],
                                 const uint8_t seed[32], const uint8_t *proof, size_t n,
                                 slk_error *error)
{
    (void)ctx;
    (void)sector;
    (void)comm;
    (void)ticket;
    (void)seed;
    (void)proof;
    (void)n;
    (void)error;
    *ret_valid = true;
    return SLK_OK;
}

static int open_all(void **state)
{
    (void)state;
    slk_error error = {0};
    (void)snprintf(folder, sizeof folder, "%s/slk_liar_test.XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(folder));
    fine(slk_crypto_new(&crypto, NULL, &error), &error);
    const slk_prover_options options = {
        .crypto = crypto, .threads = 1, .parameters_folder = "/nonexistent/parameters"};
    fine(slk_prover_new(&prover, &options, &error), &error);
    slk_prover_fill(&prover_ops, prover);
    const slk_seal_sector sector = {WORLD_SP, FIRST_NUMBER, WORLD_PROOF};
    const slk_seal_sector next = {WORLD_SP, FIRST_NUMBER + 1, WORLD_PROOF};
    const slk_seal_sector theirs = {WORLD_SP + 1, FIRST_NUMBER, WORLD_PROOF};
    const slk_seal_sector version = {WORLD_SP, FIRST_NUMBER, 0};
    const slk_seal_sector larger = {WORLD_SP, FIRST_NUMBER, LARGE_PROOF};
    seal(&honest, "honest", sector, EPOCH);
    if (WITH_LARGE)
        seal(&large, "large", larger, EPOCH);
    seal(&other_number, "other-number", next, EPOCH);
    seal(&other_ticket, "other-ticket", sector, EPOCH - 1);
    seal(&other_miner, "other-miner", theirs, EPOCH);
    seal(&other_version, "other-version", version, EPOCH);
    serve();
    const slk_remote_peer_options remote = {
        .connections = 1, .allow_private = true, .crypto = crypto};
    fine(slk_remote_peer_new(&peer, &remote, &error), &error);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    slk_remote_peer_free(peer);
    slk_http_server_free(server);
    made *all[] = {&honest, &large, &other_number, &other_ticket, &other_miner, &other_version};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        slk_buf_done(&all[i]->replica);
        slk_buf_done(&all[i]->tar);
    }
    slk_prover_free(prover);
    slk_crypto_free(crypto);
    return slk_remove_tree(folder, NULL) == SLK_OK ? 0 : -1;
}

static void read_text(char *out, size_t size, world *w, const slk_sql *sql)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    slk_error error = {0};
    fine(slk_query_init(&q, w->client.db, sql, &error), &error);
    fine(slk_query_step(&q, &row, &error), &error);
    const char *text = row ? slk_column_text(&q, 0) : NULL;
    (void)snprintf(out, size, "%s", text ? text : "");
}

static const slk_sql read_why = {"test.why", "SELECT failed_reason_msg FROM rseal_client_pipeline"};
static const slk_sql read_outcome = {"test.outcome", "SELECT outcome FROM rseal_client_placement"
                                                     " ORDER BY provider_id LIMIT 1"};
static const slk_sql read_second = {"test.second", "SELECT outcome FROM rseal_client_placement"
                                                   " ORDER BY provider_id DESC LIMIT 1"};
static const slk_sql read_enabled = {"test.enabled",
                                     "SELECT CASE WHEN enabled = 1 THEN 'trusted' ELSE 'paused' END"
                                     " FROM rseal_client_providers ORDER BY id LIMIT 1"};

/* A world whose client has the server of this test for its provider. */
static world *open_client(void)
{
    world *w = world_new();
    const slk_client_provider_change change = {.url = url};
    slk_error error = {0};
    fine(slk_client_provider_set(w->client.seal, w->provider_id, &change, &error), &error);
    world_node_close(&w->client);
    w->client.options.stall_ms = 3600 * 1000;
    w->client.ops.prover = prover_ops;
    w->client.ops.prover.c2 = stub_c2;
    w->client.ops.prover.verify_proof = stub_verify_proof;
    slk_remote_peer_ops(&w->client.ops.peer, peer);
    world_node_open(&w->client);
    return w;
}

static void add_honest(world *w)
{
    char localhost[64];
    slk_error error = {0};
    (void)snprintf(localhost, sizeof localhost, "http://localhost:%s", strrchr(url, ':') + 1);
    fine(slk_client_provider_add(&w->other_id, w->client.seal, WORLD_SP, localhost, w->token,
                                 "honest", &error),
         &error);
}

/* Until the sector fails or its proof is sent; what waits does not wait long. */
static void drive(world *w, uint64_t number)
{
    char reason[32];
    slk_error error = {0};
    for (unsigned turn = 0; turn < 600; turn++) {
        uint64_t ran = 1;
        for (unsigned i = 0; i < 20 && ran > 0; i++)
            fine(slk_seal_run_ready(&ran, w->client.seal, 1, &error), &error);
        if (world_failed(&w->client, number, reason) || world_messages(w, number, true) > 0)
            return;
        w->now_ms += 30000;
        world_epoch(w);
    }
}

static void expect_text(const lie *l, world *w, const slk_sql *sql, const char *want)
{
    char have[1024];
    read_text(have, sizeof have, w, sql);
    if (!strstr(have, want))
        fail_msg("%s: %s is \"%s\", not \"%s\"", l->name, sql->name, have, want);
}

static void expect_messages(const lie *l, world *w, uint64_t number, unsigned deposits,
                            unsigned proofs)
{
    if (world_messages(w, number, false) != deposits || world_messages(w, number, true) != proofs ||
        snarks != proofs)
        fail_msg("%s: %u deposits, %u proofs, %u made", l->name, world_messages(w, number, false),
                 world_messages(w, number, true), snarks);
}

static void expect_record(const lie *l, world *w)
{
    expect_text(l, w, &read_outcome, l->outcome);
    expect_text(l, w, &read_enabled, l->trusted ? "trusted" : "paused");
}

static uint64_t order_as_told(const lie *l, world *w)
{
    told = l;
    tellings = 0;
    snarks = 0;
    uint64_t number = 1;
    slk_error error = {0};
    fine(slk_client_order(&number, w->client.seal, WORLD_SP, l->large ? LARGE_PROOF : WORLD_PROOF,
                          0, &error),
         &error);
    assert_int_equal(number, FIRST_NUMBER);
    drive(w, number);
    return number;
}

static void the_truth_is_believed(void **state)
{
    (void)state;
    char reason[32];
    world *w = open_client();
    const uint64_t number = order_as_told(&truth, w);
    assert_false(world_failed(&w->client, number, reason));
    expect_messages(&truth, w, number, 1, 1);
    world_free(w);
}

/* From the only provider there is: the sector fails, with the reason. */
static void tell_alone(const lie *l)
{
    char reason[32] = "";
    world *w = open_client();
    const uint64_t number = order_as_told(l, w);
    (void)world_failed(&w->client, number, reason);
    if (strcmp(reason, l->reason) != 0)
        fail_msg("%s: failed for \"%s\", not \"%s\"", l->name, reason, l->reason);
    expect_text(l, w, &read_why, l->words);
    expect_record(l, w);
    expect_messages(l, w, number, l->about == C1 ? 1 : 0, 0);
    world_free(w);
}

/* With an honest one beside it: that one gets the sector, and its replica alone the deposit. */
static void tell_beside_another(const lie *l)
{
    char reason[32] = "";
    world *w = open_client();
    add_honest(w);
    const uint64_t number = order_as_told(l, w);
    if (world_failed(&w->client, number, reason))
        fail_msg("%s: failed for \"%s\"", l->name, reason);
    expect_record(l, w);
    expect_text(l, w, &read_second, "verified");
    assert_memory_equal(w->sectors[number].comm_r, (l->large ? &large : &honest)->comm.comm_r, 32);
    expect_messages(l, w, number, 1, 1);
    world_free(w);
}

#define PROVIDER_LIED .outcome = "lied"
#define PROVIDER_FAILED .outcome = "failed", .trusted = true
#define IN_STATUS(function) .name = #function, .about = STATUS, .in_status = function
#define IN(thing, function) .name = #thing " " #function, .about = thing, .in_bytes = function
#define OF(thing, sector) .name = #thing " of " #sector, .about = thing, .of = &sector
#define ALL_OF(sector) .name = "all of " #sector, .about = SEALED, .all_of = &sector

static const lie lies[] = {
    {IN_STATUS(comm_d_of_data), .reason = "wrong-comm-d",
     .words = "CommD is not that of an empty sector", PROVIDER_LIED},
    {IN_STATUS(comm_d_of_another_size), .reason = "wrong-comm-d",
     .words = "CommD is not that of an empty sector", PROVIDER_LIED},
    {IN_STATUS(comm_r_of_nothing), .reason = "replica-invalid",
     .words = "p_aux does not give the expected CommR", PROVIDER_LIED},
    {IN_STATUS(comm_r_of_another), .reason = "replica-invalid",
     .words = "p_aux does not give the expected CommR", PROVIDER_LIED},
    {IN_STATUS(comm_r_is_nonsense), .reason = "poll",
     .words = "complete, but CIDs or ticket are missing or malformed", PROVIDER_FAILED},
    {IN_STATUS(comm_r_is_a_comm_d), .reason = "poll",
     .words = "complete, but CIDs or ticket are missing or malformed", PROVIDER_FAILED},
    {IN_STATUS(comm_r_is_missing), .reason = "poll",
     .words = "complete, but CIDs or ticket are missing or malformed", PROVIDER_FAILED},
    {IN_STATUS(cids_are_swapped), .reason = "poll",
     .words = "complete, but CIDs or ticket are missing or malformed", PROVIDER_FAILED},
    {IN_STATUS(ticket_is_short), .reason = "poll",
     .words = "complete, but CIDs or ticket are missing or malformed", PROVIDER_FAILED},
    {IN_STATUS(ticket_is_long), .reason = "poll",
     .words = "complete, but CIDs or ticket are missing or malformed", PROVIDER_FAILED},
    {IN_STATUS(ticket_is_random), .reason = "wrong-ticket", .words = "ticket is not the chain's",
     PROVIDER_LIED},
    {IN_STATUS(ticket_of_another_epoch), .reason = "wrong-ticket",
     .words = "ticket is not the chain's", PROVIDER_LIED},
    {IN_STATUS(epoch_of_another_ticket), .reason = "wrong-ticket",
     .words = "ticket is not the chain's", PROVIDER_LIED},
    {IN_STATUS(ticket_of_another_miner), .reason = "wrong-ticket",
     .words = "ticket is not the chain's", PROVIDER_LIED},
    {IN_STATUS(ticket_from_the_future), .reason = "wrong-ticket",
     .words = "ticket is from the future", PROVIDER_LIED},
    {IN_STATUS(ticket_of_long_ago), .reason = "ticket-expired",
     .words = "ticket is of epoch 1000, the head is 5000", PROVIDER_FAILED},
    {IN_STATUS(ticket_before_the_chain), .reason = "ticket-expired",
     .words = "ticket is of epoch -9223372036854775808", PROVIDER_FAILED},
    {IN_STATUS(state_is_unknown), .reason = "poll", .words = "the peer names an unknown state",
     PROVIDER_FAILED},
    {IN_STATUS(fails_without_a_reason), .reason = "provider-failed", .words = "no reason given",
     PROVIDER_FAILED},
    {IN_STATUS(fails_in_colours), .reason = "provider-failed", .words = "?[31mdisk?full",
     PROVIDER_FAILED},
    {IN_STATUS(knows_of_nothing), .reason = "provider-gone",
     .words = "does not know the sector any more", PROVIDER_FAILED},
    {IN(STATUS, is_a_page), .reason = "poll", .words = "malformed JSON", PROVIDER_FAILED},
    {IN(STATUS, is_larger_than_any), .reason = "poll",
     .words = "longer than the 65536 bytes allowed", PROVIDER_FAILED},
    {IN(SEALED, is_flipped), .reason = "replica-invalid",
     .words = "node 0 is not the hash of the sealed file", PROVIDER_LIED},
    {IN(SEALED, last_byte_is_flipped), .reason = "replica-invalid",
     .words = "node 0 is not the hash of the sealed file", PROVIDER_LIED},
    {IN(SEALED, is_zero), .reason = "replica-invalid",
     .words = "node 0 is not the hash of the sealed file", PROVIDER_LIED},
    {IN(SEALED, nodes_are_swapped), .reason = "replica-invalid",
     .words = "node 0 is not the hash of the sealed file", PROVIDER_LIED},
    {IN(SEALED, is_no_field_element), .reason = "replica-invalid",
     .words = "node 2 is not a field element", PROVIDER_LIED},
    {IN(SEALED, is_short), .reason = "fetch", .words = "file has 2047 bytes where 2048 belong",
     PROVIDER_FAILED},
    {IN(SEALED, is_long), .reason = "fetch", .words = "file has 2049 bytes where 2048 belong",
     PROVIDER_FAILED},
    {OF(SEALED, other_number), .reason = "replica-invalid",
     .words = "is not the hash of the sealed file", PROVIDER_LIED},
    {IN(SEALED, says_no), .http = 404, .reason = "fetch", .words = "the peer answered 404",
     PROVIDER_FAILED},
    {IN(CACHE, p_aux_comm_c_flipped), .reason = "replica-invalid",
     .words = "p_aux does not give the expected CommR", PROVIDER_LIED},
    {IN(CACHE, p_aux_comm_r_last_flipped), .reason = "replica-invalid",
     .words = "is not the replica of ", PROVIDER_LIED},
    {IN(CACHE, p_aux_halves_swapped), .reason = "replica-invalid",
     .words = "is not the replica of ", PROVIDER_LIED},
    {IN(CACHE, p_aux_of_another), .reason = "replica-invalid", .words = "is not the replica of ",
     PROVIDER_LIED},
    {IN(CACHE, tree_flipped), .reason = "replica-invalid",
     .words = "is not the hash of the sealed file", PROVIDER_LIED},
    {IN(CACHE, tree_of_another), .reason = "replica-invalid",
     .words = "is not the hash of the sealed file", PROVIDER_LIED},
    {IN(CACHE, climbs_out), .reason = "fetch", .words = "no file that may come has this name",
     PROVIDER_FAILED},
    {IN(CACHE, is_cut), .reason = "fetch", .words = "archive is cut short", PROVIDER_FAILED},
    {IN(CACHE, is_empty), .reason = "fetch", .words = "archive is cut short", PROVIDER_FAILED},
    {OF(CACHE, other_number), .reason = "replica-invalid",
     .words = "is not the hash of the sealed file", PROVIDER_LIED},
    {IN(CACHE, says_no), .http = 404, .reason = "fetch", .words = "the peer answered 404",
     PROVIDER_FAILED},
    {IN(CACHE, leaves_swapped), .large = true, .reason = "replica-invalid",
     .words = "node 7 is not the hash", PROVIDER_LIED},
    {IN(CACHE, twigs_swapped), .large = true, .reason = "replica-invalid",
     .words = "node 515 is not the hash", PROVIDER_LIED},
    {IN(CACHE, rows_swapped), .large = true, .reason = "replica-invalid",
     .words = "node 515 is not the hash", PROVIDER_LIED},
    {IN(CACHE, root_swapped), .large = true, .reason = "replica-invalid",
     .words = "node 583 is not the hash", PROVIDER_LIED},
    {IN(SEALED, far_nodes_are_swapped), .large = true, .reason = "replica-invalid",
     .words = "node 0 is not the hash", PROVIDER_LIED},
    {ALL_OF(other_number), .reason = "replica-invalid",
     .words = "was made for another sector or ticket", PROVIDER_LIED},
    {ALL_OF(other_ticket), .reason = "replica-invalid",
     .words = "was made for another sector or ticket", PROVIDER_LIED},
    {ALL_OF(other_miner), .reason = "replica-invalid",
     .words = "was made for another sector or ticket", PROVIDER_LIED},
    {ALL_OF(other_version), .reason = "replica-invalid",
     .words = "was made for another sector or ticket", PROVIDER_LIED},
    {IN(C1, c1_comm_r), .reason = "c1-invalid", .words = "CommR is not the hash", PROVIDER_LIED},
    {IN(C1, c1_comm_d), .reason = "c1-invalid", .words = "comm_d is not the root", PROVIDER_LIED},
    {IN(C1, c1_replica_id), .reason = "c1-invalid", .words = "replica id is another sector's",
     PROVIDER_LIED},
    {IN(C1, c1_seed), .reason = "c1-invalid", .words = "the seed is another one", PROVIDER_LIED},
    {IN(C1, c1_ticket), .reason = "c1-invalid", .words = "the ticket is another one",
     PROVIDER_LIED},
    {IN(C1, c1_label), .reason = "c1-invalid", .words = "a column does not hash to its leaf",
     PROVIDER_LIED},
    {IN(C1, c1_parent), .reason = "c1-invalid", .words = "a labelling parent is not its column's",
     PROVIDER_LIED},
    {IN(C1, c1_encoding), .reason = "c1-invalid", .words = "a labelling parent is not its column's",
     PROVIDER_LIED},
    {IN(C1, c1_data_root), .reason = "c1-invalid", .words = "proofs disagree about a root",
     PROVIDER_LIED},
    {IN(C1, c1_replica_root), .reason = "c1-invalid", .words = "proofs disagree about a root",
     PROVIDER_LIED},
    {IN(C1, c1_column_root), .reason = "c1-invalid", .words = "proofs disagree about a root",
     PROVIDER_LIED},
    {IN(C1, c1_hashes), .reason = "c1-invalid", .words = "the data path does not lead to CommD",
     PROVIDER_LIED},
    {IN(C1, c1_challenge), .reason = "c1-invalid", .words = "the column is not the challenge's",
     PROVIDER_LIED},
    {IN(C1, c1_proof_type), .reason = "c1-invalid", .words = "another seal proof than expected",
     PROVIDER_LIED},
    {IN(C1, c1_is_half), .reason = "c1-invalid", .words = "expected ,", PROVIDER_LIED},
    {IN(C1, c1_goes_on), .reason = "c1-invalid", .words = "bytes after the end", PROVIDER_LIED},
    {IN(C1, c1_is_an_object), .reason = "c1-invalid", .words = "expected {", PROVIDER_LIED},
    {IN(C1, c1_is_noise), .reason = "c1-invalid", .words = "expected {", PROVIDER_LIED},
    {IN(C1, c1_is_deep), .reason = "c1-invalid", .words = "expected {", PROVIDER_LIED},
    {IN(C1, is_empty), .reason = "c1", .words = "the answer is empty", PROVIDER_FAILED},
    {OF(C1, other_number), .reason = "c1-invalid", .words = "CommR is another sector's",
     PROVIDER_LIED},
    {.name = "C1 for another seed",
     .about = C1,
     .other_seed = true,
     .reason = "c1-invalid",
     .words = "the seed is another one",
     PROVIDER_LIED},
    {.name = "C1 without an end",
     .about = C1,
     .gigantic = true,
     .reason = "c1",
     .words = "longer than 256 MiB",
     PROVIDER_FAILED},
};

static void every_lie_is_found(void **state)
{
    (void)state;
    unsigned n = 0;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        if (WITH_LARGE || !lies[i].large) {
            tell_alone(&lies[i]);
            n++;
        }
    (void)printf("# %u lies\n", n);
}

static void an_honest_one_makes_it_good(void **state)
{
    (void)state;
    unsigned n = 0;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        if (lies[i].about != C1 && (WITH_LARGE || !lies[i].large)) {
            tell_beside_another(&lies[i]);
            n++;
        }
    static const lie endless = {IN_STATUS(is_never_done), .outcome = "stalled", .trusted = true};
    tell_beside_another(&endless);
    (void)printf("# %u lies\n", n + 1);
}

/* What may happen to an honest provider, or on the way: asked again, it is believed. */
static void misfortunes_are_forgiven(void **state)
{
    (void)state;
    static const lie list[] = {
        {IN(C1, c1_is_half), .times = 1},
        {IN(C1, c1_label), .times = 2},
        {IN(C1, is_empty), .times = 2},
        {.name = "C1 breaks off", .about = C1, .breaks_off = true, .times = 1},
        {.name = "C1 is busy", .about = C1, .http = 503, .times = 5},
        {.name = "C1 is too early", .about = C1, .http = 412, .times = 5},
        {.name = "C1 and an error", .about = C1, .http = 500, .times = 5},
        {IN(SEALED, is_flipped), .times = 1},
        {.name = "SEALED breaks off", .about = SEALED, .breaks_off = true, .times = 2},
        {.name = "SEALED is busy", .about = SEALED, .http = 503, .times = 2},
        {.name = "SEALED is not there yet", .about = SEALED, .http = 404, .times = 2},
        {IN(CACHE, p_aux_comm_c_flipped), .times = 1},
        {IN(CACHE, tree_flipped), .times = 1},
        {IN(CACHE, is_cut), .times = 3},
        {.name = "CACHE breaks off", .about = CACHE, .breaks_off = true, .times = 2},
        {IN(STATUS, is_a_page), .times = 20},
        {IN_STATUS(ticket_is_short), .times = 20},
        {.name = "STATUS breaks off", .about = STATUS, .breaks_off = true, .times = 3},
        {.name = "STATUS and a gateway", .about = STATUS, .http = 502, .times = 20},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char reason[32] = "";
        world *w = open_client();
        const uint64_t number = order_as_told(&list[i], w);
        if (world_failed(&w->client, number, reason))
            fail_msg("%s: failed for \"%s\"", list[i].name, reason);
        if (tellings != list[i].times)
            fail_msg("%s: told %u times", list[i].name, tellings);
        expect_text(&list[i], w, &read_enabled, "trusted");
        expect_text(&list[i], w, &read_outcome, "verified");
        expect_messages(&list[i], w, number, 1, 1);
        world_free(w);
    }
    (void)printf("# %zu misfortunes\n", sizeof list / sizeof *list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_truth_is_believed),
        cmocka_unit_test(every_lie_is_found),
        cmocka_unit_test(an_honest_one_makes_it_good),
        cmocka_unit_test(misfortunes_are_forgiven),
    };
    return cmocka_run_group_tests_name("liar", tests, open_all, close_all);
}
