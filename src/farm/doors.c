/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/doors.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "net/jwt.h"
#include "net/token.h"
#include "rpc/permission.h"

#include <assert.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define DOOR_CHARS 320u
#define HOST_CHARS 256u

static_assert(sizeof((slk_jwt_claims *)0)->subject >= SLK_LOTUS_NAME_CHARS, "any sector fits");

struct door {
    char url[DOOR_CHARS]; /* "http://10.0.0.5:3456" */
    char mark[SLK_FARM_MARK_CHARS];
    char pin[SLK_CERTIFICATE_PIN_CHARS];
    slk_ip_set only;
    char token[SLK_FARM_TOKEN_CHARS]; /* "" not made yet */
    int64_t token_ends_s;
    uint64_t turn; /* when it was named last, counted */
};

struct slk_farm_doors {
    slk_ip_set allowed;
    uint8_t secret32[SLK_JWT_SECRET_BYTES];
    pthread_mutex_t lock; /* guards what follows */
    struct door **doors;
    size_t n;
    uint64_t turns;
};

/* ---- who ---- */

slk_err slk_farm_who_is(slk_farm_who *ret_who, const char *credential, const char *peer,
                        slk_error *error)
{
    slk_farm_who who = {.mark = ""};
    char owner[SLK_ADDRESS_CHARS], hash[65];
    if (!slk_ip_parse(&who.ip, peer))
        return slk_fail(error, SLK_E_INVAL, "the caller has no address that is known");
    slk_ip_owner(owner, &who.ip);
    SLK_CLEANUP(slk_freep) char *text = slk_strf("%s|%s", owner, credential);
    if (!text)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a caller");
    slk_net_token_hash(hash, text);
    slk_bytes_wipe(text, strlen(text));
    memcpy(who.mark, hash, sizeof who.mark - 1);
    *ret_who = who;
    return SLK_OK;
}

/* ---- URLs ---- */

struct place {
    char door[DOOR_CHARS];
    char host[HOST_CHARS]; /* without brackets */
    const char *pin; /* into the URL; "" none */
    bool tls;
};

/* Names, addresses and ports alone: no user, no escapes. */
static bool split_authority(struct place *ret, const char *authority, size_t n)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  ".-_:[]";
    if (n == 0 || strspn(authority, letters) < n)
        return false;
    const char *end = authority + n;
    if (authority[0] == '[') {
        authority++;
        end = memchr(authority, ']', n - 1);
    } else if (memchr(authority, ':', n)) {
        end = memchr(authority, ':', n);
    }
    if (!end || end == authority || (size_t)(end - authority) >= sizeof ret->host)
        return false;
    (void)snprintf(ret->host, sizeof ret->host, "%.*s", (int)(end - authority), authority);
    return true;
}

static slk_err read_place(struct place *ret, const char *url, slk_error *error)
{
    struct place place = {.tls = strncmp(url, "https://", 8) == 0, .pin = ""};
    const char *authority = url + (place.tls ? 8 : 7);
    if (!place.tls && strncmp(url, "http://", 7) != 0)
        return slk_fail(error, SLK_E_INVAL, "a worker's URL begins with http:// or https://");
    const size_t n = strcspn(authority, "/?#");
    const size_t chars = (size_t)(authority - url) + n;
    if (chars >= sizeof place.door || !split_authority(&place, authority, n))
        return slk_fail(error, SLK_E_INVAL,
                        "a worker's URL names a host and a port, such as http://10.0.0.5:3456");
    memcpy(place.door, url, chars);
    const char *mark = strchr(url, '#');
    place.pin = mark ? mark + 1 : "";
    if (*place.pin &&
        (!place.tls ||
         strncmp(place.pin, SLK_CERTIFICATE_PIN_PREFIX, strlen(SLK_CERTIFICATE_PIN_PREFIX)) != 0 ||
         strlen(place.pin) >= SLK_CERTIFICATE_PIN_CHARS))
        return slk_fail(error, SLK_E_INVAL,
                        "what follows # in a worker's URL is no pin of an https server's key");
    *ret = place;
    return SLK_OK;
}

void slk_farm_url_plain(char *url)
{
    url[strcspn(url, "#")] = 0;
}

/* ---- whose an address is ---- */

