"""Worker processes and what they finished."""

import multiprocessing
from collections.abc import Callable

from peers.server import PeerFailed, descendants, end_process, tree_cpu_seconds

FORK = multiprocessing.get_context("fork")
"""A fork shares memory, pipes and what was imported with its parent."""


class Fleet:
    """Worker processes that count in shared memory what they finished."""

    def __init__(self, processes: int, work: Callable[[Callable[[int], None]], None]) -> None:
        self.count = FORK.Value("Q", 0)
        self.processes = [FORK.Process(target=work, args=(self.add,), daemon=False) for _ in range(processes)]
        for process in self.processes:
            process.start()

    def add(self, jobs: int) -> None:
        with self.count.get_lock():
            self.count.get_obj().value += jobs

    def finished(self) -> int:
        """Read without the lock: one aligned word, and a killed worker may have kept the lock."""
        if any(process.exitcode is not None for process in self.processes):
            raise PeerFailed("a worker ended; its reason stands above")
        return self.count.get_obj().value

    def cpu_seconds(self) -> float:
        return sum(tree_cpu_seconds(process.pid) for process in self.processes)

    def stop(self) -> None:
        """Workers hold nothing that matters: they are killed, with what they started."""
        for process in self.processes:
            others = descendants(process.pid)
            process.kill()
            process.join()
            for pid in others:
                end_process(pid)
