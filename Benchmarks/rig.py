"""What the benchmarks share: programs on a folder that is removed afterwards, and figures as JSON lines.

RELAY_BENCH_ENCRYPT=1 has relays seal payloads (vault.encrypt_payloads), where a benchmark brings no configuration of its own.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(os.environ.get("RELAY_BIN_DIR", ROOT / ".build/release")).resolve()


def clean_environment(**more):
    """Without the user's own keys and settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RELAY_", "ANTHROPIC_"))}
    return {**kept, **more}


def job(size=2048, number=0):
    """A job of about `size` bytes, as JSON text."""
    text = f"{number} "
    request = {"model": "claude-sonnet-5", "max_tokens": 64, "messages": [{"role": "user", "content": text}]}
    missing = size - len(json.dumps({"request": request}, separators=(",", ":")))
    request["messages"][0]["content"] = text + ("lorem ipsum " * (missing // 12 + 1))[:max(0, missing)]
    return json.dumps({"request": request}, separators=(",", ":"))


def emit(**figures):
    """One result, one line, with what it was measured on."""
    about = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "cpus": os.cpu_count(), "binaries": BIN.name}
    print(json.dumps({**figures, **about}), flush=True)


class Rig:
    """A data folder with a key and a token, and the programs that use it."""

    def __enter__(self):
        # On the same disk as the repository: /tmp may be memory, where a sync costs nothing.
        self.folder = Path(tempfile.mkdtemp(prefix="relay-data-bench-", dir=os.environ.get("RELAY_BENCH_DIR", ROOT)))
        self.data, self.programs = self.folder / "data", []
        return self

    def __exit__(self, *_):
        for program in self.programs:
            program.kill()
            program.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def cli(self, *arguments, stdin=b""):
        command = [BIN / "relay", *arguments, "--data", self.data]
        return subprocess.run(
            command, input=stdin, check=True, stdout=subprocess.PIPE, env=clean_environment()).stdout.decode().strip()

    def start(self, name, *arguments):
        """Starts a program; returns it and the address it listens on (None for a worker)."""
        out = self.folder / f"{len(self.programs)}-{name}.out"
        with open(out, "wb") as output, open(out.with_suffix(".err"), "wb") as errors:
            program = subprocess.Popen([BIN / name, *arguments], stdout=output, stderr=errors, env=clean_environment())
        self.programs.append(program)
        if arguments[0] == "worker":
            return program, None
        for _ in range(5000):
            found = re.search(r" listening on (http://\S+)\n", out.read_text())
            if found:
                return program, found[1]
            if program.poll() is not None:
                break
            time.sleep(0.002)
        raise SystemExit(f"{name} {arguments[0]} did not start: {out.with_suffix('.err').read_text()}")

    def relay(self, command, upstream="http://127.0.0.1:9", *options):
        listen = [] if command == "worker" else ["--listen", "127.0.0.1:0"]
        sealing = [] if "--config" in options else self.sealing()
        return self.start("relay", command, "--data", self.data, "--upstream", upstream, *listen, *sealing, *options)

    def sealing(self):
        if os.environ.get("RELAY_BENCH_ENCRYPT", "") in ("", "0"):
            return []
        config = self.folder / "sealing.yaml"
        config.write_text("vault: {encrypt_payloads: true}\n")
        return ["--config", config]

    def stop(self, program):
        program.send_signal(signal.SIGTERM)
        program.wait(60)

    def prepare(self):
        """Stores a key without a limit; returns a token."""
        self.cli("keys", "add", "default", stdin=b"benchmark")
        return self.cli("tokens", "issue", "--tenant", "bench")


def submit_many(base, token, count, size=2048, per_call=5000):
    """Submits `count` jobs by NDJSON. Returns the seconds it took."""
    lines = [job(size, number) for number in range(count)]
    started = time.monotonic()
    for first in range(0, count, per_call):
        body = "\n".join(lines[first:first + per_call]).encode()
        headers = {"x-api-key": token, "content-type": "application/x-ndjson"}
        request = urllib.request.Request(base + "/v1/jobs", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            taken = int(answer.headers["x-relay-accepted"])
            answer.read()
        if taken != len(lines[first:first + per_call]):
            raise SystemExit(f"only {taken} jobs of {per_call} were taken")
    return time.monotonic() - started


def counts(rig):
    """Jobs by state, from `relay status`."""
    return {state: int(number) for state, number in re.findall(r"^jobs\s+(\w+)\s+(\d+)$", rig.cli("status"), re.M)}


def resident_kib(program):
    text = Path(f"/proc/{program.pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB$", text, re.M)[1])


def processor_seconds(program):
    fields = Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
