/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The log: frames of LE32 length, 8 bytes of BLAKE2b, CBOR record. Only the last frame can be torn,
 * since each is written by one call before the next begins. */
#include "devnet/devnet_impl.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "crypto/blake2b/blake2b.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FRAME_HEAD_BYTES 12u
#define RECORD_MAX_BYTES ((size_t)32 << 20)
#define LOG_MAX_BYTES ((size_t)8 << 30)

static void checksum(uint8_t out8[8], const uint8_t *record, size_t n)
{
    slk_blake2b_of(out8, 8, record, n);
}

slk_err slk_dev_store_append(slk_devnet *devnet, const slk_buf *record, bool durable,
                             slk_error *error)
{
    if (devnet->replaying)
        return SLK_OK;
    if (devnet->broken)
        return slk_fail(error, SLK_E_IO, "the devnet's log could not be written; restart it");
    SLK_CLEANUP(slk_buf_done) slk_buf frame;
    uint8_t head[FRAME_HEAD_BYTES];
    slk_buf_init(&frame, RECORD_MAX_BYTES + FRAME_HEAD_BYTES);
    slk_store_le32(head, (uint32_t)record->len);
    checksum(head + 4, record->data, record->len);
    slk_err code = slk_buf_append(&frame, head, sizeof head);
    if (code == SLK_OK)
        code = slk_buf_append(&frame, record->data, record->len);
    if (code != SLK_OK)
        code = slk_fail(error, code, "no memory for a record of the devnet's log");
    else
        code = slk_file_write_at(devnet->log_fd, frame.data, frame.len, devnet->log_bytes,
                                 devnet->log_path, error);
    if (code == SLK_OK && durable)
        code = slk_file_sync(devnet->log_fd, devnet->log_path, error);
    /* What is in memory may now be ahead of the disk: nothing more may be answered from it. */
    devnet->broken = code != SLK_OK;
    if (code == SLK_OK)
        devnet->log_bytes += frame.len;
    return code;
}

/* Replays the frames of the whole log; *ret_good is where the last complete one ends. */
static slk_err replay(slk_devnet *devnet, const slk_buf *log, size_t *ret_good, slk_error *error)
{
    size_t at = 0;
    while (log->len - at >= FRAME_HEAD_BYTES) {
        const uint8_t *head = log->data + at;
        size_t n = slk_load_le32(head), left = log->len - at - FRAME_HEAD_BYTES;
        uint8_t sum[8];
        if (n > left)
            break; /* torn */
        checksum(sum, head + FRAME_HEAD_BYTES, n);
        if (memcmp(sum, head + 4, 8) != 0) {
            if (n == left)
                break; /* torn */
            return slk_fail(error, SLK_E_CORRUPT, "%s: damaged at byte %zu", devnet->log_path, at);
        }
        slk_err code = slk_dev_replay_record(devnet, head + FRAME_HEAD_BYTES, n, error);
        if (code != SLK_OK)
            return slk_fail_context(error, code, "%s: record at byte %zu", devnet->log_path, at);
        at += FRAME_HEAD_BYTES + n;
    }
    *ret_good = at;
    return SLK_OK;
}

slk_err slk_dev_store_open(slk_devnet *devnet, slk_error *error)
{
    SLK_TRY(slk_folder_make(devnet->folder, 0700, error));
    devnet->log_path = slk_path_join(devnet->folder, "chain.log");
    if (devnet->log_path == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a devnet");
    devnet->log_fd = open(devnet->log_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (devnet->log_fd < 0)
        return slk_fail_errno(error, errno, "opening %s", devnet->log_path);
    if (flock(devnet->log_fd, LOCK_EX | LOCK_NB) != 0)
        return slk_fail(error, SLK_E_BUSY, "%s: another devnet is using this folder",
                        devnet->folder);
    SLK_CLEANUP(slk_buf_done) slk_buf log;
    slk_buf_init(&log, LOG_MAX_BYTES);
    SLK_TRY(slk_file_read_all(&log, devnet->log_path, error));
    size_t good = 0;
    devnet->replaying = true;
    slk_err code = replay(devnet, &log, &good, error);
    devnet->replaying = false;
    SLK_TRY(code);
    if (good < log.len && ftruncate(devnet->log_fd, (off_t)good) != 0)
        return slk_fail_errno(error, errno, "cutting the torn end of %s", devnet->log_path);
    devnet->log_bytes = good;
    return SLK_OK;
}

void slk_dev_store_close(slk_devnet *devnet)
{
    if (devnet->log_fd >= 0)
        close(devnet->log_fd);
    slk_free(devnet->log_path);
}
