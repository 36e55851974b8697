"""One run from start to verdict: start, load and kill, drain, collect, check."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .audit import Auditor, Evidence, counts, executions, integrity
from .checks import Check, check_all
from .killer import Killer
from .ledger import Fate, Ledger
from .load import Load
from .plan import Plan
from .programs import Programs
from .progress import Progress
from .receiver import Receiver
from .wire import Connection

DRAIN_POLL_SECONDS = 0.25


class Stalled(Exception):
    """Nothing has moved for so long that nothing will."""


@dataclass
class Outcome:
    """What is printed: the checks and the figures."""

    checks: list[Check]
    figures: dict[str, object] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def as_json(self) -> dict:
        return {"ok": self.ok, **self.figures, "checks": [check.as_json() for check in self.checks]}


class Run:
    """The parts of a run on one folder."""

    def __init__(self, plan: Plan, folder: Path, progress: Progress) -> None:
        self.plan, self.progress = plan, progress
        self.programs = Programs(plan, folder)
        self.receiver = Receiver(plan.chance("receiver"))
        self.marks: dict[str, float] = {}
        self.token = ""
        self.load: Load
        self.killer: Killer

    async def __call__(self) -> Outcome:
        try:
            await self.begin()
            trouble = await self.work()
            evidence = await self.collect()
            return Outcome([*trouble, *check_all(evidence)], self.figures(evidence))
        finally:
            self.receiver.close()
            self.programs.stop()

    async def begin(self) -> None:
        self.token = await self.programs.start()
        url = await self.receiver.listen()
        async with Connection(self.programs.base, self.token) as connection:
            answer = await connection.request(
                "POST", "/v1/webhooks", json.dumps({"url": url}).encode(), content_type="application/json")
        if answer.status != 201:
            raise SystemExit(f"chaos: the endpoint was not registered: {answer.status} {answer.body!r}")
        self.receiver.know_secret(json.loads(answer.body)["secret"])
        self.load = Load(self.plan, self.programs.base, self.token, lambda: self.killer.begun)
        self.killer = Killer(self.programs, self.plan.kills, self.plan.chance("killer"), self.done_share)

    def done_share(self) -> float:
        """0 to 1; submission and end of a job count the same. A callback stands for the end, being cheap to count."""
        return (self.load.ledger.acknowledged + len(self.receiver.events)) / (2 * self.plan.jobs)

    async def work(self) -> list[Check]:
        """Load, kills and drain. Returns a failed check if it came to a halt, or if an answer was not understood."""
        self.marks["start"] = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self.watch())
                await asyncio.gather(self.submit(), self.killer.run())
                await self.drain()
                watch.cancel()
        except ExceptionGroup as errors:
            return [Check("the run came to its end", False, "; ".join(leaves(errors)))]
        finally:
            self.marks["drained"] = time.monotonic()
        return []

    async def submit(self) -> None:
        await self.load.run()
        self.marks["submitted"] = time.monotonic()

    async def watch(self) -> None:
        """Shows progress, revives what crashed, and ends the run if nothing moves."""
        last, moved_at = None, time.monotonic()
        while True:
            await asyncio.sleep(DRAIN_POLL_SECONDS)
            self.programs.revive_crashed()
            now = (self.load.ledger.acknowledged, len(self.receiver.events), self.killer.done)
            if now != last:
                last, moved_at = now, time.monotonic()
            elif time.monotonic() - moved_at > self.plan.stall_seconds:
                raise Stalled(f"nothing moved for {self.plan.stall_seconds:.0f} s: {self.state_line()}")
            self.progress.show(self.done_share(), self.state_line())

    def state_line(self) -> str:
        return (f"{self.load.ledger.acknowledged} acknowledged, {len(self.receiver.events)} called back, "
                f"{self.killer.done}/{self.plan.kills} kills")

    async def drain(self) -> None:
        """Until the relay itself says that neither jobs nor callbacks are left."""
        while True:
            status = await asyncio.to_thread(self.programs.cli, "status")
            jobs, callbacks = counts(status, "jobs"), counts(status, "callbacks")
            if not (jobs.get("queued") or jobs.get("running") or callbacks.get("pending")):
                return
            await asyncio.sleep(DRAIN_POLL_SECONDS)

    async def collect(self) -> Evidence:
        evidence = Evidence(
            self.load.ledger, events=self.receiver.events, forged=self.receiver.forged,
            repeated=self.receiver.repeated, crashes=self.programs.crashes, mismatched=self.load.mismatched)
        status = await asyncio.to_thread(self.programs.cli, "status")
        evidence.reported, evidence.callbacks = counts(status, "jobs"), counts(status, "callbacks")
        total = max(1, sum(evidence.reported.values()))
        auditor = Auditor(self.programs.base, self.token, evidence,
                          lambda number: self.progress.show(number / total, f"{number} jobs checked"))
        await auditor.collect()
        async with Connection(self.programs.upstream) as connection:
            evidence.executions = executions(json.loads((await connection.get("/sim/stats")).body))
        for file in sorted(self.programs.data.glob("*.sqlite")):
            evidence.integrity[file.name] = await asyncio.to_thread(integrity, file)
        self.marks["checked"] = time.monotonic()
        self.progress.end()
        return evidence

    def figures(self, evidence: Evidence) -> dict[str, object]:
        marks, ledger = self.marks, self.load.ledger
        kills: Counter[str] = Counter()
        for victim in self.programs.victims:
            kills[victim.kind] += victim.kills
        seconds = marks["drained"] - marks["start"]
        return {
            "seed": self.plan.seed, "command": self.plan.command(), "jobs": len(evidence.jobs),
            "acknowledged": ledger.acknowledged, "unanswered": ledger.count(Fate.UNANSWERED),
            "refused": ledger.count(Fate.REFUSED), "kills": dict(kills),
            "restarts": sum(victim.starts - 1 for victim in self.programs.victims),
            "submissions_left": self.load.left, "submissions_retried": self.load.retried,
            "submissions_repeated": self.load.repeated, "callbacks_repeated": self.receiver.repeated,
            "callbacks_refused_on_purpose": self.receiver.refused,
            "executed_extra": sum((times - 1) * number for times, number in evidence.executions.items()),
            "jobs_per_second": round(len(evidence.jobs) / seconds, 1),
            "seconds": {"submit": round(marks.get("submitted", marks["drained"]) - marks["start"], 1),
                        "until_drained": round(seconds, 1),
                        "check": round(marks["checked"] - marks["drained"], 1)},
        }


def leaves(group: BaseExceptionGroup) -> list[str]:
    """The errors in a group of groups, as text."""
    found = []
    for error in group.exceptions:
        found += leaves(error) if isinstance(error, BaseExceptionGroup) else [f"{type(error).__name__}: {error}"]
    return found


def run(plan: Plan, folder: Path, progress: Progress) -> Outcome:
    return asyncio.run(Run(plan, folder, progress)())
