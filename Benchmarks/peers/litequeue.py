"""litequeue on SQLite with synchronous FULL (its default is NORMAL): put; pop + done by 16 worker processes.

Each client has a connection of its own and each statement is a synced transaction; whoever finds the file locked
sleeps and tries again, so the tail of the acknowledgement is long. Clients are threads in two Python processes. Its pop
sorts all that waits, so a drain gets faster as the backlog shrinks. It has no way to wait: an idle worker asks every
5 ms.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from importlib import metadata

from litequeue import LiteQueue

from peers.clients import in_threads, python_clients
from peers.load import Load, Producer
from peers.sqlite import SqlitePeer, check_synced

POLL_SECONDS = 0.005
BUSY_SECONDS = 60


class LiteQueuePeer(SqlitePeer):
    library_version = metadata.version("litequeue")

    def start(self) -> None:
        queue = self.queue()
        check_synced(queue.conn)
        queue.close()

    def queue(self) -> LiteQueue:
        queue = LiteQueue(self.file, timeout=BUSY_SECONDS)
        queue.conn.execute("PRAGMA synchronous = FULL")
        return queue

    def make(self) -> Producer:
        queue = self.queue()
        return lambda: queue.put(self.text)

    def load(self, clients: int, seconds: float) -> Load:
        return python_clients(clients, seconds, in_threads(self.make))

    @contextlib.contextmanager
    def producer(self) -> Iterator[Producer]:
        yield self.make()

    def work(self, concurrency: int, started: Callable[[], None], finished: Callable[[int], None]) -> None:
        queue = self.queue()
        while True:
            message = queue.pop()
            if message is None:
                time.sleep(POLL_SECONDS)
                continue
            started()
            queue.done(message.message_id)
            finished(1)
