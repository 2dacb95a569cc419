# SPDX-License-Identifier: MIT OR Apache-2.0
"""C2 through the command line: what it takes is what it said; parts of a proof; what is refused."""
import hashlib

import farm
from support import *


def scalar(label):
    digest = bytearray(hashlib.sha256(label.encode()).digest())
    digest[31] &= 0x3F
    return digest.hex()


def statement(rec):
    return ["--miner", rec["miner_actor_id"], "--sector", rec["sector_number"]]


def memory_and_parts():
    """The recorded blinding gives the recorded proof, whole and as a part; memory as stated."""
    params = ["--params", farm.parameters_folder(), "--development"]
    rec = record("s-2k-data")
    fixed = ["--r", scalar("s-2k-data/r"), "--s", scalar("s-2k-data/s")]
    with Folder() as work:
        c1, out, part = work / "c1.json", work / "proof", work / "part.json"
        c1.write_bytes(load(VECTORS / "s-2k-data" / "c1.json.gz"))
        common = ["proof", "c2", "--c1", c1, *statement(rec), *params]
        said = selkie(*common, "--out", out, "--dry-run")
        equal((said["dry_run"], out.exists()), (True, False), "a dry run writes nothing")
        made = selkie(*common, "--out", out, *fixed)
        want = bytes.fromhex(rec["proof_partition0"]["proof"])
        equal(out.read_bytes(), want, "the recorded proof")
        share = made["peak_memory_bytes"] / said["needed_bytes"]
        expect(0.6 <= share <= 1, f"{share:.0%} of the stated memory was used")
        expect(made["peak_memory_bytes"] < 0.7 * 2**30, "0.7 GiB at most")
        out.unlink()
        made = selkie(*common, "--out", part, "--partitions", "0-0", *fixed)
        equal((made["first_partition"], made["partitions"]), (0, 1), "the part")
        selkie("proof", "join", part, "--out", out, *params)
        equal(out.read_bytes(), want, "the joined proof")
        out.unlink()
        damaged = json.loads(part.read_text())
        damaged["seed"] = "01" * 32
        part.write_text(json.dumps(damaged))
        refused = selkie("proof", "join", part, "--out", out, *params, status=1)
        expect("does not verify" in refused["error"]["message"], f"another seed: {refused}")
        expect(not out.exists(), "nothing was written")


def partitions_are_checked():
    rec = record("s-2k-ni")
    with Folder() as work:
        c1, out = work / "c1.json", work / "part"
        c1.write_bytes(load(VECTORS / "s-2k-ni" / "c1.json.gz"))
        common = ["proof", "c2", "--c1", c1, *statement(rec), "--out", out, "--dry-run"]
        whole, some = selkie(*common), selkie(*common, "--partitions", "3-5")
        equal((whole["partitions"], some["partitions"]), (13, 3), "partitions")
        expect(whole["witnesses_bytes"] > 4 * some["witnesses_bytes"], "each has a witness")
        for wrong in ("13", "5-4", "0-13", "-1", "1-", "x", "0-1-2", "00000000000000000001"):
            refused = selkie(*common, f"--partitions={wrong}", status=2)
            expect("--partitions" in refused["error"]["message"], f"{wrong}: {refused}")
        (work / "bad").write_text("{}")
        refused = selkie("proof", "join", work / "bad", "--out", out, status=1)
        expect("bad" in refused["error"]["message"], f"a file that is no part: {refused}")


if __name__ == "__main__":
    run_cases([("c2-memory-and-parts", memory_and_parts), ("c2-partitions-checked", partitions_are_checked)])
