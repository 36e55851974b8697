"""Redis 7 Streams, `appendfsync always`: XADD, then XREADGROUP of 10 and XACK + XDEL by 16 consumers of one group.

Redis writes and syncs its log once for all commands that one turn of its event loop has read, before it answers them:
a group commit. One thread does everything, so with 64 clients that processor is the limit, and with one client the
sync. Consumers are processes with redis-py's bare connection and hiredis; taking and acknowledging are logged and
synced, too. XDEL belongs to completing: without it the stream keeps the job.
"""

import os
import socket
from collections.abc import Callable

import redis

from peers.load import WireRequest
from peers.peer import WirePeer
from peers.server import PeerFailed, Server, accepts, connect, free_port

BATCH = 10


class RedisStreams(WirePeer):
    def start(self) -> None:
        self.port = free_port()
        options = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.folder), "appendonly": "yes",
                   "appendfsync": "always", "save": "", "daemonize": "no"}
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self.server = Server(["redis-server", *arguments], self.folder)
        self.server.wait_until(lambda: accepts(self.port))
        with self.commands() as client:
            client.xgroup_create("jobs", "workers", id="0", mkstream=True)

    def version(self) -> str:
        with self.commands() as client:
            return client.info("server")["redis_version"]

    def commands(self) -> redis.Redis:
        return redis.Redis(port=self.port)

    def open(self) -> socket.socket:
        return connect(self.port)

    def enqueueing(self) -> WireRequest:
        parts = [b"XADD", b"jobs", b"*", b"body", self.text.encode()]
        request = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        return WireRequest(request, beginning=b"$", ending=b"\r\n", minimum=20)

    def work(self, concurrency: int, started: Callable[[], None], finished: Callable[[int], None]) -> None:
        connection = redis.Connection(port=self.port, protocol=2)
        connection.connect()
        take = connection.pack_command("XREADGROUP", "GROUP", "workers", f"worker-{os.getpid()}", "COUNT", BATCH,
                                       "BLOCK", 0, "STREAMS", "jobs", ">")
        while True:
            connection.send_packed_command(take)
            [[_, entries]] = connection.read_response()
            started()
            identifiers = [identifier for identifier, _ in entries]
            done = [("XACK", "jobs", "workers", *identifiers), ("XDEL", "jobs", *identifiers)]
            connection.send_packed_command(connection.pack_commands(done))
            acknowledged, removed = connection.read_response(), connection.read_response()
            if not acknowledged == removed == len(identifiers):
                raise PeerFailed(f"Redis acknowledged {acknowledged} and removed {removed} of {len(identifiers)} jobs")
            finished(len(identifiers))
