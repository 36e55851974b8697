"""The one procedure that every peer goes through, and the machine's own sync rate beside it."""

import contextlib
import os
import select
import shutil
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from peers.fleet import Fleet
from peers.install import FOLDER
from peers.load import WARM_UPS, Load, job_text, percentile
from peers.peer import WORKERS, Intake, Peer
from peers.server import PeerFailed

CLIENTS = 64
IDLE_SAMPLES = 100
IDLE_GAP_SECONDS = 0.02
"""Between two samples, so that the consumer waits again."""
ANSWER_SECONDS = 60
"""How long a started worker may take until its first job, and a lone job until it starts."""
DRAIN_TIMES = 4
"""After producing for S seconds, the workers get so many times S to finish; what is left then is told."""
Emit = Callable[..., None]


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A fresh folder on the repository's disk: /tmp may be memory, where a sync costs nothing."""
    path = Path(tempfile.mkdtemp(prefix="data-", dir=os.environ.get("RELAY_BENCH_DIR", FOLDER)))
    path.chmod(0o755)  # PostgreSQL runs as a user of its own and must get through
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running(kind: type[Peer]) -> Iterator[Peer]:
    with folder() as path:
        peer = kind(path, job_text())
        try:
            peer.start()
            yield peer
        finally:
            peer.stop()


