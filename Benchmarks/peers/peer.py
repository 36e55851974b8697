"""What every peer offers to the procedure in `measure`."""

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from peers.load import Load, Producer, WireRequest, closed_loop
from peers.server import Server, disk_bytes

WORKERS = 16


class Intake(Protocol):
    """What takes jobs and can be measured at it: a peer, or the relay."""

    def load(self, clients: int, seconds: float) -> Load:
        """Jobs enqueued by so many clients, each waiting for its acknowledgement before its next job."""

    def stored_bytes(self) -> int:
        """On disk now."""

    def server_cpu_seconds(self) -> float | None:
        """Since its start; None if there is no server apart from the clients."""


class Peer(ABC):
    """One queue on a fresh folder. Every job is `text`, and an acknowledgement means that it was synced to disk."""

    client = "Python"
    """In what the enqueueing clients are written; the record tells it, beside what they took of the processors."""
    worker_processes = WORKERS
    """How the 16 workers are spread: 16 processes of one, or fewer of several, as users of this peer do it."""
    server: Server | None = None
    """None: the queue lives in its clients, whose processor time holds all of it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder, self.text = folder, text

    @abstractmethod
    def start(self) -> None:
        """Starts the server and makes the queue. Leaves no connection open: clients are forked from here."""

    @abstractmethod
    def version(self) -> str: ...

    @abstractmethod
    def load(self, clients: int, seconds: float) -> Load: ...

    @abstractmethod
    def producer(self) -> AbstractContextManager[Producer]: ...

    @abstractmethod
    def work(self, concurrency: int, started: Callable[[], None], finished: Callable[[int], None]) -> None:
        """Takes jobs for ever in the calling process: `started` when one is in the worker's hand, `finished` with how
        many when the peer has been told that they are done (and has confirmed it, where it confirms)."""

    def stored_bytes(self) -> int:
        return disk_bytes(self.folder)

    def server_cpu_seconds(self) -> float | None:
        return self.server.cpu_seconds() if self.server else None

    def stop(self) -> None:
        if self.server:
            self.server.stop()


class WireClient(ABC):
    """Enqueues over plain sockets: the load comes from C and takes little of the processors."""

    client = "C"

    @abstractmethod
    def open(self) -> socket.socket:
        """A connection that is ready to enqueue."""

    @abstractmethod
    def enqueueing(self) -> WireRequest: ...

    def load(self, clients: int, seconds: float) -> Load:
        connections = [self.open() for _ in range(clients)]
        try:
            return closed_loop(connections, self.enqueueing(), seconds)
        finally:
            for connection in connections:
                connection.close()

    @contextmanager
    def producer(self) -> Iterator[Producer]:
        with self.open() as connection:
            wire = self.enqueueing()
            yield lambda: wire.call(connection)


class WirePeer(WireClient, Peer):
    """A peer whose clients are plain sockets."""
