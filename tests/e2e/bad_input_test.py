# SPDX-License-Identifier: MIT OR Apache-2.0
"""Bad input gets a clear error and changes nothing; interruptions leave nothing behind.

Every refusal is held to the same rules (see `refused`): the exit status, one JSON error object whose
sentence names the culprit, no file changed or left over, no crash, bounded memory and time.
SELKIE_TEST_SEED repeats the random moments and bits of a run."""
import contextlib
import ctypes
import random
import resource
import signal
import stat

from support import *

SEED = int(os.environ.get("SELKIE_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
RANDOM = random.Random(SEED)
MODULUS = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001
CODES = {"invalid", "out-of-memory", "io", "corrupt", "not-found", "exists", "conflict", "busy", "canceled", "limit", "protocol",
         "unsupported", "no-space"}
DONE, FAILED, USAGE, NO = 0, 1, 2, 3
MEMORY_MAX = 400 << 20
EIGHT_MIB = 8 << 20


class Answer:
    """How a command ended: status, the JSON document, and what it used."""

    def __init__(self, status, out, err, peak):
        self.status, self.out, self.err, self.peak = status, out, err, peak
        self.json = None
        with contextlib.suppress(ValueError):
            self.json = json.loads(out)


def start(arguments, files, environment=None, limit=None):
    command = [SELKIE.encode(), *(a if isinstance(a, bytes) else str(a).encode() for a in arguments), b"--json"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=files[0], stderr=files[1],
                            env={**os.environ, **(environment or {})}, preexec_fn=limit)


def finish(process, files, timeout):
    """Waits for a process of `start`; the timeout is a failure."""
    until = time.monotonic() + timeout
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > until:
            process.kill()
            process.wait()
            raise Failed(f"no end after {timeout} s: {process.args}")
        time.sleep(0.005)
    process.returncode = os.waitstatus_to_exitcode(status)
    texts = []
    for f in files:
        f.seek(0)
        texts.append(f.read().decode("utf-8", "surrogateescape"))
        f.close()
    return Answer(process.returncode, texts[0], texts[1], usage.ru_maxrss << 10)


def run(*arguments, timeout=60, environment=None, limit=None):
    files = (tempfile.TemporaryFile(), tempfile.TemporaryFile())
    return finish(start(arguments, files, environment, limit), files, timeout)


def look(folder):
    """Everything under a folder: kind, mode, length and digest by path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        kind = stat.S_IFMT(info.st_mode)
        content = sha256_file(path) if stat.S_ISREG(info.st_mode) else ""
        found[str(path.relative_to(folder))] = (kind, info.st_mode & 0o777, content)
    return found


def changes(before, after):
    return [f"{'new' if p not in before else 'gone' if p not in after else 'changed'} {p}"
            for p in sorted(before.keys() | after.keys()) if before.get(p) != after.get(p)]


def leftovers(folder):
    return [str(p) for p in folder.rglob("*") if ".tmp" in p.name or p.name.startswith("selkie-")]


def judge(answer, status, code, words, what, memory_max=MEMORY_MAX):
    """The rules of a refusal that do not look at files."""
    tail = f"\n  out {answer.out[:600]!r}\n  err {answer.err[-600:]!r}"
    expect(answer.status >= 0, f"{what}: ended by signal {-answer.status}{tail}")
    expect(answer.status == status, f"{what}: exit {answer.status}, want {status}{tail}")
    expect("Sanitizer" not in answer.err and "broken invariant" not in answer.err, f"{what}: {tail}")
    expect(answer.peak < memory_max, f"{what}: took {answer.peak >> 20} MiB")
    expect(isinstance(answer.json, dict), f"{what}: no JSON object{tail}")
    if status == NO:
        return check_text(answer.json.get("reason", answer.json.get("detail", "")), words, what, tail)
    error = answer.json.get("error", {})
    expect(set(answer.json) == {"error"} and set(error) == {"code", "message"}, f"{what}: form of the error{tail}")
    expect(error["code"] in CODES, f"{what}: code {error['code']}")
    expect(code is None or error["code"] in code.split("|"), f"{what}: code {error['code']}, want {code}{tail}")
    expect(error["message"] in answer.err, f"{what}: standard error says something else{tail}")
    check_text(error["message"], words, what, tail)


def check_text(text, words, what, tail):
    expect(len(text) >= 15 and " " in text, f"{what}: no sentence{tail}")
    for word in words:
        expect(any(w in text for w in str(word).split("|")), f"{what}: the sentence does not say {word!r}{tail}")


def refused(folder, arguments, code, words=(), status=FAILED, what=None, **more):
    """The command must fail by the rules and leave the folder as it is."""
    what = what or " ".join(str(a) for a in arguments[:2])
    before = look(folder)
    answer = run(*arguments, **more)
    judge(answer, status, code, words, what)
    changed = changes(before, look(folder))
    expect(not changed, f"{what}: files differ afterwards: {changed}")
    return answer


class Sector:
    """One sector of the test vectors in a folder of its own, and the command lines of its steps."""

    def __init__(self, folder, case, steps=("pc1", "pc2", "c1")):
        self.folder, self.case, self.rec = folder, case, record(case)
        self.proof = proof_arguments(self.rec)
        self.cache, self.sealed = folder / "cache", folder / "sealed"
        self.unsealed, self.pieces, self.c1_file = folder / "unsealed", folder / "pieces.json", folder / "c1.json"
        write_unsealed(self.rec, self.unsealed)
        write_pieces(self.rec, self.pieces)
        for step in steps:
            selkie(*getattr(self, step)())

    def identity(self, **other):
        rec = {**{k: self.rec[k] for k in ("miner_actor_id", "sector_number", "ticket")}, **other}
        return ["--miner", rec["miner_actor_id"], "--sector", rec["sector_number"], "--ticket", rec["ticket"]]

    def place(self):
        return ["--sealed", self.sealed, "--cache", self.cache]

    def pc1(self, **other):
        return ["proof", "pc1", *self.proof, *self.identity(**other), "--tree-c", "no", "--unsealed", self.unsealed, "--pieces",
                self.pieces, *self.place()]

    def pc2(self):
        return ["proof", "pc2", *self.proof, *self.place()]

    def c1(self, **other):
        value = {"seed": self.rec["seed"], "comm_r": self.rec["comm_r"], "comm_d": self.rec["comm_d"], **other}
        return ["proof", "c1", *self.proof, *self.identity(**other), "--seed", value["seed"], "--comm-r", value["comm_r"],
                "--comm-d", value["comm_d"], *self.place(), "--out", value.get("out", self.c1_file)]

    def unseal(self, **other):
        rest = [x for k in ("offset", "length") if k in other for x in (f"--{k}", other[k])]
        return ["proof", "unseal", *self.proof, *self.identity(**other), "--comm-d", other.get("comm_d", self.rec["comm_d"]),
                "--sealed", self.sealed, "--cache", self.folder / "work", "--out", self.folder / "data", *rest]

    def check(self, **other):
        return ["proof", "check-replica", *self.proof, *self.place(), "--comm-r", other.get("comm_r", self.rec["comm_r"])]

    def is_right(self, files, what):
        """Cache files and, after PC2, the sealed file are the recorded ones."""
        wanted = {e["name"]: e["sha256"] for e in self.rec[files] if e["name"] != "t_aux"}
        for name, digest in wanted.items():
            equal(sha256_file(self.cache / name), digest, f"{what}: {name}")
        if files == "cache_after_pc2":
            equal(sha256_file(self.sealed), self.rec["sealed_sha256"], f"{what}: sealed file")
        expect(not leftovers(self.folder), f"{what}: left over {leftovers(self.folder)}")


# ---- Ways to damage a file. Each takes a path and returns what an error may call it.

def truncate(path):
    os.truncate(path, path.stat().st_size - 1)


def empty(path):
    os.truncate(path, 0)


def longer(path):
    with open(path, "ab") as f:
        f.write(b"\0" * 32)


def flip(path, at=None):
    data = bytearray(path.read_bytes())
    bit = RANDOM.randrange(8 * len(data)) if at is None else 8 * at
    data[bit // 8] ^= 1 << (bit % 8)
    path.write_bytes(data)


def out_of_field(path):
    node = RANDOM.randrange(min(path.stat().st_size, 2048) // 32)  # of a tree: a leaf
    with open(path, "r+b") as f:
        f.seek(32 * node)
        f.write(RANDOM.choice([MODULUS, (1 << 256) - 1]).to_bytes(32, "little"))


def missing(path):
    path.unlink()


def folder_instead(path):
    path.unlink()
    path.mkdir()


def pipe_instead(path):
    path.unlink()
    os.mkfifo(path)


def loop_instead(path):
    path.unlink()
    path.symlink_to(path.name)


WAYS = (truncate, empty, longer, missing, folder_instead, pipe_instead, loop_instead)
UNFIT = "corrupt|not-found|invalid|io"


@contextlib.contextmanager
def damaged(path, way):
    """Damages a file for the body of a `with`, then puts it back."""
    whole = path.read_bytes()
    way(path)
    try:
        yield
    finally:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        elif path.is_symlink() or path.exists():
            path.unlink()
        path.write_bytes(whole)


def each_damage(sector, path, ways, arguments, code, words, status=FAILED):
    for way in ways:
        with damaged(path, way):
            refused(sector.folder, arguments, code, words, status=status,
                    what=f"{arguments[1]} with {path.name}: {way.__name__}")


# ---- Cases.

def pc1_inputs():
    with Folder() as folder:
        s = Sector(folder, "s-2k-data", steps=())
        each_damage(s, s.unsealed, (missing, folder_instead, pipe_instead, loop_instead, out_of_field), s.pc1(), UNFIT,
                    ["unsealed"])
        # Lotus's unsealed files go on behind the data; what of it is data, the pieces say
        each_damage(s, s.unsealed, (longer,), [a for a in s.pc1() if a not in ("--pieces", s.pieces)], UNFIT, ["unsealed"])
        with damaged(s.unsealed, flip):
            refused(folder, s.pc1(), "invalid", ["CommD"], what="data of other pieces")
        each_damage(s, s.pieces, (truncate, empty, missing, folder_instead, loop_instead), s.pc1(), UNFIT, ["pieces.json"])
        for text in ("{}", "[]", "[1]", '[{"size":0,"commitment":"00"}]', '[{"size":1016}]', '[{"size":"2048"}]',
                     '[{"size":2048,"cid":"bafy"}]', '[{"size":-1,"commitment":"' + "00" * 32 + '"}]',
                     '[{"size":1e300,"commitment":"' + "00" * 32 + '"}]', "[" * 100000, "\0", "[{}]" + "x" * 10):
            s.pieces.write_text(text)
            refused(folder, s.pc1(), "invalid|corrupt|limit", ["pieces.json"], what=f"pieces {text[:30]}")
        for size in (64, 129, 4096, 1 << 62):
            s.pieces.write_text(json.dumps([{"size": size, "commitment": "00" * 32}]))
            refused(folder, s.pc1(), "invalid|limit", ["piece"], what=f"piece of {size}")
        write_pieces(s.rec, s.pieces)
        selkie(*s.pc1())
        s.is_right("cache_after_pc1", "after all refusals")


def pc2_inputs():
    with Folder() as folder:
        s = Sector(folder, "s-2k-data", steps=("pc1",))
        cache = [s.cache / f"sc-02-data-{name}.dat" for name in ("layer-1", "layer-2", "tree-d")]
        for path in cache:
            each_damage(s, path, (*WAYS, flip, out_of_field), s.pc2(), UNFIT, [path.name])
        each_damage(s, s.sealed, WAYS, s.pc2(), UNFIT, ["sealed"])
        with damaged(s.cache / ".selkie-pc1", missing):
            for path in cache:
                with damaged(path, out_of_field):  # trees of columns that were right may lie there then
                    judge(run(*s.pc2()), FAILED, "corrupt", [path.name, "node"], f"unmarked {path.name} out of the field")
                    expect(not (s.cache / "p_aux").exists() and not leftovers(folder), "pc2 of a damaged cache")
        other = Sector(folder / "other", "s-2k-v1", steps=()) if (folder / "other").mkdir() is None else None
        refused(folder, ["proof", "pc2", *other.proof, *s.place()], "conflict", ["cache"], what="pc2 as another seal proof")
        refused(folder, ["proof", "pc2", "--seal-proof", 6, *s.place()], UNFIT + "|conflict", ["layer-1|cache"],
                what="pc2 as 8 MiB")
        refused(folder, ["proof", "pc2", *s.proof, "--sealed", s.sealed, "--cache", folder / "nowhere"], "not-found",
                ["nowhere"], what="pc2 in no cache")
        selkie(*s.pc2())
        s.is_right("cache_after_pc2", "after all refusals")


def c1_inputs(case="s-2k-data"):
    with Folder() as folder:
        s = Sector(folder, case, steps=("pc1", "pc2"))
        paths = sorted(p for p in s.cache.iterdir() if p.name not in ("t_aux", ".selkie-pc1", "syn-porep-vanilla-proofs.dat"))
        for path in [*paths, s.sealed]:
            each_damage(s, path, WAYS if path in (paths[0], paths[-1], s.sealed) else (truncate, missing), s.c1(), UNFIT,
                        [path.name])
        each_damage(s, s.cache / "p_aux", (flip, out_of_field), s.c1(), "corrupt|invalid", ["p_aux"])
        # Only what the challenges open is read: damage every node of the files that are opened everywhere.
        for path in (s.sealed, s.cache / "sc-02-data-layer-1.dat", s.cache / "sc-02-data-tree-d.dat"):
            for fill, code in ((b"\xff" * 32, "corrupt"), (b"\1" + bytes(31), "corrupt")):
                def ruin(p, fill=fill):
                    p.write_bytes(fill * (p.stat().st_size // 32))
                ruin.__name__ = f"filled with {fill[:1].hex()}"
                each_damage(s, path, (ruin,), s.c1(), code, ["cache|sealed|node"])
        selkie(*s.c1())
        expect(s.c1_file.read_bytes() == load(next(VECTORS / case / n for n in ("c1.json.gz", "c1-vanilla.json.gz")
                                                   if (VECTORS / case / n).exists())), "c1 after all refusals")


def c1_identity():
    with Folder() as folder:
        s = Sector(folder, "s-2k-data", steps=("pc1", "pc2"))
        high = (MODULUS).to_bytes(32, "little").hex()
        for what, other, words in (
                ("zero comm_r", {"comm_r": "00" * 32}, ["CommR"]),
                ("zero comm_d", {"comm_d": "00" * 32}, ["CommD"]),
                ("comm_r out of the field", {"comm_r": high}, ["CommR"]),
                ("comm_d out of the field", {"comm_d": high}, ["CommD"]),
                ("other comm_r", {"comm_r": s.rec["comm_d"]}, ["CommR", "p_aux"]),
                ("other comm_d", {"comm_d": s.rec["comm_r"]}, []),
                ("other miner", {"miner_actor_id": 1001}, ["cache"]),
                ("other sector", {"sector_number": 2}, ["cache"]),
                ("other ticket", {"ticket": "11" * 32}, ["cache"])):
            refused(folder, s.c1(**other), "invalid|corrupt|conflict", words, what=what)
        for out in (folder, folder / "none" / "c1.json", s.sealed / "c1.json", "/proc/c1.json"):
            refused(folder, s.c1(out=out), "invalid|not-found|io|exists", [out], what=f"c1 to {out}")


def top_trees():
    """16 KiB has sub trees, 32 KiB also a top tree: every base tree file counts."""
    for case in ("s-16k-data", "s-32k-data"):
        with Folder() as folder:
            s = Sector(folder, case, steps=("pc1", "pc2"))
            trees = sorted(s.cache.glob("*tree-c-*")) + sorted(s.cache.glob("*tree-r-last-*"))
            expect(len(trees) >= 4, f"base trees of {case}: {trees}")
            for path in trees:
                each_damage(s, path, (truncate, missing), s.c1(), UNFIT, [path.name])
            for path in [p for p in trees if "tree-r-last" in p.name]:
                each_damage(s, path, (flip, truncate), s.check(), None, [path.name], status=NO)
            with damaged(s.sealed, flip):
                refused(folder, s.check(), None, ["node|sealed"], status=NO, what="check of a damaged replica")
            equal(selkie(*s.check())["valid"], True, "check after all refusals")


def synthetic():
    with Folder() as folder:
        s = Sector(folder, "s-2k-synth", steps=("pc1", "pc2"))
        path = s.cache / "syn-porep-vanilla-proofs.dat"
        each_damage(s, path, (truncate, empty, longer, folder_instead, pipe_instead), s.c1(), UNFIT, [path.name])

        def ruin(p):
            data = p.read_bytes()
            p.write_bytes(data[:96] + bytes(b ^ 1 for b in data[96:]))

        def other_sector(p):
            flip(p, at=40)
        each_damage(s, path, (ruin, other_sector), s.c1(), "corrupt", [path.name])
        selkie(*s.c1())


def replica_checks():
    with Folder() as folder:
        s = Sector(folder, "s-2k-data", steps=("pc1", "pc2"))
        tree, p_aux = s.cache / "sc-02-data-tree-r-last.dat", s.cache / "p_aux"
        for path in (s.sealed, tree, p_aux):
            each_damage(s, path, (truncate, empty, longer), s.check(), None, [path.name], status=NO)
            each_damage(s, path, (missing, folder_instead, pipe_instead, loop_instead), s.check(), UNFIT, [path.name])
        for path in (s.sealed, tree):
            each_damage(s, path, (flip, out_of_field), s.check(), None, [path.name], status=NO)
        for at in (0, 31, 32, 63):
            with damaged(p_aux, lambda p, at=at: flip(p, at)):
                refused(folder, s.check(), None, ["p_aux"], status=NO, what=f"p_aux byte {at}")
        refused(folder, s.check(comm_r="00" * 32), None, ["CommR"], status=NO, what="zero comm_r")
        equal(selkie(*s.check())["valid"], True, "check after all refusals")


def unsealing():
    with Folder() as folder:
        s = Sector(folder, "s-2k-data", steps=("pc1", "pc2"))
        (folder / "work").mkdir()
        each_damage(s, s.sealed, (*WAYS, out_of_field), s.unseal(), UNFIT, ["sealed"])
        for what, other in (("ticket", {"ticket": "22" * 32}), ("miner", {"miner_actor_id": 7}), ("sector", {"sector_number": 9}),
                            ("comm_d", {"comm_d": "33" * 31 + "03"})):
            refused(folder, s.unseal(**other), "corrupt", ["sealed", "another ticket"], what=f"unseal with another {what}")
        for offset, length in ((2033, 0), (0, 2033), (2032, 1), (1, 2032), ((1 << 64) - 1, 1), (127, (1 << 64) - 1)):
            refused(folder, s.unseal(offset=offset, length=length), "invalid", ["2032"], status=USAGE,
                    what=f"unseal {offset} {length}")
        selkie(*s.unseal())
        expect((folder / "data").stat().st_size == 2032, "unsealed data")


def names_and_paths():
    with Folder() as folder:
        s = Sector(folder, "s-2k-data", steps=("pc1", "pc2"))
        before = s.proof + s.place()
        ticket = ["--ticket", s.rec["ticket"]]
        for miner, number in (("f01000", "-1"), ("f01000", "9223372036854775808"), ("f01000", "18446744073709551616"),
                              ("f01000", "1x"), ("f01000", ""), ("f01000", " 1"), ("f01000", "1" * 400), ("f1abc", "1"),
                              ("f0", "1"), ("f0-1", "1"), ("", "1"), ("t09223372036854775808", "1"), ("f0" + "9" * 300, "1")):
            refused(folder, ["proof", "pc1", *before, "--miner", miner, "--sector", number, *ticket], "invalid|limit",
                    ["miner|sector"], status=USAGE, what=f"miner {miner[:20]} sector {number[:20]}")
        for wrong in (["--ticket", "00"], ["--ticket", "zz" * 32], ["--ticket", "00" * 33], ["--ticket", ""], ["--ticket"], []):
            refused(folder, ["proof", "pc1", *before, "--miner", 1000, "--sector", 1, *wrong], "invalid", ["--ticket"],
                    status=USAGE, what=f"{wrong}")
        rest = ["--miner", 1000, "--sector", 1, *ticket, *s.place()]
        porep = ["--porep-id", "05" + "00" * 31]
        for wrong in (["--seal-proof", "20"], ["--seal-proof", "-1"], ["--seal-proof", "x"], [], ["--sector-size", "3KiB"],
                      ["--sector-size", "2KiB"], ["--sector-size", "2KiB", *porep],
                      ["--sector-size", "0", *porep, "--api-version", "1.1"],
                      ["--sector-size", "2049", *porep, "--api-version", "1.1"],
                      ["--sector-size", "16777216TiB", *porep, "--api-version", "1.1"],
                      ["--sector-size", "2KiB", *porep, "--api-version", "9"],
                      ["--sector-size", "2KiB", *porep, "--api-version", "1.1", "--feature", "fast"],
                      ["--seal-proof", "5", "--sector-size", "2KiB"], ["--seal-proof", "5", "--seal-proof", "5"],
                      ["--seal-proof=5", "--sealed", "x"], ["--seal-proof=5", "--no-such"], ["--seal-proof=5", "extra"]):
            refused(folder, ["proof", "pc1", *rest, *wrong], "invalid", [], status=USAGE, what=f"{wrong}")
        fresh = ["--miner", 1000, "--sector", 1, *ticket]
        (folder / "file").write_text("x")
        (folder / "there").mkdir()
        (folder / "there" / "mine").write_text("x")
        for sealed, cache, word in ((folder / "none" / "sealed", folder / "c", "none"), (folder / "there", folder / "c", "there"),
                                    (folder / "file" / "sealed", folder / "c", "file"), (folder / "s", folder / "file", "file"),
                                    (folder / "s", folder / "file" / "c", "file"), (folder / "s", "/proc/none/cache", "/proc"),
                                    (folder / ("n" * 300), folder / "c", "nnn"), (folder / "s", folder / ("m" * 300), "mmm"),
                                    ("/dev/null/x", folder / "c", "/dev/null")):
            refused_new_cache(folder, [*s.proof, *fresh, "--sealed", sealed, "--cache", cache], word)
        bytes_not_text(folder, s)


def refused_new_cache(folder, arguments, word):
    """As refused, but an empty cache folder made on the way may stay."""
    before = look(folder)
    answer = run("proof", "pc1", *arguments)
    judge(answer, FAILED, "invalid|not-found|io|exists", [word], f"pc1 {arguments[-3:]}")
    changed = [c for c in changes(before, look(folder)) if c != "new c"]
    expect(not changed, f"pc1 {arguments[-3:]}: {changed}")
    with contextlib.suppress(FileNotFoundError):
        (folder / "c").rmdir()


def bytes_not_text(folder, s):
    """Paths that are not UTF-8, with control characters, and very long ones still get a JSON answer."""
    for name in (b"\xff\xfe", b"a\nb\x1b[31m", "\N{SNOWMAN}".encode(), b"p" * 250):
        path = os.fsencode(folder) + b"/none-" + name[:200] + b"/x" * 200
        answer = refused(folder, ["proof", "pc2", *s.proof, "--sealed", path, "--cache", s.cache], None, ["none-"],
                         what=f"path {name[:8]!r}")
        expect("\x1b" not in answer.err, "control characters of a path reach the terminal")
        out = os.fsencode(folder) + b"/out-" + name[:200]
        good = run(*s.c1(out=out))
        expect(good.status == DONE and good.json, f"c1 to {name[:8]!r}: {good.status} {good.out} {good.err}")
        os.unlink(out)


def other_owner():
    """A cache in use for one sector is not taken over by another; a finished one is not overwritten."""
    with Folder() as folder:
        s = Sector(folder, "s-2k-data", steps=("pc1",))
        for other in ({"ticket": "44" * 32}, {"sector_number": 2}, {"miner_actor_id": 5}):
            refused(folder, s.pc1(**other), "conflict", ["cache"], what=f"pc1 with {list(other)[0]}")
        plain = ["proof", "pc1", *s.proof, *s.identity(), *s.place()]
        refused(folder, plain, "conflict", ["cache", "data"], what="pc1 with other data")
        selkie(*s.pc2())
        (s.cache / ".selkie-pc1").unlink()
        refused(folder, s.pc1(), "conflict", ["cache", "finished"], what="pc1 over a finished sector")


def unreadable():
    """Files of other people. root may read all, so the command runs as nobody."""
    if os.getuid() != 0:
        return
    with Folder() as folder:
        s = Sector(folder, "s-2k-data")
        nobody = 65534
        def drop():
            os.setgid(nobody)
            os.setuid(nobody)
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, nobody, nobody)
        for path, arguments in ((s.unsealed, s.pc1()), (s.pieces, s.pc1()), (s.cache / "sc-02-data-layer-1.dat", s.pc2()),
                                (s.cache / "p_aux", s.c1()), (s.sealed, s.check()), (s.sealed, s.unseal())):
            path.chmod(0)
            os.makedirs(folder / "work", exist_ok=True)
            os.chown(folder / "work", nobody, nobody)
            refused(folder, arguments, "io", [path.name, "ermission"], limit=drop, what=f"{arguments[1]}, {path.name} unreadable")
            path.chmod(0o644)
        s.cache.chmod(0o555)
        refused(folder, s.pc2(), "io", ["cache", "ermission"], limit=drop, what="pc2 in a cache that cannot be written")
        s.cache.chmod(0o755)


# ---- Disk full, limits, signals.

@contextlib.contextmanager
def small_disk(folder, size):
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "selkie-test", str(folder)], capture_output=True)
    expect(done.returncode == 0, f"mount: {done.stderr!r}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def can_mount():
    if os.getuid() != 0:
        return False
    with Folder() as folder:
        try:
            with small_disk(folder / "disk", 1 << 20):
                return True
        except (Failed, OSError):
            return False


def large(folder, steps=()):
    """The 8 MiB vector; its cache and sealed file may lie elsewhere than its data."""
    return Sector(folder, "s-8m-data", steps=steps)


def disk_full():
    """PC1 and PC2 on a disk that fills up at many places, then with space again."""
    if not can_mount():
        return file_too_large()
    with Folder() as folder:
        s = large(folder)
        with small_disk(folder / "disk", 256 << 20):
            disk = folder / "disk"
            s.cache, s.sealed = disk / "cache", disk / "sealed"
            for step, files in ((s.pc1, "cache_after_pc1"), (s.pc2, "cache_after_pc2")):
                fill_and_free(s, step, files, disk)


def fill_and_free(s, step, files, disk):
    ballast = disk / "ballast"
    for free in (0, 4 << 10, 5 << 20, 17 << 20, 20 << 20, 25 << 20, 29 << 20, 33 << 20):
        have = shutil.disk_usage(disk).free
        ballast.write_bytes(b"")
        with open(ballast, "r+b") as f:
            if have > free:
                os.posix_fallocate(f.fileno(), 0, have - free)
        answer = run(*step())
        if answer.status == DONE:
            break
        judge(answer, FAILED, "no-space", ["disk|space|cache"], f"{step()[1]} with {free >> 10} KiB free")
        expect(not leftovers(disk), f"{free} bytes free: left over {leftovers(disk)}")
        ballast.unlink()
    ballast.unlink(missing_ok=True)
    answer = selkie(*step())
    s.is_right(files, f"{step()[1]} after the disk had space again")
    return answer


def file_too_large():
    """RLIMIT_FSIZE, where a small disk cannot be had, and anyway."""
    with Folder() as folder:
        s = large(folder)
        for limit in (1 << 20, 12 << 20):
            def bound(limit=limit):
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            answer = run(*s.pc1(), limit=bound)
            judge(answer, FAILED, "limit|no-space|io", ["cache|sealed"], f"files of at most {limit} bytes")
            expect(not leftovers(folder), f"left over {leftovers(folder)}")
        selkie(*s.pc1())
        s.is_right("cache_after_pc1", "after the limit was lifted")


def few_descriptors():
    """A limit on open files is an error, not a crash."""
    with Folder() as folder:
        s = Sector(folder, "s-32k-data", steps=("pc1", "pc2"))
        def bound():
            resource.setrlimit(resource.RLIMIT_NOFILE, (14, 14))
        refused(folder, s.c1(), "io", ["open files"], limit=bound, what="c1 with few descriptors")


def killed(step_names, files, times=10):
    """kill -9 at random moments, then again until it is done."""
    with Folder() as folder:
        s = large(folder)
        for name in step_names[:-1]:
            selkie(*getattr(s, name)())
        arguments = getattr(s, step_names[-1])()
        began = time.monotonic()
        keep = folder / "keep"
        for p in (s.cache, s.sealed):
            if p.exists():
                subprocess.run(["cp", "-a", str(p), str(folder / f"keep-{p.name}")], check=True)
        selkie(*arguments)
        whole = time.monotonic() - began
        restore(s, folder)
        kept_any = 0
        for _ in range(times):
            moment = RANDOM.uniform(0, whole)
            interrupt(arguments, moment, signal.SIGKILL)
            done = done_layers(s)
            if RANDOM.random() < 0.5:
                continue  # killed again while it resumes
            answer = selkie(*arguments)
            if "layers_kept" in answer:
                equal(answer["layers_kept"], done, f"layers kept after a kill at {moment:.3f} s")
                kept_any += done > 0
            s.is_right(files, f"killed at {moment:.3f} of {whole:.3f} s")
            restore(s, folder)
        selkie(*arguments)
        s.is_right(files, "after all kills")


def restore(s, folder):
    """Cache and sealed file as they were before the step."""
    for p in (s.cache, s.sealed):
        if p.is_dir():
            shutil.rmtree(p)
        elif p.exists():
            p.unlink()
        if (folder / f"keep-{p.name}").exists():
            subprocess.run(["cp", "-a", str(folder / f"keep-{p.name}"), str(p)], check=True)


def done_layers(s):
    """Layers that are recorded as finished: bits at offset 208 of the mark."""
    mark = s.cache / ".selkie-pc1"
    if not mark.exists():
        return 0
    return bin(int.from_bytes(mark.read_bytes()[208:216], "little")).count("1")


def interrupt(arguments, moment, number):
    files = (tempfile.TemporaryFile(), tempfile.TemporaryFile())
    process = start(arguments, files)
    time.sleep(moment)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)  # send_signal would reap it
    return finish(process, files, 60)


def asked_to_stop():
    """SIGINT and SIGTERM: an orderly end with nothing left over, at any moment of a step."""
    with Folder() as folder:
        s = large(folder)
        for name, files in (("pc1", "cache_after_pc1"), ("pc2", "cache_after_pc2")):
            arguments = getattr(s, name)()
            for p in (s.cache, s.sealed):
                if p.exists():
                    subprocess.run(["cp", "-a", str(p), str(folder / f"keep-{p.name}")], check=True)
            began = time.monotonic()
            selkie(*arguments)
            whole = time.monotonic() - began
            canceled = 0
            for part in range(8):
                restore(s, folder)
                moment = whole * (part + RANDOM.random()) / 8
                answer = interrupt(arguments, moment, RANDOM.choice([signal.SIGINT, signal.SIGTERM]))
                if answer.status not in (-signal.SIGINT, -signal.SIGTERM, DONE):  # it had not begun to listen, or was done
                    judge(answer, FAILED, "canceled", [], f"{name} interrupted")
                    canceled += 1
                expect(not leftovers(folder), f"{name}: left over {leftovers(folder)}")
            expect(canceled > 0, f"{name}: none of the interruptions came in time")
            selkie(*arguments)
            s.is_right(files, f"{name} after interruptions")


def at_once():
    """The same step twice at the same time: each is right or refused, the files are right."""
    with Folder() as folder:
        s = large(folder)
        for name, files in (("pc1", "cache_after_pc1"), ("pc2", "cache_after_pc2")):
            arguments = getattr(s, name)()
            for _ in range(4):
                together(s, [arguments, arguments], name)
                selkie(*arguments)
                s.is_right(files, f"{name} twice at once")
                if name == "pc1":
                    restore(s, folder)
            selkie(*arguments)
        together(s, [s.pc1(), s.pc2()], "pc1 and pc2")
        selkie(*s.pc1())
        selkie(*s.pc2())
        s.is_right("cache_after_pc2", "after pc1 and pc2 at once")


def together(s, commands, what):
    runs = []
    for arguments in commands:
        files = (tempfile.TemporaryFile(), tempfile.TemporaryFile())
        runs.append((start(arguments, files), files))
        time.sleep(RANDOM.uniform(0, 0.5))
    answers = [finish(process, files, 120) for process, files in runs]
    for answer in answers:
        if answer.status != DONE:
            judge(answer, FAILED, "busy|conflict", ["cache"], f"{what} at once")
    expect(any(a.status == DONE for a in answers), f"{what} at once: none succeeded: {[a.out for a in answers]}")


CASES = [
    ("pc1 inputs", pc1_inputs),
    ("pc2 inputs", pc2_inputs),
    ("c1 inputs", c1_inputs),
    ("c1 identity", c1_identity),
    ("sub and top trees", top_trees),
    ("synthetic file", synthetic),
    ("replica checks", replica_checks),
    ("unsealing", unsealing),
    ("names and paths", names_and_paths),
    ("another owner", other_owner),
    ("unreadable", unreadable),
    ("disk full", disk_full),
    ("file size limit", file_too_large),
    ("few descriptors", few_descriptors),
    ("killed during pc1", lambda: killed(("pc1",), "cache_after_pc1")),
    ("killed during pc2", lambda: killed(("pc1", "pc2"), "cache_after_pc2")),
    ("asked to stop", asked_to_stop),
    ("twice at once", at_once),
]

if __name__ == "__main__":
    print(f"# SELKIE_TEST_SEED={SEED}", flush=True)
    run_cases(CASES)
