# SPDX-License-Identifier: MIT OR Apache-2.0
"""One provider whose sectors are sealed by several workers of ours: all of them at work, none twice on the
same; then workers and nodes killed at each call, a full disk.

SELKIE_TEST_SECTORS (16) and SELKIE_TEST_WORKERS (4) make it larger; with SELKIE_TEST_FULL each call sees a
worker killed and a node."""
import itertools
import re
import signal

from many_workers import *

SECTORS = int(os.environ.get("SELKIE_TEST_SECTORS") or 16)
WORKERS = int(os.environ.get("SELKIE_TEST_WORKERS") or 4)
SECONDS = 600
STUCK_SECONDS = 180  # longer than a lost call is waited for
TRACE = ("SealPreCommit1", "SealPreCommit2", "SealCommit1")


def only_workers(ours, **more):
    """Provider and client compute nothing that workers do; configuration by environment name."""
    ours.more |= {"SELKIE_STORAGE_ALLOWPRECOMMIT1": "false", "SELKIE_STORAGE_ALLOWCOMMIT": "false", "SELKIE_PROVIDER_CAPACITY": "100", **more}
    ours.prepare()


def sealed(ours, count):
    """So many are sealed at the provider, or further."""
    rows = ours.sectors("provider")
    failed = [r for r in rows if r["failed"]]
    expect(not failed, f"a sector failed: {failed}\n{ours.log_tail('provider', 3000)}")
    return sum(r["sealed_ms"] is not None for r in rows) >= count


def nothing_is_left(ours, *groups):
    """On no disk of a worker, and in no database, is anything of sectors that are over."""
    def left():
        return [file for group in groups for file in group.files()] + calls_left(ours) + calls_left(ours, "client")
    ours.wait(lambda: not left(), 150, f"nothing to be left: {left()}")
    equal(ours.on("provider", "worker", "ghosts"), [], "files that nobody needs")
    equal(ours.leftovers(), [], "temporary files")
    equal(sorted(p.name for name in ("provider", "client") for p in (ours.repo(name) / "worker-results").glob("*")), [], "results for nobody")


def never_two_at_once(group):
    """No two calls of one kind for one sector were at work at the same time, on whichever workers."""
    spans, began = {}, {}
    for worker in group.all:
        for when, what, fields in lines(worker.log):
            if what == "call.started":
                began[worker.name, fields["call"]] = when
            elif what in ("call.done", "call.failed") and (worker.name, fields["call"]) in began:
                spans.setdefault((fields["sector"], fields["method"]), []).append((began.pop((worker.name, fields["call"])), when, worker.name))
    for what, list_ in spans.items():
        list_.sort()
        for (_, end, a), (start, _, b) in itertools.pairwise(list_):
            expect(start >= end, f"{what} was at work at {a} until {end} and at {b} from {start}")
    return spans


def what_is_not_sealed(ours, group):
    """Of each such sector: why, by the node, and what the logs say of it."""
    said = []
    for row in ours.sectors("provider"):
        if row["sealed_ms"] is not None:
            continue
        name = re.compile(rf"1000[/-]{row['number']}\b")
        logs = [ours.folder / "provider.log", *(worker.log for worker in group.all)]
        lines_of = [f"{log.stem}: {line[:240]}" for log in logs for line in log.read_text(errors="replace").splitlines() if name.search(line)]
        said += [f"--- sector {row['number']}: {row}", human(ours, "sealing", "why", row["number"]), *lines_of]
    return "\n".join(said)


