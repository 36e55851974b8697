"""What a client may send, how long it may take and how many connections it may have: each limit with its answer."""

import json
import socket
import time

import httpx
import pytest

import rawsocket
from recorder import Recorder, Reply
from world import VERSION, eventually, message_body

SLOW = "server: {header_timeout: 500ms, body_idle_timeout: 500ms}\n"


@pytest.fixture
def limited(world):
    """A relay with the settings that a test writes, and a client."""
    def start(settings, **token):
        upstream = Recorder()
        world.closers.append(upstream.close)
        world.upstream = upstream.base
        world.add_key()
        world.config.write_text(world.config.read_text() + settings)
        return upstream, world.client(world.relay(), **token)

    return start


def refusal(raw, status, code, kind="invalid_request_error"):
    assert rawsocket.answers(raw) == [(status, code)], raw[:1000]
    head, body = raw.split(b"\r\n\r\n", 1)
    assert b"connection: close" in head.lower()
    assert json.loads(body)["error"]["type"] == kind


def test_heads_that_are_too_large_are_refused_and_the_largest_that_fit_pass(limited):
    _, client = limited("limits: {header_bytes: 16KiB, header_count: 20, uri: 1KiB}\n")
    get = b"GET /healthz%b HTTP/1.1\r\n" + rawsocket.HOST + b"%bConnection: close\r\n\r\n"
    for query, more in [(b"?" + b"a" * 1015, b""), (b"", b"X-A: " + b"b" * 16_000 + b"\r\n"), (b"", b"X-A: b\r\n" * 18)]:
        assert rawsocket.answers(rawsocket.exchange(client.base, get % (query, more))) == [(200, None)]
    refusal(rawsocket.exchange(client.base, get % (b"?" + b"a" * 1016, b"")), 414, "target_too_long")
    for more in [b"X-A: " + b"b" * 17_000 + b"\r\n", b"X-A: b\r\n" * 19, (b"X: " + b"b" * 1000 + b"\r\n") * 17]:
        refusal(rawsocket.exchange(client.base, get % (b"", more)), 431, "head_too_large")
    # One that never ends is refused as soon as it is too large, not when it ends.
    refusal(rawsocket.exchange(client.base, b"GET /" + b"a" * 200_000), 431, "head_too_large")


def test_a_usual_head_of_claude_code_fits_by_default(limited):
    upstream, client = limited("")
    headers = {**VERSION, "anthropic-beta": ",".join(f"feature-{number}-2026-11-01" for number in range(400))}
    headers |= {f"x-stainless-{number}": "value" for number in range(40)}
    assert client.http.post("/v1/messages", content=message_body(), headers=headers).status_code == 200
    assert len(upstream.last.header("anthropic-beta")) > 8000


def test_a_head_that_does_not_end_is_given_up_however_it_trickles(limited):
    _, client = limited(SLOW)
    start = time.monotonic()
    with rawsocket.connect(client.base) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        connection.settimeout(0.1)
        answer = b""
        while time.monotonic() - start < 10:
            try:
                connection.sendall(b"X: y\r\n")
                if not (piece := connection.recv(65536)):
                    break
                answer += piece
            except TimeoutError:
                continue
            except OSError:
                break
    assert time.monotonic() - start < 8
    refusal(answer, 408, "request_timeout", "timeout_error")


def test_a_connection_on_which_nothing_is_sent_is_closed_without_a_word(limited):
    _, client = limited(SLOW)
    assert rawsocket.exchange(client.base) == b""


def test_a_body_that_stops_is_given_up_and_never_sent_on(limited):
    upstream, client = limited(SLOW)
    head = (b"POST /v1/messages HTTP/1.1\r\n" + rawsocket.HOST + b"x-api-key: " + client.token.encode()
            + b"\r\ncontent-length: 1000\r\n\r\n")
    refusal(rawsocket.exchange(client.base, head + b"{"), 408, "request_timeout", "timeout_error")
    refusal(rawsocket.exchange(client.base, head, b"{"), 408, "request_timeout", "timeout_error")
    assert not upstream.received


