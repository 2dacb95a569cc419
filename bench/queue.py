#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""How many tasks a second go through one database, and whether that stays when ten and a hundred times as many
wait: five nodes in one process, on one SQLite file in memory, all sectors ordered before the first is sealed.
Sealing itself takes no time here; orders count. usage: bench/queue.py build [SECTORS …]"""
import os
import pathlib
import resource
import subprocess
import sys
import time

STEPS = 4  # tasks of a sector: ticket, SDR, trees, notify
AT_LEAST = 1000


def measure(test, sectors):
    """Seconds by the clock and of processors; the test itself looks that each task had its effect once."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([test], check=True, capture_output=True, env={**os.environ, "SELKIE_TEST_SECTORS": str(sectors)})
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    test = pathlib.Path(sys.argv[1]).resolve() / "src/seal/seal_queue_test"
    slow = False
    for sectors in [int(n) for n in sys.argv[2:]] or [2_500, 25_000]:
        wall, work = measure(test, sectors)
        tasks = sectors * STEPS
        slow = slow or tasks / wall < AT_LEAST
        print(f"{tasks:8,} tasks of {sectors:,} sectors: {wall:6.1f} s, {tasks / wall:6.0f} tasks a second, {work / sectors * 1e6:6.0f} us of a "
              f"processor for a sector; at least {AT_LEAST} a second")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
