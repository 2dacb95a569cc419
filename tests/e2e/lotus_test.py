# SPDX-License-Identifier: MIT OR Apache-2.0
"""The same job on a real Lotus chain: its node takes our messages, its actors verify our proof.
Runs where ../shared/lotus-devnet is."""

import farm
from support import *

DEVNET = SHARED / "lotus-devnet"
PROVING_SECONDS = 600


class Lotus:
    def __init__(self, folder):
        self.folder = folder / "lotus"

    def __enter__(self):
        done = subprocess.run(["bash", DEVNET / "start.sh", self.folder, str(farm.free_port()), str(farm.free_port())],
                              capture_output=True, text=True, timeout=300)
        expect(done.returncode == 0, f"the Lotus chain does not start: {done.stderr[-800:]}")
        self.info = dict(line.split("=", 1) for line in done.stdout.splitlines() if "_API_INFO=" in line)["FULLNODE_API_INFO"]
        return self

    def __exit__(self, *_):
        subprocess.run(["bash", DEVNET / "stop.sh", self.folder], capture_output=True, timeout=120)

    def call(self, method, parameters):
        token, address = self.info.split(":", 1)
        port = address.split("/")[4]
        return json_rpc(port, token, method, parameters)


def one_sector():
    with Folder() as folder, Lotus(folder) as lotus, farm.Farm(folder, chain_info=lotus.info) as ours:
        ours.prepare()
        ours.order()
        ours.wait(lambda: ours.all_proving(1), PROVING_SECONDS, "a sector to be proving on the Lotus chain")
        row = ours.sectors()[0]
        expect(row["number"] >= 2, f"the genesis sectors' numbers are taken, ours is {row['number']}")
        info = lotus.call("Filecoin.StateSectorGetInfo", ["t01000", row["number"], []])
        equal(info["SealedCID"]["/"], row["comm_r"], "CommR on the Lotus chain")
        for key in ("precommit_cid", "commit_cid"):
            found = lotus.call("Filecoin.StateSearchMsg", [[], {"/": row[key]}, -1, True])
            equal(found["Receipt"]["ExitCode"], 0, f"exit code of {key}")


if __name__ == "__main__":
    if not (DEVNET / "start.sh").exists():
        skip("lotus: ../shared/lotus-devnet is not here")
    run_cases([("lotus-one-sector", one_sector)])
