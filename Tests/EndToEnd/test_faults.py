"""Faults of disk, clock and processes: said plainly, survived without hand-work, and no acknowledged job is lost."""

import json
import os
import signal
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest

from faults.control import Faults, build_shim, compiler
from faults.damage import merge_log, spoil_page
from faults.load import Load
from faults.mounts import Ballast, Mounts
from world import CONFIG, VERSION, Client, eventually, job_line, job_of, message_body

HOUR = 3600
# Jobs of a process that vanished are taken up soon.
SHORT_LEASES = CONFIG.replace("lease: 3s", "lease: 1s")


@pytest.fixture
def mounts():
    mounts = Mounts()
    yield mounts
    mounts.close()


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    if not compiler():
        pytest.skip("no C compiler")
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def faults(shim, tmp_path):
    return Faults(shim, tmp_path)


def another_client(world, program, token):
    client = Client(program.url(), token)
    world.closers.append(client.http.close)
    return client


def is_refusal(answer):
    """Whether an answer is the envelope that says that the store cannot be used now."""
    assert (answer.status_code, answer.headers.get("x-relay-error")) == (503, "store_unavailable"), answer.text
    document = answer.json()
    assert document["type"] == "error" and document["error"]["details"]["error_code"] == "store_unavailable"
    return int(answer.headers["retry-after"]) > 0


def is_ready(client):
    return client.http.get("/readyz").status_code == 200


def outage(client, load, cause, cure):
    """While the cause lasts, submissions are refused and nothing is promised; when it goes, all goes on."""
    eventually("jobs are taken", lambda: len(load.bodies) > 50)
    cause()
    eventually("/readyz says so", lambda: not is_ready(client), seconds=5)
    eventually("submissions are refused", lambda: load.refusals, seconds=5)
    promised = len(load.bodies)
    for _ in range(15):
        assert is_refusal(client.http.get("/readyz"))
        time.sleep(0.1)
    assert len(load.bodies) == promised, "a job was acknowledged that could not be stored"
    cure()
    eventually("/readyz is well again", lambda: is_ready(client), seconds=5)
    eventually("jobs are taken again", lambda: len(load.bodies) > promised, seconds=5)
    load.stop()
    assert load.refusals and all(map(is_refusal, load.refusals)) and not load.faults


def all_succeed(client, load):
    """What was acknowledged, no more and no less, ends well, each job with its own answer."""
    expected = len(load.bodies)
    eventually("all acknowledged jobs have ended", lambda: client.count("succeeded") >= expected, seconds=30)
    assert load.outcomes(client) == {"succeeded": expected}
    states = ["queued", "running", "succeeded", "errored", "canceled", "expired"]
    assert sum(map(client.count, states)) == expected, "a refused job was stored"


def test_a_full_disk_refuses_jobs_until_there_is_room(mounts, world):
    mounts.small(world.data, "12m")
    sim, relay, client = world.serving("--latency", "20ms")
    ballast = Ballast(world.data)
    load = Load(client)
    outage(client, load, ballast.fill, ballast.remove)
    all_succeed(client, load)
    assert relay.running and "disk is full" in relay.output


def test_a_failing_sync_acknowledges_nothing(world, faults):
    world.sim("--latency", "20ms")
    world.add_key()
    relay = faults.relay(world)
    client = world.client(relay)
    load = Load(client)
    outage(client, load, faults.syncs_fail, lambda: faults.syncs_fail(False))
    assert faults.refused > 10
    all_succeed(client, load)
    assert relay.running and "I/O error" in relay.output


def test_a_relay_killed_while_syncs_fail_has_kept_its_word(world, faults):
    world.config.write_text(SHORT_LEASES)
    world.sim()
    world.add_key()
    relay = faults.relay(world)
    client = world.client(relay)
    load = Load(client)
    eventually("jobs are taken", lambda: len(load.bodies) > 50)
    faults.syncs_fail()
    eventually("submissions are refused", lambda: load.refusals, seconds=5)
    relay.kill()
    load.stop()
    client = another_client(world, world.relay(), client.token)
    eventually("all have ended", lambda: load.outcomes(client) == {"succeeded": len(load.bodies)}, every=0.5)


def test_a_folder_that_turns_read_only_is_survived(world, faults):
    world.sim()
    world.add_key()
    relay = faults.relay(world)
    client = world.client(relay)
    load = Load(client)
    outage(client, load, faults.writes_fail, lambda: faults.writes_fail(False))
    assert faults.refused > 10
    all_succeed(client, load)


@pytest.mark.xfail(strict=True, reason="the API drops the store's own words before anybody has logged them")
def test_an_idle_intake_logs_why_it_refuses(world, faults):
    world.add_key()
    relay = faults.relay(world, "api")
    client = world.client(relay)
    faults.writes_fail()
    assert is_refusal(client.http.post("/v1/jobs", content=job_line(message_body()), headers=VERSION))
    assert is_refusal(client.http.get("/readyz")), "the answer sends the operator to the log"
    assert "I/O error" in relay.output


