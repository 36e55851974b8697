"""Clients that are Python because the peer is a Python library: threads or tasks, in one process or two."""

import array
import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from peers.fleet import FORK
from peers.load import WARM_UPS, Load, Producer, percentile
from peers.server import PeerFailed

Begin = Callable[[], float]
"""Waits until all clients are connected; returns the time to stop at."""
Share = Callable[[int, Begin], list[int]]
"""Runs so many clients in one process; returns the latencies in microseconds."""
AsyncProducer = Callable[[], Coroutine[Any, Any, None]]
Connecting = Callable[[int], contextlib.AbstractAsyncContextManager[Sequence[AsyncProducer]]]
"""Connects so many clients; a producer for each."""


def python_clients(clients: int, seconds: float, run: Share, processes: int) -> Load:
    """Spreads the clients over processes and adds up what they got acknowledged."""
    processes = min(clients, processes)
    barrier = FORK.Barrier(processes)

    def child(share: int, result: Any) -> None:
        began = []

        def begin() -> float:
            barrier.wait(60)
            began.extend((time.monotonic(), time.process_time()))
            return began[0] + seconds

        latencies = array.array("Q", run(share, begin))
        result.send((latencies.tobytes(), began[0], time.monotonic(), time.process_time() - began[1]))

    receivers, children = [], []
    for number in range(processes):
        receiver, sender = FORK.Pipe(duplex=False)
        share = clients // processes + (number < clients % processes)
        children.append(FORK.Process(target=child, args=(share, sender)))
        children[-1].start()
        sender.close()
        receivers.append(receiver)
    try:
        parts = [receiver.recv() for receiver in receivers]
    except EOFError:
        raise PeerFailed("a producer failed; its reason stands above") from None
    finally:
        for process in children:
            process.join(10)
            process.kill()
    return summary(clients, parts)


def summary(clients: int, parts: Sequence[tuple[bytes, float, float, float]]) -> Load:
    latencies = array.array("Q")
    for data, *_ in parts:
        latencies.frombytes(data)
    ordered = sorted(latencies)
    if not ordered:
        raise PeerFailed("no job was acknowledged")
    began = min(part[1] for part in parts)
    seconds = max(part[2] for part in parts) - began
    return Load(
        acknowledged=len(ordered), warm_ups=WARM_UPS * clients, began=began, seconds=round(seconds, 6),
        p50_us=percentile(ordered, 50), p99_us=percentile(ordered, 99), max_us=ordered[-1],
        client_cpu_seconds=round(sum(part[3] for part in parts), 3))


def in_threads(make: Callable[[], Producer]) -> Share:
    """Each client a thread with a producer of its own."""
    def run(clients: int, begin: Begin) -> list[int]:
        ready, go = threading.Barrier(clients + 1), threading.Event()
        stop_at, latencies, failures = [0.0], [], []

        def client() -> None:
            try:
                produce = make()
                for _ in range(WARM_UPS):
                    produce()
                ready.wait()
                go.wait()
                while (sent := time.monotonic()) < stop_at[0]:
                    produce()
                    latencies.append(int((time.monotonic() - sent) * 1e6))
            except Exception as error:  # told by the main thread below: an exception in a thread ends nothing
                failures.append(error)
                ready.abort()

        threads = [threading.Thread(target=client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        ready.wait()
        stop_at[0] = begin()
        go.set()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return latencies

    return run


def in_tasks(make: Connecting) -> Share:
    """Each client a task of asyncio."""
    def run(clients: int, begin: Begin) -> list[int]:
        latencies: list[int] = []

        async def warm_up(produce: AsyncProducer) -> None:
            for _ in range(WARM_UPS):
                await produce()

        async def client(produce: AsyncProducer, stop_at: float) -> None:
            while (sent := time.monotonic()) < stop_at:
                await produce()
                latencies.append(int((time.monotonic() - sent) * 1e6))

        async def all_clients() -> None:
            async with make(clients) as producers:
                await asyncio.gather(*map(warm_up, producers))
                stop_at = begin()
                await asyncio.gather(*(client(produce, stop_at) for produce in producers))

        asyncio.run(all_clients())
        return latencies

    return run


@contextlib.contextmanager
def blocking(make: Connecting) -> Iterator[Producer]:
    """An asynchronous producer for one caller that waits."""
    with asyncio.Runner() as runner:
        connected = make(1)
        [produce] = runner.run(connected.__aenter__())
        try:
            yield lambda: runner.run(produce())
        finally:
            runner.run(connected.__aexit__(None, None, None))
