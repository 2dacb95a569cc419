/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/commands.h"

#include "app/service.h"
#include "app/tool.h"
#include "app/worker_commands.h"

/* One a line. */
/* clang-format off */
const slk_command *const slk_command_tables[] = {
    slk_commands_demo,
    slk_commands_run,
    slk_commands_info,
    slk_commands_node,
    slk_commands_log,
    slk_commands_config,
    slk_commands_provider,
    slk_commands_providers,
    slk_commands_selling,
    slk_commands_ledger,
    slk_commands_buying,
    slk_commands_client,
    slk_commands_sectors,
    slk_commands_keeping,
    slk_commands_messages,
    slk_commands_cluster,
    slk_commands_clock,
    slk_commands_farm,
    slk_commands_worker_run,
    slk_commands_worker,
    slk_commands_worker_end,
    slk_commands_auth,
    slk_commands_doctor,
    slk_commands_bundle,
    slk_commands_alerts,
    slk_commands_devnet,
    slk_commands_proof,
    slk_commands_params,
    slk_commands_cpu,
    slk_commands_bench,
    slk_commands_plan,
    slk_commands_external,
    slk_commands_completion,
    NULL,
};
/* clang-format on */
