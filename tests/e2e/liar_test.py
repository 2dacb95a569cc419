# SPDX-License-Identifier: MIT OR Apache-2.0
"""A provider that lies and a chain that moves on: found before money is at risk, said in words."""
import base64
import io
import tarfile

from farm import Farm
from farm_test import rpc
from liar import Liar
from support import *


def complaint(row):
    """What the sector says is wrong: of a failed row its message, of one that is tried again the last error."""
    if row["failed"]:
        return row["message"]
    return (row["task"] or {}).get("last_error") or ""


def order_through(farm, liar):
    """Orders one sector with the liar standing where the client believes its provider to be."""
    honest = json.loads(base64.b64decode((farm.repo("client") / "connect").read_text()))
    for row in farm.on("client", "provider", "list"):
        farm.on("client", "provider", "remove", row["id"])
    connect = base64.b64encode(json.dumps({"url": liar.url, "token": honest["token"]}).encode()).decode()
    farm.on("client", "provider", "add", "-", "--miner", "f01000", stdin=connect)
    farm.order()


def lied_to(change, sealed=True, words=()):
    """Orders one sector through a liar; returns the row once it failed or complains in one of the words.
    Nothing may have reached the chain."""
    with Folder() as folder, Farm(folder) as farm:
        farm.prepare()
        tls = farm.repo("provider")
        with Liar(tls / "tls.crt", tls / "tls.key", farm.url("provider"), change) as liar:
            order_through(farm, liar)
            farm.wait(lambda: farm.sectors()[0]["failed"] or any(w in complaint(farm.sectors()[0]) for w in words), 200, "the lie to be found")
            row = farm.sectors()[0]
            expect(complaint(row), f"a reason: {row}")
            if sealed:
                expect(not (farm.repo("client") / "storage" / "sealed" / "s-t01000-0").exists() or row["failed"],
                       "a sealed file nobody checked has its final name")
                equal(rpc(farm, "Filecoin.StateSectorPreCommitInfo", ["f01000", row["number"], []]), None, "pre-commit on chain")
                equal(row["precommit_cid"], None, "pre-commit message")
            return row


def flip(body, at):
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]


def wrong_replica():
    row = lied_to(lambda path, status, headers, body:
                  (status, headers, flip(body, 100) if "/sealed-data/" in path and len(body) > 100 else body))
    expect("manifest" in row["message"] and "no new orders" in row["message"], row["message"])


def short_file():
    def change(path, status, headers, body):
        if "/sealed-data/" in path and status in (200, 206):
            body = body[:1000]
            headers = {k: v for k, v in headers.items() if k.lower() != "content-range"}
            status = 200
        return status, headers, body
    words = ("ended", "bytes", "short", "length")
    expect(any(w in complaint(lied_to(change, words=words)) for w in words), "the complaint names what came")


def change_member(body, name, edit):
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(body)) as old, tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as new:
        for member in old.getmembers():
            data = old.extractfile(member).read()
            if member.name == name:
                data = edit(data)
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    return out.getvalue()


def wrong_tree():
    row = lied_to(lambda path, status, headers, body: (status, headers, change_member(body, "sc-02-data-tree-r-last.dat", lambda d: flip(d, 3))
                                                       if "/cache-data/" in path and status == 200 else body))
    expect("tree-r-last" in row["message"], row["message"])


def wrong_p_aux():
    row = lied_to(lambda path, status, headers, body: (status, headers, change_member(body, "p_aux", lambda d: flip(d, 0))
                                                       if "/cache-data/" in path and status == 200 else body))
    expect("p_aux" in row["message"] or "CommR" in row["message"] or "comm_r" in row["message"], row["message"])


def wrong_comm_r():
    """A CommR of another replica in every status; the callback comes from the honest half, so it is off."""
    def change(path, status, headers, body):
        if path.endswith("/status") and status == 200:
            answer = json.loads(body)
            if "tree_r_cid" in answer:
                answer["tree_r_cid"] = "bagboea4b5abcaeirceirceirceirceirceirceirceirceirceirceirceirceib"
                body = json.dumps(answer).encode()
        return status, headers, body
    with Folder() as folder, Farm(folder) as farm:
        farm.prepare()
        # The provider cannot reach its client, so only the poll (through the liar) tells of completion.
        farm.on("provider", "partner", "set", "selkie-test", "--url", "https://127.0.0.1:9")
        tls = farm.repo("provider")
        with Liar(tls / "tls.crt", tls / "tls.key", farm.url("provider"), change) as liar:
            order_through(farm, liar)
            farm.wait(lambda: farm.sectors()[0]["failed"], 200, "the lie to be found")
            row = farm.sectors()[0]
            equal(row["precommit_cid"], None, "pre-commit message")
            expect("CommR" in row["message"] or "comm_r" in row["message"], row["message"])


def wrong_c1():
    """Random labels in C1: the one for a seed of ours is refuted before there is a deposit."""
    def change(path, status, headers, body):
        if path.endswith("/commit1") and status == 200:
            at = body.index(b'"rows":[[') + 9
            end = body.index(b",", at)
            body = body[:at] + (b"7" if body[at:end] != b"7" else b"8") + body[end:]
        return status, headers, body
    words = ("C1", "vanilla", "challenge")
    row = lied_to(change, sealed=False, words=words)
    equal(row["precommit_cid"], None, "pre-commit message")
    expect(any(w in complaint(row) for w in words), complaint(row))


def ticket_too_old():
    """The client sleeps while its sector is sealed, and the chain moves on."""
    with Folder() as folder, Farm(folder) as farm:
        farm.poll = "20s"
        farm.prepare()
        farm.on("provider", "partner", "set", "selkie-test", "--url", "https://127.0.0.1:9")  # no callback either
        farm.order()
        farm.wait(lambda: any(r["state"] == "sealed" for r in farm.sectors("provider")), 60, "the sector to be sealed")
        farm.kill("client")
        equal(farm.sectors()[0]["state"], "ordered", "what the client knows")
        rpc(farm, "Devnet.Advance", [4000])
        farm.start("client")
        farm.wait(lambda: farm.sectors()[0]["failed"], 100, "the old ticket to be noticed")
        row = farm.sectors()[0]
        expect("ticket" in row["message"], row["message"])
        equal(row["precommit_cid"], None, "pre-commit message")


if __name__ == "__main__":
    run_cases([("liar-wrong-replica", wrong_replica), ("liar-short-file", short_file), ("liar-wrong-tree", wrong_tree),
               ("liar-wrong-p-aux", wrong_p_aux), ("liar-wrong-comm-r", wrong_comm_r), ("liar-wrong-c1", wrong_c1),
               ("ticket-too-old", ticket_too_old)])
