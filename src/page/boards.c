/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the page reads: the whole node at once, lists, one sector. */
#include "page/page_impl.h"

#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "monitor/alerts.h"
#include "seal/board.h"
#include "seal/view.h"

#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>

#define SPACE_GRAIN_BYTES ((uint64_t)1 << 20) /* so that an idle node has nothing new to say */
#define HOURS_MAX (366 * 24)
#define BARS 48u
#define PAGE_DEFAULT 50u
#define MESSAGES 500u

/* ---- the overview ---- */

static json_t *disk_json(const char *name, const char *folder)
{
    struct statvfs fs;
    if (statvfs(folder, &fs) != 0)
        return json_pack("{s:s,s:s,s:n,s:n}", "name", name, "folder", folder, "free_bytes",
                         "total_bytes");
    const uint64_t available = (uint64_t)fs.f_bavail * fs.f_frsize;
    const uint64_t total = (uint64_t)fs.f_blocks * fs.f_frsize;
    return json_pack("{s:s,s:s,s:I,s:I}", "name", name, "folder", folder, "free_bytes",
                     (json_int_t)(available / SPACE_GRAIN_BYTES * SPACE_GRAIN_BYTES), "total_bytes",
                     (json_int_t)total);
}

slk_err slk_page_overview(slk_buf *out, slk_page *page, slk_error *error)
{
    const slk_page_options *o = &page->options;
    const slk_seal_options *seal = slk_seal_get_options(o->seal);
    SLK_CLEANUP(slk_json_decrefp) json_t *disks = json_array();
    if (seal->provider)
        (void)json_array_append_new(disks, disk_json("scratch", o->scratch_folder));
    if (seal->client)
        (void)json_array_append_new(disks, disk_json("storage", o->storage_folder));
    SLK_TRY(slk_buf_text(out, "{\"disks\":"));
    SLK_TRY(slk_json_print(out, disks));
    SLK_TRY(slk_buf_text(out, ",\"board\":"));
    SLK_TRY(slk_board_overview(out, o->seal, error));
    return slk_buf_text(out, "}");
}

static slk_err get_overview(slk_buf *out, page_request *request, slk_error *error)
{
    return slk_page_overview(out, request->page, error);
}

/* ---- numbers of the query ---- */

static slk_err query_number(int64_t *ret, const page_request *request, const char *name,
                            int64_t least, int64_t most, slk_error *error)
{
    const char *text = slk_http_query(request->exchange, name);
    int64_t value;
    if (!text || !*text)
        return SLK_OK;
    if (slk_parse_i64(&value, text) != SLK_OK || value < least || value > most)
        return slk_fail(error, SLK_E_INVAL, "%s: want a number from %lld to %lld", name,
                        (long long)least, (long long)most);
    *ret = value;
    return SLK_OK;
}

static const char *query_text(const page_request *request, const char *name)
{
    const char *text = slk_http_query(request->exchange, name);
    return text ? text : "";
}

/* ---- throughput, nodes, messages, chain ---- */

static slk_err get_throughput(slk_buf *out, page_request *request, slk_error *error)
{
    int64_t hours = 48;
    SLK_TRY(query_number(&hours, request, "hours", 1, HOURS_MAX, error));
    return slk_board_throughput(out, request->page->options.seal, hours * 3600000 / BARS, BARS,
                                error);
}

static slk_err get_nodes(slk_buf *out, page_request *request, slk_error *error)
{
    return slk_board_nodes(out, request->page->options.seal, error);
}

static slk_err get_messages(slk_buf *out, page_request *request, slk_error *error)
{
    return slk_view_messages(out, request->page->options.seal, MESSAGES, error);
}

static slk_err get_chain(slk_buf *out, page_request *request, slk_error *error)
{
    const slk_seal_chain *chain = &slk_seal_get_ops(request->page->options.seal)->chain;
    slk_error why = {0};
    int64_t head = 0;
    if (!chain->head)
        return slk_buf_text(out, "{\"configured\":false}");
    const slk_err code = chain->head(chain->ctx, &head, &why);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer =
        code == SLK_OK
            ? json_pack("{s:b,s:I}", "configured", 1, "head", (json_int_t)head)
            : json_pack("{s:b,s:s}", "configured", 1, "problem", slk_error_text(&why, code));
    return answer ? slk_json_print(out, answer) : slk_page_out_of_memory(error);
}

