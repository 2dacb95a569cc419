#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""How long info and the lists take at 10,000 sectors: fills a fresh repository's database and times the
commands. usage: bench/lists.py build/selkie [SECTORS]"""
import json
import pathlib
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time

RUNS = 5
GOALS_MS = {"info": 100}  # any other: 200
PROVIDER_STATES = ["ordered", "ticketed", "labeled", "sealed", "finalized", "cleaned"]
CLIENT_STATES = ["new", "delegated", "fetched", "verified", "precommitted", "seeded", "proven", "proving", "proving", "proving"]


def insert(db, table, **values):
    """Columns that have no default and are not given get one of their type."""
    for _, name, kind, required, default, key in db.execute(f"PRAGMA table_info({table})"):
        if required and default is None and name not in values and not key:
            values[name] = "" if kind.startswith(("TEXT", "VARCHAR")) else 0
    names = ", ".join(values)
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})", list(values.values()))


def fill(path, sectors):
    db = sqlite3.connect(path)
    now = int(time.time() * 1000)
    for i in range(5):
        insert(db, "rseal_delegated_partners", id=i + 1, partner_name=f"partner-{i}", partner_token_hash=f"{i:064x}", partner_token="w",
               partner_url=f"https://partner-{i}.example", allowance_remaining=1000, allowance_total=5000)
        insert(db, "rseal_client_providers", id=i + 1, sp_id=1000 + i % 2, provider_url=f"https://provider-{i}.example", provider_token="w",
               provider_token_hash=f"{i:064x}", provider_name=f"provider-{i}")
    task = 0
    for n in range(sectors):
        provider = n % 2 == 0
        states = PROVIDER_STATES if provider else CLIENT_STATES
        state, at = states[n // 2 % len(states)], now - (sectors - n) * 60_000
        key = {"sp_id": 1000 + n % 3 if provider else 1000 + n // 2 % 2, "sector_number": n}
        failed = {"failed": 1, "failed_reason": "bad-replica", "failed_reason_msg": "the replica differs at byte 7"} if n % 97 == 0 else {}
        row = {**key, "create_time": at, "state": state, "state_ms": at, "reg_seal_proof": 8, **failed}
        if provider:
            insert(db, "rseal_provider_pipeline", partner_id=n // 2 % 5 + 1, after_cleanup=int(state == "cleaned"), **row,
                   cleanup_timeout=now + 72 * 3_600_000 if state in ("sealed", "finalized") else None)
        else:
            insert(db, "rseal_client_pipeline", provider_id=n // 2 % 5 + 1, **row)
            insert(db, "sectors_sdr_pipeline", **key, create_time=at, reg_seal_proof=8, tree_d_cid="baga" + "q" * 60, tree_r_cid="bagb" + "o" * 60)
        if n % 10 == 0 and state not in ("cleaned", "proving"):
            task += 1
            insert(db, "task", id=task, kind="provider.sdr" if provider else "client.fetch", pipeline="provider" if provider else "client",
                   **{"class": "compute" if provider else "transfer"}, **key, created_ms=at)
        for k in range(10):
            insert(db, "sector_event", **key, role="provider" if provider else "client", at_ms=at + k * 1000, node="node-1", actor="task",
                   event="step", from_state=state, to_state=state, detail="")
    db.execute("UPDATE seal_sequence SET value = ? WHERE name = 'task'", [task])
    db.commit()
    db.close()


def measure(selkie, repo, *arguments):
    """Least wall and processor milliseconds of a few runs."""
    walls, works = [], []
    for _ in range(RUNS):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run([selkie, *arguments, "--repo", repo], capture_output=True, text=True, check=True)
        walls.append(time.monotonic() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        works.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(walls) * 1000, min(works) * 1000, len(done.stdout)


def measure_lists(selkie, sectors):
    """A row for each command, one after the other."""
    with tempfile.TemporaryDirectory(prefix="selkie-bench-") as folder:
        repo = str(pathlib.Path(folder) / "repo")
        subprocess.run([selkie, "init", "--repo", repo], check=True, capture_output=True)
        subprocess.run([selkie, "info", "--repo", repo], check=True, capture_output=True)  # makes the tables
        fill(pathlib.Path(repo) / "selkie.db", sectors)
        commands = [["info"], ["info", "--json"], ["status"], ["partner", "list"], ["provider", "list"], ["sector", "list"],
                    ["sector", "list", "--json"], ["sector", "list", "--limit", str(sectors), "--json"], ["sector", "show", "f01000/1"],
                    ["watch", "--once"]]
        for command in commands:
            wall, work, size = measure(selkie, repo, *command)
            goal = GOALS_MS.get(command[0], 200)
            yield {"command": " ".join(command), "wall_ms": round(wall, 1), "processor_ms": round(work, 1), "bytes": size,
                   "goal_ms": goal, "reached": wall < goal}


def main():
    sectors = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    rows = []
    for row in measure_lists(pathlib.Path(sys.argv[1]).resolve(), sectors):
        rows.append(row)
        print(f"{row['command']:40} {row['wall_ms']:8.1f} ms  {row['processor_ms']:8.1f} ms of a processor  {row['bytes']:9} bytes  "
              f"{'below' if row['reached'] else 'ABOVE'} {row['goal_ms']} ms", file=sys.stderr)
    print(json.dumps({"sectors": sectors, "rows": rows}))


if __name__ == "__main__":
    main()
