"""The file of the queue fails while its log works, and another process keeps the writers' turn: both are said."""

import fcntl
import os
import struct

import pytest

from faults.control import FILE, Faults, build_shim, compiler
from faults.outage import is_ready, is_refusal
from faults.processes import another_client
from world import VERSION, Client, World, eventually, job_line, message_body

LONG_LOG = 10 << 20  # bytes of jobs that make the relay move the log


@pytest.fixture
def faults(tmp_path, tmp_path_factory):
    if not compiler():
        pytest.skip("no C compiler")
    return Faults(build_shim(tmp_path_factory.mktemp("shim")), tmp_path)


def submit_much(client: Client) -> list[str]:
    """Jobs of more bytes than the log holds before it is moved. All must be taken."""
    return [client.submit(message_body("x" * 250_000)) for _ in range(LONG_LOG // 250_000)]


def intake(world: World, faults: Faults):
    world.add_key()
    relay = faults.relay(world, "api")
    return relay, world.client(relay)


def test_a_file_that_cannot_be_written_is_said_though_jobs_are_taken(world, faults):
    relay, client = intake(world, faults)
    faults.writes_fail(files=FILE)
    jobs = submit_much(client)
    eventually("/readyz says so", lambda: not is_ready(client), seconds=10)
    assert is_refusal(client.http.get("/readyz")) and "the log cannot be moved" in relay.output
    jobs.append(client.submit(message_body("taken all the same")))
    assert not is_ready(client), "a commit makes it no better"
    faults.writes_fail(False)
    eventually("/readyz is well again", lambda: is_ready(client), seconds=10)
    assert relay.stop() == 0
    client = another_client(world, world.relay("api"), client.token)
    assert all(client.job(job)["status"] == "queued" for job in jobs)


def test_after_a_failed_sync_of_the_file_the_log_is_kept_until_a_new_start(world, faults):
    relay, client = intake(world, faults)
    faults.syncs_fail(files=FILE)
    jobs = submit_much(client)
    eventually("/readyz says so", lambda: not is_ready(client), seconds=10)
    faults.syncs_fail(False)
    size = (world.data / "relay.sqlite").stat().st_size
    jobs += submit_much(client)
    assert is_refusal(client.http.get("/readyz")) and "stop all relay processes" in relay.output
    log = world.data / "relay.sqlite-wal"
    assert log.stat().st_size > 2 * LONG_LOG and (world.data / "relay.sqlite").stat().st_size == size
    assert relay.stop() == 0
    assert log.stat().st_size > 2 * LONG_LOG, "the end of the process has moved the log"
    client = another_client(world, world.relay("api"), client.token)
    assert is_ready(client) and all(client.job(job)["status"] == "queued" for job in jobs)


def test_a_turn_that_another_process_keeps_is_said(world):
    world.add_key()
    relay = world.relay("api")
    client = world.client(relay)
    turn = os.open(world.data / "relay.sqlite.turn", os.O_RDWR)
    now = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 1, 1, 0)
    fcntl.fcntl(turn, fcntl.F_OFD_SETLK, now)
    patient = {"content": job_line(message_body()), "headers": VERSION, "timeout": 30}
    assert is_refusal(client.http.post("/v1/jobs", **patient))
    assert is_refusal(client.http.get("/readyz", timeout=30)) and "another process" in relay.output
    os.close(turn)
    assert is_ready(client) and client.http.post("/v1/jobs", **patient).status_code == 202
