#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The provider's business with real processes: sectors labelled together, a running SDR canceled, the
provider drained, leases renewed, clients called back."""
import json
import ssl
import time
import urllib.request

from farm import Farm
from support import Folder, equal, expect, run_cases

BATCH = 4


class BusyFarm(Farm):
    """A farm whose provider has further settings."""

    settings = {}

    def environment(self, name):
        return {**super().environment(name), **(self.settings if name == "provider" else {})}


def events(farm, number, name="provider"):
    return farm.on(name, "sector", "show", f"f01000/{number}")["timeline"]


def labelled_together():
    """Four sectors of one client in one batch; the client checks each replica before it risks anything."""
    with Folder() as folder:
        farm = BusyFarm(folder)
        farm.settings = {"SELKIE_SEAL_BATCHSEALBATCHSIZE": str(BATCH), "SELKIE_SEAL_BATCHSEALWAIT": "5m"}
        with farm:
            farm.prepare()
            farm.order(count=BATCH)
            checked = {"precommit_sent", "precommitted", "seeded", "vanilla", "proven", "commit_sent", "proving"}

            def all_checked():
                rows = farm.sectors()
                expect(not [r for r in rows if r["failed"]], f"none fails: {rows}")
                return len(rows) == BATCH and all(r["state"] in checked for r in rows)

            farm.wait(all_checked, 300, "all replicas to be checked")
            for row in farm.sectors("provider"):
                notes = [e["detail"] for e in events(farm, row["number"]) if e["event"] == "labeled"]
                equal(notes, [f"with {BATCH - 1} others"], f"how sector {row['number']} was labelled")


def post(farm, call, body):
    context = ssl.create_default_context(cafile=str(farm.repo("provider") / "tls.crt"))
    request = urllib.request.Request(f"{farm.url('provider')}/remoteseal/delegated/v0/{call}", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, context=context, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def canceled_while_labelling():
    """512 MiB take long enough to be at it for sure; nobody proves them."""
    with Folder() as folder, Farm(folder) as farm:
        farm.prepare()
        token = farm.on("provider", "partner", "add", "other", "--url", farm.url("client"), "--miners", "f01000:1")["token"]
        order = {"partner_token": token, "slot_token": "", "sp_id": 1000, "sector_number": 77, "reg_seal_proof": 7}
        equal(post(farm, "order", order), {"accepted": True}, "the order")
        refused = post(farm, "order", {**order, "sector_number": 78})
        equal(refused, {"accepted": False, "reject_reason": "miner f01000 has 1 of 1 sectors here: clean one up first"}, "one more")
        place = farm.repo("provider") / "scratch" / "cache" / "s-t01000-77"

        def at_it():
            task = farm.on("provider", "sector", "show", "f01000/77")["roles"][0]["task"]
            return task and task["step"] == "provider.sdr" and task["running"] and (task["done"] or 0) > 0

        farm.wait(at_it, 120, "SDR to run")
        expect(place.exists(), "its folder is there")
        before = farm.on("provider", "sector", "cancel", "f01000/77", "--dry-run")
        expect(before["dry_run"] and place.exists(), "a dry run")
        start = time.monotonic()
        farm.on("provider", "sector", "cancel", "f01000/77")
        farm.wait(lambda: farm.on("provider", "sector", "show", "f01000/77")["roles"][0]["state"] == "cleaned", 60, "the clean-up")
        took = time.monotonic() - start
        expect(took < 30, f"the work stops and the disk is free within seconds: {took:.1f}")
        expect(not place.exists(), "its folder is gone")
        expect(not (place.parent.parent / "sealed" / place.name).exists(), "its sealed file is gone")
        status = post(farm, "status", {"partner_token": token, "sp_id": 1000, "sector_number": 77})
        equal(status["state"], "gone", "what the client hears")
        equal(farm.on("provider", "orphans")["count"], 0, "nothing is left over")


def drained_and_kept():
    with Folder() as folder, Farm(folder) as farm:
        farm.prepare()
        token = farm.on("provider", "partner", "add", "other", "--url", farm.url("client"), "--allowance", 5)["token"]
        order = {"partner_token": token, "slot_token": "", "sp_id": 1000, "sector_number": 5, "reg_seal_proof": 5}
        equal(post(farm, "order", order)["accepted"], True, "the order")
        farm.wait(lambda: farm.on("provider", "sector", "show", "f01000/5")["roles"][0]["state"] == "sealed", 120, "it to be sealed")
        lease = farm.on("provider", "sector", "show", "f01000/5")["roles"][0]["lease_until_ms"]
        expect(abs(lease / 1000 - time.time() - 72 * 3600) < 600, "a lease of 72 hours")
        renewed = farm.on("provider", "sector", "renew", "f01000/5", "--for", "100h")["lease_until_ms"]
        expect(renewed > lease + 27 * 3600 * 1000, "a longer one")
        farm.on("provider", "drain")
        available = post(farm, "available", {"partner_token": token})
        equal(available["available"], False, "available while draining")
        refused = post(farm, "order", {**order, "sector_number": 6})
        expect(not refused["accepted"] and "draining" in refused["reject_reason"], f"an order while draining: {refused}")
        farm.kill("provider")
        farm.start("provider")
        here = farm.on("provider", "drain", "--dry-run")
        expect(here["draining"] and here["here"]["sealed"] == 1, f"what is here: {here}")
        later = here["empty_by_ms"] - renewed  # a lease stands still while no node lives; a kill loses up to a minute of what was lived
        expect(-1000 < later < 120_000, f"empty {later} ms after the lease that was given")
        farm.on("provider", "drain", "--off")
        equal(post(farm, "order", {**order, "sector_number": 6})["accepted"], True, "an order afterwards")
        post(farm, "cleanup", {"partner_token": token, "sp_id": 1000, "sector_number": 5})


def back(farm):
    """What `provider test` finds of the way back."""
    checks = {c["check"]: c for c in farm.on("client", "provider", "test", 1)["checks"]}
    equal({c["mark"] for name, c in checks.items() if name != "callback"}, {"good"}, f"the way there: {checks}")
    return checks["callback"]["mark"], checks["callback"]["found"], checks["callback"]["next"]


def called_back():
    """The test of a provider has it come back, and says where it got stuck."""
    with Folder() as folder, Farm(folder) as farm:
        farm.prepare()
        equal(back(farm), ("good", f"it reaches this node at {farm.url('client')}", ""), "a client that is reached")

        def stuck(url, step, advice):
            farm.on("provider", "partner", "set", "selkie-test", "--url", url)
            mark, found, advised = back(farm)
            equal(mark, "doubtful", found)
            expect(f": {step}: " in found and advice in advised, f"{url}: {found}; {advised}")

        stuck("https://127.0.0.1:1", "tcp", "firewalls")
        stuck("https://nobody.invalid", "dns", "--url")
        farm.kill("provider")  # which then trusts its own certificate alone
        farm.more = {"SELKIE_REMOTE_TRUSTEDCERTIFICATES": str(farm.repo("provider") / "tls.crt")}
        farm.start("provider")
        stuck(farm.url("client"), "tls", "tls.crt")
        farm.kill("client")
        mark, found, _ = back(farm)
        expect(mark == "doubtful" and ": tcp: " in found, f"a client that is down: {found}")
        farm.start("client")


if __name__ == "__main__":
    run_cases([("provider-labelled-together", labelled_together), ("provider-canceled", canceled_while_labelling),
               ("provider-drained", drained_and_kept), ("provider-called-back", called_back)])
