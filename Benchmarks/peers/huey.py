"""huey on SQLite with `fsync=True` (WAL, synchronous FULL): called by threads; a consumer with 16 worker threads.

One writer at a time holds the file, each enqueueing and each taking is a synced transaction of its own, so the disk's
sync rate is the limit for any number of clients. Clients are threads of one process that take turns by a lock: left to
SQLite's own way of waiting, 64 of them are far slower. Workers are one consumer with `-w 16`, threads as is its
default, and its usual polling (0.1 s when idle, then slower), which is what the idle start shows. Taking *removes* the
task before it runs: a crash loses it, unlike with the others.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from importlib import metadata

from huey import SqliteHuey
from huey.api import TaskWrapper

from peers.clients import in_threads, python_clients
from peers.load import Load, Producer
from peers.sqlite import SqlitePeer, check_synced


class Huey(SqlitePeer):
    worker_processes = 1
    library_version = metadata.version("huey")
    turn = threading.Lock()

    def start(self) -> None:
        check_synced(self.queue(lambda: None, lambda jobs: None)[0].storage.conn)

    def queue(self, started: Callable[[], None], finished: Callable[[int], None]) -> tuple[SqliteHuey, TaskWrapper]:
        queue = SqliteHuey("bench", filename=str(self.file), fsync=True, timeout=30)

        @queue.task(name="job")
        def job(body: str) -> None:
            started()
            finished(1)

        return queue, job

    def make(self) -> Producer:
        _, job = self.queue(lambda: None, lambda jobs: None)

        def produce() -> None:
            with self.turn:
                job(self.text)

        return produce

    def load(self, clients: int, seconds: float) -> Load:
        return python_clients(clients, seconds, in_threads(self.make), processes=1)

    @contextlib.contextmanager
    def producer(self) -> Iterator[Producer]:
        yield self.make()

    def work(self, concurrency: int, started: Callable[[], None], finished: Callable[[int], None]) -> None:
        queue, _ = self.queue(started, finished)
        queue.create_consumer(workers=concurrency, worker_type="thread", periodic=False).run()
