"""The webhook receiver: verifies Standard Webhooks signatures at thousands a second, and remembers what came."""

import asyncio
import base64
import hashlib
import hmac
import json
import random
import time
from dataclasses import dataclass, field
from datetime import datetime

from .wire import parse_head

TOLERANCE_SECONDS = 300
# So many first deliveries are answered with 500: what comes again must have the same id. One that comes late is not the
# first, though it is the first to arrive: a kill ended that one. A second failure would make the relay wait for 300 s.
REFUSED_SHARE, LATE_SECONDS = 0.005, 4


@dataclass(slots=True)
class Event:
    """What was delivered under one webhook-id. Sets, because a repetition must add nothing."""

    jobs: set[str] = field(default_factory=set)
    states: set[str] = field(default_factory=set)
    echoes: set[str] = field(default_factory=set)
    accepted: int = 0


def echo_of(text: str) -> str:
    """The fingerprint in an answer of claude-sim; empty if there is none."""
    _, found, rest = text.partition("echo:")
    return rest[:16] if found else ""


def is_signed(secret: bytes, headers: dict[str, str], body: bytes, now: float) -> bool:
    """Whether a delivery carries a fresh v1 signature of the endpoint's secret."""
    stamp = headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(now - int(stamp)) > TOLERANCE_SECONDS:
        return False
    signed = f"{headers.get('webhook-id', '')}.{stamp}.".encode() + body
    right = "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    return any(hmac.compare_digest(right.encode(), given.encode())
               for given in headers.get("webhook-signature", "").split())


class Receiver:
    """All events so far, by webhook-id."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.secret = b""
        self.events: dict[str, Event] = {}
        self.forged = self.repeated = self.refused = 0
        self.server: asyncio.Server | None = None

    async def listen(self) -> str:
        """Returns the URL to register."""
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Delivery(self), "127.0.0.1", 0, backlog=1024)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/callback"

    def know_secret(self, text: str) -> None:
        """The endpoint's secret, as the relay told it: `whsec_` and base64."""
        self.secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Notes a delivery; returns the status to answer with."""
        if not is_signed(self.secret, headers, body, time.time()):
            self.forged += 1
            return 401
        payload = json.loads(body)
        data, age = payload["data"], time.time() - datetime.fromisoformat(payload["timestamp"]).timestamp()
        known = headers["webhook-id"] in self.events
        event = self.events.setdefault(headers["webhook-id"], Event())
        event.jobs.add(data["id"])
        event.states.add(data["status"])
        event.echoes.add(echo_of(json.dumps(data.get("result"))))
        if not known and age < LATE_SECONDS and self.chance.random() < REFUSED_SHARE:
            self.refused += 1
            return 500
        self.repeated += event.accepted > 0
        event.accepted += 1
        return 204

    def close(self) -> None:
        if self.server:
            self.server.close()


class Delivery(asyncio.Protocol):
    """One connection. The parsing is by hand because it is most of the cost."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver, self.buffer = receiver, b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            _, headers = parse_head(self.buffer[:end])
            whole = end + 4 + int(headers.get("content-length", "0"))
            if len(self.buffer) < whole:
                return
            body, self.buffer = self.buffer[end + 4:whole], self.buffer[whole:]
            status = self.receiver.take(headers, body)
            length = "" if status == 204 else "content-length: 0\r\n"
            if self.transport:
                self.transport.write(f"HTTP/1.1 {status} Noted\r\n{length}\r\n".encode())
