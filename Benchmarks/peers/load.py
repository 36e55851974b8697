"""The load of clients in a closed loop, from C where the peer speaks a protocol over a socket; and what it came to."""

import base64
import json
import os
import random
import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from peers.install import load_generator
from peers.server import PeerFailed

JOB_BYTES = 2048
WARM_UPS = 5
"""Jobs that each client enqueues before the clock starts: connections and plans cost most at first."""
Producer = Callable[[], None]
"""Enqueues one job; returns when it is acknowledged as durable."""


def job_text() -> str:
    """The job that all peers get: JSON of 2,048 bytes whose text no store can compress away."""
    def encode(content: str) -> str:
        messages = [{"role": "user", "content": content}]
        request = {"model": "claude-sonnet-5", "max_tokens": 64, "messages": messages}
        return json.dumps({"request": request}, separators=(",", ":"))

    noise = base64.b64encode(random.Random(1).randbytes(JOB_BYTES)).decode()
    return encode(noise[:JOB_BYTES - len(encode(""))])


@dataclass(frozen=True)
class Load:
    """What producers in a closed loop got acknowledged."""

    acknowledged: int
    warm_ups: int
    """Jobs that were enqueued before, and are not among the acknowledged."""
    began: float
    """In the time of `time.monotonic`."""
    seconds: float
    p50_us: int
    p99_us: int
    max_us: int
    client_cpu_seconds: float

    def figures(self) -> dict[str, float]:
        fields = asdict(self)
        del fields["began"]
        return {"per_second": round(self.acknowledged / self.seconds), **fields}


@dataclass(frozen=True)
class WireRequest:
    """A request as it goes over the wire, and how its acknowledgement begins, ends and how long it is at least."""

    request: bytes
    beginning: bytes
    ending: bytes
    minimum: int

    def call(self, connection: socket.socket) -> None:
        """Sends it once and waits for the acknowledgement."""
        connection.sendall(self.request)
        reply = b""
        while len(reply) < self.minimum or not reply.endswith(self.ending):
            part = connection.recv(4096)
            reply += part
            if not part or not reply.startswith(self.beginning[:len(reply)]):
                raise PeerFailed(f"not acknowledged: {reply[:200]!r}")


def closed_loop(connections: Sequence[socket.socket], wire: WireRequest, seconds: float) -> Load:
    """Runs the load generator in C on open connections."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(wire.request)
        file.flush()
        numbers = [connection.fileno() for connection in connections]
        command = [load_generator(), str(seconds), str(WARM_UPS * len(numbers)), file.name, wire.beginning.hex(),
                   wire.ending.hex(), str(wire.minimum), *map(str, numbers)]
        for connection in connections:
            connection.setblocking(True)
        program = subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=numbers)
        text = program.stdout.read()
        _, status, usage = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode:
        raise PeerFailed("the load generator stopped; its reason stands above")
    return Load(**json.loads(text), client_cpu_seconds=round(usage.ru_utime + usage.ru_stime, 3))


def percentile(ordered: Sequence[int], percent: int) -> int:
    return ordered[(len(ordered) - 1) * percent // 100]
