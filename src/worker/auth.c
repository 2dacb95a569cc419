/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "worker/auth.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/jwt.h"
#include "rpc/permission.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct entry {
    char token[SLK_JWT_MAX_CHARS]; /* zero filled */
    slk_auth_may may;
};

struct slk_auth {
    const uint8_t *secret32;
    const slk_miner *node;
    pthread_mutex_t lock;
    struct entry entries[SLK_AUTH_CACHE_MAX];
};

slk_err slk_auth_new(slk_auth **ret_auth, const uint8_t secret32[32], const slk_miner *node,
                     slk_error *error)
{
    slk_auth *auth = slk_calloc(1, sizeof *auth);
    if (!auth)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for tokens");
    auth->secret32 = secret32;
    auth->node = node;
    slk_assert(pthread_mutex_init(&auth->lock, NULL) == 0);
    *ret_auth = auth;
    return SLK_OK;
}

void slk_auth_free(slk_auth *auth)
{
    if (!auth)
        return;
    slk_bytes_wipe(auth->entries, sizeof auth->entries);
    (void)pthread_mutex_destroy(&auth->lock);
    slk_free(auth);
}

static bool is_own(const slk_auth *auth, slk_auth_may *ret_may, const char *token)
{
    slk_jwt_claims claims;
    const int64_t now_ms = slk_clock_wall_ms();
    if (slk_jwt_read(&claims, token, auth->secret32, now_ms / 1000, NULL) != SLK_OK)
        return false;
    *ret_may = (slk_auth_may){.grant = {.permissions = slk_rpc_permissions_of_claims(&claims)}};
    const int64_t left_s = claims.expires_s - now_ms / 1000;
    if (claims.expires_s > 0 && left_s < INT32_MAX) /* else it outlives us */
        ret_may->grant.until_ms = slk_clock_monotonic_ms() + left_s * 1000 - now_ms % 1000;
    return true;
}

static bool look_up(slk_auth *auth, slk_auth_may *ret_may, const char padded[SLK_JWT_MAX_CHARS])
{
    bool found = false;
    const int64_t now = slk_clock_monotonic_ms();
    (void)pthread_mutex_lock(&auth->lock);
    for (size_t i = 0; i < SLK_AUTH_CACHE_MAX; i++) {
        const struct entry *e = &auth->entries[i];
        if (e->may.grant.until_ms > now &&
            slk_bytes_equal_ct((const uint8_t *)e->token, (const uint8_t *)padded,
                               sizeof e->token)) {
            *ret_may = e->may;
            found = true;
        }
    }
    (void)pthread_mutex_unlock(&auth->lock);
    return found;
}

/* In the place of the one that ends first. */
static void remember(slk_auth *auth, const slk_auth_may *may, const char padded[SLK_JWT_MAX_CHARS])
{
    (void)pthread_mutex_lock(&auth->lock);
    struct entry *oldest = &auth->entries[0];
    for (size_t i = 1; i < SLK_AUTH_CACHE_MAX; i++)
        if (auth->entries[i].may.grant.until_ms < oldest->may.grant.until_ms)
            oldest = &auth->entries[i];
    memcpy(oldest->token, padded, sizeof oldest->token);
    oldest->may = *may;
    (void)pthread_mutex_unlock(&auth->lock);
}

static slk_err refuse(slk_error *error)
{
    return slk_fail(error, SLK_E_AUTH, "the token is neither this worker's nor one of its node's");
}

/* Words that are no permissions: the sector, of a key to fetch. */
static void read_words(slk_auth_may *ret_may, const slk_lotus_strings *words)
{
    slk_auth_may may = {.grant = {.until_ms = slk_clock_monotonic_ms() + SLK_AUTH_CACHE_MS}};
    for (size_t i = 0; i < words->n; i++) {
        slk_lotus_sector sector;
        may.grant.permissions |= slk_rpc_permission_of(words->item[i]);
        if (slk_lotus_sector_parse(&sector, words->item[i], NULL) == SLK_OK)
            slk_lotus_sector_print(may.sector, &sector);
    }
    if (may.grant.permissions & SLK_RPC_FETCH) /* "admin" beside it is for those of Lotus */
        may.grant.permissions = SLK_RPC_FETCH;
    *ret_may = may;
}

static slk_err ask(slk_auth *auth, slk_auth_may *ret_may, const char *padded, slk_error *error)
{
    slk_lotus_strings words = {0};
    const slk_err code = slk_miner_auth_verify(auth->node, padded, &words, error);
    if (code == SLK_E_AUTH)
        return refuse(error);
    SLK_TRY(code);
    read_words(ret_may, &words);
    slk_lotus_strings_done(&words);
    remember(auth, ret_may, padded);
    return SLK_OK;
}

slk_err slk_auth_look(slk_auth *auth, slk_auth_may *ret_may, const char *token, bool known_only,
                      slk_error *error)
{
    char padded[SLK_JWT_MAX_CHARS] = {0};
    slk_auth_may may = {0};
    slk_err code = SLK_OK;
    if (strlen(token) >= sizeof padded)
        return refuse(error);
    if (is_own(auth, ret_may, token))
        return SLK_OK;
    (void)snprintf(padded, sizeof padded, "%s", token);
    if (!look_up(auth, &may, padded))
        code = known_only ? refuse(error) : ask(auth, &may, padded, error);
    slk_bytes_wipe(padded, sizeof padded);
    SLK_TRY(code);
    if (may.grant.permissions == 0)
        return refuse(error);
    *ret_may = may;
    return SLK_OK;
}
