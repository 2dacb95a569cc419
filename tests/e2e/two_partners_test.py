# SPDX-License-Identifier: MIT OR Apache-2.0
"""Two miners order from one provider, each as a partner of its own: every sector ends proving, none is
on chain twice, allowances are exact, and fsck finds nothing. SELKIE_TEST_SECTORS says how many each
miner orders."""
import os

from farm import Farm
from farm_test import rpc
from support import *

SECTORS = int(os.environ.get("SELKIE_TEST_SECTORS") or 1)
SECONDS, SECONDS_PER_SECTOR = 240, 60
ALLOWANCE = 100


class Pair(Farm):
    def introduce(self):
        self.miners = ["f01000", "f" + rpc(self, "Devnet.CreateMiner", [2048])[1:]]
        for i, miner in enumerate(self.miners):
            connect = self.folder / f"connect-{i}"
            self.on("provider", "partner", "add", f"partner-{i}", "--url", self.url("client"), "--allowance", ALLOWANCE, "--connect-out", connect)
            self.on("client", "provider", "add", "-", "--miner", miner, stdin=connect.read_text())


def both_are_served():
    with Folder() as folder, Pair(folder) as farm:
        farm.more = {"SELKIE_PROVIDER_CAPACITY": "64"}
        farm.prepare()
        start = time.monotonic()
        for miner in farm.miners:
            farm.on("client", "order", "--miner", miner, "--count", SECTORS, "--seal-proof", 5)
        count = SECTORS * len(farm.miners)
        farm.wait(lambda: farm.all_proving(count), SECONDS + count * SECONDS_PER_SECTOR, f"{count} sectors to be proving")
        print(f"# {count} sectors proving after {time.monotonic() - start:.0f} s", flush=True)
        for miner in farm.miners:
            numbers = sorted(s["SectorNumber"] for s in rpc(farm, "Filecoin.StateMinerSectors", [miner, None, []]))
            equal(numbers, list(range(SECTORS)), f"sectors of {miner} on chain")
        left = [p["allowance_remaining"] for p in farm.on("provider", "partner", "list")]
        equal(left, [ALLOWANCE - SECTORS] * len(farm.miners), "allowances left")
        farm.wait(lambda: all(r["state"] == "cleaned" for r in farm.sectors("provider")), 60, "the provider to clean up")
        for name in ("provider", "client"):
            equal(farm.on(name, "fsck")["findings"], [], f"fsck at the {name}")
        equal([str(p) for p in (farm.repo("provider") / "scratch").rglob("s-t*")], [], "sector files left at the provider")
        equal(farm.leftovers(), [], "temporary files")


if __name__ == "__main__":
    run_cases([("two-miners-two-partners", both_are_served)])
