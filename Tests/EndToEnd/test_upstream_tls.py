"""Calls over TLS and HTTP/2 to a real nginx: certificates, many streams on a connection, connections that end."""

import asyncio
import contextlib
import json
import re
import socket
import ssl
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from test_egress import account, dante, tinyproxy  # noqa: F401 (account is a fixture)
from tls_front import Authority, Front
from world import CONFIG, VERSION, Program, World, eventually, job_line, message_body


@pytest.fixture
def authority(world) -> Authority:
    return Authority(world.folder / "authority")


def configure(world: World, authority: Authority, **more: object) -> None:
    text = {"upstream_tls": {"ca_file": str(authority.file)}, **more}
    world.config.write_text(CONFIG + "".join(f"{name}: {json.dumps(value)}\n" for name, value in text.items()))


def fronted(world: World, authority: Authority, *settings: str, host: str = "localhost", sim: tuple[str, ...] = ()):
    """A sim behind nginx, and a relay that calls it. Returns the sim, nginx and a client."""
    upstream = world.sim(*sim)
    front = Front(world, authority, upstream.base, *settings)
    world.upstream = f"https://{host}:{front.port}"
    configure(world, authority)
    world.add_key()
    return upstream, front, world.client(world.relay())


def call(client, text: str = "Hello", **more: object) -> httpx.Response:
    return client.http.post("/v1/messages", content=message_body(text, **more), headers=VERSION)


def metric(client, pattern: str) -> float:
    """The sum of the series whose name and labels match."""
    text = httpx.get(client.base + "/metrics").text
    return sum(map(float, re.findall(rf"^{pattern}.* (\S+)$", text, re.MULTILINE)))


class Barrier:
    """An upstream that answers no call before so many wait at once."""

    def __init__(self, world: World, count: int):
        barrier = threading.Barrier(count, timeout=40)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                if self.path == "/v1/messages":
                    barrier.wait()
                answer = b'{"type":"message","content":[]}'
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 1024

        self.server = Server(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        world.closers.append(self.close)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def calling(world: World, authority: Authority, front: Front):
    """A client of a relay whose first connection to `front` stands."""
    world.upstream = f"https://localhost:{front.port}"
    configure(world, authority)
    world.add_key()
    client = world.client(world.relay())
    counting = client.http.post("/v1/messages/count_tokens", content=message_body(), headers=VERSION)
    assert counting.status_code == 200, counting.text
    return client


@pytest.mark.parametrize("streams, most", [(256, 256), (100, 100)])
def test_many_calls_share_a_connection_and_none_waits_for_another(world, authority, streams, most):
    """Where a server takes more streams than libcurl's usual 100, and where it takes as many: the rest open others."""
    count = 400
    front = Front(world, authority, Barrier(world, count).base, f"http2_max_concurrent_streams {streams};")
    client = calling(world, authority, front)

    async def all_at_once() -> list[int]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=client.base, timeout=50, limits=limits) as many:
            headers = {**VERSION, "x-api-key": client.token}
            answers = await asyncio.gather(*(
                many.post("/v1/messages", content=message_body(f"{number}"), headers=headers)
                for number in range(count)))
        return [answer.status_code for answer in answers]

    assert asyncio.run(all_at_once()) == [200] * count, "a call that queued would wait for ever"
    assert {exchange.protocol for exchange in front.exchanges} == {"HTTP/2.0"}
    calls = front.calls_per_connection()
    # The first connection carried the call that opened it, too.
    assert most * 3 / 4 < calls[0] <= most + 1, calls
    assert sum(calls) == count + 1 and len(calls) >= count / streams


