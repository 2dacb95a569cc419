/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* transfer_bench FOLDER [MIB]: a file of MIB (1024) MiB in FOLDER goes over TLS on loopback. Printed as
 * JSON: the server's processor time for what the curl command receives, curl's own, and that of a
 * fetch with its hashes checked; then the memory of a thousand idle connections.
 *
 * Processor time rather than the clock, since both ends share the machine. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/certificate.h"
#include "net/client.h"
#include "net/server.h"
#include "transfer/fetch.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define IDLE 1000

typedef struct bench {
    char file[256], dest[256], certificate[256], key[256], manifest_path[256], url[64];
    uint64_t bytes;
    uint16_t port;
    pid_t server;
    int done; /* closing it ends the server, which then prints its time */
    int report; /* where it does */
} bench;

static void die(const char *what, const slk_error *error)
{
    (void)fprintf(stderr, "%s: %s\n", what, error ? error->message : "failed");
    exit(1);
}

static double cpu_seconds(int who)
{
    struct rusage u;
    (void)getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static slk_err serve_file(void *context, slk_http_exchange *x, slk_error *error)
{
    const bench *b = context;
    return slk_http_reply_file(x, b->file, "application/octet-stream", "\"bench\"", error);
}

/* ---- the server, a process of its own ---- */

static void serve(bench *b, int port_fd, int done_fd, int report_fd)
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
    if (slk_http_server_new(&server, &options, &error) != SLK_OK)
        die("server", &error);
    const uint16_t port = slk_http_server_port(server);
    if (write(port_fd, &port, sizeof port) != (ssize_t)sizeof port)
        die("pipe", NULL);
    char byte;
    while (read(done_fd, &byte, 1) > 0) {
        const double cpu = cpu_seconds(RUSAGE_SELF);
        if (write(report_fd, &cpu, sizeof cpu) != (ssize_t)sizeof cpu)
            break;
    }
    slk_http_server_free(server);
    exit(0);
}

static void start_server(bench *b)
{
    int port[2], done[2], report[2];
    if (pipe(port) != 0 || pipe(done) != 0 || pipe(report) != 0)
        die("pipe", NULL);
    b->server = fork();
    if (b->server == 0) {
        (void)close(done[1]);
        serve(b, port[1], done[0], report[1]);
    }
    (void)close(done[0]);
    if (read(port[0], &b->port, sizeof b->port) != (ssize_t)sizeof b->port)
        die("server", NULL);
    b->done = done[1];
    b->report = report[0];
    (void)snprintf(b->url, sizeof b->url, "https://127.0.0.1:%u/file", b->port);
}

static double server_cpu(const bench *b)
{
    double cpu = 0;
    if (write(b->done, "?", 1) != 1 || read(b->report, &cpu, sizeof cpu) != (ssize_t)sizeof cpu)
        die("server", NULL);
    return cpu;
}

/* ---- what is measured ---- */

static void make_files(bench *b, const slk_crypto *crypto)
{
    slk_error error = {0};
    FILE *f = fopen(b->file, "wb");
    static uint64_t block[1 << 17];
    uint64_t x = 1;
    for (uint64_t at = 0; f && at < b->bytes; at += sizeof block) {
        for (size_t i = 0; i < sizeof block / 8; i++)
            block[i] = x = x * UINT64_C(6364136223846793005) + 1;
        if (fwrite(block, sizeof block, 1, f) != 1)
            die(b->file, NULL);
    }
    if (!f || fclose(f) != 0)
        die(b->file, NULL);
    const slk_manifest_subject subject = {.file_bytes = b->bytes};
    if (slk_manifest_make(b->manifest_path, &subject, b->file, crypto, NULL, &error) != SLK_OK)
        die("manifest", &error);
}

static void run_curl(const bench *b, double *ret_cpu, double *ret_seconds)
{
    const double before = cpu_seconds(RUSAGE_CHILDREN);
    const int64_t start = slk_clock_monotonic_ms();
    const pid_t pid = fork();
    if (pid == 0) {
        (void)execlp("curl", "curl", "-s", "--cacert", b->certificate, "-o", b->dest, b->url,
                     (char *)NULL);
        _exit(127);
    }
    int status = 0;
    (void)waitpid(pid, &status, 0);
    if (status != 0)
        die("curl", NULL);
    *ret_cpu = cpu_seconds(RUSAGE_CHILDREN) - before;
    *ret_seconds = (double)(slk_clock_monotonic_ms() - start) / 1000;
    (void)unlink(b->dest);
}

