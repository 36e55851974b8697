"""The clients: single submissions that are repeated under one Idempotency-Key until answered, and NDJSON bulk."""

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from .ledger import Fate, Ledger, Submission
from .plan import Plan
from .wire import Answer, Connection, Dropped, Refused

MODEL = "claude-sonnet-5"
# A client that leaves without reading the answer, and one that asks again though it had an answer.
LEAVE_SHARE, REPEAT_SHARE = 0.02, 0.02
LEAVE_SECONDS = 0.01
BULK_LINES = 200
PAUSE_SECONDS = 0.03
# So far may the load be ahead of the killer, in kills and as a share of them: else a fast relay would be done before
# the kills are.
KILLS_AHEAD, SHARE_AHEAD = 4, 0.1
# So many bulk submissions at least, however few the jobs are.
FEWEST_BULKS = 20


class UnexpectedAnswer(Exception):
    """The relay answered what this harness cannot explain: the run ends there."""


def request_body(seed: int, number: int, chance: random.Random) -> bytes:
    """A Messages body that no other submission has."""
    filler = "".join(chance.choices("abcdefgh ", k=chance.randrange(200)))
    message = {"role": "user", "content": f"chaos {seed} {number} {filler}"}
    return json.dumps({"model": MODEL, "max_tokens": 16, "messages": [message]}).encode()


@dataclass
class Quota:
    """How many jobs one kind of client brings, and how many are acknowledged or on the way to it."""

    jobs: int
    promised: int = 0

    def take(self, size: int) -> int:
        size = min(size, self.jobs - self.promised)
        self.promised += size
        return size


class Load:
    """Submits, half of them singly and half in bulk, until `jobs` are acknowledged; never far ahead of the killer."""

    def __init__(self, plan: Plan, base: str, token: str, kills_begun: Callable[[], int]) -> None:
        self.plan, self.base, self.token, self.kills_begun = plan, base, token, kills_begun
        self.ledger = Ledger()
        self.numbers = count()
        self.singles, self.bulks = Quota(plan.jobs - plan.jobs // 2), Quota(plan.jobs // 2)
        self.left = self.repeated = self.retried = self.mismatched = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for client in range(self.plan.clients):
                chance, is_bulk = self.plan.chance(f"client-{client}"), client % 4 == 0
                group.create_task(self.client(chance, is_bulk, self.bulks if is_bulk else self.singles))

    async def client(self, chance: random.Random, is_bulk: bool, quota: Quota) -> None:
        lines = min(BULK_LINES, max(1, quota.jobs // FEWEST_BULKS)) if is_bulk else 1
        async with Connection(self.base, self.token) as connection:
            while self.ledger.acknowledged < self.plan.jobs:
                size = 0 if self.is_ahead(quota) else quota.take(chance.randint(1, lines))
                if size == 0:  # others may yet give some of the quota back
                    await asyncio.sleep(PAUSE_SECONDS)
                    continue
                taken = await (self.bulk(connection, chance, size) if is_bulk else self.single(connection, chance))
                self.ledger.acknowledged += taken
                quota.promised -= size - taken

    def is_ahead(self, quota: Quota) -> bool:
        kills = self.plan.kills
        ahead = max(1, min(KILLS_AHEAD, kills * SHARE_AHEAD))
        return kills > 0 and quota.promised * kills > (self.kills_begun() + ahead) * quota.jobs

    def job(self, chance: random.Random) -> tuple[int, Submission, bytes]:
        """A new submission, and the job's text. The request's bytes stand in it as they are."""
        number = next(self.numbers)
        body = request_body(self.plan.seed, number, chance)
        return number, self.ledger.open(number, body), b'{"request":%b,"metadata":{"n":%d}}' % (body, number)

    async def single(self, connection: Connection, chance: random.Random) -> int:
        """One job under a key, until it is acknowledged, and now and then once more."""
        number, submission, text = self.job(chance)
        key = f"chaos-{self.plan.seed}-{number}"
        repeats = 1 + (chance.random() < REPEAT_SHARE)
        self.repeated += repeats - 1
        while repeats:
            if chance.random() < LEAVE_SHARE:
                submission.sends += await self.leave(connection, chance, text, idempotency_key=key)
            repeats -= await self.post_single(connection, submission, text, key)
        return 1

    async def leave(self, connection: Connection, chance: random.Random, text: bytes, **headers: str) -> bool:
        """Sends a submission and soon closes the connection, without reading an answer. False if it was not sent."""
        try:
            await connection.send("POST", "/v1/jobs", text, **headers)
        except (Dropped, Refused):
            return False
        await asyncio.sleep(chance.uniform(0, LEAVE_SECONDS))
        connection.close()
        self.left += 1
        return True

    async def post_single(self, connection: Connection, submission: Submission, text: bytes, key: str) -> bool:
        answer = await self.post(connection, text, idempotency_key=key, content_type="application/json")
        submission.sends += 1
        if answer is None or answer.status == 503:
            self.retried += 1
            await asyncio.sleep(PAUSE_SECONDS)
            return False
        if answer.status not in (200, 202):
            raise UnexpectedAnswer(f"a single submission was answered {answer.status}: {answer.body[:500]!r}")
        submission.acknowledge(json.loads(answer.body)["id"])
        return True

    async def bulk(self, connection: Connection, chance: random.Random, size: int) -> int:
        """Some jobs as NDJSON. What is unanswered stays so: its numbers are not used again."""
        jobs = [self.job(chance) for _ in range(size)]
        text = b"\n".join(job[2] for job in jobs) + b"\n"
        for _, submission, _ in jobs:
            submission.sends += 1
        form = {"content_type": "application/x-ndjson"}
        if chance.random() < LEAVE_SHARE and await self.leave(connection, chance, text, **form):
            return 0
        answer = await self.post(connection, text, **form)
        if answer is None:
            await asyncio.sleep(PAUSE_SECONDS)
            return 0
        if answer.status not in (202, 503):
            raise UnexpectedAnswer(f"a bulk submission was answered {answer.status}: {answer.body[:500]!r}")
        return self.note_lines(answer, [submission for _, submission, _ in jobs])

    def note_lines(self, answer: Answer, submissions: list[Submission]) -> int:
        """Books the answer lines. Returns how many jobs were taken."""
        lines = [json.loads(line) for line in answer.body.splitlines()] if "x-relay-accepted" in answer.headers else []
        for submission in submissions:
            submission.fate = Fate.REFUSED
        for line in lines:
            if "id" in line:
                submissions[line["line"] - 1].acknowledge(line["id"])
        taken = sum("id" in line for line in lines)
        if lines and len(lines) != len(submissions):
            self.mismatched += 1
        return taken

    async def post(self, connection: Connection, text: bytes, **headers: str) -> Answer | None:
        """Waits for a relay that accepts the connection. None: the connection broke, nobody knows what was taken."""
        while True:
            try:
                return await connection.request("POST", "/v1/jobs", text, **headers)
            except Refused:
                await asyncio.sleep(PAUSE_SECONDS)
            except Dropped:
                return None
