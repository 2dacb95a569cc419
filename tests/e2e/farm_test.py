# SPDX-License-Identifier: MIT OR Apache-2.0
"""The main job with real processes: order, seal elsewhere, fetch, prove on chain; what must be there
afterwards, and what must never be anywhere."""
import contextlib
import re
import sqlite3
import subprocess

from farm import Farm, free_port
from support import *

PROVING_SECONDS = 400


def happy_path():
    with Folder() as folder, Farm(folder) as farm:
        farm.share_messages(3)
        farm.prepare()
        ordered = farm.order(count=3)
        farm.wait(lambda: farm.all_proving(3), PROVING_SECONDS, "three sectors to be proving")
        for cid in farm.shared_messages(3):
            found = rpc(farm, "Filecoin.StateSearchMsg", [[], {"/": cid}, -1, True])
            equal(found["Receipt"]["ExitCode"], 0, f"exit code of {cid}")
        storage_layout(farm)
        files_verified(farm)
        files_exported(farm)
        chain_agrees(farm)
        timelines(farm)
        secrets_stay(farm)
        farm.wait(lambda: all(r["state"] == "cleaned" for r in farm.sectors("provider")), 60, "the provider to clean up")
        equal(list((farm.repo("provider") / "scratch").rglob("s-t*")), [], "sector files left at the provider")
        equal(farm.leftovers(), [], "temporary files")
        expect(ordered, "the order's answer")


def storage_layout(farm):
    storage = farm.repo("client") / "storage"
    meta = json.loads((storage / "sectorstore.json").read_text())
    expect(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", meta["ID"]), "sectorstore.json has an id")
    equal(meta["CanStore"], True, "sectorstore.json CanStore")
    for row in farm.sectors():
        name = f"s-t01000-{row['number']}"
        equal((storage / "sealed" / name).stat().st_size, 2048, "sealed file")
        files = {p.name for p in (storage / "cache" / name).iterdir()}
        expect({"p_aux", "t_aux", "sc-02-data-tree-r-last.dat"} <= files, f"cache files: {files}")
        expect(not {f for f in files if "layer" in f or "tree-c" in f or "tree-d" in f}, f"cache is finalised: {files}")
        url = storage / "cache" / name / "c1.url"
        expect(not url.exists() or url.stat().st_mode & 0o77 == 0, "c1.url is private")
        answer = selkie("proof", "check-replica", "--seal-proof", 5, "--sealed", storage / "sealed" / name,
                        "--cache", storage / "cache" / name, "--comm-r", comm_of(row["comm_r"]))
        equal(answer["valid"], True, "check-replica of the finished sector")


@contextlib.contextmanager
def damaged(path):
    """One bit of a file turned, and back again."""
    content = path.read_bytes()
    at = len(content) // 2
    mode = path.stat().st_mode
    path.chmod(mode | 0o200)
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1:])
    try:
        yield
    finally:
        path.write_bytes(content)
        path.chmod(mode)


def files_verified(farm):
    """`sector verify` of what lies in the storage: good as it is, and each file that is damaged is named."""
    number = farm.sectors()[0]["number"]
    sealed = farm.repo("client") / "storage" / "sealed" / f"s-t01000-{number}"
    cache = farm.repo("client") / "storage" / "cache" / f"s-t01000-{number}"
    verify = lambda *options, **how: farm.on("client", "sector", "verify", f"f01000/{number}", *options, **how)
    equal(verify(), {"valid": True, "samples": 0}, "the whole replica")
    equal(verify("--sample", 4), {"valid": True, "samples": 4}, "a sample of it")
    for path, name in ((sealed, sealed.name), (cache / "sc-02-data-tree-r-last.dat", "tree-r-last"), (cache / "p_aux", "p_aux")):
        with damaged(path):
            answer = verify(status=3)
            equal(answer["valid"], False, f"a damaged {name}")
            expect(name in answer["reason"], f"the reason names {name}: {answer['reason']}")
            refused = subprocess.run([SELKIE, "sector", "verify", f"f01000/{number}", "--repo", farm.repo("client")], env=farm.environment("client"), capture_output=True, text=True)
            equal((refused.returncode, refused.stdout.startswith("not valid: ")), (3, True), f"for people: {refused.stdout}{refused.stderr}")
    with damaged(sealed):
        equal(verify("--sample", 1000, status=3)["valid"], False, "a sample larger than the sector")
    equal(verify()["valid"], True, "after the repair")
    expect("want" in verify("--sample", 0, status=1)["error"]["message"], "a sample of nothing")
    hidden = sealed.rename(sealed.with_suffix(".away"))
    expect(sealed.name in verify(status=1)["error"]["message"], "a missing file is named")
    hidden.rename(sealed)