def test_slow_bodies_slow_answers_and_rests_between_requests_are_not_given_up(limited):
    upstream, client = limited("server: {header_timeout: 700ms, body_idle_timeout: 700ms, body_rate: 50}\n")

    def late(_):
        time.sleep(2)
        return Reply()

    upstream.answer = late
    body = message_body("x" * 100)
    head = (b"POST /v1/messages HTTP/1.1\r\n" + rawsocket.HOST + b"x-api-key: " + client.token.encode()
            + b"\r\nanthropic-version: 2023-06-01\r\ncontent-length: %d\r\n\r\n" % len(body))
    with rawsocket.connect(client.base) as connection:
        connection.sendall(head)
        for at in range(0, len(body), 30):
            time.sleep(0.3)
            connection.sendall(body[at:at + 30])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        time.sleep(2)
        connection.sendall(b"GET /healthz HTTP/1.1\r\n" + rawsocket.HOST + b"\r\n")
        assert b"HTTP/1.1 200" in connection.recv(65536)


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def sized(data):
    return data


DRIPS = {
    "messages": ("/v1/messages", "application/json", sized, b'{"model":"m","max_tokens":1,', b" "),
    "a job": ("/v1/jobs", "application/json", chunk, b'{"request":', b" "),
    "jobs": ("/v1/jobs", "application/x-ndjson", chunk, b'{"request":{}}\n', b"\n"),
    "a batch": ("/v1/messages/batches", "application/json", chunk, b'{"requests":[', b" "),
    "a quick start": ("/v1/jobs", "application/x-ndjson", chunk, b"\n" * 500_000, b"\n"),
    "a name of no chunk": ("/v1/jobs", "application/json", lambda data: data, b"1;", b"x"),
}


@pytest.mark.parametrize("drip", DRIPS)
def test_a_body_that_drips_is_given_up_on_each_route_however_it_is_framed(limited, drip):
    upstream, client = limited("server: {body_idle_timeout: 1s, body_rate: 100KiB}\n")
    path, kind, framed, start, piece = DRIPS[drip]
    framing = b"content-length: 1000000" if framed is sized else b"transfer-encoding: chunked"
    head = (b"POST %b HTTP/1.1\r\n" % path.encode() + rawsocket.HOST + b"x-api-key: " + client.token.encode()
            + b"\r\nanthropic-version: 2023-06-01\r\ncontent-type: " + kind.encode() + b"\r\n" + framing + b"\r\n\r\n")
    began = time.monotonic()
    answer = b""
    with rawsocket.connect(client.base) as connection:
        connection.sendall(head + framed(start))
        connection.settimeout(0.1)
        while time.monotonic() - began < 20:
            try:
                connection.sendall(framed(piece))
                if not (received := connection.recv(65536)):
                    break
                answer += received
            except TimeoutError:
                continue
            except OSError:
                break
    took = time.monotonic() - began
    refusal(answer, 408, "request_timeout", "timeout_error")
    assert 0.9 < took < 15
    assert not upstream.received and client.http.get("/v1/jobs").json()["data"] == []
    text = client.http.get("/metrics").text
    assert 'relay_refused_requests_total{code="request_timeout"} 1\n' in text


def test_a_body_at_the_least_rate_takes_as_long_as_it_needs(limited):
    upstream, client = limited("server: {body_idle_timeout: 1s, body_rate: 10KiB}\n")
    body = message_body("x" * 60_000)
    head = (b"POST /v1/messages HTTP/1.1\r\n" + rawsocket.HOST + b"x-api-key: " + client.token.encode()
            + b"\r\nanthropic-version: 2023-06-01\r\ncontent-length: %d\r\n\r\n" % len(body))
    with rawsocket.connect(client.base) as connection:
        connection.sendall(head)
        for at in range(0, len(body), 2000):
            time.sleep(0.1)
            connection.sendall(body[at:at + 2000])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert upstream.last.body == body


