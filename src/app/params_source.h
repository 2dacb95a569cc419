/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where `selkie params fetch` gets files over the network: an https URL that file names are
 * appended to. The digests are checked by proofs/params. */
#ifndef SLK_APP_PARAMS_SOURCE_H
#define SLK_APP_PARAMS_SOURCE_H

#include "base/err.h"
#include "base/job.h"

#include <stdbool.h>

typedef struct slk_params_url slk_params_url;

bool slk_params_url_is(const char *from); /* an http or https URL, not a folder */
/* base is copied. Plain http only to this machine's loopback. */
SLK_MUST_CHECK slk_err slk_params_url_new(slk_params_url **ret_url, const char *base,
                                          slk_error *error);
void slk_params_url_freep(slk_params_url **url); /* for SLK_CLEANUP */

/* An slk_params_source; context is the slk_params_url. Streams the body to fd from offset 0, with
 * progress in bytes. */
SLK_MUST_CHECK slk_err slk_params_url_get(void *context, const char *name, int fd, slk_job *job,
                                          slk_error *error);

#endif
