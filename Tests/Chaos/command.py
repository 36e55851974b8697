"""Kills the relay at random under load, again and again, and then checks that it lost and mixed up nothing.

claude-sim answers, and breaks calls on purpose. One `relay api` and some `relay worker` share a data folder. Clients
submit jobs over HTTP, singly with an Idempotency-Key and in bulk; a receiver verifies every callback. Meanwhile
`kill -9` hits a random process at random moments, and it is started again. When the kills are done and all jobs have
ended, each job is read back and compared with what its client knows.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .plan import Plan
from .progress import Progress
from .run import Outcome, run

ROOT = Path(__file__).resolve().parents[2]
EPILOG = """\
examples:
  scripts/chaos                                   100,000 jobs and 200 kills: minutes
  scripts/chaos --jobs 3000 --kills 20            a short one
  scripts/chaos --jobs 3000 --kills 20 --seed 7   the same choices again; the machine's timing differs each time

Standard output: one line a check, then the figures as JSON (into a file with --report). Exit code: 0 all checks held,
1 one failed (the folder with data and logs stays), 2 wrong usage. RELAY_BIN_DIR names a folder with built programs.
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/chaos", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=positive, default=100_000, help="jobs to have acknowledged (100000)")
    parser.add_argument("--kills", type=natural, default=200, help="kill -9, spread over the whole run (200)")
    parser.add_argument("--workers", type=positive, default=2, help="worker processes (2)")
    parser.add_argument("--seed", type=int, help="of all random choices; without it one is drawn and printed")
    parser.add_argument("--faults", type=share, default=0.05, help="share of calls that the simulator breaks (0.05)")
    parser.add_argument("--data", type=Path, help="an empty or new folder for data and logs; it is kept")
    parser.add_argument("--keep", action="store_true", help="keep the folder also when all is well")
    parser.add_argument("--report", type=Path, help="a file for the JSON summary")
    return parser.parse_args()


def natural(text: str) -> int:
    if (value := int(text)) < 0:
        raise argparse.ArgumentTypeError("not below 0")
    return value


def positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 0.5:
        raise argparse.ArgumentTypeError("0 to 0.5: beyond that, the faults themselves keep the relay from its work")
    return value


def binaries() -> Path:
    """The programs under test: those of RELAY_BIN_DIR, or a release build of this checkout."""
    if folder := os.environ.get("RELAY_BIN_DIR"):
        return Path(folder).resolve()
    build = ["swift", "build", "-c", "release"]
    for product in ("relay", "claude-sim"):
        subprocess.run([*build, "--product", product], cwd=ROOT, check=True, stdout=sys.stderr)
    shown = subprocess.run([*build, "--show-bin-path"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return Path(shown.stdout.strip())


def folder_for(data: Path | None) -> Path:
    if data is None:
        # On the same disk as the repository: /tmp may be memory, where a sync costs nothing.
        return Path(tempfile.mkdtemp(prefix="relay-data-chaos-", dir=ROOT))
    data.mkdir(parents=True, exist_ok=True)
    if any(data.iterdir()):
        print(f"scripts/chaos: {data} is not empty; name a new folder", file=sys.stderr)
        raise SystemExit(2)
    return data


def show(outcome: Outcome, report: Path | None) -> None:
    for check in outcome.checks:
        print(check.line())
    text = json.dumps(outcome.as_json(), indent=2)
    if report:
        report.write_text(text + "\n")
    else:
        print(text, flush=True)


def main() -> int:
    chosen = arguments()
    seed = random.SystemRandom().randrange(1 << 31) if chosen.seed is None else chosen.seed
    plan = Plan(chosen.jobs, chosen.kills, chosen.workers, seed, chosen.faults, binaries())
    folder = folder_for(chosen.data)
    print(f"chaos: seed {seed}; repeat with: {plan.command()}", file=sys.stderr, flush=True)
    is_sound = False
    try:
        outcome = run(plan, folder, Progress())
        show(outcome, chosen.report)
        is_sound = outcome.ok
    finally:
        if is_sound and not chosen.keep and chosen.data is None:
            shutil.rmtree(folder)
        else:
            print(f"chaos: data and logs are in {folder}", file=sys.stderr)
    return 0 if is_sound else 1
