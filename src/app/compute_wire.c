/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/compute_wire.h"

#include "base/bytes.h"
#include "codec/json.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 65536u

/* ---- messages ---- */

static slk_err send_all(int fd, const uint8_t *bytes, size_t n, slk_error *error)
{
    while (n > 0) {
        const ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return slk_fail_errno(error, errno, "the other process does not read");
        bytes += sent;
        n -= (size_t)sent;
    }
    return SLK_OK;
}

static slk_err print(slk_buf *out, const json_t *message, slk_error *error)
{
    const uint8_t none[4] = {0};
    if (!message || slk_buf_append(out, none, 4) != SLK_OK ||
        slk_json_print(out, message) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a message between processes");
    const uint32_t n = (uint32_t)(out->len - 4);
    memcpy(out->data, &n, 4);
    return SLK_OK;
}

slk_err slk_compute_send(int fd, json_t *message, slk_error *error)
{
    slk_buf text;
    slk_buf_init(&text, SLK_COMPUTE_MESSAGE_MAX + 4);
    slk_err code = print(&text, message, error);
    if (code == SLK_OK)
        code = send_all(fd, text.data, text.len, error);
    slk_buf_done(&text);
    json_decref(message);
    return code;
}

slk_err slk_compute_receive(slk_buf *inbox, int fd, slk_error *error)
{
    uint8_t bytes[READ_BYTES];
    ssize_t n;
    do
        n = recv(fd, bytes, sizeof bytes, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return slk_fail(error, SLK_E_UNREACHABLE, "the other process is gone");
    if (slk_buf_append(inbox, bytes, (size_t)n) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a message between processes");
    return SLK_OK;
}

slk_err slk_compute_next(json_t **ret_message, slk_buf *inbox, slk_error *error)
{
    uint32_t n = 0;
    *ret_message = NULL;
    if (inbox->len < 4)
        return SLK_OK;
    memcpy(&n, inbox->data, 4);
    if (n > SLK_COMPUTE_MESSAGE_MAX)
        return slk_fail(error, SLK_E_PROTO, "a message between processes is too long");
    if (inbox->len - 4 < n)
        return SLK_OK;
    SLK_TRY(slk_json_parse(ret_message, inbox->data + 4, n, SLK_COMPUTE_MESSAGE_MAX, error));
    inbox->len -= 4 + (size_t)n;
    memmove(inbox->data, inbox->data + 4 + n, inbox->len);
    return SLK_OK;
}

/* ---- their parts ---- */

json_t *slk_compute_lane_json(const slk_seal_sector *sector, const uint8_t *ticket,
                              const slk_seal_paths *paths)
{
    static const uint8_t none[32] = {0};
    char hex[65];
    slk_hex_encode(hex, ticket ? ticket : none, 32);
    return json_pack("{s:I,s:I,s:I,s:s,s:s,s:s}", "sp_id", (json_int_t)sector->sp_id, "number",
                     (json_int_t)sector->number, "seal_proof", (json_int_t)sector->seal_proof,
                     "ticket", hex, "sealed", paths ? paths->sealed : "", "cache",
                     paths ? paths->cache : "");
}

slk_err slk_compute_lane_read(slk_compute_lane *ret, const json_t *lane, slk_error *error)
{
    SLK_TRY(slk_json_u64(&ret->sector.sp_id, lane, "sp_id", error));
    SLK_TRY(slk_json_u64(&ret->sector.number, lane, "number", error));
    SLK_TRY(slk_json_i64(&ret->sector.seal_proof, lane, "seal_proof", error));
    SLK_TRY(slk_json_hex(ret->ticket, 32, lane, "ticket", error));
    SLK_TRY(slk_json_string(&ret->paths.sealed, lane, "sealed", error));
    return slk_json_string(&ret->paths.cache, lane, "cache", error);
}

json_t *slk_compute_comm_json(const slk_seal_commitments *comm)
{
    char d[65], r[65];
    slk_hex_encode(d, comm->comm_d, 32);
    slk_hex_encode(r, comm->comm_r, 32);
    return json_pack("{s:s,s:s}", "d", d, "r", r);
}

slk_err slk_compute_comm_read(slk_seal_commitments *ret, const json_t *comm, slk_error *error)
{
    SLK_TRY(slk_json_hex(ret->comm_d, 32, comm, "d", error));
    return slk_json_hex(ret->comm_r, 32, comm, "r", error);
}

slk_err slk_compute_outcome(const json_t *object, slk_error *error)
{
    int64_t code = 0;
    const char *why = "";
    SLK_TRY(slk_json_i64(&code, object, "code", error));
    if (code == SLK_OK)
        return SLK_OK;
    SLK_TRY(slk_json_string(&why, object, "why", error));
    if (code < 0 || code >= SLK_ERR_COUNT)
        return slk_fail(error, SLK_E_PROTO, "an unknown kind of failure: %s", why);
    return slk_fail(error, (slk_err)code, "%s", why);
}
