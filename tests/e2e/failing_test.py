# SPDX-License-Identifier: MIT OR Apache-2.0
"""The n-th allocation or system call of a command fails, for every n that the command reaches.

Each time: no crash, no endless wait, an error in words or the right result, nothing under a final name
that is not whole, nothing left over, and the same command succeeds afterwards. tests/support/slk_failing.c,
preloaded, makes the calls fail. Where there are many calls, FEW of them are tried, spread evenly;
SELKIE_TEST_ALL=1 tries all."""
import errno
import re

from support import *

LIBRARY = pathlib.Path(SELKIE).parent / "tests" / "support" / "libslk_failing.so"
ALL = bool(os.environ.get("SELKIE_TEST_ALL"))
FEW = 4
KINDS = ["alloc", "open", "read", "write", "fsync", "rename", "resize", "mmap", "socket", "mkdir"]
WAYS = [  # kind, error (0: half of the bytes), whether all later calls fail, too
    ("alloc", errno.ENOMEM, ""), ("alloc", errno.ENOMEM, ":on"),
    ("open", errno.EMFILE, ""), ("open", errno.EIO, ":on"),
    ("read", errno.EIO, ""), ("read", 0, ""),
    ("write", errno.EIO, ""), ("write", errno.ENOSPC, ":on"), ("write", 0, ""),
    ("fsync", errno.EIO, ""), ("rename", errno.EIO, ""), ("resize", errno.ENOSPC, ""),
    ("mmap", errno.ENOMEM, ""), ("socket", errno.EMFILE, ""), ("mkdir", errno.ENOSPC, ""),
]
SECONDS_MAX = 60


def run(folder, arguments, plan, tally):
    """A command as a process with calls failing as planned; how it ended, and the calls of each kind."""
    tally.write_bytes(bytes(8 * len(KINDS)))
    environment = {**os.environ, "LD_PRELOAD": str(LIBRARY), "SLK_FAILING": plan, "SLK_FAILING_TALLY": str(tally)}
    try:
        done = subprocess.run([SELKIE, *map(str, arguments), "--json"], capture_output=True, text=True, cwd=folder,
                              timeout=SECONDS_MAX, stdin=subprocess.DEVNULL, env=environment)
    except subprocess.TimeoutExpired:
        raise Failed(f"no end after {SECONDS_MAX} s") from None
    return done, dict(zip(KINDS, struct.unpack(f"<{len(KINDS)}Q", tally.read_bytes())))


def spread(n):
    """Calls 1 to n, or FEW of them with the first and the last."""
    if ALL or n <= FEW:
        return range(1, n + 1)
    return sorted({1 + round(i * (n - 1) / (FEW - 1)) for i in range(FEW)})


def files(folder):
    return {str(p.relative_to(folder)): sha256_file(p) for p in sorted(folder.rglob("*")) if p.is_file()}


def leftovers(folder):
    """Of temporary files; the names of those that stay are the product's own (ARCHITECTURE.md, seal.h)."""
    return [name for name in files(folder) if ".tmp" in name or re.search(r"[.]selkie-folder-", name)]


