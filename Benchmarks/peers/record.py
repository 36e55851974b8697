"""Keeps the figures of a run: JSON lines in a file as they come, and the table at the end."""

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import rig

COLUMNS = ("", "ack/s, 1 client", "ack/s, 64 (p99)", "bulk/s", "drain/s", "end to end/s", "idle start p50 / p99",
           "bytes/job", "CPU µs/job, server + client")


class Record:
    """One run. Figures are dictionaries by peer and by what they measure."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.found = file, {}

    def emit(self, peer: str, figure: str, **figures: Any) -> None:
        with contextlib.redirect_stdout(self.file):
            rig.emit(benchmark="peers", peer=peer, figure=figure, **figures)
        name = f"{figure}-{figures['clients']}" if figure == "enqueue" else figure
        self.found.setdefault(peer, {})[name] = figures

    def table(self) -> str:
        """As Markdown. A dash is what was not measured, or does not exist."""
        lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
        return "\n".join([*lines, *(f"| {' | '.join(self.row(peer))} |" for peer in self.found)])

    def row(self, peer: str) -> list[str]:
        found = self.found[peer]
        if "error" in found:
            return [peer, f"failed: {found['error']['reason'][:100]}", *["–"] * (len(COLUMNS) - 2)]
        one, many, idle = (found.get(name) for name in ("enqueue-1", "enqueue-64", "idle-start"))
        return [
            f"{peer} {found.get('version', {}).get('version', '')}".strip(),
            rate(one or found.get("sync")),
            f"{rate(many)} ({milliseconds(many['p99_us'])})" if many else "–",
            *(rate(found.get(name)) for name in ("enqueue-bulk", "drain", "end-to-end")),
            f"{milliseconds(idle['p50_us'])} / {milliseconds(idle['p99_us'])}" if idle else "–",
            f"{found['disk']['bytes_per_job']:,}" if "disk" in found else "–",
            f"{many.get('server_cpu_us_per_job', 0):.0f} + {many['client_cpu_us_per_job']:.0f}" if many else "–",
        ]


def rate(figures: dict[str, Any] | None) -> str:
    return f"{figures['per_second']:,}" if figures else "–"


def milliseconds(microseconds: int) -> str:
    return f"{microseconds / 1000:.1f} ms"


def say(peer: str, text: str) -> None:
    """Progress: one line a step."""
    print(f"{peer}: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def recording(folder: Path, name: str) -> Iterator[Record]:
    """Into FOLDER/DAY-NAME.json, which appears when the run has ended: a broken-off one replaces nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y-%m-%d')}-{name}.json"
    new = path.with_suffix(".new")
    try:
        with open(new, "w") as file:
            yield Record(file)
        new.rename(path)
    finally:
        new.unlink(missing_ok=True)
    print(f"figures: {path}", file=sys.stderr)
