/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a running node takes over without a restart: its log and its certificate.
 *
 * The level is that of `selkie log set-level` while there is one, else LogLevel; the former ends with
 * the node. */
#ifndef SLK_APP_RELOAD_H
#define SLK_APP_RELOAD_H

#include "app/config.h"
#include "app/repo.h"
#include "base/err.h"

#define SLK_LOG_FILE "selkie.log" /* in the repository, when LogFile is not set */

/* The file that `selkie log set-level` leaves its level in. */
#define SLK_LOG_LEVEL_FILE "log-level"

/* Opens the log as config says: level and file. A file that cannot be opened is a line in the log.
 * _start also ends what set-level set for the node before. */
void slk_log_start(const slk_repo *repo);
void slk_log_apply(const slk_repo *repo, const slk_config *config);

/* "<repository>/selkie.log", or LogFile. NULL when out of memory. */
char *slk_log_path(const slk_repo *repo, const slk_config *config) SLK_MUST_CHECK;

/* Reads the configuration at path (NULL: the repository's own) again, applies the log's part of it
 * and logs what else changed and wants a restart. A configuration with a mistake changes nothing and is a
 * line in the log. */
void slk_reload(const slk_repo *repo, const char *config_file);

#endif
