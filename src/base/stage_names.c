/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/stage_names.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool is_good(const char *name)
{
    size_t n = 0;
    while (n < SLK_STAGE_NAME_CHARS && name[n] >= ' ' && name[n] <= '~')
        n++;
    return n > 0 && n < SLK_STAGE_NAME_CHARS && name[n] == 0;
}

const char *slk_stage_names_keep(slk_stage_names *names, const char *name, const char *otherwise)
{
    size_t i = 0;
    if (!is_good(name))
        return otherwise;
    while (i < SLK_STAGE_NAMES_MAX && names->name[i] && strcmp(names->name[i], name) != 0)
        i++;
    if (i == SLK_STAGE_NAMES_MAX)
        return otherwise;
    if (!names->name[i])
        names->name[i] = slk_strdup(name);
    return names->name[i] ? names->name[i] : otherwise;
}

void slk_stage_names_done(slk_stage_names *names)
{
    for (size_t i = 0; i < SLK_STAGE_NAMES_MAX; i++)
        slk_free(names->name[i]);
    *names = (slk_stage_names){0};
}