static slk_err get_alerts(slk_buf *out, page_request *request, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *alerts = NULL;
    slk_db *db = slk_seal_db(request->page->options.seal);
    SLK_TRY(slk_alerts_list(&alerts, db, strcmp(query_text(request, "all"), "1") == 0, error));
    return slk_json_print(out, alerts);
}

/* {"rule","subject"}: that one; without subject all of the rule. */
static slk_err ack_alerts(slk_buf *out, page_request *request, slk_error *error)
{
    slk_seal *seal = request->page->options.seal;
    const char *rule, *subject;
    uint64_t n = 0;
    SLK_TRY(slk_page_text(&rule, request, "rule", 64, NULL, error));
    SLK_TRY(slk_page_text(&subject, request, "subject", SLK_ALERT_SUBJECT_CHARS, "", error));
    SLK_TRY(slk_alerts_ack(&n, slk_seal_db(seal), rule, *subject ? subject : NULL,
                           request->who.name, slk_seal_now(seal), error));
    return slk_buf_printf(out, "{\"acknowledged\":%" PRIu64 "}", n);
}

/* ---- sectors ---- */

static slk_err get_sectors(slk_buf *out, page_request *request, slk_error *error)
{
    const char *role = query_text(request, "role");
    int64_t limit = PAGE_DEFAULT, offset = 0;
    slk_view_filter filter = {.sp_id = -1,
                              .failed = -1,
                              .peer_id = -1,
                              .states = query_text(request, "state"),
                              .text = query_text(request, "text")};
    if (strcmp(role, "client") == 0)
        filter.pipeline = SLK_PIPELINE_CLIENT;
    else if (strcmp(role, "provider") == 0)
        filter.pipeline = SLK_PIPELINE_PROVIDER;
    else
        return slk_fail(error, SLK_E_INVAL, "role: want provider or client");
    SLK_TRY(query_number(&filter.sp_id, request, "miner", 0, INT64_MAX, error));
    SLK_TRY(query_number(&filter.failed, request, "failed", 0, 1, error));
    SLK_TRY(query_number(&filter.peer_id, request, "peer", 0, INT64_MAX, error));
    SLK_TRY(query_number(&limit, request, "limit", 1, 1000, error));
    SLK_TRY(query_number(&offset, request, "offset", 0, UINT32_MAX, error));
    filter.limit = slk_u64(limit);
    filter.offset = slk_u64(offset);
    return slk_view_sector_page(out, request->page->options.seal, &filter, error);
}

static slk_err get_sector(slk_buf *out, page_request *request, slk_error *error)
{
    uint64_t sp_id, number;
    SLK_TRY(slk_http_param_u64(request->exchange, "sp_id", &sp_id, error));
    SLK_TRY(slk_http_param_u64(request->exchange, "number", &number, error));
    return slk_view_sector(out, request->page->options.seal, sp_id, number, error);
}

const page_endpoint slk_page_board_endpoints[] = {
    {"GET", "/api/v0/overview", SLK_ROLE_READ, get_overview},
    {"GET", "/api/v0/throughput", SLK_ROLE_READ, get_throughput},
    {"GET", "/api/v0/nodes", SLK_ROLE_READ, get_nodes},
    {"GET", "/api/v0/messages", SLK_ROLE_READ, get_messages},
    {"GET", "/api/v0/chain", SLK_ROLE_READ, get_chain},
    {"GET", "/api/v0/alerts", SLK_ROLE_READ, get_alerts},
    {"POST", "/api/v0/alerts/ack", SLK_ROLE_WRITE, ack_alerts},
    {"GET", "/api/v0/sectors", SLK_ROLE_READ, get_sectors},
    {"GET", "/api/v0/sectors/{sp_id}/{number}", SLK_ROLE_READ, get_sector},
    {NULL, NULL, SLK_ROLE_NONE, NULL},
};
