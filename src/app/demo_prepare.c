/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The set-up of `selkie demo`. */
#include "app/demo_impl.h"

#include "app/progress.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/pool.h"
#include "codec/toml.h"
#include "net/certificate.h"
#include "proofs/params/params.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CERTIFICATE_MAX_BYTES (64u << 10)
#define CONFIG_MAX_BYTES (64u << 10)

static const char *const child_names[SLK_DEMO_CHILDREN] = {"devnet", "provider", "client"};

void slk_demo_say(const slk_demo *demo, const char *format, ...)
{
    if (demo->quiet)
        return;
    va_list args;
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)fflush(stdout);
}

static slk_err no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory for the demo");
}

/* ---- folders ---- */

static slk_err make_folders(slk_demo *demo, slk_error *error)
{
    for (unsigned i = 0; i < SLK_DEMO_CHILDREN; i++) {
        char log[32];
        (void)snprintf(log, sizeof log, "%s.log", child_names[i]);
        demo->folders[i] = slk_path_join(demo->folder, child_names[i]);
        demo->logs[i] = slk_path_join(demo->folder, log);
        if (!demo->folders[i] || !demo->logs[i])
            return no_memory(error);
        SLK_TRY(slk_folder_make(demo->folders[i], 0700, error));
    }
    return SLK_OK;
}

/* Self-signed certificates of both nodes, and one file that makes each trust the other. */
static slk_err make_certificates(slk_demo *demo, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf both;
    slk_buf_init(&both, CERTIFICATE_MAX_BYTES);
    for (unsigned i = SLK_DEMO_PROVIDER; i <= SLK_DEMO_CLIENT; i++) {
        SLK_TRY(slk_net_make_certificate(demo->folders[i], NULL, 0, error));
        SLK_CLEANUP(slk_freep)
        char *path = slk_path_join(demo->folders[i], SLK_CERTIFICATE_FILE);
        if (!path)
            return no_memory(error);
        SLK_TRY(slk_file_read_all(&both, path, error));
    }
    demo->trusted = slk_path_join(demo->folder, "trusted.pem");
    if (!demo->trusted)
        return no_memory(error);
    return slk_file_write_atomic(demo->trusted, both.data, both.len, 0644, error);
}

/* ---- parameters ---- */

static bool have_parameters(const slk_crypto *crypto, const char *folder,
                            const slk_sector_shape *shape)
{
    slk_params_status status;
    for (size_t i = 0; slk_params_status_at(&status, crypto, folder, i); i++)
        if (status.shape == shape)
            return status.have_params && status.bytes == status.expected_bytes;
    return false;
}

static slk_err generate(slk_demo *demo, const slk_crypto *crypto, slk_error *error)
{
    slk_pool *pool = NULL;
    slk_progress *progress = NULL;
    slk_job job;
    slk_job_init(&job);
    SLK_TRY(slk_pool_new(&pool, 0, error));
    slk_demo_say(demo,
                 "making development parameters for %s in %s, once\n"
                 "  (2 KiB: about a minute on two cores and 1.1 GB of disk)\n",
                 demo->shape->name, demo->parameters);
    slk_err code = slk_progress_start(&progress, &job, demo->quiet, error);
    if (code == SLK_OK)
        code = slk_params_generate(NULL, crypto, pool, demo->parameters, demo->shape,
                                   SLK_PARAMS_DEVELOPMENT_LABEL, &job, error);
    const slk_progress_summary summary = slk_progress_stop(progress);
    slk_pool_free(pool);
    if (code == SLK_OK)
        slk_demo_say(demo, "parameters made in %.1f s, peak memory %.0f MiB\n", summary.seconds,
                     (double)summary.peak_anon_bytes / (1 << 20));
    return code;
}

static slk_err make_parameters(slk_demo *demo, slk_error *error)
{
    SLK_TRY(slk_params_folder(&demo->parameters, getenv("FIL_PROOFS_PARAMETER_CACHE"), demo->folder,
                              error));
    slk_crypto *crypto = NULL;
    SLK_TRY(slk_crypto_new(&crypto, getenv("SELKIE_CPU"), error));
    slk_err code = SLK_OK;
    if (!have_parameters(crypto, demo->parameters, demo->shape))
        code = generate(demo, crypto, error);
    slk_crypto_free(crypto);
    return code;
}

/* ---- configurations ---- */

