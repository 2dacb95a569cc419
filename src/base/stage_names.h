/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names of stages that another process tells of, as texts that a job may keep (base/job.h). */
#ifndef SLK_BASE_STAGE_NAMES_H
#define SLK_BASE_STAGE_NAMES_H

#define SLK_STAGE_NAMES_MAX 128u
#define SLK_STAGE_NAME_CHARS 48u /* with the final NUL */

/* {0}: empty. The owner guards it. */
typedef struct slk_stage_names {
    char *name[SLK_STAGE_NAMES_MAX];
} slk_stage_names;

/* The name, as a text that lives until _done. otherwise, which the caller keeps: for one that is too long,
 * empty or not printable ASCII, beyond the room for names, and without memory. */
const char *slk_stage_names_keep(slk_stage_names *names, const char *name, const char *otherwise);
/* No job has any of them any more. */
void slk_stage_names_done(slk_stage_names *names);

#endif
