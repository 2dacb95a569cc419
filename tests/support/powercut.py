# SPDX-License-Identifier: MIT OR Apache-2.0
"""A disk that loses power: what a folder may hold afterwards, from the log of slk_disk_log.c.

The model is the harshest that POSIX allows. A change of a file's bytes or size is safe once that file was
synced after it; a name once its folder was. Each other change before the cut is kept or lost by itself: a
write in pieces of 512 or 4096 bytes, in any order, its file's growth apart from its bytes (what was not
written reads as zeros or as what lay on the disk before). A rename is one change. In half of the cuts
names are lost from the end only, as a journal does it."""
import dataclasses
import os
import pathlib
import random
import struct

HEAD = struct.Struct("<4I3Q")
OPENED, WROTE, SIZED, GREW, SYNCED, RENAMED, REMOVED, FOLDER_MADE, LINKED = range(1, 10)
NAMELESS = os.O_TMPFILE
BEFORE, ON_DISK = -2, -1  # "when" of what is there before the first record
KEEP = (0.0, 0.1, 0.5, 0.9, 1.0)  # of what is not safe, for a cut


@dataclasses.dataclass
class Thing:
    """A file or a folder; changes: (when, kind, ...) of its bytes, or of its names."""
    is_folder: bool
    names: dict = dataclasses.field(default_factory=dict)  # as the running system sees them
    changes: list = dataclasses.field(default_factory=list)
    synced: list = dataclasses.field(default_factory=list)  # when


def records(path):
    """(end of the record in the log, kind, names, inode, offset, length, bytes) of each."""
    log = pathlib.Path(path).read_bytes()
    at = 0
    while at + HEAD.size <= len(log):
        kind, first, second, data, inode, offset, length = HEAD.unpack_from(log, at)
        body = at + HEAD.size
        at = body + first + second + data
        if at > len(log):
            return
        names = (os.fsdecode(log[body:body + first]), os.fsdecode(log[body + first:body + first + second]))
        yield at, kind, names, inode, offset, length, log[at - data:at]


class Standing:
    """What a folder holds before anything is recorded: all of it is on the disk."""

    def __init__(self, folder):
        self.by_inode, self.renames = {}, []
        self.root = self.look(pathlib.Path(folder))

    def look(self, path):
        thing = Thing(path.is_dir(), synced=[ON_DISK])
        self.by_inode[path.stat().st_ino] = thing
        if not thing.is_folder:
            data = path.read_bytes()
            thing.changes.append((BEFORE, WROTE, 0, len(data), data))
            return thing
        for below in path.iterdir():
            thing.names[below.name] = self.look(below)
            self.renames.append((BEFORE, [(thing, below.name, thing.names[below.name])]))
        return thing


