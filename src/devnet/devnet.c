/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "devnet/devnet.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "devnet/devnet_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LEAST_BLOCK_DELAY_MS 50
#define DEFAULT_BLOCK_DELAY_MS 1000
#define DEFAULT_CHALLENGE_DELAY 10
#define DEFAULT_SECTOR_BYTES 2048
#define MAX_CHALLENGE_DELAY 1000
#define DEFAULT_GENESIS_TIME 1700000000
#define DEFAULT_NETWORK_NAME "localnet-selkie"
#define NETWORK_NAME_MAX 60u
#define STOP_POLL_MS 50
#define GENESIS_VERSION 1u

/* The state every chain starts from: one miner, its owner and worker, 1000 FIL each. */
static slk_err make_genesis(slk_devnet *devnet)
{
    slk_dev_actor *miner;
    static const uint8_t no_messages[32] = {0};
    devnet->epoch = -1;
    SLK_TRY(slk_dev_miner_new(devnet, &miner, devnet->options.sector_bytes, 0, 0));
    slk_dev_funds funds = slk_dev_funds_latest(miner);
    slk_bigint fil = slk_bigint_from_u64(1000000000000000000u);
    SLK_TRY(slk_bigint_mul_u64(&funds.balance, &fil, 1000));
    SLK_TRY(slk_dev_funds_set(devnet, miner, funds));
    return slk_dev_block_append(devnet, false, devnet->seq, no_messages);
}

static slk_err put_genesis(const slk_devnet *devnet, slk_buf *record)
{
    const slk_devnet_options *o = &devnet->options;
    const char *name = devnet->network_name;
    SLK_TRY(slk_cbor_put_array(record, 9));
    SLK_TRY(slk_cbor_put_uint(record, DEV_RECORD_GENESIS));
    SLK_TRY(slk_cbor_put_uint(record, GENESIS_VERSION));
    SLK_TRY(slk_cbor_put_bytes(record, o->seed, 32));
    SLK_TRY(slk_cbor_put_bytes(record, devnet->token_key, 32));
    SLK_TRY(slk_cbor_put_int(record, o->genesis_time));
    SLK_TRY(slk_cbor_put_int(record, o->block_delay_ms));
    SLK_TRY(slk_cbor_put_int(record, o->challenge_delay));
    SLK_TRY(slk_cbor_put_uint(record, o->sector_bytes));
    return slk_cbor_put_bytes(record, (const uint8_t *)name, strlen(name));
}

