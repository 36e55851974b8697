"""The main job: what is submitted is answered, once, by its own answer; and owners can follow it."""

import random
import threading
import time
from collections import Counter

import httpx
from standardwebhooks import Webhook

from world import VERSION, eventually, job_line, job_of, message_body

FAULTS = ["500=0.04", "529=0.03", "reset=0.04", "reset-body=0.03", "truncated-json=0.03", "502-html=0.02",
          "slow-first-byte=0.01"]


def bodies(count, seed):
    """Different requests of varied size and content."""
    rng = random.Random(seed)
    texts = ["Grüße aus 東京 🙂", "tab\tquote\" back\\slash", "plain words "]
    return [message_body(f"{number}: " + rng.choice(texts) * rng.choice([1, 3, 40, 400]), max_tokens=16)
            for number in range(count)]


def test_a_thousand_jobs_survive_faults_in_one_call_of_five(world):
    seed = 20261123
    print("seed", seed)
    options = [part for fault in FAULTS for part in ("--fault", fault)]
    sim, relay, client = world.serving("--seed", str(seed), *options)
    receiver = world.receiver()
    answer = client.http.post("/v1/webhooks", json={"url": receiver.url})
    assert answer.status_code == 201, answer.text
    receiver.failing = 5  # deliveries are repeated, too; five in a row rest the receiver for 30 s

    requests = bodies(1000, seed)
    answers = client.submit_many([job_line(body) for body in requests])
    identifiers = [answer["id"] for answer in answers]
    assert [answer["line"] for answer in answers] == list(range(1, 1001))
    assert len(set(identifiers)) == 1000

    eventually("all jobs have succeeded", lambda: client.count("succeeded") == 1000, seconds=120, every=0.5)
    wrong = [name for name, body in zip(identifiers, requests) if not client.result_matches(name, body)]
    assert not wrong, f"{len(wrong)} results belong to other requests: {wrong[:5]}"
    tried = client.http.get("/v1/jobs", params={"limit": 1000}).json()["data"]
    assert sum(job["attempts"] for job in tried) > 1100, "the faults were not injected"

    eventually("all callbacks came", lambda: len(receiver.ids()) >= 1000, seconds=90, every=0.2)
    webhook, events = Webhook(answer.json()["secret"]), {}
    for headers, body in list(receiver.deliveries):
        events[headers["webhook-id"]] = webhook.verify(body, headers)
    assert Counter(job_of(event) for event in events.values()) == Counter(identifiers)
    assert {event["type"] for event in events.values()} == {"job.succeeded"}


def test_a_job_can_be_listed_waited_for_and_fetched_byte_for_byte(world):
    sim, relay, client = world.serving("--latency", "300ms")
    body = message_body("unchanged: \u2028 é \\/ 1.0e2")
    started = time.monotonic()
    identifier = client.submit(body, metadata={"ref": "A-1"}, priority=9)
    assert client.result(identifier).status_code == 409
    job = client.job(identifier, wait=20)
    assert job["status"] == "succeeded" and time.monotonic() - started < 5, "a long poll returns when the job ends"
    assert job["metadata"] == {"ref": "A-1"} and job["priority"] == 9 and job["attempts"] == 1
    result = client.result(identifier)
    reference = world.sim()  # a fresh one, for what it answers depends on how often it was asked
    direct = httpx.post(reference.base + "/v1/messages", content=body, headers={**VERSION, "x-api-key": "direct"})
    assert result.content == direct.content
    assert result.headers["request-id"].startswith("req_")
    assert client.result_matches(identifier, body)
    assert [job["id"] for job in client.http.get("/v1/jobs?status=succeeded").json()["data"]] == [identifier]


def test_a_long_poll_ends_when_its_time_is_over(world):
    world.add_key()
    relay = world.relay("api")
    client = world.client(relay)
    identifier = client.submit(message_body())
    started = time.monotonic()
    assert client.job(identifier, wait=1)["status"] == "queued"
    assert 0.9 <= time.monotonic() - started < 3


def test_a_queued_job_is_canceled_and_its_owner_is_told(world):
    world.add_key()
    client = world.client(world.relay("api"))
    identifier = client.submit(message_body())
    assert client.http.post(f"/v1/jobs/{identifier}/cancel").json()["status"] == "canceled"
    assert client.result(identifier).json()["error"]["details"]["error_code"] == "canceled"
    again = client.http.post(f"/v1/jobs/{identifier}/cancel")
    assert again.status_code == 409 and again.headers["x-relay-error"] == "job_already_ended"


