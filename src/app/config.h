/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* config.toml of a node: one table row per key (config_keys.c), from which reading, checking,
 * defaults, the environment's names and the commented file all follow.
 *
 * A key's value is, the later winning: its default, the name other programs use in the environment
 * (FULLNODE_API_INFO), config.toml, SELKIE_<SECTION>_<KEY> in capitals
 * (SELKIE_HTTP_LISTENADDRESS). A secret may lie in a file of its own that <Key>File names, in
 * config.toml and the environment alike. An unknown key or variable, a wrong type or a value out of
 * bounds is an error with file and line. */
#ifndef SLK_APP_CONFIG_H
#define SLK_APP_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "fil/address.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_CONFIG_FILE "config.toml"
#define SLK_CONFIG_NUMBERS_MAX 20u
#define SLK_CONFIG_TEXT_MAX_BYTES ((size_t)256 << 10) /* of any text printed here */

typedef struct slk_config_numbers {
    size_t n;
    int64_t value[SLK_CONFIG_NUMBERS_MAX];
} slk_config_numbers;

#define SLK_CONFIG_ADDRESSES_MAX 16u

/* Addresses that slk_address_parse takes, as they were written. */
typedef struct slk_config_addresses {
    size_t n;
    char text[SLK_CONFIG_ADDRESSES_MAX][SLK_ADDRESS_TEXT_CHARS];
} slk_config_addresses;

/* Texts are heap, "" when unset. Times are milliseconds. */
typedef struct slk_config {
    /* [Subsystems] */
    bool enable_provider;
    int64_t call_workers;
    int64_t cleanup_timeout_ms;
    bool enable_client;
    int64_t transfer_workers;
    int64_t snark_workers;
    /* [Node] */
    char *log_level;
    char *log_file;
    int64_t log_file_mib; /* 0: no file */
    int64_t log_files_kept;
    bool core_dumps;
    int64_t lease_ms;
    /* [Database] */
    char *database_url; /* secret; "": the file in the repository */
    int64_t database_busy_ms;
    char *secret_key_file;
    /* [Network] */
    bool development;
    char *chain_api_info; /* secret */
    char *precommit_max_fee; /* attoFIL */
    char *commit_max_fee;
    char *message_max_fee;
    /* [Addresses] */
    slk_config_addresses precommit_control;
    slk_config_addresses commit_control;
    /* [HTTP] */
    bool http_enable;
    char *domain_name;
    char *listen;
    char *external_url;
    char *node_url;
    bool delegate_tls;
    char *trusted_proxies;
    char *certificate_file;
    char *key_file;
    /* [Remote] */
    char *trusted_certificates;
    bool allow_plain_http;
    bool allow_private;
    int64_t connections;
    /* [Provider] */
    slk_config_numbers seal_proofs;
    int64_t capacity_sectors;
    char *scratch_folder;
    int64_t slot_ms;
    int64_t keep_row_ms;
    /* [Seal] */
    int64_t batch_sectors;
    int64_t batch_wait_ms;
    /* [Client] */
    char *storage_folder;
    int64_t poll_ms;
    int64_t seed_margin_epochs;
    int64_t ticket_slack_epochs;
    int64_t keep_in_flight;
    int64_t flow_seal_proof;
    char *balance_reserve; /* attoFIL */
    int64_t stall_ms;
    bool trial_c1;
    int64_t stall_factor;
    int64_t chain_poll_ms; /* 0: a quarter epoch */
    /* [Service] */
    bool service_enable;
    int64_t service_sector_ms;
    /* [Page] */
    bool page_enable;
    bool page_loopback_only;
    int64_t page_session_ms;
    /* [Batching.PreCommit], [Batching.Commit]; timeouts 0: unset */
    int64_t precommit_batch_max;
    int64_t precommit_timeout_ms;
    int64_t precommit_slack_ms;
    int64_t commit_batch_max;
    int64_t commit_timeout_ms;
    int64_t commit_slack_ms;
    /* [Proofs] */
    char *parameters_folder;
    int64_t threads; /* 0: all processors */
    /* [Workers] */
    int64_t compute_workers;
    int64_t chain_workers;
    int64_t worker_lost_ms;
    /* [API] */
    char *api_listen; /* multiaddr; "": not served */
    char *api_certificate_file;
    char *api_key_file;
    char *worker_addresses; /* for slk_ip_set_add */
    /* [Storage] */
    bool allow_precommit1;
    bool allow_commit;
    /* [Metrics] */
    bool metrics;
    bool metrics_loopback; /* without a token */
    /* [Alerting] */
    char *alert_minimum_balance; /* "5 FIL", "" for none */
    int64_t alert_balance_sectors;
    int64_t alert_allowance;
    int64_t alert_disk_sectors;
    int64_t alert_look_ms;
    int64_t alert_repeat_ms;
    char *alert_certificates;
    char *webhook_url; /* secret */
    char *webhook_secret; /* secret */
    char *alertmanager_url; /* secret */
    char *slack_url; /* secret */
} slk_config;

/* Reads path and the environment; ends at the first mistake. An absent path is SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_config_read(slk_config *ret_config, const char *path, slk_error *error);
void slk_config_done(slk_config *config); /* idempotent; wipes secrets */

/* Every mistake slk_config_read could end at, each a sentence: a JSON array of texts, empty when
 * there is none. SLK_E_IO: the file cannot be read, which says nothing about it. */
SLK_MUST_CHECK slk_err slk_config_check(json_t **ret_mistakes, const char *path, slk_error *error);

/* What a node does with a configuration. */
typedef struct slk_config_roles {
    bool provider, client;
} slk_config_roles;

/* role: "provider", "client" or "both"; NULL or "": what [Subsystems] enables, which may be neither.
 * SLK_E_INVAL for another word. */
SLK_MUST_CHECK slk_err slk_config_pick_roles(slk_config_roles *ret_roles, const slk_config *config,
                                             const char *role, slk_error *error);
/* Whether a node with these roles could start, as far as configuration and files tell: SLK_E_INVAL with what is
 * missing. Asks nobody. */
SLK_MUST_CHECK slk_err slk_config_fits(const slk_config *config, const slk_config_roles *roles,
                                       slk_error *error);

/* The default file: every option with prose, type, range and environment name, commented out. */
SLK_MUST_CHECK slk_err slk_config_print_default(slk_buf *out);

/* The default file with what path sets in force; masked: secrets are shown as "***". */
SLK_MUST_CHECK slk_err slk_config_print_updated(slk_buf *out, const char *path, bool masked,
                                                slk_error *error);

/* What differs from the defaults, as
 * [{"section","key","value","default","from":"config.toml:3" or the variable's name}];
 * value and default as the file has them, secrets as "***". */
SLK_MUST_CHECK slk_err slk_config_diff(json_t **ret_list, const char *path, slk_error *error);

/* "Section.Key" of every key whose value differs. */
SLK_MUST_CHECK slk_err slk_config_changed(json_t **ret_names, const slk_config *a,
                                          const slk_config *b, slk_error *error);

#endif
