# SPDX-License-Identifier: MIT OR Apache-2.0
"""Curio and this program on one wire: Curio's client orders from our provider, and Curio's own handlers
answer the same questions as ours, side by side. Runs where ../shared/curio-peer is."""
import base64
import re

import curio
import farm
from farm_test import comm_of
from support import *

SEED = base64.b64encode(bytes([1]) * 32).decode()
STRANGER = "b" * 64
TREE_D = "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy"
TREE_R = "bagboea4b5abcaeirceirceirceirceirceirceirceirceirceirceirceirceib"

# Where ours answers otherwise, and why it must. Everything else is compared to the byte.
BETTER = {
    "negative-order": (400, "a negative key is refused and leaves no row (docs/faults.md, row 16)"),
    "negative-number-order": (400, "likewise"),
    "negative-status": (400, "likewise"),
    "negative-number-status": (400, "likewise"),
    "negative-commit1": (400, "likewise"),
    "negative-number-commit1": (400, "likewise"),
    "negative-finalize": (400, "likewise"),
    "negative-number-finalize": (400, "likewise"),
    "negative-cleanup": (400, "likewise"),
    "negative-number-cleanup": (400, "likewise"),
    "negative-complete": (400, "likewise"),
    "negative-sealed-data": (400, "likewise"),
    "negative-cache-data": (400, "likewise"),
    "proof-nobody-has": (200, "an order for a proof that does not exist is refused (weakness 3: orders over-commit)"),
    "proof-not-offered": (200, "an order for a proof that this node cannot seal is refused"),
    "missing-fields-order": (200, "proof 0 is not offered here"),
    "order-of-another-s-sector": (200, "a sector that is not its own is not accepted (weakness 4)"),
    "allowance-used-up-order": (200, "the allowance is never overdrawn (weakness 3)"),
    "capabilities": (200, "the list is that of the proofs this node seals"),
    "unknown-path": (404, "errors outside the protocol are JSON"),
    "trailing-text": (400, "what follows the message is malformed JSON, which is 400 by the wire's own rule"),
    "second-message": (400, "likewise"),
    "duplicate-key": (400, "two parsers in a row could read it differently (docs/faults.md, row 18)"),
    "bad-utf8": (400, "malformed JSON (docs/faults.md, row 18)"),
    "sealed-data-before-it-is-there": (404, "the handlers alone have no storage to look into and fall over"),
    "cache-data-before-it-is-there": (404, "likewise"),
    "c1-after-cleanup": (404, "its files are gone"),
    "status-after-cleanup": (200, "it says gone as soon as the files may be"),
    "head-of-capabilities": (200, "HEAD answers like GET (RFC 9110, 9.3.2)"),
    "head-of-sealed-data": (404, "likewise"),
    "ticket-without-chain": (503, "the same status, in words of ours: a chain is configured and does not answer"),
    "ticket-address-none": (400, "a bad address is 400 by the wire's own rule, chain or not"),
    "ticket-address-empty": (400, "likewise"),
    "ticket-address-word": (400, "likewise"),
    "ticket-address-no-digits": (400, "likewise"),
    "cid-of-nothing": (400, "complete takes proper CIDs only (weakness 5)"),
    "sealed-data-bad-empty": (404, "a path with a part missing is no path of ours"),
    "sealed-data-bad-empty-no-token": (404, "likewise"),
    "cache-data-bad-empty": (404, "likewise"),
    "cache-data-bad-empty-no-token": (404, "likewise"),
    "escaped-sector": (404, "a percent-encoded digit is that digit (RFC 3986, 2.3)"),
}

# Where the reference names Go types or its own parser, only the beginning can be the same.
OPEN_ENDED = b"invalid request body: "


