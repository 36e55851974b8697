"""Faults of disk, clock and processes: said plainly, survived without hand-work, and no acknowledged job is lost."""

import json
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest

from faults.control import LOG, Faults, build_shim, compiler
from faults.damage import SHORT_LEASES, damaged, outcome
from faults.load import Load
from faults.mounts import Ballast, Mounts
from faults.outage import all_succeed, is_ready, is_refusal, outage
from faults.processes import another_client, freeze, thaw
from faults.upstream import PATIENCE_SECONDS, BusyUpstream
from world import CONFIG, VERSION, eventually, job_line, job_of, message_body

HOUR = 3600


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


def test_a_full_disk_refuses_jobs_until_there_is_room(mounts, world):
    mounts.small(world.data, "12m")
    sim, relay, client = world.serving("--latency", "20ms")
    ballast = Ballast(world.data)
    load = Load(client)
    outage(client, load, ballast.fill, ballast.remove, is_total=False)
    all_succeed(client, load)
    assert relay.running and "disk is full" in relay.output


def test_a_disk_with_room_for_no_job_is_not_ready(mounts, world):
    mounts.small(world.data, "8m")
    world.add_key()
    client = world.client(world.relay("api"))
    client.submit(message_body("before"))
    ballast = Ballast(world.data)
    ballast.fill()
    large = job_line(message_body("x" * 200_000))
    assert is_refusal(client.http.post("/v1/jobs", content=large, headers=VERSION))
    ballast.give_back(65_536)
    assert is_refusal(client.http.post("/v1/jobs", content=large, headers=VERSION))
    assert is_refusal(client.http.get("/readyz"))
    ballast.remove()
    eventually("/readyz is well again", lambda: is_ready(client), seconds=5)
    assert client.http.post("/v1/jobs", content=large, headers=VERSION).status_code == 202


def survives(world, faults, fail):
    """A relay under load meets `fail` and its end: it refuses meanwhile, and loses nothing. Returns the relay."""
    world.add_key()
    relay = faults.relay(world)
    client = world.client(relay)
    load = Load(client)
    outage(client, load, fail, lambda: fail(False))
    assert faults.refused > 10
    all_succeed(client, load)
    return relay


def test_a_failing_sync_acknowledges_nothing(world, faults):
    world.sim("--latency", "20ms")
    # Of the log alone: if a checkpoint were at the file, only a new start would help.
    relay = survives(world, faults, lambda fail=True: faults.syncs_fail(fail, LOG))
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
    survives(world, faults, faults.writes_fail)


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


@pytest.mark.parametrize("place", [0.5, 0.9])
def test_a_spoilt_page_costs_the_jobs_on_it_and_no_others(world, place):
    bodies, token = damaged(world, "jobs", place)
    relay = world.relay()
    client = another_client(world, relay, token)

    def most_succeed():
        found = Counter(outcome(client, *job) for job in bodies.items())
        assert not found["wrong"] and relay.running
        return found["succeeded"] >= 190 and not found["queued"] and found

    found = eventually("the others have succeeded", most_succeed, every=0.5)
    assert set(found) <= {"succeeded", "errored", "store_unavailable"} and found["succeeded"] < 200, found
    assert client.ended(client.submit(message_body("after")))["status"] == "succeeded"


@pytest.mark.parametrize("tree", ["tenants", "counters", "queued"])
def test_spoilt_pages_that_every_transition_needs_are_said(world, tree):
    _, token = damaged(world, tree, 0)
    relay = world.relay()
    client = another_client(world, relay, token)
    eventually("it is said", lambda: client.http.get("/readyz").status_code == 503 and "malformed" in relay.output)
    if tree != "queued":  # new jobs go to the end of that one, which is whole
        assert is_refusal(client.http.post("/v1/jobs", content=job_line(message_body()), headers=VERSION))
    assert relay.running


def test_a_spoilt_index_of_what_is_due_is_said(world):
    _, token = damaged(world, "queued_due", 0)
    relay = world.relay()
    client = another_client(world, relay, token)
    eventually("it is said", lambda: client.http.get("/readyz").status_code == 503 and "malformed" in relay.output)
    assert is_refusal(client.http.get("/readyz"))
    assert relay.running