def all_at_work():
    """Sectors wait before there is a worker; then each gets one, the oldest first."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        ours.order(count=SECTORS)
        diag = {}

        def some_wait():
            diag.update(ours.on("provider", "sealing", "sched-diag"))
            return len(diag["Why"]) >= min(SECTORS, 16)

        ours.wait(some_wait, 120, "the sectors to wait for a worker")
        for reason in diag["Why"].values():
            expect("does not do PC1" in reason, f"why one waits: {reason}")
        first = min(r["Sector"]["Number"] for r in diag["SchedInfo"]["Requests"])
        expect("PC1: " in human(ours, "sealing", "why", first), "a sector's own reason")
        with Workers(ours, WORKERS) as group:
            def look():
                """What waits has a reason, and none of them is that nobody gave it what is free."""
                for reason in ours.on("provider", "sealing", "sched-diag")["Why"].values():
                    expect(reason and "has room" not in reason, f"why one waits: {reason}")
                return sealed(ours, SECTORS)

            try:
                ours.wait(look, STUCK_SECONDS, "all to be sealed")
            except Failed as failure:
                raise Failed(f"{failure}\n{what_is_not_sealed(ours, group)}") from failure
            spans = never_two_at_once(group)
            for kind in ("SealPreCommit1", "SealPreCommit2"):
                counts = [len(list_) for (_, method), list_ in spans.items() if method == kind]
                equal((len(counts), max(counts)), (SECTORS, 1), f"sectors with {kind}, and how often at most")
            at_work = {name for list_ in spans.values() for _, _, name in list_}
            expect(len(at_work) > 1, f"only {at_work} worked; how many come before all is done depends on the machine")
            oldest_first(ours)


def human(ours, *arguments):
    done = subprocess.run([SELKIE, *map(str, arguments), "--repo", ours.repo("provider")], env=ours.environment("provider"), capture_output=True,
                          text=True, check=True)
    return done.stdout


def done_tasks(ours, task, name="provider"):
    """(asked, given, ended, fields) of what workers did, in seconds."""
    for when, event, fields in lines(ours.folder / f"{name}.log"):
        if event == "farm.done" and fields["task"] == task:
            given = when - int(fields["took_ms"]) / 1000
            yield given - int(fields["waited_ms"]) / 1000, given, when, fields


def oldest_first(ours):
    """Of those that waited at the same time none overtook another by more than a busy machine may stand between a moment and the line that notes it."""
    rows = sorted(row[:2] for row in done_tasks(ours, "PC1"))
    expect(len(rows) >= SECTORS, f"{len(rows)} of {SECTORS} are noted")
    for (asked, given), (later, other) in itertools.combinations(rows, 2):
        expect(later < asked or other > given - 0.5, f"asked at {asked} and given at {given}; asked at {later}, but given at {other}")


# At what of each call, who is killed.
KILLS = [(method, event) for method in (*TRACE, "SealCommit2") for event in ("call.taken", "call.done")]


def killed_at_each_call(first):
    """The worker (first 0) or its node (1) at the first event of the list, the other one at the next, and so on."""
    victims = {kill: (i + i // 2 + first) % 2 for i, kill in enumerate(KILLS)}
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        with Workers(ours, 2) as sealers, Workers(ours, 1, "client") as provers:
            killed = set()
            ours.order()

            def look():
                for worker, (method, event) in itertools.product(sealers.all + provers.all, KILLS):
                    if (method, event) in killed or not any(f["method"] == method for _, f in worker.events(event)):
                        continue
                    killed.add((method, event))
                    if victims[method, event]:
                        kill_node(ours, worker.of)
                    else:
                        worker.again()
                    return False
                return ours.all_proving(1) and len(killed) == len(KILLS)

            ours.wait(look, SECONDS, f"the sector to be proving; killed at {killed}")
            never_two_at_once(sealers)
            nothing_is_left(ours, sealers, provers)


def kill_node(ours, name):
    """A client that calls in vain calls again after half a minute, which is not looked at here: it stands still."""
    peer = ours.processes["client"] if name == "provider" else None
    if peer:
        peer.send_signal(signal.SIGSTOP)
    ours.kill(name)
    ours.start(name)
    if peer:
        peer.send_signal(signal.SIGCONT)


def gone_for_good():
    """A worker takes a sector and is never seen again, nor was ever asked what it does; one of the same name is there."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours, SELKIE_WORKERS_LOSTAFTER="5s")
        with Workers(ours, 1) as one:
            first = one.all[0]
            ours.order()
            ours.wait(lambda: first.events("call.taken"), 120, "the sector to be given to the worker")
            first.kill()
            shutil.rmtree(first.folder)
            first.again()
            ours.wait(lambda: sealed(ours, 1), SECONDS, "the sector to be sealed anew")
            expect("is away with the task" in ours.log_tail("provider", 1 << 20), "the first call was lost")


def disk_full():
    """PC1 finds the disk of the only worker full; another one that comes seals the sector, and the first keeps nothing."""
    if os.getuid() != 0:
        print("# skip disk full: only root may mount")
        return
    with Folder() as folder, farm.Farm(folder) as ours, few_files(folder / "disk", 60):
        only_workers(ours)
        path = folder / "disk" / "path"
        path.mkdir()
        with Workers(ours, 1, options=("--no-local-storage",)) as full:
            worker = full.all[0]
            ours.wait(lambda: (worker.folder / "api").exists(), 30, "the worker to serve")
            selkie("worker", "storage", "attach", "--init", "--seal", path, "--worker-repo", worker.folder)
            while os.statvfs(path).f_ffree > 3:
                (folder / "disk" / str(os.statvfs(path).f_ffree)).touch()
            ours.order()
            ours.wait(lambda: worker.events("call.failed"), 120, "PC1 to find the disk full")
            with Workers(ours, 1, name="spare"):
                ours.wait(lambda: sealed(ours, 1), SECONDS, "the sector to be sealed by the other one")
            equal({f["code"] for _, f in worker.events("call.failed")}, {"no-space"}, "what the first one's calls failed of")
            equal([str(p) for kind in ("sealed", "cache") for p in (path / kind).glob("s-t0*")], [], "files of the full disk")


if __name__ == "__main__":
    cases = [("workers-all-at-work", all_at_work), ("workers-disk-full", disk_full), ("workers-killed", lambda: killed_at_each_call(0))]
    if os.environ.get("SELKIE_TEST_FULL"):
        cases += [("workers-killed-otherwise", lambda: killed_at_each_call(1)), ("workers-gone-for-good", gone_for_good)]
    run_cases(cases)
