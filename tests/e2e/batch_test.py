# SPDX-License-Identifier: MIT OR Apache-2.0
"""Precommit 1 of many sectors on the command line: killed again and again, with bad sectors among them."""
import os
import random
import resource

from support import *

SEED = int(os.environ.get("SELKIE_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
KILLS = int(os.environ.get("SELKIE_TEST_KILLS") or 6)


def sectors(folder, count, seal_proof=6):
    """The first with data, the others all zero; two miners."""
    rows = []
    for i in range(count):
        rows.append({"seal_proof": seal_proof, "miner": f"f0{1000 + i % 2}", "sector": i,
                     "ticket": f"{i + 1:02x}" * 31 + "00", "sealed": str(folder / f"sealed-{i}"), "cache": str(folder / f"cache-{i}")})
    size = {5: 2048, 6: 8 << 20}[seal_proof]
    data = bytearray(random.Random(1).randbytes(size))
    for at in range(31, size, 32):
        data[at] &= 0x3F
    rows[0]["unsealed"] = str(folder / "data")
    (folder / "data").write_bytes(data)
    return rows


def write_list(folder, rows):
    path = folder / "sectors.json"
    path.write_text(json.dumps(rows))
    return path


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_against_one_by_one(folder, row):
    alone = folder / "alone"
    alone.mkdir()
    more = ["--unsealed", row["unsealed"]] if "unsealed" in row else []
    selkie("proof", "pc1", "--tree-c", "no", "--seal-proof", row["seal_proof"], "--miner", row["miner"], "--sector", row["sector"],
           "--ticket", row["ticket"], "--sealed", alone / "sealed", "--cache", alone / "cache", *more)
    own = pathlib.Path(row["cache"])
    equal(sorted(p.name for p in own.iterdir()), sorted(p.name for p in (alone / "cache").iterdir()), "files")
    for path in own.iterdir():
        equal(digest_of(path), digest_of(alone / "cache" / path.name), path.name)
    equal(digest_of(pathlib.Path(row["sealed"])), digest_of(alone / "sealed"), "sealed file")
    shutil.rmtree(alone)


def killed_and_begun_again():
    dice = random.Random(SEED)
    print(f"# seed {SEED}")
    with Folder() as folder:
        rows = sectors(folder, 5)
        path = write_list(folder, rows)
        for _ in range(KILLS):
            process = subprocess.Popen([SELKIE, "proof", "pc1", "--batch", str(path), "--json"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(3 * dice.random())  # the random moment itself
            process.kill()
            process.wait()
        answer = selkie("proof", "pc1", "--batch", path)
        equal(answer["failed"], 0, "failed sectors")
        for row in rows:
            check_against_one_by_one(folder, row)
        equal(sorted(folder.rglob("*.tmp")), [], "temporary files")


def bad_sectors_among_good():
    with Folder() as folder:
        rows = sectors(folder, 4, seal_proof=5)
        rows[1]["unsealed"] = str(folder / "absent")
        rows[2]["cache"] = rows[3]["cache"]
        answer = selkie("proof", "pc1", "--batch", write_list(folder, rows), status=1)
        equal([s["code"] for s in answer["sectors"]], ["ok", "not-found", "ok", "invalid"], "codes")
        equal(answer["failed"], 2, "failed sectors")
        check_against_one_by_one(folder, rows[0])
        check_against_one_by_one(folder, rows[2])


def bad_lists():
    with Folder() as folder:
        rows = sectors(folder, 2, seal_proof=5)
        good = json.dumps(rows)
        for bad in ("", "{}", "[]", "[1]", good[:-1], good.replace('"ticket": "01', '"ticket": "0'), good.replace("f01000", "x"),
                    good.replace('"seal_proof": 5', '"seal_proof": 77'), good.replace('"cache"', '"cash"')):
            path = folder / "bad.json"
            path.write_text(bad)
            code = selkie("proof", "pc1", "--batch", path, status=2)["error"]["code"]
            equal(code, "invalid", f"code of {bad[:60]!r}")
        equal(sorted(p.name for p in folder.iterdir()), ["bad.json", "data"], "files made")


def few_open_files():
    """The limit that a shell gives is raised as far as it may be."""
    with Folder() as folder:
        path = write_list(folder, sectors(folder, 16, seal_proof=5))
        done = subprocess.run([SELKIE, "proof", "pc1", "--batch", str(path), "--json"], capture_output=True, text=True,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (30, 400)))
        equal(done.returncode, 0, done.stdout[-600:] + done.stderr[-600:])


def options_that_go_with_it():
    with Folder() as folder:
        rows = sectors(folder, 2, seal_proof=5)
        path = write_list(folder, rows)
        for option in ("--seal-proof", "--unsealed", "--pieces", "--parents"):
            answer = selkie("proof", "pc1", "--batch", path, option, "5", status=2)
            expect(option in answer["error"]["message"], f"{option} is named")
        equal(selkie("proof", "pc1", "--batch", path, "--no-tree-d")["failed"], 0, "failed sectors")
        equal([(pathlib.Path(r["cache"]) / "sc-02-data-tree-d.dat").exists() for r in rows], [True, False], "TreeD of data only")


def dry_run():
    with Folder() as folder:
        path = write_list(folder, sectors(folder, 17) + sectors(folder, 2, seal_proof=5))
        plan = selkie("proof", "pc1", "--batch", path, "--dry-run", "--memory", "8MiB", "--threads", 2)["plan"]
        equal([p["sectors"] for p in plan], [17, 2], "sectors of each graph")
        expect(all(p["memory_bytes"] <= 8 << 20 for p in plan), "memory is bounded")
        expect(not plan[0]["labels_in_memory"] and plan[1]["labels_in_memory"], "large labels go to files")
        equal(sorted(p.name for p in folder.iterdir()), ["data", "sectors.json"], "files made")


if __name__ == "__main__":
    run_cases([("killed-and-begun-again", killed_and_begun_again), ("bad-sectors-among-good", bad_sectors_among_good),
               ("bad-lists", bad_lists), ("few-open-files", few_open_files),
               ("options-that-go-with-it", options_that_go_with_it), ("dry-run", dry_run)])
