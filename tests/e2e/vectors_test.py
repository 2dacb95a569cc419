# SPDX-License-Identifier: MIT OR Apache-2.0
"""Every recorded sector through the command line: PC1, PC2, C1, unsealing, checks; byte for byte."""
import os

from support import *


def identity(rec):
    return ["--miner", rec["miner_actor_id"], "--sector", rec["sector_number"], "--ticket", rec["ticket"]]


def cache_path(case, rec):
    """The path written into t_aux when the record was made, from the recorded pc1 output."""
    return rec["pc1_output"]["config"]["path"]


def seal(case):
    rec = record(case)
    proof, here = proof_arguments(rec), os.getcwd()
    with Folder() as folder:
        os.chdir(folder)
        try:
            cache = pathlib.Path(cache_path(case, rec))
            cache.mkdir(parents=True)
            sealed, unsealed = folder / "sealed", folder / "unsealed"
            write_unsealed(rec, unsealed)
            write_pieces(rec, folder / "pieces.json")
            pc1 = selkie("proof", "pc1", *proof, *identity(rec), "--tree-c", "no", "--unsealed", unsealed, "--pieces",
                         folder / "pieces.json", "--sealed", sealed, "--cache", cache)
            equal(pc1["comm_d"], rec["comm_d"], "comm_d")
            equal(pc1["replica_id"], rec["replica_id"], "replica_id")
            check_files(cache, rec["cache_after_pc1"], "cache after PC1")
            pc2 = selkie("proof", "pc2", *proof, "--sealed", sealed, "--cache", cache)
            equal(pc2["comm_r"], rec["comm_r"], "comm_r")
            equal(sha256_file(sealed), rec["sealed_sha256"], "sealed file")
            check_files(cache, rec["cache_after_pc2"], "cache after PC2")
            c1(case, rec, proof, folder, sealed, cache)
            after(rec, proof, folder, sealed, cache)
        finally:
            os.chdir(here)


def c1(case, rec, proof, folder, sealed, cache):
    out = folder / "c1.json"
    selkie("proof", "c1", *proof, *identity(rec), "--seed", rec["seed"], "--comm-r", rec["comm_r"],
           "--comm-d", rec["comm_d"], "--sealed", sealed, "--cache", cache, "--out", out)
    wanted = VECTORS / case / "c1.json.gz"
    if not wanted.exists():
        wanted = VECTORS / case / "c1-vanilla.json.gz"
    expect(out.read_bytes() == load(wanted), "C1 differs from the recorded one")


def after(rec, proof, folder, sealed, cache):
    same = ["--sealed", sealed, "--cache", cache]
    good = selkie("proof", "check-replica", *proof, *same, "--comm-r", rec["comm_r"])
    equal(good["valid"], True, "check-replica")
    out = folder / "range"
    selkie("proof", "unseal", *proof, *identity(rec), "--comm-d", rec["comm_d"], "--sealed", sealed, "--cache", folder / "unseal",
           "--offset", 127, "--length", 254, "--out", out)
    raw = b"".join(bytes(p["unpadded_bytes"]) if p["content"] == "zeros" else piece_bytes(rec["case"], i, p["unpadded_bytes"])
                   for i, p in enumerate(rec["pieces"]))
    expect(out.read_bytes() == raw[127:381], "unsealed range")
    with open(sealed, "r+b") as f:
        f.seek(rec["sector_size"] // 2 + 5)
        byte = f.read(1)
        f.seek(-1, 1)
        f.write(bytes([byte[0] ^ 1]))
    bad = selkie("proof", "check-replica", *proof, *same, "--comm-r", rec["comm_r"], status=3)
    equal(bad["valid"], False, "check-replica of a damaged replica")


if __name__ == "__main__":
    cases = sorted(p.name for p in VECTORS.iterdir() if p.name.startswith(("s-", "x-")) and "512m" not in p.name)
    run_cases([(name, lambda name=name: seal(name)) for name in cases])
