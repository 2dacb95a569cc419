# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the end-to-end tests share: cases by name, reports in one form, inputs of the test vectors."""
import contextlib
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
VECTORS = ROOT / "tests" / "vectors"
SHARED = ROOT.parent / "shared"
SELKIE = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else str(ROOT / "build" / "selkie")
sys.path.insert(0, str(ROOT / "tests" / "support"))  # what unit tests use, too, is found from here on
REGISTERED = {2048: 0, 8 << 20: 1, 512 << 20: 2, 32 << 30: 3, 64 << 30: 4}


class Failed(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Failed(text)


def equal(got, want, what):
    expect(got == want, f"{what}: got {str(got)[:300]}, want {str(want)[:300]}")


def run_cases(cases):
    """cases: (name, function). Prints `ok NAME` or `not ok NAME`; exits 1 if any failed."""
    only = os.environ.get("SELKIE_TEST_ONLY")
    bad = 0
    for name, function in cases:
        if only and only not in name:
            continue
        start = time.monotonic()
        try:
            function()
            print(f"ok {name} ({time.monotonic() - start:.1f} s)", flush=True)
        except Exception as problem:  # a test reports, it does not fall over
            bad += 1
            if not isinstance(problem, Failed):
                traceback.print_exc(file=sys.stdout)
            print(f"not ok {name}: {problem}", flush=True)
    sys.exit(1 if bad else 0)


def skip(reason):
    print(f"# skip {reason}")
    sys.exit(0)


def selkie(*arguments, status=0, timeout=600, environment=None, stdin=None):
    """Runs a command with --json; returns its answer. status: the exit status it must have."""
    command = [SELKIE, *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, input=stdin,
                          env={**os.environ, **(environment or {})})
    if done.returncode != status:
        raise Failed(f"{' '.join(command)}: exit {done.returncode}, want {status}\n{done.stdout[-800:]}{done.stderr[-1500:]}")
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        raise Failed(f"{' '.join(command)}: no JSON document: {done.stdout[:400]!r}") from None


def json_rpc(port, token, method, parameters, path="/rpc/v1"):
    """One call of a Lotus node (its miner: /rpc/v0) on this machine; its result."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method="POST",
                                     data=json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode(),
                                     headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        body = json.load(answer)
    expect("error" not in body, f"{method}: {body}")
    return body.get("result")


class Folder:
    """A temporary folder for a `with`."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="selkie-test-"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


@contextlib.contextmanager
def few_files(folder, count):
    """A disk that has room for bytes, but not for more files: what is full is found only when one is made."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=64m,nr_inodes={count}", "selkie-test", str(folder)], capture_output=True)
    expect(done.returncode == 0, f"mount: {done.stderr!r}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def load(path):
    with gzip.open(path) as f:
        return f.read()


def record(case):
    return json.loads(load(VECTORS / case / "record.json.gz"))


def sha256_file(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def pad(raw):
    """Fr32: 254-bit groups into 32-byte elements. len(raw) is a multiple of 127."""
    mask = (1 << 254) - 1
    out = bytearray()
    for at in range(0, len(raw), 127):
        bits = int.from_bytes(raw[at:at + 127], "little")
        for k in range(4):
            out += ((bits >> (254 * k)) & mask).to_bytes(32, "little")
    return bytes(out)


def piece_bytes(case, index, count):
    out = bytearray()
    counter = 0
    while len(out) < count:
        out += hashlib.sha256(f"{case}/piece{index}/".encode() + struct.pack("<Q", counter)).digest()
        counter += 1
    return bytes(out[:count])


def write_unsealed(rec, path):
    with open(path, "wb") as f:
        for i, piece in enumerate(rec["pieces"]):
            count = piece["unpadded_bytes"]
            if piece["content"] == "zeros":
                f.write(bytes(count // 127 * 128))
            else:
                f.write(pad(piece_bytes(rec["case"], i, count)))
    equal(sha256_file(path), rec["unsealed_sha256"], "unsealed data made by the test")


def write_pieces(rec, path):
    rows = [{"size": p["unpadded_bytes"] // 127 * 128, "commitment": p["comm_p"]} for p in rec["pieces"]]
    path.write_text(json.dumps(rows))


def proof_arguments(rec):
    """--seal-proof, or the long form for sizes without a registered number."""
    size, number = rec["sector_size"], rec["porep_id_number"]
    if size in REGISTERED and number < 20 and rec["porep_id"] == (struct.pack("<Q", number) + bytes(24)).hex():
        return ["--seal-proof", number]
    feature = {"none": [], "synth": ["--feature", "synthetic"], "ni": ["--feature", "non-interactive"]}[rec["feature"]]
    return ["--sector-size", size, "--porep-id", rec["porep_id"], "--api-version", rec["api_version"].replace("_", "."), *feature]


def check_files(folder, expected, what):
    names = {e["name"] for e in expected}
    present = {p.name for p in folder.iterdir() if not p.name.startswith(".selkie")}
    equal(present, names, f"{what}: the files")
    for e in expected:
        equal(sha256_file(folder / e["name"]), e["sha256"], f"{what}: {e['name']}")
