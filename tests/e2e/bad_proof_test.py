# SPDX-License-Identifier: MIT OR Apache-2.0
"""Damaged proofs, phase-1 outputs and parameters, held to the rules of bad_input_test.

No real parameter file is needed: the verifying key is one of the vectors, and a parameter file whose
points are all zero is sparse and costs no disk."""
from bad_input_test import *

COUNTS = json.loads((VECTORS / "params-2k.json").read_text())
NAME = COUNTS["parameter_file"]
KEY = (VECTORS / "params-2k.vk").read_bytes()
ORDER = (("h", 96), ("l", 96), ("a", 96), ("b_g1", 96), ("b_g2", 192))


class Proving:
    """A folder with the verifying key, a good proof and its C1, and the command lines over them."""

    def __init__(self, folder, case="s-2k-data"):
        self.folder, self.rec = folder, record(case)
        self.params = folder / "params"
        self.params.mkdir()
        self.vk, self.points = self.params / f"{NAME}.vk", self.params / f"{NAME}.params"
        self.vk.write_bytes(KEY)
        self.proof, self.c1 = folder / "proof.bin", folder / "c1.json"
        self.proof.write_bytes(bytes.fromhex(self.rec["proof_partition0"]["proof"]))
        self.c1.write_bytes(load(VECTORS / case / "c1.json.gz"))

    def identity(self, value):
        return ["--miner", value["miner_actor_id"], "--sector", value["sector_number"]]

    def verify(self, development=True, params=None, **other):
        v = {**self.rec, **other}
        return ["proof", "verify", *proof_arguments(self.rec), *self.identity(v), "--ticket", v["ticket"], "--seed", v["seed"],
                "--comm-r", v["comm_r"], "--comm-d", v["comm_d"], "--proof", self.proof, "--params", params or self.params,
                *(["--development"] if development else [])]

    def prove(self, **other):
        return ["proof", "c2", "--c1", self.c1, *self.identity({**self.rec, **other}), "--out", self.folder / "new.bin",
                "--params", self.params, "--development"]

    def write_points(self, counts=COUNTS):
        """A parameter file of the right form without a single right point."""
        with open(self.points, "wb") as f:
            f.write(KEY)
            for name, size in ORDER:
                f.write(struct.pack(">I", counts[name]))
                f.seek(COUNTS[name] * size, os.SEEK_CUR)
            f.truncate()


def other_bytes(hex_text):
    return bytes(b ^ (i == 0) for i, b in enumerate(bytes.fromhex(hex_text))).hex()


def proofs():
    with Folder() as folder:
        p = Proving(folder)
        equal(selkie(*p.verify())["valid"], True, "the recorded proof")
        for _ in range(16):
            with damaged(p.proof, flip):
                refused(folder, p.verify(), None, ["damaged"], status=NO, what="proof with a wrong bit")
        for fill in (b"\0", b"\xff", b"\xc0" + bytes(47)):
            with damaged(p.proof, lambda path, fill=fill: path.write_bytes((fill * 192)[:192])):
                refused(folder, p.verify(), None, ["damaged"], status=NO, what=f"proof of {fill[:1].hex()}")
        for size in (0, 1, 191, 193, 384, 1920):
            with damaged(p.proof, lambda path, size=size: path.write_bytes(bytes(size))):
                refused(folder, p.verify(), None, ["proof.bin", str(size), "192"], status=NO, what=f"proof of {size} bytes")
        with damaged(p.proof, lambda path: path.write_bytes(bytes(1 << 20))):
            refused(folder, p.verify(), "limit", ["proof.bin"], what="proof of a megabyte")
        each_damage(p, p.proof, (missing, folder_instead, loop_instead), p.verify(), UNFIT, ["proof.bin"])
        for key in ("seed", "ticket", "comm_r", "comm_d"):
            refused(folder, p.verify(**{key: other_bytes(p.rec[key])}), None, ["seed"], status=NO, what=f"another {key}")
        for key in ("miner_actor_id", "sector_number"):
            refused(folder, p.verify(**{key: p.rec[key] + 1}), None, ["miner, sector"], status=NO, what=f"another {key}")
        for key in ("comm_r", "comm_d"):
            for value in ("00" * 32, MODULUS.to_bytes(32, "little").hex(), "ff" * 32):
                refused(folder, p.verify(**{key: value}), "invalid", [key], what=f"{key} {value[:8]}")
        equal(selkie(*p.verify())["valid"], True, "the recorded proof after all refusals")


