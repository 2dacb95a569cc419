# SPDX-License-Identifier: MIT OR Apache-2.0
"""selkie bench and cpu: the form of what they print. Not how fast anything is."""
from support import *

ROW = {"stage", "work", "unit", "units", "seconds", "per_second", "cycles_each", "threads", "memory_bytes"}


def bench_has_rows():
    with Folder() as work:
        answer = selkie("bench", "sha256", "c1", "check-replica", "--size", "2KiB", "--folder", work, "--threads", 1)
        expect(answer["seconds"] >= 0 and "layer 1" in answer["stages"], f"the whole: {answer}")
        for row in answer["rows"]:
            expect(ROW <= row.keys(), f"a row: {row}")
            expect(row["units"] > 0 and row["seconds"] >= 0 and row["threads"] == 1, f"a row: {row}")
        equal([r["stage"] for r in answer["rows"]], ["sha256", "sha256", "c1", "check-replica"], "only what was asked for")
        rows = selkie("bench", "pc1", "--size", "2KiB", "--batch", 3, "--folder", work)["rows"]
        equal([(r["work"], r["units"]) for r in rows], [("all", 128), ("tree-d", 64), ("parents", 64), ("labels", 128), ("labels of a batch", 384)], "rows of pc1")
        equal(list(work.iterdir()), [], "what stays in the scratch folder")


def bench_refuses():
    with Folder() as work:
        for wrong in (["nothing"], ["pc1", "--size", "3KiB"], ["sha256", "--threads", "5000"], ["pc1", "--batch", "100000"]):
            selkie("bench", *wrong, "--folder", work, status=2)
        equal(list(work.iterdir()), [], "what stays")


def poseidon_is_the_same_with_every_kernel():
    digests = {json.dumps([r["digest"] for r in selkie("bench", "poseidon", environment={"SELKIE_CPU": choice})["rows"]])
               for choice in ("", "plain", "avx2", "native,poseidon=plain")}
    equal(len(digests), 1, f"digests of the same hashes: {digests}")


def cpu_says_what_is_chosen():
    answer = selkie("cpu", environment={"SELKIE_CPU": "plain"})
    equal(set(answer["kernels"].values()), {"plain"}, "kernels of SELKIE_CPU=plain")
    for primitive, kernel in selkie("cpu", environment={"SELKIE_CPU": ""})["kernels"].items():
        expect(kernel, primitive)
    speeds = selkie("cpu")["ns_each"]
    for primitive, row in speeds.items():
        expect(row["plain"] > 0 and row["unit"], f"{primitive}: {row}")
    for wrong in ("sse9", "poseidon=none", "plain,poseidon=ifma"):
        selkie("cpu", status=1, environment={"SELKIE_CPU": wrong})


def pinning_is_reported():
    for choice in ("", "auto", "on", "off"):
        pinning = selkie("cpu", environment={"SELKIE_PIN": choice})["pinning"]
        expect(0 <= pinning["bound"] <= pinning["helpers"] and pinning["why"], f"{choice}: {pinning}")
        expect(choice != "off" or pinning["bound"] == 0, f"off: {pinning}")
        expect(choice != "on" or pinning["bound"] == pinning["helpers"], f"on: {pinning}")
    selkie("cpu", status=1, environment={"SELKIE_PIN": "perhaps"})


STAGE = {"stage", "core_seconds", "seconds", "memory_bytes", "disk_bytes", "read_bytes", "write_bytes", "random_reads", "sectors_a_day", "bound_by"}


def plan_has_its_form():
    with Folder() as work:
        answer = selkie("plan", "--folder", work)
        equal(list(work.iterdir()), [], "what stays in the scratch folder")
        machine = answer["machine"]
        for key, value in machine.items():
            expect(isinstance(value, (bool, dict)) or value > 0 or key == "huge_pages_bytes", f"{key}: {value}")
        equal([s["sector_size"] for s in answer["sizes"]], ["32GiB", "64GiB"], "sizes")
        for size in answer["sizes"]:
            expect(size["advice"] and all(isinstance(line, str) for line in size["advice"]), "advice")
            for mode in (size["single"], size["batch"]):
                equal(len(mode["stages"]), 5, "stages")
                for stage in mode["stages"]:
                    equal(stage.keys(), STAGE, "a stage")
                    expect(0 < mode["sectors_a_day"] <= stage["sectors_a_day"] * 1.001, f"{mode['sectors_a_day']} a day: {stage}")
        equal(answer["sizes"][0]["single"]["stages"][1]["disk_bytes"], 377957122048, "layers of 32 GiB")
        equal(len(selkie("plan", "--folder", work, "--size", "64GiB")["sizes"]), 1, "one size")
        selkie("plan", "--folder", work, "--size", "8MiB", status=2)


if __name__ == "__main__":
    run_cases([("bench-rows", bench_has_rows), ("bench-refuses", bench_refuses), ("poseidon-kernels", poseidon_is_the_same_with_every_kernel),
               ("cpu", cpu_says_what_is_chosen), ("pinning", pinning_is_reported),
               ("plan", plan_has_its_form)])
