# SPDX-License-Identifier: MIT OR Apache-2.0
"""A real lotus-miner has its sectors sealed by our worker, C2 included, and the chain verifies them; so,
too, when a fetch is cut, and when a disk is full in PC1. Runs where ../shared/lotus-devnet is."""
import contextlib
import functools
import http.server
import signal
import threading

from lotus_miner import *
from support import *

def pledged():
    """One sector, and what Lotus's own commands say of our worker meanwhile."""
    with place() as (_, miner, worker):
        number = miner.pledge()
        wait(lambda: "SealCommit2" in worker.taken(), PROVING_SECONDS, "C2 to begin", lambda: worker.log()[-3000:] + miner.log()[-3000:])
        workers = miner.cli("sealing", "workers")
        expect("host w1" in workers, f"lotus-miner sealing workers does not show it: {workers}")
        jobs = miner.cli("sealing", "jobs")
        theirs = {"LOTUS_WORKER_PATH": str(worker.folder)}
        info = miner.cli("info", program="lotus-worker", more=theirs)
        for what in ("Enabled: true", "Hostname: w1", "PC1", "PC2", "C2", "AP", "Use: Seal"):
            expect(what in info, f"lotus-worker info of our worker lacks {what}: {info}")
        miner.cli("tasks", "disable", "UNS", program="lotus-worker", more=theirs)
        expect("UNS" not in miner.cli("info", program="lotus-worker", more=theirs), "a switched off kind of work is not offered")
        miner.cli("tasks", "enable", "UNS", program="lotus-worker", more=theirs)
        ours = selkie("worker", "info", "--worker-repo", worker.folder)
        equal(ours["info"]["Hostname"], "w1", "selkie worker info")
        wait_proving(miner, worker, number)
        taken = worker.taken()
        for method in TRACE:
            expect(method in taken, f"{method} was not ours: {taken}\n{jobs}")
        equal(worker.events("call.failed"), [], "failed calls")
        wait(lambda: not selkie("worker", "jobs", "--worker-repo", worker.folder), 60, "all results to be returned")
        # What is left of the sector lies with the miner, which fetched it from us.
        wait(lambda: not (worker.folder / "sealed" / f"s-t01000-{number}").exists(), 120, "the miner to have the sealed file",
             lambda: worker.log()[-2000:])
        commands(miner, worker)


def commands(miner, worker):
    """Our own on the running worker, which ends by the last."""
    of = ("--worker-repo", worker.folder)
    told = {"MINER_API_INFO": miner.info}
    dry = ("worker", "run", "--dry-run", "--worker-repo", worker.folder / "other", "--listen")
    plan = selkie(*dry, "0.0.0.0:0", environment=told)
    equal((plan["listen"], plan["host"], plan["from"]), ("0.0.0.0:0", "127.0.0.1", "environment variable MINER_API_INFO"), "--dry-run")
    wrong = selkie(*dry, "0.0.0.0:0", environment={"MINER_API_INFO": "e" + miner.info}, status=1)["error"]["message"]
    expect("refuses the token" in wrong, f"--dry-run tries the token: {wrong}")
    taken = (worker.folder / "api").read_text().split("/")[4]
    refused = selkie(*dry, f"127.0.0.1:{taken}", environment=told, status=1)["error"]["message"]
    expect(f"another program listens on 127.0.0.1:{taken}" in refused and "--listen" in refused, f"--dry-run tries the port: {refused}")
    expect(miner.token not in json.dumps(plan) and not (worker.folder / "other").exists(), "--dry-run makes and shows nothing that it should not")
    refused = subprocess.run([SELKIE, "worker", "run", "--windowpost", *map(str, of)], capture_output=True, text=True, timeout=60)
    expect(refused.returncode == 1 and "--windowpost" in refused.stderr, f"PoSt is refused: {refused.stderr}")
    selkie("worker", "tasks", "disable", "PC1", *of)
    expect("seal/v0/precommit/1" not in selkie("worker", "tasks", "list", *of), "PC1 is switched off")
    selkie("worker", "tasks", "enable", "--all", *of)
    expect("seal/v0/precommit/1" in selkie("worker", "tasks", "list", *of), "all is switched on")
    equal(selkie("worker", "storage", "list", *of)[0]["LocalPath"], str(worker.folder), "its path")
    selkie("worker", "storage", "redeclare", "--all", *of)
    secrets = [miner.token, (worker.folder / "token").read_text()]
    expect(not any(s in worker.log() or s in (worker.folder / "selkie.log").read_text() for s in secrets), "no token is in a log")
    equal((worker.folder / "token").stat().st_mode & 0o777, 0o600, "mode of the token")
    selkie("worker", "drain", *of)
    wait(lambda: worker.process.poll() is not None, 60, "the drained worker to end", lambda: worker.log()[-2000:])
    equal(worker.process.returncode, 0, "exit status of a drained worker")
    expect(not (worker.folder / "api").exists(), "who has ended is not to be found")
    selkie("worker", "info", *of, status=1)


