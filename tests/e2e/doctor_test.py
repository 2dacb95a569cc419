# SPDX-License-Identifier: MIT OR Apache-2.0
"""`selkie doctor` on a farm: all is well, then one thing after the other is broken and must be named, with
what to do about it; no secret is ever shown."""
import base64
import socket
import tarfile

from farm import Farm, free_port
from support import *

MACHINE = {"sha", "avx512", "memory-free", "huge-pages", "descriptors", "clock-sync"}


def doctor(farm, name, *arguments, **changes):
    """Findings by check and the exit status; the status follows from them."""
    command = [SELKIE, "doctor", "--repo", str(farm.repo(name)), "--json", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**farm.environment(name), **changes})
    answer = json.loads(done.stdout)
    found = {}
    for finding in answer["findings"]:
        found.setdefault(finding["check"], []).append(finding)
        expect(finding["health"] in ("good", "warning", "fault") and finding["text"], f"a finding: {finding}")
        expect((finding["fix"] is None) == (finding["health"] == "good"), f"what to do, unless it is good: {finding}")
    count = lambda health: sum(f["health"] == health for f in answer["findings"])
    equal((answer["faults"], answer["warnings"]), (count("fault"), count("warning")), "totals")
    equal(done.returncode, 2 if count("fault") else 1 if count("warning") else 0, "exit status")
    secrets_stay(farm, done.stdout + done.stderr)
    return found


def secrets_stay(farm, text):
    connect = farm.repo("client") / "connect"
    if connect.exists():
        token = json.loads(base64.b64decode(connect.read_text()))["token"]
        expect(token not in text, "the partner's token is shown")
    expect((farm.repo("devnet") / "token").read_text().strip() not in text, "the chain's token is shown")


def faults(found):
    return sorted({check for check, findings in found.items() if any(f["health"] == "fault" for f in findings)})


def one(found, check, health, words):
    texts = [(f["health"], f["text"]) for f in found.get(check, [])]
    expect(any(h == health and words in t for h, t in texts), f"{check} should be {health} and say {words!r}: {texts}")


def healthy_then_broken():
    with Folder() as folder, Farm(folder) as farm:
        farm.prepare()
        healthy(farm)
        bundled(farm)
        broken_provider(farm)
        broken_certificate(farm)
        broken_chain(farm)
        broken_configuration(farm)
        del farm.processes["devnet"]


def healthy(farm):
    found = doctor(farm, "client", "--full")
    equal(faults(found), [], f"faults of a healthy client: {found}")
    expect(MACHINE <= found.keys(), f"the machine: {found.keys()}")
    one(found, "configuration", "good", "sound")
    one(found, "database", "good", "writable, schema")
    one(found, "parameters", "good", "2KiB")
    one(found, "storage", "good", "MB/s")
    one(found, "port", "good", "serves at https://127.0.0.1")
    one(found, "certificate", "good", "127.0.0.1")
    one(found, "chain", "good", "network version")
    one(found, "chain-token", "good", "may sign")
    one(found, "chain-sync", "good", "head at epoch")
    one(found, "balance", "good", "f01000")
    one(found, "provider", "good", "100 sectors")
    expect("control-address" not in found, f"no control address is configured: {found}")
    found = doctor(farm, "client", SELKIE_ADDRESSES_PRECOMMITCONTROL="f01002,f099", SELKIE_ADDRESSES_COMMITCONTROL="f01001")
    equal(len(found["control-address"]), 1, "control addresses that are none")
    one(found, "control-address", "warning", "PreCommitControl f099 controls nothing of miner f01000")
    found = doctor(farm, "provider")
    equal(faults(found), [], f"faults of a healthy provider: {found}")
    one(found, "scratch", "good", "MB/s")
    one(found, "partner", "good", "selkie-test can be called back")
    one(doctor(farm, "provider", "--sectors", 1 << 40), "scratch", "fault", "sectors take")


