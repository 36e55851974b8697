"""Receivers that do what they should not: each costs an attempt at most, and none keeps another waiting."""

import select
import socket
import ssl
import struct
import threading
import time

import httpx
import pytest

from tls_front import Authority
from world import CONFIG, World, eventually, message_body

TIMEOUT = 2
IMPATIENT = CONFIG.replace("webhooks: {", f"webhooks: {{timeout: {TIMEOUT}s, schedule: [1s, 1s, 10m], ")
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class Hostile:
    """A socket whose connections are played by `script`, which gets the socket and the request's head."""

    def __init__(self, world: World, script, context: ssl.SSLContext | None = None,
                 address: str = "127.0.0.1"):
        self.script, self.context = script, context
        self.heads, self.times, self.accepted, self.bytes = [], [], 0, 0
        self.socket = socket.create_server((address, 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        scheme = "https" if context else "http"
        self.url = f"{scheme}://{address}:{self.port}/hook"
        world.closers.append(self.socket.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.play, args=(connection,), daemon=True).start()

    def play(self, connection: socket.socket) -> None:
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                self.heads.append(read_request(connection))
                self.times.append(time.monotonic())
                self.script(self, connection)
        except OSError:
            pass


def read_request(connection: socket.socket) -> bytes:
    """Head and body; raises OSError if the other side leaves before."""
    data = b""
    while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < length(data):
        piece = connection.recv(65536)
        if not piece:
            raise OSError("closed")
        data += piece
    return data


def length(data: bytes) -> int:
    lines = data.lower().partition(b"\r\n\r\n")[0].split(b"\r\n")
    return next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))


def silent(hostile: Hostile, connection: socket.socket) -> None:
    """Nothing, for longer than anybody waits."""
    select.select([connection], [], [], 30)


def dripping(hostile: Hostile, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.3)


def endless(hostile: Hostile, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
    while True:
        hostile.bytes += connection.send(b"x" * 65536)


def resetting(hostile: Hostile, connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answering(text: str):
    def script(hostile: Hostile, connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 {text}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
    return script


def context_of(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    return context


@pytest.fixture
def serving(world):
    world.config.write_text(IMPATIENT)
    sim, relay, client = world.serving()
    return relay, client


def register(client, url: str) -> None:
    client.http.post("/v1/webhooks", json={"url": url}).raise_for_status()


def deliveries(client, outcome: str) -> float:
    line = f'relay_deliveries_total{{outcome="{outcome}"}} '
    return next((float(text.removeprefix(line)) for text in httpx.get(client.base + "/metrics").text.splitlines()
                 if text.startswith(line)), 0)


def test_none_of_them_keeps_a_good_receiver_waiting(world, serving):
    relay, client = serving
    elsewhere = Hostile(world, answering("200 OK"))
    authority = Authority(world.folder / "nobody")
    hostiles = [Hostile(world, script) for script in (
        silent, dripping, endless, resetting, answering("500 No"), answering("429 Slow\r\nretry-after: 600"),
        answering(f"302 Found\r\nlocation: {elsewhere.url}"), answering("nonsense"))]
    hostiles.append(Hostile(world, answering("200 OK"), context_of(authority)))
    for hostile in hostiles:
        register(client, hostile.url)
    good = world.receiver()
    register(client, good.url)
    for number in range(40):
        client.submit(message_body(f"call {number}"))
    eventually("the good one has all", lambda: len(good.ids()) == 40, seconds=15)
    assert not elsewhere.accepted, "a redirect was followed"
    assert not hostiles[-1].heads, "a receiver whose certificate nobody signed was sent something"
    assert relay.running


def test_an_endless_body_ends_at_the_limit_and_its_status_counts(world, serving):
    relay, client = serving
    hostile = Hostile(world, endless)
    register(client, hostile.url)
    client.submit(message_body())
    eventually("it counts as delivered", lambda: deliveries(client, "delivered") == 1, seconds=10)
    sent = eventually("something was sent", lambda: hostile.bytes)
    time.sleep(0.5)
    assert hostile.bytes < 32 << 20, "the connection was closed, but for what sockets hold"
    assert hostile.bytes == sent or hostile.bytes < 8 << 20
    time.sleep(1)
    assert len(hostile.heads) == 1


def test_a_dripping_body_ends_with_the_attempt_and_its_status_counts(world, serving):
    relay, client = serving
    hostile = Hostile(world, dripping)
    register(client, hostile.url)
    client.submit(message_body())
    eventually("it counts as delivered", lambda: deliveries(client, "delivered") == 1, seconds=10)
    assert len(hostile.heads) == 1


@pytest.mark.parametrize("script", [silent, resetting, answering("503 No"), answering("301 Away"), answering("nonsense")])
def test_what_is_no_2xx_is_tried_again_with_the_same_id(world, serving, script):
    relay, client = serving
    hostile = Hostile(world, script)
    register(client, hostile.url)
    client.submit(message_body())
    eventually("it was tried twice", lambda: len(hostile.heads) >= 2, seconds=20)
    ids = {line for head in hostile.heads for line in head.split(b"\r\n") if line.lower().startswith(b"webhook-id:")}
    assert len(ids) == 1


def test_retry_after_is_the_least_wait(world, serving):
    relay, client = serving
    hostile = Hostile(world, answering("429 Slow\r\nretry-after: 4"))
    register(client, hostile.url)
    client.submit(message_body())
    eventually("it was tried twice", lambda: len(hostile.times) >= 2, seconds=20)
    assert hostile.times[1] - hostile.times[0] >= 3.9


def test_410_ends_the_endpoint(world, serving):
    relay, client = serving
    hostile = Hostile(world, answering("410 Gone"))
    register(client, hostile.url)
    client.submit(message_body())
    eventually("it was told", lambda: len(hostile.heads) == 1)
    eventually("the log says so", lambda: "webhook endpoint disabled" in relay.output)
    client.ended(client.submit(message_body("another")))
    time.sleep(2.5)
    assert len(hostile.heads) == 1
    assert relay.output.count("webhook endpoint disabled") == 1


def test_tls_and_plain_text_do_not_mix(world, serving):
    relay, client = serving
    plain = Hostile(world, answering("200 OK"))
    foreign = Hostile(world, answering("200 OK"), context_of(Authority(world.folder / "nobody")))
    register(client, plain.url.replace("http:", "https:"))
    register(client, foreign.url)
    register(client, foreign.url.replace("https:", "http:"))
    client.submit(message_body())
    eventually("each was tried", lambda: deliveries(client, "retry") >= 3, seconds=20)
    assert not foreign.heads and deliveries(client, "delivered") == 0
