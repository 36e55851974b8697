"""What goes over the wire on both sides of a running relay: bytes, headers, targets, and when connections end."""

import gzip
import json
import random
import socket
import threading
import time
import zlib

import anthropic
import httpx
import pytest

from recorder import MESSAGE, Recorder, Reply, events
from world import UPSTREAM_SECRET, VERSION, message_body

ASK = {"model": "claude-sonnet-5", "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def wire(world):
    """A relay before a recording upstream, and a client."""
    upstream = Recorder()
    world.closers.append(upstream.close)
    world.upstream = upstream.base
    world.add_key()
    return upstream, world.client(world.relay())


def odd_text(chance: random.Random) -> str:
    pieces = ["a", "é", "\\u00e9", "\\u00E9", "🙂", "\\ud83d\\ude42", "\\ud83d", "\\/", "/", '\\"', "\\\\", "\\n"]
    return '"' + "".join(chance.choices(pieces, k=chance.randrange(6))) + '"'


def odd_json(chance: random.Random, depth: int = 4) -> str:
    """JSON as no encoder writes it: spacing, duplicate keys, escapes, numbers larger than any integer."""
    def space() -> str:
        return chance.choice(["", "", " ", "\n", "\r\n\t"])

    kind = chance.randrange(6 if depth else 4)
    if kind < 4:
        numbers = ["0", "-0", "1E5", "1e+05", "0.10", "-1.5e-300", "1234567890" * 3, "1e999"]
        return chance.choice([odd_text(chance), chance.choice(numbers), "true", "null"])
    inner = [odd_json(chance, depth - 1) for _ in range(chance.randrange(4))]
    if kind == 4:
        return "[" + ",".join(space() + item + space() for item in inner) + "]"
    return "{" + ",".join(f"{space()}{odd_text(chance)}{space()}:{space()}{item}" for item in inner) + "}"


def odd_request(seed: int) -> bytes:
    chance = random.Random(seed)
    members = ['"model":"m"', '"messages" : [{"role":"user","content":"x"}]', '"max_tokens":\t1', '"max_tokens":2']
    members += [f"{odd_text(chance)}:{odd_json(chance)}" for _ in range(chance.randrange(6))]
    chance.shuffle(members)
    return ("{" + ", ".join(members) + "}\n").encode()


def test_bodies_and_answers_keep_every_byte(wire):
    upstream, client = wire
    for seed in range(150):
        body, answer = odd_request(seed), ("{" + f'"seed":{odd_json(random.Random(-seed))}' + "}").encode()
        upstream.answer = lambda _: Reply(answer)
        reply = client.http.post("/v1/messages", content=body, headers=VERSION)
        assert (reply.status_code, reply.content, upstream.last.body) == (200, answer, body), f"seed {seed}"
        counted = client.http.post("/v1/messages/count_tokens", content=body, headers=VERSION)
        assert (counted.content, upstream.last.body) == (answer, body), f"seed {seed}"
    big = message_body("é🙂" * 900_000)
    assert len(big) > 5_000_000
    assert client.http.post("/v1/messages", content=big, headers=VERSION).status_code == 200
    assert upstream.last.body == big


@pytest.mark.parametrize("encoding,packed", [
    ("gzip", gzip.compress(message_body("x" * 5000))), ("deflate", zlib.compress(message_body())),
    ("br", b"\x8b\x02\x80 not really \xff\x00"), ("zstd", b"\x28\xb5\x2f\xfd\x00 nor this")])
def test_compressed_bodies_go_on_as_they_are_and_their_streams_are_not_held_up(wire, encoding, packed):
    upstream, client = wire
    may_end = threading.Event()

    def pieces():
        yield events().body[0] + events().body[1]
        assert may_end.wait(20), "the first events did not reach the client while the stream was open"
        yield from events().body[2:]

    upstream.answer = lambda _: events(pieces())
    headers = {**VERSION, "content-encoding": encoding, "x-api-key": client.token}
    with httpx.stream("POST", client.base + "/v1/messages", content=packed, headers=headers, timeout=20) as answer:
        chunks = answer.iter_raw()
        first = next(chunks)
        may_end.set()
        whole = first + b"".join(chunks)
    assert whole == b"".join(events().body)
    assert upstream.last.body == packed and upstream.last.header("content-encoding") == encoding


def test_headers_pass_by_deny_list_in_both_directions(wire):
    upstream, client = wire
    kept = {"request-id": "req_up", "retry-after": "7", "anthropic-ratelimit-requests-remaining": "9",
            "anthropic-ratelimit-tokens-reset": "2026-11-23T00:00:00Z", "x-new": "1"}
    dropped = {"alt-svc": "h3", "strict-transport-security": "max-age=1", "nel": "{}", "report-to": "{}",
               "set-cookie": "a=b"}
    upstream.answer = lambda _: Reply(headers=[("content-type", "application/json"), *kept.items(), *dropped.items()])
    sent = {"anthropic-version": "2099-01-01", "x-future": "1", "anthropic-user-profile-id": "p", "user-agent": "mine"}
    headers = [*sent.items(), ("anthropic-beta", "one,two"), ("anthropic-beta", "three"), ("cookie", "c=d"),
               ("authorization", f"Bearer {client.token}"), ("x-api-key", client.token)]
    reply = httpx.post(client.base + "/v1/messages", content=message_body(), headers=headers)
    assert reply.status_code == 200 and {name: reply.headers.get(name) for name in kept} == kept
    assert not dropped.keys() & reply.headers.keys()
    assert {name: upstream.last.header(name) for name in sent} == sent
    assert upstream.last.header("anthropic-beta") == "one,two, three"
    assert upstream.last.header("x-api-key") == UPSTREAM_SECRET
    assert not upstream.last.header("authorization") and not upstream.last.header("cookie")


def test_paths_and_queries_go_on_as_they_are(wire):
    upstream, client = wire
    for method, target in [
            ("POST", "/v1/messages?beta=true"), ("POST", "/v1/messages/count_tokens?beta=true"),
            ("GET", "/v1/models?lifecycle[]=active&lifecycle[]=deprecated&limit=5"), ("GET", "/v1/models?limit=1000"),
            ("GET", "/v1/models?lifecycle%5B%5D=active&before_id=a%2Fb"), ("GET", "/v1/models/claude-x?beta=true")]:
        reply = raw(client, method, target, message_body() if method == "POST" else b"")
        assert reply.startswith(b"HTTP/1.1 200") and reply.endswith(MESSAGE)
        assert (upstream.last.method, upstream.last.target) == (method, target)
    count = len(upstream.received)
    for target in ["/v1/models/..", "/v1/models/%2e%2e", "/v1/models/a%2fb", "/v1/files", "/v1/messages/batches/x/y/z"]:
        assert raw(client, "GET", target).startswith(b"HTTP/1.1 404")
    assert len(upstream.received) == count


def raw(client, method: str, target: str, body: bytes = b"") -> bytes:
    """A request whose target no library has tidied up."""
    host, port = client.base.removeprefix("http://").split(":")
    head = (f"{method} {target} HTTP/1.1\r\nhost: r\r\nx-api-key: {client.token}\r\nanthropic-version: 2023-06-01\r\n"
            f"content-type: application/json\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head.encode() + body)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def test_other_paths_go_through_where_an_operator_allows_it(world, wire):
    upstream, _ = wire
    world.config.write_text("sync: {forward_other_paths: true}\n")
    client = world.client(world.relay())
    upstream.answer = lambda _: Reply(b"\x00\xff\r\n", headers=[("content-type", "application/octet-stream")])
    form = {"content-type": "multipart/form-data; boundary=x"}
    reply = client.http.post("/v1/files?beta=true", content=b"--x\r\n\x00", headers=form)
    assert (reply.status_code, reply.content) == (200, b"\x00\xff\r\n")
    assert (upstream.last.target, upstream.last.body) == ("/v1/files?beta=true", b"--x\r\n\x00")
    assert client.http.delete("/v1/files/file_1").status_code == 200 and upstream.last.method == "DELETE"


def test_claude_code_through_the_gateway(world, wire):
    upstream, client = wire
    assert httpx.head(client.base + "/api/hello").status_code == 200 and not upstream.received
    system = [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2"}, {"type": "text", "text": "You are"}]
    body = json.dumps({**ASK, "system": system, "stream": True, "context_management": {"edits": []}}).encode()
    upstream.answer = lambda _: events([b": a comment\n\n", *events().body])
    for credential in [{"authorization": f"Bearer {client.token}"}, {"x-api-key": client.token},
                       {"authorization": f"Bearer {client.token}", "x-api-key": client.token}]:
        headers = {**VERSION, **credential, "anthropic-beta": "claude-code-20250219,new-2027-01-01",
                   "x-claude-code-session-id": "s"}
        reply = httpx.post(client.base + "/v1/messages?beta=true", content=body, headers=headers)
        assert reply.content == b": a comment\n\n" + b"".join(events().body)
        assert (upstream.last.target, upstream.last.body) == ("/v1/messages?beta=true", body)
        assert upstream.last.header("anthropic-beta") == "claude-code-20250219,new-2027-01-01"
        upstream.answer, streaming = (lambda _: Reply(b'{"data":[]}')), upstream.answer
        models = httpx.get(client.base + "/v1/models?limit=1000", headers=credential, follow_redirects=False)
        assert models.status_code == 200 and upstream.last.target == "/v1/models?limit=1000"
        upstream.answer = streaming
    refusal = b'{"type":"error","error":{"type":"invalid_request_error","message":"thinking.adaptive: Extra inputs"}}'
    upstream.answer = lambda _: Reply(refusal, status=400)
    assert httpx.post(client.base + "/v1/messages?beta=true", content=body, headers=headers).content == refusal


def test_a_client_that_leaves_ends_the_upstreams_stream_and_its_plain_call(wire):
    upstream, client = wire

    def endless():
        yield events().body[0] + events().body[1]
        while True:
            time.sleep(0.02)
            yield events().body[2]

    upstream.answer = lambda _: events(endless())
    with httpx.stream("POST", client.base + "/v1/messages", content=message_body(stream=True),
                      headers={**VERSION, "x-api-key": client.token}) as answer:
        next(answer.iter_raw())
        assert not upstream.last.gone.is_set()
    left = time.monotonic()
    assert upstream.last.gone.wait(10), "the upstream went on writing for nobody"
    print(f"the upstream's stream ended {time.monotonic() - left:.3f} s after its client had left")


def slow(upstream, seconds: float):
    """The first answer is late; those after it come at once."""
    def answer(request):
        if len(upstream.received) == 1:
            time.sleep(seconds)
        return Reply()
    return answer


@pytest.mark.parametrize("shares", [True, False])
def test_an_sdk_that_loses_patience_pays_once(world, wire, shares):
    upstream, _ = wire
    world.config.write_text(f"sync: {{share_retries: {str(shares).lower()}}}\n")
    client = world.client(world.relay())
    upstream.answer = slow(upstream, 1.5)
    api = anthropic.Anthropic(base_url=client.base, api_key=client.token, max_retries=2, timeout=0.8)
    raw_answer = api.messages.with_raw_response.create(**ASK)
    assert raw_answer.parse().content[0].text == "ok"
    assert len(upstream.received) == (1 if shares else 2)
    assert ("x-relay-attached-to" in raw_answer.headers) == shares
    metrics = client.http.get("/metrics").text
    assert ("relay_attached_retries_total 1" in metrics) == shares


def test_a_plain_call_whose_client_does_not_come_back_ends(wire):
    upstream, client = wire
    began = threading.Event()

    def late(request):
        began.set()
        time.sleep(3.5)  # longer than the grace; what is written then finds nobody
        return Reply(iter([b" " * 65536] * 50))

    upstream.answer = late
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(client.base + "/v1/messages", content=message_body(), timeout=0.5,
                   headers={**VERSION, "x-api-key": client.token, "x-stainless-retry-count": "0"})
    assert began.is_set() and upstream.last.gone.wait(20)


def test_an_sdk_is_told_not_to_multiply_the_relays_retries(world, wire):
    upstream, client = wire
    upstream.answer = lambda _: Reply(b'{"type":"error","error":{"type":"api_error","message":"x"}}', status=500)
    api = anthropic.Anthropic(base_url=client.base, api_key=client.token, max_retries=2)
    with pytest.raises(anthropic.InternalServerError):
        api.messages.create(**ASK)
    assert len(upstream.received) == 3, "the relay's attempts, and none of the SDK's"
