#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a node's workers cost beside their work: one provider, workers and sectors of 2 KiB, each figure with its
bound. Folders lie in memory (TMPDIR says otherwise), so that the time a disk takes for an fsync is not
counted: four are on a task's way. Nothing else should run on the machine. Exit 1 when a bound is missed.

    python3 bench/workers.py build/selkie [--sectors 64] [--workers 8] [--json FILE] [--docs docs/performance.md]
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
from many_workers import Folder, Workers, farm, json, lines, selkie  # noqa: E402
from side_by_side import write_docs  # noqa: E402

TASKS = ("PC1", "PC2", "C1")
ALONE = 8  # sectors that have the machine to themselves
IDLE_SECONDS = 30  # three heartbeats
ASKS_NOBODY = ("worker", "resources")  # the start of a process alone
COMMANDS = (ASKS_NOBODY, ("info",), ("worker", "list"), ("sealing", "jobs"), ("sealing", "sched-diag"), ("sector", "list"))


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


def idle_share(rows, workers, wall):
    """How much of the time labels, which any worker makes, waited for a worker while one had nothing, in percent."""
    busy = {}
    for _, given, end, fields in rows:
        busy.setdefault(fields["worker"], []).append((given, end))
    waits = [row[:2] for row in rows if row[3]["task"] == "PC1"]
    moments = sorted({at for row in rows for at in row[:3]})
    wasted = 0.0
    for start, end in zip(moments, moments[1:]):
        waiting = any(asked <= start and end <= given for asked, given in waits)
        if waiting and any(not any(a <= start and end <= b for a, b in busy.get(w, ())) for w in workers):
            wasted += end - start
    return 100 * wasted / wall


def rows_of(ours):
    return [row for task in TASKS for row in done_tasks(ours, task)]


def beside_work(rows, group):
    """Milliseconds that tasks took beside the work itself, in rising order."""
    took = computing(group)
    return sorted(1000 * (end - given - took[fields["call"]]) for _, given, end, fields in rows if fields["call"] in took)


def processor_ms(process):
    """Its processor time so far, of all its threads. source: clock_getcpuclockid(3)"""
    return 1000 * time.clock_gettime(~process.pid << 3 | 2)


def idle_ms(process):
    """What it takes of each second while nothing is to be done."""
    before, start = processor_ms(process), time.monotonic()
    time.sleep(IDLE_SECONDS)
    return (processor_ms(process) - before) / (time.monotonic() - start)


def one_after_another(ours, group, count):
    """The machine has time for each: what is left is the way to the worker and back."""
    for done in range(1, count + 1):
        ours.order(count=1)
        ours.wait(lambda: sealed(ours, done), 60, "a sector alone")
    return rows_of(ours)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("selkie")
    parser.add_argument("--sectors", type=int, default=64)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--docs", type=pathlib.Path, help="a page whose marked table is replaced")
    options = parser.parse_args()
    figures, asked = Figures(), {command: [] for command in COMMANDS}
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        node = ours.processes["provider"]
        without = idle_ms(node)
        with Workers(ours, options.workers) as group:
            idle = idle_ms(node) - without
            alone = one_after_another(ours, group, ALONE)
            quiet = beside_work(alone, group)
            before_ms, start = processor_ms(node), time.monotonic()
            ours.order(count=options.sectors)
            while not sealed(ours, ALONE + options.sectors):
                for command in COMMANDS:
                    before = time.monotonic()
                    if command == ASKS_NOBODY:
                        selkie(*command)
                    else:
                        ours.on("provider", *command)
                    asked[command].append(time.monotonic() - before)
            wall, node_ms = time.monotonic() - start, processor_ms(node) - before_ms
            rows = [row for row in rows_of(ours) if row not in alone]
            over, names = beside_work(rows, group), [worker.name for worker in group.all]
    figures.say(f"an idle worker costs the node, of {options.workers}", idle / options.workers, "at most", 0.5, "ms of processor time a second")
    figures.say(f"beside its work a task takes, {len(quiet)} tasks of {ALONE} sectors one after another, median", statistics.median(quiet), "at most", 5, "ms")
    figures.say(f"… {len(over)} tasks of {options.sectors} sectors at once at {options.workers} workers on {os.cpu_count()} cores in {wall:.1f} s: the node's processor time, all it does for them included", node_ms / len(rows), "at most", 5, "ms")
    figures.say("a task waits in the scheduler, 19 of 20", 1000 * sorted(given - at for at, given, _, _ in rows)[len(rows) * 19 // 20], "at most", 5, "ms")
    figures.say("a worker had nothing while labels waited", idle_share(rows, names, wall), "at most", 5, "% of the time")
    for command, seconds in asked.items():
        seconds.sort()
        figures.say(f"`selkie {' '.join(command)}` meanwhile, 19 of 20", 1000 * seconds[len(seconds) * 19 // 20], "below", 100, "ms")
        figures.say(f"… the slowest of {len(seconds)}", 1000 * seconds[-1], "below", 100, "ms")
    if options.json:
        options.json.write_text(json.dumps({"load": os.getloadavg(), "rows": figures.rows}, indent=1) + "\n")
    if options.docs:
        write_docs(options.docs, "workers", figures.markdown())
    sys.exit(0 if all(row["reached"] for row in figures.rows) else 1)


if __name__ == "__main__":
    main()