def keys():
    with Folder() as folder:
        p = Proving(folder)
        refused(folder, p.verify(development=False), "invalid", ["DEVELOPMENT", "params"], what="development key unasked")
        refused(folder, p.verify(params=folder / "nowhere"), "not-found", ["nowhere", "2KiB"], what="no parameter folder")
        each_damage(p, p.vk, (truncate, empty, longer, flip, flip, flip, folder_instead, pipe_instead, loop_instead), p.verify(),
                    UNFIT, [".vk"])
        p.vk.unlink()
        refused(folder, p.verify(), "not-found", ["2KiB", "params"], what="no key")
        for text in (b"", KEY[:100], KEY[:-1]):
            p.points.write_bytes(text)
            refused(folder, p.verify(), UNFIT, [".params"], what=f"key of {len(text)} bytes in the parameter file")
        p.write_points()
        equal(selkie(*p.verify())["valid"], True, "key from the parameter file")


def phase_one_outputs():
    with Folder() as folder:
        p = Proving(folder)
        p.write_points()
        each_damage(p, p.c1, (truncate, empty, missing, folder_instead, pipe_instead, loop_instead), p.prove(), UNFIT, ["c1.json"])
        for text in (b"{}", b"[]", b"null", b"\xff" * 100, b"[" * 1000000, b'{"registered_proof":"x"}', bytes(4096)):
            p.c1.write_bytes(text)
            refused(folder, p.prove(), "corrupt|invalid|limit", ["c1.json"], what=f"C1 {text[:20]}")
        whole = load(VECTORS / "s-2k-data" / "c1.json.gz")
        for _ in range(24):
            data = bytearray(whole)
            data[RANDOM.randrange(len(data))] ^= 1 << RANDOM.randrange(7)
            p.c1.write_bytes(data)
            if data == whole:
                continue
            answer = run(*p.prove(), timeout=200)
            # A bit that changes nothing, such as the case of a hex digit, fails only at the wrong points; the
            # mapped parameter file counts as memory then.
            judge(answer, FAILED, "corrupt|invalid|limit|unsupported", [], "C1 with a wrong bit", memory_max=3 << 30)
        p.c1.write_bytes(whole)
        for key in ("miner_actor_id", "sector_number"):
            refused(folder, p.prove(**{key: p.rec[key] + 1}), "invalid", ["C1", "miner"], what=f"C1 of another {key}")
        refused(folder, [*p.prove(), "--seal-proof", 6], "invalid|corrupt|conflict", ["c1.json"], what="C1 stated as 8 MiB")
        p.points.unlink()
        refused(folder, p.prove(), "not-found", ["2KiB", "params"], what="no parameters")


