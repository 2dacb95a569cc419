/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie info` and `selkie status`: what an operator wants to know first, gathered as one JSON
 * object and printed for people from that same object. */
#ifndef SLK_APP_INFO_H
#define SLK_APP_INFO_H

#include "app/node.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

/* {"node","version","repository","url","development","free_bytes","sectors","failed_sectors",
 *  "process":{"pid","serving"} or null,
 *  "nodes","partners","providers","provider","client","queue","running"   as board.h and view.h have them
 *  "alerts"                                                               active ones, as alerts.h has them
 *  "miners","lease","money","messages_waiting","clock"                    as summary.h has them
 *  "workers":[{"class","limit"}],
 *  "worker_use":{"LocalTotal","LocalReserved","LocalBusy","RemoteTotal","RemoteBusy"} of the running
 *                node, else null
 *  "disks":[{"name","folder","free_bytes","total_bytes"}],
 *  "chain":{"configured"}, with ask_chain also "network","head","node" or "error"}
 * Without the chain it reads the database and the disks, and asks the node on this machine alone. */
SLK_MUST_CHECK slk_err slk_info_gather(json_t **ret_info, slk_node *node, bool ask_chain,
                                       slk_error *error);

/* With every running task when `tasks`. */
void slk_info_print(const json_t *info, bool colour, bool tasks);

#endif