static bool equal(const slk_ip *a, const slk_ip *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool is_here(const slk_ip *ip)
{
    struct ifaddrs *list = NULL;
    bool here = slk_ip_is_loopback(ip);
    if (here || getifaddrs(&list) != 0)
        return here;
    for (const struct ifaddrs *i = list; i && !here; i = i->ifa_next) {
        slk_ip own;
        here = i->ifa_addr && slk_ip_of_socket(&own, i->ifa_addr) && equal(&own, ip);
    }
    freeifaddrs(list);
    return here;
}

static void add_address(slk_ip_set *set, const slk_ip *ip)
{
    if (set->n < SLK_ADDRESS_SET_MAX && !slk_ip_set_has(set, ip))
        set->range[set->n++] = (slk_ip_range){.first = *ip, .bits = 128};
}

static slk_err leads_elsewhere(const struct place *place, const slk_farm_who *who, slk_error *error)
{
    char from[SLK_ADDRESS_CHARS];
    slk_ip_print(from, &who->ip);
    return slk_fail(
        error, SLK_E_AUTH,
        "%.100s does not lead to %s, where the worker calls from: start the worker with "
        "--listen and an address that this node reaches it by, or allow its address on "
        "the node by WorkerAddresses in [API]",
        place->door, from);
}

/* Those of the host's addresses that the caller may name. */
static slk_err find_addresses(slk_ip_set *ret, const slk_farm_doors *doors,
                              const struct place *place, const slk_farm_who *who, slk_error *error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    slk_ip_set good = {0};
    const int failed = getaddrinfo(place->host, NULL, &hints, &list);
    if (failed)
        return slk_fail(error, SLK_E_INVAL, "the name %.100s in a worker's URL: %s", place->host,
                        gai_strerror(failed));
    const bool from_here = is_here(&who->ip);
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        slk_ip ip;
        if (slk_ip_of_socket(&ip, a->ai_addr) &&
            (equal(&ip, &who->ip) || (from_here && is_here(&ip)) ||
             slk_ip_set_has(&doors->allowed, &ip)))
            add_address(&good, &ip);
    }
    freeaddrinfo(list);
    if (good.n == 0)
        return leads_elsewhere(place, who, error);
    *ret = good;
    return SLK_OK;
}

/* ---- the list ---- */

slk_err slk_farm_doors_new(slk_farm_doors **ret_doors, const slk_ip_set *allowed, slk_error *error)
{
    slk_farm_doors *doors = slk_calloc(1, sizeof *doors);
    if (!doors)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the doors of workers");
    if (allowed)
        doors->allowed = *allowed;
    slk_rng_fill(doors->secret32, sizeof doors->secret32);
    slk_assert(pthread_mutex_init(&doors->lock, NULL) == 0);
    *ret_doors = doors;
    return SLK_OK;
}

static void free_door(struct door *door)
{
    slk_bytes_wipe(door->token, sizeof door->token);
    slk_free(door);
}

void slk_farm_doors_free(slk_farm_doors *doors)
{
    if (!doors)
        return;
    for (size_t i = 0; i < doors->n; i++)
        free_door(doors->doors[i]);
    slk_free(doors->doors);
    slk_bytes_wipe(doors->secret32, sizeof doors->secret32);
    (void)pthread_mutex_destroy(&doors->lock);
    slk_free(doors);
}

static struct door *find_door(const slk_farm_doors *doors, const char *url)
{
    for (size_t i = 0; i < doors->n; i++)
        if (strcmp(doors->doors[i]->url, url) == 0)
            return doors->doors[i];
    return NULL;
}

/* The caller's oldest, when it has as many as one may have. */
static void make_room(slk_farm_doors *doors, const char *mark)
{
    size_t own = 0, oldest = 0;
    for (size_t i = 0; i < doors->n; i++)
        if (strcmp(doors->doors[i]->mark, mark) == 0 &&
            (own++ == 0 || doors->doors[i]->turn < doors->doors[oldest]->turn))
            oldest = i;
    if (own < SLK_FARM_DOORS_OF_ONE)
        return;
    free_door(doors->doors[oldest]);
    doors->doors[oldest] = doors->doors[--doors->n];
}

static slk_err new_door(struct door **ret, slk_farm_doors *doors, const struct place *place,
                        const char *mark, slk_error *error)
{
    make_room(doors, mark);
    if (doors->n == SLK_FARM_DOORS_MAX)
        return slk_fail(error, SLK_E_LIMIT, "workers have named %u places already",
                        SLK_FARM_DOORS_MAX);
    struct door **more = slk_realloc(doors->doors, doors->n + 1, sizeof(struct door *));
    if (more)
        doors->doors = more;
    struct door *door = more ? slk_calloc(1, sizeof *door) : NULL;
    if (!door)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the doors of workers");
    memcpy(door->url, place->door, sizeof door->url);
    doors->doors[doors->n++] = door;
    *ret = door;
    return SLK_OK;
}

