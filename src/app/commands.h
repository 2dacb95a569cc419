/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* All commands of the program: the tables, ending with NULL. Names that begin with "__" are for
 * programs: nothing lists them. */
#ifndef SLK_APP_COMMANDS_H
#define SLK_APP_COMMANDS_H

#include "app/command.h"

extern const slk_command *const slk_command_tables[];

#endif