class Command:
    """A command, on what `prepare` made in a folder.

    whole: patterns of files that are the same after each success, and must be so whenever they are there.
    again: the error codes that a second run may end with when the first one did its work but said
    otherwise."""

    def __init__(self, prepare, arguments, whole=(), again=()):
        self.prepare, self.arguments, self.whole, self.again = prepare, arguments, whole, again

    def made(self, folder):
        return {name: digest for name, digest in files(folder).items()
                if any(pathlib.PurePath(name).match(pattern) for pattern in self.whole)}

    def judge(self, done, folder, before, wanted):
        tail = f"\n  out {done.stdout[-500:]!r}\n  err {done.stderr[-700:]!r}"
        expect(done.returncode >= 0, f"ended by signal {-done.returncode}{tail}")
        expect("Sanitizer" not in done.stderr and "broken invariant" not in done.stderr, f"a bug{tail}")
        made = self.made(folder)
        for name, digest in made.items():
            expect(digest in (wanted.get(name), before.get(name)), f"{name} is not whole{tail}")
        expect(not leftovers(folder), f"left over: {leftovers(folder)}{tail}")
        if done.returncode == 0:
            equal(made, wanted, f"files after success{tail}")
            return
        expect(done.returncode == 1, f"exit status {done.returncode}{tail}")
        words = done.stderr.strip().partition(": ")[2]
        expect(len(words) >= 12 and " " in words, f"no error in words{tail}")

    def follow(self, folder, tally, wanted):
        """The same without failures, after one that failed."""
        done, _ = run(folder, self.arguments, "alloc:0:0", tally)
        tail = f"\n  out {done.stdout[-500:]!r}\n  err {done.stderr[-700:]!r}"
        if done.returncode:
            code = json.loads(done.stdout).get("error", {}).get("code") if done.stdout else None
            expect(code in self.again, f"the next run fails: {code}{tail}")
        equal(self.made(folder), wanted, f"files after the next run{tail}")
        expect(not leftovers(folder), f"left over by the next run: {leftovers(folder)}{tail}")

    def __call__(self):
        expect(LIBRARY.is_file(), f"there is no {LIBRARY}")
        with Folder() as base:
            before, tally = base / "before", base / "tally"
            before.mkdir()
            self.prepare(before)
            here, earlier = base / "here", self.made(before)
            shutil.copytree(before, here)
            done, counts = run(here, self.arguments, "alloc:0:0", tally)
            expect(done.returncode == 0 and counts["alloc"] > 0, f"without failures: {counts} {done.stdout}{done.stderr}")
            wanted = self.made(here)
            tried = hit = 0
            problems = []
            for kind, error, on in WAYS:
                for n in spread(counts[kind]):
                    shutil.rmtree(here)
                    shutil.copytree(before, here)
                    plan = f"{kind}:{n}:{error}{on}"
                    try:
                        done, seen = run(here, self.arguments, plan, tally)
                        tried, hit = tried + 1, hit + (seen[kind] >= n)
                        self.judge(done, here, earlier, wanted)
                        if done.returncode:
                            self.follow(here, tally, wanted)
                    except Failed as problem:
                        problems.append(f"{plan}: {problem}")
            print(f"# {tried} runs, {hit} with a failure; calls {counts}", flush=True)
            expect(hit >= tried * 9 // 10, f"only {hit} of {tried} reached the call that was to fail")
            expect(not problems, f"{len(problems)} of {tried}:\n" + "\n".join(problems))


def nothing(folder):
    pass


def repository(folder):
    selkie("init", "--repo", folder / "node")
    (folder / "node" / "config.toml").write_text("[Subsystems]\nEnableRemoteSealProvider = true\n[Network]\nDevelopment = true\n")


def partnered(folder):
    repository(folder)
    selkie("partner", "add", "lighthouse", "--url", "https://lighthouse.example", "--repo", folder / "node")


REC = record("s-2k-data")
IDENTITY = ["--miner", REC["miner_actor_id"], "--sector", REC["sector_number"], "--ticket", REC["ticket"]]
PLACE = ["--sealed", "sealed", "--cache", "cache"]
PC1 = ["proof", "pc1", *proof_arguments(REC), *IDENTITY, "--tree-c", "no", "--unsealed", "unsealed", "--pieces", "pieces.json", *PLACE]
PC2 = ["proof", "pc2", *proof_arguments(REC), *PLACE]
C1 = ["proof", "c1", *proof_arguments(REC), *IDENTITY, "--seed", REC["seed"], "--comm-r", REC["comm_r"], "--comm-d", REC["comm_d"],
      *PLACE, "--out", "c1.json"]


def raw(folder):
    write_unsealed(REC, folder / "unsealed")
    write_pieces(REC, folder / "pieces.json")


def sealed(*steps):
    def prepare(folder):
        raw(folder)
        for step in steps:
            done = subprocess.run([SELKIE, *map(str, step)], cwd=folder, capture_output=True, text=True)
            expect(done.returncode == 0, f"{step[:2]}: {done.stderr}")
    return prepare


NODE = ["--repo", "node"]
if __name__ == "__main__":
    run_cases([
        ("failing-init", Command(nothing, ["init", *NODE], ["node/config.toml"])),
        ("failing-config", Command(repository, ["config", "check", *NODE], ["node/config.toml"])),
        ("failing-partner-add", Command(repository, ["partner", "add", "lighthouse", "--url", "https://lighthouse.example", *NODE],
                                        ["node/config.toml"], ["exists"])),
        ("failing-info", Command(partnered, ["info", *NODE], ["node/config.toml"])),
        ("failing-pc1", Command(raw, PC1, ["cache/*.dat", "sealed"])),
        ("failing-pc2", Command(sealed(PC1), PC2, ["cache/*.dat", "cache/p_aux", "sealed"])),
        ("failing-c1", Command(sealed(PC1, PC2), C1, ["c1.json", "cache/*.dat", "sealed"])),
    ])
