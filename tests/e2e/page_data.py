# SPDX-License-Identifier: MIT OR Apache-2.0
"""A node's database filled with sectors in every state, for the page: nothing of it is worked on, for
what is not finished has failed or belongs to a node that is not here."""
import hashlib
import random
import sqlite3
import time

PROVIDER_STATES = ["ordered", "ticketed", "labeled", "sealed", "finalized", "cleaned"]
CLIENT_STATES = ["new", "ordered", "sealed", "fetched", "verified", "precommit_sent", "precommitted", "seeded",
                 "vanilla", "proven", "commit_sent", "proving"]
STEPS = {  # state: step, class, stage
    "provider": {"ordered": ("ticket", "call", None), "ticketed": ("sdr", "compute", "labels"), "labeled": ("trees", "compute", "tree_r")},
    "client": {"new": ("delegate", "call", None), "ordered": ("poll", "call", None), "sealed": ("fetch", "transfer", "sealed"),
               "fetched": ("verify", "compute", "replica"), "verified": ("precommit", "chain", None), "precommit_sent": ("precommit_wait", "chain", None),
               "precommitted": ("seed", "chain", None), "seeded": ("c1", "transfer", None), "vanilla": ("porep", "snark", "snark"),
               "proven": ("commit", "chain", None), "commit_sent": ("commit_wait", "chain", None)},
}
EVENTS = {"provider": ["ordered", "ticketed", "labeled", "trees_done", "finalized", "cleaned"],
          "client": ["delegated", "ordered", "sealed", "fetched", "verified", "precommit_sent", "precommitted", "seeded",
                     "vanilla", "proven", "commit_sent", "on_chain"]}
LEASE_MS = 9 * 60000  # of a node that is not here: as far ahead as is believed
WAIT_MS = 110 * 60000
MINER = 2000  # and the next: miners that nobody else orders for
HOUR = 3600000


def cid(text):
    return "bagboea4b5abc" + hashlib.sha256(text.encode()).hexdigest()[:47]