slk_err slk_farm_doors_open(slk_farm_doors *doors, const char *url, const slk_farm_who *who,
                            slk_error *error)
{
    struct place place;
    slk_ip_set only;
    SLK_TRY(read_place(&place, url, error));
    SLK_TRY(find_addresses(&only, doors, &place, who, error));
    (void)pthread_mutex_lock(&doors->lock);
    struct door *door = find_door(doors, place.door);
    const slk_err code = door ? SLK_OK : new_door(&door, doors, &place, who->mark, error);
    if (code == SLK_OK) {
        if (strcmp(door->mark, who->mark) != 0)
            door->token_ends_s = 0; /* what was shown bears another's mark */
        memcpy(door->mark, who->mark, sizeof door->mark);
        (void)snprintf(door->pin, sizeof door->pin, "%s", place.pin);
        door->only = only;
        door->turn = ++doors->turns;
    }
    (void)pthread_mutex_unlock(&doors->lock);
    return code;
}

/* ---- what is shown ---- */

static slk_err make_token(char out[SLK_FARM_TOKEN_CHARS], const slk_farm_doors *doors,
                          const char *mark, unsigned permissions, const slk_lotus_sector *sector,
                          int64_t ends_s, slk_error *error)
{
    slk_jwt_claims claims = {.expires_s = ends_s};
    char *token = NULL;
    (void)snprintf(claims.id, sizeof claims.id, "%s", mark);
    if (sector)
        slk_lotus_sector_print(claims.subject, sector);
    slk_rpc_permissions_to_claims(&claims, permissions);
    SLK_TRY(slk_jwt_make(&token, &claims, doors->secret32, error));
    const size_t n = strlen(token);
    slk_assert(n < SLK_FARM_TOKEN_CHARS);
    memcpy(out, token, n + 1);
    slk_bytes_wipe(token, n);
    slk_free(token);
    return SLK_OK;
}

/* Lock held. */
static slk_err take_key(slk_farm_key *ret_key, slk_farm_doors *doors, struct door *door,
                        const slk_lotus_sector *fetch, slk_error *error)
{
    const int64_t now_s = slk_clock_wall_ms() / 1000;
    const int64_t left_s = door->token_ends_s - now_s;
    if (fetch) {
        SLK_TRY(make_token(ret_key->token, doors, door->mark, SLK_RPC_FETCH, fetch,
                           now_s + SLK_FARM_FETCH_KEY_S, error));
    } else {
        if (left_s < SLK_FARM_KEY_S / 2 || left_s > SLK_FARM_KEY_S) { /* or the clock was set */
            SLK_TRY(make_token(door->token, doors, door->mark, SLK_RPC_ADMIN, NULL,
                               now_s + SLK_FARM_KEY_S, error));
            door->token_ends_s = now_s + SLK_FARM_KEY_S;
        }
        memcpy(ret_key->token, door->token, sizeof ret_key->token);
    }
    memcpy(ret_key->pin, door->pin, sizeof ret_key->pin);
    ret_key->only = door->only;
    return SLK_OK;
}

slk_err slk_farm_doors_key(slk_farm_doors *doors, slk_farm_key *ret_key, const char *url,
                           const slk_lotus_sector *fetch, slk_error *error)
{
    struct place place;
    SLK_TRY(read_place(&place, url, error));
    (void)pthread_mutex_lock(&doors->lock);
    struct door *door = find_door(doors, place.door);
    const slk_err code = door ? take_key(ret_key, doors, door, fetch, error)
                              : slk_fail(error, SLK_E_NOTFOUND,
                                         "no worker that is known here named %.100s", place.door);
    (void)pthread_mutex_unlock(&doors->lock);
    return code;
}

bool slk_farm_doors_is_of(slk_farm_doors *doors, const char *url, const slk_farm_who *who)
{
    struct place place;
    if (read_place(&place, url, NULL) != SLK_OK)
        return false;
    (void)pthread_mutex_lock(&doors->lock);
    const struct door *door = find_door(doors, place.door);
    const bool is = door && strcmp(door->mark, who->mark) == 0;
    (void)pthread_mutex_unlock(&doors->lock);
    return is;
}

void slk_farm_key_wipe(slk_farm_key *key)
{
    slk_bytes_wipe(key->token, sizeof key->token);
}

slk_http_pass slk_farm_key_pass(const slk_farm_key *key)
{
    return (slk_http_pass){.bearer = key->token, .pin = key->pin, .only = &key->only};
}

bool slk_farm_doors_know(slk_farm_doors *doors, slk_farm_may *ret_may, const char *token,
                         const slk_farm_who *who)
{
    slk_jwt_claims claims;
    if (slk_jwt_read(&claims, token, doors->secret32, slk_clock_wall_ms() / 1000, NULL) != SLK_OK ||
        strcmp(claims.id, who->mark) != 0)
        return false;
    *ret_may = (slk_farm_may){.permissions = slk_rpc_permissions_of_claims(&claims)};
    (void)snprintf(ret_may->sector, sizeof ret_may->sector, "%s", claims.subject);
    return true;
}
