/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/selling.h"

#include "base/cond.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/forecast.h"
#include "service/order.h"

#include <pthread.h>

#define LOOK_MS 1000 /* between two looks at what was sealed */
#define PAUSE_MS 10000 /* after one that failed */

struct slk_selling {
    const slk_repo *repo;
    slk_seal *seal;
    slk_signing_key *key;
    slk_shop *shop;
    pthread_t thread;
    bool runs;
    pthread_mutex_t mutex; /* guards stopping */
    pthread_cond_t woken;
    bool stopping;
};

slk_err slk_selling_key(slk_signing_key **ret_key, const slk_repo *repo, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_repo_path(repo, SLK_SIGNING_KEY_FILE, "");
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the service");
    return slk_signing_key_load(ret_key, path, error);
}

/* ---- what the doors ask of the node ---- */

static slk_err eta(void *context, int64_t *ret_ms, const slk_order_wish *wish, slk_error *error)
{
    const slk_selling *s = context;
    slk_forecast forecast;
    SLK_TRY(slk_forecast_make(&forecast, slk_seal_db(s->seal), wish->sectors,
                              s->repo->config.service_sector_ms, slk_seal_now(s->seal), error));
    *ret_ms = forecast.eta_ms;
    return SLK_OK;
}

static slk_err own_url(void *context, char **ret_url, slk_error *error)
{
    const slk_selling *s = context;
    return slk_repo_url(ret_url, s->repo, error);
}

static slk_err make_shop(slk_selling *s, slk_error *error)
{
    SLK_TRY(slk_selling_key(&s->key, s->repo, error));
    const slk_shop_options options = {
        .seal = s->seal, .key = s->key, .eta = eta, .own_url = own_url, .context = s};
    return slk_shop_new(&s->shop, &options, error);
}

slk_err slk_selling_new(slk_selling **ret_selling, const slk_repo *repo, slk_seal *seal,
                        slk_error *error)
{
    slk_selling *s = slk_calloc(1, sizeof *s);
    if (!s)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the service");
    s->repo = repo;
    s->seal = seal;
    slk_assert(pthread_mutex_init(&s->mutex, NULL) == 0);
    slk_assert(slk_cond_init(&s->woken) == 0);
    const slk_err code = make_shop(s, error);
    if (code != SLK_OK) {
        slk_selling_free(s);
        return code;
    }
    *ret_selling = s;
    return SLK_OK;
}

size_t slk_selling_routes(slk_http_route out[SLK_SHOP_ROUTES_MAX], slk_selling *selling)
{
    return slk_shop_routes(out, selling->shop);
}

/* ---- the thread ---- */

/* How long to wait for the next look. */
static int64_t look(slk_selling *s)
{
    slk_error error = {0};
    uint64_t moved = 0;
    const slk_err code = slk_order_turn(&moved, slk_seal_db(s->seal), s->seal, s->key,
                                        slk_seal_now(s->seal), &error);
    if (code != SLK_OK) {
        slk_log(SLK_LOG_WARN, "service.turn", "why=\"%s\" then=\"again in %d s\"",
                slk_error_text(&error, code), PAUSE_MS / 1000);
        return PAUSE_MS;
    }
    if (moved > 0)
        slk_log(SLK_LOG_INFO, "service.moved", "sectors=%llu", (unsigned long long)moved);
    return moved > 0 ? 0 : LOOK_MS;
}

/* True: it is to end. */
static bool wait_for_end(slk_selling *s, int64_t ms)
{
    slk_assert(pthread_mutex_lock(&s->mutex) == 0);
    if (!s->stopping && ms > 0)
        (void)slk_cond_wait_ms(&s->woken, &s->mutex, ms);
    const bool stopping = s->stopping;
    slk_assert(pthread_mutex_unlock(&s->mutex) == 0);
    return stopping;
}

static void *bill(void *context)
{
    slk_selling *s = context;
    while (!wait_for_end(s, look(s)))
        continue;
    return NULL;
}

slk_err slk_selling_start(slk_selling *selling, slk_error *error)
{
    const int code = pthread_create(&selling->thread, NULL, bill, selling);
    if (code != 0)
        return slk_fail_errno(error, code, "cannot start a thread for the service");
    selling->runs = true;
    return SLK_OK;
}

void slk_selling_stop(slk_selling *selling)
{
    if (!selling || !selling->runs)
        return;
    slk_assert(pthread_mutex_lock(&selling->mutex) == 0);
    selling->stopping = true;
    slk_assert(pthread_cond_signal(&selling->woken) == 0);
    slk_assert(pthread_mutex_unlock(&selling->mutex) == 0);
    slk_assert(pthread_join(selling->thread, NULL) == 0);
    selling->runs = false;
}

void slk_selling_free(slk_selling *selling)
{
    if (!selling)
        return;
    slk_shop_free(selling->shop);
    slk_signing_key_free(selling->key);
    (void)pthread_cond_destroy(&selling->woken);
    (void)pthread_mutex_destroy(&selling->mutex);
    slk_free(selling);
}