def fill(path, role, count, name="partner {}", reason="sealing failed: no space left on the disk; free some, then retry"):
    """count sectors: most at the end of their way, the others spread over the states, every ninth of them failed."""
    dice = random.Random(5)
    now = int(time.time() * 1000)
    states = PROVIDER_STATES if role == "provider" else CLIENT_STATES
    db = sqlite3.connect(path, timeout=30)
    with db:
        add_peers(db, role, now, name)
        next_task = db.execute("SELECT COALESCE(max(id), 0) FROM task").fetchone()[0] + 1_000_000
        for i in range(count):
            state = states[-1] if i < count * 7 // 10 else states[i % (len(states) - 1)]
            created = now - (count - i) * (72 * HOUR // count) - 6 * HOUR
            failed = state != states[-1] and i % 9 == 0
            add_row(db, role, i, state, states, created, now, failed, reason)
            at = add_events(db, role, i, state, states, created, failed, reason, dice, now)
            step = STEPS[role].get(state)
            if step and not failed:
                add_task(db, role, next_task + i, (MINER + i % 2, i), step, i % 3 == 0, at, now, dice)
    db.close()


def add_task(db, role, number, key, step, busy, at, now, dice):
    kind, group, stage = step
    total = 32 << 30 if stage == "sealed" else 1000
    done = total * dice.randrange(5, 95) // 100
    running = (stage, done, total) if busy and stage else (None, 0, 0)
    db.execute("INSERT INTO task (id, kind, pipeline, class, sp_id, sector_number, owner, lease_until_ms, not_before_ms, progress_stage,"
               " progress_done, progress_total, created_ms, started_ms, stage_ms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
               (number, f"{role}.{kind}", role, group, *key, "node-far" if busy else None, now + LEASE_MS if busy else 0, now + WAIT_MS,
                *running, at, min(at, now), now - 40 * 60000))


def add_peers(db, role, now, name):
    for k in range(4):
        if role == "provider":
            db.execute("INSERT INTO rseal_delegated_partners (id, partner_name, partner_token_hash, partner_token, partner_url, allowance_remaining,"
                       " allowance_total, created_at, updated_at) VALUES (?,?,?,?,?,?,?,?,?)",
                       (100 + k, name.format(k), f"hash{k}", "", f"https://client{k}.example:12310", 40 * k, 400, now - 40 * 24 * HOUR, now))
        else:
            db.execute("INSERT INTO rseal_client_providers (id, sp_id, provider_url, provider_token, provider_token_hash, provider_name, created_at,"
                       " updated_at, enabled, disabled_reason) VALUES (?,?,?,?,?,?,?,?,?,?)",
                       (100 + k, MINER + k % 2, f"https://provider{k}.example:12310", "", f"hash{k}", name.format(k), now - 40 * 24 * HOUR, now,
                        int(k != 3), "" if k != 3 else "wrong-comm-d: what it sent is refuted"))


def add_row(db, role, i, state, states, created, now, failed, reason):
    key, peer = (MINER + i % 2, i), 100 + i % 4
    brake = (int(failed), created + HOUR if failed else None, "sdr" if failed else "", reason if failed else "")
    if role == "provider":
        db.execute("INSERT INTO rseal_provider_pipeline (sp_id, sector_number, partner_id, create_time, reg_seal_proof, state, state_ms, tree_r_cid,"
                   " tree_d_cid, after_notify_client, after_cleanup, cleaned_at, cleanup_timeout, failed, failed_at, failed_reason, failed_reason_msg) VALUES (?,?,?,?,5,?,?,?,?,1,?,?,?,?,?,?,?)",
                   (*key, peer, created, state, created + 2 * HOUR, cid(f"r{i}"), cid("d"), int(state == "cleaned"), now + 24 * HOUR if state == "cleaned" else None,
                    created + 90 * HOUR if state in ("sealed", "finalized") else None, *brake))
        return
    sent = states.index(state) >= states.index("precommit_sent")
    db.execute("INSERT INTO rseal_client_pipeline (sp_id, sector_number, provider_id, create_time, reg_seal_proof, state, state_ms, after_cleanup,"
               " failed, failed_at, failed_reason, failed_reason_msg) VALUES (?,?,?,?,5,?,?,?,?,?,?,?)",
               (*key, peer if state != "new" else None, created, state, created + 2 * HOUR, int(state == "proving"), *brake))
    db.execute("INSERT INTO sectors_sdr_pipeline (sp_id, sector_number, create_time, reg_seal_proof, tree_d_cid, tree_r_cid, precommit_msg_cid, precommit_tries,"
               " precommit_epoch, commit_msg_cid, commit_tries) VALUES (?,?,?,5,?,?,?,?,?,?,?)",
               (*key, created, cid("d"), cid(f"r{i}"), f"bafy2bzace{hashlib.sha256(str(i).encode()).hexdigest()[:52]}" if sent else None, int(sent), 4000000 + i if sent else None,
                f"bafy2bzaced{hashlib.sha256(b'c%d' % i).hexdigest()[:51]}" if states.index(state) >= states.index("commit_sent") else None, 1))


def add_events(db, role, i, state, states, created, failed, reason, dice, now):
    at, last = created, None
    rows = []
    for k in range(states.index(state) + 1):
        rows.append((MINER + i % 2, i, role, min(at, now), "node-far", "operator" if k == 0 else f"{role}.step", EVENTS[role][k], last, states[k], ""))
        last = states[k]
        at += dice.randrange(2, 50) * 60000
    if failed:
        rows.append((MINER + i % 2, i, role, min(at, now), "node-far", f"{role}.sdr", "failed", last, last, reason))
    db.executemany("INSERT INTO sector_event (sp_id, sector_number, role, at_ms, node, actor, event, from_state, to_state, detail) VALUES (?,?,?,?,?,?,?,?,?,?)", rows)
    return at
