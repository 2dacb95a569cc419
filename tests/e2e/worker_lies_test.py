# SPDX-License-Identifier: MIT OR Apache-2.0
"""A worker returns what is false, in each way there is: it is named and gets nothing more, and an honest one does the sector."""
import base64
import json
import uuid

import farm
from many_workers import Workers, calls_left
from played_worker import PlayedWorker, of_pc1
from support import *

SECONDS = 120
ELSEWHERE = {"/": "bagboea4b5abcay2o33j34wbl3stnbj55t5fqqt2mxhfyey672vsv3sznvuptmyrl"}  # a CommR of some other sector


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


# What is false: where, how, and a word of the reason that the operator is told.
LIES = {
    "a piece of zeros that is none": ("AddPiece", lambda r, _: {**r, "Size": 1024}, "zeros"),
    "labels of other data": ("SealPreCommit1", of_pc1(comm_d=[1] * 31 + [0]), "CommD"),
    "labels for another ticket": ("SealPreCommit1", of_pc1(_lotus_SealRandomness=base64.b64encode(bytes(32)).decode()), "ticket"),
    "no labels": ("SealPreCommit1", lambda *_: None, "no bytes"),
    "another CommR": ("SealPreCommit2", lambda r, _: {**r, "Sealed": ELSEWHERE}, "CommR"),
    "another CommD": ("SealPreCommit2", lambda r, _: {**r, "Unsealed": {"/": "baga6ea4seaq" + "a" * 52}}, "CommD"),
    "no commitments": ("SealPreCommit2", lambda *_: {"Unsealed": None, "Sealed": None}, "CID"),
    "a replica of another length": ("sealed", lambda data, _: data[:-32], "bytes"),
    "a tree of another replica": ("cache", lambda data, _: flip(data, data.index(b"sc-02-data-tree-r-last") + 512), ""),
    "a vanilla proof for another seed": ("SealCommit1", None, ""),
    "no vanilla proof": ("SealCommit1", lambda *_: None, "no C1"),
}


class SeedLiar(PlayedWorker):
    """Its C1 is well made, but for a seed that nobody asked about."""

    def do_SealCommit1(self, number, ticket, seed, *rest):
        return super().do_SealCommit1(number, ticket, base64.b64encode(flip(base64.b64decode(seed), 0)).decode(), *rest)


class LateLiar(SeedLiar):
    """Honest until the C1 for the chain's seed: those before it, which pay for nothing, are right."""
    TRIALS = 2  # of the provider, before it says that it is done, and of the client before its pre-commit

    def do_SealCommit1(self, number, ticket, seed, *rest):
        late = self.asked.count("SealCommit1") > self.TRIALS
        return (super() if late else super(SeedLiar, self)).do_SealCommit1(number, ticket, seed, *rest)


def only_workers(ours, **more):
    """Provider and client compute nothing that workers do."""
    ours.more |= {"SELKIE_STORAGE_ALLOWPRECOMMIT1": "false", "SELKIE_STORAGE_ALLOWCOMMIT": "false", "SELKIE_PROVIDER_CAPACITY": "100", **more}
    ours.prepare()


def switch(ours, host, way, of="provider"):
    row = next(w for w in ours.on(of, "worker", "list") if w["Hostname"] == host)
    ours.on(of, "worker", way, row["Session"])


def sealed(ours, count):
    rows = ours.sectors("provider")
    expect(not [r for r in rows if r["failed"]], f"a sector failed: {rows}\n{ours.log_tail('provider', 3000)}")
    return sum(r["sealed_ms"] is not None for r in rows) >= count


def lied(ours, liar, word, what):
    """It is closed, with the reason; whoever looks at the log finds its name."""
    ours.wait(lambda: not liar.row()["Open"], SECONDS, f"the worker to be closed for {what}")
    expect(word in liar.row()["Why"], f"why it is closed for {what}: {liar.row()['Why']}")
    said = [l for l in ours.log_tail(liar.of, 1 << 20).splitlines() if "farm.worker_lies" in l and liar.session in l]
    expect(said and liar.name in said[0], f"the log about {what}: {said}")


class Keeper(PlayedWorker):
    """It says that its files are deleted, and keeps them."""

    def delete(self, handler, kind, number):
        handler.give(200)


