/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the commands of the service share: the --repo option, opening, printing. */
#ifndef SLK_APP_SERVICE_H
#define SLK_APP_SERVICE_H

#include "app/command.h"
#include "app/node.h"
#include "base/buf.h"

#include <jansson.h>

/* The tables, each ending in an empty row. */
extern const slk_command slk_commands_run[]; /* init, run */
extern const slk_command slk_commands_completion[]; /* completion, __complete */
extern const slk_command slk_commands_info[]; /* info, status */
extern const slk_command slk_commands_node[]; /* stop, reload, wait-api */
extern const slk_command slk_commands_log[]; /* log … */
extern const slk_command slk_commands_config[]; /* config … */
extern const slk_command slk_commands_provider[]; /* partner … */
extern const slk_command slk_commands_providers[]; /* provider … */
extern const slk_command slk_commands_selling[]; /* service offer|customer|order|sector */
extern const slk_command slk_commands_buying[]; /* buy … */
extern const slk_command slk_commands_ledger[]; /* service payment|refund|adjust|invoice|ledger */
extern const slk_command slk_commands_client[]; /* sector order, miner … */
extern const slk_command slk_commands_sectors[]; /* sector …, watch */
extern const slk_command slk_commands_keeping[]; /* sector renew, drain, orphans */
extern const slk_command slk_commands_messages[]; /* message list */
extern const slk_command slk_commands_cluster[]; /* node list, fsck */
extern const slk_command slk_commands_clock[]; /* clock, clock accept */
extern const slk_command slk_commands_auth[]; /* auth …, ui open */
extern const slk_command slk_commands_farm[]; /* worker list …, sealing …, auth api-info */
extern const slk_command slk_commands_bundle[]; /* support-bundle */
extern const slk_command slk_commands_doctor[]; /* doctor */
extern const slk_command slk_commands_alerts[]; /* alerts …, log alerts */
extern const slk_command slk_commands_devnet[]; /* devnet run */
extern const slk_command slk_commands_demo[]; /* demo */

/* The row every command of a repository has. */
#define SLK_OPTION_REPO                                                                  \
    {                                                                                    \
        .name = "repo", .type = SLK_OPTION_TEXT, .required = true, .env = "SELKIE_PATH", \
        .value = "DIR", .help = "the node's folder"                                      \
    }

/* The row every command that changes something has. */
#define SLK_OPTION_DRY_RUN                                                             \
    {                                                                                  \
        .name = "dry-run", .type = SLK_OPTION_FLAG,                                    \
        .help = "check what can be checked and say what would be done, change nothing" \
    }

#define SLK_VIEW_MAX_BYTES ((size_t)64 << 20)

/* The run function of commands on a repository: opens it, runs the row's action on it, reports its
 * failure. Returns the exit status. */
int slk_service_run(const slk_command *command, const slk_options *options);

/* The same for actions that only read the database (and ask the chain): without kernels, prover and
 * peers, which take a tenth of a second to make. */
int slk_service_view(const slk_command *command, const slk_options *options);

/* As slk_service_run, for checks: when the action fails with SLK_E_CORRUPT that is the command's answer,
 * printed as such ({"valid":false,"reason"}) with SLK_EXIT_NO. */
int slk_service_verdict(const slk_command *command, const slk_options *options);

/* The answer of a command that has nothing to tell: text, or {"done":true}. */
void slk_service_say(const slk_options *options, const char *text);

/* A value as one line of JSON. */
void slk_service_print(const json_t *value);

/* With --dry-run: says "dry run: <text>; nothing was changed" or {"dry_run":true} and returns
 * true. */
bool slk_service_dry(const slk_options *options, const char *text);

/* An argument that may be a secret: the text itself, or with "-" the first line of standard input.
 * Heap; the caller wipes and frees. */
SLK_MUST_CHECK slk_err slk_service_secret(char **ret_text, const char *argument, slk_error *error);

/* Parses a view's JSON text. New reference. */
SLK_MUST_CHECK slk_err slk_service_json(json_t **ret, const slk_buf *text, slk_error *error);

/* A view of the node as a value. New reference. */
typedef slk_err slk_service_list(slk_buf *out, slk_seal *seal, slk_error *error);
SLK_MUST_CHECK slk_err slk_service_read(json_t **ret, slk_service_list *of, slk_node *node,
                                        slk_error *error);

/* Members for people: "" or 0 or false when absent, null or of another type. */
const char *slk_service_text(const json_t *object, const char *field);
int64_t slk_service_number(const json_t *object, const char *field);
bool slk_service_bool(const json_t *object, const char *field);

#endif
