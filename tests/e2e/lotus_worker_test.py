# SPDX-License-Identifier: MIT OR Apache-2.0
"""A real lotus-miner has its sectors sealed by our worker, C2 included, and the chain verifies them; so,
too, when worker or miner are killed in the middle of each call. Runs where ../shared/lotus-devnet is."""
import contextlib

from lotus_miner import *
from support import *

PROVING_SECONDS = 900
# Each call of a sector without data, in the order of a sector's life. source: reference/lotus-worker 9.1
TRACE = ["AddPiece", "Fetch", "SealPreCommit1", "SealPreCommit2", "SealCommit1", "SealCommit2", "ReleaseUnsealed", "FinalizeSector"]


@contextlib.contextmanager
def place(options=()):
    with Folder() as folder, Miner(folder) as miner, Worker(folder, miner, options=options) as worker:
        yield folder, miner, worker


def wait_proving(miner, worker, number):
    def is_proving():
        state = miner.state(number)
        expect("Failed" not in state or "Finalize" in state, f"sector {number} is in {state}\n{worker.log()[-3000:]}\n{miner.log()[-3000:]}")
        return state == "Proving"
    wait(is_proving, PROVING_SECONDS, f"sector {number} to be proving",
         lambda: f"state {miner.state(number)}\n{worker.log()[-3000:]}\n--- miner\n{miner.log()[-3000:]}")


def pledged():
    """One sector, and what Lotus's own commands say of our worker meanwhile."""
    with place() as (_, miner, worker):
        number = miner.pledge()
        wait(lambda: "SealCommit2" in worker.taken(), PROVING_SECONDS, "C2 to begin", lambda: worker.log()[-3000:] + miner.log()[-3000:])
        workers = miner.cli("sealing", "workers")
        expect("host w1" in workers, f"lotus-miner sealing workers does not show it: {workers}")
        jobs = miner.cli("sealing", "jobs")
        theirs = {"LOTUS_WORKER_PATH": str(worker.folder)}
        info = miner.cli("info", program="lotus-worker", more=theirs)
        for what in ("Enabled: true", "Hostname: w1", "PC1", "PC2", "C2", "AP", "Use: Seal"):
            expect(what in info, f"lotus-worker info of our worker lacks {what}: {info}")
        miner.cli("tasks", "disable", "UNS", program="lotus-worker", more=theirs)
        expect("UNS" not in miner.cli("info", program="lotus-worker", more=theirs), "a switched off kind of work is not offered")
        miner.cli("tasks", "enable", "UNS", program="lotus-worker", more=theirs)
        ours = selkie("worker", "info", "--worker-repo", worker.folder)
        equal(ours["info"]["Hostname"], "w1", "selkie worker info")
        wait_proving(miner, worker, number)
        taken = worker.taken()
        for method in TRACE:
            expect(method in taken, f"{method} was not ours: {taken}\n{jobs}")
        equal(worker.events("call.failed"), [], "failed calls")
        wait(lambda: not selkie("worker", "jobs", "--worker-repo", worker.folder), 60, "all results to be returned")
        # What is left of the sector lies with the miner, which fetched it from us.
        wait(lambda: not (worker.folder / "sealed" / f"s-t01000-{number}").exists(), 120, "the miner to have the sealed file",
             lambda: worker.log()[-2000:])


def killed_at_each_call(kill_one):
    """kill_one(miner, worker) as soon as a method has been taken for the first time."""
    with place() as (_, miner, worker):
        number = miner.pledge()
        killed = set()
        deadline = time.monotonic() + PROVING_SECONDS
        while miner.state(number) != "Proving":
            expect(time.monotonic() < deadline, f"sector {number} is in {miner.state(number)} after kills at {sorted(killed)}\n"
                   f"{worker.log()[-4000:]}\n--- miner\n{miner.log()[-3000:]}")
            fresh = [m for m in worker.taken() if m in TRACE and m not in killed]
            if fresh:
                killed.add(fresh[0])
                kill_one(miner, worker)
            time.sleep(0.02)
        wait(lambda: set(worker.taken()) >= set(TRACE), 120, "the last calls", lambda: f"{worker.taken()}\n{worker.log()[-3000:]}")
        expect(len(killed) >= 6, f"killed only at {sorted(killed)}")


def worker_killed():
    killed_at_each_call(lambda miner, worker: worker.kill_and_start())


def miner_killed():
    killed_at_each_call(lambda miner, worker: miner.kill_and_start())


if __name__ == "__main__":
    if not (DEVNET / "start.sh").exists():
        skip("lotus worker: ../shared/lotus-devnet is not here")
    run_cases([
        ("lotus-worker-pledged", pledged),
        ("lotus-worker-killed", worker_killed),
        ("lotus-worker-miner-killed", miner_killed),
    ])
