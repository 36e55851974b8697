"""What a run does: the numbers that can be chosen, and the chance that follows from the seed."""

import random
from dataclasses import dataclass
from pathlib import Path

# Every fault is one that the relay retries, so every acknowledged job must succeed in the end. 429 is not among
# them: it rests the key for a second at least, and the run would measure that.
FAULT_SHARES = {
    "500": 0.25, "529": 0.2, "reset": 0.15, "reset-body": 0.15, "truncated-json": 0.1, "502-html": 0.05,
    "slow-first-byte": 0.05, "drip": 0.03, "hang": 0.02,
}

# Short leases, because each kill of a worker costs one; a retry budget that no run exhausts, because a job that
# errors must mean a defect; a callback timeout as short as a busy machine bears, for the outbox's lease hangs on it.
CONFIG = """\
webhooks: {allow_http: true, allow_networks: ["127.0.0.0/8"], allow_ports: ["1-65535"], timeout: 2s, concurrency: 64}
worker: {lease: 2s, concurrency: 64}
retry: {max_attempts: 1000, base: 20ms, cap: 500ms}
upstream_timeouts: {first_byte: 2s}
log: {level: warning}
"""


@dataclass(frozen=True)
class Plan:
    """One run. Times of the machine are not part of it: the same seed makes the same choices, not the same history."""

    jobs: int
    kills: int
    workers: int
    seed: int
    faults: float
    binaries: Path
    clients: int = 16
    stall_seconds: float = 420  # a callback that failed twice waits 300 s; nothing in a sound run waits longer

    def chance(self, name: str) -> random.Random:
        """Random numbers of one part's own, so that the parts do not disturb each other's."""
        return random.Random(f"{self.seed}:{name}")

    def sim_options(self) -> list[str]:
        options = ["--latency", "uniform:2ms-15ms", "--slow", "300ms", "--seed", str(self.seed)]
        for kind, share in FAULT_SHARES.items():
            options += ["--fault", f"{kind}={self.faults * share:.6f}"]
        return options

    def command(self) -> str:
        """What repeats this run."""
        return (f"scripts/chaos --jobs {self.jobs} --kills {self.kills} --workers {self.workers} --seed {self.seed} "
                f"--faults {self.faults}")