def test_doctor_names_a_spoilt_page(world):
    damaged(world, "jobs", 0.5)
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
    behind = datetime.now(timezone.utc) - created
    assert timedelta(minutes=59) < behind < timedelta(minutes=61), "the shim has no effect"
    for job in [first, after, *under_way, *failed, *waiting]:
        assert client.ended(job, seconds=20)["status"] == "succeeded"
    assert all(client.job(job)["attempts"] == 1 for job in under_way + waiting)
    eventually("the callback came", lambda: len(receiver.deliveries) == 2, seconds=15)
    assert {job_of(json.loads(body)) for _, body in receiver.deliveries} == {first}
    assert (client.job(scheduled)["status"], client.job(scheduled)["run_at"]) == ("queued", own_time)
    faults.shift_clock(601)
    assert client.ended(scheduled, seconds=10)["status"] == "succeeded"


def test_a_clock_set_back_by_an_hour_stops_no_tokens_and_no_requests_of_a_tenant(world, faults):
    limits = [{"organization": "default", "input_tokens_per_minute": 60_000, "concurrency": 8}]
    world.config.write_text(CONFIG + f"pacing: {{token_burst: 1s, limits: {json.dumps(limits)}}}\n")
    world.sim("--latency", "20ms")
    world.add_key()
    relay = faults.relay(world)
    client = world.client(relay)
    world.cli("tenants", "set", "acme", "--rps", "10")

    def one_after_another(count):
        for number in range(count):
            if client.http.get("/v1/jobs?limit=1").status_code == 429:
                return True

    eventually("its requests are limited", lambda: one_after_another(30), seconds=20)

    def submitted(text):
        answer = client.http.post("/v1/jobs", content=job_line(message_body(text)), headers=VERSION)
        return answer.json()["id"] if answer.status_code == 202 else None

    before = [eventually("it is taken", lambda: submitted(f"before {number}")) for number in range(3)]
    faults.shift_clock(-HOUR)
    # No slot lies further ahead than ten seconds, so nobody waits longer.
    after = eventually("a request is let in", lambda: submitted("after"), seconds=20, every=0.3)

    def status(job):
        answer = client.http.get(f"/v1/jobs/{job}")
        return answer.json()["status"] if answer.status_code == 200 else None

    for job in [*before, after]:
        eventually("it has succeeded", lambda: status(job) == "succeeded", seconds=25, every=0.3)


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


def test_an_upstreams_retry_after_survives_a_clock_set_back(world, faults):
    upstream = BusyUpstream()
    world.closers.append(upstream.close)
    world.upstream = upstream.base
    world.add_key()
    client = world.client(faults.relay(world))
    identifier = client.submit(message_body())
    eventually("it waits", lambda: client.job(identifier)["status"] == "queued" and client.job(identifier)["attempts"])
    faults.shift_clock(-HOUR)

    def wait_seconds():
        due = datetime.fromisoformat(client.job(identifier)["run_at"].replace("Z", "+00:00"))
        return (due - datetime.now(timezone.utc)).total_seconds() + HOUR

    eventually("it waits no longer than asked", lambda: wait_seconds() <= PATIENCE_SECONDS, seconds=4)


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
    thaw(second)
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
    thaw(frozen)
    eventually("it hears that it has lost them", lambda: "lease lost" in frozen.output, seconds=10)
    assert client.ended(client.submit(message_body("they go on")), seconds=10)["status"] == "succeeded"
    assert client.count("succeeded") == 41 and all(client.result_matches(*job) for job in bodies.items())


def test_the_only_process_is_killed_and_started_again(world):
    world.config.write_text(SHORT_LEASES)
    sim, relay, client = world.serving("--latency", "20ms")
    token, bodies = client.token, {}
    for _ in range(2):
        load = Load(client)
        eventually("jobs are taken", lambda: len(load.bodies) > 100)
        relay.kill()
        load.stop()
        bodies |= load.bodies
        relay = world.relay()
        client = another_client(world, relay, token)
    load.bodies = bodies
    eventually("all have ended", lambda: load.outcomes(client) == {"succeeded": len(bodies)}, every=0.5)