def parameter_files():
    with Folder() as folder:
        p = Proving(folder)
        p.write_points()
        size = p.points.stat().st_size
        equal(size, COUNTS["params_bytes"], "length of the parameter file")
        for length in (size - 1, size // 2, len(KEY) + 3, len(KEY), 100, 0, size + 1):
            os.truncate(p.points, length)
            refused_quickly(p, UNFIT, f"parameters of {length} bytes")
            p.write_points()
        at = len(KEY)
        for name, bytes_each in ORDER:
            with open(p.points, "r+b") as f:
                f.seek(at)
                f.write(struct.pack(">I", RANDOM.choice([0, COUNTS[name] + 1, COUNTS[name] - 1, (1 << 32) - 1])))
            refused_quickly(p, "corrupt", f"parameters with another number of points {name}")
            p.write_points()
            at += 4 + COUNTS[name] * bytes_each
        with open(p.points, "r+b") as f:
            f.seek(RANDOM.randrange(len(KEY) - 4))
            f.write(b"\xee\xee")
        refused_quickly(p, "corrupt", "parameters with a damaged key")
        p.write_points()
        wrong_points(p)


def refused_quickly(p, code, what):
    """refused, without reading a gigabyte of zeros twice."""
    before = sorted((str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in p.folder.rglob("*"))
    judge(run(*p.prove()), FAILED, code, [".params"], what)
    after = sorted((str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in p.folder.rglob("*"))
    equal(after, before, f"{what}: files")


def wrong_points(p):
    """All points wrong: stopped on request, and never a proof."""
    answer = interrupt(p.prove(), 1.5, signal.SIGINT)
    expect("canceled" in answer.out or answer.status == FAILED, f"c2 interrupted: {answer.status} {answer.out}")
    answer = run(*p.prove(), timeout=300)
    expect(answer.status == FAILED and answer.json["error"]["code"] == "corrupt", f"c2 of wrong points: {answer.out}")
    check_text(answer.json["error"]["message"], ["parameter"], "c2 of wrong points", answer.out)
    expect(not (p.folder / "new.bin").exists() and not leftovers(p.folder), "c2 of wrong points left files")


def parameter_commands():
    with Folder() as folder:
        place = ["--folder", folder / "params"]
        two = ["--sector-size", "2KiB"]
        for command in (["params", "verify", *two, *place], ["params", "fetch", *two, *place, "--from", folder / "none"]):
            judge(run(*command), FAILED, "not-found|io", [], " ".join(map(str, command[:2])))
            expect(not leftovers(folder), f"{command[:2]} left {leftovers(folder)}")
        (folder / "source").mkdir()
        (folder / "source" / f"{NAME}.vk").write_bytes(KEY)
        answer = run("params", "fetch", *two, *place, "--from", folder / "source")
        judge(answer, FAILED, "protocol|corrupt", ["digest"], "fetch of other bytes")
        expect(not list((folder / "params").iterdir()), "fetch of other bytes left files")
        for size in ("3KiB", "0", "x", "-2KiB", "32 GiB"):
            for name, more in (("verify", []), ("generate", []), ("fetch", ["--from", "x"])):
                refused(folder, ["params", name, "--sector-size", size, *place, *more], "invalid", ["sector-size"],
                        status=USAGE, what=f"params {name} {size}")
        (folder / "file").write_text("x")
        for name, more in (("generate", []), ("fetch", ["--from", folder / "source"])):
            refused(folder, ["params", name, *two, "--folder", folder / "file", *more], None, ["file"], what=f"params {name} into a file")
        (folder / "params" / f"{NAME}.params").write_text("mine")
        refused(folder, ["params", "generate", *two, *place], "exists", [".params"], what="generate over a file")
        (folder / "params" / f"{NAME}.vk").write_text("mine")
        refused(folder, ["params", "verify", *two, *place], None, ["digest"], status=NO, what="verify of other files")
        (folder / "params" / f"{NAME}.development").write_text("no digests here")
        refused(folder, ["params", "verify", *two, *place], None, ["digests"], status=NO, what="verify without digests")
        generating(folder, two)


def generating(folder, two):
    target = folder / "made"
    answer = interrupt(["params", "generate", *two, "--folder", target], 2, signal.SIGTERM)
    expect(answer.status == FAILED and "canceled" in answer.out, f"generate interrupted: {answer.status} {answer.out}{answer.err[-300:]}")
    expect(not target.exists() or not list(target.iterdir()), f"generate interrupted left {list(target.iterdir())}")
    if can_mount():
        with small_disk(folder / "disk", 64 << 20):
            answer = run("params", "generate", *two, "--folder", folder / "disk", timeout=120)
            expect(answer.status == FAILED and answer.json["error"]["code"] == "no-space", f"generate on a small disk: {answer.out}")
            expect(not list((folder / "disk").iterdir()), "generate on a small disk left files")


if __name__ == "__main__":
    print(f"# SELKIE_TEST_SEED={SEED}", flush=True)
    run_cases([("proofs", proofs), ("verifying keys", keys), ("phase-1 outputs", phase_one_outputs),
               ("parameter files", parameter_files), ("parameter commands", parameter_commands)])
