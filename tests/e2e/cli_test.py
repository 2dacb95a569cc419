#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The command line around a running node: configuration, start and stop, reload, log."""
import re
import shlex
import signal
import ssl
import threading

from farm import free_port
from support import *


class Node:
    """One provider, which needs neither chain nor peer."""

    def __init__(self, folder):
        self.repo = pathlib.Path(folder) / "node"
        self.port = free_port()
        selkie("init", "--repo", self.repo)
        self.config("")

    def config(self, text):
        (self.repo / "config.toml").write_text(
            f'[Subsystems]\nEnableRemoteSealProvider = true\n[Network]\nDevelopment = true\n'
            f'[HTTP]\nListenAddress = "127.0.0.1:{self.port}"\n{text}')

    def start(self):
        self.process = subprocess.Popen([SELKIE, "run", "--repo", str(self.repo)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        equal(self("wait-api"), {"done": True}, "wait-api")

    def __call__(self, *arguments, **options):
        return selkie(*arguments, "--repo", self.repo, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if getattr(self, "process", None) and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def wait(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < deadline, f"waited {seconds} s for {what}")
        time.sleep(0.02)


def starts_and_stops():
    with Folder() as folder, Node(folder) as node:
        equal(node("stop"), {"done": True}, "stop of a node that does not run")
        answer = node("wait-api", "--timeout", "200ms", status=1)
        expect("waited" in answer["error"]["message"], f"wait-api without a node: {answer}")
        node.start()
        equal(node("stop", "--dry-run"), {"dry_run": True}, "stop --dry-run")
        expect(node.process.poll() is None, "--dry-run stops nothing")
        second = subprocess.run([SELKIE, "run", "--repo", str(node.repo)], capture_output=True, text=True, timeout=60)
        expect(second.returncode == 1 and "another selkie is running" in second.stderr, f"a second node: {second.stderr}")
        started = time.monotonic()
        node("stop")
        equal(node.process.wait(10), 0, "exit status of the node")
        expect(time.monotonic() - started < 10, "it stops within seconds")
        node.start()  # and starts again
        node.process.kill()
        node.process.wait()
        equal(node("stop"), {"done": True}, "stop after kill -9: the lock died with the node")


def log_is_a_file():
    with Folder() as folder, Node(folder) as node:
        node.start()
        names = [line["event"] for line in node("log", "--level", "info")]
        expect("node.started" in names, f"the log has the start: {names}")
        equal(node("log", "--event", "nothing"), [], "an event that never was")
        equal((node.repo / "selkie.log").stat().st_mode & 0o777, 0o600, "mode of the log file")
        shown = node("log", "list")
        equal((shown["level"], len(shown["files"])), ("info", 1), "log list")
        node("log", "set-level", "debug")
        wait(lambda: node("log", "--event", "config.reloaded"), 10, "the node to take the level over")
        equal(node("log", "list")["level"], "debug", "level in force")
        line = node("log", "--event", "config.reloaded")[-1]
        equal((line["level"], line["least"]), ("info", "debug"), "the line that says so")
        answer = node("log", "set-level", "loud", status=1)
        expect("want debug" in answer["error"]["message"], f"a level that is none: {answer}")
        node("stop")
        answer = node("log", "set-level", "warn", status=1)
        expect("no node serves" in answer["error"]["message"], f"set-level without a node: {answer}")
        node.start()
        equal(node("log", "list")["level"], "info", "set-level ends with the node")


def log_is_followed():
    with Folder() as folder, Node(folder) as node:
        node.start()
        follower = subprocess.Popen([SELKIE, "log", "--follow", "--lines", "0", "--event", "config", "--json", "--repo", str(node.repo)],
                                    stdout=subprocess.PIPE, text=True)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(follower.stdout), daemon=True)
        try:
            reader.start()
            # A line written before the follower's first look is not shown: ask until one is.
            deadline = time.monotonic() + 20
            while not lines and time.monotonic() < deadline:
                node("reload")
                time.sleep(0.2)
        finally:
            follower.kill()
            follower.wait()
        expect(lines and json.loads(lines[0])["event"] == "config.reloaded", f"followed: {lines}")


def reload_takes_over_and_tells():
    with Folder() as folder, Node(folder) as node:
        node.start()

        def served():
            text = ssl.get_server_certificate(("127.0.0.1", node.port))
            return text.strip()

        before = served()
        equal(before, (node.repo / "tls.crt").read_text().strip(), "the certificate served")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(node.repo / "tls.key"),
                        "-out", str(node.repo / "tls.crt")], check=True, capture_output=True)
        node.config('[Node]\nLogLevel = "debug"\n[Provider]\nCapacity = 5\n')
        node("reload")
        wait(lambda: node("log", "--event", "certificate"), 10, "the node to reload")
        wait(lambda: served() != before, 10, "the new certificate")
        waits = [line["option"] for line in node("log", "--event", "config.waits")]
        equal(waits, ["Provider.Capacity"], "what wants a restart")
        node.config("Nonsense = 1\n")
        node("reload")
        wait(lambda: node("log", "--event", "config.refused"), 10, "the node to refuse the mistake")
        why = node("log", "--event", "config.refused")[-1]["why"]
        expect("Nonsense: no such option" in why, f"why it was refused: {why}")
        expect(node.process.poll() is None, "the node goes on")
        node.process.send_signal(signal.SIGHUP)  # the same by signal
        wait(lambda: len(node("log", "--event", "config.refused")) == 2, 10, "SIGHUP")


