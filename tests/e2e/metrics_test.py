# SPDX-License-Identifier: MIT OR Apache-2.0
"""/metrics of a provider and a client that seal a sector: who may read it, what must be on it, what must
never be, and that Prometheus's own tool takes it."""
import base64
import hmac
import http.server
import re
import ssl
import threading
import urllib.error

from farm import Farm
from support import *

VANILLA_SECONDS = 120
# Curio's names are Curio's, whatever a style guide says of them.
TOLERATED = re.compile(r"^curio_rseal_")


class Watched(Farm):
    """A farm whose pages of metrics can be asked for, and whose nodes look at the chain every half second."""

    def environment(self, name):
        return {**super().environment(name), "SELKIE_ALERTING_CHECKINTERVAL": "500ms"}

    def ask(self, name, headers=None):
        """Status, content type and text of /metrics."""
        trust = ssl.create_default_context(cafile=str(self.repo(name) / "tls.crt"))
        request = urllib.request.Request(self.url(name) + "/metrics", headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30, context=trust) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.headers["Content-Type"], refusal.read().decode()

    def page(self, name):
        status, kind, text = self.ask(name)
        equal(status, 200, f"status of /metrics: {text[:200]}")
        expect(kind.startswith("text/plain; version=0.0.4"), f"content type {kind}")
        return text


def samples(page):
    """Series with labels -> value, and family -> type."""
    values, types = {}, {}
    for line in page.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            expect(name not in types, f"{name} comes twice")
            types[name] = kind
        elif not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            expect(series not in values, f"{series} comes twice")
            values[series] = float(value)
    return values, types