class Pair:
    """Ours and Curio's handlers, asked the same."""

    def __init__(self, ours, theirs):
        self.ours, self.theirs, self.seen, self.problems = ours, theirs, set(), []

    def ask(self, name, method, path, body=None, **options):
        expect(name not in self.seen, f"two questions are called {name}")
        self.seen.add(name)
        ours, theirs = self.ours(method, path, body, **options), self.theirs(method, path, body, **options)
        if name in BETTER:
            if ours.status != BETTER[name][0]:
                self.problems.append(f"{name}: ours {ours}, want {BETTER[name][0]}: {BETTER[name][1]}")
            elif (ours.status, ours.body) == (theirs.status, theirs.body):
                self.problems.append(f"{name}: listed as different, but both answer {ours}")
        elif not self.same(ours, theirs):
            self.problems.append(f"{name}: ours {ours}, Curio's {theirs}")
        return ours

    def post(self, name, path, message, **options):
        return self.ask(name, "POST", path, json.dumps(message), **options)

    def same(self, ours, theirs):
        if ours.status != theirs.status or self.kind(ours) != self.kind(theirs):
            return False
        if ours.status == 405 and ours.headers.get("allow") != theirs.headers.get("allow"):
            return False
        if ours.body.startswith(OPEN_ENDED) and theirs.body.startswith(OPEN_ENDED):
            return True
        return self.masked(ours.body) == self.masked(theirs.body)

    @staticmethod
    def kind(answer):
        return answer.headers.get("content-type") if answer.body else None

    @staticmethod
    def masked(body):
        """A slot token is random; its form is not."""
        return re.sub(rb'("slot_token":")[0-9a-f]{32}"', rb'\1SLOT"', body)

    def verdict(self):
        unused = set(BETTER) - self.seen
        expect(not unused, f"listed as different but never asked: {sorted(unused)}")
        expect(not self.problems, "answers differ:\n" + "\n".join(self.problems))


class BothRoles(farm.Farm):
    def command(self, name):
        return ["run", "--repo", str(self.repo(name)), "--role", "both"]


class Side:
    """Our node without a chain, so that orders stay pending as they do with Curio's handlers."""

    def __init__(self, folder):
        self.farm = BothRoles(folder, size=None, chain_info="none:/ip4/127.0.0.1/tcp/1/http")

    def __enter__(self):
        selkie("init", "--repo", self.farm.repo("provider"))
        self.farm.start("provider")
        self.call = curio.Caller(self.farm.ports["provider"], self.farm.repo("provider") / "tls.crt")
        return self

    def __exit__(self, kind, *_):
        self.farm.__exit__(kind)

    def add_partner(self, name, allowance, *options):
        out = self.farm.folder / f"{name}.connect"
        self.farm.on("provider", "partner", "add", name, "--allowance", allowance, "--connect-out", out, *options)
        return json.loads(base64.b64decode(out.read_text()))["token"]


def key(number, sp_id=1000):
    return {"sp_id": sp_id, "sector_number": number}


POSTS = {
    "authorize": {},
    "available": {},
    "order": {"slot_token": "", "reg_seal_proof": 5, **key(7)},
    "status": key(7),
    "commit1": {"seed_value": SEED, **key(7)},
    "finalize": key(7),
    "cleanup": key(7),
}


def bad_requests(pair, token):
    """What is wrong with a request before it is looked at what it asks for."""
    for path, fields in POSTS.items():
        message = {"partner_token": token, **fields}
        pair.post(f"bad-token-{path}", path, {**message, "partner_token": STRANGER})
        pair.post(f"no-token-{path}", path, fields)
        pair.post(f"empty-token-{path}", path, {**message, "partner_token": ""})
        pair.post(f"token-is-a-number-{path}", path, {**message, "partner_token": 5})
        for name, body in {"bad-json": "{nope", "no-body": "", "array": "[]", "text": '"x"', "null": "null"}.items():
            pair.ask(f"{name}-{path}", "POST", path, body)
        for name, content_type in {"text-type": "text/plain", "no-type": None, "type-with-charset": "application/json; charset=utf-8",
                                   "type-in-capitals": "Application/JSON"}.items():
            pair.post(f"{name}-{path}", path, message, content_type=content_type)
        for method in ("GET", "PUT", "DELETE"):
            pair.ask(f"{method}-{path}", method, path)


def bad_fields(pair, token):
    for path in ("order", "status", "commit1", "finalize", "cleanup"):
        message = {"partner_token": token, **POSTS[path]}
        pair.post(f"negative-{path}", path, {**message, "sp_id": -1})
        pair.post(f"negative-number-{path}", path, {**message, "sector_number": -1})
        for name, value in {"text": "1000", "fraction": 1.5, "too-large": 2**63, "list": [], "yes": True}.items():
            pair.post(f"sp-id-is-{name}-{path}", path, {**message, "sp_id": value})
            pair.post(f"sector-number-is-{name}-{path}", path, {**message, "sector_number": value})
        if path != "order":
            pair.post(f"null-fields-{path}", path, {**message, "sp_id": None, "sector_number": None})
            pair.post(f"unknown-fields-{path}", path, {**message, "extra": {"a": [1]}})
    for path in ("status", "commit1", "order", "finalize", "cleanup"):
        pair.post(f"missing-fields-{path}", path, {"partner_token": token})
    for name, seed in {"not-base64": "!!", "without-padding": SEED[:-1], "number": 5}.items():
        pair.post(f"seed-is-{name}", "commit1", {"partner_token": token, "seed_value": seed, **key(7)})
    good = json.dumps({"partner_token": token, **key(424242)})
    pair.ask("trailing-text", "POST", "status", good + " trailing")
    pair.ask("second-message", "POST", "status", good + "{}")
    pair.ask("white-space-around", "POST", "status", f"\n {good}\n")
    pair.ask("duplicate-key", "POST", "status", good.replace('"sp_id"', '"sp_id": 1, "sp_id"'))
    pair.ask("bad-utf8", "POST", "status", good.encode().replace(b'"sp_id"', b'"x\xff": 1, "sp_id"'))


