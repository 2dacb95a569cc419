# SPDX-License-Identifier: MIT OR Apache-2.0
"""Sealed sectors are sold: a customer's node orders what was bought, gets it sealed and proves it, and is charged for exactly that,
also when the provider is killed at any moment."""
import os
import sys

try:
    import yaml  # noqa: F401 (Debian's, for Debian's Python)
except ImportError:
    if sys.executable == "/usr/bin/python3":
        raise
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

import base64
import random
import ssl
import urllib.error
import urllib.request

from contract import Contract
from farm import Farm
from support import *

PROVING_SECONDS = 400
KILLS = 12
OFFER = {"name": "cc2", "title": "2 KiB sectors", "kinds": ["cc"], "seal_proofs": [5], "currency": "EUR",
         "steps": [{"from": 1, "unit": "250"}, {"from": 3, "unit": "200"}], "proof": None, "push": None,
         "retention": {"days": 3, "unit": "5"}, "late_basis_points": 0, "least": 1, "most": 10, "valid_until_ms": None}


class Shop(Farm):
    """A provider that sells, and a client that has no account of a partner but one of a customer."""

    def __init__(self, folder):
        super().__init__(folder)
        self.more |= {"SELKIE_SERVICE_ENABLE": "true"}
        self.token = ""
        self.contract = Contract(ROOT / "docs" / "service" / "openapi.yaml")

    def introduce(self):
        offer = self.folder / "offer.json"
        offer.write_text(json.dumps(OFFER))
        equal(self.on("provider", "service", "offer", "set", offer), {"name": "cc2", "version": 1}, "the offer")
        self.token = self.customer("lighthouse", "--currency", "EUR", "--limit", "20")

    def customer(self, *arguments):
        return self.on("provider", "service", "customer", "add", *arguments)["token"]

    def ask(self, path, body=None, token=None, key=None, base="/sealing/v1/", method=None):
        """(status, answer) of a door of the service; every answer is one that its contract describes."""
        method = method or ("GET" if body is None else "POST")
        fields = {"Authorization": f"Bearer {token or self.token}"}
        if body is not None:
            fields["Content-Type"] = "application/json"
        if key:
            fields["Idempotency-Key"] = key
        request = urllib.request.Request(f"{self.url('provider')}{base}{path}", headers=fields,
                                         data=None if body is None else json.dumps(body).encode(), method=method)
        context = ssl.create_default_context(cafile=str(self.repo("provider") / "tls.crt"))
        try:
            answer = urllib.request.urlopen(request, timeout=30, context=context)
        except urllib.error.HTTPError as problem:
            answer = problem
        with answer:
            content_type, text = answer.headers["Content-Type"], answer.read().decode()
            content = json.loads(text) if content_type.startswith("application/json") else text
            if base == "/sealing/v1/":
                self.contract.check(method, base + path, answer.status, content_type, content)
            return answer.status, content

    def signed(self, path, body=None, key=None):
        status, answer = self.ask(path, body, key=key)
        expect(status in (200, 201), f"{path}: {status} {answer}")
        payload = json.loads(answer["payload"])
        kind = {"quotes": "Quote", "orders": "Order"}.get(path.partition("/")[0])
        if kind:
            self.contract.fits(payload, {"$ref": f"#/components/schemas/{kind}"}, path)
        return payload

    def buy(self, numbers, key):
        quote = self.signed("quotes", {"offer": "cc2", "kind": "cc", "seal_proof": 5, "sectors": len(numbers)})
        return self.signed("orders", {"quote": quote["id"], "sp_id": 1000, "sector_numbers": numbers}, key)

    def buy_here(self, count):
        """The customer's own node buys: it gets to know the service, asks for a quote and orders; the order's id."""
        if not self.on("client", "buy", "service", "list"):
            self.on("client", "buy", "service", "add", "lighthouse", self.url("provider"), "-", stdin=self.token)
        quote = self.on("client", "buy", "quote", "cc2", "--sectors", count, "--seal-proof", 5)[0]
        equal(quote["terms"]["sectors"], count, "the quote")
        self.on("client", "buy", "order", "lighthouse", quote["id"], "--miner", "f01000")
        return self.on("client", "buy", "list")[0]["order"]

    def entries(self):
        return self.ask("ledger?most=1000")[1]["entries"]


def bought_and_proven():
    with Folder() as folder, Shop(folder) as shop:
        shop.prepare()
        order = shop.signed(f"orders/{shop.buy_here(3)}")
        equal(order["state"], "open", "the order")
        equal(order["terms"]["total"], "600", "its price")
        shop.wait(lambda: shop.all_proving(3), PROVING_SECONDS, "three sectors to be proving")
        equal(len(shop.signed("offers")["offers"]), 1, "the offers")
        equal(shop.signed(f"orders/{order['id']}")["state"], "completed", "the order")
        entries = shop.entries()
        equal([(e["item"], e["amount"]) for e in entries], [("sector", "200")] * 3, "what was charged")
        equal(sorted(e["sector"]["sector_number"] for e in entries), [0, 1, 2], "for which sectors")
        equal(shop.on("provider", "service", "ledger", "check")["valid"], True, "the ledgers")
        equal(shop.on("client", "buy", "reconcile", "lighthouse"), {"valid": True, "entries": 3, "balance": "600"}, "the customer's view")
        bought = shop.on("client", "buy", "list")[0]
        equal((bought["state"], bought["sectors"], bought["proving"]), ("placed", 3, 3), "what was bought")
        not_bought(shop)
        paid(shop)
        apart(shop, order)
        every_door(shop, order)


