"""litequeue on SQLite with synchronous FULL (its default is NORMAL): put; pop + done by 16 worker processes.

Each statement is a synced transaction, and one writer at a time holds the file: the disk's sync rate is the limit for
any number of clients. Clients are threads of one process that take turns at one connection by a lock: with one
connection each, whoever finds the file locked sleeps, and 64 of them are far slower. The 16 workers are processes and
do wait in that way; pop moreover sorts all that waits. It has no way to wait for work: an idle worker asks every 5 ms.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from importlib import metadata

from litequeue import LiteQueue

from peers.clients import Begin, in_threads, python_clients
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

    def load(self, clients: int, seconds: float) -> Load:
        def run(share: int, begin: Begin) -> list[int]:
            with self.producer() as produce:
                return in_threads(lambda: produce)(share, begin)

        return python_clients(clients, seconds, run, processes=1)

    @contextlib.contextmanager
    def producer(self) -> Iterator[Producer]:
        turn = threading.Lock()
        with contextlib.closing(self.queue()) as queue:
            def produce() -> None:
                with turn:
                    queue.put(self.text)

            yield produce

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