def test_a_bad_line_in_a_bulk_submission_refuses_itself_alone(world):
    sim, relay, client = world.serving()
    good = [message_body(f"line {number}") for number in range(4)]
    bad = [b'{"request":{"model":"m","max_tokens":1}}', b"not json", b'{"request":{}, "surprise": 1}']
    lines = [job_line(good[0]), bad[0], job_line(good[1]), bad[1], job_line(good[2]), bad[2], job_line(good[3])]
    answers = client.submit_many(lines)
    codes = [answer.get("error", {}).get("details", {}).get("error_code") for answer in answers]
    assert codes == [None, "field_missing", None, "body_not_json", None, "field_invalid", None]
    accepted = [answer["id"] for answer in answers if "id" in answer]
    for identifier, body in zip(accepted, good):
        assert client.ended(identifier)["status"] == "succeeded" and client.result_matches(identifier, body)


def test_an_idempotency_key_makes_one_job(world):
    world.add_key()
    client = world.client(world.relay("api"))
    send = lambda text: client.http.post(  # noqa: E731
        "/v1/jobs", content=job_line(message_body(text)), headers={**VERSION, "idempotency-key": "order-7"})
    first, second, other = send("same"), send("same"), send("different")
    assert first.status_code == 202 and second.json()["id"] == first.json()["id"]
    assert other.status_code == 409 and other.headers["x-relay-error"] == "idempotency_conflict"


def test_a_tenants_jobs_do_not_exist_for_another(world):
    world.add_key()
    relay = world.relay("api")
    mine, theirs = world.client(relay, tenant="acme"), world.client(relay, tenant="other")
    identifier = mine.submit(message_body())
    for method, path in [("GET", ""), ("GET", "/result"), ("GET", "/attempts"), ("POST", "/cancel")]:
        answer = theirs.http.request(method, f"/v1/jobs/{identifier}{path}")
        assert (answer.status_code, answer.headers["x-relay-error"]) == (404, "job_unknown"), path
    assert theirs.http.get("/v1/jobs").json()["data"] == []


def test_a_client_fault_ends_a_job_at_once_with_the_upstreams_answer(world):
    client = world.serving()[2]
    line = job_line(message_body(temperature=0.5))  # refused by this version of the API, not by the relay
    identifier = client.http.post(
        "/v1/jobs", content=line, headers={**VERSION, "anthropic-version": "2026-10-21"}).json()["id"]
    job = client.ended(identifier)
    assert job["status"] == "errored" and job["attempts"] == 1
    result = client.result(identifier)
    assert result.status_code == 400 and result.json()["error"]["type"] == "invalid_request_error"
    assert result.headers["request-id"] == result.json()["request_id"]


def test_queued_jobs_go_on_after_a_restart_on_the_same_folder(world):
    world.sim()
    world.add_key()
    first = world.relay("api")
    client = world.client(first)
    requests = bodies(50, seed=5)
    identifiers = [answer["id"] for answer in client.submit_many([job_line(body) for body in requests])]
    assert first.stop() == 0
    client = world.client(world.relay("serve"))
    for identifier, body in zip(identifiers, requests):
        assert client.ended(identifier)["status"] == "succeeded" and client.result_matches(identifier, body)


def submitting(client_of, requests, acknowledged, finished):
    """Submits one after another, over as many relays as it takes; keeps what was acknowledged."""
    for body in requests:
        while not finished.is_set():
            try:
                acknowledged[client_of().submit(body)] = body
                break
            except httpx.TransportError:
                time.sleep(0.02)  # killed under our hands: this one was not acknowledged, so submit it again


def test_kill_9_of_workers_and_of_the_api_loses_nothing_acknowledged(world):
    seed = 9
    print("seed", seed)
    rng = random.Random(seed)
    world.sim("--latency", "50ms", "--seed", str(seed), "--fault", "500=0.05", "--fault", "reset=0.05")
    world.add_key("--rps", "100")
    api, workers = world.relay("api"), [world.relay("worker"), world.relay("worker")]
    current = {"client": world.client(api)}
    acknowledged, finished = {}, threading.Event()
    requests = bodies(400, seed)
    threads = [threading.Thread(target=submitting, daemon=True,
                                args=(lambda: current["client"], requests[part::4], acknowledged, finished))
               for part in range(4)]
    for thread in threads:
        thread.start()
    try:
        for round in range(4):
            before = len(acknowledged)
            eventually("some more were acknowledged",
                       lambda: len(acknowledged) >= before + 30 or not any(t.is_alive() for t in threads))
            time.sleep(rng.uniform(0, 0.2))
            workers[round % 2].kill()
            workers[round % 2] = world.relay("worker")
            if round % 2 == 0:
                api.kill()
                api = world.relay("api")
                current["client"] = world.client(api)
        for thread in threads:
            thread.join(60)
    finally:
        finished.set()
    assert len(acknowledged) == 400
    client = current["client"]
    eventually("all jobs have ended", lambda: client.count("queued") + client.count("running") == 0, 60, every=0.5)
    for identifier, body in acknowledged.items():
        assert client.job(identifier)["status"] == "succeeded"
        assert client.result_matches(identifier, body)