def files_exported(farm):
    """`sector export`: Lotus's layout in an existing folder, byte for byte, and only what Lotus wants."""
    number = farm.sectors()[0]["number"]
    name, target = f"s-t01000-{number}", farm.folder / "exported"
    storage = farm.repo("client") / "storage"
    export = lambda to, *options, **how: farm.on("client", "sector", "export", number, "--to", to, *options, **how)
    expect("no folder" in export(target, status=1)["error"]["message"], "a folder that is not there")
    target.mkdir()
    dry = export(target, "--dry-run")
    equal((dry["dry_run"], list(target.iterdir())), (True, []), "a dry run copies nothing")
    done = export(target)
    files = {p.relative_to(target).as_posix(): p for p in target.rglob("*") if p.is_file()}
    equal(set(files), {f"sealed/{name}", *(f"cache/{name}/{f}" for f in ("p_aux", "t_aux", "sc-02-data-tree-r-last.dat"))}, "what was exported")
    equal((done["files"], done["bytes"]), (len(files), sum(p.stat().st_size for p in files.values())), "what the answer counts")
    for relative, path in files.items():
        equal(sha256_file(path), sha256_file(storage / relative), relative)
    row = next(r for r in farm.sectors() if r["number"] == number)
    answer = selkie("proof", "check-replica", "--seal-proof", 5, "--sealed", target / "sealed" / name, "--cache", target / "cache" / name, "--comm-r", comm_of(row["comm_r"]))
    equal(answer["valid"], True, "check-replica of the copy")
    equal(export(target), done, "once more over the copy")
    expect("already" in export(storage, status=1)["error"]["message"], "onto itself")


def comm_of(cid):
    """The 32 bytes of a CommR CID."""
    import base64
    text = cid[1:].upper()
    return base64.b32decode(text + "=" * (-len(text) % 8))[-32:].hex()


def chain_agrees(farm):
    for row in farm.sectors():
        info = rpc(farm, "Filecoin.StateSectorGetInfo", ["f01000", row["number"], []])
        equal(info["SealedCID"]["/"], row["comm_r"], "the chain's CommR")
        equal(rpc(farm, "Filecoin.StateSectorPreCommitInfo", ["f01000", row["number"], []]), None, "pre-commit is used up")


def rpc(farm, method, parameters):
    return json_rpc(farm.ports["devnet"], (farm.repo("devnet") / "token").read_text().strip(), method, parameters)


def timelines(farm):
    for row in farm.sectors():
        events = farm.on("client", "sector", "show", row["number"])["timeline"]
        reached = [e["to"] for e in events if e["to"]]
        expect(reached[0] == "ordered" and "proving" in reached, f"timeline of {row['number']}: {reached}")
        for state in ("fetched", "verified", "precommit_sent", "precommitted", "seeded", "vanilla", "proven", "commit_sent"):
            equal(reached.count(state), 1, f"timeline of {row['number']}: times it became {state}")


def secrets_stay(farm):
    """Canaries: the tokens of both sides, then every place they must not be."""
    connect = (farm.repo("client") / "connect").read_text().strip()
    import base64
    partner = json.loads(base64.b64decode(connect))["token"]
    chain = (farm.repo("devnet") / "token").read_text().strip()
    for name in ("devnet", "provider", "client"):
        log = farm.log_tail(name, 10_000_000)
        expect(partner not in log and chain not in log and connect not in log, f"a token is in the log of {name}")
        arguments = pathlib.Path(f"/proc/{farm.processes[name].pid}/cmdline").read_bytes().decode()
        expect(partner not in arguments and chain not in arguments, f"a token is in the arguments of {name}")
    for name in ("provider", "client"):
        database = farm.repo(name) / "selkie.db"
        expect(partner.encode() not in database.read_bytes(), f"the token stands in clear in the database of {name}")
        for path in farm.repo(name).rglob("*"):
            if path.is_file() and path.name != "connect" and partner.encode() in path.read_bytes():
                expect(path.stat().st_mode & 0o77 == 0, f"{path} holds a token and is not private")


