"""A wide-area network on loopback: each path is a port behind which every byte travels for half a round trip.

netem does this in the kernel, where the kernel has it. Here a connection is accepted at once, so its first bytes are
held back for the round trip that its handshake would have taken. With a certificate the far end of every path speaks
TLS; bytes then travel as ciphertext, and the handshake of TLS costs its own round trips, as it does in reality.

Runs as a process of its own. Prints one JSON line with its ports; each line on standard input sets a path's state:
  {"path": 0, "state": "up" | "down" | "stalled" | "slow"}
"""

import argparse
import asyncio
import collections
import json
import ssl
import sys
from typing import Any

SLOW = 5
"""How many times its usual delay a slow path has."""


class Path:
    """One way through the network. Down: connections are reset, new ones too. Stalled: nothing arrives meanwhile."""

    def __init__(self, one_way: float) -> None:
        self.one_way, self.state, self.ends = one_way, "up", set[End]()

    def delay(self) -> float:
        return self.one_way * (SLOW if self.state == "slow" else 1)

    def set(self, state: str) -> None:
        self.state = state
        for end in list(self.ends):
            if state == "down":
                end.transport.abort()
            else:
                end.pump()


class End(asyncio.Protocol):
    """One end of a connection; what it receives leaves at the other end when it has travelled."""

    def __init__(self, path: Path, held: float = 0) -> None:
        self.path, self.held = path, held
        self.other: End | None = None
        self.underway = collections.deque[tuple[float, bytes | None]]()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.path.ends.add(self)
        if self.other:
            self.other.pump()

    def data_received(self, data: bytes) -> None:
        self.send(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.path.ends.discard(self)
        self.send(None)

    def send(self, data: bytes | None) -> None:
        loop = asyncio.get_running_loop()
        # Never before what was sent earlier: order is kept when a path becomes faster.
        earliest = self.underway[-1][0] if self.underway else 0
        arrival = max(max(loop.time(), self.held) + self.path.delay(), earliest)
        self.underway.append((arrival, data))
        loop.call_at(arrival, self.pump)

    def pump(self) -> None:
        """Delivers what has arrived; None ends the connection."""
        other, now = self.other, asyncio.get_running_loop().time() + 1e-4
        if other is None or other.transport is None or self.path.state == "stalled":
            return
        while self.underway and self.underway[0][0] <= now:
            data = self.underway.popleft()[1]
            if data is None:
                other.transport.close()
            elif not other.transport.is_closing():
                other.transport.write(data)


async def forward(path: Path, near: End, host: str, port: int) -> None:
    far = End(path)
    near.other, far.other = far, near
    try:
        await asyncio.get_running_loop().create_connection(lambda: far, host, port)
    except OSError:
        near.transport.abort()


class Entry(End):
    """The near end: where a client connects."""

    def __init__(self, path: Path, target: tuple[str, int]) -> None:
        super().__init__(path, held=asyncio.get_running_loop().time() + 2 * path.delay())
        self.target = target

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.path.state == "down":
            return self.transport.abort()
        self.opening = asyncio.ensure_future(forward(self.path, self, *self.target))


async def terminate_tls(target: tuple[str, int], certificate: str, key: str) -> tuple[str, int]:
    """A TLS server without a delay that passes plain bytes on to `target`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    plain = Path(0)
    server = await asyncio.get_running_loop().create_server(
        lambda: Entry(plain, target), "127.0.0.1", 0, ssl=context, backlog=1024)
    return server.sockets[0].getsockname()[:2]


async def obey(paths: list[Path]) -> None:
    """Ends with standard input."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        paths[order["path"]].set(order["state"])


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", help="HOST:PORT at the far end")
    parser.add_argument("--rtt", type=float, default=0.2, help="round trip in seconds (default 0.2)")
    parser.add_argument("--paths", type=int, default=1, help="ports to open (default 1)")
    parser.add_argument("--certificate", help="PEM file: the far end speaks TLS")
    parser.add_argument("--key", help="PEM file of the certificate's key")
    chosen = parser.parse_args()
    host, _, port = chosen.target.rpartition(":")
    target = (host, int(port))
    if chosen.certificate:
        target = await terminate_tls(target, chosen.certificate, chosen.key)
    paths, ports = [Path(chosen.rtt / 2) for _ in range(chosen.paths)], []
    for number, path in enumerate(paths):
        # Addresses of their own, as entry addresses have.
        server = await asyncio.get_running_loop().create_server(
            lambda path=path: Entry(path, target), f"127.0.0.{number + 11}", 0, backlog=1024)
        ports.append(":".join(map(str, server.sockets[0].getsockname()[:2])))
    print(json.dumps({"paths": ports}), flush=True)
    await obey(paths)


if __name__ == "__main__":
    asyncio.run(main())
