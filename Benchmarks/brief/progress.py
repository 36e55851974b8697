"""How far a phase is, on standard error: a bar on a terminal, a line now and then elsewhere."""

import sys
import time


class Progress:
    """One phase. `step` counts; `to` sets."""

    WIDTH, QUIET_SECONDS = 30, 15

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total, self.count = name, max(1, total), 0
        self.began = self.shown = time.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)

    def step(self) -> None:
        self.to(self.count + 1)

    def to(self, count: int) -> None:
        self.count, now = count, time.monotonic()
        terminal = sys.stderr.isatty()
        if now - self.shown < (0.2 if terminal else self.QUIET_SECONDS) and count < self.total:
            return
        self.shown = now
        filled = "#" * min(self.WIDTH, self.WIDTH * count // self.total)
        text = f"[{filled:<{self.WIDTH}}] {count:,} of {self.total:,}, {now - self.began:.0f} s"
        end = "\n" if not terminal or count >= self.total else ""
        print(f"\r\033[K{text}" if terminal else text, end=end, file=sys.stderr, flush=True)