class Webhook(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.headers.get("X-Selkie-Signature"), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def promtool_agrees(page, what):
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    foreign = [line for line in complaints if not TOLERATED.match(line)]
    equal(foreign, [], f"promtool on the page of the {what}")
    expect(done.returncode in (0, 3), f"promtool ended with {done.returncode}")


def a_sector_is_seen():
    with Folder() as folder, Watched(folder) as farm:
        farm.prepare()
        before = {name: samples(farm.page(name)) for name in ("provider", "client")}
        farm.order(count=1)
        # The SNARK takes the longest and shows nothing that the steps before it do not.
        c1_done = lambda: [r for r in farm.sectors() if r["state"] in ("vanilla", "proven", "commit_sent", "proving")]
        farm.wait(c1_done, VANILLA_SECONDS, "a sector's vanilla proof")
        farm.wait(lambda: "selkie_chain_sender_balance_fil{" in farm.page("client"), 60, "the miner's funds to be seen")
        pages = {name: farm.page(name) for name in ("provider", "client")}
        for name, page in pages.items():
            promtool_agrees(page, name)
            counters_rise(before[name], samples(page))
        curio_names(samples(pages["provider"])[0])
        own_names(*(samples(pages[name])[0] for name in ("provider", "client")))
        who_may_read(farm, no_secrets(farm))


def counters_rise(before, after):
    for series, value in before[0].items():
        family = re.split(r"[{ ]", series)[0]
        if before[1].get(family) == "counter":
            expect(after[0].get(series, -1) >= value, f"{series} fell from {value} to {after[0].get(series)}")


def curio_names(values):
    for endpoint in ("available", "order", "commit1"):
        labels = f'{{endpoint="{endpoint}",method="POST"}}'
        expect(values[f"curio_rseal_request_count{labels}"] >= 1, f"requests of {endpoint}")
        expect(values[f"curio_rseal_request_duration_ms_count{labels}"] >= 1, f"durations of {endpoint}")
        ok = f'curio_rseal_response_status_count{{endpoint="{endpoint}",method="POST",status_code="200"}}'
        expect(values[ok] >= 1, ok)
    expect(values['curio_rseal_response_bytes_count{endpoint="sealed-data",method="GET"}'] >= 2048, "bytes of sealed-data")
    equal(values['curio_rseal_active_requests{endpoint="order",method="POST"}'], 0, "orders under way")
    expect(values['curio_rseal_orders_total{accepted="true"}'] >= 1, "orders accepted")
    equal(values['curio_rseal_orders_total{accepted="false"}'], 0, "orders refused")
    expect(values["curio_rseal_slots_issued_total"] >= 1, "slots")
    expect(values["curio_rseal_commit1_compute_duration_ms_count"] >= 1, "C1s")


def own_names(provider, client):
    equal([v for s, v in client.items() if s.startswith('selkie_sectors{role="client"') and 'miner="f01000"' in s], [1], "sectors of the client")
    expect(client["selkie_peer_received_bytes_total"] >= 2048, "bytes received")
    equal(client['selkie_task_duration_seconds_count{step="client.verify"}'], 1, "replicas checked")
    equal(provider['selkie_task_duration_seconds_count{step="provider.trees"}'], 1, "trees made")
    equal(provider['selkie_partner_allowance_remaining{partner="selkie-test"}'], 99, "allowance")
    for page in (provider, client):
        equal(page["selkie_chain_up"], 1, "the chain")
        expect(page['selkie_disk_free_bytes{folder="scratch"}'] > 0, "free disk")
        expect(page["process_open_fds"] > 3 and page["process_threads"] > 3, "the process")
        expect(any(s.startswith("selkie_build_info{") for s in page), "which program")
    expect(client['selkie_chain_sender_balance_fil{miner="f01000"}'] > 0, "balance of the sender")
    expect(client['selkie_chain_deposit_fil{miner="f01000"}'] > 0, "deposit of one more sector")


def no_secrets(farm):
    connect = (farm.repo("client") / "connect").read_text().strip()
    partner = json.loads(base64.b64decode(connect))["token"]
    chain = (farm.repo("devnet") / "token").read_text().strip()
    reader = farm.on("provider", "auth", "create-token", "--perm", "read", "--name", "prometheus")["token"]
    canaries = [reader, partner, chain, connect]
    canaries += [hashlib.sha256(c.encode()).hexdigest() for c in canaries]
    for name in ("provider", "client"):
        page = farm.page(name)
        for canary in canaries:
            expect(canary not in page, f"a secret is on the page of the {name}")
        expect(str(farm.folder) not in page, f"a path is on the page of the {name}")
    return reader


def who_may_read(farm, reader):
    # A request that came through a proxy of this machine is not this machine's.
    for header in ("X-Forwarded-For", "Forwarded", "Via"):
        status, _, text = farm.ask("provider", {header: "for=192.0.2.1"})
        equal(status, 401, f"{header} without a token")
        expect("selkie_" not in text, "a refusal shows nothing")
    away = {"X-Forwarded-For": "192.0.2.1"}
    equal(farm.ask("provider", {**away, "Authorization": "Bearer " + "ab" * 32})[0], 401, "a wrong token")
    equal(farm.ask("provider", {**away, "Authorization": "Bearer"})[0], 401, "no token at all")
    equal(farm.ask("provider", {**away, "Authorization": f"Bearer {reader}"})[0], 200, "the token")


CONTRIB = ROOT / "contrib"


def board_expressions():
    def all_of(panels):
        for panel in panels:
            yield from (t["expr"] for t in panel.get("targets", []))
            yield from all_of(panel.get("panels", []))
    board = json.loads((CONTRIB / "grafana" / "selkie.json").read_text())
    return [e.replace("$__rate_interval", "5m").replace("$instance", ".*") for e in all_of(board["panels"])]


def promtool(*arguments):
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
    equal(done.returncode, 0, f"promtool {arguments[0]} {arguments[1]}: {done.stdout[-1500:]}{done.stderr[-1500:]}")


def contrib_is_sound():
    promtool("check", "rules", CONTRIB / "prometheus" / "selkie.rules.yml")
    promtool("test", "rules", CONTRIB / "prometheus" / "selkie.rules_test.yml")
    expressions = board_expressions()
    expect(len(expressions) > 30, "the board has panels")
    with Folder() as folder:  # promtool reads expressions as recording rules
        rules = [{"record": f"board:{i}", "expr": e} for i, e in enumerate(expressions)]
        path = folder / "board.yml"
        path.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
        promtool("check", "rules", "--no-lint-fatal", path)


def contrib_names_exist(pages):
    """Every metric that the board and the rules name is on a page of a node."""
    families = {name: kind for page in pages for name, kind in samples(page)[1].items()}
    rules = (CONTRIB / "prometheus" / "selkie.rules.yml").read_text()
    named = set(re.findall(r"\b(?:selkie|curio|process)_[a-z0-9_]+", " ".join([*board_expressions(), rules])))
    expect(len(named) > 30, f"metrics named: {named}")
    for name in sorted(named):
        histogram = re.sub(r"_(bucket|sum|count)$", "", name)
        expect(name in families or families.get(histogram) == "histogram", f"{name} is on no page")
    foreign = {n for n in families if not n.startswith("process_")} - {n if n in families else re.sub(r"_(bucket|sum|count)$", "", n) for n in named}
    documented = (ROOT / "docs" / "monitoring.md").read_text()
    for name in families:
        expect(name in documented or name.startswith("process_"), f"{name} is not in docs/monitoring.md")
    expect(len(foreign) < 12, f"on a page, but neither on the board nor in a rule: {sorted(foreign)}")


class Alerted(Watched):
    """A farm whose nodes look every half second and tell a webhook."""
    hook, secret, strict = None, "canary-" + "5" * 20, False

    def environment(self, name):
        if not self.hook:
            return super().environment(name)
        return {**super().environment(name),
                "SELKIE_METRICS_LOOPBACKWITHOUTTOKEN": "false" if self.strict else "true", "SELKIE_ALERTING_WEBHOOK_URL": self.hook, "SELKIE_ALERTING_WEBHOOK_SECRET": self.secret}


def an_alert_arrives():
    server = http.server.HTTPServer(("127.0.0.1", 0), Webhook)
    server.taken = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Folder() as folder, Alerted(folder) as farm:
        farm.hook = f"http://127.0.0.1:{server.server_port}/hook/canaryofthepath"
        farm.prepare()
        equal(farm.on("client", "alerts", "test"), {"webhook": {"delivered": True}}, "alerts test")
        equal([a for a in farm.on("client", "alerts", "list") if a["rule"] == "chain-unreachable"], [], "alerts while all is well")
        for farm.strict in (True, False):
            farm.kill("provider")
            farm.start("provider")
            equal(farm.ask("provider")[0], 401 if farm.strict else 200, f"this machine without a token, strict: {farm.strict}")
        farm.wait(lambda: all("selkie_chain_up 1" in farm.page(n) for n in ("provider", "client")), 30, "the chain to be seen")
        contrib_names_exist([farm.page("provider"), farm.page("client")])
        farm.kill("devnet")
        rules = lambda: {a["rule"]: a for _, body in server.taken for a in json.loads(body)["alerts"] if a["state"] == "raised"}
        farm.wait(lambda: "chain-unreachable" in rules(), 60, "the webhook to be told")
        alert = rules()["chain-unreachable"]
        expect(alert["severity"] == "critical" and alert["next"] and alert["summary"], f"what is told: {alert}")
        for signature, body in server.taken:
            equal(signature, "sha256=" + hmac.new(farm.secret.encode(), body, "sha256").hexdigest(), "signature")
        active = next(a for a in farm.on("client", "alerts", "list") if a["rule"] == "chain-unreachable")
        equal(farm.on("client", "alerts", "ack", "chain-unreachable", active["subject"], "--by", "ann"), {"acknowledged": 1}, "ack")
        active = next(a for a in farm.on("client", "log", "alerts") if a["rule"] == "chain-unreachable")
        equal(active["acked_by"], "ann", "who acknowledged")
        page = farm.page("client")
        equal(samples(page)[0]['selkie_alerts{rule="chain-unreachable",severity="critical",acknowledged="true"}'], 1, "alert on the page")
        equal(samples(page)[0]["selkie_chain_up"], 0, "the chain on the page")
        promtool_agrees(page, "client")
        for name in ("provider", "client"):
            for canary in (farm.secret, "canaryofthepath"):
                expect(canary not in farm.log_tail(name, 10_000_000) and canary not in farm.page(name), f"{canary} is shown by the {name}")
                expect(canary.encode() not in (farm.repo(name) / "selkie.db").read_bytes(), f"{canary} is in the database of the {name}")
        del farm.processes["devnet"]  # killed on purpose
    server.shutdown()


if __name__ == "__main__":
    if not shutil.which("promtool"):
        raise SystemExit("promtool is missing: apt-get install prometheus")
    run_cases([("contrib", contrib_is_sound), ("alerts-arrive", an_alert_arrives), ("metrics-of-a-sector", a_sector_is_seen)])
