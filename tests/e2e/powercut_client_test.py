# SPDX-License-Identifier: MIT OR Apache-2.0
"""Loss of power at a client, while a real provider seals, serves and a chain goes on: again and again the
client is killed, its disk loses what was not synced (tests/support/powercut.py), and it is started on what
is left. Beside each such loss others are looked at, at points of the same record that a seed draws.

What anyone has seen must be there: orders, states that a reader of the database saw, files under their
final names, removed tokens removed. A block that the map of a fetch names must be right.

SELKIE_TEST_SEED repeats the draws (threads take turns as they will); SELKIE_TEST_CUTS: how many losses of
power are looked at for each one that is gone on from."""
import contextlib
import hashlib
import os
import random
import re
import shutil
import sqlite3
import struct
import tempfile

from kill_test import STATES, once_only
from recording import RecordedFarm, all_was_recorded, quick_check
from support import Failed, Folder, equal, expect, run_cases, selkie
from valve import Valve

SEED = int(os.environ.get("SELKIE_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
CUTS = int(os.environ.get("SELKIE_TEST_CUTS") or 12)
SECONDS = 600
NAME = "s-t01000-0"
BLOCK, LARGE = 4 << 20, 8 << 20
# Files that under their names are always the same.
ONCE = re.compile(r"storage/(sealed|cache)/s-t01000-\d+(/[^/]+)?(?<!\.tmp)|scratch/c1/s-t01000-\d+/[0-9a-f]{64}\.json|tls\..*|secret\.key|config\.toml"
                  r"|(storage|scratch)/(\.selkie-folder|[a-z]+\.json)")


LEVELS = (*STATES, "released")
LOOK = "SELECT state, after_cleanup FROM rseal_client_pipeline"


def level(rows):
    expect(len(rows) == 1, f"{len(rows)} sectors where one was ordered")
    state, released = rows[0]
    return len(STATES) if released else STATES.index(state)


def no_token_is_left(folder):
    equal([str(p) for p in folder.rglob("c1.url")], [], "files with the token")
    equal(list((folder / "scratch" / "c1").glob("*")), [], "C1 of a sector that is proving")


class Client:
    """A farm whose client loses power."""

    def __init__(self, farm, chance):
        self.farm, self.chance = farm, chance
        self.seen = {}  # digests of each file of ONCE
        self.promises = []  # (size of the log then, state) that the sector's row had at least
        self.lasting = None  # what the sector's row had when the record began
        self.losses = self.looks = 0

    def start_all(self, order):
        """Provider and client know each other; the client's record begins with its first file."""
        farm = self.farm
        farm.repo("client").mkdir()
        farm.begin_recording()
        selkie("init", "--repo", farm.repo("provider"))
        selkie("init", "--repo", farm.repo("client"), environment=farm.environment("client"))
        for name in ("devnet", "provider", "client"):
            farm.start(name)
        farm.kill("provider")
        farm.start("provider")  # with the client's certificate, which was made meanwhile
        farm.introduce(farm.folder / "connect")  # not within what is recorded: the provider writes it
        farm.order(seal_proof=order)
        self.promise()

    def state(self):
        """Of the sector's row, as a number of LEVELS."""
        with contextlib.closing(sqlite3.connect(f"file:{self.farm.repo('client')}/selkie.db?mode=ro", uri=True)) as connection:
            return level(connection.execute(LOOK).fetchall())

    def promise(self):
        state = self.state()
        self.promises.append((self.farm.log_size(), state))
        return state

    def reach(self, state):
        self.farm.wait(lambda: self.promise() >= LEVELS.index(state), SECONDS, f"the sector to be {state}")

    def grow(self, more):
        """Until so many bytes more are recorded."""
        enough = self.farm.log_size() + more
        self.farm.wait(lambda: self.farm.log_size() >= enough, 60, "something to be written")

    def end(self, in_order=False):
        """The client ends; all it wrote is in the record."""
        process = self.farm.processes["client"]
        if in_order:
            process.terminate()
            process.wait(60)
        else:
            self.farm.kill("client")

    def check(self, folder, least, others):
        """What is left after a cut, when the row had at least state number `least` (None: there was none)."""
        for path in (p for p in folder.rglob("*") if p.is_file()):
            name = str(path.relative_to(folder))
            if ONCE.fullmatch(name):
                self.seen.setdefault(name, set()).add(hashlib.sha256(path.read_bytes()).hexdigest())
                equal(len(self.seen[name]), 1, f"contents of {name}")
        others(folder)
        if not (folder / "selkie.db").exists():
            equal(least, None, "the sector's state, and the database is gone")
            return
        with contextlib.closing(sqlite3.connect(folder / "selkie.db")) as connection:
            quick_check(connection)
            if least is None:
                return
            rows = connection.execute(LOOK).fetchall()
            expect(level(rows) >= least, f"{rows} where {LEVELS[least]} was seen")
        if least >= LEVELS.index("fetched"):
            expect((folder / "storage" / "sealed" / NAME).exists(), "the replica is gone")
        if least >= LEVELS.index("released"):
            no_token_is_left(folder)

    def look(self, folder, what, least, others):
        try:
            self.check(folder, least, others)
        except (Failed, sqlite3.Error) as problem:
            raise Failed(f"SELKIE_TEST_SEED={SEED}, loss {self.losses}, {what}: {problem}") from problem
        shutil.rmtree(folder)
        self.looks += 1

    def lose(self, others=lambda folder: None):
        """Looks at CUTS losses of power that may have been, then loses power for good. The client has ended."""
        farm, cut = self.farm, self.farm.folder / "cut"
        disk = farm.disk()
        all_was_recorded(disk, farm.repo("client"), farm.folder / "whole")
        promises = [(sum(end <= size for end in disk.ends), state) for size, state in self.promises]
        for turn in range(CUTS):
            when = len(disk.ends) if turn % 3 == 0 else self.chance.randrange(len(disk.ends) + 1)
            disk.cut(cut, self.chance, when)
            self.look(cut, f"cut at {when} of {len(disk.ends)}", max([s for at, s in promises if at <= when], default=self.lasting), others)
        self.lasting = max([state for _, state in promises], default=self.lasting)
        farm.lose_power(disk, self.chance)
        shutil.copytree(farm.repo("client"), cut)  # who looks into a database mends it
        self.look(cut, "what is left", self.lasting, others)
        self.promises = []
        self.losses += 1


@contextlib.contextmanager
def client(**options):
    print(f"# seed {SEED}", flush=True)
    with Folder() as folder, RecordedFarm(folder, "client", **options) as farm:
        try:
            yield Client(farm, random.Random(SEED))
        finally:  # the others alone are stopped in order
            farm.processes = {name: p for name, p in farm.processes.items() if p.poll() is None}


def life():
    """From the order until it is proving. Making the proof takes so long that it is interrupted once at most."""
    with client() as c:
        c.start_all(5)
        early = sorted(c.chance.sample(range(STATES.index("vanilla")), 4))
        for state in [STATES[n] for n in early] + [c.chance.choice(["vanilla", "proven", "commit_sent"])]:
            c.reach(state)
            c.grow(c.chance.choice([0, 1, 20_000, 100_000]))
            c.end()
            c.lose()
            c.farm.start("client")
        c.reach("released")
        c.end()
        c.lose()
        c.farm.start("client")
        expect(c.farm.all_proving(1), "the sector is proving")
        once_only(c.farm, 1)
        equal(c.farm.on("client", "orphans")["count"], 0, "what is left over")
        equal(c.farm.on("client", "fsck")["findings"], [], "fsck")
        equal(c.farm.leftovers(), [], "temporary files")
        c.farm.wait(lambda: all(r["state"] == "cleaned" for r in c.farm.sectors("provider")), 60, "the provider to clean up")
        print(f"# {c.looks} losses of power looked at, gone on from {c.losses}", flush=True)


def blocks_of(path, size):
    """The blocks that a map claims, or none if it is not sound; as src/transfer/block_map.c has it."""
    data = path.read_bytes() if path.exists() else b""
    count = (size + BLOCK - 1) // BLOCK
    if len(data) != 160 + (count + 7) // 8 + 8 or not data.startswith(b"selkie blocks 1\n"):
        return []
    total = 0xcbf29ce484222325
    for byte in data[:-8]:
        total = (total ^ byte) * 0x100000001b3 & (1 << 64) - 1
    if struct.unpack("<Q", data[-8:]) != (total,) or struct.unpack("<QQ", data[16:32]) != (size, BLOCK):
        return []
    return [n for n in range(count) if data[160 + n // 8] >> n % 8 & 1]


def large_fetch():
    """8 MiB, by one connection that is held: first within the second block, where the client is stopped in
    order and notes what it has, then a little later."""
    with client() as c:
        farm = c.farm
        farm.size = "8MiB"  # without parameters: the proof is not made here
        valve = Valve(farm.ports["provider"])
        farm.more = {"SELKIE_REMOTE_CONNECTIONS": "1"}
        farm.more_of = {"provider": {"SELKIE_HTTP_EXTERNALURL": f"https://127.0.0.1:{valve.port}"}}
        replica = farm.repo("provider") / "scratch" / "sealed" / NAME

        def blocks_are_right(folder):
            temp = folder / "storage" / "sealed" / f"{NAME}.tmp"
            claimed = blocks_of(temp.with_suffix(".blocks"), LARGE)
            if not claimed or not temp.exists() or temp.stat().st_size != LARGE:
                return  # a map alone is not believed
            got, want = temp.read_bytes(), replica.read_bytes()
            for n in claimed:
                expect(got[n * BLOCK:][:BLOCK] == want[n * BLOCK:][:BLOCK], f"block {n} is claimed and not right")

        valve.allow(BLOCK + c.chance.randrange(1 << 20, 3 << 20))
        c.start_all(6)
        farm.wait(lambda: valve.held, SECONDS, "the fetch to be held")
        temp = farm.repo("client") / "storage" / "sealed" / f"{NAME}.tmp"
        c.promise()
        c.end(in_order=True)
        equal(blocks_of(temp.with_suffix(".blocks"), LARGE), [0], "blocks that a client which was stopped has noted")
        c.lose(blocks_are_right)
        equal(blocks_of(temp.with_suffix(".blocks"), LARGE), [0], "blocks noted after a loss of power")
        passed = valve.passed
        valve.allow(c.chance.randrange(1 << 19, 3 << 20))
        farm.start("client")
        farm.wait(lambda: valve.held, SECONDS, "the fetch to be held again")
        c.end()
        c.lose(blocks_are_right)
        valve.allow(None)
        farm.start("client")
        farm.wait(lambda: temp.with_suffix("").exists(), SECONDS, "the sealed file")
        expect(valve.passed - passed < LARGE, f"{valve.passed - passed} bytes came after a block was there")
        c.reach("vanilla")
        c.end()
        c.lose(blocks_are_right)
        for mine, theirs in ((temp.with_suffix(""), replica), *((p, farm.repo("provider") / "scratch" / "cache" / NAME / p.name)
                             for p in (farm.repo("client") / "storage" / "cache" / NAME).glob("*") if p.name != "c1.url")):
            expect(mine.read_bytes() == theirs.read_bytes(), f"{mine.name} differs from the provider's")
        print(f"# {c.looks} losses of power looked at, gone on from {c.losses}", flush=True)
        valve.close()


if __name__ == "__main__":
    if os.access("/dev/shm", os.W_OK):
        tempfile.tempdir = "/dev/shm"  # what a sync costs is not the question
    run_cases([("powercut-client-life", life), ("powercut-client-fetch", large_fetch)])