def every_door(shop, order):
    """What is left of the contract's doors."""
    quote = shop.signed("quotes", {"offer": "cc2", "kind": "cc", "seal_proof": 5, "sectors": 2})
    equal(shop.signed(f"quotes/{quote['id']}")["id"], quote["id"], "a quote")
    equal(len(shop.ask(f"orders/{order['id']}/sectors?from=1")[1]["sectors"]), 2, "an order's sectors")
    equal(len(shop.ask("orders?most=5")[1]["orders"]), 1, "the orders")
    number = shop.ask("invoices")[1]["invoices"][0]["number"]
    document = json.loads(shop.ask(f"invoices/{number}")[1]["document"])
    equal(document["number"], number, "an invoice")
    expect(shop.ask(f"invoices/{number}/csv")[1].count("\r\n") == 5, "its entries")
    expect("6.00 EUR" in shop.ask(f"invoices/{number}/page")[1], "its page")
    another = shop.buy([7, 8], "second")
    equal(shop.ask("orders", {"quote": another["quote"], "sp_id": 1000, "sector_numbers": [7]}, key="second")[0], 409, "another request")
    status, answer = shop.ask(f"orders/{another['id']}/cancel", {})
    equal(json.loads(answer["payload"])["state"], "canceled", "an order that was given up")
    token = shop.ask("tokens", {"name": "ci"})[1]["token"]
    equal(len(shop.ask("tokens", token=token)[1]["tokens"]), 2, "tokens")
    equal(shop.ask("tokens/ci", method="DELETE")[0], 200, "a token that is revoked")
    equal(shop.ask("account", token=token)[0], 401, "that token then")
    equal(shop.contract.untried(), [], "doors of the contract that were not tried")


def not_bought(shop):
    """A sector beyond what was bought is refused, and nothing of it is made."""
    text = shop.ask("connect", {})[1]["connect_string"]
    body = {"partner_token": json.loads(base64.b64decode(text))["token"], "slot_token": "", "sp_id": 1000, "sector_number": 9, "reg_seal_proof": 5}
    answer = shop.ask("order", body, base="/remoteseal/delegated/v0/")[1]
    equal((answer["accepted"], answer["reject_reason"]), (False, "this sector is part of no order"), "a sector that was not bought")
    equal(len(shop.sectors("provider")), 3, "sectors at the provider")


def paid(shop):
    for new in (True, False):
        answer = shop.on("provider", "service", "payment", "lighthouse", "6", "--reference", "bank-1")
        equal(answer, {"seq": 4, "new": new}, "the payment")
    differs = selkie("buy", "reconcile", "lighthouse", "--repo", shop.repo("client"), environment=shop.environment("client"), status=3)
    expect("no payment of this reference" in differs["reason"], f"a payment that only the service knows of: {differs}")
    shop.on("client", "buy", "paid", "lighthouse", "6", "--reference", "bank-1")
    equal(shop.on("client", "buy", "reconcile", "lighthouse"), {"valid": True, "entries": 4, "balance": "0"}, "the customer's view then")
    account = shop.ask("account")[1]
    equal((account["balance"], account["owed"]), ("0", "0"), "what is owed then")
    made = shop.on("provider", "service", "invoice", "make")
    equal([m["customer"] for m in made], ["lighthouse"], "the invoices")
    invoice = shop.on("provider", "service", "invoice", "show", made[0]["number"])
    equal([(x["item"], x["quantity"], x["amount"]) for x in invoice["lines"]], [("sector", 3, "600"), ("money", 1, "-600")], "its lines")
    equal(shop.ask("invoices")[1]["invoices"][0]["paid"], True, "the invoice, as the customer sees it")


def apart(shop, order):
    other = shop.customer("other", "--currency", "EUR")
    equal(shop.ask(f"orders/{order['id']}", token=other)[0], 404, "another's order")
    equal(shop.ask("ledger", token=other)[1]["entries"], [], "another's ledger")
    equal(shop.ask("account", token="0" * 64)[0], 401, "a wrong token")
    status, answer = shop.ask("quotes", {"offer": "cc2", "kind": "cc", "seal_proof": 5, "sectors": 1}, token=other)
    quote = json.loads(answer["payload"])["id"]
    body = {"quote": quote, "sp_id": 1000, "sector_numbers": [77]}
    equal((status, shop.ask("orders", body, token=other, key="k")[0]), (201, 402), "who has not paid in")


def killed():
    """The provider dies at random moments; each sector is charged once."""
    with Folder() as folder, Shop(folder) as shop:
        shop.prepare()
        order = shop.buy_here(4)
        draw = random.Random(7)
        for _ in range(KILLS):
            if shop.all_proving(4):
                break
            time.sleep(draw.uniform(0.2, 3))
            shop.kill("provider")
            shop.start("provider")
        shop.wait(lambda: shop.all_proving(4), PROVING_SECONDS, "four sectors to be proving")
        shop.wait(lambda: shop.signed(f"orders/{order}")["state"] == "completed", 30, "the order to be completed")
        equal(sorted(e["sector"]["sector_number"] for e in shop.entries()), [0, 1, 2, 3], "what was charged")
        equal(shop.on("provider", "service", "ledger", "check"), {"valid": True, "customers": 1, "entries": 4}, "the ledgers")


run_cases([
    ("service-bought-and-proven", bought_and_proven),
    ("service-killed", killed),
])
