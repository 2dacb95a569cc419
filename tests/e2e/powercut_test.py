#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Loss of power: what is written is recorded, cut at a point that a seed draws, and what had not been synced
is lost, torn or kept as the seed will (tests/support/powercut.py). Then everything must be whole.

SELKIE_TEST_SEEDS: how many cuts of files and of databases, each; SELKIE_TEST_SEED: only this one. Files and
databases are recorded alike in every run; a provider, whose threads take turns as they will, nearly so."""
import json
import os
import random
import re
import shutil
import sqlite3
import ssl
import subprocess
import tempfile
import urllib.request

from recording import BUILD, RecordedFarm, all_was_recorded, quick_check, recorded
from support import Failed, Folder, equal, expect, run_cases, selkie

from powercut import Disk

CASE = str(BUILD / "powercut_case")
SEEDS = int(os.environ.get("SELKIE_TEST_SEEDS", "1500"))
GOES_ON = 10  # in every so-many-th cut what was begun goes on to its end
NODE_CUTS = max(1, SEEDS // 5)
NODE_GOES_ON = 25  # in every so-many-th the real provider is started again
LARGER_CUTS, LARGER_GOES_ON = max(1, SEEDS // 50), 10
SECTOR_BYTES = {5: 2048, 6: 8 << 20}  # by seal proof
SECTORS = (1, 2)
# Files that under their names are always what they are at the end; a sealed one holds the sector's data, here
# zeros, before.
ONCE = re.compile(r"scratch/(sealed|cache)/.*(?<!/\.selkie-pc1)|tls\..*|secret\.key|config\.toml|(storage|scratch)/(\.selkie-folder|[a-z]+\.json)")
CACHE = {"p_aux", "t_aux", "sc-02-data-tree-r-last.dat"}
ENTRIES, ENTRIES_KEPT, VERSIONS = 40, 15, 12  # as in powercut_case.c


def seeds(count):
    one = os.environ.get("SELKIE_TEST_SEED")
    return [int(one)] if one else range(count)


def content(version):
    return b"%07d\n" % version * (100 + version * 331 % 2000)


def record(folder, case):
    live, log = folder / "live", folder / "log"
    live.mkdir()
    subprocess.run([CASE, case, live], check=True, env={**os.environ, **recorded(live, log)})
    disk = Disk(live, log)
    all_was_recorded(disk, live, folder / "whole")
    said = disk.root.names["said"]
    acknowledged = [(when, data.decode().split()) for when, _, _, _, data in said.changes if data]
    expect(len(acknowledged) >= ENTRIES - 5, f"only {len(acknowledged)} steps were recorded")
    return disk, acknowledged


def promised(acknowledged, when):
    """What must be there, name by name, after a cut at a record."""
    return {name: int(version) for at, (name, version) in acknowledged if at < when}


def each_cut(case, check, finished):
    with Folder() as folder:
        disk, acknowledged = record(folder, case)
        for seed in seeds(SEEDS):
            chance = random.Random(seed)
            when = chance.randrange(len(disk.ends) + 1)
            out = folder / "cut"
            disk.cut(out, chance, when)
            try:
                check(out, promised(acknowledged, when))
                if seed % GOES_ON == 0:
                    done = subprocess.run([CASE, case, out, "quiet"], capture_output=True, text=True)
                    equal(done.returncode, 0, f"going on: {done.stderr}")
                    finished(out)
            except (Failed, sqlite3.Error) as problem:
                raise Failed(f"SELKIE_TEST_SEED={seed}, cut at {when} of {len(disk.ends)}: {problem}") from problem
            shutil.rmtree(out)


def files_are_whole(folder, promises):
    for path in (p for p in folder.rglob("*") if p.is_file()):
        name = str(path.relative_to(folder))
        if name == "said" or name.endswith(".tmp"):
            continue
        data = path.read_bytes()
        expect(re.fullmatch(rb"\d{7}\n", data[:8]), f"{name} has {len(data)} bytes, first {data[:8]}")
        version = int(data[:8])
        expect(data == content(version), f"{name} is not whole: version {version}")
        expect(version >= promises.get(name, 0), f"{name} has version {version}, {promises.get(name)} was done")
    for name, version in promises.items():
        expect((folder / name).exists(), f"{name} is gone, version {version} was done")


def files_are_finished(folder):
    last = {f"{kind}{v % 3}": v for v in range(VERSIONS) for kind in ("small", "large")}
    files_are_whole(folder, {**last, **{f"below/{v}/deep/file": v for v in range(VERSIONS)}})
    equal([str(p) for p in folder.rglob("*.tmp")], [], "temporary files at the end")


def database_is_whole(folder, promises, least=0):
    least = max(least, promises.get("node.db", 0))
    if not (folder / "node.db").exists():
        equal(least, 0, "transactions done, and the database is gone")
        return
    connection = sqlite3.connect(folder / "node.db")
    try:
        quick_check(connection)
        tables = {name for name, in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        count = connection.execute("SELECT n FROM total").fetchone()[0] if "total" in tables else 0
        expect(count >= least, f"{count} transactions are there, {least} were done")
        rows = connection.execute("SELECT id, bytes FROM entries ORDER BY id").fetchall() if count else []
        expect(rows == [(i, content(i)) for i in range(max(1, count - ENTRIES_KEPT + 1), count + 1)], f"entries of {count}")
    finally:
        connection.close()


def files():
    each_cut("files", files_are_whole, files_are_finished)


def database():
    each_cut("database", database_is_whole, lambda folder: database_is_whole(folder, {}, ENTRIES))


# ---- a provider ----


def post(farm, call, body):
    context = ssl.create_default_context(cafile=str(farm.repo("provider") / "tls.crt"))
    request = urllib.request.Request(f"{farm.url('provider')}/remoteseal/delegated/v0/{call}", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, context=context, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def role(farm, number):
    return farm.on("provider", "sector", "show", f"f01000/{number}")["roles"][0]


def provider_life(farm, seal_proof):
    """Sectors are ordered and sealed. (size of the log then, sector number, what was seen) for each."""
    farm.repo("provider").mkdir()
    selkie("init", "--repo", farm.repo("provider"), environment=farm.environment("provider"))
    farm.start("devnet")
    farm.start("provider")
    token = farm.on("provider", "partner", "add", "other", "--url", farm.url("client"), "--allowance", 5)["token"]
    seen = []
    for number in SECTORS:
        order = {"partner_token": token, "slot_token": "", "sp_id": 1000, "sector_number": number, "reg_seal_proof": seal_proof}
        equal(post(farm, "order", order)["accepted"], True, "the order")
        seen.append((farm.log_size(), number, "ordered"))
        farm.wait(lambda: role(farm, number)["state"] == "sealed", 120, f"sector {number} to be sealed")
        seen.append((farm.log_size(), number, "sealed"))
    farm.kill("provider")
    return seen


def number_of(sealed):
    return int(sealed.name.rsplit("-", 1)[1])


class Life:
    """What the recorded provider did: the disk, the files at the end, and what it had promised when."""

    def __init__(self, farm, seal_proof):
        seen = provider_life(farm, seal_proof)
        self.unsealed = bytes(SECTOR_BYTES[seal_proof])
        self.disk = Disk(farm.repo("provider"), farm.log)
        self.seen = [(sum(end <= size for end in self.disk.ends), number, what) for size, number, what in seen]
        all_was_recorded(self.disk, farm.repo("provider"), farm.folder / "whole")
        self.kept = farm.folder / "kept"
        farm.repo("provider").rename(self.kept)

    def promised(self, when, what):
        return {number for at, number, then in self.seen if at <= when and then == what}

    def check(self, folder, when):
        for path in (p for p in folder.rglob("*") if p.is_file()):
            name = path.relative_to(folder)
            if path.suffix == ".tmp" or not ONCE.fullmatch(str(name)):
                continue
            data = path.read_bytes()
            unsealed = path.parent.name == "sealed" and number_of(path) not in self.promised(when, "sealed") and data == self.unsealed
            expect(unsealed or data == (self.kept / name).read_bytes(), f"{name} is not whole: {len(data)} bytes")
        for number in self.promised(when, "sealed"):
            expect((folder / "scratch" / ".selkie-folder").exists(), f"what folder sector {number} lies in")
            expect((folder / "scratch" / "sealed" / f"s-t01000-{number}").exists(), f"the sealed file of {number}")
            there = {p.name for p in (folder / "scratch" / "cache" / f"s-t01000-{number}").glob("*")}
            expect(there >= CACHE, f"the cache of {number} holds {there}")
        if not (folder / "selkie.db").exists():
            equal(self.promised(when, "ordered"), set(), "orders, and the database is gone")
            return
        connection = sqlite3.connect(folder / "selkie.db")
        try:
            quick_check(connection)
            rows = set()
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'rseal_provider_pipeline'").fetchone():
                rows = {n for n, in connection.execute("SELECT sector_number FROM rseal_provider_pipeline WHERE sp_id = 1000")}
            expect(rows >= self.promised(when, "ordered"), f"orders after the cut: {rows}")
        finally:
            connection.close()


def goes_on(farm, life, when):
    """The real provider, started on what a cut left, seals what it had accepted; nothing is left over."""
    farm.start("provider")
    for number in sorted(life.promised(when, "ordered")):
        farm.wait(lambda: role(farm, number)["state"] in ("sealed", "failed"), 120, f"sector {number} to be sealed")
        equal(role(farm, number)["state"], "sealed", f"sector {number} after a cut")
    equal(farm.on("provider", "orphans")["count"], 0, "what is left over")
    equal(farm.on("provider", "fsck")["findings"], [], "fsck")
    farm.kill("provider")


def provider(seal_proof, cuts, goes_on_each):
    with Folder() as folder, RecordedFarm(folder, "provider") as farm:
        try:
            cut_provider(farm, seal_proof, cuts, goes_on_each)
        finally:  # the devnet alone is stopped in order
            farm.processes = {name: p for name, p in farm.processes.items() if p.poll() is None}


def cut_provider(farm, seal_proof, cuts, goes_on_each):
    life = Life(farm, seal_proof)
    farm.recording = False
    out, end = farm.repo("provider"), len(life.disk.ends)
    first = min(at for at, _, _ in life.seen)
    for seed in seeds(cuts):
        chance = random.Random(seed)
        restarts = seed % goes_on_each == 0
        when = chance.randrange(first if restarts else 0, end + 1)
        life.disk.cut(out, chance, when)
        try:
            life.check(out, when)
            if restarts:
                goes_on(farm, life, when)
        except (Failed, sqlite3.Error) as problem:
            raise Failed(f"SELKIE_TEST_SEED={seed}, cut at {when} of {end}: {problem}") from problem
        shutil.rmtree(out)


if __name__ == "__main__":
    if os.access("/dev/shm", os.W_OK):
        tempfile.tempdir = "/dev/shm"  # thousands of small folders; what a sync costs is not the question
    run_cases([("powercut-files", files), ("powercut-database", database), ("powercut-provider", lambda: provider(5, NODE_CUTS, NODE_GOES_ON)),
               ("powercut-provider-8MiB", lambda: provider(6, LARGER_CUTS, LARGER_GOES_ON))])
