"""Collects the evidence after the drain: all that the relay says about its jobs, over HTTP, and the file itself."""

import asyncio
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from .ledger import Ledger
from .receiver import Event, echo_of
from .wire import Connection

PAGE = 1000
READERS = 8


@dataclass(slots=True)
class Job:
    """What the list, the poll, the result and the journal say of one job."""

    number: int
    listed: str
    polled: str = ""
    result_status: int = 0
    echo: str = ""
    successes: int = 0
    maybe_billed: int = 0


@dataclass
class Evidence:
    """All that the checks look at; tests make it up."""

    ledger: Ledger
    jobs: dict[str, Job] = field(default_factory=dict)
    listed_twice: int = 0
    unfinished: dict[str, int] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    forged: int = 0
    repeated: int = 0
    reported: dict[str, int] = field(default_factory=dict)
    callbacks: dict[str, int] = field(default_factory=dict)
    executions: dict[int, int] = field(default_factory=dict)
    integrity: dict[str, list[str]] = field(default_factory=dict)
    crashes: list[str] = field(default_factory=list)
    mismatched: int = 0


def counts(status: str, what: str) -> dict[str, int]:
    """The numbers of one kind in `relay status`."""
    return {state: int(number) for state, number in re.findall(rf"^{what}\s+(\w+)\s+(\d+)$", status, re.M)}


def executions(stats: dict) -> dict[int, int]:
    """How many bodies were executed so many times, from the simulator's statistics."""
    return {int(times): bodies for times, bodies in stats["executions"]["histogram"].items()}


def integrity(file: Path) -> list[str]:
    """What SQLite itself finds wrong with a file; nothing, if all is well."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as database:
        rows = database.execute("PRAGMA integrity_check").fetchall()
        keys = database.execute("PRAGMA foreign_key_check").fetchall()
    return [row[0] for row in rows if row[0] != "ok"] + [f"foreign key: {row}" for row in keys]


class Auditor:
    """Reads the relay out. `tell` is called with how many jobs have been looked at."""

    def __init__(self, base: str, token: str, evidence: Evidence, tell: Callable[[int], None]) -> None:
        self.base, self.token, self.evidence, self.tell = base, token, evidence, tell
        self.looked_at = 0

    async def get(self, connection: Connection, path: str) -> tuple[int, bytes]:
        answer = await connection.get(path)
        return answer.status, answer.body

    async def collect(self) -> None:
        async with Connection(self.base, self.token) as connection:
            await self.list_all(connection)
            self.evidence.unfinished = {
                state: await self.count_listed(connection, state) for state in ("queued", "running")}
        todo = list(self.evidence.jobs.items())
        readers: list[Awaitable[None]] = [self.read_jobs(todo[first::READERS]) for first in range(READERS)]
        await asyncio.gather(*readers)

    async def list_all(self, connection: Connection) -> None:
        after = ""
        while True:
            page = await self.page(connection, f"limit={PAGE}{after}")
            for entry in page["data"]:
                self.evidence.listed_twice += entry["id"] in self.evidence.jobs
                self.evidence.jobs[entry["id"]] = Job(entry["metadata"]["n"], entry["status"])
            if not page["has_more"]:
                return
            after = f"&after={page['last_id']}"

    async def count_listed(self, connection: Connection, state: str) -> int:
        """How many jobs the list shows in an unfinished state; one page is enough to say that there are any."""
        return len((await self.page(connection, f"limit={PAGE}&status={state}"))["data"])

    async def page(self, connection: Connection, query: str) -> dict:
        status, body = await self.get(connection, f"/v1/jobs?{query}")
        if status != 200:
            raise SystemExit(f"chaos: the list was answered {status}: {body[:500]!r}")
        return json.loads(body)

    async def read_jobs(self, jobs: list[tuple[str, Job]]) -> None:
        async with Connection(self.base, self.token) as connection:
            for identifier, job in jobs:
                await self.read_job(connection, identifier, job)
                self.looked_at += 1
                self.tell(self.looked_at)

    async def read_job(self, connection: Connection, identifier: str, job: Job) -> None:
        status, body = await self.get(connection, f"/v1/jobs/{identifier}")
        job.polled = json.loads(body)["status"] if status == 200 else f"HTTP {status}"
        job.result_status, body = await self.get(connection, f"/v1/jobs/{identifier}/result")
        job.echo = echo_of(body.decode(errors="replace"))
        status, body = await self.get(connection, f"/v1/jobs/{identifier}/attempts")
        attempts = json.loads(body)["data"] if status == 200 else []
        job.successes = sum(attempt["verdict"] == "success" for attempt in attempts)
        job.maybe_billed = sum(attempt["maybe_billed"] for attempt in attempts)


def recount(evidence: Evidence) -> Counter[str]:
    """Jobs by state, as listed."""
    return Counter(job.listed for job in evidence.jobs.values())
