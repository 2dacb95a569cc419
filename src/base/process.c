/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/process.h"

#include "base/err.h"

#include <sys/prctl.h>
#include <sys/resource.h>

void slk_allow_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* A limit on their size would not do: dumps that go to a program are made in spite of it. */
void slk_set_core_dumps(bool allowed)
{
    slk_assert(prctl(PR_SET_DUMPABLE, allowed ? 1 : 0, 0, 0, 0) == 0);
}
