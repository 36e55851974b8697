"""Requests that two programs could read in two ways, byte for byte on a socket: each is refused, the connection ends, and
what follows is never taken for another request."""

import json

import pytest

import rawsocket
from world import message_body

# A request that would be seen in the metrics and by its answer if it were ever read.
SECOND = b"GET /smuggled HTTP/1.1\r\nHost: relay\r\n\r\n"
POST = b"POST /v1/messages HTTP/1.1\r\n" + rawsocket.HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /healthz HTTP/1.1\r\n"

HEADS = {
    "both lengths": POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both lengths, the other way round": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
    "two lengths that differ": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "two lengths that agree": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "a list of lengths": POST + b"Content-Length: 5, 5\r\n\r\n",
    "a length with a sign": POST + b"Content-Length: +5\r\n\r\n",
    "a negative length": POST + b"Content-Length: -5\r\n\r\n",
    "a hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\n",
    "a length with a blank inside": POST + b"Content-Length: 5 5\r\n\r\n",
    "an empty length": POST + b"Content-Length: \r\n\r\n",
    "a length beyond 64 bits": POST + b"Content-Length: 18446744073709551617\r\n\r\n",
    "chunked is not the last coding": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "another coding first": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "a coding that looks like chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked in quotes": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "two codings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a tab of another kind before chunked": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a coding in a folded line": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a folded line": GET + rawsocket.HOST + b"X-A: b\r\n c\r\n\r\n",
    "a folded first line": GET + b" X-A: b\r\n" + rawsocket.HOST + b"\r\n",
    "a blank before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon of the length": POST + b"Content-Length : 5\r\n\r\n",
    "a header without a colon": GET + rawsocket.HOST + b"X-A\r\n\r\n",
    "a header without a name": GET + rawsocket.HOST + b": a\r\n\r\n",
    "a bare CR in a value": GET + rawsocket.HOST + b"X-A: a\rTransfer-Encoding: chunked\r\n\r\n",
    "a bare LF in a value": GET + rawsocket.HOST + b"X-A: a\nX-B: b\r\n\r\n",
    "a NUL in a value": GET + rawsocket.HOST + b"X-A: a\x00b\r\n\r\n",
    "a NUL in a name": GET + rawsocket.HOST + b"X\x00A: b\r\n\r\n",
    "bare LF for every line": b"GET /healthz HTTP/1.1\nHost: relay\n\n",
    "bare CR for every line": b"GET /healthz HTTP/1.1\rHost: relay\r\r",
    "HTTP/1.0 with a coding": b"POST /v1/messages HTTP/1.0\r\n" + rawsocket.HOST
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no host": GET + b"\r\n",
    "two hosts": GET + rawsocket.HOST + b"Host: other\r\n\r\n",
    "a host that is a list": GET + b"Host: relay, other\r\n\r\n",
    "a host with a user": GET + b"Host: relay@other\r\n\r\n",
    "an absolute target": b"GET http://other/healthz HTTP/1.1\r\n" + rawsocket.HOST + b"\r\n",
    "an authority as target": b"GET other:80 HTTP/1.1\r\n" + rawsocket.HOST + b"\r\n",
    "CONNECT": b"CONNECT other:80 HTTP/1.1\r\n" + rawsocket.HOST + b"\r\n",
    "a target with a fragment": b"GET /healthz#a HTTP/1.1\r\n" + rawsocket.HOST + b"\r\n",
    "a target with a tab": b"GET /heal\tthz HTTP/1.1\r\n" + rawsocket.HOST + b"\r\n",
    "no version": b"GET /healthz\r\n" + rawsocket.HOST + b"\r\n",
    "another version": b"GET /healthz HTTP/2.0\r\n" + rawsocket.HOST + b"\r\n",
    "a version of one digit": b"GET /healthz HTTP/1\r\n" + rawsocket.HOST + b"\r\n",
    "a lower-case method": b"get /healthz HTTP/1.1\r\n" + rawsocket.HOST + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)),
}

BODIES = {
    "a size beyond 64 bits": b"fffffffffffffffff\r\nab\r\n0\r\n\r\n",
    "a size that wraps to nothing": b"10000000000000000\r\nab\r\n0\r\n\r\n",
    "a size with a prefix": b"0x2\r\nab\r\n0\r\n\r\n",
    "a size with a sign": b"+2\r\nab\r\n0\r\n\r\n",
    "a negative size": b"-2\r\nab\r\n0\r\n\r\n",
    "an empty size": b"\r\nab\r\n0\r\n\r\n",
    "a size with a blank": b"2 \r\nab\r\n0\r\n\r\n",
    "a chunk longer than its size": b"2\r\nabc\r\n0\r\n\r\n",
    "a chunk shorter than its size": b"4\r\nab\r\n0\r\n\r\n\r\n",
    "a bare LF after the size": b"2\nab\r\n0\r\n\r\n",
    "a bare LF after the chunk": b"2\r\nab\n0\r\n\r\n",
    "a bare CR in an extension": b"2;a\rb\r\nab\r\n0\r\n\r\n",
    "a bare LF in an extension": b"2;a\nb\r\nab\r\n0\r\n\r\n",
    "a NUL in an extension": b"2;a\x00b\r\nab\r\n0\r\n\r\n",
    "an extension whose quote stays open": b'2;a="b\r\nab\r\n0\r\n\r\n',
    "a trailer with a blank before the colon": b"0\r\nX-A : b\r\n\r\n",
    "a bare LF in a trailer": b"0\r\nX-A: b\nX-B: c\r\n\r\n",
}


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    from world import World

    world = World(tmp_path_factory.mktemp("smuggling"))
    try:
        sim, _, client = world.serving()
        yield sim, client
    finally:
        world.close()


