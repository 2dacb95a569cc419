/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The two ends of a transfer over TLS on loopback, for bench/figures.py. In FOLDER lie `sealed`, a sealed
 * file, and with it `cache`, where its tree-r-last and p_aux are.
 *
 *   transfer_bench make FOLDER
 *     makes certificate, key and manifest beside them.
 *   transfer_bench serve FOLDER
 *     serves the file as /file; prints {"port"}, and then for each line it reads what it has used:
 *     {"cpu_seconds","resident_kib"}.
 *   transfer_bench receive FOLDER PORT CONNECTIONS fetch|check|both
 *     fetches the file to FOLDER/dest with its hashes checked, checks the replica in FOLDER, or both at
 *     once, the replica checked as it arrives; prints {"seconds","cpu_seconds","received_bytes"}. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/certificate.h"
#include "net/client.h"
#include "net/server.h"
#include "proofs/vanilla/seal.h"
#include "transfer/fetch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct bench {
    char *sealed, *cache, *dest, *certificate, *key, *manifest; /* paths */
    slk_crypto *crypto;
    uint64_t bytes;
} bench;

static void must(slk_err code, const slk_error *error)
{
    if (code == SLK_OK)
        return;
    (void)fprintf(stderr, "%s\n", slk_error_text(error, code));
    exit(1);
}

static char *in_folder(const char *folder, const char *name)
{
    char *path = slk_path_join(folder, name);
    slk_assert(path != NULL);
    return path;
}

static void init(bench *b, const char *folder)
{
    slk_error error = {0};
    b->sealed = in_folder(folder, "sealed");
    b->cache = in_folder(folder, "cache");
    b->dest = in_folder(folder, "dest");
    b->certificate = in_folder(folder, "tls.crt");
    b->key = in_folder(folder, "tls.key");
    b->manifest = in_folder(folder, "manifest");
    must(slk_file_size(&b->bytes, b->sealed, &error), &error);
    must(slk_crypto_new(&b->crypto, NULL, &error), &error);
}

static void done(bench *b)
{
    slk_free(b->sealed);
    slk_free(b->cache);
    slk_free(b->dest);
    slk_free(b->certificate);
    slk_free(b->key);
    slk_free(b->manifest);
    slk_crypto_free(b->crypto);
}

static double cpu_seconds(void)
{
    struct rusage u;
    slk_assert(getrusage(RUSAGE_SELF, &u) == 0);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* ---- make ---- */

static void make(const bench *b, const char *folder)
{
    slk_error error = {0};
    const slk_manifest_subject subject = {.file_bytes = b->bytes};
    must(slk_net_make_certificate(folder, NULL, 0, &error), &error);
    must(slk_manifest_make(b->manifest, &subject, b->sealed, b->crypto, NULL, &error), &error);
}

/* ---- serve ---- */

static slk_err serve_file(void *context, slk_http_exchange *x, slk_error *error)
{
    const bench *b = context;
    return slk_http_reply_file(x, b->sealed, "application/octet-stream", "\"bench\"", error);
}

static long resident_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (f)
        (void)fclose(f);
    return kib;
}

static void serve(bench *b)
{
    const slk_http_route route = {
        .method = "GET", .path = "/file", .handler = serve_file, .context = b};
    const slk_http_server_options options = {.listen = "127.0.0.1:0",
                                             .certificate_file = b->certificate,
                                             .key_file = b->key,
                                             .routes = &route,
                                             .n_routes = 1,
                                             .max_connections_per_address = 1500,
                                             .request_burst = 100000};
    slk_http_server *server = NULL;
    slk_error error = {0};
    char line[16];
    must(slk_http_server_new(&server, &options, &error), &error);
    (void)printf("{\"port\":%u}\n", slk_http_server_port(server));
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        (void)printf("{\"cpu_seconds\":%.6f,\"resident_kib\":%ld}\n", cpu_seconds(),
                     resident_kib());
        (void)fflush(stdout);
    }
    slk_http_server_free(server);
}

/* ---- receive ---- */

