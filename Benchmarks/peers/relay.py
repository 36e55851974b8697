"""This repository's relay over HTTP: jobs by POST /v1/jobs, single and NDJSON, and a worker with 16 calls in flight.

The client is the same load generator as for the peers' sockets. Unlike a peer's worker the relay's makes an HTTP call
for each job, to a simulator that answers at once on the same processors, and stores the answer: its drain and end to
end hold all of that, and the simulator is what its records call the client of a drain. A lone job has started when the
first bytes of its call reach the upstream.
"""

import json
import os
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable

from rig import BIN, Rig, counts, processor_seconds

from peers.load import WARM_UPS, WireRequest, job_text
from peers.measure import ANSWER_SECONDS, CLIENTS, IDLE_GAP_SECONDS, IDLE_SAMPLES, Emit, cpu, emit_idle, enqueue
from peers.peer import WORKERS, WireClient
from peers.server import PeerFailed, connect, disk_bytes

BULK_LINES = 5000
"""Jobs of one NDJSON submission: 10 MB."""
LIMIT_SECONDS = 300
NOBODY = "http://127.0.0.1:9"


class RelayIntake(WireClient):
    """A relay on the rig's folder that takes jobs; `relay serve` also works them, 16 at a time."""

    def __init__(self, rig: Rig, command: str, upstream: str = NOBODY) -> None:
        self.data, self.token = rig.data, rig.prepare()
        self.process, self.base = rig.start("relay", command, *settings(rig, upstream), "--listen", "127.0.0.1:0")

    def open(self) -> socket.socket:
        return connect(int(self.base.rpartition(":")[2]))

    def enqueueing(self) -> WireRequest:
        body = job_text().encode()
        head = (f"POST /v1/jobs HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
                f"x-api-key: {self.token}\r\ncontent-length: {len(body)}\r\n\r\n")
        return WireRequest(head.encode() + body, beginning=b"HTTP/1.1 202 ", ending=b"}", minimum=100)

    def submit_bulk(self, body: bytes) -> int:
        """One NDJSON submission; returns how many of its jobs were taken."""
        headers = {"x-api-key": self.token, "content-type": "application/x-ndjson"}
        request = urllib.request.Request(self.base + "/v1/jobs", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            answer.read()
            return int(answer.headers["x-relay-accepted"])

    def stored_bytes(self) -> int:
        return disk_bytes(self.data)

    def server_cpu_seconds(self) -> float:
        return processor_seconds(self.process)


def settings(rig: Rig, upstream: str) -> list[object]:
    config = rig.folder / "relay.yaml"
    config.write_text(f"worker: {{concurrency: {WORKERS}}}\n")
    return ["--data", rig.data, "--config", config, "--upstream", upstream]


def instant_upstream(rig: Rig) -> tuple[subprocess.Popen, str]:
    return rig.start("claude-sim", "--listen", "127.0.0.1:0", "--quiet", "--latency", "0ms")


def measure_relay(seconds: float, emit: Emit, say: Callable[[str], None]) -> None:
    version = subprocess.run([BIN / "relay", "--version"], check=True, capture_output=True).stdout.decode().strip()
    emit(figure="version", version=version, embedded=False, client=RelayIntake.client, job_bytes=len(job_text()),
         load_average=os.getloadavg()[0])
    with Rig() as rig:
        intake = RelayIntake(rig, "api")
        backlog = enqueue(intake, seconds, emit, say)
        rig.stop(intake.process)
        say(f"drain with {WORKERS} in flight")
        drain(rig, backlog, emit)
    with Rig() as rig:
        say("enqueue, NDJSON")
        bulk(RelayIntake(rig, "api"), seconds, emit)
    with Rig() as rig:
        say(f"64 clients and {WORKERS} in flight at once")
        end_to_end(rig, seconds, emit)
    with Rig() as rig:
        say(f"{IDLE_SAMPLES} lone jobs for a waiting relay")
        idle_start(rig, emit)


def bulk(intake: RelayIntake, seconds: float, emit: Emit) -> None:
    """One client, one submission after another."""
    body = "\n".join([job_text()] * BULK_LINES).encode()
    jobs, began, before, own = 0, time.monotonic(), intake.server_cpu_seconds(), time.process_time()
    while time.monotonic() - began < seconds:
        jobs += intake.submit_bulk(body)
    took, client_cpu = time.monotonic() - began, time.process_time() - own
    emit(figure="enqueue-bulk", clients=1, lines=BULK_LINES, jobs=jobs, seconds=round(took, 3),
         per_second=round(jobs / took), client_cpu_seconds=round(client_cpu, 2),
         **cpu(intake.server_cpu_seconds() - before, client_cpu, jobs))


def executed(upstream: str) -> int:
    with urllib.request.urlopen(upstream + "/sim/stats", timeout=10) as answer:
        return json.load(answer)["executed"]


def until_succeeded(rig: Rig, upstream: str, jobs: int) -> None:
    """The simulator is cheap to ask; the relay's own count decides, once all has been sent."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while executed(upstream) < jobs or counts(rig).get("succeeded", 0) < jobs:
        if time.monotonic() > deadline:
            raise PeerFailed(f"not all of {jobs} jobs ended within {LIMIT_SECONDS} s: {counts(rig)}")
        time.sleep(0.02)


def drain(rig: Rig, backlog: int, emit: Emit) -> None:
    """All of the backlog, from the first call that the simulator gets."""
    sim, upstream = instant_upstream(rig)
    worker, _ = rig.start("relay", "worker", *settings(rig, upstream))
    deadline = time.monotonic() + ANSWER_SECONDS
    while not (first := executed(upstream)):
        if time.monotonic() > deadline:
            raise PeerFailed(f"no job was sent within {ANSWER_SECONDS} s of the worker's start")
        time.sleep(0.002)
    began, before, sim_before = time.monotonic(), processor_seconds(worker), processor_seconds(sim)
    until_succeeded(rig, upstream, backlog)
    took, jobs = time.monotonic() - began, backlog - first
    client_cpu = processor_seconds(sim) - sim_before
    emit(figure="drain", workers=WORKERS, jobs=jobs, seconds=round(took, 3), per_second=round(jobs / took),
         backlog=backlog, client_cpu_seconds=round(client_cpu, 2),
         **cpu(processor_seconds(worker) - before, client_cpu, jobs))


def end_to_end(rig: Rig, seconds: float, emit: Emit) -> None:
    _, upstream = instant_upstream(rig)
    intake = RelayIntake(rig, "serve", upstream)
    load = intake.load(CLIENTS, seconds)
    until_succeeded(rig, upstream, load.acknowledged + load.warm_ups)
    took = time.monotonic() - load.began
    emit(figure="end-to-end", clients=CLIENTS, workers=WORKERS, jobs=load.acknowledged, seconds=round(took, 3),
         per_second=round(load.acknowledged / took), enqueued=load.acknowledged, unfinished=0)


class TimingUpstream:
    """Answers every call and keeps when its first bytes came."""

    ANSWER = json.dumps({
        "id": "msg_bench", "type": "message", "role": "assistant", "model": "claude-sonnet-5",
        "content": [{"type": "text", "text": "done"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1}}).encode()

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.arrived_ns, self.arrived = 0, threading.Semaphore(0)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        while data := connection.recv(65536):
            arrived_ns = time.monotonic_ns()
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            head, _, body = data.partition(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            missing = int(lengths[0].partition(b":")[2]) - len(body) if lengths else 0
            while missing > 0:
                missing -= len(connection.recv(65536))
            headers = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            connection.sendall(headers % len(self.ANSWER) + self.ANSWER)
            if head.startswith(b"POST /v1/messages "):
                self.arrived_ns = arrived_ns
                self.arrived.release()


def idle_start(rig: Rig, emit: Emit) -> None:
    upstream, latencies_us = TimingUpstream(), []
    with RelayIntake(rig, "serve", upstream.url).producer() as produce:
        for _ in range(WARM_UPS + IDLE_SAMPLES):
            time.sleep(IDLE_GAP_SECONDS)
            sent = time.monotonic_ns()
            produce()
            if not upstream.arrived.acquire(timeout=ANSWER_SECONDS):
                raise PeerFailed(f"a lone job did not start within {ANSWER_SECONDS} s")
            latencies_us.append((upstream.arrived_ns - sent) // 1000)
    emit_idle(latencies_us, emit)
