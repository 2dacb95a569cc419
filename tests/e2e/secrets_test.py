#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Canaries: a farm whose every token and secret URL is known to the test, at the lowest log level; then
every place is looked at where none of them may be."""
import base64
import resource
import secrets
import signal
import ssl
import threading
import urllib.error

from farm import Farm, free_port
from support import *

FETCH_SECONDS = 400


def forms(secret):
    """As it is, and as it would look when printed in another form."""
    raw = secret.encode()
    return {raw, base64.b64encode(raw).rstrip(b"="), raw.hex().encode(), secret.replace("/", "\\/").encode()}


class Watch(threading.Thread):
    """Collects the arguments of every process there is, again and again."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.over = set(), threading.Event()

    def run(self):
        while not self.over.wait(0.01):
            for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:  # it has ended
                    continue

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


class Canaries:
    def __init__(self):
        self.all = {}

    def add(self, name, secret):
        expect(len(secret) >= 16, f"{name} is long enough to be looked for")
        self.all[name] = secret
        return secret

    def absent(self, data, where):
        data = data.encode() if isinstance(data, str) else data
        for name, secret in self.all.items():
            for form in forms(secret):
                expect(form not in data, f"{name} is in {where}: …{data[max(0, data.find(form) - 80):data.find(form)]!r}…")


