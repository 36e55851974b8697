"""The processes under test: started on one data folder, killed without warning, started again."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from .plan import CONFIG, Plan
from .wire import Connection, Refused

START_SECONDS = 30


def clean_environment() -> dict[str, str]:
    """Without the user's own keys and settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("RELAY_", "ANTHROPIC_"))}


def free_port() -> int:
    """A port for the API: it keeps its address through all restarts, as clients expect."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Victim:
    """A process that may be killed, and what starts it."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        self.name, self.command, self.log = name, command, log
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.is_down = True  # on purpose
        self.kills = self.starts = 0

    @property
    def kind(self) -> str:
        return self.command[1]

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment())
        self.started, self.is_down = time.monotonic(), False
        self.starts += 1

    def kill(self) -> bool:
        """kill -9. False if the process had ended by itself: that is a crash, not our kill."""
        if self.process is None or not self.runs:
            return False
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.is_down = True
        self.kills += 1
        return True


class Programs:
    """claude-sim, which lives through the whole run, and the relay's processes."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.folder, self.data = plan, folder, folder / "data"
        self.logs, self.config = folder / "logs", folder / "relay.yaml"
        self.logs.mkdir(parents=True)
        self.config.write_text(CONFIG)
        self.base = f"http://127.0.0.1:{free_port()}"
        self.upstream = ""
        self.sim: subprocess.Popen[bytes] | None = None
        self.victims: list[Victim] = []
        self.crashes: list[str] = []

    def cli(self, *arguments: str, stdin: bytes = b"") -> str:
        command = [str(self.plan.binaries / "relay"), *arguments, "--data", str(self.data), "--config",
                   str(self.config)]
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=120, env=clean_environment())
        if done.returncode:
            raise SystemExit(f"chaos: {' '.join(command)} ended with {done.returncode}: {done.stderr.decode()}")
        return done.stdout.decode().strip()

    async def start(self) -> str:
        """Starts everything. Returns a token."""
        self.upstream = await self.start_sim()
        self.cli("keys", "add", "default", stdin=b"simulated")
        for name in ["api", *(f"worker-{number}" for number in range(1, self.plan.workers + 1))]:
            self.victims.append(self.victim(name))
            self.victims[-1].start()
        await self.api_answers()
        return self.cli("tokens", "issue", "--tenant", "chaos")

    async def start_sim(self) -> str:
        out = self.logs / "claude-sim.log"
        command = [self.plan.binaries / "claude-sim", "--listen", "127.0.0.1:0", "--quiet", *self.plan.sim_options()]
        with open(out, "wb") as log:
            self.sim = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(START_SECONDS * 50):
            if found := re.search(r" listening on (http://\S+)\n", out.read_text()):
                return found[1]
            await asyncio.sleep(0.02)
        raise SystemExit(f"chaos: claude-sim did not start: {out.read_text()}")

    def victim(self, name: str) -> Victim:
        kind = name.partition("-")[0]
        command = [str(self.plan.binaries / "relay"), kind, "--data", str(self.data), "--config", str(self.config),
                   "--upstream", self.upstream]
        if kind == "api":
            command += ["--listen", self.base.removeprefix("http://")]
        return Victim(name, command, self.logs / f"{name}.log")

    async def api_answers(self) -> None:
        """Waits until the API listens: the moment from which its life counts."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                async with Connection(self.base) as connection:
                    await connection.connect()
                return
            except Refused:
                await asyncio.sleep(0.02)
        raise SystemExit(f"chaos: the API does not listen on {self.base} after {START_SECONDS} s; see {self.logs}")

    def revive_crashed(self) -> None:
        """A process that ended though nobody killed it is a finding; it is started again so that the run goes on."""
        for victim in self.victims:
            if victim.process and not victim.is_down and not victim.runs:
                self.crashes.append(f"{victim.name} ended by itself with {victim.process.returncode}")
                victim.start()

    def stop(self) -> None:
        """Ends everything that was started here."""
        for victim in self.victims:
            if victim.process and victim.runs:
                victim.process.kill()
                victim.process.wait()
        if self.sim and self.sim.poll() is None:
            self.sim.kill()
            self.sim.wait()
