#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Real nodes under a false wall clock (libfaketime): one starts an hour or a year off, is set right while it
runs, and jumps off again in mid-work. Pre-commits wait for each other for ever, so that nothing is proven."""
import glob
import sqlite3

from farm import Farm
from support import *

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
HOUR = 3600
YEAR = 365 * 24 * HOUR
# A node that is started has but its clock to tell whether a lease is over: nothing is leased yet when one starts a
# year ahead, and none is started again after one that took it to be a year ago.
JUMPS = {"a year ahead": YEAR, "an hour ahead": HOUR, "an hour back": -HOUR, "a year back": -YEAR}
WAIT_SECONDS = 120
ALLOWANCE = 100
LEASE_SECONDS = 12


class FalseFarm(Farm):
    """A farm of which one node has a wall clock that the test sets; monotonic clocks and files' times are true."""

    def __init__(self, folder, victim):
        super().__init__(folder)
        self.victim, self.offset = victim, self.folder / "offset"
        self.set_clock(0)
        self.poll = "200ms"
        self.share_messages(256)
        self.more["SELKIE_BATCHING_PRECOMMIT_TIMEOUT"] = f"{20 * 365 * 24}h"

    def set_clock(self, by):
        fresh = self.offset.with_suffix(".new")
        fresh.write_text(f"{by:+d}\n")
        fresh.rename(self.offset)

    def environment(self, name):
        false = {"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(self.offset), "FAKETIME_NO_CACHE": "1",
                 "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
                 "FAKETIME_FORCE_MONOTONIC_FIX": "0"}  # else waits by the monotonic clock end at once
        return {**super().environment(name), **(false if name == self.victim else {})}

    def query(self, name, statement, *values):
        with sqlite3.connect(f"file:{self.repo(name)}/selkie.db?mode=ro", uri=True) as db:
            return db.execute(statement, values).fetchall()

    def state(self, number):
        return self.query("client", "SELECT state FROM rseal_client_pipeline WHERE sector_number = ?", number)[0][0]

    def verified(self, number):
        self.wait(lambda: self.state(number) == "verified", WAIT_SECONDS, f"sector {number} to be verified")


def clock_is(farm, number, by):
    """What the node noted of a sector says which time it takes it to be."""
    (at_ms,), = farm.query(farm.victim, "SELECT max(at_ms) FROM sector_event WHERE sector_number = ?", number)
    expect(abs(at_ms / 1000 - by - time.time()) < HOUR / 2, f"sector {number} is noted {at_ms / 1000 - time.time():.0f} s off, not {by}")


def strangers(farm, number):
    """Certificates are not valid yet for a client a year back: it gives no order, and says why."""
    reason = "its TLS certificate is not trusted: SSL certificate problem: certificate is not yet valid"
    farm.wait(lambda: reason in farm.log_tail("client", 1 << 20), WAIT_SECONDS, "a reason")
    equal(farm.query("provider", "SELECT count(*) FROM rseal_provider_pipeline WHERE sector_number = ?", number), [(0,)], "orders")


def jump(farm, by, first):
    """Started with a false clock, set right while it runs, false again in the middle of a sector."""
    farm.kill(farm.victim)
    farm.set_clock(by)
    farm.start(farm.victim)
    farm.order()
    cut_off = farm.victim == "client" and by == -YEAR
    if cut_off:
        strangers(farm, first)
    else:
        farm.verified(first)
        clock_is(farm, first, by)
    farm.set_clock(0)
    farm.verified(first)
    farm.order()
    farm.wait(lambda: farm.state(first + 1) != "new", WAIT_SECONDS, "an order to be taken")
    farm.set_clock(by)
    if not cut_off:
        farm.verified(first + 1)
    farm.set_clock(0)
    farm.verified(first + 1)


def judge(farm, count):
    """Every sector is at both sides, each step was taken once, and the allowance is exact."""
    equal(farm.query("provider", "SELECT state, count(*) FROM rseal_provider_pipeline GROUP BY state"), [("sealed", count)], "at the provider")
    for name in ("provider", "client"):
        twice = farm.query(name, "SELECT sector_number, to_state, count(*) FROM sector_event WHERE from_state IS NOT NULL AND"
                                 " to_state <> from_state GROUP BY sector_number, role, to_state HAVING count(*) > 1")
        equal(twice, [], f"steps taken twice at the {name}")
    kept = {p.name for p in (farm.repo("provider") / "scratch").rglob("s-t*")}
    equal(len(kept), count, "sectors whose files the provider keeps")
    equal(farm.query("provider", "SELECT allowance_remaining FROM rseal_delegated_partners"), [(ALLOWANCE - count,)], "allowance left")


def jumps(victim):
    with Folder() as folder, FalseFarm(folder, victim) as farm:
        farm.prepare()
        for i, (name, by) in enumerate(JUMPS.items()):
            start = time.monotonic()
            jump(farm, by, 2 * i)
            print(f"# {victim} {name}: {time.monotonic() - start:.1f} s", flush=True)
        judge(farm, 2 * len(JUMPS))


def lease_of(farm, number):
    """State and end of the lease in seconds, by the provider."""
    row, = farm.query("provider", "SELECT state, cleanup_timeout FROM rseal_provider_pipeline WHERE sector_number = ?", number)
    return row[0], row[1] / 1000


def leases():
    """A clock that jumps ahead while leases run ends none of them early; they end by themselves."""
    with Folder() as folder, FalseFarm(folder, "provider") as farm:
        farm.more["SELKIE_SUBSYSTEMS_REMOTESEALCLEANUPTIMEOUT"] = f"{LEASE_SECONDS}s"
        farm.prepare()
        farm.order(count=2)
        farm.verified(0)
        farm.verified(1)
        farm.kill("client")  # who would renew them
        del farm.processes["client"]
        ends = [lease_of(farm, n)[1] for n in (0, 1)]
        farm.set_clock(YEAR)
        for number, end in enumerate(ends):
            farm.wait(lambda: lease_of(farm, number)[0] == "cleaned", WAIT_SECONDS, "a lease to end")
            expect(time.time() >= end - 0.1, f"sector {number} is cleaned {end - time.time():.2f} s before its lease is over")


if __name__ == "__main__":
    if not LIBRARY:
        skip("there is no libfaketime here")
    run_cases([("false-clock-of-the-provider", lambda: jumps("provider")), ("false-clock-of-the-client", lambda: jumps("client")),
               ("leases-under-a-false-clock", leases)])
