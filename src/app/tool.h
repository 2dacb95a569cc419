/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What every command of the toolbox (`selkie proof`, `params`, `cpu`) needs: kernels, threads,
 * a watched job, and one way to print the answer. */
#ifndef SLK_APP_TOOL_H
#define SLK_APP_TOOL_H

#include "app/command.h"
#include "app/pinning.h"
#include "app/progress.h"
#include "base/job.h"
#include "base/pool.h"
#include "crypto/crypto.h"
#include "fil/sector.h"

#include <jansson.h>

/* The tables of the toolbox, each ending in an empty row. */
extern const slk_command slk_commands_proof[];
extern const slk_command slk_commands_params[];
extern const slk_command slk_commands_cpu[];
extern const slk_command slk_commands_bench[];
extern const slk_command slk_commands_plan[];
extern const slk_command slk_commands_external[];

typedef struct slk_tool {
    const slk_command *command;
    const slk_options *options;
    slk_crypto *crypto;
    slk_pool *pool;
    slk_pinning pinning; /* of the pool */
    slk_job job;
    slk_progress *progress;
    slk_error error; /* of the failure that ends the command; also of failures recovered from */
    bool misused; /* a value on the command line cannot be: exit status 2 */
    bool answer_lost; /* a line of the answer could not be allocated */
    json_t *answer; /* object being filled; values keep their order of insertion */
} slk_tool;

/* Kernels by $SELKIE_CPU, a pool of all processors, pinned by $SELKIE_PIN, a running progress display. */
SLK_MUST_CHECK slk_err slk_tool_init(slk_tool *tool, const slk_command *command,
                                     const slk_options *options);
/* Passes code on; SLK_E_INVAL and SLK_E_LIMIT count as a mistake on the command line. */
SLK_MUST_CHECK slk_err slk_tool_misuse(slk_tool *tool, slk_err code);
/* Adds one line to the answer. A failure to allocate is reported by slk_tool_done. */
void slk_tool_text(slk_tool *tool, const char *key, const char *value);
void slk_tool_hex(slk_tool *tool, const char *key, const uint8_t *bytes, size_t n);
void slk_tool_number(slk_tool *tool, const char *key, uint64_t value);
void slk_tool_bool(slk_tool *tool, const char *key, bool value);
void slk_tool_json(slk_tool *tool, const char *key, json_t *value); /* steals value */
/* Stops the display, adds `stages` (seconds of each stage of the job), `seconds` and
 * `peak_memory_bytes`, prints the answer (one JSON object, or
 * lines of keys and values) or the failure, frees everything. Returns the exit status: that of code, or
 * status_ok when code is SLK_OK. */
int slk_tool_done(slk_tool *tool, slk_err code, int status_ok);

#endif
