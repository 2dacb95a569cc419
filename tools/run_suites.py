#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The suites of ./check, each timed; a summary line `N passed, N failed` at the end. What computes runs beside
what mostly waits for a chain, and what measures runs when all else is over."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
ASAN = ROOT / "build-asan"
JOBS = str(os.cpu_count() or 2)
ASAN_CHECKS = "detect_leaks=1:abort_on_error=0:strict_string_checks=1"
UBSAN_CHECKS = "halt_on_error=1:print_stacktrace=1"


def run(command, log, timeout, **environment):
    """Runs a command with its output in a log file; returns its exit status (124 on timeout)."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as out:
        try:
            return subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                  timeout=timeout, env={**os.environ, **environment}).returncode
        except subprocess.TimeoutExpired:
            return 124


def tail(log, lines=60):
    text = log.read_text(errors="replace").splitlines()
    return "\n".join("    " + t for t in text[-lines:])


def say(*lines):
    """At once and in one piece, for several suites may speak at a time."""
    print("".join(f"{line}\n" for line in lines), end="", flush=True)


def step(command, name, timeout=1800, **environment):
    """A command that is one test by itself."""
    log = BUILD / "logs" / f"{name}.log"
    status = run(command, log, timeout, **environment)
    if status:
        say(f"  FAILED {name} (exit {status}): {' '.join(command[:4])}{' …' if len(command) > 4 else ''}", tail(log))
    return (0, 1) if status else (1, 0)


def add(*results):
    return tuple(map(sum, zip(*results)))


def built(folder, options=(), prefix=()):
    results = []
    if not (folder / "build.ninja").exists():
        results.append(step(["meson", "setup", str(folder), *options], f"setup-{folder.name}"))
    results.append(step([*prefix, "ninja", "-C", str(folder), "-j", JOBS], f"build-{folder.name}", 2400))
    return add(*results)


def build():
    return built(BUILD)


def build_asan():
    """Nobody waits for it: it leaves the processors to scripts that run beside it."""
    return built(ASAN, ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dbuildtype=debugoptimized"], ["nice"])


def lints():
    sources = [str(p.relative_to(ROOT)) for p in sorted([*ROOT.glob("src/**/*.[ch]"), *ROOT.glob("tests/**/*.[ch]"), *ROOT.glob("fuzz/*.c"), *ROOT.glob("bench/*.c")])]
    lint = lambda name, *args: step(["python3", f"tools/lint_{name}.py", *args], f"lint-{name}", 600)
    return add(
        step(["clang-format-14", "--dry-run", "-Werror", *sources], "lint-format"),
        lint("includes"), lint("headers", str(BUILD)), lint("symbols", str(BUILD)), lint("isa", str(BUILD)),
        lint("size"), lint("text"), lint("faults"), lint("selftest"))


def meson_tests(folder, suite, name, timeout_factor=1, exclude=(), **environment):
    """Runs a meson suite; a cmocka program counts its cases, any other counts one."""
    logbase = f"checklog-{name}"
    command = ["meson", "test", "-C", str(folder), "--no-rebuild", "--suite", suite, "--num-processes", JOBS,
               "--timeout-multiplier", str(timeout_factor), "--logbase", logbase]
    log = BUILD / "logs" / f"{name}.log"
    status = run(command, log, 3000, **environment)
    results = folder / "meson-logs" / f"{logbase}.json"
    passed = failed = 0
    if results.exists():
        for line in results.read_text().splitlines():
            test = json.loads(line)
            output = test.get("stdout", "") + test.get("stderr", "")
            ok = len(re.findall(r"^\[\s+OK \]", output, re.M))
            bad = len(set(re.findall(r"^\[  FAILED  \] (?!\d+ test)(?:tests: )?(\S+)", output, re.M)))
            if test["result"] in ("OK", "EXPECTEDFAIL"):
                passed += max(1, ok)
            elif test["result"] != "SKIP":
                passed += ok
                failed += max(1, bad)
                say(f"  FAILED {test['name']} ({test['result']})", *("    " + t for t in output.splitlines()[-40:]))
    if passed == 0 and failed == 0 or (status and not failed):
        say(f"  FAILED {name}: meson test ended with {status}", tail(log))
        failed += 1
    return passed, failed


def unit():
    return meson_tests(BUILD, "unit", "unit", 6)


def kernels():
    """Recorded sectors of 2 to 32 KiB with the slower kernels: what a processor without the fast ones gets."""
    return add(*(script("vectors_test", f"vectors-{level}", SELKIE_CPU=level, SELKIE_TEST_ONLY="k-") for level in ("plain", "sse", "avx2")))


def unit_asan():
    return meson_tests(ASAN, "unit", "unit-asan", 16, ASAN_OPTIONS=ASAN_CHECKS, UBSAN_OPTIONS=UBSAN_CHECKS)


def fuzz():
    """Every corpus replayed with small changes, plain and under the sanitizers."""
    return add(meson_tests(BUILD, "fuzz", "fuzz", 4),
               meson_tests(ASAN, "fuzz", "fuzz-asan", 8, ASAN_OPTIONS=ASAN_CHECKS, UBSAN_OPTIONS=UBSAN_CHECKS))


def long():
    return meson_tests(BUILD, "long", "long", 4)


def script(stem, name, **environment):
    """One end-to-end script, which prints `ok NAME`, `not ok NAME` or `# skip REASON`."""
    start = time.monotonic()
    log = BUILD / "logs" / f"{name}.log"
    status = run(["python3", f"tests/e2e/{stem}.py", str(BUILD / "selkie")], log, SCRIPT_SECONDS, **environment)
    text = log.read_text(errors="replace")
    ok, bad = len(re.findall(r"^ok ", text, re.M)), len(re.findall(r"^not ok ", text, re.M))
    skipped = re.findall(r"^# skip .*", text, re.M)
    said = [f"  {name}: {line[2:]}" for line in skipped]
    if bad or status or not (ok or skipped):
        bad = bad or 1
        said += [f"  FAILED {name} (exit {status})", tail(log)]
    said.append(f"  {name}: {ok} passed, {bad} failed, {time.monotonic() - start:.0f} s")
    say(*said)
    return ok, bad


def scripts():
    return sorted(p.stem for p in (ROOT / "tests" / "e2e").glob("*_test.py"))


def end_to_end():
    """Two at a time, for most of them wait for a chain; first what runs longest."""
    shared = sorted((n for n in scripts() if n not in MEASURING), key=lambda n: LONGEST.index(n) if n in LONGEST else len(LONGEST))
    with concurrent.futures.ThreadPoolExecutor(2) as lanes:
        return add(*lanes.map(lambda n: script(n, n), shared))


def measuring():
    """What holds times against bounds has the machine to itself."""
    return add(meson_tests(BUILD, "measuring", "measuring", 4), *(script(n, n) for n in scripts() if n in MEASURING))


SUITES = {
    "build": build, "build-asan": build_asan, "lints": lints, "unit": unit, "kernels": kernels, "unit-asan": unit_asan, "fuzz": fuzz,
    "long": long, "end-to-end": end_to_end, "measuring": measuring,
}
WAITING = ("end-to-end",)  # run beside what computes
FIRST, LAST = ("build",), ("measuring",)
NEEDS_ASAN = ("unit-asan", "fuzz")
MEASURING = ("bench_test", "page_test", "siege_test")
LONGEST = ("oracle_test", "lotus_worker_kill_test", "lotus_worker_test", "external_pc2_test", "farm_worker_test", "compute_test",
           "clock_test", "cluster_test", "bad_input_test")
SCRIPT_SECONDS = 2400  # of one script, which shares the processors with others
QUICK = ("build", "lints", "unit")


def timed(name):
    say(f"{name} …")
    start = time.monotonic()
    ok, bad = SUITES[name]()
    say(f"{name}: {ok} passed, {bad} failed, {time.monotonic() - start:.0f} s")
    return ok, bad


def in_turn(names):
    """One after the other; what a failed build should have made is not tried."""
    results, missing = [(0, 0)], ()
    for name in names:
        if name in missing:
            continue
        results.append(timed(name))
        if name == "build-asan" and results[-1][1]:
            missing = NEEDS_ASAN
    return add(*results)


def run_all(names):
    chosen = lambda test: [n for n in names if test(n)]
    total = in_turn(chosen(lambda n: n in FIRST))
    if total[1]:
        return total
    computing = chosen(lambda n: n not in FIRST + WAITING + LAST)
    with concurrent.futures.ThreadPoolExecutor(2) as tracks:
        total = add(total, *tracks.map(in_turn, (chosen(lambda n: n in WAITING), computing)))
    return add(total, in_turn(chosen(lambda n: n in LAST)))


def main():
    parser = argparse.ArgumentParser(prog="./check")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}")
    parser.add_argument("--only", nargs="+", choices=SUITES, metavar="SUITE")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        print("\n".join(SUITES))
        return 0
    os.environ.setdefault("SELKIE_TEST_PARAMS", str(BUILD / "test-params"))  # 1.1 GB, made once for all suites
    names = options.only or (QUICK if options.quick else tuple(SUITES))
    passed, failed = run_all(names)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