def refused_once(raw, *before):
    """Exactly one refusal, after the answers to what came before, and nothing of what follows."""
    found = rawsocket.answers(raw)
    assert found == [*before, (400, "framing_invalid")], raw[:2000]
    head, body = raw[raw.rindex(b"HTTP/1.1 400"):].split(b"\r\n\r\n", 1)
    lines = head.lower().split(b"\r\n")
    assert b"connection: close" in lines and b"cache-control: no-store" in lines
    envelope = json.loads(body)
    assert envelope["error"]["type"] == "invalid_request_error"
    assert envelope["error"]["details"]["error_code"] == "framing_invalid"


@pytest.mark.parametrize("case", HEADS)
def test_a_head_that_can_be_read_in_two_ways_is_refused_with_what_follows(relay, case):
    _, client = relay
    refused_once(rawsocket.exchange(client.base, HEADS[case] + SECOND))
    # In pieces, too: the parser then stops at another place.
    half = len(HEADS[case]) // 2
    refused_once(rawsocket.exchange(client.base, HEADS[case][:half], HEADS[case][half:], SECOND))


@pytest.mark.parametrize("case", ["both lengths", "a blank before the colon", "two hosts", "bare LF for every line"])
def test_what_was_sound_before_it_is_answered_first(relay, case):
    _, client = relay
    sound = GET + rawsocket.HOST + b"\r\n"
    refused_once(rawsocket.exchange(client.base, sound + sound + HEADS[case] + SECOND), (200, None), (200, None))


@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_can_be_read_in_two_ways_is_refused_with_what_follows(relay, case):
    sim, client = relay
    before = sim.stats()["requests"]
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\nx-api-key: " + client.token.encode() + b"\r\n\r\n")
    refused_once(rawsocket.exchange(client.base, head + BODIES[case] + SECOND))
    refused_once(rawsocket.exchange(client.base, head, BODIES[case], SECOND))
    assert sim.stats()["requests"] == before


@pytest.mark.parametrize("line", [b"GET  /healthz HTTP/1.1\r\n", b"GET /healthz RTSP/1.1\r\n", b"\r\n\r\n" + GET])
def test_what_the_parser_takes_although_it_is_odd_is_one_request_and_no_more(relay, line):
    _, client = relay
    last = SECOND.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    raw = rawsocket.exchange(client.base, line + rawsocket.HOST + b"\r\n" + last)
    assert rawsocket.answers(raw) == [(200, None), (404, "route_unknown")]


def test_a_refused_sender_without_a_token_gets_one_answer(relay):
    _, client = relay
    raw = rawsocket.exchange(client.base, CHUNKED + b"+2\r\nab\r\n0\r\n\r\n" + SECOND)
    assert rawsocket.answers(raw) in ([(401, "token_missing")], [(400, "framing_invalid")]), raw


def test_sound_requests_pass_whole_and_in_pieces(relay):
    _, client = relay
    body = message_body()
    key = b"x-api-key: " + client.token.encode() + b"\r\nanthropic-version: 2023-06-01\r\nConnection: close\r\n"
    plain = POST + key + b"content-length: %d\r\n\r\n" % len(body) + body
    chunk = b"%x;a=b;c=\"d\"\r\n%b\r\n0\r\nX-Trailer: a\r\n\r\n" % (len(body), body)
    chunked = POST + key + b"transfer-encoding: Chunked\r\n\r\n" + chunk
    upgrade = POST + key.replace(b"close", b"Upgrade, HTTP2-Settings") + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    upgrade += b"content-length: %d\r\n\r\n" % len(body) + body
    for request in (plain, chunked):
        assert rawsocket.answers(rawsocket.exchange(client.base, request)) == [(200, None)]
        pieces = [request[at:at + 40] for at in range(0, len(request), 40)]
        assert rawsocket.answers(rawsocket.exchange(client.base, *pieces, pause=0.001)) == [(200, None)]
    with rawsocket.connect(client.base) as connection:
        connection.sendall(upgrade)
        assert b"HTTP/1.1 200" in connection.recv(65536)
    assert rawsocket.answers(rawsocket.exchange(
        client.base, b"GET /healthz HTTP/1.0\r\n\r\n")) == [(200, None)]
