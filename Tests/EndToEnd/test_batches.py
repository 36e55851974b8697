"""Message Batches out of the relay's own queue, with the official SDK."""

import json
import socket
import threading
import time
from collections import Counter
from pathlib import Path

import anthropic
import httpx
import pytest

from recorder import MESSAGE, Recorder, Reply
from world import CONFIG, VERSION, eventually, message_body

KINDS = {"succeeded", "errored", "canceled", "expired"}
PARAMS = {"model": "claude-sonnet-5", "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}]}


def sdk(client, **more):
    return anthropic.Anthropic(base_url=client.base, api_key=client.token, max_retries=0, **more)


def request(name, text="Hi", **params):
    return {"custom_id": name, "params": {**PARAMS, "messages": [{"role": "user", "content": text}], **params}}


def counted(batch):
    """The counts, after checking that they add up."""
    counts = batch.request_counts.to_dict()
    assert set(counts) == KINDS | {"processing"}
    return counts


def ended(batches, identifier, total, seconds=60):
    """The batch once it has ended; its counts add up whenever one looks."""

    def look():
        batch = batches.retrieve(identifier)
        assert sum(counted(batch).values()) == total
        assert (batch.results_url is None) == (batch.processing_status != "ended")
        return batch if batch.processing_status == "ended" else None

    return eventually("the batch has ended", look, seconds)


def test_ten_thousand_requests_each_get_their_own_outcome(world):
    # What the upstream breaks off or refuses for now is tried again; what it refuses for good is the result. The key is
    # too slow for all of them in the batch's time, and some are cancelled one by one.
    world.config.write_text(CONFIG + "limits: {batch_lifetime: 8s}\n")
    _, _, client = world.serving(
        "--fault", "413=0.02", "--fault", "529=0.02", "--fault", "reset=0.01", key=("--rps", "900"))
    batches, total = sdk(client).messages.batches, 10_000
    wanted = {}

    def make(number):
        name = f"r-{number}"
        if number % 50 == 1:
            wanted[name] = "invalid_request_error"  # the upstream's word: max_tokens is missing
            return {"custom_id": name, "params": {"model": PARAMS["model"], "messages": PARAMS["messages"]}}
        if number % 50 == 3:
            wanted[name] = "relay"
            return request(name, stream=True)
        wanted[name] = "succeeded"
        return request(name, f"number {number} ✓\u2028")

    batch = batches.create(requests=[make(number) for number in range(total)])
    assert batch.id.startswith("msgbatch_") and batch.type == "message_batch" and batch.archived_at is None
    assert batch.processing_status == "in_progress" and counted(batch)["processing"] == total
    assert batch.ended_at is None and batch.expires_at > batch.created_at
    with pytest.raises(anthropic.AnthropicError):
        batches.results(batch.id)
    asked = 20
    canceled = sum(cancels(client, asked))
    batch = ended(batches, batch.id, total)
    counts, outcomes = counted(batch), Counter(wanted.values())
    assert 0 < canceled <= counts["canceled"] <= asked, "one that was already running is stopped, or ends by itself"
    assert counts["expired"] > 0 and counts["errored"] > outcomes["relay"]
    seen, texts, kinds, too_large = set(), set(), Counter(), set()
    for line in batches.results(batch.id):
        assert line.custom_id not in seen
        seen.add(line.custom_id)
        kinds[line.result.type] += 1
        if line.result.type in ("canceled", "expired"):
            assert wanted[line.custom_id] != "relay", "that one was never queued"
        elif line.result.type == "succeeded":
            assert wanted[line.custom_id] == "succeeded" and line.result.message.stop_reason == "end_turn"
            texts.add(line.result.message.content[0].text)
        else:
            assert line.result.type == "errored" and line.result.error.type == "error", line
            kind, message = line.result.error.error.type, line.result.error.error.message
            if kind == "request_too_large":
                too_large.add(line.custom_id)
                continue
            ours = wanted[line.custom_id] == "relay"
            assert kind == ("invalid_request_error" if ours else wanted[line.custom_id])
            assert message.startswith("Claude Relay:") == ours
    assert seen == set(wanted)
    assert kinds == {kind: counts[kind] for kind in KINDS} and too_large
    assert len(texts) == counts["succeeded"], "each answer echoes its own request"
    raw = client.http.get(batch.results_url)
    assert raw.content.count(b"\n") == total and b"\r" not in raw.content
    assert batches.delete(batch.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        batches.retrieve(batch.id)
    eventually("its jobs are deleted", lambda: client.count("succeeded") + client.count("expired") <= 1)


def cancels(client, count):
    """Cancels so many queued jobs; tells of each whether it has ended by it."""
    eventually("there are jobs", lambda: client.http.get("/v1/jobs", params={"status": "queued"}).json()["data"])
    for job in client.http.get("/v1/jobs", params={"status": "queued", "limit": count}).json()["data"]:
        answer = client.http.post(f"/v1/jobs/{job['id']}/cancel")
        yield answer.status_code == 200 and answer.json()["status"] == "canceled"


def test_cancelling_ends_what_waits(world):
    _, _, client = world.serving("--latency", "500ms")
    batches, total = sdk(client).messages.batches, 1000
    batch = batches.create(requests=[request(f"r{number}", f"{number}") for number in range(total)])
    eventually("some are under way", lambda: client.count("running") > 0)
    canceling = batches.cancel(batch.id)
    assert canceling.processing_status in ("canceling", "ended") and canceling.cancel_initiated_at
    with pytest.raises(anthropic.BadRequestError, match="has not ended"):
        batches.delete(batch.id)
    assert client.http.get(f"/v1/messages/batches/{batch.id}/results").status_code == 400
    counts = counted(ended(batches, batch.id, total))
    assert counts["canceled"] > 0 and counts["succeeded"] > 0 and counts["canceled"] + counts["succeeded"] == total
    types = Counter(line.result.type for line in batches.results(batch.id))
    assert types == {"canceled": counts["canceled"], "succeeded": counts["succeeded"]}
    assert batches.cancel(batch.id).processing_status == "ended", "a batch that has ended stays as it is"


def test_pages_go_both_ways_and_tenants_see_their_own(world):
    _, relay, client = world.serving()
    batches = sdk(client).messages.batches
    made = [batches.create(requests=[request("a", f"{number}")]).id for number in range(7)]
    newest_first = made[::-1]
    assert [batch.id for batch in batches.list(limit=3)] == newest_first
    assert [batch.id for batch in batches.list(limit=3, after_id=made[4])] == newest_first[3:]
    backwards = batches.list(limit=3, before_id=made[1])
    assert [batch.id for batch in backwards.data] == [made[4], made[3], made[2]] and backwards.has_more
    assert {batch.id for batch in backwards} == set(made[2:])
    other = sdk(world.client(relay, tenant="other")).messages.batches
    assert other.list().data == [] and other.list().first_id is None
    for call in (other.retrieve, other.cancel, other.delete, other.results):
        with pytest.raises(anthropic.NotFoundError):
            call(made[0])
    assert batches.retrieve(made[0]).id == made[0]


def test_a_clean_up_page_by_page_deletes_all(world):
    _, _, client = world.serving()
    batches = sdk(client).messages.batches
    made = [batches.create(requests=[request("a", f"{number}")]).id for number in range(9)]
    for identifier in made:
        ended(batches, identifier, 1)
    deleted = [batches.delete(batch.id).id for batch in batches.list(limit=2)]  # pages begin after deleted ones
    assert deleted == made[::-1] and batches.list().data == []


def test_results_that_are_deleted_meanwhile_do_not_pass_for_all(world):
    recorder = Recorder()
    world.closers.append(recorder.close)
    recorder.answer = lambda _: Reply(MESSAGE.replace(b"ok", b"x" * 100_000))  # more in all than a socket holds
    world.upstream = recorder.base
    world.add_key()
    client = world.client(world.relay())
    batches = sdk(client).messages.batches
    batch = batches.create(requests=[request(f"r{number}") for number in range(400)])
    ended(batches, batch.id, 400)
    with client.http.stream("GET", f"/v1/messages/batches/{batch.id}/results") as answer:
        chunks = answer.iter_raw()
        assert answer.status_code == 200 and next(chunks)
        batches.delete(batch.id)
        with pytest.raises(httpx.RemoteProtocolError):
            sum(map(len, chunks))


def test_what_cannot_be_accepted_is_refused_whole(world):
    world.config.write_text(CONFIG + "limits: {batch_body: 1MiB}\n")
    _, _, client = world.serving()
    batches = sdk(client).messages.batches
    for requests, words in (
            ([], "no requests"), ([request("a"), request("b"), request("a")], "twice"), ([request("ä")], "custom_id"),
            ([request("x" * 65)], "custom_id"), ([{**request("a"), "priority": 1}], "priority"),
            ([{"custom_id": "a"}], "params")):
        with pytest.raises(anthropic.BadRequestError, match=words):
            batches.create(requests=requests)
    with pytest.raises(anthropic.RequestTooLargeError):
        batches.create(requests=[request("a", "x" * (1 << 20))])
    lines = ",".join(json.dumps({"custom_id": f"{number}", "params": {}}) for number in range(20_000))
    for body in ('{"requests":[' + lines, '{"requests":{}}', "[]", '{"other":1}', '{"requests":[1]}', ""):
        answer = client.http.post("/v1/messages/batches", content=body, headers=VERSION)
        assert answer.status_code == 400 and answer.json()["error"]["type"] == "invalid_request_error", answer.text
    assert batches.list().data == [] and client.count("queued") == 0


def test_more_than_a_hundred_thousand_requests_are_too_many(world):
    _, _, client = world.serving(command="api")
    lines = ",".join('{"custom_id":"%d","params":{}}' % number for number in range(100_001))
    answer = client.http.post("/v1/messages/batches", content='{"requests":[%s]}' % lines, headers=VERSION)
    assert answer.status_code == 413 and "100000" in answer.text
    assert client.http.get("/v1/messages/batches").json()["data"] == []


def test_a_key_makes_one_batch(world):
    _, _, client = world.serving()
    batches = sdk(client).messages.batches
    key = {"extra_headers": {"idempotency-key": "batch-7"}}
    first = batches.create(requests=[request("a"), request("b")], **key)
    assert batches.create(requests=[request("a"), request("b")], **key).id == first.id
    with pytest.raises(anthropic.ConflictError, match=first.id):
        batches.create(requests=[request("a"), request("c")], **key)
    assert [batch.id for batch in batches.list()] == [first.id]
    ended(batches, first.id, 2)
    assert client.count("succeeded") == 2


def test_the_headers_of_the_creation_travel_with_every_request(world):
    recorder = Recorder()
    world.closers.append(recorder.close)
    world.upstream = recorder.base
    world.add_key()
    client = world.client(world.relay())
    body = b'{ "requests" : [ %s ] }' % b" , ".join(
        b'{"params":{ "b":1.0e1, "a":"\\u00e9", "a":2,\n"model":"m"},"custom_id":"%d"}' % number for number in range(3))
    headers = {**VERSION, "anthropic-version": "2026-10-21", "anthropic-beta": "one,two", "anthropic-user-profile-id": "u"}
    identifier = client.http.post("/v1/messages/batches?beta=true", content=body, headers=headers).json()["id"]
    ended(sdk(client).messages.batches, identifier, 3)
    assert len(recorder.received) == 3
    for call in recorder.received:
        assert call.body == b'{ "b":1.0e1, "a":"\\u00e9", "a":2,\n"model":"m"}', "byte for byte"
        assert call.header("anthropic-version") == "2026-10-21" and call.header("anthropic-beta") == "one,two"
        assert call.header("anthropic-user-profile-id") == "u"


def half_created(client, requests):
    """A socket on which a creation has been sent but for its end."""
    body = '{"requests":[' + ",".join(json.dumps(entry) for entry in requests)
    host, port = client.base.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    head = (f"POST /v1/messages/batches HTTP/1.1\r\nhost: r\r\nx-api-key: {client.token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body) + 2}\r\n\r\n")
    connection.sendall(head.encode() + body.encode())
    return connection


def test_a_killed_creation_leaves_nothing(world):
    world.sim()
    world.add_key()
    api = world.relay("api")
    client = world.client(api)
    connection = half_created(client, [request(f"r{number}", "x" * 200) for number in range(3000)])
    eventually("some of it is stored", lambda: (world.data / "relay.sqlite-wal").stat().st_size > 400_000)
    api.kill()
    connection.close()
    relay = world.relay()
    client = world.client(relay)
    assert client.http.get("/v1/messages/batches").json()["data"] == []
    batches = sdk(client).messages.batches
    whole = batches.create(requests=[request("a")])
    ended(batches, whole.id, 1)
    assert client.count("succeeded") == 1 and client.count("queued") == 0


def test_a_client_that_leaves_in_mid_creation_leaves_nothing(world):
    _, _, client = world.serving()
    half_created(client, [request(f"r{number}", "x" * 200) for number in range(3000)]).close()
    time.sleep(0.5)
    assert client.http.get("/v1/messages/batches").json()["data"] == []
    assert client.count("queued") == client.count("succeeded") == 0


def test_an_acknowledged_batch_survives_kills(world):
    world.sim("--latency", "5ms")
    world.add_key()
    api, worker = world.relay("api"), world.relay("worker")
    client = world.client(api)
    identifier = sdk(client).messages.batches.create(
        requests=[request(f"r{number}", f"{number}") for number in range(3000)]).id
    worker.kill()  # in the midst of making jobs of its requests
    api.kill()
    world.relay("worker").kill()
    client = world.client(world.relay())
    batches = sdk(client).messages.batches
    assert counted(ended(batches, identifier, 3000))["succeeded"] == 3000
    assert len({line.custom_id for line in batches.results(identifier)}) == 3000


def test_a_large_batch_is_not_held_in_memory(world):
    _, relay, client = world.serving(command="api")
    text = b"x" * 100_000
    entry = b'{"custom_id":"r-%d","params":{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"' + text

    def body():
        yield b'{"requests":['
        for number in range(2000):
            yield (b"," if number else b"") + entry % number + b'"}]}}'
        yield b"]}"

    headers = {**VERSION, "content-length": str(sum(map(len, body())))}
    answer = client.http.post("/v1/messages/batches", content=body(), headers=headers, timeout=120)
    assert answer.status_code == 200 and answer.json()["request_counts"]["processing"] == 2000, answer.text
    status = Path(f"/proc/{relay.process.pid}/status").read_text()
    peak = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
    assert peak < 250 * 1024, f"{peak} KiB for a body of 200 MB"


def test_single_jobs_do_not_wait_for_a_batch(world):
    _, _, client = world.serving()
    batches = sdk(client).messages.batches
    made = []
    requests = [request(f"r{number}", f"{number}") for number in range(5000)]
    creation = threading.Thread(target=lambda: made.append(batches.create(requests=requests)))
    creation.start()
    while creation.is_alive():
        assert client.ended(client.submit(message_body("single")))["status"] == "succeeded"
    creation.join()
    assert client.ended(client.submit(message_body("after")))["status"] == "succeeded"
    assert batches.retrieve(made[0].id).request_counts.processing > 0, "the single job went first"
