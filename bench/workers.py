#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a node's workers cost beside their work: one provider, workers and sectors of 2 KiB, each figure with its
bound. Folders lie in memory (TMPDIR says otherwise), so that the time a disk takes for an fsync is not
counted: four are on a task's way. Nothing else should run on the machine. Exit 1 when a bound is missed.

    python3 bench/workers.py build/selkie [--sectors 64] [--workers 8] [--json FILE]
"""
import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
if "TMPDIR" not in os.environ and os.access("/dev/shm", os.W_OK):
    tempfile.tempdir = "/dev/shm"

from eight_workers_test import done_tasks, only_workers, sealed  # noqa: E402
from figures import Figures  # noqa: E402
from many_workers import Folder, Workers, farm, json, lines  # noqa: E402

TASKS = ("PC1", "PC2", "C1")
COMMANDS = (("info",), ("worker", "list"), ("sealing", "jobs"), ("sealing", "sched-diag"), ("sector", "list"))


def computing(group):
    """By call: seconds between its start and its end at the worker."""
    began, took = {}, {}
    for worker in group.all:
        for when, event, fields in lines(worker.log):
            if event == "call.started":
                began[fields["call"]] = when
            elif event == "call.done" and fields["call"] in began:
                took[fields["call"]] = when - began[fields["call"]]
    return took


def idle_share(rows, workers):
    """Of the time in which labels, which any worker makes, waited for one: how much of it a worker had nothing, in
    percent; 0 when none waited for longer than the clock's grain."""
    waits = sorted((asked, given) for asked, given, _, fields in rows if fields["task"] == "PC1" and given - asked > 0.001)
    busy = {}
    for _, given, end, fields in rows:
        busy.setdefault(fields["worker"], []).append((given, end))
    idle = total = 0.0
    for start, end in waits:
        for worker in workers:
            work = sum(max(0.0, min(b, end) - max(a, start)) for a, b in busy.get(worker, ()))
            idle += max(0.0, end - start - work)
            total += end - start
    return 100 * idle / total if total else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("selkie")
    parser.add_argument("--sectors", type=int, default=64)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    figures, asked = Figures(), {command: [] for command in COMMANDS}
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        with Workers(ours, options.workers) as group:
            ours.order(count=options.sectors)
            start = time.monotonic()
            while not sealed(ours, options.sectors):
                for command in COMMANDS:
                    before = time.monotonic()
                    ours.on("provider", *command)
                    asked[command].append(time.monotonic() - before)
            wall, took = time.monotonic() - start, computing(group)
            rows = [row for task in TASKS for row in done_tasks(ours, task)]
            names = [worker.name for worker in group.all]
    over = [1000 * (end - given - took[fields["call"]]) for _, given, end, fields in rows if fields["call"] in took]
    figures.say(f"beside its work a task takes, {len(over)} tasks of {options.sectors} sectors at {options.workers} workers in {wall:.1f} s, median", statistics.median(over), "at most", 5, "ms")
    figures.say("a task waits in the scheduler, median", 1000 * statistics.median(given - at for at, given, _, _ in rows), "at most", 5, "ms")
    figures.say("workers without a task while labels waited for a worker", idle_share(rows, names), "at most", 5, "% of that time")
    for command, seconds in asked.items():
        figures.say(f"`selkie {' '.join(command)}` meanwhile, the slowest of {len(seconds)}", 1000 * max(seconds), "below", 100, "ms")
    if options.json:
        options.json.write_text(json.dumps({"load": os.getloadavg(), "rows": figures.rows}, indent=1) + "\n")
    sys.exit(0 if all(row["reached"] for row in figures.rows) else 1)


if __name__ == "__main__":
    main()
