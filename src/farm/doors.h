/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The doors of a node's workers: where one is called, who named the place, and what is shown there.
 *
 * A worker names its URLs itself. They may lead to the address that its call came from, and to those that
 * the operator allows: nobody makes this node call others in its network. To a caller of this machine all
 * addresses of this machine are its own. A name is looked up then, and later only what it stood for is
 * connected to.
 *
 * Each door is shown a token of its own, which bears the mark of who named it. A worker asks its node what
 * a token that came to it allows (AuthVerify): one that bears another's mark is nobody's. So what one
 * worker is shown opens nothing at another. Tokens end, and with this process.
 *
 * A door is the scheme, host and port of a URL, as they are written. All functions: any thread; _open may
 * wait for the look-up of a name. source: reference/lotus-worker 2, 5.1 */
#ifndef SLK_FARM_DOORS_H
#define SLK_FARM_DOORS_H

#include "base/err.h"
#include "net/address.h"
#include "lotus/name.h"
#include "net/certificate.h"
#include "net/client.h"

#include <stdbool.h>

#define SLK_FARM_MARK_CHARS 41u /* with the NUL; shorter than a JWT's id may be */
#define SLK_FARM_DOORS_MAX 4096u
#define SLK_FARM_DOORS_OF_ONE 64u /* a caller with more loses those that it named first */
#define SLK_FARM_TOKEN_CHARS 512u
#define SLK_FARM_KEY_S \
    3600 /* what a worker is shown is good for so long, made anew at half of it */
#define SLK_FARM_WORKER_TOKEN_S 86400 /* a worker's own, which it renews (Selkie.WorkerToken) */
#define SLK_FARM_FETCH_KEY_S 21600 /* what another worker is given: as long as a slow fetch takes */

/* A caller. */
typedef struct slk_farm_who {
    char mark[SLK_FARM_MARK_CHARS]; /* of its token and of its address (slk_ip_owner) */
    slk_ip ip;
} slk_farm_who;

/* credential: the id of the caller's token; of one without an id the token. peer: numeric address, else
 * SLK_E_INVAL. */
SLK_MUST_CHECK slk_err slk_farm_who_is(slk_farm_who *ret_who, const char *credential,
                                       const char *peer, slk_error *error);

typedef struct slk_farm_doors slk_farm_doors;

/* allowed: copied; NULL none beside the callers' own. */
SLK_MUST_CHECK slk_err slk_farm_doors_new(slk_farm_doors **ret_doors, const slk_ip_set *allowed,
                                          slk_error *error);
void slk_farm_doors_free(slk_farm_doors *doors); /* wipes; NULL allowed */

/* who named this URL, which may end in '#' and the pin (net/certificate.h) of an https server's key.
 * Repeating is fine; another caller takes the door over. SLK_E_AUTH: it leads elsewhere, with what to do;
 * SLK_E_INVAL: no URL of a worker; SLK_E_LIMIT. */
SLK_MUST_CHECK slk_err slk_farm_doors_open(slk_farm_doors *doors, const char *url,
                                           const slk_farm_who *who, slk_error *error);

/* What is shown at a door. */
typedef struct slk_farm_key {
    char token[SLK_FARM_TOKEN_CHARS];
    char pin[SLK_CERTIFICATE_PIN_CHARS]; /* "" none */
    slk_ip_set only; /* addresses that may be connected to */
} slk_farm_key;

/* Whether who named the door of that URL last. */
bool slk_farm_doors_is_of(slk_farm_doors *doors, const char *url, const slk_farm_who *who);

/* fetch: good for the files of that sector alone; NULL: for all. SLK_E_NOTFOUND: no worker named that
 * door. */
SLK_MUST_CHECK slk_err slk_farm_doors_key(slk_farm_doors *doors, slk_farm_key *ret_key,
                                          const char *url, const slk_lotus_sector *fetch,
                                          slk_error *error);
void slk_farm_key_wipe(slk_farm_key *key);
/* It points into *key. */
slk_http_pass slk_farm_key_pass(const slk_farm_key *key);

/* What a token allows at a worker. */
typedef struct slk_farm_may {
    unsigned permissions; /* rpc/permission.h */
    char sector[SLK_LOTUS_NAME_CHARS]; /* the one that it is good for; "" any */
} slk_farm_may;
/* Whether the token is one shown at a door of who, and what it allows there. */
bool slk_farm_doors_know(slk_farm_doors *doors, slk_farm_may *ret_may, const char *token,
                         const slk_farm_who *who);

/* Cuts the pin off a URL. */
void slk_farm_url_plain(char *url);

#endif
