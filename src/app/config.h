/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* config.toml of a node: one table row per key, from which reading, checking, defaults, the
 * environment's names and the commented default file all follow.
 *
 * Every key may be overridden by SELKIE_<SECTION>_<KEY> in capitals (SELKIE_HTTP_LISTENADDRESS).
 * An unknown key, a wrong type or a value out of bounds is an error with file and line. */
#ifndef SLK_APP_CONFIG_H
#define SLK_APP_CONFIG_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_CONFIG_FILE "config.toml"
#define SLK_CONFIG_NUMBERS_MAX 20u

typedef struct slk_config_numbers {
    size_t n;
    int64_t value[SLK_CONFIG_NUMBERS_MAX];
} slk_config_numbers;

/* Texts are heap, "" when unset. Times are milliseconds. */
typedef struct slk_config {
    /* [Node] */
    char *role; /* provider, client, both or "" */
    char *log_level;
    /* [Network] */
    bool development;
    char *chain_api_info; /* secret */
    char *chain_api_info_file;
    char *precommit_max_fee; /* attoFIL */
    char *commit_max_fee;
    /* [HTTP] */
    char *listen;
    char *external_url;
    bool delegate_tls;
    char *certificate_file;
    char *key_file;
    /* [Remote] */
    char *trusted_certificates;
    bool allow_plain_http;
    int64_t connections;
    /* [Provider] */
    slk_config_numbers seal_proofs;
    int64_t capacity_sectors;
    char *scratch_folder;
    int64_t slot_ms;
    int64_t cleanup_timeout_ms;
    int64_t keep_row_ms;
    /* [Client] */
    char *storage_folder;
    int64_t poll_ms;
    int64_t seed_margin_epochs;
    int64_t ticket_slack_epochs;
    int64_t chain_poll_ms; /* 0: a quarter epoch */
    /* [Page] */
    bool page_enable;
    bool page_loopback_only;
    int64_t page_session_ms;
    /* [Proofs] */
    char *parameters_folder;
    int64_t threads; /* 0: all processors */
    /* [Workers] */
    int64_t compute_workers;
    int64_t snark_workers;
    int64_t transfer_workers;
    int64_t call_workers;
    int64_t chain_workers;
    /* [Metrics] */
    bool metrics;
} slk_config;

/* Reads path, then the environment. An absent path is SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_config_read(slk_config *ret_config, const char *path, slk_error *error);
void slk_config_done(slk_config *config); /* idempotent; wipes secrets */

/* The default file: every option with prose, type and environment name, commented out. */
SLK_MUST_CHECK slk_err slk_config_print_default(slk_buf *out);

#endif
