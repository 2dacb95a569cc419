# SPDX-License-Identifier: MIT OR Apache-2.0
"""kill -9 of any of the three processes at random moments: the sector still ends proving, nothing is
sealed or sent twice, nothing half-made is left, and who is started again works within ten seconds."""
import os
import random
import sqlite3

from farm import Farm
from farm_test import rpc
from support import *

SEED = int(os.environ.get("SELKIE_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
KILLS = int(os.environ.get("SELKIE_TEST_KILLS") or 10)
PROVING_SECONDS = 600
RESUME_SECONDS = 10

STATES = ("new", "ordered", "sealed", "fetched", "verified", "precommit_sent", "precommitted", "seeded", "vanilla", "proven",
          "commit_sent", "proving")


def ten_kills():
    """Each kill is drawn for a state of the foremost sector, so that every part of a life is hit; the
    moment within it is random too. With one proof made at a time the second sector is behind."""
    dice = random.Random(SEED)
    print(f"# seed {SEED}")
    resumed = []
    with Folder() as folder, Farm(folder) as farm:
        farm.prepare()
        farm.order(count=2)
        for wanted in sorted(dice.randrange(len(STATES) - 1) for _ in range(KILLS)):
            farm.wait(lambda: max(map(STATES.index, states(farm))) >= wanted, PROVING_SECONDS, f"a sector to be {STATES[wanted]}")
            time.sleep(dice.choice([0, 0.05, 0.3, 2]) * dice.random())  # the random moment itself
            victim = dice.choice(["devnet", "provider", "client", "client"])
            farm.kill(victim)
            print(f"# killed {victim} {states(farm)}", flush=True)
            resumed += start_again(farm, victim)
        print(f"# {len(resumed)} had work to go on with, the slowest did after {max(resumed, default=0):.2f} s", flush=True)
        farm.wait(lambda: farm_is_done(farm), PROVING_SECONDS, "both sectors to be proving")
        once_only(farm, 2)
        farm.wait(lambda: all(r["state"] == "cleaned" for r in farm.sectors("provider")), 60, "the provider to clean up")
        equal(farm.leftovers(), [], "temporary files")


def start_again(farm, name):
    """Starts a process; how many seconds after its start, or after a task put back until then was due, it works on a
    task: in a list that is empty where no task is due soon."""
    began = time.time()
    due = max(began, first_due(farm, name)) if name != "devnet" else began + 2 * RESUME_SECONDS
    farm.start(name)
    if due > began + RESUME_SECONDS:
        return []
    farm.wait(lambda: works(farm, name, began), due + RESUME_SECONDS - time.time(), f"{name} to go on: {RESUME_SECONDS} s")
    return [max(0, works(farm, name, began) - due)]


def first_due(farm, name):
    """When the first task is due, in seconds; one that was being done when its node was killed is due at once."""
    with sqlite3.connect(f"file:{farm.repo(name)}/selkie.db?mode=ro", uri=True) as db:
        due, = db.execute("SELECT min(CASE WHEN owner IS NULL THEN not_before_ms ELSE 0 END) FROM task").fetchone()
    return float("inf") if due is None else due / 1000


def works(farm, name, since):
    """When the first task after a moment was claimed or done, in seconds; None if none was."""
    with sqlite3.connect(f"file:{farm.repo(name)}/selkie.db?mode=ro", uri=True) as db:
        return db.execute("SELECT min(ms) / 1000.0 FROM (SELECT started_ms AS ms FROM task UNION ALL SELECT at_ms FROM sector_event"
                          " WHERE actor LIKE ?) WHERE ms >= ?", [f"{name}.%", since * 1000]).fetchone()[0]


def states(farm):
    with sqlite3.connect(f"file:{farm.repo('client')}/selkie.db?mode=ro", uri=True) as db:
        return [row[0] for row in db.execute("SELECT state FROM rseal_client_pipeline ORDER BY sector_number")]


def farm_is_done(farm):
    return farm.all_proving(2)


def once_only(farm, ordered):
    """One pre-commit and one prove-commit per sector were executed; each stage happened once."""
    with sqlite3.connect(f"file:{farm.repo('client')}/selkie.db?mode=ro", uri=True) as db:
        for number, precommit, commit, tries, again in db.execute(
                "SELECT sector_number, precommit_msg_cid, commit_msg_cid, precommit_tries, commit_tries FROM sectors_sdr_pipeline"):
            expect(precommit and commit, f"sector {number} has both messages")
            expect(tries <= 1 and again <= 1, f"sector {number}: {tries} pre-commits, {again} commits made")
    with sqlite3.connect(f"file:{farm.repo('provider')}/selkie.db?mode=ro", uri=True) as db:
        for number, event, count in db.execute(
                "SELECT sector_number, event, count(*) FROM sector_event WHERE role = 'provider' AND to_state IS NOT NULL"
                " AND from_state IS NOT to_state GROUP BY sector_number, event"):
            expect(count == 1, f"sector {number}: {event} {count} times at the provider")
        remaining, = db.execute("SELECT allowance_remaining FROM rseal_delegated_partners").fetchone()
    equal(remaining, 100 - ordered, f"allowance left after {ordered} orders")
    nonce = rpc(farm, "Filecoin.StateMinerInfo", ["f01000", []])
    expect(nonce, "the chain lives")


if __name__ == "__main__":
    run_cases([("kill-nine-ten-times", ten_kills)])