@pytest.mark.parametrize("part", ["", "relay.sqlite"], ids=["folder", "file"])
def test_a_relay_refuses_to_start_on_what_it_cannot_write(mounts, world, part):
    sim, relay, client = world.serving()
    identifier = client.submit(message_body("before"))
    client.ended(identifier)
    assert relay.stop() == 0
    mounts.read_only(world.data / part)
    refused = world.relay()
    eventually("it ends", lambda: not refused.running, seconds=10)
    assert refused.process.returncode > 0, refused.output
    assert "read-only" in refused.output.lower().replace("readonly", "read-only") and str(world.data) in refused.output
    mounts.unmount(world.data / part)
    client = another_client(world, world.relay(), client.token)
    assert client.job(identifier)["status"] == "succeeded"
    assert client.ended(client.submit(message_body("after")))["status"] == "succeeded"


def damaged(world, *places):
    """A folder with 60 ended and 140 queued jobs, then with spoilt pages at these shares of the file's length.

    Returns the bodies by job, and a client's token.
    """
    world.config.write_text(SHORT_LEASES.replace("max_attempts: 20", "max_attempts: 2"))
    sim, relay, client = world.serving()
    bodies = submitted(client, 60)
    eventually("the first have ended", lambda: client.count("succeeded") == 60)
    assert relay.stop() == 0
    intake = world.relay("api")
    bodies |= submitted(another_client(world, intake, client.token), 140)
    assert intake.stop() == 0
    queue = world.data / "relay.sqlite"
    pages = merge_log(queue)
    for place in places:
        spoil_page(queue, int(pages * place))
    return bodies, client.token


def submitted(client, count):
    """Submits jobs that fill about half a page each. Returns their bodies by job."""
    batch = [message_body(f"{number} of {count} " + "x" * 3000) for number in range(count)]
    answers = client.submit_many([job_line(body) for body in batch])
    return {answer["id"]: body for answer, body in zip(answers, batch)}


def outcome(client, identifier, body):
    """What a client learns of a job: its state, `wrong` for another's answer, or the refusal's code."""
    answer = client.http.get(f"/v1/jobs/{identifier}")
    if answer.status_code != 200:
        return answer.headers["x-relay-error"]
    status = answer.json()["status"]
    if status != "succeeded":
        return status
    result = client.result(identifier)
    if result.status_code != 200:
        return result.headers["x-relay-error"]
    return status if client.result_matches(identifier, body) else "wrong"


@pytest.mark.parametrize("place", [0.5, 0.9])
def test_a_spoilt_page_costs_the_jobs_on_it_and_no_others(world, place):
    bodies, token = damaged(world, place)
    relay = world.relay()
    client = another_client(world, relay, token)

    def most_succeed():
        found = Counter(outcome(client, *job) for job in bodies.items())
        assert not found["wrong"] and relay.running
        return found["succeeded"] >= 190 and not found["queued"] and found

    found = eventually("the others have succeeded", most_succeed, every=0.5)
    assert set(found) <= {"succeeded", "errored", "store_unavailable"} and found["succeeded"] < 200, found
    assert client.ended(client.submit(message_body("after")))["status"] == "succeeded"


@pytest.mark.xfail(strict=True, reason="a small write of the health check succeeds, so /readyz forgets the failure")
def test_spoilt_pages_that_intake_needs_are_said(world):
    # The first pages of the file hold the beginnings of its trees; the very first two stay as they are.
    bodies, token = damaged(world, *(share / 100 for share in range(3, 9)))
    relay = world.relay()
    client = another_client(world, relay, token)
    assert is_refusal(client.http.post("/v1/jobs", content=job_line(message_body()), headers=VERSION))
    assert relay.running and "malformed" in relay.output
    assert is_refusal(client.http.get("/readyz"))


@pytest.mark.xfail(strict=True, reason="relay doctor counts the jobs, but does not look through the file")
def test_doctor_names_a_spoilt_page(world):
    damaged(world, 0.5)
    doctor = world.cli("doctor", "--upstream", world.upstream, "--config", str(world.config), check=False)
    assert doctor.returncode == 1 and "FAIL  queue" in doctor.stdout, doctor.stdout