def configuration_is_checked():
    with Folder() as folder, Node(folder) as node:
        answer = node("config", "check")
        expect(answer["valid"] and answer["mistakes"] == [] and answer["role"] == "provider", f"check of a good one: {answer}")
        answer = node("config", "check", "--role", "both", status=3)
        expect("a client needs a chain" in answer["mistakes"][0], f"what a client lacks: {answer}")
        equal(node("config", "check", "--role", "both", environment={"FULLNODE_API_INFO": "t:/ip4/127.0.0.1/tcp/1/http"})["role"], "both", "with a chain")
        node.config(f'[Remote]\nTrustedCertificates = "{node.repo}/theirs.pem"\n')
        answer = node("config", "check", status=3)
        expect("theirs.pem, which is not there" in answer["mistakes"][0], f"a file that is not there: {answer}")
        node.config("Nonsense = 1\n[Provider]\nCapacity = \"x\"\n")
        answer = node("config", "check", status=3)
        equal(len(answer["mistakes"]), 2, f"all mistakes at once: {answer}")
        node.config('[Provider]\nChainApiInfo = "top-secret:x"\n')
        shown = subprocess.run([SELKIE, "config", "check", "--repo", str(node.repo)], capture_output=True, text=True)
        equal(shown.returncode, 3, "ChainApiInfo in [Provider]")
        expect("did you mean ChainApiInfo in [Network]?" in shown.stdout, shown.stdout)
        expect("top-secret" not in shown.stdout + shown.stderr, "a misplaced secret is not shown")
        node.config("[Provider]\nCapacity = 5\n")
        keys = {row["key"]: row for row in node("config", "diff")}
        equal(keys["Capacity"]["value"], "5", "diff shows it")
        expect(keys["Capacity"]["from"].startswith("config.toml:"), keys["Capacity"])
        node("config", "updated")
        equal({row["key"]: row["value"] for row in node("config", "diff")}, {k: r["value"] for k, r in keys.items()}, "updated keeps values")
        text = (node.repo / "config.toml").read_text()
        expect("\nCapacity = 5\n" in text and "#SlotTime" in text, "updated lists every option")


def info_says_what_matters():
    with Folder() as folder, Node(folder) as node:
        info = node("info")
        equal((info["process"], info["sectors"], info["failed_sectors"]), (None, 0, 0), "info of a node that never ran")
        expect("not running" in shown(node, "info"), "it says that nothing runs")
        node.start()
        node("partner", "add", "lighthouse", "--url", "https://lighthouse.example", "--allowance", 7, "--connect-out", node.repo / "connect")
        info = node("status")
        equal(info["process"], {"pid": node.process.pid, "serving": True}, "the process")
        equal([row["name"] for row in info["nodes"]], [info["node"]], "commands are no nodes")
        text = shown(node, "info")
        for word in (info["node"], "up ", "lighthouse", "may order 7 more", "compute", "free of"):
            expect(word in text, f"info tells {word!r}: {text}")
        expect("\033[" not in text, "no colour into a pipe")
        expect("\033[" in shown(node, "info", "--color"), "colour when asked for")
        expect("\033[" not in shown(node, "info", "--color", NO_COLOR="1"), "NO_COLOR")