def test_an_answer_that_is_taken_in_drops_is_cut_off_and_one_that_is_taken_is_whole(limited):
    upstream, client = limited("server: {answer_rate: 100MiB}\nsync: {write_timeout: 2s}\n")
    large = b'{"type":"message","content":[],"padding":"' + b"x" * 24_000_000 + b'"}'
    upstream.answer = lambda _: Reply(large)
    body = message_body()
    request = (b"POST /v1/messages HTTP/1.1\r\n" + rawsocket.HOST + b"x-api-key: " + client.token.encode()
               + b"\r\nanthropic-version: 2023-06-01\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    assert rawsocket.exchange(client.base, request).endswith(large)
    with rawsocket.connect(client.base) as connection:
        connection.sendall(request)
        taken, began = b"", time.monotonic()
        while time.monotonic() - began < 8:
            try:
                taken += connection.recv(100_000)
            except ConnectionResetError:
                break
            time.sleep(0.1)
        taken += rawsocket.read_to_end(connection)
    assert taken.startswith(b"HTTP/1.1 200") and len(taken) < len(large)


def test_a_tenant_changes_its_endpoints_so_often_and_an_operator_as_often_as_needed(world):
    world.config.write_text(world.config.read_text().replace("changes_per_minute: 0", "changes_per_minute: 3"))
    relay = world.relay("api")
    client, operator = world.client(relay), world.client(relay, scopes="admin")
    made = [client.http.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/x"}) for _ in range(4)]
    assert [answer.status_code for answer in made] == [201, 201, 201, 429]
    assert (made[3].json()["error"]["type"], made[3].headers["x-relay-error"]) == (
        "rate_limit_error", "webhook_changes_limited")
    assert 1 <= int(made[3].headers["retry-after"]) <= 20
    where = f"/v1/webhooks/{made[0].json()['id']}"
    assert client.http.delete(where).status_code == 429 and client.http.get(where).status_code == 200
    assert operator.http.post(where + "/pause").json()["status"] == "paused"
    assert operator.http.delete(where).status_code == 200


def test_an_address_has_so_many_connections_and_more_are_told_so(limited):
    _, client = limited("server: {connections_per_address: 5}\n")
    client.http.close()
    held = [rawsocket.connect(client.base) for _ in range(5)]
    try:
        for connection in held:
            connection.sendall(b"GET /healthz HTTP/1.1\r\n" + rawsocket.HOST + b"\r\n")
            assert b"HTTP/1.1 200" in connection.recv(65536)
        raw = rawsocket.exchange(client.base, b"GET /healthz HTTP/1.1\r\n" + rawsocket.HOST + b"\r\n")
        refusal(raw, 503, "too_many_connections", "api_error")
        assert b"retry-after: 1" in raw.lower()
        # Those that are open go on, and one that ends makes room.
        held[0].sendall(b"GET /metrics HTTP/1.1\r\n" + rawsocket.HOST + b"\r\n")
        text = b""
        while b"relay_refused_requests_total" not in text:
            text += held[0].recv(65536)
        assert b'relay_client_connections{listener="public"} 5' in text
        assert b'relay_refused_requests_total{code="too_many_connections"} 1' in text
        held.pop().close()
        eventually("there is room", lambda: httpx.get(client.base + "/healthz").status_code == 200)
    finally:
        for connection in held:
            connection.close()


def test_all_clients_together_have_so_many_connections(limited):
    _, client = limited("server: {connections: 3, connections_per_address: 0}\n")
    client.http.close()
    held = [rawsocket.connect(client.base) for _ in range(3)]
    time.sleep(0.2)
    raw = rawsocket.exchange(client.base, b"GET /healthz HTTP/1.1\r\n" + rawsocket.HOST + b"\r\n")
    refusal(raw, 503, "too_many_connections", "api_error")
    # A flood gets no answers once too many of them wait to be read, and nothing breaks.
    flood = [socket.create_connection(rawsocket.address(client.base)) for _ in range(300)]
    for connection in flood + held:
        connection.close()
    eventually("there is room", lambda: is_served(client.base))


def is_served(base):
    """False also where the connection is closed without an answer, as one too many may be."""
    try:
        return httpx.get(base + "/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_private_answers_are_not_stored_and_the_relays_own_are_not_run_or_framed(limited):
    upstream, client = limited("", scopes="messages,jobs,admin")
    upstream.answer = lambda _: Reply(headers=[("content-type", "application/json")])
    own = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
           "content-security-policy": "default-src 'none'; frame-ancestors 'none'"}
    identifier = client.submit(message_body())
    client.ended(identifier)
    for path in ["/healthz", "/readyz", "/metrics", "/v1/jobs", f"/v1/jobs/{identifier}", "/admin/v1/egress", "/nothing"]:
        headers = client.http.get(path).headers
        assert headers["cache-control"] == "no-store" and own.items() <= dict(headers).items(), path
    passed = client.http.post("/v1/messages", content=message_body(), headers=VERSION).headers
    assert passed["cache-control"] == "no-store" and not own.keys() & passed.keys()
    assert client.result(identifier).headers["cache-control"] == "no-store"
    upstream.answer = lambda _: Reply(
        headers=[("content-type", "application/json"), ("cache-control", "private, max-age=5")])
    passed = client.http.post("/v1/messages", content=message_body(), headers=VERSION).headers
    assert passed.get_list("cache-control") == ["private, max-age=5"]
