/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A repository: the folder (0700) that holds everything of one node.
 *
 *   config.toml    options, written once with every default commented
 *   node           this node's name, random, stays for life
 *   secret.key     wraps tokens in the database (0600)
 *   selkie.db      the database
 *   lock           held by the running node: two nodes never share a repository (lock.h)
 *   selkie.log     its log, with selkie.log.1 and so on; log-level: what `selkie log set-level` set
 *   tls.crt, tls.key   self-signed pair, when none is configured
 *   url            where the running node serves, for the commands
 *   scratch/, storage/   sectors being sealed, finished sectors */
#ifndef SLK_APP_REPO_H
#define SLK_APP_REPO_H

#include "app/config.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define SLK_REPO_NAME_CHARS 32u

typedef struct slk_repo {
    char *folder; /* absolute */
    char name[SLK_REPO_NAME_CHARS]; /* of the node */
    slk_config config;
    int lock_fd; /* -1: not held */
} slk_repo;

/* Makes what is missing: folder, config.toml, node. An existing repository stays as it is. */
SLK_MUST_CHECK slk_err slk_repo_init(const char *folder, slk_error *error);

/* SLK_E_NOTFOUND: folder is no repository, or not there at all; the sentence says which, the variable of the
 * environment that names it, and what to do. */
SLK_MUST_CHECK slk_err slk_repo_check(const char *folder, slk_error *error);

/* Why nobody serves workers from the folder, when nobody was found there: it is no repository, no node runs
 * on it, one is still starting, or its [API] is off; each with what to do. Never SLK_OK. */
SLK_MUST_CHECK slk_err slk_repo_no_node(const char *folder, slk_error *error);

/* Reads name and configuration (config_file NULL: the repository's own). lock: hold it until
 * _done; SLK_E_BUSY when another process does. SLK_E_NOTFOUND when folder is no repository. */
SLK_MUST_CHECK slk_err slk_repo_open(slk_repo *ret_repo, const char *folder,
                                     const char *config_file, bool lock, slk_error *error);
void slk_repo_done(slk_repo *repo); /* idempotent; gives the lock back */

/* "<folder>/<name>" on the heap; a configured text instead when it is not "". NULL when out of
 * memory. */
char *slk_repo_path(const slk_repo *repo, const char *name, const char *configured) SLK_MUST_CHECK;

/* The base URL peers reach this node at: ExternalURL, else https://<DomainName>, else what the node
 * last served under, else from ListenAddress. Heap, without a slash at the end. SLK_E_INVAL when it cannot be known. */
SLK_MUST_CHECK slk_err slk_repo_url(char **ret_url, const slk_repo *repo, slk_error *error);
/* The URL other nodes of the database reach this one at: NodeURL, else from ListenAddress and the port
 * it serves on, with the machine's name where it listens on every address. Heap, without a slash at the
 * end. */
SLK_MUST_CHECK slk_err slk_repo_node_url(char **ret_url, const slk_repo *repo, uint16_t port,
                                         slk_error *error);
/* The host of a URL or of "host:port", without brackets, port and path; cut to size. */
void slk_repo_host(char *out, size_t size, const char *url);
/* Makes the self-signed pair tls.crt and tls.key for the host peers reach us at, unless there is one,
 * or the configuration names another or leaves TLS to a proxy. */
SLK_MUST_CHECK slk_err slk_repo_certificate(const slk_repo *repo, slk_error *error);
/* Notes where the node serves: file "url". */
SLK_MUST_CHECK slk_err slk_repo_note_url(const slk_repo *repo, uint16_t port, slk_error *error);

#endif
