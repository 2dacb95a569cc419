# SPDX-License-Identifier: MIT OR Apache-2.0
"""Sectors that wait are labelled together by workers of ours, given to each by one call: all end proving; one of a batch
is canceled, a worker and its node are killed in the middle of one. What a worker's node is asked passes through a valve:
while it is shut a batch that was taken stands still before its labels."""
from many_workers import *
from played_worker import PlayedWorker, of_pc1
from valve import Valve

SECONDS = 600
BATCH = 4


def batches_of(ours, size=BATCH, wait="10m", **more):
    """Sectors wait for each other so long, until so many are there."""
    ours.more |= {"SELKIE_STORAGE_ALLOWPRECOMMIT1": "false", "SELKIE_SEAL_BATCHSEALBATCHSIZE": str(size), "SELKIE_SEAL_BATCHSEALWAIT": wait,
                  "SELKIE_PROVIDER_CAPACITY": "100", **more}
    ours.prepare()


def given(ours):
    """The node's batches: worker and number of sectors."""
    return [(fields["worker"], int(fields["sectors"])) for _, event, fields in lines(ours.folder / "provider.log") if event == "farm.batch"]


def jobs(ours, task="precommit/1"):
    return [job for rows in ours.on("provider", "sealing", "jobs").values() for job in rows if job["Task"].endswith(task)]


def labelled(worker):
    """CallIDs of PC1 by what became of them there."""
    seen = {event: {f["call"]: f for _, f in worker.events(event) if f.get("method") == "SealPreCommit1"}
            for event in ("call.taken", "call.started", "call.resumed", "call.done", "call.failed")}
    seen["call.canceled"] = {call for call, f in seen["call.failed"].items() if f["code"] == "canceled"}
    return seen


class Gated(Workers):
    """Workers that reach their node through one valve."""

    def __init__(self, ours, count=1):
        self.valve = Valve(ours.api_port("provider"))
        super().__init__(ours, count)
        for worker in self.all:
            worker.node_port = self.valve.port
        self.worker = self.all[0]

    def stand_still(self):
        """They take batches, and begin them, but reach nobody."""
        self.valve.allow(0)

    def begun(self, size=BATCH):
        """Each has a batch of that size in hand; the node's jobs."""
        for worker in self.all:
            self.ours.wait(lambda w=worker: len(labelled(w)["call.taken"]) == size and labelled(w)["call.started"], 120,
                           f"a batch to be begun: {worker.tail()}")
        self.ours.wait(lambda: len([j for j in jobs(self.ours) if j["RunWait"] == 0]) == size * len(self.all), 30, "the node to know its calls")
        equal([labelled(worker)["call.done"] for worker in self.all], [{}] * len(self.all), "what is done already")
        return jobs(self.ours)

    def __exit__(self, *_):
        super().__exit__()
        self.valve.close()


def sealed(ours, count):
    """So many are sealed at the provider, or further; none has failed."""
    rows = ours.sectors("provider")
    expect(not [r for r in rows if r["failed"] and not r["canceled"]], f"a sector failed: {rows}")
    return sum(r["sealed_ms"] is not None for r in rows) >= count


def over_workers():
    """Four sectors by two workers, two together on each, as neither may do more."""
    with Folder() as folder, farm.Farm(folder) as ours:
        batches_of(ours, size=2)
        with Gated(ours, 2) as group:
            group.stand_still()
            ours.order(count=4)
            rows = group.begun(2)
            equal(len({job["Batch"] for job in rows}), 2, f"batches: {rows}")
            group.valve.allow(None)
            ours.wait(lambda: ours.all_proving(4), SECONDS, f"all to be proving: {[w.tail() for w in group.all]}")
            equal(sorted(given(ours)), [(w.name, 2) for w in group.all], "batches")
            for worker in group.all:
                equal(len({f["batch"] for f in labelled(worker)["call.started"].values()}), 1, f"batches at {worker.name}")
                expect("AddPiece" not in worker.taken(), "an empty sector needs no data")
            ours.wait(lambda: not group.files() + calls_left(ours), 150, f"nothing to be left: {group.files()} {calls_left(ours)}")
        equal(ours.leftovers(), [], "temporary files")


def as_far_as_there_is_room():
    """Three sectors of a batch of four go when they have waited as long as is set; a worker that may do two at once is given two."""
    with Folder() as folder, farm.Farm(folder) as ours:
        batches_of(ours, wait="3s")
        with Workers(ours, 1, environment={"PC1_MAX_CONCURRENT": "2"}) as group:
            ours.order(count=3)
            ours.wait(lambda: sealed(ours, 3), SECONDS, f"all to be sealed: {group.all[0].tail()}")
            equal(given(ours), [(group.all[0].name, 2)], "batches")