def test_tls_goes_through_every_kind_of_path(world, authority, account):
    _, tiny = tinyproxy(world, "127.0.0.11")
    _, socks = dante(world, "127.0.0.12", account)
    sim = world.sim()
    front = Front(world, authority, sim.base)
    world.upstream = f"https://localhost:{front.port}"
    configure(world, authority, egress=[
        {"id": "tiny", "proxy": tiny}, {"id": "socks", "proxy": socks}, {"id": "source", "source": "127.0.0.21"},
        {"id": "entry", "entry": f"127.0.0.1:{front.port}"}])
    for number in range(16):
        world.add_key(name=f"k{number}", secret=f"sk-{number}")
    client = world.client(world.relay())
    client.submit_many([job_line(message_body(f"{number}")) for number in range(100)])
    eventually("all have succeeded", lambda: client.count("succeeded") == 100)
    assert {"127.0.0.11", "127.0.0.12", "127.0.0.21", "127.0.0.1"} <= {entry.address for entry in front.exchanges}
    assert sim.stats()["executions"]["max"] == 1


@pytest.mark.parametrize("knows_authority", [True, False])
def test_a_proxy_is_spoken_to_over_tls_and_its_certificate_is_checked(world, authority, knows_authority):
    signer = Authority(world.folder / "proxies")
    proxy, url = tinyproxy(world, "127.0.0.11")
    tls = world.started(Program(
        world.logs, sys.executable, Path(__file__).with_name("forwarder.py"), "127.0.0.1", f"127.0.0.1:{proxy.port}", 0,
        "--tls", signer.certificate, signer.key)).url()
    sim = world.sim()
    front = Front(world, authority, sim.base)
    world.upstream = f"https://localhost:{front.port}"
    outside = url.replace("http://", "https://").replace(f"127.0.0.1:{proxy.port}", tls.removeprefix("http://"))
    known = {"egress_tls": {"ca_file": str(signer.file)}} if knows_authority else {}
    configure(world, authority, egress=[{"id": "only", "proxy": outside}], **known)
    world.add_key()
    client = world.client(world.relay())
    answer = call(client)
    if knows_authority:
        assert answer.status_code == 200 and front.exchanges[0].address == "127.0.0.11"
    else:
        assert answer.status_code in (502, 503) and not front.exchanges
        assert metric(client, 'relay_upstream_exchanges_total{.*outcome="(?:tls|proxy)"') > 0


@pytest.mark.parametrize("names", ["DNS:localhost", "DNS:elsewhere.example"])
def test_a_certificate_of_another_authority_or_name_is_refused_unsent(world, authority, names):
    sim = world.sim()
    signer = Authority(world.folder / "other", names)
    front = Front(world, signer, sim.base)
    world.upstream = f"https://localhost:{front.port}"
    configure(world, authority if names == "DNS:localhost" else signer)
    world.add_key()
    client = world.client(world.relay())
    answer = call(client)
    assert answer.status_code in (502, 503) and "Claude Relay:" in answer.json()["error"]["message"], answer.text
    assert metric(client, 'relay_upstream_exchanges_total{.*outcome="tls"') > 0
    assert sim.stats()["requests"] == 0 and not front.exchanges


def test_sessions_are_taken_up_again_by_new_connections(world, authority):
    # TLS 1.2, because 1.3 lets a session be taken up once: connections that begin at the same time would find none.
    front = Front(
        world, authority, Barrier(world, 8).base, "http2_max_concurrent_streams 1;", "ssl_protocols TLSv1.2;")
    client = calling(world, authority, front)
    with ThreadPoolExecutor(8) as callers:
        assert {answer.status_code for answer in callers.map(lambda text: call(client, text), "abcdefgh")} == {200}
    first, *others = sorted(front.exchanges, key=lambda exchange: int(exchange.connection))
    newer = [exchange for exchange in others if exchange.connection != first.connection]
    assert len(newer) >= 7 and all(exchange.is_session_reused for exchange in newer), front.exchanges


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_sessions_outlive_the_connections_that_they_came_with(world, authority, version):
    _, front, client = fronted(world, authority, "keepalive_requests 1;", f"ssl_protocols {version};")
    assert [call(client, f"{number}").status_code for number in range(4)] == [200] * 4
    assert [exchange.is_session_reused for exchange in front.exchanges] == [False, True, True, True]
    assert len(front.calls_per_connection()) == 4
    assert metric(client, 'relay_upstream_connections_total{.*session="full"') == 1
    assert metric(client, 'relay_upstream_connections_total{.*session="resumed"') == 3


