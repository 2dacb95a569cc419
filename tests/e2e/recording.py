# SPDX-License-Identifier: MIT OR Apache-2.0
"""Processes whose changes to a folder are recorded, so that a loss of power can be played on it
(tests/support/powercut.py)."""
import pathlib
import shutil

from farm import Farm
from support import SELKIE, equal

from powercut import Disk, Standing

BUILD = pathlib.Path(SELKIE).parent / "tests"


def recorded(folder, log):
    return {"LD_PRELOAD": str(BUILD / "libslk_disk_log.so"), "SLK_DISK_FOLDER": str(folder), "SLK_DISK_LOG": str(log)}


def contents(folder):
    """Of all files but those SQLite maps and makes anew after a restart."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.name.endswith("-shm")}


def all_was_recorded(disk, live, folder):
    disk.uncut(folder)
    want, got = contents(live), contents(folder)
    equal([n for n in want.keys() | got.keys() if want.get(n) != got.get(n)], [], "files that changed in ways that were not seen")
    shutil.rmtree(folder)


def quick_check(connection):
    equal(connection.execute("PRAGMA quick_check").fetchall(), [("ok",)], "quick_check")


class RecordedFarm(Farm):
    """One node's folder is recorded, while `recording`."""

    def __init__(self, folder, name, **options):
        super().__init__(folder, **options)
        self.name, self.recording = name, True
        self.log = self.folder / "log"
        self.more_of = {}  # further configuration of one node, by its name

    def environment(self, name):
        more = recorded(self.repo(name), self.log) if name == self.name and self.recording else {}
        return {**super().environment(name), **self.more_of.get(name, {}), **more}

    def log_size(self):
        return self.log.stat().st_size if self.log.exists() else 0

    def begin_recording(self):
        """From what lies there now, with nothing running: all of that is on the disk."""
        self.log.unlink(missing_ok=True)
        self.standing = Standing(self.repo(self.name))

    def disk(self):
        return Disk(self.repo(self.name), self.log, self.standing)

    def lose_power(self, disk, chance):
        """The node is dead; its folder becomes what may be left of it at the end of the record."""
        live, left = self.repo(self.name), self.folder / "left"
        disk.cut(left, chance, len(disk.ends))
        shutil.rmtree(live)
        left.rename(live)
        self.begin_recording()
