/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/signals.h"

#include "base/err.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static void fill(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
}

void slk_signals_block(void)
{
    sigset_t set;
    fill(&set);
    slk_assert(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

void slk_signals_block_hup(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGHUP);
    slk_assert(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

int slk_signals_wait(void)
{
    sigset_t set, blocked;
    int number = 0;
    fill(&set);
    slk_assert(pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0);
    if (sigismember(&blocked, SIGHUP) == 1)
        (void)sigaddset(&set, SIGHUP);
    slk_assert(sigwait(&set, &number) == 0);
    return number;
}

bool slk_signals_came(void)
{
    sigset_t set;
    fill(&set);
    const struct timespec at_once = {0};
    return sigtimedwait(&set, NULL, &at_once) > 0;
}