static void run_fetch(const bench *b, const slk_crypto *crypto, unsigned connections,
                      double *ret_cpu, double *ret_seconds)
{
    slk_error error = {0};
    slk_manifest manifest = {0};
    slk_http_client *client = NULL;
    const slk_manifest_subject subject = {.file_bytes = b->bytes};
    const slk_http_client_options options = {.ca_file = b->certificate};
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, SLK_MANIFEST_MAX_BYTES);
    if (slk_file_read_all(&bytes, b->manifest_path, &error) != SLK_OK ||
        slk_manifest_read(&manifest, bytes.data, bytes.len, &subject, crypto, &error) != SLK_OK ||
        slk_http_client_new(&client, &options, &error) != SLK_OK)
        die("fetch", &error);
    const slk_fetch_from from = {
        .client = client, .url = b->url, .connections = connections, .manifest = &manifest};
    const double before = cpu_seconds(RUSAGE_SELF);
    const int64_t start = slk_clock_monotonic_ms();
    if (slk_fetch_file(&from, b->dest, b->bytes, NULL, &error) != SLK_OK)
        die("fetch", &error);
    *ret_cpu = cpu_seconds(RUSAGE_SELF) - before;
    *ret_seconds = (double)(slk_clock_monotonic_ms() - start) / 1000;
    slk_http_client_free(client);
    slk_manifest_done(&manifest);
    (void)unlink(b->dest);
}

static long resident_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (f)
        (void)fclose(f);
    return kib;
}

static gnutls_session_t open_idle(const bench *b, gnutls_certificate_credentials_t credentials)
{
    gnutls_session_t session;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(b->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) != 0)
        die("connect", NULL);
    (void)gnutls_init(&session, GNUTLS_CLIENT);
    (void)gnutls_set_default_priority(session);
    (void)gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_int(session, fd);
    if (gnutls_handshake(session) != 0)
        die("handshake", NULL);
    return session;
}

/* KiB of the server for each of IDLE connections after their handshake. */
static double idle_kib(const bench *b)
{
    gnutls_certificate_credentials_t credentials;
    (void)gnutls_certificate_allocate_credentials(&credentials);
    static gnutls_session_t sessions[IDLE];
    const long before = resident_kib(b->server);
    for (size_t i = 0; i < IDLE; i++)
        sessions[i] = open_idle(b, credentials);
    const double each = (double)(resident_kib(b->server) - before) / IDLE;
    for (size_t i = 0; i < IDLE; i++)
        gnutls_deinit(sessions[i]);
    gnutls_certificate_free_credentials(credentials);
    return each;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        die("usage: transfer_bench FOLDER [MIB]", NULL);
    bench b = {.bytes = (argc > 2 ? strtoull(argv[2], NULL, 10) : 1024) << 20};
    (void)snprintf(b.file, sizeof b.file, "%s/file", argv[1]);
    (void)snprintf(b.dest, sizeof b.dest, "%s/dest", argv[1]);
    (void)snprintf(b.certificate, sizeof b.certificate, "%s/tls.crt", argv[1]);
    (void)snprintf(b.key, sizeof b.key, "%s/tls.key", argv[1]);
    (void)snprintf(b.manifest_path, sizeof b.manifest_path, "%s/manifest", argv[1]);
    slk_error error = {0};
    slk_crypto *crypto = NULL;
    if (slk_crypto_new(&crypto, NULL, &error) != SLK_OK ||
        slk_net_make_certificate(argv[1], NULL, 0, &error) != SLK_OK)
        die("start", &error);
    make_files(&b, crypto);
    start_server(&b);
    const double gbit = (double)b.bytes * 8e-9;
    double curl_cpu, curl_s, one_cpu, one_s, four_cpu, four_s;
    run_curl(&b, &curl_cpu, &curl_s); /* the file is in memory from here on */
    const double before = server_cpu(&b);
    run_curl(&b, &curl_cpu, &curl_s);
    const double sent = server_cpu(&b) - before;
    run_fetch(&b, crypto, 1, &one_cpu, &one_s);
    run_fetch(&b, crypto, 4, &four_cpu, &four_s);
    const double idle = idle_kib(&b);
    (void)printf("{\"mib\":%llu,\"sent_gbit_per_cpu_second\":%.2f,"
                 "\"curl_gbit_per_cpu_second\":%.2f,\"curl_seconds\":%.2f,"
                 "\"fetch_1_gbit_per_cpu_second\":%.2f,\"fetch_1_seconds\":%.2f,"
                 "\"fetch_4_gbit_per_cpu_second\":%.2f,\"fetch_4_seconds\":%.2f,"
                 "\"idle_connection_kib\":%.1f}\n",
                 (unsigned long long)(b.bytes >> 20), gbit / sent, gbit / curl_cpu, curl_s,
                 gbit / one_cpu, one_s, gbit / four_cpu, four_s, idle);
    (void)close(b.done);
    (void)waitpid(b.server, NULL, 0);
    (void)unlink(b.file);
    (void)unlink(b.manifest_path);
    slk_crypto_free(crypto);
    return 0;
}