slk_err slk_dev_genesis_replay(slk_devnet *devnet, slk_cbor *c, slk_error *error)
{
    slk_devnet_options *o = &devnet->options;
    uint64_t version;
    const uint8_t *seed, *key, *name;
    size_t n_seed, n_key, n_name;
    SLK_TRY(slk_cbor_get_uint(c, &version, "version", error));
    SLK_TRY(slk_cbor_get_bytes(c, &seed, &n_seed, 32, "seed", error));
    SLK_TRY(slk_cbor_get_bytes(c, &key, &n_key, 32, "token key", error));
    SLK_TRY(slk_cbor_get_int(c, &o->genesis_time, "genesis time", error));
    SLK_TRY(slk_cbor_get_int(c, &o->block_delay_ms, "block delay", error));
    SLK_TRY(slk_cbor_get_int(c, &o->challenge_delay, "challenge delay", error));
    SLK_TRY(slk_cbor_get_uint(c, &o->sector_bytes, "sector size", error));
    SLK_TRY(slk_cbor_get_bytes(c, &name, &n_name, NETWORK_NAME_MAX, "network", error));
    if (version != GENESIS_VERSION || n_seed != 32 || n_key != 32)
        return slk_fail(error, SLK_E_UNSUPPORTED, "genesis of another version of the devnet");
    memcpy(o->seed, seed, 32);
    memcpy(devnet->token_key, key, 32);
    slk_free(devnet->network_name);
    devnet->network_name = slk_strf("%.*s", (int)n_name, (const char *)name);
    if (devnet->network_name == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a devnet");
    return make_genesis(devnet);
}

/* Fills what the caller left at zero; only for a new chain. */
static slk_err complete_options(slk_devnet *devnet, slk_error *error)
{
    slk_devnet_options *o = &devnet->options;
    if (o->block_delay_ms == 0)
        o->block_delay_ms = DEFAULT_BLOCK_DELAY_MS;
    if (o->challenge_delay == 0)
        o->challenge_delay = DEFAULT_CHALLENGE_DELAY;
    if (o->sector_bytes == 0)
        o->sector_bytes = DEFAULT_SECTOR_BYTES;
    if (o->genesis_time == 0)
        o->genesis_time =
            o->clock == SLK_DEVNET_REALTIME ? slk_clock_wall_ms() / 1000 : DEFAULT_GENESIS_TIME;
    if (slk_sector_shape_of(o->sector_bytes) == NULL)
        return slk_fail(error, SLK_E_INVAL, "no sector size of %llu bytes",
                        (unsigned long long)o->sector_bytes);
    if (o->challenge_delay < 1 || o->challenge_delay > MAX_CHALLENGE_DELAY)
        return slk_fail(error, SLK_E_INVAL, "challenge delay must be 1 to %d epochs",
                        MAX_CHALLENGE_DELAY);
    if (o->genesis_time < 0 || o->initial_height < 0)
        return slk_fail(error, SLK_E_INVAL, "genesis time and height cannot be negative");
    return SLK_OK;
}

static slk_err begin_chain(slk_devnet *devnet, const char *network_name, slk_error *error)
{
    SLK_TRY(complete_options(devnet, error));
    const char *name = network_name == NULL ? DEFAULT_NETWORK_NAME : network_name;
    if (strlen(name) > NETWORK_NAME_MAX)
        return slk_fail(error, SLK_E_INVAL, "network name is too long");
    devnet->network_name = slk_strdup(name);
    slk_rng_fill(devnet->token_key, 32);
    SLK_CLEANUP(slk_buf_done) slk_buf record;
    slk_buf_init(&record, 512);
    if (devnet->network_name == NULL || put_genesis(devnet, &record) != SLK_OK ||
        make_genesis(devnet) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a devnet");
    SLK_TRY(slk_dev_store_append(devnet, &record, true, error));
    uint64_t n = (uint64_t)devnet->options.initial_height;
    return n == 0 ? SLK_OK : slk_dev_epoch_make(devnet, n, false, error);
}

/* A chain that was away goes on as if no time had passed in between. */
static slk_err resume_clock(slk_devnet *devnet, int64_t block_delay_ms, slk_error *error)
{
    slk_devnet_options *o = &devnet->options;
    if (block_delay_ms != 0)
        o->block_delay_ms = block_delay_ms;
    int64_t next = (int64_t)devnet->n_tipsets;
    int64_t due_ms = o->clock == SLK_DEVNET_REALTIME
                         ? slk_clock_wall_ms() + o->block_delay_ms
                         : (devnet->tipsets[next - 1].timestamp * 1000) + o->block_delay_ms;
    int64_t offset = due_ms - o->genesis_time * 1000 - next * o->block_delay_ms;
    devnet->time_offset_ms = o->clock == SLK_DEVNET_REALTIME ? offset : devnet->time_offset_ms;
    SLK_CLEANUP(slk_buf_done) slk_buf record;
    slk_buf_init(&record, 64);
    slk_err code = slk_cbor_put_array(&record, 3);
    if (code == SLK_OK)
        code = slk_cbor_put_uint(&record, DEV_RECORD_CLOCK);
    if (code == SLK_OK)
        code = slk_cbor_put_int(&record, o->block_delay_ms);
    if (code == SLK_OK)
        code = slk_cbor_put_int(&record, devnet->time_offset_ms);
    if (code != SLK_OK)
        return slk_fail(error, code, "out of memory for a record");
    return slk_dev_store_append(devnet, &record, true, error);
}

static slk_err check_same_chain(const slk_devnet *devnet, const slk_devnet_options *wanted,
                                slk_error *error)
{
    const slk_devnet_options *o = &devnet->options;
    bool seed_given = !slk_bytes_all_zero(wanted->seed, 32);
    if ((seed_given && memcmp(wanted->seed, o->seed, 32) != 0) ||
        (wanted->challenge_delay != 0 && wanted->challenge_delay != o->challenge_delay) ||
        (wanted->sector_bytes != 0 && wanted->sector_bytes != o->sector_bytes) ||
        (wanted->genesis_time != 0 && wanted->genesis_time != o->genesis_time) ||
        (wanted->network_name != NULL && strcmp(wanted->network_name, devnet->network_name) != 0))
        return slk_fail(error, SLK_E_CONFLICT,
                        "%s holds a devnet with another genesis: of sectors of %" PRIu64
                        " bytes, named %s; ask for the same, or use another folder",
                        o->folder, o->sector_bytes, devnet->network_name);
    return SLK_OK;
}

static slk_err open_chain(slk_devnet *devnet, const slk_devnet_options *wanted, slk_error *error)
{
    SLK_TRY(slk_crypto_new(&devnet->crypto, NULL, error));
    devnet->folder = slk_strdup(wanted->folder);
    if (devnet->folder == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a devnet");
    devnet->options.folder = devnet->folder;
    devnet->options.network_name = NULL;
    SLK_TRY(slk_dev_rpc_open(devnet, error));
    SLK_TRY(slk_dev_store_open(devnet, error));
    if (devnet->n_tipsets == 0) {
        SLK_TRY(begin_chain(devnet, wanted->network_name, error));
        /* The empty epochs at birth have taken no time. */
        return wanted->initial_height > 0 ? resume_clock(devnet, 0, error) : SLK_OK;
    }
    SLK_TRY(check_same_chain(devnet, wanted, error));
    return resume_clock(devnet, wanted->block_delay_ms, error);
}

slk_err slk_devnet_open(slk_devnet **ret_devnet, const slk_devnet_options *options,
                        const slk_devnet_verifier *verifier, slk_error *error)
{
    if (options->block_delay_ms != 0 && options->block_delay_ms < LEAST_BLOCK_DELAY_MS)
        return slk_fail(error, SLK_E_INVAL, "epochs must be at least %d ms long",
                        LEAST_BLOCK_DELAY_MS);
    slk_devnet *devnet = slk_calloc(1, sizeof *devnet);
    if (devnet == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a devnet");
    pthread_mutex_init(&devnet->lock, NULL);
    devnet->log_fd = -1;
    devnet->options = *options;
    devnet->verifier = *verifier;
    slk_err code = open_chain(devnet, options, error);
    if (code != SLK_OK) {
        slk_devnet_close(devnet);
        return code;
    }
    *ret_devnet = devnet;
    return SLK_OK;
}

void slk_devnet_close(slk_devnet *devnet)
{
    if (devnet == NULL)
        return;
    slk_dev_store_close(devnet);
    slk_dev_messages_done(devnet);
    slk_dev_state_done(devnet);
    slk_free(devnet->tipsets);
    slk_free(devnet->verdicts.valid);
    slk_free(devnet->folder);
    slk_free(devnet->network_name);
    slk_crypto_free(devnet->crypto);
    slk_dev_rpc_close(devnet);
    slk_bytes_wipe(devnet->token_key, sizeof devnet->token_key);
    pthread_mutex_destroy(&devnet->lock);
    slk_free(devnet);
}

slk_err slk_devnet_advance(slk_devnet *devnet, uint64_t n, bool null_rounds, slk_error *error)
{
    pthread_mutex_lock(&devnet->lock);
    slk_err code = slk_dev_epoch_make(devnet, n, null_rounds, error);
    pthread_mutex_unlock(&devnet->lock);
    return code;
}

int64_t slk_devnet_height(slk_devnet *devnet)
{
    pthread_mutex_lock(&devnet->lock);
    int64_t height = slk_dev_head(devnet);
    pthread_mutex_unlock(&devnet->lock);
    return height;
}

/* Milliseconds until the next epoch is due; may be negative. */
static int64_t until_next(slk_devnet *devnet)
{
    pthread_mutex_lock(&devnet->lock);
    int64_t due_ms = devnet->options.genesis_time * 1000 +
                     (int64_t)devnet->n_tipsets * devnet->options.block_delay_ms +
                     devnet->time_offset_ms;
    pthread_mutex_unlock(&devnet->lock);
    return due_ms - slk_clock_wall_ms();
}

slk_err slk_devnet_run(slk_devnet *devnet, const atomic_bool *stop, slk_error *error)
{
    while (!atomic_load(stop)) {
        int64_t wait_ms =
            devnet->options.clock == SLK_DEVNET_REALTIME ? until_next(devnet) : STOP_POLL_MS;
        if (wait_ms > 0)
            slk_clock_sleep_ms(wait_ms < STOP_POLL_MS ? wait_ms : STOP_POLL_MS);
        else
            SLK_TRY(slk_devnet_advance(devnet, 1, false, error));
    }
    return SLK_OK;
}

void slk_devnet_admin_token(slk_devnet *devnet, char *out, size_t n)
{
    slk_dev_token_make(devnet, out, n, DEV_PERMISSIONS);
}

slk_err slk_devnet_api_info(slk_devnet *devnet, char *out, size_t n, const char *host,
                            unsigned port, const char *perm, slk_error *error)
{
    const unsigned permissions = slk_rpc_permissions_of_level(slk_rpc_permission_of(perm));
    if (!permissions)
        return slk_fail(error, SLK_E_INVAL,
                        "permission \"%.20s\" is not read, write, sign or admin", perm);
    char token[512];
    slk_dev_token_make(devnet, token, sizeof token, permissions);
    bool v6 = strchr(host, ':') != NULL;
    bool digits = strspn(host, "0123456789.") == strlen(host);
    const char *kind = v6 ? "ip6" : digits ? "ip4" : "dns";
    snprintf(out, n, "%s:/%s/%s/tcp/%u/http", token, kind, host, port);
    return SLK_OK;
}
