/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/sector_find.h"

#include "base/mem.h"
#include "base/num.h"
#include "seal/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* *ret_sp_id is set when the text names the miner. */
static slk_err read_sector(uint64_t *ret_sp_id, bool *ret_has_sp_id, uint64_t *ret_number,
                           const char *text, slk_error *error)
{
    const char *slash = strchr(text, '/');
    char miner[32];
    *ret_has_sp_id = slash != NULL;
    if (slash) {
        (void)snprintf(miner, sizeof miner, "%.*s", (int)(slash - text), text);
        if (slash - text >= (ptrdiff_t)sizeof miner || slk_parse_miner(ret_sp_id, miner) != SLK_OK)
            return slk_fail(error, SLK_E_INVAL, "want a sector: 7 or f01000/7");
    }
    if (slk_parse_u64(ret_number, slash ? slash + 1 : text) != SLK_OK || *ret_number > INT64_MAX)
        return slk_fail(error, SLK_E_INVAL, "want a sector: 7 or f01000/7");
    return SLK_OK;
}

slk_err slk_sector_find(uint64_t *ret_sp_id, uint64_t *ret_number, slk_node *node,
                        const slk_options *options, slk_error *error)
{
    uint64_t number, sp_id[2];
    bool has_miner = false;
    size_t n = 0;
    SLK_TRY(read_sector(ret_sp_id, &has_miner, &number, options->args[0], error));
    *ret_number = number;
    if (has_miner)
        return SLK_OK;
    if (slk_options_has(options, "miner")) {
        *ret_sp_id = slk_options_u64(options, "miner");
        return SLK_OK;
    }
    SLK_TRY(slk_view_miners_of(sp_id, &n, 2, node->seal, number, error));
    if (n == 0)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no sector %" PRIu64 " here", number);
    if (n > 1)
        return slk_fail(error, SLK_E_INVAL,
                        "several miners have a sector %" PRIu64 ": say --miner f0ID", number);
    *ret_sp_id = sp_id[0];
    return SLK_OK;
}

slk_err slk_sector_view(json_t **ret, slk_node *node, uint64_t sp_id, uint64_t number,
                        slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_sector(&text, node->seal, sp_id, number, error));
    return slk_service_json(ret, &text, error);
}