def ask(url, method="GET", body=None, **headers):
    """Status and body, whatever they are."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, method=method, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            return answer.status, answer.read(), str(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), str(error.headers)


def tokens_of(farm, canaries):
    connect = (farm.repo("client") / "connect").read_text().strip()
    canaries.add("the partner's token", json.loads(base64.b64decode(connect))["token"])
    canaries.add("the connect string", connect)
    canaries.add("the chain's token", (farm.repo("devnet") / "token").read_text().strip())
    for name in ("provider", "client"):
        token = farm.on(name, "auth", "create-token", "--perm", "read", "--name", "reader")["token"]
        canaries.add(f"the access token of the {name}", token)


def errors_are_silent(farm, canaries):
    """Questions that carry a secret and go wrong."""
    partner = canaries.all["the partner's token"]
    for path, method in (("/remoteseal/delegated/v0/status", "POST"), (f"/remoteseal/delegated/v0/nothing?token={partner}", "GET"),
                         (f"/remoteseal/delegated/v0/sealed-data/1000/999?token={partner}", "GET"),
                         ("/remoteseal/delegated/v0/order", "POST")):
        for body in (None, b"{", json.dumps({"partner_token": partner, "sp_id": "x"}).encode()):
            _, text, headers = ask(farm.url("provider") + path, method, body if method == "POST" else None,
                                   **{"Content-Type": "application/json", "Authorization": f"Bearer {partner}"})
            canaries.absent(text, f"the answer to {method} {path.split('?')[0][:40]}")
            canaries.absent(headers, f"the headers of {path.split('?')[0][:40]}")


def commands_are_silent(farm, canaries):
    for name in ("provider", "client"):
        for command in (["info"], ["status"], ["partner", "list"], ["provider", "list"], ["sector", "list"], ["sector", "show", "0"], ["auth", "list"],
                        ["config", "diff"], ["config", "check"], ["config", "updated", "--dry-run"], ["log", "--lines", "100000"], ["alerts", "list"],
                        ["alerts", "test"], ["doctor"], ["fsck"], ["node", "list"]):
            done = subprocess.run([SELKIE, *command, "--repo", str(farm.repo(name))], capture_output=True, timeout=300,
                                  env={**os.environ, **farm.environment(name)})
            canaries.absent(done.stdout + done.stderr, f"what `{' '.join(command)}` of the {name} prints")


def files_are_silent(farm, canaries, given):
    """Nowhere in the repositories in clear, but where the secret is handed over or was put by the operator."""
    for name in ("provider", "client"):
        for path in sorted(farm.repo(name).rglob("*")):
            if not path.is_file() or path in given:
                continue
            if path.name == "c1.url":  # Curio's own file: URL with token
                equal(path.stat().st_mode & 0o77, 0, f"{path.name} is private")
                continue
            canaries.absent(path.read_bytes(), f"{path.relative_to(farm.folder)}")


def nothing_leaks():
    canaries = Canaries()
    with Folder() as folder, Farm(folder) as farm, Watch() as watch:
        hook = canaries.add("the webhook's path", "hook-" + secrets.token_hex(16))
        key = canaries.add("the webhook's secret", secrets.token_hex(16))
        given = {folder / "hook", folder / "key"}
        (folder / "hook").write_text(f"https://127.0.0.1:{free_port()}/{hook}\n")
        (folder / "key").write_text(key + "\n")
        for path in given:
            path.chmod(0o600)
        farm.more = {"SELKIE_NODE_LOGLEVEL": "debug", "SELKIE_ALERTING_WEBHOOK_URLFILE": str(folder / "hook"),
                     "SELKIE_ALERTING_WEBHOOK_SECRETFILE": str(folder / "key")}
        farm.prepare()
        tokens_of(farm, canaries)
        farm.order()
        farm.wait(lambda: farm.sectors() and farm.sectors()[0]["state"] not in ("ordered", "delegated", "sealed"), FETCH_SECONDS, "the fetch")
        errors_are_silent(farm, canaries)
        commands_are_silent(farm, canaries)
        for name in ("provider", "client"):
            token = canaries.all[f"the access token of the {name}"]
            status, text, _ = ask(farm.url(name) + "/metrics", Authorization=f"Bearer {token}")
            equal(status, 200, "/metrics")
            canaries.absent(text, f"/metrics of the {name}")
        farm.stop()
        for name in ("provider", "client", "devnet"):
            canaries.absent((farm.folder / f"{name}.log").read_bytes(), f"the log of the {name}")
        files_are_silent(farm, canaries, {farm.repo("client") / "connect"})
    expect(len(watch.seen) > 20, "arguments were seen")
    for arguments in watch.seen:
        canaries.absent(arguments, "arguments of a process")


def a_crash_leaves_nothing():
    """A core dump holds whatever the process held; the same node leaves one where that was asked for."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if "/" in pattern or pattern.startswith("|"):
        print("# core dumps of this machine go elsewhere: not looked at")
        return
    for wanted in (False, True):
        with Folder() as folder, Farm(folder, size=None) as farm:
            farm.more = {"SELKIE_NETWORK_CHAINAPIINFOFILE": "", "SELKIE_NODE_COREDUMPS": str(wanted).lower()}
            selkie("init", "--repo", farm.repo("provider"))
            here, log = folder / "here", open(folder / "provider.log", "wb")
            here.mkdir()
            node = subprocess.Popen([SELKIE, *farm.command("provider")], cwd=here, env=farm.environment("provider"), stdout=log, stderr=log,
                                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2))
            farm.processes["provider"] = node
            farm.wait(lambda: farm.listening("provider"), 30, "the node to listen")
            node.send_signal(signal.SIGABRT)
            equal(node.wait(), -signal.SIGABRT, "how the node ended")
            del farm.processes["provider"]
            equal(bool(list(here.iterdir())), wanted, "a core dump was left")


def the_canaries_are_found():
    """The test itself: each form of a secret is seen where it is."""
    canaries = Canaries()
    secret = canaries.add("a token", "0123456789abcdef/secret")
    for form in forms(secret):
        try:
            canaries.absent(b"before " + form + b" after", "here")
        except Failed:
            continue
        raise Failed(f"{form} was not found")


if __name__ == "__main__":
    run_cases([("secrets-the-test-finds-them", the_canaries_are_found), ("secrets-nothing-leaks", nothing_leaks),
               ("secrets-no-core-dump", a_crash_leaves_nothing)])
