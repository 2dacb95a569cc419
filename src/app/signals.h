/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ending a server: SIGINT and SIGTERM are blocked before any thread starts and taken by one wait. */
#ifndef SLK_APP_SIGNALS_H
#define SLK_APP_SIGNALS_H

#include <stdbool.h>

void slk_signals_block(void);
/* Waits for one of them and returns its number. */
int slk_signals_wait(void);
/* Whether one of them came; takes it. */
bool slk_signals_came(void);

#endif
