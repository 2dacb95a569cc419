/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/repo.h"

#include "app/lock.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "net/certificate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_MAX_BYTES (64u << 10)
#define SMALL_FILE_MAX_BYTES 1024u
#define NODE_FILE "node"

static slk_err no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory for the repository");
}

char *slk_repo_path(const slk_repo *repo, const char *name, const char *configured)
{
    if (configured && *configured)
        return slk_strdup(configured);
    return slk_path_join(repo->folder, name);
}

/* ---- making ---- */

static slk_err write_config(const char *folder, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, SLK_CONFIG_FILE);
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, CONFIG_MAX_BYTES);
    if (!path || slk_config_print_default(&text) != SLK_OK)
        return no_memory(error);
    if (slk_file_exists(path))
        return SLK_OK;
    return slk_file_write_atomic(path, text.data, text.len, 0600, error);
}

static slk_err write_name(const char *folder, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, NODE_FILE);
    if (!path)
        return no_memory(error);
    if (slk_file_exists(path))
        return SLK_OK;
    uint8_t random[4];
    char name[SLK_REPO_NAME_CHARS] = "node-";
    slk_rng_fill(random, sizeof random);
    slk_hex_encode(name + 5, random, sizeof random);
    strcat(name, "\n");
    return slk_file_write_atomic(path, name, strlen(name), 0644, error);
}

slk_err slk_repo_init(const char *folder, slk_error *error)
{
    SLK_TRY(slk_folder_make(folder, 0700, error));
    SLK_TRY(write_config(folder, error));
    return write_name(folder, error);
}

/* ---- looking ---- */

/* The variable of the environment that names exactly this folder; NULL none. */
static const char *named_by(const char *folder)
{
    static const char *const names[] = {"SELKIE_PATH", "LOTUS_MINER_PATH", "LOTUS_STORAGE_PATH"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && strcmp(value, folder) == 0)
            return names[i];
    }
    return NULL;
}

slk_err slk_repo_check(const char *folder, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *node = slk_path_join(folder, NODE_FILE);
    if (!node)
        return no_memory(error);
    if (slk_file_exists(node))
        return SLK_OK;
    const char *variable = named_by(folder);
    return slk_fail(
        error, SLK_E_NOTFOUND,
        slk_file_exists(folder)
            ? "the folder %s%s%s%s is no repository of a node; `selkie init --repo %s` "
              "makes it one"
            : "there is no folder %s%s%s%s: name the node's, or `selkie init --repo %s` "
              "makes one",
        folder, variable ? " (of " : "", variable ? variable : "", variable ? ")" : "", folder);
}

slk_err slk_repo_no_node(const char *folder, slk_error *error)
{
    slk_lock_holder holder = {0};
    SLK_TRY(slk_repo_check(folder, error));
    SLK_TRY(slk_lock_look(&holder, folder, error));
    if (holder.serving)
        return slk_fail(error, SLK_E_NOTFOUND,
                        "the node in %s takes no workers; ListenAddress of [API] in its %s says "
                        "where it shall",
                        folder, SLK_CONFIG_FILE);
    if (holder.pid)
        return slk_fail(
            error, SLK_E_NOTFOUND,
            "the node in %s is still starting; `selkie wait-api --repo %s` waits for it", folder,
            folder);
    return slk_fail(error, SLK_E_NOTFOUND, "no node runs in %s; `selkie run --repo %s` starts it",
                    folder, folder);
}

/* ---- opening ---- */

/* First line of a small file into out. */
static slk_err read_line(char *out, size_t size, const slk_repo *repo, const char *name,
                         slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(repo->folder, name);
    if (!path)
        return no_memory(error);
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SMALL_FILE_MAX_BYTES);
    SLK_TRY(slk_file_read_all(&text, path, error));
    const size_t n = strcspn(slk_buf_str(&text), "\n");
    if (n == 0 || n >= size)
        return slk_fail(error, SLK_E_CORRUPT, "%s is damaged", path);
    memcpy(out, slk_buf_str(&text), n);
    out[n] = 0;
    return SLK_OK;
}

static slk_err open_into(slk_repo *repo, const char *folder, const char *config_file, bool lock,
                         slk_error *error)
{
    char real[PATH_MAX];
    SLK_TRY(slk_repo_check(folder, error));
    if (!realpath(folder, real))
        return slk_fail_errno(error, errno, "cannot use the folder %s", folder);
    repo->folder = slk_strdup(real);
    if (!repo->folder)
        return no_memory(error);
    SLK_TRY(read_line(repo->name, sizeof repo->name, repo, NODE_FILE, error));
    SLK_CLEANUP(slk_freep) char *path = slk_repo_path(repo, SLK_CONFIG_FILE, config_file);
    if (!path)
        return no_memory(error);
    SLK_TRY(slk_config_read(&repo->config, path, error));
    return lock ? slk_lock_take(&repo->lock_fd, repo->folder, error) : SLK_OK;
}