def every_lie():
    """An honest worker is closed while a liar gets the sector, and opened when that has lied."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        # A false replica that stays where it is, before the honest worker's in every list.
        with Keeper(ours, "keeper") as keeper:
            keeper.lies = {"sealed": lambda data, _: flip(data, 1000)}
            ours.order()
            lied(ours, keeper, "is not the hash of", "a replica of other bytes")
            with Workers(ours, 1, name="honest") as group:
                honest = group.all[0]
                ours.wait(lambda: sealed(ours, 1), SECONDS, "the sector to be sealed after a replica of other bytes")
                false_proof(ours)
                with Workers(ours, 1, "client", name="honest") as provers:  # has its turn meanwhile
                    for count, (what, (where, change, word)) in enumerate(LIES.items(), 2):
                        one_lie(ours, honest, count, what, where, change, word)
                    says_too_much(ours, honest, count + 1)
                    ours.wait(lambda: "SealCommit2" in provers.all[0].taken(), SECONDS, "the proof to be another one's task")
                equal([f for f in group.files() if "calls" in f], [], "calls of the honest worker")


def false_proof(ours):
    """A worker of the client, which makes none itself, returns what is no proof."""
    with PlayedWorker(ours, "false-prover", ("SealCommit2",), of="client") as liar:
        liar.lies = {"SealCommit2": lambda *_: base64.b64encode(bytes(192)).decode()}
        liar.do_SealCommit2 = lambda *_: None
        lied(ours, liar, "does not verify", "a proof")


class Talker(PlayedWorker):
    """It returns what nobody asked for, what another was asked for, and each result twice, the second time a false one."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.told = []

    def returns(self, method, call, result):
        nobody = {"Sector": call["Sector"], "ID": str(uuid.uuid4())}
        self.call(f"Return{method}", nobody, result, None)
        super().returns(method, call, result)
        self.call(f"Return{method}", call, base64.b64encode(b"false").decode(), None)
        self.call(f"Return{method}", call, None, {"Code": 0, "Message": "it failed after all"})
        self.call("ReturnFetch", nobody, None)
        self.told.append(method)


def says_too_much(ours, honest, count):
    switch(ours, honest.name, "disable")
    with Talker(ours, "talker") as talker:
        ours.order()
        ours.wait(lambda: sealed(ours, count), SECONDS, "the sector to be sealed")
        # Besides the C1 of the check that is one for the client.
        ours.wait(lambda: len(talker.told) == 5, SECONDS, f"the second C1: {talker.told}")
        equal(talker.told, ["AddPiece", "SealPreCommit1", "SealPreCommit2", "SealCommit1", "SealCommit1"], "what the talker told")
        expect(talker.row()["Open"], f"the talker: {talker.row()}")

        def kept():
            results = [p.name for p in (ours.repo("provider") / "worker-results").glob("*")]
            return results + sorted(r[1:3] for r in calls_left(ours) if r[0] == count - 1)

        ours.wait(lambda: kept() == [("PC1", "done"), ("PC2", "done")], SECONDS, f"nothing to be kept for nobody: {kept()}")


def late_lie():
    """The deposit is paid by then: the proof of it is never sent, the worker named, and the sector proven by another one."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours, SELKIE_STORAGE_ALLOWCOMMIT="true")  # the client proves
        with LateLiar(ours, "late") as late:
            ours.order()
            lied(ours, late, "", "a C1 for the chain's seed")
            row = ours.sectors()[0]
            expect(row["precommit_cid"] and not row["commit_cid"], f"the sector then: {row}")
            equal(late.asked.count("SealCommit1"), LateLiar.TRIALS + 1, f"what it was asked: {late.asked}")
            with Workers(ours, 1, name="honest"):
                ours.wait(lambda: ours.all_proving(1), SECONDS, "the sector to be proving")


def frames_another():
    """It names a place of its own for the path of an honest worker, which has false files there."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        with PlayedWorker(ours, "honest") as honest, PlayedWorker(ours, "framer", ()) as framer:
            def frame(*_):
                framer.lies = {"sealed": lambda data, _: flip(data, 1000)}
                framer.place = honest.place
                theirs, stat = honest.storage(framer.url)
                framer.call("StorageAttach", theirs, stat)
            honest.moments = {"ReturnSealPreCommit2": frame}
            ours.order()
            ours.wait(lambda: sealed(ours, 1), SECONDS, "the sector to be sealed")
            expect(honest.row()["Open"], f"the honest worker: {honest.row()}\n{ours.log_tail('provider', 3000)}")


def open_now(ours, host):
    return next(w for w in ours.on("provider", "worker", "list") if w["Hostname"] == host)["Open"]


def one_lie(ours, honest, count, what, where, change, word):
    switch(ours, honest.name, "disable")
    with (PlayedWorker if change else SeedLiar)(ours, f"liar-{count}") as liar:
        liar.lies = {where: change} if change else {}
        ours.order()
        lied(ours, liar, word, what)
        switch(ours, honest.name, "enable")
        ours.wait(lambda: sealed(ours, count), SECONDS, f"the sector to be sealed after {what}")
    expect(open_now(ours, honest.name), f"the honest worker is closed for {what} of another one: {ours.log_tail('provider', 3000)}")


if __name__ == "__main__":
    run_cases([("worker-lies-in-each-way", every_lie), ("worker-lies-at-the-chains-seed", late_lie), ("worker-frames-another", frames_another)])