def test_a_clock_set_back_by_an_hour_delays_nothing(world, faults):
    world.config.write_text(CONFIG.replace("base: 50ms, cap: 1s", "base: 30s, cap: 30s"))
    sim = world.sim("--slow", "3s")
    world.add_key("--rps", "20")
    relay = faults.relay(world)
    client = world.client(relay)
    receiver = world.receiver()
    receiver.failing = 1
    first = client.submit(message_body("its callback is tried twice"), webhook=receiver.url)
    scheduled_at = (datetime.now(timezone.utc) + timedelta(minutes=10)).isoformat().replace("+00:00", "Z")
    scheduled = client.submit(message_body("in ten minutes"), run_at=scheduled_at)
    own_time = client.job(scheduled)["run_at"]

    def scripted(text, script):
        answer = client.http.post(
            "/v1/jobs", content=job_line(message_body(text)), headers={**VERSION, "x-sim-script": script})
        return answer.json()["id"]

    failed = [scripted(f"in backoff {number}", "500,ok") for number in range(6)]
    under_way = [scripted(f"under way {number}", "slow-first-byte") for number in range(3)]
    eventually("all were tried", lambda: all(client.job(job)["attempts"] for job in failed + under_way))
    eventually("the callback failed once", lambda: len(receiver.deliveries) == 1)
    waiting = [client.submit(message_body(f"waiting {number}")) for number in range(40)]
    faults.shift_clock(-HOUR)
    after = client.submit(message_body("after"))
    created = datetime.fromisoformat(client.job(after)["created_at"].replace("Z", "+00:00"))
    assert timedelta(minutes=59) < datetime.now(timezone.utc) - created < timedelta(minutes=61), "the shim has no effect"
    for job in [first, after, *under_way, *failed, *waiting]:
        assert client.ended(job, seconds=20)["status"] == "succeeded"
    assert all(client.job(job)["attempts"] == 1 for job in under_way + waiting)
    eventually("the callback came", lambda: len(receiver.deliveries) == 2, seconds=15)
    assert {job_of(json.loads(body)) for _, body in receiver.deliveries} == {first}
    assert (client.job(scheduled)["status"], client.job(scheduled)["run_at"]) == ("queued", own_time)
    faults.shift_clock(601)
    assert client.ended(scheduled, seconds=10)["status"] == "succeeded"


def test_a_relay_that_starts_after_the_clock_was_set_back_takes_up_all(world, faults):
    sim = world.sim()
    world.add_key()
    api = faults.relay(world, "api")
    client = world.client(api)
    identifiers = [client.submit(message_body(f"before {number}")) for number in range(20)]
    faults.shift_clock(-HOUR)
    faults.relay(world, "worker")
    for identifier in identifiers:
        assert client.ended(identifier, seconds=15)["status"] == "succeeded"
    assert sim.stats()["executions"]["histogram"] == {"1": 20}


def test_two_services_share_a_folder_and_a_frozen_one_blocks_nobody(world):
    sim, first, client = world.serving("--latency", "10ms")
    second = world.relay()
    other = another_client(world, second, client.token)
    loads = [Load(client, threads=2), Load(other, threads=2)]
    eventually("both take jobs", lambda: all(len(load.bodies) > 150 for load in loads))
    for load in loads:
        load.stop()
        assert not load.refusals and not load.faults
    total = sum(len(load.bodies) for load in loads)
    eventually("all have succeeded", lambda: client.count("succeeded") == total, every=0.2)
    assert other.count("succeeded") == total and f"succeeded {total}" in " ".join(world.cli("status").stdout.split())
    assert sim.stats()["executions"]["histogram"] == {"1": total}
    for load, reader in zip(loads, [other, client]):
        assert load.outcomes(reader) == {"succeeded": len(load.bodies)}
    freeze(world, second)
    assert client.ended(client.submit(message_body("while it is frozen")), seconds=10)["status"] == "succeeded"
    os.kill(second.process.pid, signal.SIGCONT)
    assert other.ended(other.submit(message_body("it goes on")), seconds=10)["status"] == "succeeded"


def test_the_jobs_of_a_frozen_worker_are_taken_over(world):
    world.config.write_text(SHORT_LEASES)
    sim, api, client = world.serving("--latency", "1s", command="api")
    frozen = world.relay("worker")
    bodies = {client.submit(body): body for body in (message_body(f"held {number}") for number in range(40))}
    eventually("they are under way", lambda: sim.stats()["in_flight"] == 40)
    freeze(world, frozen)
    world.relay("worker")
    for identifier in bodies:
        assert client.ended(identifier, seconds=20)["attempts"] == 2
    os.kill(frozen.process.pid, signal.SIGCONT)
    eventually("it hears that it has lost them", lambda: "lease lost" in frozen.output, seconds=10)
    assert client.ended(client.submit(message_body("they go on")), seconds=10)["status"] == "succeeded"
    assert client.count("succeeded") == 41 and all(client.result_matches(*job) for job in bodies.items())


def freeze(world, program):
    """SIGSTOP at an instant at which nobody writes to the queue: the program holds nothing that others need."""
    turn = (world.data / "relay.sqlite.turn").stat().st_ino

    def attempt():
        os.kill(program.process.pid, signal.SIGSTOP)
        with open("/proc/locks") as table:  # locks of an open file, such as those of the turn, name no process
            locks = [line for line in table if f" {program.process.pid} " in line or f":{turn} " in line]
        is_free = not any(" WRITE " in line for line in locks)
        if not is_free:
            os.kill(program.process.pid, signal.SIGCONT)
        return is_free

    eventually("it holds nothing", attempt, seconds=10)


def test_the_only_process_is_killed_and_started_again(world):
    world.config.write_text(SHORT_LEASES)
    sim, relay, client = world.serving("--latency", "20ms")
    token, bodies = client.token, {}
    for _ in range(3):
        load = Load(client)
        eventually("jobs are taken", lambda: len(load.bodies) > 100)
        relay.kill()
        load.stop()
        bodies |= load.bodies
        relay = world.relay()
        client = another_client(world, relay, token)
    load.bodies = bodies
    eventually("all have ended", lambda: load.outcomes(client) == {"succeeded": len(bodies)}, every=0.5)