def test_connections_that_the_upstream_ends_cost_no_call(world, authority):
    # nginx says GOAWAY after every twenty calls, and refuses the streams that were begun meanwhile; then all its connections
    # end at once, between calls.
    sim, front, client = fronted(world, authority, "keepalive_requests 20;", sim=("--latency", "300ms"))
    client.submit_many([job_line(message_body(f"{number}")) for number in range(300)])
    eventually("all have succeeded", lambda: client.count("succeeded") == 300)
    front.stop()
    front.start()
    assert [call(client, f"again {number}").status_code for number in range(5)] == [200] * 5
    assert sim.stats()["executions"]["max"] == 1
    assert metric(client, r'relay_job_attempts_total{verdict="success"') == 300
    assert metric(client, "relay_job_attempts_total{") == 300, "no attempt was lost"
    assert metric(client, 'relay_upstream_phase_seconds_count{path="direct",phase="first_byte"}') == 305
    assert metric(client, 'relay_upstream_phase_seconds_sum{path="direct",phase="connect"}') > 0


def test_a_call_is_not_sent_twice_when_tls_ends_before_the_connection_does(world, authority):
    """HTTP/1.1: the server says goodbye in TLS instead of answering the second request, and the socket stays open."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    listener = socket.create_server(("127.0.0.1", 0))
    requests, kept = [], []

    def serve(plain: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection = context.wrap_socket(plain, server_side=True)
            kept.append(connection)
            while data := connection.recv(65536):
                requests.append(data)
                if len(requests) == 2:
                    connection.settimeout(0.5)
                    connection.unwrap()
                    return
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    world.closers.append(listener.close)
    world.upstream = f"https://localhost:{listener.getsockname()[1]}"
    configure(world, authority, sync={"max_attempts": 1})
    world.add_key()
    client = world.client(world.relay())
    assert call(client).status_code == 200
    assert call(client).status_code in (502, 503)
    assert len(requests) == 2, requests


def test_a_reader_that_stops_holds_up_no_other_stream_of_its_connection(world, authority):
    _, front, client = fronted(world, authority, sim=("--output-tokens", "100000"))
    assert call(client).status_code == 200
    long = message_body("long", stream=True, max_tokens=200_000)
    sim_long = httpx.Client(base_url=client.base, headers={"x-api-key": client.token}, timeout=60)
    with sim_long.stream("POST", "/v1/messages", content=long, headers=VERSION) as stream:
        pieces = stream.iter_bytes()
        received = len(next(pieces))
        for number in range(20):
            assert call(client, f"meanwhile {number}").status_code == 200
        received += sum(map(len, pieces))
    assert stream.status_code == 200 and received > 500_000
    assert len(front.calls_per_connection()) == 1, "they shared a connection"


def test_metrics_tell_phases_and_connections(world, authority):
    _, front, client = fronted(world, authority, sim=("--latency", "2s"))
    assert call(client).status_code == 200

    def phase(name: str, what: str = "count") -> float:
        return metric(client, f'relay_upstream_phase_seconds_{what}{{path="direct",phase="{name}"}}')

    def sockets(kind: str) -> float:
        return metric(client, f'relay_upstream_{kind}{{path="direct"}}')

    parts = ("resolve", "connect", "tls", "first_byte")
    assert [phase(name) for name in (*parts, "total", "tunnel")] == [1, 1, 1, 1, 1, 0]
    assert phase("tls", "sum") > 0 and phase("connect", "sum") > 0
    assert sum(phase(name, "sum") for name in parts) <= phase("total", "sum")
    assert (sockets("sockets"), sockets("connecting_sockets"), sockets("idle_sockets")) == (1, 0, 1)
    with ThreadPoolExecutor(8) as callers:
        answers = [callers.submit(call, client, text) for text in "abcdefgh"]
        eventually("the connection is in use", lambda: sockets("idle_sockets") == 0, every=0.01)
        assert {answer.result().status_code for answer in answers} == {200}
    assert len(front.calls_per_connection()) == 1, "they shared the connection that was there"
    assert [phase(name) for name in ("connect", "tls", "first_byte", "total")] == [1, 1, 9, 9]
    assert (sockets("sockets"), sockets("idle_sockets")) == (1, 1)
    assert metric(client, r'relay_upstream_exchanges_total{.*connection="reused"') == 8
    assert metric(client, 'relay_upstream_calls_on_connection_count{path="direct"}') == 9
    shared = metric(client, 'relay_upstream_calls_on_connection_sum{path="direct"}')
    assert 9 < shared <= 1 + sum(range(1, 9)), "several at a time"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_both_families_of_addresses(world, authority, host):
    _, front, client = fronted(world, authority, host=host)
    assert call(client).status_code == 200
    address = front.exchanges[0].address
    assert address in {"127.0.0.1": ["127.0.0.1"], "[::1]": ["::1"]}.get(host, ["127.0.0.1", "::1"])
    family = "ipv6" if address == "::1" else "ipv4"
    assert metric(client, f'relay_upstream_connections_total{{family="{family}",path="direct",session="full"}}') == 1
    assert metric(client, "relay_upstream_connections_total{") == 1
    assert metric(client, "relay_upstream_lookups_total{") == (1 if host == "localhost" else 0)


@pytest.mark.parametrize("kind", ["http", "https", "socks"])
def test_metrics_tell_how_connections_through_a_proxy_were_made(world, authority, request, kind):
    """The proxy goes by a name and is 50 ms away; the upstream ends each connection after one call."""
    delay, secure = 0.05, ()
    if kind == "socks":
        proxy, url = dante(world, "127.0.0.11", request.getfixturevalue("account"))
    else:
        proxy, url = tinyproxy(world, "127.0.0.11")
    if kind == "https":
        secure, url = ("--tls", authority.certificate, authority.key), url.replace("http:", "https:")
    away = world.started(Program(
        world.logs, sys.executable, Path(__file__).with_name("forwarder.py"), "127.0.0.1", f"127.0.0.1:{proxy.port}",
        delay, *secure)).url()
    front = Front(world, authority, world.sim().base, "keepalive_requests 1;")
    world.upstream = f"https://localhost:{front.port}"
    url = url.replace(f"127.0.0.1:{proxy.port}", f"localhost:{away.rsplit(':', 1)[1]}")
    configure(world, authority, egress=[{"id": "far", "proxy": url}], egress_tls={"ca_file": str(authority.file)})
    world.add_key()
    client = world.client(world.relay())

    def seen() -> dict[str, float]:
        return {name: metric(client, series) for name, series in {
            "full": 'relay_upstream_connections_total{family="ipv4",path="far",session="full"}',
            "resumed": 'relay_upstream_connections_total{family="ipv4",path="far",session="resumed"}',
            "asked": 'relay_upstream_lookups_total{path="far",source="resolver"}',
            "remembered": 'relay_upstream_lookups_total{path="far",source="memory"}',
            "resolve": 'relay_upstream_phase_seconds_count{path="far",phase="resolve"}',
            **{f"{what} {phase}": f'relay_upstream_phase_seconds_{what}{{path="far",phase="{phase}"}}'
               for what in ("count", "sum") for phase in ("connect", "tunnel", "tls", "total")}}.items()}

    assert call(client).status_code == 200
    first = seen()
    assert [first[name] for name in ("full", "resumed", "asked", "remembered", "resolve")] == [1, 0, 1, 0, 1], first
    assert [first[f"count {name}"] for name in ("connect", "tunnel", "tls", "total")] == [1] * 4
    # A turn is two ways: CONNECT takes one, SOCKS three. TLS with the proxy ends before it is far.
    turns = 3 if kind == "socks" else 1
    assert first["sum connect"] < delay and first["sum tunnel"] >= turns * 2 * delay and first["sum tls"] >= 2 * delay
    assert first["sum connect"] + first["sum tunnel"] + first["sum tls"] < first["sum total"]

    assert call(client, "again").status_code == 200
    second = seen()
    assert [second[name] for name in ("full", "resumed", "asked", "remembered", "resolve")] == [1, 1, 1, 1, 1], second
    assert front.exchanges[1].is_session_reused and len(front.calls_per_connection()) == 2
