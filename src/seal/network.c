/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which network the sectors of this database are for. */
#include "base/mem.h"
#include "db/args.h"
#include "seal/rows_impl.h"

#include <string.h>

static const slk_sql read_name = {"network.read", "SELECT name FROM chain_network WHERE id = 1"};
/* The first to come decides; whoever comes at the same time reads what it wrote. */
static const slk_sql note_name = {
    "network.note", "INSERT INTO chain_network (id, name, since_ms) VALUES (1, $1, $2)"
                    " ON CONFLICT (id) DO NOTHING"};

static slk_err read_bound(char out[SLK_SEAL_NETWORK_CHARS], slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    out[0] = '\0';
    const slk_err code = slk_sql_row(&q, slk_seal_db(seal), &read_name, NULL, 0, "network", error);
    if (code == SLK_OK)
        slk_sql_copy_text(out, SLK_SEAL_NETWORK_CHARS, &q, 0);
    return code == SLK_E_NOTFOUND ? SLK_OK : code;
}

slk_err slk_seal_network_read(slk_seal_network *ret_network, slk_seal *seal, slk_error *error)
{
    const slk_seal_chain *chain = &slk_seal_get_ops(seal)->chain;
    slk_seal_network net;
    char bound[SLK_SEAL_NETWORK_CHARS];
    SLK_TRY(chain->network(chain->ctx, &net, error));
    SLK_TRY(read_bound(bound, seal, error));
    if (!bound[0]) {
        SLK_TRY(slk_sql_run(slk_seal_db(seal), &note_name,
                            SLK_ARGS(slk_arg_t(net.name), slk_arg_i(slk_seal_now(seal))), NULL,
                            error));
        SLK_TRY(read_bound(bound, seal, error));
    }
    if (strcmp(bound, net.name) != 0)
        return slk_fail(error, SLK_E_BUSY,
                        "the sectors of this database are for the network %s, the chain node is on "
                        "%s: give ChainApiInfo of a node on %s",
                        bound, net.name, bound);
    *ret_network = net;
    return SLK_OK;
}