def bad_tokens():
    with Folder() as folder, Farm(folder) as farm:
        farm.prepare()
        import base64
        forged = base64.b64encode(json.dumps({"url": farm.url("provider"), "token": "ab" * 32}).encode()).decode()
        refused = farm.on("client", "provider", "add", "-", "--miner", "f01000", stdin=forged, status=1)
        expect("error" in refused and "token" in refused["error"]["message"].lower(), f"the refusal names the token: {refused}")
        for url, stage in ((f"https://127.0.0.1:{free_port()}", "tcp:"), ("https://nowhere.invalid:1", "dns:"),
                           (f"http://127.0.0.1:{farm.ports['devnet']}", "protocol:")):
            there = base64.b64encode(json.dumps({"url": url, "token": "ab" * 32}).encode()).decode()
            refused = farm.on("client", "provider", "add", "-", "--miner", "f01000", stdin=there, status=1)
            expect(refused["error"]["message"].startswith(stage), f"the refusal names {stage} {refused}")
        good = farm.on("client", "provider", "test", 1)
        equal([c["mark"] for c in good["checks"]], ["good"] * 6, f"marks of a provider that is well: {good}")
        farm.on("client", "provider", "set", 1, "--price", "5000", "--name", "lighthouse")
        row = farm.on("client", "provider", "show", "lighthouse")
        equal((row["price"], row["enabled"], row["verified"]), ("5000", True, 0), "what was set")
        farm.on("client", "miner", "set", "f01000", "--keep", 3, "--seal-proof", 5, "--dry-run")
        equal(farm.on("client", "miner", "list")[0]["keep_in_flight"], None, "a dry run sets nothing")
        refused = farm.on("client", "miner", "set", "f01000", "--reserve", "5FIL", "--dry-run", status=1)
        expect("attoFIL" in refused["error"]["message"], f"a dry run checks what is set: {refused}")
        farm.on("client", "provider", "set", "lighthouse", "--url", "https://elsewhere.invalid", "--dry-run")
        equal(farm.on("client", "provider", "show", "lighthouse")["url"], farm.url("provider"), "a dry run changes nothing")
        refused = farm.on("client", "provider", "add", "-", "--miner", "f01000", stdin="bm90IGpzb24=", status=1)
        expect("error" in refused, "a connect string that is none")
        dry = farm.on("client", "order", "--miner", "f01000", "--seal-proof", 5, "--dry-run")
        equal(farm.sectors(), [], "a dry run orders nothing")
        expect(dry is not None, "a dry run answers")
        refused = farm.on("client", "order", "--miner", "f01001", "--seal-proof", 5, status=1)
        expect("error" in refused, "a miner without provider")
        refused = farm.on("client", "order", "--miner", "f01000", "--seal-proof", 8, status=1)
        expect("error" in refused, f"a seal proof the miner cannot have: {refused}")


def allowance_is_kept():
    with Folder() as folder, Farm(folder) as farm:
        farm.prepare()
        farm.on("provider", "partner", "set", "selkie-test", "--allowance", 1)
        farm.order(count=1)
        farm.wait(lambda: [r for r in farm.sectors("provider")], 60, "the order to arrive")
        partner = farm.on("provider", "partner", "list")
        expect(partner, "partner list")
        with sqlite3.connect(farm.repo("provider") / "selkie.db") as db:
            remaining, = db.execute("SELECT allowance_remaining FROM rseal_delegated_partners").fetchone()
        equal(remaining, 0, "allowance left")


if __name__ == "__main__":
    run_cases([("farm-happy-path", happy_path), ("farm-bad-tokens", bad_tokens), ("farm-allowance", allowance_is_kept)])
