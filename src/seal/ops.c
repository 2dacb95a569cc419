/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/ops.h"

#include "base/clock.h"
#include "base/mem.h"

slk_seal_verdict slk_seal_verdict_of(slk_err code)
{
    switch (code) {
    case SLK_E_UNREACHABLE:
    case SLK_E_TIMEOUT:
    case SLK_E_BUSY:
    case SLK_E_AUTH:
    case SLK_E_NOSPACE:
    case SLK_E_NOMEM:
    case SLK_E_LIMIT:
    case SLK_E_CANCELED:
        return SLK_SEAL_WAIT;
    case SLK_E_IO:
    case SLK_E_CORRUPT:
    case SLK_E_CONFLICT:
    case SLK_E_NOTFOUND:
    case SLK_E_EXISTS:
    case SLK_E_INTERNAL:
    case SLK_E_INVAL:
    case SLK_E_PROTO:
        return SLK_SEAL_RETRY;
    case SLK_E_UNSUPPORTED:
        return SLK_SEAL_PERMANENT;
    case SLK_OK:
    case SLK_ERR_COUNT:
        break;
    }
    slk_assert(false && "a failure has a code");
    return SLK_SEAL_RETRY;
}

void slk_seal_sent_done(slk_seal_sent *sent)
{
    slk_free(sent->message_cid);
    slk_free(sent->signed_json);
    *sent = (slk_seal_sent){0};
}

const char *slk_seal_message_kind_name(slk_seal_message_kind kind)
{
    static const char *const names[SLK_SEAL_MESSAGE_KINDS] = {
        [SLK_SEAL_PRECOMMIT] = "precommit",
        [SLK_SEAL_COMMIT] = "commit",
    };
    slk_assert(kind < SLK_SEAL_MESSAGE_KINDS);
    return names[kind];
}

const char *slk_seal_remote_state_name(slk_seal_remote_state state)
{
    static const char *const names[SLK_SEAL_REMOTE_STATE_COUNT] = {
        [SLK_SEAL_REMOTE_PENDING] = "pending", [SLK_SEAL_REMOTE_SDR] = "sdr",
        [SLK_SEAL_REMOTE_TREES] = "trees",     [SLK_SEAL_REMOTE_COMPLETE] = "complete",
        [SLK_SEAL_REMOTE_FAILED] = "failed",   [SLK_SEAL_REMOTE_GONE] = "gone",
    };
    slk_assert(state < SLK_SEAL_REMOTE_STATE_COUNT);
    return names[state];
}

int64_t slk_seal_now_ms(const slk_seal_ops *ops)
{
    return ops->clock.wall_ms ? ops->clock.wall_ms(ops->clock.ctx) : slk_clock_wall_ms();
}
