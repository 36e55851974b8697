"""Clients that measure: one that opens a connection for every call, one that keeps its connections, and their loads."""

import asyncio
import collections
import json
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

PATIENCE = 60.0
"""Seconds after which a call has failed; a program would have given up before."""


@dataclass
class Tally:
    """What came of some calls. Latency is of those that succeeded."""

    seconds: list[float] = field(default_factory=list)
    failures: collections.Counter = field(default_factory=collections.Counter)

    def figures(self, round_trip: float) -> dict:
        times, calls = sorted(self.seconds), len(self.seconds) + self.failures.total()
        figures = {"calls": calls, "failed": self.failures.total(), "failures": dict(self.failures),
                   "error_rate": round(self.failures.total() / max(1, calls), 5)}
        if times:
            average, p99 = sum(times) / len(times), times[min(len(times) - 1, int(len(times) * 0.99))]
            figures |= {"average_ms": round(average * 1000, 1), "p99_ms": round(p99 * 1000, 1),
                        "average_round_trips": round(average / round_trip, 3),
                        "p99_round_trips": round(p99 / round_trip, 3)}
        return figures


class Connection:
    """HTTP/1.1, one request at a time, as much of it as the relay and the simulator speak."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def post(self, headers: str, body: bytes) -> tuple[int, bytes]:
        head = f"POST /v1/messages HTTP/1.1\r\nhost: api.sim.test\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
        self.writer.write(head.encode() + body)
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        status = int(lines[0].split(" ")[1])
        if "chunked" in fields.get("transfer-encoding", ""):
            return status, await self.chunks()
        return status, await self.reader.readexactly(int(fields.get("content-length", "0")))

    async def chunks(self) -> bytes:
        parts = []
        while size := int(await self.reader.readline(), 16):
            parts.append(await self.reader.readexactly(size))
            await self.reader.readexactly(2)
        await self.reader.readline()
        return b"".join(parts)


class Native:
    """A program without a pool: a new connection, TLS included, for each call; no retries."""

    def __init__(self, address: str, key: str, context: ssl.SSLContext | None) -> None:
        self.address, self.context = address.rsplit(":", 1), context
        self.headers = common_headers(key) + "connection: close\r\n"

    async def __call__(self, body: bytes) -> tuple[int, bytes]:
        name = "api.sim.test" if self.context else None
        reader, writer = await asyncio.open_connection(*self.address, ssl=self.context, server_hostname=name)
        try:
            return await Connection(reader, writer).post(self.headers, body)
        finally:
            writer.transport.abort()


class Pooled:
    """A program that calls the relay and keeps its connections, as SDKs do; it leaves retries to the relay."""

    def __init__(self, base: str, token: str) -> None:
        self.address, self.idle = base.removeprefix("http://").rsplit(":", 1), list[Connection]()
        self.headers = common_headers(token)

    async def __call__(self, body: bytes) -> tuple[int, bytes]:
        connection = self.idle.pop() if self.idle else Connection(*await asyncio.open_connection(*self.address))
        try:
            answer = await connection.post(self.headers, body)
        except BaseException:
            connection.writer.transport.abort()
            raise
        self.idle.append(connection)
        return answer


Caller = Callable[[bytes], Awaitable[tuple[int, bytes]]]


def common_headers(key: str) -> str:
    return f"x-api-key: {key}\r\nanthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n"


def message(number: int | str, characters: int = 400) -> bytes:
    """A Messages body that no other number has."""
    text = f"{number} " + "lorem ipsum " * (characters // 12)
    content = [{"role": "user", "content": text}]
    return json.dumps({"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": content}).encode()


async def measured(call: Caller, body: bytes, tally: Tally) -> None:
    """One call: a success only with status 200 and a body that is whole."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            status, answer = await call(body)
        if status == 200 and json.loads(answer)["type"] == "message":
            tally.seconds.append(time.monotonic() - started)
        else:
            tally.failures[str(status)] += 1
    except (OSError, EOFError, ValueError, ssl.SSLError) as error:
        tally.failures[type(error).__name__] += 1


async def at_times(call: Caller, offsets: Iterator[float], name: str, step: Callable[[], None]) -> Tally:
    """Starts a call at each offset, whatever became of those before."""
    tally, began, running = Tally(), time.monotonic(), []
    for number, offset in enumerate(offsets):
        await asyncio.sleep(max(0, began + offset - time.monotonic()))
        running.append(asyncio.create_task(measured(call, message(f"{name}-{number}"), tally)))
        step()
    await asyncio.gather(*running)
    return tally


async def callers(call: Caller, count: int, seconds: float, name: str) -> Tally:
    """So many callers, each beginning its next call when the last has ended."""
    tally, until = Tally(), time.monotonic() + seconds

    async def one(caller: int) -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            await measured(call, message(f"{name}-{caller}-{number}"), tally)

    await asyncio.gather(*(one(caller) for caller in range(count)))
    return tally


def evenly(rate: float, seconds: float, seed: int) -> Iterator[float]:
    """About `rate` calls a second, each moved by chance by up to half the distance."""
    chance = random.Random(seed)
    return ((number + chance.random() / 2) / rate for number in range(int(rate * seconds)))


def with_bursts(rate: float, seconds: float, seed: int, burst: int, every: float) -> list[float]:
    """The same, with `burst` calls at once at regular times on top."""
    bursts = [every / 2 + number * every for number in range(int(seconds / every + 0.5))]
    return sorted([*evenly(rate, seconds, seed), *(time for time in bursts for _ in range(burst))])