class Disk:
    def __init__(self, folder, log, standing=None):
        self.folder = str(folder)
        self.root = standing.root if standing else Thing(True)
        self.by_inode = standing.by_inode if standing else {os.stat(folder).st_ino: self.root}
        self.renames = standing.renames if standing else []  # (when, [(folder, name, thing or None)])
        self.ends = []  # of each record, in the log
        for end, *record in records(log):
            self.take(len(self.ends), *record)
            self.ends.append(end)

    def find(self, path):
        """The folder that holds a path, and its last part."""
        parts = [p for p in path[len(self.folder):].split("/") if p and p != "."]
        place = self.root
        for part in parts[:-1]:
            place = place.names[part]
        return place, parts[-1]

    def rename(self, when, changes):
        self.renames.append((when, changes))
        for place, name, thing in changes:
            place.names.pop(name, None)
            if thing:
                place.names[name] = thing

    def take(self, when, kind, names, inode, offset, length, data):
        if kind == OPENED:
            self.opened(when, names[0], inode, offset)
        elif kind == FOLDER_MADE:
            place, name = self.find(names[0])
            self.by_inode[inode] = Thing(True)
            self.rename(when, [(place, name, self.by_inode[inode])])
        elif kind == REMOVED:
            place, name = self.find(names[0])
            self.rename(when, [(place, name, None)])
        elif kind in (RENAMED, LINKED):
            place, name = self.find(names[0])
            to, to_name = self.find(names[1])
            moved = [(to, to_name, place.names[name])]
            self.rename(when, moved + ([(place, name, None)] if kind == RENAMED else []))
        else:
            thing = self.by_inode[inode]
            if kind == SYNCED:
                thing.synced.append(when)
            else:
                thing.changes.append((when, kind, offset, length, data))

    def opened(self, when, path, inode, flags):
        if flags & NAMELESS == NAMELESS:
            self.by_inode[inode] = Thing(False)
            return
        place, name = self.find(path)
        if name not in place.names:
            self.by_inode[inode] = Thing(False)
            self.rename(when, [(place, name, self.by_inode[inode])])
        else:
            self.by_inode.setdefault(inode, place.names[name])
        if flags & os.O_TRUNC:
            self.by_inode[inode].changes.append((when, SIZED, 0, 0, b""))

    def cut(self, out, chance, when):
        """Writes into the folder `out` what may be left when power goes before record `when`."""
        cut = Cut(chance, when)
        cut.write(self.root, pathlib.Path(out), cut.names_of(self.renames))

    def uncut(self, out):
        """The same with nothing lost: what the recorded processes left, if all they did was recorded."""
        cut = Cut(random.Random(0), len(self.ends), keep=1.0)
        cut.write(self.root, pathlib.Path(out), cut.names_of(self.renames))


class Cut:
    def __init__(self, chance, when, keep=None):
        self.chance, self.when = chance, when
        self.piece = chance.choice([512, 4096])
        self.keep = chance.choice(KEEP) if keep is None else keep
        in_order = keep is None and chance.choice([False, True])
        self.names_kept_before = chance.randrange(when + 1) if in_order else None
        self.rubbish = chance.choice([b"\0", b"\xa5"])

    def keeps(self):
        return self.chance.random() < self.keep

    def keeps_name(self, at, changes):
        if all(any(at < s < self.when for s in place.synced) for place, _, _ in changes):
            return True
        return self.keeps() if self.names_kept_before is None else at < self.names_kept_before

    def names_of(self, renames):
        """What each folder holds, by its identity."""
        names = {}
        for at, changes in renames:
            if at < self.when and self.keeps_name(at, changes):
                for place, name, thing in changes:
                    names.setdefault(id(place), {})[name] = thing
        return names

    def write(self, thing, path, names):
        if not thing.is_folder:
            path.write_bytes(self.bytes_of(thing))
            path.chmod(0o600)  # a file's mode is there with its name; records do not hold it, and secrets are refused with a wider one
            return
        path.mkdir(exist_ok=True)
        for name, below in names.get(id(thing), {}).items():
            if below:
                self.write(below, path / name, names)

    def bytes_of(self, thing):
        safe_until = max((s for s in thing.synced if s < self.when), default=-1)
        out = bytearray()
        for when, kind, offset, length, data in thing.changes:
            if when >= self.when:
                break
            safe = when < safe_until
            if kind == WROTE:
                self.put(out, offset, data, safe)
            elif safe or self.keeps():
                size = length if kind == SIZED else max(len(out), offset + length)
                del out[size:]
                out.extend(bytes(size - len(out)))
        return bytes(out)

    def put(self, out, offset, data, safe):
        end = offset + len(data)
        if safe:
            out.extend(bytes(max(0, offset - len(out))))
            out[offset:end] = data
            return
        if end > len(out) and self.keeps():
            out.extend((b"\0" if len(out) < offset else self.rubbish) * (end - len(out)))
        at = offset
        while at < min(end, len(out)):
            stop = min((at // self.piece + 1) * self.piece, end, len(out))
            if self.keeps():
                out[at:stop] = data[at - offset:stop - offset]
            at = stop