def partner_and_slot(pair, token, other, limited, empty):
    """The life of an allowance: what Curio's own handler tests check, and a little more."""
    pair.post("authorized", "authorize", {"partner_token": token})
    pair.post("available-none-left", "available", {"partner_token": empty})
    slot = lambda of: [c.post("available", {"partner_token": of}) for c in (pair.ours, pair.theirs)]
    pair.post("available", "available", {"partner_token": token})

    def order_with(name, of, slots, number, **fields):
        """An order with each side's own slot token."""
        answers = []
        for call, answer in zip((pair.ours, pair.theirs), slots):
            token_of_slot = json.loads(answer.body)["slot_token"]
            answers.append(call.post("order", {"partner_token": of, "slot_token": token_of_slot, "reg_seal_proof": 5, **key(number), **fields}))
        pair.seen.add(name)
        if not pair.same(*answers):
            pair.problems.append(f"{name}: ours {answers[0]}, Curio's {answers[1]}")

    first = slot(token)
    order_with("order-with-slot", token, first, 100)
    order_with("slot-used-again", token, first, 101)
    order_with("same-order-again", token, slot(token), 100)
    order_with("slot-of-another", other, slot(token), 102)
    for number in (103, 104):
        order_with(f"order-{number}", token, slot(token), number)
    pair.post("allowance-after-four-orders", "authorize", {"partner_token": token})
    pair.post("slot-nobody-gave", "order", {"partner_token": token, "slot_token": "totally-made-up", "reg_seal_proof": 5, **key(105)})
    pair.post("order-without-slot", "order", {"partner_token": token, "slot_token": "", "reg_seal_proof": 5, **key(7)})
    pair.post("order-without-slot-again", "order", {"partner_token": token, "slot_token": "", "reg_seal_proof": 5, **key(7)})
    pair.post("order-with-unknown-field", "order", {"partner_token": token, "reg_seal_proof": 5, "extra": 1, **key(7)})
    pair.post("proof-not-allowed", "order", {"partner_token": limited, "slot_token": "", "reg_seal_proof": 6, **key(110)})
    pair.post("proof-allowed", "order", {"partner_token": limited, "slot_token": "", "reg_seal_proof": 5, **key(110)})
    pair.post("proof-nobody-has", "order", {"partner_token": token, "slot_token": "", "reg_seal_proof": -1, **key(111)})
    pair.post("proof-not-offered", "order", {"partner_token": token, "slot_token": "", "reg_seal_proof": 9, **key(112)})
    pair.post("order-of-another-s-sector", "order", {"partner_token": other, "slot_token": "", "reg_seal_proof": 5, **key(7)})
    pair.post("allowance-used-up-order", "order", {"partner_token": empty, "slot_token": "", "reg_seal_proof": 5, **key(113)})
    active = slot(limited)
    equal([json.loads(a.body)["available"] for a in active], [False, False], "a partner whose active sectors fill its allowance")
    pair.post("available-all-active", "available", {"partner_token": limited})


def sectors(pair, token, other):
    for who, of in (("own", token), ("another-s", other)):
        for what, number in (("pending", 7), ("unknown", 424242)):
            name = f"{who}-{what}"
            pair.post(f"status-{name}", "status", {"partner_token": of, **key(number)})
            pair.post(f"commit1-{name}", "commit1", {"partner_token": of, "seed_value": SEED, **key(number)})
            pair.post(f"commit1-seed-epoch-{name}", "commit1", {"partner_token": of, "seed_value": SEED, "seed_epoch": -5, **key(number)})
            pair.post(f"commit1-bad-seed-{name}", "commit1", {"partner_token": of, "seed_value": "AQ==", **key(number)})
            pair.post(f"commit1-no-seed-{name}", "commit1", {"partner_token": of, **key(number)})
            pair.post(f"finalize-{name}", "finalize", {"partner_token": of, **key(number)})
            pair.post(f"finalize-again-{name}", "finalize", {"partner_token": of, **key(number)})
    for what, number in (("another-s", 7), ("unknown", 424242)):
        pair.post(f"cleanup-{what}", "cleanup", {"partner_token": other, **key(number)})
    pair.post("status-after-another-s-cleanup", "status", {"partner_token": token, **key(7)})