# What each shell offers in place of the last of WORDS, one a line; None: the shell is not installed.
SHELLS = {
    "bash": 'source <(selkie completion bash); COMP_WORDS=({words} {last}); COMP_CWORD={count}; _selkie; printf "%s\\n" "${{COMPREPLY[@]}}"',
    "zsh": 'autoload -Uz compinit; compinit -u -D; source <(selkie completion zsh); _files() {{ echo files }}; '
           '_describe() {{ print -l -- ${{(P)2%%:*}} ${{${{(P)2}}%%:*}} }}; words=({words} {last}); CURRENT={count_from_1}; _selkie',
    "fish": 'selkie completion fish | source; complete -C "{line}"',
}


def offered(shell, typed, **environment):
    *words, last = ("selkie " + typed).split(" ")
    text = SHELLS[shell].format(words=" ".join(words), last=f"'{last}'", count=len(words), count_from_1=len(words) + 1, line="selkie " + typed)
    flags = {"bash": ["--norc", "-c"], "zsh": ["-fc"], "fish": ["--no-config", "-c"]}[shell]
    path = f"{pathlib.Path(SELKIE).parent}:{os.environ['PATH']}"
    with Folder() as home:
        done = subprocess.run([shutil.which(shell), *flags, text], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PATH": path, "HOME": str(home), "XDG_CONFIG_HOME": str(home), **environment})
    return {line.split("\t")[0] for line in done.stdout.splitlines() if line}, done.stderr


def shells_complete():
    with Folder() as folder, Node(folder) as node:
        node("partner", "add", "lighthouse", "--url", "https://lighthouse.example", "--connect-out", node.repo / "connect")
        for shell in SHELLS:
            if not shutil.which(shell):
                print(f"# no {shell} here", flush=True)
                continue
            for typed, want in (("partner rot", {"rotate"}), ("partner rotate --ov", {"--overlap"}), ("completion ", {"bash", "zsh", "fish"}),
                                ("log set-level w", {"warn"}), ("partner rotate li", {"lighthouse"})):
                got, said = offered(shell, typed, SELKIE_PATH=str(node.repo))
                equal(got, want, f"{shell} offers for {typed!r} ({said})")
            got, _ = offered(shell, f"partner rotate --repo {node.repo} li", SELKIE_PATH="")
            equal(got, {"lighthouse"}, f"{shell} takes names from --repo")


# What no --dry-run is for: what only looks, what starts something that is stopped again, and what writes
# just the files that its line names.
LOOKS = {"info", "status", "wait-api", "log", "log list", "config default", "config check", "config diff", "partner list", "partner show",
         "provider list", "provider show", "provider test", "miner list", "sector list", "sector show", "sector watch", "sector verify", "watch",
         "message list", "clock", "node list", "fsck", "auth list", "doctor", "alerts list", "log alerts", "proof verify", "proof check-replica",
         "proof commd", "proof piece", "params list", "params verify", "version", "worker info", "worker jobs",
         "worker storage list", "worker tasks list", "worker resources", "worker list", "worker ghosts", "sealing jobs",
         "sealing sched-diag", "sealing why", "auth api-info", "service offer example", "service offer list", "service customer list",
         "service order list", "service invoice list",
         "service invoice show", "buy service list", "buy offers", "buy quote",
         "buy list", "buy account", "buy reconcile", "service ledger show", "service ledger check", "cpu", "bench", "plan", "completion"}
STARTS = {"run", "demo", "devnet run"}
WRITES_WHAT_IS_NAMED = {"proof pc2", "proof c1", "proof join", "proof unseal", "external pc2"}


def helps():
    """Each command of `selkie help` with its own help."""
    overview = subprocess.run([SELKIE, "help"], capture_output=True, text=True, check=True).stdout
    names = [line[2:].split("  ")[0].strip() for line in overview.splitlines() if line.startswith("  ")]
    return {name: subprocess.run([SELKIE, *name.split(), "--help"], capture_output=True, text=True, check=True).stdout for name in names}


def every_command_explains_itself():
    texts = helps()
    expect(len(texts) > 70, f"commands: {list(texts)}")
    equal(sorted((LOOKS | STARTS | WRITES_WHAT_IS_NAMED) - set(texts)), [], "commands that this test believes in")
    for name, text in texts.items():
        expect(text.startswith(f"usage: selkie {name}"), f"usage of {name}: {text[:80]}")
        expect("--json " in text, f"--json of {name}")
        options = set(re.findall(r"^  (--[a-z0-9-]+)", text, re.M))
        for line in text.partition("\nexample:\n")[2].splitlines():
            words = shlex.split(line.partition(" #")[0].partition("|")[0])
            expect(words[:1 + len(name.split())] == ["selkie", *name.split()] or words[0] != "selkie", f"the example of {name}: {line}")
            if words[0] == "selkie":
                equal([w for w in words if w.startswith("--") and w.split("=")[0] not in options], [], f"options in the example of {name} that it has not")
        expect(f"selkie {name}" in text.partition("\nexample:\n")[2], f"the example of {name}")
        wants = name not in LOOKS | STARTS | WRITES_WHAT_IS_NAMED
        equal("--dry-run " in text, wants or name in ("proof pc1",), f"--dry-run of {name}")


def named_commands_exist():
    """What documents, messages and the page call a command is one, with the options they name."""
    texts = helps()
    mistakes = []
    groups = {name.split()[0] for name in texts}
    files = [ROOT / "README.md", ROOT / "quickstart", *(ROOT / "docs").glob("*.md"), *(p for p in (ROOT / "src").rglob("*.c") if not p.name.endswith("_test.c")), *(ROOT / "src").rglob("*.js")]
    for path in files:
        text = path.read_text()
        if path.suffix == ".c":  # texts that are broken over several lines are one
            text = re.sub(r'"\s*\n\s*"', "", text)
        for match in re.finditer(r"(?:^|[`\"'(]|: |; |\n|\$ )selkie ([a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*){0,2})([^`\"\n|;<>]*)", text):
            words, rest = match[1].split(), match[2]
            # The longest beginning that is a command; what follows is an argument.
            name = next((n for n in (" ".join(words[:k]) for k in range(len(words), 0, -1)) if n in texts), words[0])
            whole_group = words[0] in groups and (len(words) == 1 or words[0] in texts)
            if name not in texts and not (words[0] in PROSE or whole_group):
                mistakes.append(f"{path.relative_to(ROOT)}: `selkie {match[1]}` is no command")
            known = set(re.findall(r"^  (--[a-z0-9-]+)", texts.get(name, ""), re.M))
            mistakes += [f"{path.relative_to(ROOT)}: `selkie {name}` has no {option}" for option in re.findall(r"(--[a-z][a-z0-9-]*)", rest) if name in texts and option not in known]
    equal(mistakes, [], "commands that are named and do not exist")


PROSE = {"help", "pc1", "token", "blocks", "hashes"}  # what follows the program's name and is no row: help, and how files of ours begin


def shown(node, *arguments, **environment):
    """The text for people."""
    done = subprocess.run([SELKIE, *arguments, "--repo", str(node.repo)], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **environment})
    equal(done.returncode, 0, f"exit status of {arguments}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    run_cases([
        ("starts-and-stops", starts_and_stops),
        ("log-is-a-file", log_is_a_file),
        ("log-is-followed", log_is_followed),
        ("reload", reload_takes_over_and_tells),
        ("info", info_says_what_matters),
        ("every-command-explains-itself", every_command_explains_itself),
        ("named-commands-exist", named_commands_exist),
        ("shells-complete", shells_complete),
        ("configuration", configuration_is_checked),
    ])
