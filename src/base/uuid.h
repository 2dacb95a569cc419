/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* UUIDs as lower-case text with dashes: names of calls, sessions, messages, storage paths. */
#ifndef SLK_BASE_UUID_H
#define SLK_BASE_UUID_H

#include <stdbool.h>

#define SLK_UUID_CHARS 37u /* with the NUL */
#define SLK_UUID_NIL "00000000-0000-0000-0000-000000000000"

/* A fresh random one (version 4). */
void slk_uuid_random(char out[SLK_UUID_CHARS]);

/* The whole text is a UUID of any version, the nil one included: hexadecimal digits in lower case. */
bool slk_uuid_is(const char *text);

#endif
