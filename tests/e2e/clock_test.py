#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Real nodes under a false wall clock (libfaketime): one starts an hour or a year off, is set right while it
runs, and jumps off again in mid-work; leases are in hand then, or are given. Pre-commits wait for each other for
ever, so that nothing is proven."""
import glob
import signal
import sqlite3

from farm import Farm
from support import *

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
HOUR = 3600
YEAR = 365 * 24 * HOUR
NEAR = 2 * HOUR  # a clock that is further off is not believed
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

    def end(self, name):
        """As an operator does it, so that all it has lived is written."""
        self.processes[name].send_signal(signal.SIGTERM)
        equal(self.processes.pop(name).wait(30), 0, f"{name}'s end")

    def restart(self, by):
        """The node whose clock is false is started again, with another."""
        self.end(self.victim)
        self.set_clock(by)
        self.start(self.victim)

    def doubt(self):
        return self.on(self.victim, "clock")["state"]

    def verified(self, number):
        self.wait(lambda: self.state(number) == "verified", WAIT_SECONDS, f"sector {number} to be verified")


def clock_is(farm, number, by):
    """What the node noted of a sector says which time it takes it to be: its clock's, if that is not far off."""
    by = by if abs(by) <= NEAR else 0
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
    equal(farm.doubt(), "believed" if abs(by) <= NEAR else "ahead" if by > 0 else "behind", "the clock's state")
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
    files = {p.name for p in (farm.repo("provider") / "scratch").rglob("s-t*")}
    equal(len(files), count, "sectors whose files the provider keeps")
    equal(farm.query("provider", "SELECT allowance_remaining FROM rseal_delegated_partners"), [(ALLOWANCE - count,)], "allowance left")


def jumps(victim):
    with Folder() as folder, FalseFarm(folder, victim) as farm:
        farm.prepare()
        for i, (name, by) in enumerate(JUMPS.items()):
            start = time.monotonic()
            jump(farm, by, 2 * i)
            print(f"# {victim} {name}: {time.monotonic() - start:.1f} s", flush=True)
        judge(farm, 2 * len(JUMPS))


def kept(farm, number):
    """The sector's state at the provider: sealed until its lease is over."""
    row, = farm.query("provider", "SELECT state FROM rseal_provider_pipeline WHERE sector_number = ?", number)
    return row[0]


def sealed_at(farm, number, by=0):
    """When the lease of a sector began, by the node's notes, which are off by so much."""
    (at_ms,), = farm.query("provider", "SELECT max(at_ms) FROM sector_event WHERE sector_number = ? AND to_state = 'sealed'", number)
    return at_ms / 1000 - by


def ends_in_time(farm, number, began):
    """A lease holds for its length, and is over soon after; time in which the provider did not run adds to it."""
    farm.wait(lambda: kept(farm, number) == "cleaned", WAIT_SECONDS, "a lease to end")
    expect(time.time() >= began + LEASE_SECONDS, f"sector {number} is cleaned after {time.time() - began:.2f} s")
    expect(time.time() <= began + LEASE_SECONDS + WAIT_SECONDS / 2, f"sector {number} is cleaned after {time.time() - began:.2f} s")


def lease_one(farm, number):
    """A sector that is sealed, and a client that is gone and renews nothing."""
    if "client" not in farm.processes:
        farm.start("client")
    farm.order()
    farm.verified(number)
    farm.end("client")


def lease_farm(folder):
    farm = FalseFarm(folder, "provider")
    farm.more["SELKIE_SUBSYSTEMS_REMOTESEALCLEANUPTIMEOUT"] = f"{LEASE_SECONDS}s"
    return farm


def false_starts():
    """Leases in hand when a provider is started with a false clock, and those that it gives, last their time."""
    with Folder() as folder, lease_farm(folder) as farm:
        farm.prepare()
        for i, (name, by) in enumerate(JUMPS.items()):
            for given in (False, True):
                start = time.monotonic()
                number = 2 * i + given
                if given:
                    farm.restart(by)
                lease_one(farm, number)
                if not given:
                    farm.restart(by)
                    equal(kept(farm, number), "sealed", f"{name}: a lease in hand")
                began = sealed_at(farm, number, 0 if not given or abs(by) > NEAR else by)
                equal(farm.doubt(), "believed" if abs(by) <= NEAR else "ahead" if by > 0 else "behind", "the clock's state")
                farm.restart(0)
                equal(farm.doubt(), "believed", "the clock's state")
                ends_in_time(farm, number, began)
                print(f"# a lease {'given' if given else 'in hand'}, started {name}: {time.monotonic() - start:.1f} s", flush=True)


def first_start():
    """A node whose first clock was a year back doubts the right one, until somebody vouches for it."""
    with Folder() as folder, lease_farm(folder) as farm:
        farm.set_clock(-YEAR)
        farm.prepare()
        lease_one(farm, 0)
        began = sealed_at(farm, 0, -YEAR)
        expect(abs(began - time.time()) < HOUR / 2, "it does not note a year back")
        farm.restart(0)
        equal(kept(farm, 0), "sealed", "a lease of last year")
        if farm.doubt() != "believed":  # where no kernel is told that its clock is right
            equal(farm.doubt(), "ahead", "the clock's state")
            equal(farm.on("provider", "info")["clock"]["state"], "ahead", "info")
            expect("clock" in [f["check"] for f in farm.on("provider", "doctor", status=2)["findings"] if f["health"] == "fault"], "doctor")
            farm.wait(lambda: "clock-in-doubt" in [a["rule"] for a in farm.on("provider", "alerts", "list")], WAIT_SECONDS, "an alert")
            expect(abs(farm.on("provider", "clock", "accept")["jump_ms"] / 1000 - YEAR) < HOUR, "it jumps a year")
        farm.wait(lambda: farm.doubt() == "believed", WAIT_SECONDS, "the clock to be believed")
        ends_in_time(farm, 0, began)


def leases():
    """A clock that jumps ahead while leases run ends none of them early; they end by themselves."""
    with Folder() as folder, lease_farm(folder) as farm:
        farm.prepare()
        farm.order(count=2)
        farm.verified(0)
        farm.verified(1)
        farm.kill("client")  # who would renew them
        del farm.processes["client"]
        began = [sealed_at(farm, n) for n in (0, 1)]
        farm.set_clock(YEAR)
        for number in (0, 1):
            ends_in_time(farm, number, began[number])


if __name__ == "__main__":
    if not LIBRARY:
        skip("there is no libfaketime here")
    run_cases([("false-clock-of-the-provider", lambda: jumps("provider")), ("false-clock-of-the-client", lambda: jumps("client")),
               ("leases-under-a-false-clock", leases), ("leases-over-false-starts", false_starts), ("a-first-start-a-year-back", first_start)])
