# SPDX-License-Identifier: MIT OR Apache-2.0
"""The process that computes for a node is killed, and made to crash, in each thing that it does: the node does not notice but for its
log, and the sector ends proving. It dies with its node, and the node itself stays small."""
import contextlib
import pathlib
import signal

from farm import Farm
from support import *

TRIES = 12  # sectors, until a signal has come in the middle of what it is meant for
SIGNALS = (signal.SIGKILL, signal.SIGSEGV)
PROVING_SECONDS = 600
SMALL_BYTES = 200 << 20


def process_of(farm, name):
    """The node's process that computes; None between two."""
    node = farm.processes[name].pid
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == node and b"compute-for-a-node" in (place / "cmdline").read_bytes():
                return int(place.name)
        except (OSError, ValueError):
            pass  # it ended while we looked
    return None


def new_process(farm, name, old=None):
    farm.wait(lambda: process_of(farm, name) not in (None, old), 60, f"a process that computes for {name}")
    return process_of(farm, name)


def lines(farm, name, since=0):
    return (farm.folder / f"{name}.log").read_text(errors="replace").splitlines()[since:]


def begun(farm, name, since, what):
    return any(" compute.task " in line and f"what={what} " in line for line in lines(farm, name, since))


def strike(farm, name, since, what, number):
    """Sends the signal as soon as the node has given that task away; whether it was under way."""
    pid = process_of(farm, name)
    farm.wait(lambda: begun(farm, name, since, what), 300, f"{name} to have {what} done")
    os.kill(pid, number)
    with contextlib.suppress(ProcessLookupError):  # it did not stand still, and is gone already
        os.kill(pid, signal.SIGCONT)
    new_process(farm, name, pid)
    farm.wait(lambda: any(" compute.ended " in line for line in lines(farm, name, since)), 60, "the node to notice")
    tail = lines(farm, name, since)
    given = next(i for i, line in enumerate(tail) if " compute.task " in line and f"what={what} " in line)
    ended = next(i for i, line in enumerate(tail) if " compute.ended " in line)
    expect(f"signal {int(number)} " in tail[ended], f"how it ended: {tail[ended]}")
    stage = {"check": "verify"}.get(what, what)
    return given < ended and not any(f" stage={stage} " in line for line in tail[given:ended])


def creep(farm, name, since, what):
    """Lets a process that stands still go on by a moment at a time, until the node has given it that task."""
    pid = process_of(farm, name)
    deadline = time.monotonic() + 300
    while not begun(farm, name, since, what):
        expect(time.monotonic() < deadline, f"{name} never had {what} done")
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.001)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.05)  # the node goes on with what was done


def one_life(farm, count, name, what, number, held_when):
    """Orders a sector and strikes; held_when: a state of it at which the process is stopped, so that the task cannot be over before
    it is struck; None: it is struck as it runs."""
    farm.wait(lambda: process_of(farm, name), 60, "a process to strike")
    since = len(lines(farm, name))
    if held_when == "ordered":
        os.kill(process_of(farm, name), signal.SIGSTOP)
    farm.order()
    if held_when and held_when != "ordered":
        farm.wait(lambda: any(s["state"] in held_when for s in farm.sectors()), 300, f"the sector to be {held_when}")
        os.kill(process_of(farm, name), signal.SIGSTOP)
        since = len(lines(farm, name))  # the C1 before the pre-commit is another one
    if what == "pc2":
        creep(farm, name, since, what)
    hit = strike(farm, name, since, what, number)
    # a process that is held at the next sector would hold what this one still has to be done, too
    farm.wait(lambda: farm.all_proving(count), PROVING_SECONDS, "the sector to be proving")
    return hit


def struck(name, what, held_when):
    def case():
        with Folder() as folder, Farm(folder) as farm:
            farm.more |= {"SELKIE_NODE_LOGLEVEL": "debug"}
            farm.prepare()
            pids = {n: p.pid for n, p in farm.processes.items()}
            count = 0
            for number in SIGNALS:
                for _ in range(TRIES):
                    count += 1
                    if one_life(farm, count, name, what, number, held_when):
                        break
                else:
                    raise Failed(f"{what} was over before the signal {TRIES} times")
            for n, process in farm.processes.items():
                expect(process.poll() is None and process.pid == pids[n], f"{n} is the process it was")
            equal(farm.leftovers(), [], "temporary files")
    return case


def dies_with_its_node():
    with Folder() as folder, Farm(folder) as farm:
        farm.prepare()
        farm.order()
        farm.wait(lambda: farm.all_proving(1), 300, "the sector to be proving")
        for name in ("provider", "client"):
            status = pathlib.Path(f"/proc/{farm.processes[name].pid}/status").read_text()
            anon = next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("RssAnon:"))
            print(f"# {name} has {anon >> 20} MiB", flush=True)
            expect(anon < SMALL_BYTES, f"{name} has {anon} bytes of memory")
        pid = new_process(farm, "provider")
        farm.kill("provider")
        farm.wait(lambda: not pathlib.Path(f"/proc/{pid}").exists(), 10, "its process to end")
        farm.start("provider")
        expect(new_process(farm, "provider") != pid, "another process")


if __name__ == "__main__":
    run_cases([
        ("compute-struck-in-pc1", struck("provider", "pc1", "ordered")),
        ("compute-struck-in-pc2", struck("provider", "pc2", "ordered")),
        ("compute-struck-in-c1", struck("provider", "c1", ("precommit_sent", "precommitted", "seeded"))),
        ("compute-struck-in-c2", struck("client", "c2", None)),
        ("compute-struck-in-check", struck("client", "check", "ordered")),
        ("compute-dies-with-its-node", dies_with_its_node),
    ])
