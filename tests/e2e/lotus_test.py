# SPDX-License-Identifier: MIT OR Apache-2.0
"""The same job on a real Lotus chain: its node takes our messages, its actors verify our proof.
Runs where ../shared/lotus-devnet is."""

import farm
import lotus as chain
from lotus import Lotus
from support import *

PROVING_SECONDS = 600


def three_sectors():
    """Pre-committed in one message and committed in one message."""
    with Folder() as folder, Lotus(folder) as lotus, farm.Farm(folder, chain_info=lotus.info) as ours:
        ours.share_messages(3)
        ours.prepare()
        ours.order(count=3)
        ours.wait(lambda: ours.all_proving(3), PROVING_SECONDS, "three sectors to be proving on the Lotus chain")
        for row in ours.sectors():
            expect(row["number"] >= 2, f"the genesis sectors' numbers are taken, ours is {row['number']}")
            info = lotus.call("Filecoin.StateSectorGetInfo", ["t01000", row["number"], []])
            equal(info["SealedCID"]["/"], row["comm_r"], "CommR on the Lotus chain")
            equal(info["InitialPledge"], row["pledge"], "pledge on the Lotus chain")
        for cid in ours.shared_messages(3):
            found = lotus.call("Filecoin.StateSearchMsg", [[], {"/": cid}, -1, True])
            equal(found["Receipt"]["ExitCode"], 0, f"exit code of {cid}")
        messages = ours.on("client", "message", "list")
        equal([(m["kind"], m["sectors"], m["state"]) for m in messages], [("commit", 3, "landed"), ("precommit", 3, "landed")], "messages")


if __name__ == "__main__":
    if not chain.present():
        skip("lotus: ../shared/lotus-devnet is not here")
    run_cases([("lotus-three-sectors", three_sectors)])