slk_err slk_repo_open(slk_repo *ret_repo, const char *folder, const char *config_file, bool lock,
                      slk_error *error)
{
    slk_repo repo = {.lock_fd = -1};
    const slk_err code = open_into(&repo, folder, config_file, lock, error);
    if (code != SLK_OK) {
        slk_repo_done(&repo);
        return code;
    }
    *ret_repo = repo;
    return SLK_OK;
}

void slk_repo_done(slk_repo *repo)
{
    if (!repo->folder)
        return;
    slk_free(repo->folder);
    repo->folder = NULL;
    slk_config_done(&repo->config);
    if (repo->lock_fd >= 0)
        (void)close(repo->lock_fd);
    repo->lock_fd = -1;
}

/* ---- the URL ---- */

static char *url_of(const slk_config *config, const char *host_port)
{
    return slk_strf("%s://%s", config->delegate_tls ? "http" : "https", host_port);
}

static char *without_slashes(const char *text)
{
    char *url = slk_strdup(text);
    size_t n = url ? strlen(url) : 0;
    while (n > 0 && url[n - 1] == '/')
        url[--n] = 0;
    return url;
}

static bool listens_everywhere(const slk_config *config)
{
    return config->listen[0] == ':' || strncmp(config->listen, "0.0.0.0:", 8) == 0 ||
           strncmp(config->listen, "[::]:", 5) == 0;
}

/* ListenAddress with the port that was really given. */
static char *listen_url(const slk_config *config, uint16_t port)
{
    const char *colon = strrchr(config->listen, ':');
    char host_port[256];
    (void)snprintf(host_port, sizeof host_port, "%.*s:%u",
                   colon ? (int)(colon - config->listen) : (int)strlen(config->listen),
                   config->listen, (unsigned)port);
    return url_of(config, host_port);
}

slk_err slk_repo_node_url(char **ret_url, const slk_repo *repo, uint16_t port, slk_error *error)
{
    const slk_config *config = &repo->config;
    char host[HOST_NAME_MAX + 1], host_port[HOST_NAME_MAX + 8];
    char *url = NULL;
    if (*config->node_url) {
        url = without_slashes(config->node_url);
    } else if (listens_everywhere(config)) {
        if (gethostname(host, sizeof host) != 0)
            return slk_fail_errno(error, errno, "this machine's name cannot be read: set NodeURL");
        (void)snprintf(host_port, sizeof host_port, "%s:%u", host, (unsigned)port);
        url = url_of(config, host_port);
    } else {
        url = listen_url(config, port);
    }
    if (!url)
        return no_memory(error);
    *ret_url = url;
    return SLK_OK;
}

slk_err slk_repo_url(char **ret_url, const slk_repo *repo, slk_error *error)
{
    const slk_config *config = &repo->config;
    char served[256];
    char *url = NULL;
    if (*config->external_url) {
        url = without_slashes(config->external_url);
    } else if (*config->domain_name) {
        url = slk_strf("https://%s", config->domain_name);
    } else if (listens_everywhere(config)) {
        return slk_fail(error, SLK_E_INVAL,
                        "peers cannot be told where this node is: set DomainName or ExternalURL in "
                        "[HTTP]");
    } else if (read_line(served, sizeof served, repo, "url", NULL) == SLK_OK) {
        url = slk_strdup(served);
    } else {
        url = url_of(config, config->listen);
    }
    if (!url)
        return no_memory(error);
    *ret_url = url;
    return SLK_OK;
}

slk_err slk_repo_note_url(const slk_repo *repo, uint16_t port, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *url = listen_url(&repo->config, port);
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(repo->folder, "url");
    if (!url || !path)
        return no_memory(error);
    return slk_file_write_atomic(path, url, strlen(url), 0644, error);
}

/* ---- TLS ---- */

void slk_repo_host(char *out, size_t size, const char *url)
{
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    size_t n = 0;
    if (*start == '[') {
        start++;
        n = strcspn(start, "]");
    } else {
        n = strcspn(start, ":/");
    }
    (void)snprintf(out, size, "%.*s", (int)n, start);
}

slk_err slk_repo_certificate(const slk_repo *repo, slk_error *error)
{
    const slk_config *config = &repo->config;
    if (config->delegate_tls || *config->certificate_file)
        return SLK_OK;
    char host[256] = "";
    slk_repo_host(host, sizeof host,
                  *config->external_url  ? config->external_url
                  : *config->domain_name ? config->domain_name
                                         : config->listen);
    const char *const names[] = {host};
    return slk_net_make_certificate(repo->folder, names, *host ? 1 : 0, error);
}
