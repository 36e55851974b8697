"""What the tests run: a simulated Claude, relays on a data folder of their own, and a webhook receiver."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("RELAY_BIN_DIR", ROOT / ".build/debug")).resolve()
# Looks like nothing else, so that a search for it finds every leak.
UPSTREAM_SECRET = "sk-ant-canary-7f3d9b1c5e"
CONFIG = """\
webhooks: {allow_http: true, allow_networks: ["127.0.0.0/8"], allow_ports: ["1-65535"], changes_per_minute: 0}
worker: {lease: 3s, concurrency: 64}
retry: {max_attempts: 20, base: 50ms, cap: 1s}
"""
# Nothing but what a test does reaches its upstream, unless it says so itself.
QUIET = "egress_probe: {keep_warm: 0s}\n"
VERSION = {"anthropic-version": "2023-06-01", "content-type": "application/json"}


def eventually(what, probe, seconds=30, every=0.05):
    """Calls `probe` until it returns something true; fails with its last answer when `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what} (last: {value!r})"
        time.sleep(every)


def fnv1a(data):
    """The digest by which claude-sim's answers name the request they belong to."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def message_body(text="Hello", **more):
    """A Messages body, as bytes: what is compared is bytes, so it is encoded once."""
    body = {"model": "claude-sonnet-5", "max_tokens": 64, "messages": [{"role": "user", "content": text}], **more}
    return json.dumps(body, ensure_ascii=False).encode()


def job_line(body, **more):
    """A job whose request is exactly the bytes `body`."""
    rest = "".join(f",{json.dumps(name)}:{json.dumps(value)}" for name, value in more.items())
    return b'{"request":' + body + rest.encode() + b"}"


class Program:
    """A process that says on standard output where it listens. Its output goes to files, shown when a test fails."""

    count = 0

    def __init__(self, folder, *command, environment=None):
        Program.count += 1
        self.command = [str(part) for part in command]
        name = f"{Program.count:03}-{Path(self.command[0]).name}-{Path(self.command[1]).name.lstrip('-')}"
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        # The tests' own keys and settings must not reach the programs under test.
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("RELAY_", "ANTHROPIC_"))}
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**clean, **(environment or {})})

    @property
    def output(self):
        return self.out.read_text(errors="replace") + self.err.read_text(errors="replace")

    @property
    def running(self):
        return self.process.poll() is None

    def url(self):
        def look():
            found = re.search(r" listening on (https?://\S+)\n", self.out.read_text())
            assert found or self.running, f"{self.command} ended with {self.process.poll()}:\n{self.output}"
            return found and found[1]

        return eventually(f"{self.command} listens", look)

    def kill(self):
        """kill -9: no goodbye."""
        if self.running:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def terminate(self):
        if self.running:
            os.kill(self.process.pid, signal.SIGTERM)

    def stop(self, seconds=20):
        self.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.command} did not end within {seconds} s of SIGTERM:\n{self.output[-3000:]}")


class Sim(Program):
    """claude-sim, with what it counts."""

    def __init__(self, folder, *options):
        super().__init__(folder, BIN / "claude-sim", "--listen", "127.0.0.1:0", "--quiet", *options)
        self.base = self.url()

    def stats(self):
        return httpx.get(self.base + "/sim/stats", timeout=10).raise_for_status().json()


class Client:
    """Calls a relay with a token."""

    def __init__(self, base, token):
        self.base, self.token = base, token
        self.http = httpx.Client(base_url=base, headers={"x-api-key": token}, timeout=60)

    def submit(self, body, **more):
        """One job. Returns its id after checking the acknowledgement."""
        answer = self.http.post("/v1/jobs", content=job_line(body, **more), headers=VERSION)
        assert answer.status_code == 202, answer.text
        identifier = answer.json()["id"]
        assert answer.headers["location"] == f"/v1/jobs/{identifier}"
        return identifier

    def submit_many(self, lines):
        """NDJSON. Returns the answers, one a line."""
        answer = self.http.post(
            "/v1/jobs", content=b"\n".join(lines) + b"\n", headers={"content-type": "application/x-ndjson"})
        assert answer.status_code == 202, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def job(self, identifier, wait=None):
        parameters = {} if wait is None else {"wait": wait}
        return self.http.get(f"/v1/jobs/{identifier}", params=parameters).raise_for_status().json()

    def ended(self, identifier, seconds=60):
        """The job once it has ended."""
        deadline = time.monotonic() + seconds
        while True:
            job = self.job(identifier, wait=5)
            if job["status"] not in ("queued", "running"):
                return job
            assert time.monotonic() < deadline, f"not ended within {seconds} s: {job}"

    def result(self, identifier):
        return self.http.get(f"/v1/jobs/{identifier}/result")

    def result_matches(self, identifier, body):
        """Whether the job's result is the answer to `body` and to no other request."""
        answer = self.result(identifier)
        assert answer.status_code == 200, f"{identifier}: {answer.status_code} {answer.text[:500]}"
        return "echo:" + fnv1a(body) in answer.text

    def count(self, status):
        """How many of the tenant's jobs are in a state; pages through them all."""
        total, after = 0, None
        while True:
            parameters = {"status": status, "limit": 1000, **({"after": after} if after else {})}
            page = self.http.get("/v1/jobs", params=parameters).raise_for_status().json()
            total += len(page["data"])
            if not page["has_more"]:
                return total
            after = page["data"][-1]["id"]


class World:
    """One test's folder and everything that it starts there."""

    def __init__(self, folder):
        self.folder, self.data = folder, folder / "data"
        self.programs, self.closers = [], []
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.config = folder / "relay.yaml"
        self.config.write_text(CONFIG)
        self.upstream = "http://127.0.0.1:9"  # nobody listens there

    def started(self, program):
        self.programs.append(program)
        return program

    def sim(self, *options):
        sim = self.started(Sim(self.logs, *options))
        self.upstream = sim.base
        return sim

    def cli(self, *arguments, stdin=b"", check=True, environment=None):
        """Runs `relay …` on the world's folder to its end; returns the completed process, output as text."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("RELAY_", "ANTHROPIC_"))}
        command = [str(BIN / "relay"), *arguments]
        if "--data" not in arguments and "--help" not in arguments:
            command += ["--data", str(self.data)]
        done = subprocess.run(
            command, input=stdin, capture_output=True, timeout=60, env={**clean, **(environment or {})})
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def add_key(self, *options, name="default", secret=UPSTREAM_SECRET):
        return self.cli("keys", "add", name, *options, stdin=secret.encode())

    def token(self, tenant="acme", scopes="messages,jobs"):
        return self.cli("tokens", "issue", "--tenant", tenant, "--scopes", scopes).stdout.strip()

    def relay(self, command="serve", *options):
        listen = [] if command == "worker" else ["--listen", "127.0.0.1:0"]
        if "egress_probe" not in (text := self.config.read_text()):
            self.config.write_text(text + QUIET)
        return self.started(Program(
            self.logs, BIN / "relay", command, "--data", self.data, "--config", self.config, "--upstream",
            self.upstream, *listen, *options))

    def client(self, program, **token):
        client = Client(program.url(), self.token(**token))
        self.closers.append(client.http.close)
        return client

    def serving(self, *sim_options, key=(), command="serve"):
        """The usual case: a sim, a key, a relay. Returns the sim, the relay and a client."""
        sim = self.sim(*sim_options)
        self.add_key(*key)
        relay = self.relay(command)
        return sim, relay, self.client(relay)

    def receiver(self):
        receiver = Receiver()
        self.closers.append(receiver.close)
        return receiver

    def close(self):
        for close in self.closers:
            close()
        for program in reversed(self.programs):
            program.kill()

    def report(self):
        """The ends of all outputs, for a failed test."""
        parts = [f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}"
                 for path in sorted(self.logs.iterdir()) if path.stat().st_size]
        return "\n".join(parts)


class Receiver:
    """Keeps every delivery as (headers, body); answers with `status`, the first `failing` of them with 500."""

    def __init__(self, address="127.0.0.1", port=0):
        self.deliveries, self.failing, self.status, self.connections, lock = [], 0, 204, 0, threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with lock:
                    owner.deliveries.append(({name.lower(): value for name, value in self.headers.items()}, body))
                    fails = owner.failing > 0
                    owner.failing -= fails
                self.send_response(500 if fails else owner.status)
                if fails or owner.status != 204:
                    self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 512
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

            def get_request(self):
                owner.connections += 1
                return super().get_request()

        self.server = Server((address, port), Handler)
        self.port = self.server.server_port
        self.url = f"http://{address}:{self.port}/callback"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def ids(self):
        return {headers["webhook-id"] for headers, _ in list(self.deliveries)}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def job_of(event):
    """The id of the job that an event is about."""
    return event["data"]["id"]
