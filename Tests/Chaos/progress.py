"""Where a long run stands: a bar on a terminal, a line now and then elsewhere."""

import sys
import time

WIDTH = 30
TERMINAL_SECONDS, LOG_SECONDS = 0.2, 15


class Progress:
    """Writes to standard error; standard output is for the results."""

    def __init__(self) -> None:
        self.is_terminal = sys.stderr.isatty()
        self.started = time.monotonic()
        self.shown_at = self.started

    def show(self, share: float, text: str) -> None:
        now, share = time.monotonic(), min(share, 1.0)
        if now - self.shown_at < (TERMINAL_SECONDS if self.is_terminal else LOG_SECONDS):
            return
        self.shown_at = now
        if self.is_terminal:
            bar = "█" * round(share * WIDTH)
            print(f"\r\033[K{bar:<{WIDTH}} {share:4.0%} {text}", end="", file=sys.stderr, flush=True)
        else:
            print(f"chaos: {now - self.started:.0f} s, {share:.0%}: {text}", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self.is_terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
