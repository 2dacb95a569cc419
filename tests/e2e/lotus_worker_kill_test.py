# SPDX-License-Identifier: MIT OR Apache-2.0
"""A real lotus-miner has a sector sealed by our worker, and one of the two is killed in the middle of each
call, and when the first file has been deleted. Runs where ../shared/lotus-devnet is."""
from lotus_miner import *
from support import *


STUCK_SECONDS = 180  # longer than any state without work in a chain of 2-second epochs
WEDGES_MAX = 3


class Progress:
    """A sector, until it is proving. A lotus-miner itself may lose one when a worker dies: a call whose worker
    dies before it has answered is kept by it as failed for ever ("wrong callToWork mapping"), and a step that it
    has given to the dead worker within 10 s is forgotten. No worker can mend that; the next sector is pledged."""

    def __init__(self, miner):
        self.miner, self.wedged = miner, 0
        self.pledge()

    def pledge(self):
        self.number, self.state, self.since = self.miner.pledge(), "", time.monotonic()

    def is_proving(self):
        state = self.miner.state(self.number)
        if state != self.state and state != "unknown":
            self.state, self.since = state, time.monotonic()
        if self.is_lost():
            self.wedged += 1
            expect(self.wedged <= WEDGES_MAX, f"the miner lost {self.wedged} sectors")
            print(f"# lotus-miner lost sector {self.number} in {self.state}", flush=True)
            self.pledge()
        return self.state == "Proving"

    def is_lost(self):
        try:
            log = self.miner.call("SectorsStatus", self.number, False).get("Log") or []
            if any("wrong callToWork mapping" in str(entry) for entry in log):
                return True
            if time.monotonic() - self.since < STUCK_SECONDS:
                return False
            return not any(self.miner.call("WorkerJobs").values()) and not self.miner.call("SealingSchedDiag", False)["SchedInfo"]["Requests"]
        except (OSError, Failed, ValueError):
            return False  # it is being started again


def moments(worker):
    """In the order of a sector's life; DELETE: the miner has one of its files, and not the other."""
    return [m for m in worker.taken() if m in TRACE] + ["DELETE" for _ in worker.events("storage.delete_asked")]


def killed_at_each_call(kill_one):
    """kill_one(miner, worker) as soon as a method has been taken, or a file deleted, for the first time."""
    with place() as (_, miner, worker):
        sector, killed = Progress(miner), set()
        deadline = time.monotonic() + PROVING_SECONDS
        while not sector.is_proving():
            expect(time.monotonic() < deadline, f"sector {sector.number} is in {sector.state} after kills at {sorted(killed)}\n"
                   f"{worker.log()[-4000:]}\n--- miner\n{miner.log()[-3000:]}")
            fresh = [m for m in moments(worker) if m not in killed]
            if fresh:
                killed.add(fresh[0])
                kill_one(miner, worker)
            time.sleep(0.02)
        wait(lambda: set(worker.taken()) >= set(TRACE), 120, "the last calls", lambda: f"{worker.taken()}\n{worker.log()[-3000:]}")
        expect(len(killed) >= 7 and "FinalizeSector" in killed, f"killed only at {sorted(killed)}")
        left = lambda: [f for kind in ("sealed", "cache") for f in (worker.folder / kind).glob(f"s-t01000-{sector.number}")]
        wait(lambda: not left(), 180, "the miner to have the files", lambda: f"{left()}\n{worker.log()[-3000:]}\n--- miner\n{miner.log()[-3000:]}")


def worker_killed():
    killed_at_each_call(lambda miner, worker: worker.kill_and_start())


def miner_killed():
    killed_at_each_call(lambda miner, worker: miner.kill_and_start())


if __name__ == "__main__":
    if not (DEVNET / "start.sh").exists():
        skip("lotus worker killed: ../shared/lotus-devnet is not here")
    run_cases([
        ("lotus-worker-killed", worker_killed),
        ("lotus-worker-miner-killed", miner_killed),
    ])
