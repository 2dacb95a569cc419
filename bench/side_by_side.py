#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Selkie beside the official Rust crates, in one run on this machine: minimum of several runs each,
ratio = Rust time / Selkie time. Needs the oracle program (see tests/e2e/oracle_test.py).

    python3 bench/side_by_side.py --selkie build/selkie --oracle PATH --params DIR [--sizes 2k 8m 512m] [--snark] [--json FILE]
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SIZES = {"2k": (2048, 5), "8m": (8 << 20, 6), "512m": (512 << 20, 7)}


def run(command, folder, **environment):
    done = subprocess.run([str(c) for c in command], cwd=folder, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode:
        sys.exit(f"{command}: {done.stderr[-1500:]}")
    return done.stdout


def oracle_run(options, size, folder, snark):
    """Seconds per stage as the crates' own clock has them; PC1 with a warm parent cache, as a farm has."""
    name = f"bench-{size}"
    run([options.oracle, "seal", size, name, "none", "1_1", "data", "snark" if snark else "nosnark", 1000, 1, "out"], folder,
        FIL_PROOFS_PARENT_CACHE=str(options.parents), FIL_PROOFS_PARAMETER_CACHE=str(options.params or folder),
        FIL_PROOFS_USE_MULTICORE_SDR=options.multicore)
    return json.loads((folder / "out" / "record.json").read_text())


def selkie(options, folder, *arguments):
    return json.loads(run([options.selkie, *arguments, "--json"], folder, FIL_PROOFS_PARENT_CACHE=str(options.parents_selkie)))


def selkie_run(options, size, folder, record, snark):
    number = SIZES[size][1]
    identity = ["--miner", 1000, "--sector", 1, "--ticket", record["ticket"]]
    files = ["--sealed", "ours", "--cache", "cache"]
    times, memory = {}, {}

    def stage(name, *arguments):
        answer = selkie(options, folder, *arguments)
        times[name], memory[name] = answer["seconds"], answer["peak_memory_bytes"]
        return answer

    stage("pc1", "proof", "pc1", "--seal-proof", number, *identity, "--unsealed", "out/unsealed", *files)
    pc2 = stage("pc2", "proof", "pc2", "--seal-proof", number, *files)
    if pc2["comm_r"] != record["comm_r"]:
        sys.exit("the two do not agree on CommR: no ratio is worth anything")
    statement = ["--seal-proof", number, *identity, "--seed", record["seed"], "--comm-r", record["comm_r"], "--comm-d", record["comm_d"]]
    stage("c1", "proof", "c1", *statement, *files, "--out", "c1.json")
    stage("check-replica", "proof", "check-replica", "--seal-proof", number, *files, "--comm-r", record["comm_r"])
    if snark:
        said = ["--params", options.params, "--development"]
        stage("c2", "proof", "c2", "--c1", "c1.json", "--miner", 1000, "--sector", 1, "--out", "proof", *said)
        stage("verify", "proof", "verify", *statement, "--proof", "proof", *said)
    return times, memory


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--selkie", required=True, type=os.path.abspath)
    parser.add_argument("--oracle", required=True, type=os.path.abspath)
    parser.add_argument("--params", type=os.path.abspath, help="development parameters, for --snark")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["2k", "8m"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--snark", action="store_true", help="also C2 and verify, 2 KiB only")
    parser.add_argument("--multicore", choices=["0", "1"], default="0", help="FIL_PROOFS_USE_MULTICORE_SDR of the crates")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    report = []
    with tempfile.TemporaryDirectory(prefix="selkie-bench-") as top:
        options.parents, options.parents_selkie = pathlib.Path(top) / "parents", pathlib.Path(top) / "parents-selkie"
        options.parents.mkdir(), options.parents_selkie.mkdir()
        for size in options.sizes:
            theirs, ours, memory = {}, {}, {}
            snark = options.snark and size == "2k"
            for turn in range(options.runs):
                with tempfile.TemporaryDirectory(dir=top) as folder:
                    folder = pathlib.Path(folder)
                    record = oracle_run(options, size, folder, snark)
                    got, peak = selkie_run(options, size, folder, record, snark)
                for name, value in record["seconds"].items():
                    theirs[name] = min(value, theirs.get(name, value))
                for name, value in got.items():
                    ours[name] = min(value, ours.get(name, value))
                    memory[name] = max(peak[name], memory.get(name, 0))
            for name, value in ours.items():
                rust = theirs.get({"c2": "c2_prove"}.get(name, name), theirs.get(name))
                report.append({"size": size, "stage": name, "rust_s": rust, "selkie_s": value, "peak_bytes": memory[name],
                               "ratio": round(rust / value, 2) if rust and value else None})
    print(f"{'size':<6}{'stage':<15}{'rust s':>10}{'selkie s':>10}{'ratio':>8}{'peak MiB':>10}")
    for row in report:
        rust = f"{row['rust_s']:.3f}" if row["rust_s"] else "-"
        print(f"{row['size']:<6}{row['stage']:<15}{rust:>10}{row['selkie_s']:>10.3f}{row['ratio'] or '-':>8}{row['peak_bytes'] / 2**20:>10.1f}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
