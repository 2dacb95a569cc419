# SPDX-License-Identifier: MIT OR Apache-2.0
"""A real lotus-miner has a sector sealed by our worker, and one of the two is killed in the middle of each
call. Runs where ../shared/lotus-devnet is."""
from lotus_miner import *
from support import *


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
        skip("lotus worker killed: ../shared/lotus-devnet is not here")
    run_cases([
        ("lotus-worker-killed", worker_killed),
        ("lotus-worker-miner-killed", miner_killed),
    ])
