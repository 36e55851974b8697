"""A peer's server process: started on loopback with its data in a folder, watched, and ended by its process id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 30
TICKS = os.sysconf("SC_CLK_TCK")


class PeerFailed(Exception):
    """A peer that did not start, ended, or refused; says which and shows its last words."""


class Server:
    """One program and the processes that it starts in turn."""

    def __init__(self, command: Sequence[str | Path], folder: Path, *, environment: Mapping[str, str] | None = None,
                 user: str | None = None, stop_signal: signal.Signals = signal.SIGTERM) -> None:
        self.name, self.stop_signal = Path(command[0]).name, stop_signal
        self.log = folder / f"{self.name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=folder, user=user,
                group=user, extra_groups=[] if user else None, env={**os.environ, **(environment or {})})

    def wait_until(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise PeerFailed(f"{self.name} did not start: {self.log.read_text(errors='replace')[-600:].strip()}")
            time.sleep(0.02)

    def cpu_seconds(self) -> float:
        return tree_cpu_seconds(self.process.pid)

    def stop(self) -> None:
        """Asks, then kills; then kills what it left behind."""
        others = descendants(self.process.pid)
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in others:
            end_process(pid)


def end_process(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it ended by itself, as it should


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def connect(port: int) -> socket.socket:
    """A connection that sends at once: without this, small requests may wait for an acknowledgement of TCP."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def process_table() -> dict[int, tuple[int, float]]:
    """Every process with its parent and the seconds of processor that it and its ended children took."""
    table = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended meanwhile
            table[int(folder.name)] = int(fields[1]), sum(map(int, fields[11:15])) / TICKS
    return table


def descendants(root: int, table: Mapping[int, tuple[int, float]] | None = None) -> list[int]:
    """The processes below `root`, by parent: PostgreSQL and RabbitMQ put theirs into sessions of their own."""
    table = process_table() if table is None else table
    found, layer = [], {root}
    while layer:
        layer = {pid for pid, (parent, _) in table.items() if parent in layer}
        found.extend(layer)
    return found


def tree_cpu_seconds(root: int) -> float:
    table = process_table()
    return sum(table[pid][1] for pid in [root, *descendants(root, table)] if pid in table)


def disk_bytes(*folders: Path) -> int:
    """What the files take on disk, in blocks: sparse and preallocated files count as what they occupy."""
    total = 0
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for name in names:
                try:
                    total += os.stat(os.path.join(parent, name)).st_blocks * 512
                except FileNotFoundError:
                    pass  # servers remove files of their own
    return total
