# SPDX-License-Identifier: MIT OR Apache-2.0
"""Sectors nobody has recorded: sealed by the official crates and by selkie, compared file by file;
proofs of each accepted by the other. Runs where ../shared/oracle and cargo are."""
import os
import random
import shutil

import farm
from support import *
from vectors_test import identity

SEED = int(os.environ.get("SELKIE_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
RANDOM = random.Random(SEED)
BUILD = pathlib.Path(SELKIE).parent
ORACLE_BUILD = BUILD / "oracle"


def build_oracle():
    if not (SHARED / "oracle" / "Cargo.toml").exists() or not shutil.which("cargo"):
        skip("oracle: ../shared/oracle or cargo is not here")
    source = ORACLE_BUILD / "source"
    if not source.exists():
        shutil.copytree(SHARED / "oracle", source, copy_function=shutil.copyfile)
        for path in [source, *source.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
    program = pathlib.Path(os.environ.get("SELKIE_TEST_ORACLE") or ORACLE_BUILD / "target" / "release" / "oracle")
    if not program.exists():
        subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=source, check=True, timeout=1200,
                       env={**os.environ, "CARGO_TARGET_DIR": str(ORACLE_BUILD / "target"), "RUSTFLAGS": "-C target-cpu=native"})
    return program


class Case:
    """One sector sealed by the oracle in a folder of its own."""

    def __init__(self, program, folder, size, feature, version, data, snark=False, parameters=None):
        self.name = f"t-{RANDOM.randrange(1 << 48):x}"
        miner = RANDOM.choice([0, 1, 127, 128, 1000, RANDOM.randrange(1 << 40), (1 << 63) - 1])
        sector = RANDOM.choice([0, 1, RANDOM.randrange(1 << 32), RANDOM.randrange(1 << 63), (1 << 63) - 1])
        self.folder = folder / "oracle"
        self.folder.mkdir()
        environment = {**os.environ, "FIL_PROOFS_PARENT_CACHE": str(folder / "parents")}
        if parameters:
            environment["FIL_PROOFS_PARAMETER_CACHE"] = str(parameters)
        done = subprocess.run([program, "seal", size, self.name, feature, version, data, "snark" if snark else "nosnark",
                               str(miner), str(sector), "out"], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=1200)
        expect(done.returncode == 0, f"oracle {size} {feature} {version} {data} {miner} {sector}: {done.stderr[-600:]}")
        self.out = self.folder / "out"
        self.record = json.loads((self.out / "record.json").read_text())


def compare(program, size, feature, version, data):
    with Folder() as folder:
        case = Case(program, folder, size, feature, version, data)
        rec = case.record
        proof = proof_arguments(rec)
        ours = folder / "selkie" / "out"
        ours.mkdir(parents=True)
        here = os.getcwd()
        os.chdir(ours.parent)
        try:
            cache = pathlib.Path(rec["pc1_output"]["config"]["path"])
            cache.mkdir(parents=True, exist_ok=True)
            write_pieces(rec, folder / "pieces.json")
            pc1 = selkie("proof", "pc1", *proof, *identity(rec), "--tree-c", "no", "--unsealed", case.out / "unsealed", "--pieces", folder / "pieces.json",
                         "--sealed", ours / "sealed", "--cache", cache)
            equal((pc1["comm_d"], pc1["replica_id"]), (rec["comm_d"], rec["replica_id"]), "CommD and replica id")
            check_files(cache, rec["cache_after_pc1"], "cache after PC1")
            pc2 = selkie("proof", "pc2", *proof, "--sealed", ours / "sealed", "--cache", cache)
            equal(pc2["comm_r"], rec["comm_r"], "CommR")
            check_files(cache, rec["cache_after_pc2"], "cache after PC2")
            expect((ours / "sealed").read_bytes() == (case.out / "sealed").read_bytes(), "sealed files differ")
            selkie("proof", "c1", *proof, *identity(rec), "--seed", rec["seed"], "--comm-r", rec["comm_r"], "--comm-d", rec["comm_d"],
                   "--sealed", ours / "sealed", "--cache", cache, "--out", folder / "c1.json")
            wanted = case.out / ("c1.json" if (case.out / "c1.json").exists() else "c1-vanilla.json")
            expect((folder / "c1.json").read_bytes() == wanted.read_bytes(), "C1 differs")
        finally:
            os.chdir(here)


def label(text):
    digest = bytearray(hashlib.sha256(text.encode()).digest())
    digest[31] &= 0x3f
    return digest.hex()


def proofs_both_ways(program):
    """With the same blinding the proofs are the same bytes, so each side accepts the other's."""
    parameters = farm.parameters_folder()
    with Folder() as folder:
        case = Case(program, folder, "2k", "none", "1_1", "data", snark=True, parameters=parameters)
        rec = case.record
        said = ["--params", parameters, "--development"]
        selkie("proof", "c2", "--c1", case.out / "c1.json", *identity(rec)[:4], "--out", folder / "proof",
               "--r", label(case.name + "/r"), "--s", label(case.name + "/s"), *said)
        equal((folder / "proof").read_bytes().hex(), rec["proof_partition0"]["proof"], "the proof with fixed blinding")
        statement = [*proof_arguments(rec), *identity(rec), "--seed", rec["seed"], "--comm-r", rec["comm_r"], "--comm-d", rec["comm_d"]]
        (folder / "theirs").write_bytes(bytes.fromhex(rec["proof_random"]))
        answer = selkie("proof", "verify", *statement, "--proof", folder / "theirs", *said)
        equal(answer["valid"], True, "the oracle's own proof")


if __name__ == "__main__":
    oracle = build_oracle()
    print(f"# seed {SEED}")
    plan = [("2k", "none", "1_0", "data"), ("2k", "none", "1_1", "cc"), ("2k", "synth", "1_2", "data"), ("2k", "ni", "1_2", "data"),
            ("4k", "none", "1_1", "data"), ("16k", "none", "1_1", "cc"), ("32k", "synth", "1_2", "data"), ("8m", "none", "1_1", "data")]
    run_cases([(f"oracle-{'-'.join(p)}", lambda p=p: compare(oracle, *p)) for p in plan] +
              [("oracle-proofs-both-ways", lambda: proofs_both_ways(oracle))])
