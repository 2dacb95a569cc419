/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Signals of a server: blocked before any thread starts, and taken by one wait. SIGINT and SIGTERM
 * end it; SIGHUP, for those that block it as well, has it read its configuration again. */
#ifndef SLK_APP_SIGNALS_H
#define SLK_APP_SIGNALS_H

#include <stdbool.h>

void slk_signals_block(void); /* SIGINT, SIGTERM */
void slk_signals_block_hup(void); /* SIGHUP too */
/* Waits for one of the blocked ones and returns its number. */
int slk_signals_wait(void);
/* Whether SIGINT or SIGTERM came; takes it. */
bool slk_signals_came(void);

#endif