static slk_err write_config(const slk_demo *demo, unsigned which, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(demo->folders[which], SLK_CONFIG_FILE);
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, CONFIG_MAX_BYTES);
    if (!path ||
        slk_buf_printf(&text,
                       "# Written by `selkie demo`. `selkie init` writes one with every option.\n"
                       "[Subsystems]\n%s = true\n\n[Network]\nDevelopment = true\n",
                       which == SLK_DEMO_CLIENT ? "EnableRemoteSealClient"
                                                : "EnableRemoteSealProvider") != SLK_OK)
        return no_memory(error);
    if (which == SLK_DEMO_CLIENT && slk_buf_printf(&text, "ChainApiInfoFile = \"%s/api-info\"\n",
                                                   demo->folders[SLK_DEMO_DEVNET]) != SLK_OK)
        return no_memory(error);
    if (slk_buf_printf(&text,
                       "\n[HTTP]\nListenAddress = \"127.0.0.1:%u\"\n\n"
                       "[Remote]\nTrustedCertificates = \"%s\"\n\n"
                       "[Provider]\nSealProofs = [%" PRId64 "]\nCapacity = %u\n\n"
                       "[Client]\nPollInterval = \"2s\"\nSeedMargin = 1\n\n"
                       "[Proofs]\nParametersFolder = \"%s\"\n",
                       (unsigned)demo->ports[which], demo->trusted, demo->seal_proof,
                       SLK_DEMO_SECTORS_MAX, demo->parameters) != SLK_OK)
        return no_memory(error);
    return slk_file_write_atomic(path, text.data, text.len, 0600, error);
}

/* The port an earlier demo in this folder had, so that its connect strings stay true; 0 none. */
static uint16_t old_port(const slk_demo *demo, unsigned which)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(demo->folders[which], "port");
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, 16);
    uint64_t port = 0;
    if (!path || slk_file_read_all(&text, path, NULL) != SLK_OK ||
        slk_parse_u64(&port, slk_buf_str(&text)) != SLK_OK || port > UINT16_MAX)
        return 0;
    return (uint16_t)port;
}

static slk_err pick_ports(slk_demo *demo, slk_error *error)
{
    for (unsigned i = 0; i < SLK_DEMO_CHILDREN; i++) {
        demo->ports[i] = old_port(demo, i);
        if (demo->ports[i] != 0)
            continue;
        SLK_TRY(slk_free_port(&demo->ports[i], error));
        char text[8];
        (void)snprintf(text, sizeof text, "%u", (unsigned)demo->ports[i]);
        SLK_CLEANUP(slk_freep) char *path = slk_path_join(demo->folders[i], "port");
        if (!path)
            return no_memory(error);
        SLK_TRY(slk_file_write_atomic(path, text, strlen(text), 0600, error));
    }
    (void)snprintf(demo->listen, sizeof demo->listen, "127.0.0.1:%u",
                   (unsigned)demo->ports[SLK_DEMO_DEVNET]);
    return SLK_OK;
}

static void fill_children(slk_demo *demo)
{
    demo->children[SLK_DEMO_DEVNET] = (slk_child){
        .argv = {"selkie", "devnet", "run", "--repo", demo->folders[SLK_DEMO_DEVNET], "--listen",
                 demo->listen, "--epoch", "200ms", "--sector-size", demo->shape->name}};
    for (unsigned i = SLK_DEMO_PROVIDER; i <= SLK_DEMO_CLIENT; i++)
        demo->children[i] = (slk_child){.argv = {"selkie", "run", "--repo", demo->folders[i]}};
    for (unsigned i = 0; i < SLK_DEMO_CHILDREN; i++) {
        demo->children[i].name = child_names[i];
        demo->children[i].log = demo->logs[i];
    }
}

slk_err slk_demo_prepare(slk_demo *demo, slk_error *error)
{
    SLK_TRY(make_folders(demo, error));
    SLK_TRY(make_parameters(demo, error));
    SLK_TRY(make_certificates(demo, error));
    SLK_TRY(pick_ports(demo, error));
    for (unsigned i = SLK_DEMO_PROVIDER; i <= SLK_DEMO_CLIENT; i++) {
        SLK_TRY(write_config(demo, i, error));
        SLK_TRY(slk_repo_init(demo->folders[i], error));
    }
    fill_children(demo);
    return SLK_OK;
}

void slk_demo_done(slk_demo *demo)
{
    slk_node_close(demo->provider);
    slk_node_close(demo->client);
    for (unsigned i = 0; i < SLK_DEMO_CHILDREN; i++) {
        slk_free(demo->folders[i]);
        slk_free(demo->logs[i]);
    }
    slk_free(demo->folder);
    slk_free(demo->parameters);
    slk_free(demo->trusted);
    *demo = (slk_demo){0};
}