def one_is_canceled():
    """While a batch is under way: its members are shown, one of them is canceled, the others are done."""
    with Folder() as folder, farm.Farm(folder) as ours:
        batches_of(ours)
        with Gated(ours) as gated:
            gated.stand_still()
            ours.order(count=BATCH)
            rows = gated.begun()
            equal(({job["Batch"] for job in rows}, [job["Others"] for job in rows]), ({rows[0]["Batch"]}, [BATCH - 1] * BATCH), "one batch")
            equal(sorted(job["Sector"]["Number"] for job in rows), list(range(BATCH)), "its members")
            equal(next(w for w in ours.on("provider", "worker", "list") if w["Hostname"] == gated.worker.name)["Running"], BATCH, "what it runs")
            said = ours.on("provider", "sealing", "why", 1)[0]["Why"]
            expect(f"{gated.worker.name} does it with {BATCH - 1} others" in said, f"why it is not done: {said}")
            ours.on("client", "sector", "cancel", "f01000/1")
            ours.wait(lambda: len(jobs(ours)) == BATCH - 1, 60, "one to be canceled")
            gated.valve.allow(None)
            ours.wait(lambda: sealed(ours, BATCH - 1), SECONDS, f"the others to be sealed: {gated.worker.tail()}")
            seen = labelled(gated.worker)
            equal((len(seen["call.taken"]), len(seen["call.done"]), len(seen["call.canceled"])), (BATCH, BATCH - 1, 1), "calls")


def went_on(ours, gated, calls):
    """The same calls are done, and their results used."""
    ours.wait(lambda: sealed(ours, BATCH), SECONDS, f"all to be sealed: {gated.worker.tail()}")
    seen = labelled(gated.worker)
    equal([set(seen[event]) for event in ("call.taken", "call.done")], [calls] * 2, "calls")
    equal(given(ours), [(gated.worker.name, BATCH)], "batches")
    expect("given anew" not in ours.log_tail("provider", 1 << 20), "a call was given a second time")
    return seen


def worker_killed():
    """In the middle of a batch: it goes on with the same calls, and all end proving."""
    with Folder() as folder, farm.Farm(folder) as ours:
        batches_of(ours)
        with Gated(ours) as gated:
            gated.stand_still()
            ours.order(count=BATCH)
            calls = {job["ID"]["ID"] for job in gated.begun()}
            gated.worker.kill()
            gated.valve.allow(None)
            gated.worker.start()
            seen = went_on(ours, gated, calls)
            equal(set(seen["call.resumed"]), calls, "calls that went on")
            ours.wait(lambda: ours.all_proving(BATCH), SECONDS, f"all to be proving: {gated.worker.tail()}")


def node_killed():
    """In the middle of a batch: it takes up the same calls."""
    with Folder() as folder, farm.Farm(folder) as ours:
        batches_of(ours)
        with Gated(ours) as gated:
            gated.stand_still()
            ours.order(count=BATCH)
            calls = {job["ID"]["ID"] for job in gated.begun()}
            ours.kill("provider")
            ours.start("provider")
            gated.valve.allow(None)
            went_on(ours, gated, calls)


class Batching(PlayedWorker):
    """One that does batches, as far as the node sees."""

    def answer(self, method, parameters):
        if method == "Hello":
            return {"result": {"version": "0", "tasks": {}, "extensions": ["batch", "zero-sectors"]}}
        if method != "SealPreCommit1Batch":
            return super().answer(method, parameters)
        return {"result": [super(Batching, self).answer("SealPreCommit1", one)["result"] for one in parameters[0]]}


def one_of_it_lies():
    """A worker's labels of one sector are of other data: it is named, and that sector is labelled by another one at once."""
    with Folder() as folder, farm.Farm(folder) as ours:
        batches_of(ours)
        with Batching(ours, "liar") as liar:
            liar.lies = {"SealPreCommit1": lambda result, number: of_pc1(comm_d=[1] * 31 + [0])(result, number) if number == 2 else result}
            ours.order(count=BATCH)
            ours.wait(lambda: not liar.row()["Open"], 120, "the liar to be closed")
            expect("CommD" in liar.row()["Why"], f"why it is closed: {liar.row()}")
            equal(given(ours), [("liar", BATCH)], "batches")
            with Workers(ours, 1):
                ours.wait(lambda: next(r for r in ours.sectors("provider") if r["number"] == 2)["sealed_ms"], SECONDS, "that sector to be sealed")


if __name__ == "__main__":
    run_cases([("batch-over-workers", over_workers), ("batch-as-there-is-room", as_far_as_there_is_room), ("batch-one-canceled", one_is_canceled),
               ("batch-worker-killed", worker_killed), ("batch-node-killed", node_killed), ("batch-one-lies", one_of_it_lies)])