def bundled(farm):
    """The bundle of a node that works: every member is there, and no secret in any."""
    for name in ("provider", "client"):
        path = farm.folder / f"{name}.tar.gz"
        equal(farm.on(name, "support-bundle", path, "--dry-run"), {"dry_run": True}, "a dry run")
        expect(not path.exists(), "a dry run writes nothing")
        farm.on(name, "support-bundle", path)
        expect(path.stat().st_mode & 0o77 == 0, "the bundle is private")
        with tarfile.open(path) as tar:
            members = {m.name.split("/")[-1]: tar.extractfile(m).read().decode() for m in tar.getmembers()}
        expect({"version.txt", "config.toml", "doctor.json", "sectors.json", "gauges.txt", "fsck.txt", "log.txt"} <= members.keys(), f"members: {members.keys()}")
        expect("node.started" in members["log.txt"] and json.loads(members["doctor.json"]), "what is in them")
        equal(members["fsck.txt"], "0 rows break a promise\n", "fsck")
        everything = "".join(members.values())
        secrets_stay(farm, everything)
        expect((farm.repo(name) / "secret.key").read_text().strip() not in everything, "the node's key is in the bundle")
        expect("not here" not in everything, "every member could be written")
        refused = farm.on(name, "support-bundle", path, status=1)
        expect("is there already" in refused["error"]["message"], f"an older bundle stays: {refused}")


def broken_provider(farm):
    farm.on("provider", "partner", "set", "selkie-test", "--allowance", 0)
    one(doctor(farm, "client"), "provider", "warning", "0 sectors")
    farm.on("provider", "partner", "rotate", "selkie-test", "--overlap", "1ms")
    farm.wait(lambda: "does not know our token" in str(doctor(farm, "client").get("provider")), 30, "the old token to be refused")
    farm.kill("provider")
    one(doctor(farm, "client"), "provider", "fault", "connect")
    one(doctor(farm, "provider"), "port", "good", "is free; the node does not run now")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", farm.ports["provider"]))
        taken.listen()
        one(doctor(farm, "provider"), "port", "fault", "another program listens")
    del farm.processes["provider"]


def broken_certificate(farm):
    found = doctor(farm, "client", SELKIE_HTTP_EXTERNALURL=f"https://elsewhere.example:{free_port()}")
    one(found, "certificate", "fault", "not for elsewhere.example")
    one(found, "port", "fault", "")
    certificate = farm.repo("client") / "tls.crt"
    kept = certificate.read_text()
    certificate.write_text("this is no certificate\n")
    one(doctor(farm, "client"), "certificate", "fault", "no certificate")
    certificate.write_text(kept)


def broken_chain(farm):
    farm.kill("devnet")
    found = doctor(farm, "client")
    one(found, "chain", "fault", "")
    expect("database" in found and "certificate" in found, "the rest is looked at all the same")
    one(doctor(farm, "client", SELKIE_NETWORK_CHAINAPIINFOFILE=""), "chain", "fault", "no chain node is configured")


def broken_configuration(farm):
    config = farm.repo("client") / "config.toml"
    config.write_text("[Provider]\nCapacity = 0\nCapacityy = 3\n")
    found = doctor(farm, "client")
    expect(len(found["configuration"]) >= 2, f"every mistake is shown: {found['configuration']}")
    expect("database" not in found, "a node without a configuration is not opened")
    path = farm.folder / "broken.tar.gz"
    farm.on("client", "support-bundle", path)
    with tarfile.open(path) as tar:
        expect("not here" in tar.extractfile("selkie-support/sectors.json").read().decode(), "a node that cannot be opened is bundled all the same")
    done = subprocess.run([SELKIE, "doctor", "--repo", str(farm.folder / "nowhere"), "--json"], capture_output=True, text=True)
    equal(done.returncode, 2, "a folder that is no repository")
    done = subprocess.run([SELKIE, "doctor"], capture_output=True, text=True, env={k: v for k, v in os.environ.items() if k != "SELKIE_PATH"})
    expect(done.returncode in (0, 1) and "good," in done.stdout, f"the machine alone: {done.stdout}")


if __name__ == "__main__":
    run_cases([("doctor", healthy_then_broken)])