def files(pair, token, other):
    for path in ("sealed-data", "cache-data"):
        pair.ask(f"{path}-no-token", "GET", f"{path}/1000/7")
        pair.ask(f"{path}-bad-token", "GET", f"{path}/1000/7?token={STRANGER}")
        pair.ask(f"{path}-unknown", "GET", f"{path}/1000/424242?token={token}")
        pair.ask(f"{path}-another-s", "GET", f"{path}/1000/7?token={other}")
        pair.ask(f"{path}-before-it-is-there", "GET", f"{path}/1000/7?token={token}")
        for name, sector in {"sp-id": "x/7", "number": "1000/x", "huge": "99999999999999999999/1", "hex": "0x10/7", "empty": "/7"}.items():
            pair.ask(f"{path}-bad-{name}", "GET", f"{path}/{sector}?token={token}")
            pair.ask(f"{path}-bad-{name}-no-token", "GET", f"{path}/{sector}")
        pair.ask(f"negative-{path}", "GET", f"{path}/-1/7?token={token}")
        pair.ask(f"POST-{path}", "POST", f"{path}/1000/7?token={token}", "{}")
    pair.ask("escaped-sector", "GET", f"sealed-data/%31000/424242?token={token}")
    pair.ask("head-of-sealed-data", "HEAD", f"sealed-data/1000/424242?token={token}")


def after_cleanup(pair, token):
    pair.post("cleanup", "cleanup", {"partner_token": token, **key(7)})
    pair.post("cleanup-again", "cleanup", {"partner_token": token, **key(7)})
    pair.post("finalize-after-cleanup", "finalize", {"partner_token": token, **key(7)})
    pair.post("status-after-cleanup", "status", {"partner_token": token, **key(7)})
    pair.post("c1-after-cleanup", "commit1", {"partner_token": token, "seed_value": SEED, **key(7)})


def callbacks(pair, ours, theirs):
    """What a client serves to its providers. Our client has Curio's handlers as its provider."""
    token = theirs.token
    connect = base64.b64encode(json.dumps({"url": f"http://127.0.0.1:{theirs.port}", "token": token}).encode()).decode()
    ours.farm.on("provider", "provider", "add", "-", "--miner", "f01000", stdin=connect)
    theirs.sql("insert into @rseal_client_providers (sp_id, provider_url, provider_token, provider_name) "
               f"values (1000, 'http://127.0.0.1:1', '{token}', 'self')")
    good = {"partner_token": token, "tree_d_cid": TREE_D, "tree_r_cid": TREE_R, "ticket_epoch": 5, "ticket_value": SEED, **key(99)}
    pair.post("complete-bad-token", "complete", {**good, "partner_token": STRANGER})
    pair.post("complete-nothing", "complete", {})
    pair.post("complete-no-token", "complete", {**good, "partner_token": ""})
    pair.post("complete-unknown-sector", "complete", good)
    pair.post("complete-unknown-miner", "complete", {**good, "sp_id": 77})
    pair.post("negative-complete", "complete", {**good, "sp_id": -1})
    pair.post("cid-of-nothing", "complete", {**good, "tree_d_cid": "x"})
    pair.ask("complete-bad-json", "POST", "complete", "{nope")
    pair.post("complete-text-type", "complete", good, content_type="text/plain")
    pair.post("complete-sector-is-text", "complete", {**good, "sector_number": "9"})
    pair.ask("GET-complete", "GET", "complete")
    pair.ask("POST-ticket", "POST", "ticket", "{}")
    pair.ask("ticket-without-chain", "GET", "ticket?maddr=f01000")
    for name, query in {"none": "", "empty": "?maddr=", "word": "?maddr=xyz", "no-digits": "?maddr=f0"}.items():
        pair.ask(f"ticket-address-{name}", "GET", f"ticket{query}")