def data_cid():
    """The miner's own command hands data to our worker: pushed through the miner, and by URL."""
    with place() as (folder, miner, worker):
        path = folder / "data"
        path.write_bytes(piece_bytes("data-cid", 0, 2032))
        want = selkie("proof", "piece", path)["commitment_cid"]
        expect(want in miner.cli("sealing", "data-cid", str(path), "2048").split(), f"pushed data is not {want}")
        with served(path) as url:
            expect(want in miner.cli("sealing", "data-cid", "--file-size", "2032", url, "2048").split(), f"data by URL is not {want}")
        equal(worker.taken(), ["DataCid", "DataCid"], "calls")


@contextlib.contextmanager
def served(path):
    """One file by HTTP; yields its URL."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=path.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{path.name}"
        server.shutdown()


def fetch_cut():
    """Labels on one worker, trees on another: while that fetches them the first hangs, then is gone; it comes again."""
    first = ("--precommit2=false", "--commit=false", "--unseal=false")
    second = ("--addpiece=false", "--precommit1=false", "--unseal=false")
    with Folder() as folder, Miner(folder) as miner, Worker(folder, miner, "w1", first) as w1, Worker(folder, miner, "w2", second) as w2:
        number = miner.pledge()
        wait(lambda: "Fetch" in w2.taken(), 120, "the second worker to fetch", lambda: w2.log()[-2000:] + miner.log()[-2000:])
        w1.process.send_signal(signal.SIGSTOP)
        time.sleep(1)  # no condition: whatever is under way stands still for a while
        w1.kill_and_start()
        wait_proving(miner, w2, number, may_fail=True)
        expect({"SealPreCommit2", "SealCommit2"} <= set(w2.taken()) and "SealPreCommit1" in w1.taken(), f"{w1.taken()} {w2.taken()}")
        # Nothing of what the first had is taken for the sector's once the second has changed it.
        equal([r for w in (w1, w2) for r in w.events("call.failed") if r["code"] == "corrupt"], [], "proofs of stale files")


def disk_full():
    """PC1 finds the disk full: code 102, and the miner tries again until there is room."""
    if os.getuid() != 0:
        print("# skip disk full: only root may mount")
        return
    with Folder() as folder, few_files(folder / "disk", 200), Miner(folder) as miner:
        path = folder / "disk" / "path"
        path.mkdir()
        with Worker(folder, miner, options=("--no-local-storage",)) as worker:
            selkie("worker", "storage", "attach", "--init", "--seal", path, "--worker-repo", worker.folder)
            ballast, files = folder / "disk" / "ballast", 0
            ballast.mkdir()
            while os.statvfs(ballast).f_ffree > 3:  # AddPiece needs one
                (ballast / str(files)).touch()
                files += 1
            number = miner.pledge()
            failed = wait(lambda: [r for r in worker.events("call.failed") if r["method"] == "SealPreCommit1"], 120, "PC1 to find the disk full",
                          lambda: worker.log()[-2000:])
            equal(failed[0]["code"], "no-space", "why")
            shutil.rmtree(ballast)
            wait_proving(miner, worker, number, may_fail=True)


if __name__ == "__main__":
    if not (DEVNET / "start.sh").exists():
        skip("lotus worker: ../shared/lotus-devnet is not here")
    run_cases([
        ("lotus-worker-pledged", pledged),
        ("lotus-worker-data-cid", data_cid),
        ("lotus-worker-fetch-cut", fetch_cut),
        ("lotus-worker-disk-full", disk_full),
    ])