@contextlib.contextmanager
def working(peer: Peer, workers: int, started: Callable[[], None] = lambda: None) -> Iterator[Fleet]:
    processes = min(workers, peer.worker_processes)
    fleet = Fleet(processes, lambda finished: peer.work(workers // processes, started, finished))
    try:
        yield fleet
    finally:
        fleet.stop()


def measure(kind: type[Peer], seconds: float, emit: Emit, say: Callable[[str], None]) -> None:
    """Emits the figures of one peer as they come. Each phase that needs an empty queue gets a new server."""
    with running(kind) as peer:
        emit(figure="version", version=peer.version(), embedded=peer.server is None, client=peer.client,
             job_bytes=len(peer.text), load_average=os.getloadavg()[0])
        backlog = enqueue(peer, seconds, emit, say)
        say("drain by 16 workers")
        drain(peer, backlog, seconds, emit)
    with running(kind) as peer:
        say("64 clients and 16 workers at once")
        end_to_end(peer, seconds, emit)
    with running(kind) as peer:
        say(f"{IDLE_SAMPLES} lone jobs for a waiting worker")
        idle_start(peer, emit)


def enqueue(intake: Intake, seconds: float, emit: Emit, say: Callable[[str], None]) -> int:
    """Returns how many jobs are queued now."""
    before, total = intake.stored_bytes(), 0
    for clients in (1, CLIENTS):
        say(f"enqueue, {clients} client{'s' if clients > 1 else ''}")
        load, server_cpu = with_server_cpu(intake, lambda: intake.load(clients, seconds))
        jobs = load.acknowledged + load.warm_ups
        total += jobs
        emit(figure="enqueue", clients=clients, **load.figures(), **cpu(server_cpu, load.client_cpu_seconds, jobs))
    emit(figure="disk", jobs=total, bytes_per_job=round((intake.stored_bytes() - before) / total))
    return total


def with_server_cpu(intake: Intake, run: Callable[[], Load]) -> tuple[Load, float | None]:
    before = intake.server_cpu_seconds()
    load = run()
    after = intake.server_cpu_seconds()
    return load, None if before is None or after is None else after - before


def cpu(server_seconds: float | None, client_seconds: float, jobs: int) -> dict[str, Any]:
    """Seconds of processor on both sides, and microseconds a job."""
    per_job = {"client_cpu_us_per_job": round(client_seconds / jobs * 1e6, 1)}
    if server_seconds is None:
        return {"server_cpu_seconds": None, **per_job}
    return {"server_cpu_seconds": round(server_seconds, 2),
            "server_cpu_us_per_job": round(server_seconds / jobs * 1e6, 1), **per_job}


def drain(peer: Peer, backlog: int, seconds: float, emit: Emit) -> None:
    """From the first finished job on, so that the start of the workers does not count; at most `seconds`."""
    with working(peer, WORKERS) as fleet:
        first = wait_for_first(fleet)
        began, server_before, client_before = time.monotonic(), peer.server_cpu_seconds(), fleet.cpu_seconds()
        while (finished := fleet.finished()) < backlog and time.monotonic() - began < seconds:
            time.sleep(0.002)
        took = time.monotonic() - began
        client_cpu, server_after = fleet.cpu_seconds() - client_before, peer.server_cpu_seconds()
    jobs = finished - first
    if jobs == 0:
        raise PeerFailed(f"all of the {backlog} jobs were drained before the clock ran; choose more --seconds")
    server_cpu = None if server_after is None else server_after - server_before
    emit(figure="drain", workers=WORKERS, jobs=jobs, seconds=round(took, 3), per_second=round(jobs / took),
         backlog=backlog, client_cpu_seconds=round(client_cpu, 2), **cpu(server_cpu, client_cpu, jobs))


def wait_for_first(fleet: Fleet) -> int:
    deadline = time.monotonic() + ANSWER_SECONDS
    while not (first := fleet.finished()):
        if time.monotonic() > deadline:
            raise PeerFailed(f"no job finished within {ANSWER_SECONDS} s of the workers' start")
        time.sleep(0.002)
    return first


def end_to_end(peer: Peer, seconds: float, emit: Emit) -> None:
    """Rate from the first enqueueing until the last job is finished."""
    with working(peer, WORKERS) as fleet:
        time.sleep(1)  # workers connect and wait
        load = peer.load(CLIENTS, seconds)
        enqueued, limit = load.acknowledged + load.warm_ups, time.monotonic() + DRAIN_TIMES * seconds
        while (finished := fleet.finished()) < enqueued and time.monotonic() < limit:
            time.sleep(0.002)
        took = time.monotonic() - load.began
    jobs = finished - load.warm_ups
    emit(figure="end-to-end", clients=CLIENTS, workers=WORKERS, jobs=jobs, seconds=round(took, 3),
         per_second=round(jobs / took), enqueued=load.acknowledged, unfinished=enqueued - finished)


def idle_start(peer: Peer, emit: Emit) -> None:
    """From just before a lone job is sent until the waiting worker has it in hand; the sync lies in between."""
    receiving, sending = os.pipe()
    latencies_us = []
    with (working(peer, 1, lambda: os.write(sending, struct.pack("q", time.monotonic_ns()))) as fleet,
          peer.producer() as produce):
        time.sleep(1)  # the worker connects and waits
        for _ in range(WARM_UPS + IDLE_SAMPLES):
            sent = time.monotonic_ns()
            produce()
            if not select.select([receiving], [], [], ANSWER_SECONDS)[0]:
                raise PeerFailed(f"a lone job did not start within {ANSWER_SECONDS} s; {fleet.finished()} did before")
            latencies_us.append((struct.unpack("q", os.read(receiving, 8))[0] - sent) // 1000)
            time.sleep(IDLE_GAP_SECONDS)
    os.close(receiving)
    os.close(sending)
    emit_idle(latencies_us, emit)


def emit_idle(latencies_us: list[int], emit: Emit) -> None:
    ordered = sorted(latencies_us[WARM_UPS:])
    emit(figure="idle-start", samples=len(ordered), p50_us=percentile(ordered, 50), p99_us=percentile(ordered, 99),
         mean_us=round(statistics.fmean(ordered)))


def sync_rate(seconds: float, emit: Emit) -> None:
    """Append 4 KB and fdatasync, one after another: what one client at the disk itself gets."""
    with folder() as path, appended(path / "log") as append:
        latencies_us, began = [], time.monotonic()
        while time.monotonic() - began < seconds:
            latencies_us.append(append())
        took = time.monotonic() - began
    ordered = sorted(latencies_us)
    emit(figure="sync", block_bytes=4096, seconds=round(took, 3), per_second=round(len(ordered) / took),
         p50_us=percentile(ordered, 50), p99_us=percentile(ordered, 99))


def lone_syncs(emit: Emit) -> None:
    """The same with a pause before each, as a lone job finds the disk: it takes longer to answer when it was idle."""
    with folder() as path, appended(path / "log") as append:
        latencies_us = []
        for _ in range(WARM_UPS + IDLE_SAMPLES):
            time.sleep(IDLE_GAP_SECONDS)
            latencies_us.append(append())
    emit_idle(latencies_us, emit)


@contextlib.contextmanager
def appended(path: Path) -> Iterator[Callable[[], int]]:
    """Appends 4 KB and syncs; returns the microseconds that took."""
    file, block = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND), os.urandom(4096)

    def append() -> int:
        sent = time.monotonic_ns()
        os.write(file, block)
        os.fdatasync(file)
        return (time.monotonic_ns() - sent) // 1000

    try:
        yield append
    finally:
        os.close(file)
