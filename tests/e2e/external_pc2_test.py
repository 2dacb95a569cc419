# SPDX-License-Identifier: MIT OR Apache-2.0
"""`selkie external pc2`: the contract of lotus-worker's --external-pc2, byte for byte against recorded sectors, with
failing calls and kills; and, where ../shared/lotus-devnet is, a pledged sector on a real Lotus chain."""

import base64
import fcntl
import shlex

import farm
import lotus as chain
from failing_test import KINDS, LIBRARY, WAYS, spread
from support import *

NAMES = ("SECTOR_NUM", "SECTOR_MINER", "PROOF_TYPE", "SECTOR_SIZE", "CACHE", "SEALED", "PC1OUT")
SYNTHETIC = "syn-porep-vanilla-proofs.dat"  # made by the worker, after us
WAIT_SECONDS = 60
PROVING_SECONDS = 900


def pc1_out(rec, folder):
    """As lotus-worker passes it: base64 of JSON with sorted keys."""
    nodes, sizes = rec["sector_size"] // 32, {2048: "2KiB", 8 << 20: "8MiB"}
    def store(name, size):
        return {"id": name, "path": str(folder), "rows_to_discard": 0, "size": size}
    version = {0: "V1", 1: "V1_1", 2: "V1_1_Feat_SyntheticPoRep", 3: "V1_2_Feat_NonInteractivePoRep"}[rec["porep_id_number"] // 5]
    size = sizes[rec["sector_size"]]
    value = {"_lotus_SealRandomness": base64.b64encode(bytes.fromhex(rec["ticket"])).decode(),
             "comm_d": list(bytes.fromhex(rec["comm_d"])), "config": store("tree-d", 2 * nodes - 1),
             "labels": {f"StackedDrg{size}V1": {"_h": None, "labels": [store("layer-1", nodes), store("layer-2", nodes)]}},
             "registered_proof": f"StackedDrg{size}{version}"}
    return base64.b64encode(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).decode()


class Sector:
    """A sector after precommit 1, as it lies in a worker's storage path."""

    def __init__(self, folder, case, marked=False):
        """marked: precommit 1 was ours and has left its mark."""
        self.rec = rec = record(case)
        name = f"s-t0{rec['miner_actor_id']}-{rec['sector_number']}"
        self.folder, self.cache, self.sealed = folder, folder / "cache" / name, folder / "sealed" / name
        self.cache.mkdir(parents=True)
        self.sealed.parent.mkdir()
        write_unsealed(rec, folder / "unsealed")
        write_pieces(rec, folder / "pieces.json")
        selkie("proof", "pc1", *proof_arguments(rec), "--miner", rec["miner_actor_id"], "--sector", rec["sector_number"],
               "--ticket", rec["ticket"], "--tree-c", "no", "--unsealed", folder / "unsealed", "--pieces", folder / "pieces.json",
               "--sealed", self.sealed, "--cache", self.cache)
        if not marked:
            (self.cache / ".selkie-pc1").unlink()
        self.environment = {"EXTSEAL_PC2_SECTOR_NUM": str(rec["sector_number"]), "EXTSEAL_PC2_SECTOR_MINER": str(rec["miner_actor_id"]),
                            "EXTSEAL_PC2_PROOF_TYPE": str(rec["porep_id_number"]), "EXTSEAL_PC2_SECTOR_SIZE": str(rec["sector_size"]),
                            "EXTSEAL_PC2_CACHE": str(self.cache), "EXTSEAL_PC2_SEALED": str(self.sealed),
                            "EXTSEAL_PC2_PC1OUT": pc1_out(rec, "/somewhere/else")}
        equal(set(self.environment), {f"EXTSEAL_PC2_{n}" for n in NAMES}, "variables")

    def start(self, **changes):
        environment = {k: v for k, v in {**self.environment, **changes}.items() if v is not None}
        return subprocess.Popen([SELKIE, "external", "pc2", "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, cwd="/", env=environment)

    def run(self, **changes):
        process = self.start(**changes)
        out, err = process.communicate(timeout=WAIT_SECONDS)
        return process.returncode, out, err

    def is_whole(self):
        rec = self.rec
        equal(sha256_file(self.sealed), rec["sealed_sha256"], "sealed file")
        wanted = {e["name"]: e["sha256"] for e in rec["cache_after_pc2"] if e["name"] not in (SYNTHETIC, "t_aux")}
        equal({p.name: sha256_file(p) for p in self.cache.iterdir() if p.name != "t_aux"}, wanted, "files of the cache")
        expect(str(self.cache).encode() in (self.cache / "t_aux").read_bytes(), "t_aux does not name the cache")
        equal(sorted(p.name for p in self.sealed.parent.iterdir()), ["fetching", self.sealed.name], "beside the sealed file")
        equal(list((self.sealed.parent / "fetching").iterdir()), [], "in fetching")

    def holds_data(self):
        equal(sha256_file(self.sealed), self.rec["unsealed_sha256"], "the data in the place of the sealed file")


def fulfils(case, marked):
    with Folder() as folder:
        sector = Sector(folder, case, marked)
        status, out, err = sector.run()
        equal(status, 0, f"exit status ({err})")
        answer = json.loads(out)
        equal((answer["comm_r"], answer["comm_d"]), (sector.rec["comm_r"], sector.rec["comm_d"]), "commitments")
        sector.is_whole()
        equal(sector.run()[0], 0, "exit status of a second call on the same files")
        sector.is_whole()


def clears_what_was_left():
    with Folder() as folder:
        sector = Sector(folder, "s-2k-data")
        fetching = sector.sealed.parent / "fetching"
        fetching.mkdir()
        for left in (fetching / f"{sector.sealed.name}.pc2", fetching / f"{sector.sealed.name}.pc2.tmp", sector.cache / "p_aux.tmp",
                     sector.cache / ".selkie-columns", sector.cache / "sc-02-data-tree-c.dat.tmp", sector.cache / "sc-02-data-layer-1..tmp"):
            left.write_bytes(b"left")
        equal(sector.run()[0], 0, "exit status")
        sector.is_whole()


def refuses():
    with Folder() as folder:
        sector = Sector(folder, "s-2k-data")
        other = base64.b64encode(base64.b64decode(sector.environment["EXTSEAL_PC2_PC1OUT"]).replace(b"2KiB", b"8MiB")).decode()
        wrong = [({f"EXTSEAL_PC2_{name}": None}, f"EXTSEAL_PC2_{name} is not set") for name in NAMES]
        wrong += [({"EXTSEAL_PC2_PROOF_TYPE": "20"}, "20 is not a registered seal proof"),
                  ({"EXTSEAL_PC2_PROOF_TYPE": "6"}, "EXTSEAL_PC2_SECTOR_SIZE is 2048"),
                  ({"EXTSEAL_PC2_SECTOR_NUM": "one"}, 'EXTSEAL_PC2_SECTOR_NUM: "one" is not a number'),
                  ({"EXTSEAL_PC2_CACHE": "cache"}, "EXTSEAL_PC2_CACHE: "), ({"EXTSEAL_PC2_SEALED": "/x/"}, "EXTSEAL_PC2_SEALED: "),
                  ({"EXTSEAL_PC2_PC1OUT": "!"}, "EXTSEAL_PC2_PC1OUT: not base64"), ({"EXTSEAL_PC2_PC1OUT": "e30="}, "registered_proof"),
                  ({"EXTSEAL_PC2_PC1OUT": other}, "EXTSEAL_PC2_PC1OUT")]
        for changes, words in wrong:
            status, _, err = sector.run(**changes)
            equal(status, 2, f"exit status with {changes} ({err})")
            expect(words in err, f"{changes}: {err}")
        damaged = [("sc-02-data-tree-d.dat", lambda b: b[:-1] + bytes([b[-1] ^ 1]), "is not of this sector"),
                   ("sc-02-data-tree-d.dat", lambda b: b[:-32], "sc-02-data-tree-d.dat"),
                   ("sc-02-data-layer-2.dat", lambda b: b[:-32], "sc-02-data-layer-2.dat"),
                   ("sc-02-data-layer-1.dat", None, "sc-02-data-layer-1.dat")]
        left = sector.sealed.parent / "fetching" / f"{sector.sealed.name}.pc2"
        left.parent.mkdir()
        for name, damage, words in damaged:
            path = sector.cache / name
            left.write_bytes(b"of a command that was killed")
            whole = path.read_bytes()
            path.write_bytes(damage(whole)) if damage else path.unlink()
            status, _, err = sector.run()
            equal(status, 1, f"exit status with a damaged {name} ({err})")
            expect(words in err and "precommit 2 of sector 1 of f01000" in err, f"{name}: {err}")
            sector.holds_data()
            expect(not left.exists(), f"{left} is left")
            path.write_bytes(whole)
        sector.sealed.rename(sector.folder / "away")
        status, _, err = sector.run()
        expect(status == 1 and str(sector.sealed) in err, f"without the sealed file: {status} {err}")
        (sector.folder / "away").rename(sector.sealed)
        equal(sector.run()[0], 0, "exit status after all that")
        sector.is_whole()


def waits_for_another():
    with Folder() as folder:
        sector = Sector(folder, "s-2k-data")
        lock = os.open(sector.cache, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = sector.start()
        expect("waiting for another process" in process.stderr.readline(), "it does not say that it waits")
        canceled = sector.start()
        canceled.stderr.readline()
        canceled.terminate()
        equal(canceled.wait(WAIT_SECONDS), 1, "exit status of one that was told to stop")
        sector.holds_data()
        os.close(lock)
        process.communicate(timeout=WAIT_SECONDS)
        equal(process.returncode, 0, "exit status")
        sector.is_whole()


def failing_calls():
    """Whenever a call fails, the data is still where it was, or the work is done; then it succeeds."""
    with Folder() as folder:
        before, here, tally = folder / "before", folder / "here", folder / "tally"
        before.mkdir()
        sector = Sector(before, "s-2k-data")
        moved = {k: v.replace(str(before), str(here)) for k, v in sector.environment.items()}
        def run(plan):
            tally.write_bytes(bytes(8 * len(KINDS)))
            done = subprocess.run([SELKIE, "external", "pc2"], capture_output=True, text=True, timeout=WAIT_SECONDS, stdin=subprocess.DEVNULL,
                                  env={**moved, "LD_PRELOAD": str(LIBRARY), "SLK_FAILING": plan, "SLK_FAILING_TALLY": str(tally)})
            return done, dict(zip(KINDS, struct.unpack(f"<{len(KINDS)}Q", tally.read_bytes())))
        def afresh():
            shutil.rmtree(here, ignore_errors=True)
            shutil.copytree(before, here)
            sector.cache, sector.sealed = (here / p.relative_to(before) for p in (cache, sealed))
        cache, sealed = sector.cache, sector.sealed
        afresh()
        done, counts = run("alloc:0:0")
        equal(done.returncode, 0, done.stderr)
        tried = 0
        for kind, error, on in WAYS:
            for n in spread(counts[kind]):
                afresh()
                plan = f"{kind}:{n}:{error}{on}"
                done, _ = run(plan)
                expect(done.returncode in (0, 1, 2), f"{plan}: exit {done.returncode} {done.stderr}")
                if done.returncode:
                    may_be = (sector.rec["unsealed_sha256"], sector.rec["sealed_sha256"])
                    # The last rename is that of the replica: whichever fails, the data is where it was.
                    expect(sha256_file(sector.sealed) in may_be[:1 if kind == "rename" else 2], f"{plan}: sealed file")
                    expect(len(done.stderr.strip()) > 12, f"{plan}: no error in words")
                    done, _ = run("alloc:0:0")
                    equal(done.returncode, 0, f"{plan}: the next run ({done.stderr})")
                sector.is_whole()
                tried += 1
        print(f"# {tried} failures", flush=True)


def killed():
    """At some moment after it has begun to write the replica."""
    with Folder() as folder:
        sector = Sector(folder, "s-8m-data")
        fetching = sector.sealed.parent / "fetching"
        process = sector.start()
        while process.poll() is None and not (fetching.exists() and any(fetching.iterdir())):
            pass
        process.kill()
        process.communicate()
        expect(sha256_file(sector.sealed) in (sector.rec["unsealed_sha256"], sector.rec["sealed_sha256"]), "sealed file after a kill")
        equal(sector.run()[0], 0, "exit status of the next call")
        sector.is_whole()


def until(question, seconds, what):
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        expect(time.monotonic() < end, f"waited {seconds} s for {what}")
        time.sleep(0.5)


def lotus_pledge():
    """The miner gives precommit 2 to a lotus-worker alone, and that to us; Lotus checks and proves what we made."""
    off = [f"--{task}=false" for task in ("addpiece", "precommit1", "unseal", "commit", "replica-update", "prove-replica-update2",
                                          "regen-sector-key")]
    with Folder() as folder:
        parameters = folder / "parameters"
        parameters.mkdir()
        for path in farm.parameters_folder().iterdir():
            (parameters / path.name).symlink_to(path)
        environment = {"LOTUS_STORAGE_ALLOWPRECOMMIT2": "false", "FIL_PROOFS_PARAMETER_CACHE": str(parameters)}
        command = (f"export -p > {shlex.quote(str(folder / 'environment'))}; "
                   f"exec {shlex.quote(SELKIE)} external pc2 --json > {shlex.quote(str(folder / 'answer'))}")
        with chain.Lotus(folder, environment) as lotus:
            lotus.worker("worker", "--precommit2", *off, "--external-pc2", command)
            until(lambda: any("seal/v0/precommit/2" in w["Tasks"] for w in lotus.ask_miner("Filecoin.WorkerStats", []).values()),
                  WAIT_SECONDS, "the worker to be known to the miner")
            number = lotus.ask_miner("Filecoin.PledgeSector", [])["Number"]
            def state():
                status = lotus.ask_miner("Filecoin.SectorsStatus", [number, False])
                expect("Failed" not in status["State"], f"sector {number}: {status['State']} {status['Log'][-3:]}\n"
                       f"{(folder / 'worker.log').read_text()[-2000:]}")
                return status["State"]
            until(lambda: state() == "Proving", PROVING_SECONDS, f"sector {number} to be proving")
            answer = json.loads((folder / "answer").read_text())
            info = lotus.call("Filecoin.StateSectorGetInfo", ["t01000", number, []])
            equal((info["SealedCID"]["/"], answer["sector"]), (answer["comm_r_cid"], number), "CommR on the chain")
            given = dict(line.split(" ", 1)[1].split("=", 1) for line in (folder / "environment").read_text().splitlines() if "=" in line)
            equal(set(given) - {"PWD", "OLDPWD"}, {f"EXTSEAL_PC2_{n}" for n in NAMES}, "what the worker gives")
            output = base64.b64decode(given["EXTSEAL_PC2_PC1OUT"].strip("'"))
            equal(json.dumps(json.loads(output), sort_keys=True, separators=(",", ":")).encode(), output, "form of the output of precommit 1")


if __name__ == "__main__":
    cases = [(f"external-pc2-{case}{'-marked' if marked else ''}", lambda case=case, marked=marked: fulfils(case, marked))
             for case in ("s-2k-data", "s-2k-v1", "s-2k-synth", "s-2k-ni", "s-8m-data") for marked in (False, True)]
    cases += [("external-pc2-leftovers", clears_what_was_left), ("external-pc2-refuses", refuses), ("external-pc2-waits", waits_for_another),
              ("external-pc2-failing-calls", failing_calls), ("external-pc2-killed", killed)]
    if chain.present():
        cases.append(("external-pc2-lotus", lotus_pledge))
    else:
        print("# without a Lotus chain: ../shared/lotus-devnet is not here", flush=True)
    run_cases(cases)