typedef struct receiver {
    const bench *b;
    const char *port;
    unsigned connections;
    slk_gate gate; /* bytes of the file that have arrived */
    uint64_t received_bytes;
} receiver;

static void read_manifest(slk_manifest *ret_manifest, const bench *b)
{
    slk_error error = {0};
    const slk_manifest_subject subject = {.file_bytes = b->bytes};
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, SLK_MANIFEST_MAX_BYTES);
    must(slk_file_read_all(&bytes, b->manifest, &error), &error);
    must(slk_manifest_read(ret_manifest, bytes.data, bytes.len, &subject, b->crypto, &error),
         &error);
}

static void fetch(receiver *r)
{
    const bench *b = r->b;
    slk_error error = {0};
    slk_manifest manifest = {0};
    slk_http_client *client = NULL;
    char url[64];
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%s/file", r->port);
    const slk_http_client_options options = {.ca_file = b->certificate};
    read_manifest(&manifest, b);
    must(slk_http_client_new(&client, &options, &error), &error);
    const slk_fetch_from from = {.client = client,
                                 .url = url,
                                 .connections = r->connections,
                                 .manifest = &manifest,
                                 .arrived = &r->gate};
    must(slk_fetch_file(&from, b->dest, b->bytes, NULL, &error), &error);
    r->received_bytes = slk_counter_read(&slk_http_client_get_counts(client)->received_bytes);
    slk_http_client_free(client);
    slk_manifest_done(&manifest);
}

static void check(const bench *b, const char *sealed, slk_gate *arriving)
{
    slk_error error = {0};
    static const uint8_t no_porep_id[32];
    slk_check_replica_request request = {
        .env = {.crypto = b->crypto}, .sealed = sealed, .cache = b->cache, .arriving = arriving};
    const slk_sector_shape *shape = slk_sector_shape_of(b->bytes);
    must(shape ? SLK_OK : slk_fail(&error, SLK_E_INVAL, "%s has no sector's size", b->sealed),
         &error);
    slk_seal_proof_custom(&request.proof, shape, no_porep_id, SLK_API_1_1, SLK_FEATURE_NONE);
    must(slk_pool_new(&request.env.pool, 0, &error), &error);
    must(slk_check_replica(&request, &error), &error);
    slk_pool_free(request.env.pool);
}

static void *check_arriving(void *context)
{
    receiver *r = context;
    SLK_CLEANUP(slk_freep) char *temp = slk_strf("%s.tmp", r->b->dest);
    slk_assert(temp != NULL);
    check(r->b, temp, &r->gate);
    return NULL;
}

static void both(receiver *r)
{
    pthread_t thread;
    slk_assert(pthread_create(&thread, NULL, check_arriving, r) == 0);
    fetch(r);
    slk_assert(pthread_join(thread, NULL) == 0);
}

static void receive(const bench *b, char **argv)
{
    receiver r = {.b = b, .port = argv[0], .connections = (unsigned)atoi(argv[1])};
    slk_gate_init(&r.gate);
    const double cpu = cpu_seconds();
    const uint64_t start = slk_clock_monotonic_ns();
    if (strcmp(argv[2], "fetch") == 0)
        fetch(&r);
    else if (strcmp(argv[2], "check") == 0)
        check(b, b->sealed, NULL);
    else
        both(&r);
    (void)printf("{\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"received_bytes\":%llu}\n",
                 1e-9 * (double)(slk_clock_monotonic_ns() - start), cpu_seconds() - cpu,
                 (unsigned long long)r.received_bytes);
    slk_gate_done(&r.gate);
    (void)unlink(b->dest);
}

int main(int argc, char **argv)
{
    bench b = {0};
    if (argc < 3 || (strcmp(argv[1], "receive") == 0 && argc < 6)) {
        (void)fprintf(stderr, "usage: transfer_bench make|serve|receive FOLDER …\n");
        return 2;
    }
    init(&b, argv[2]);
    if (strcmp(argv[1], "make") == 0)
        make(&b, argv[2]);
    else if (strcmp(argv[1], "serve") == 0)
        serve(&b);
    else
        receive(&b, argv + 3);
    done(&b);
    return 0;
}