def side_by_side():
    with Folder() as folder, curio.Postgres() as postgres, Side(folder) as ours:
        tokens = {"first": ours.add_partner("first", 10), "other": ours.add_partner("other", 10),
                  "limited": ours.add_partner("limited", 1, "--proof-types", "5"), "empty": ours.add_partner("empty", 0)}
        with curio.Handlers(folder, postgres, tokens["first"]) as theirs:
            theirs.sql("update @rseal_delegated_partners set partner_name = 'first'")
            for name, allowance in (("other", 10), ("limited", 1), ("empty", 0)):
                theirs.add_partner(tokens[name], allowance, name)
            theirs.sql("update @rseal_delegated_partners set allowed_proof_types = '{5}' where partner_name = 'limited'")
            pair = Pair(ours.call, theirs.call)
            pair.ask("capabilities", "GET", "capabilities")
            pair.ask("POST-capabilities", "POST", "capabilities", "{}")
            pair.ask("head-of-capabilities", "HEAD", "capabilities")
            pair.ask("unknown-path", "GET", "nothing")
            partner_and_slot(pair, tokens["first"], tokens["other"], tokens["limited"], tokens["empty"])
            sectors(pair, tokens["first"], tokens["other"])
            files(pair, tokens["first"], tokens["other"])
            bad_fields(pair, tokens["first"])
            bad_requests(pair, tokens["first"])
            after_cleanup(pair, tokens["first"])
            callbacks(pair, ours, theirs)
            pair.verdict()


def seal_again(folder, ticket, tree_r_cid):
    """The same sector by hand: what Curio fetched must be these bytes."""
    files = {"sealed": folder / "again", "cache": folder / "again-cache"}
    files["cache"].mkdir()
    where = ["--sealed", files["sealed"], "--cache", files["cache"]]
    who = ["--seal-proof", 5, "--miner", "f01000", "--sector", 100, "--ticket", ticket]
    selkie("proof", "pc1", *who, *where)
    done = selkie("proof", "pc2", "--seal-proof", 5, *where)
    equal(comm_of(tree_r_cid), done["comm_r"], "CommR")
    selkie("proof", "c1", *who, *where, "--seed", "01" * 32, "--comm-r", done["comm_r"], "--comm-d", done["comm_d"], "--out", folder / "again-c1")
    return files["sealed"], files["cache"], folder / "again-c1"


def curio_orders():
    """Curio's client through a whole job, over TLS; its ticket comes from the devnet."""
    with Folder() as folder, curio.Postgres() as postgres, farm.Farm(folder) as ours:
        selkie("init", "--repo", ours.repo("provider"))
        ours.start("devnet")
        ours.start("provider")
        port, connect, out = farm.free_port(), folder / "connect", folder / "out"
        ours.on("provider", "partner", "add", "curio", "--url", f"http://127.0.0.1:{port}", "--allowance", 3, "--connect-out", connect)
        out.mkdir()
        # The multiaddress form means WebSocket to it, which our devnet does not speak.
        chain = re.sub(r":/ip4/([0-9.]+)/tcp/(\d+)/http$", r":http://\1:\2", (ours.repo("devnet") / "api-info").read_text().strip())
        command = [curio.unpack(folder), "-pg", postgres.port, "-provider", ours.url("provider"), "-listen", f"127.0.0.1:{port}", "-token",
                   json.loads(base64.b64decode(connect.read_text()))["token"], "-sp", 1000, "-sector", 100, "-proof", 5, "-out", out]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=400,
                              env={**os.environ, "FULLNODE_API_INFO": chain, "SSL_CERT_FILE": str(ours.repo("provider") / "tls.crt")})
        expect(done.returncode == 0, f"Curio's client: {done.stdout[-1500:]}{done.stderr[-800:]}{ours.log_tail('provider')}")
        steps = [json.loads(line) for line in done.stdout.splitlines()]
        complete = next(s for s in steps if s["step"] == "complete")
        equal(complete["callback"], True, "the callback came")
        c1 = [s for s in steps if s["step"] == "commit1"]
        equal(len(c1), 2, "times C1 was asked for")
        sealed, cache, c1_again = seal_again(folder, complete["ticket"], complete["tree_r_cid"])
        equal((out / "sealed").read_bytes(), sealed.read_bytes(), "the sealed file")
        for name in ("p_aux", "sc-02-data-tree-r-last.dat"):
            equal((out / "cache" / name).read_bytes(), (cache / name).read_bytes(), name)
        equal({s["sha256"] for s in c1}, {sha256_file(c1_again)}, "C1, both times")
        ours.wait(lambda: ours.sectors("provider")[0]["state"] == "cleaned", 60, "the provider to clean up")
        equal(list((ours.repo("provider") / "scratch").rglob("s-t*")), [], "files left at the provider")


if __name__ == "__main__":
    if reason := curio.missing():
        skip(f"curio: {reason}")
    run_cases([("curio-side-by-side", side_by_side), ("curio-orders-from-us", curio_orders)])
