/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What this process as a whole may do; once, before it does anything else. */
#ifndef SLK_BASE_PROCESS_H
#define SLK_BASE_PROCESS_H

#include <stdbool.h>

/* Raises the limit on open files to the most it may have. Where that is refused nothing changes:
 * files that cannot be opened say so. */
void slk_allow_open_files(void);

/* Whether a crash may leave a core dump, and another process of the same user look into this one's
 * memory (root always may). Either would show secrets. */
void slk_set_core_dumps(bool allowed);

#endif
