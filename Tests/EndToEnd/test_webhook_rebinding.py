"""Names that lead elsewhere the next time: a relay with a name server and a network of its own, in which an address that is
public elsewhere is this machine's. Needs root, for namespaces."""

import os
import re
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import threading

import pytest

from test_webhook_hostile import Hostile, answering
from world import Receiver, eventually, message_body

PUBLIC, LOOPBACK, SERVER = "93.184.216.34", "127.0.0.1", "127.0.0.77"
INSIDE = "RELAY_TEST_NAMESPACE"
SCRIPT = """
ip link set lo up && ip addr add {public}/32 dev lo && ip link set lo multicast off
mount --bind {file} /etc/resolv.conf && exec "$@"
"""


class Names:
    """A name server: each name's answers in turn, the last one for ever. An answer is a list of addresses."""

    def __init__(self, names: dict[str, list[list[str]]]):
        self.names, self.asked = names, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((SERVER, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            query, client = self.socket.recvfrom(512)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
                at += 1 + query[at]
            kind, = struct.unpack_from("!H", query, at + 1)
            question, addresses = query[12:at + 5], self.addresses(".".join(labels)) if kind == 1 else []
            answers = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(address)
                               for address in addresses)
            head = query[:2] + struct.pack("!HHHHH", 0x8580, 1, len(addresses), 0, 0)
            self.socket.sendto(head + question + answers, client)

    def addresses(self, name: str) -> list[str]:
        self.asked.append(name)
        turns = self.names.get(name, [[]])
        return turns.pop(0) if len(turns) > 1 else turns[0]


@pytest.fixture
def inside(request, tmp_path):
    """Runs the test once more in namespaces of its own, where this fixture does nothing."""
    if os.environ.get(INSIDE):
        yield True
        return
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("namespaces need root, unshare and ip")
    if subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us make namespaces")
    file = tmp_path / "resolv.conf"
    file.write_text(f"nameserver {SERVER}\noptions timeout:1 attempts:1\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{request.path}::{request.node.name}"]
    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-ec", SCRIPT.format(public=PUBLIC, file=file), "sh", *command],
        env={**os.environ, INSIDE: "1"}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    yield False


def configure(world, **more: str) -> None:
    lines = {"allow_http": "true", "allow_ports": '["1-65535"]', "timeout": "2s", "schedule": "[1s, 1s, 1s]", **more}
    world.config.write_text(
        "webhooks: {" + ", ".join(f"{key}: {value}" for key, value in lines.items()) + "}\nworker: {lease: 3s}\n")


def test_a_name_that_is_rebound_reaches_nobody_behind_the_relay(world, inside):
    if not inside:
        return
    public = Hostile(world, answering("500 No"), address=PUBLIC)
    private = Receiver(LOOPBACK, public.port)
    names = Names({"rebound.test": [[PUBLIC], [LOOPBACK]]})
    configure(world)
    sim, relay, client = world.serving()
    client.http.post("/v1/webhooks", json={"url": f"http://rebound.test:{public.port}/"}).raise_for_status()
    client.submit(message_body())
    eventually("the first attempt came to the public address", lambda: public.heads)
    relay.kill()  # and with it what it remembers of names
    again = world.relay()
    eventually("the name was asked again", lambda: names.asked.count("rebound.test") >= 2)
    eventually("the attempt failed", lambda: "address_refused" in attempts(world), seconds=20)
    told = re.search(r"address_refused[^']*", attempts(world))[0]
    assert "127." not in told, "tenants are told no inner address"
    assert LOOPBACK in again.output, "operators are"
    assert not private.connections, "loopback was connected to"


def attempts(world) -> str:
    """The errors of all attempts, from the store."""
    with sqlite3.connect(f"file:{world.data}/relay.sqlite?mode=ro", uri=True) as store:
        return " ".join(str(row) for row in store.execute("SELECT * FROM deliveries"))


def test_of_several_addresses_only_those_that_are_allowed_are_tried(world, inside):
    if not inside:
        return
    public = Receiver(PUBLIC)
    private = Receiver(LOOPBACK, public.port)
    Names({"both.test": [[LOOPBACK, PUBLIC]]})
    configure(world)
    sim, relay, client = world.serving()
    client.http.post("/v1/webhooks", json={"url": f"http://both.test:{public.port}/"}).raise_for_status()
    client.submit(message_body())
    eventually("it came to the public address", lambda: public.deliveries)
    assert not private.connections


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0", "localhost"])
def test_no_spelling_of_loopback_is_connected_to(world, inside, host):
    if not inside:
        return
    private = Receiver("::" if ":" in host else LOOPBACK)
    configure(world)
    sim, relay, client = world.serving()
    answer = client.http.post("/v1/webhooks", json={"url": f"http://{host}:{private.port}/"})
    assert answer.status_code in (201, 400), answer.text
    client.submit(message_body())
    if answer.status_code == 201:
        eventually("it was tried", lambda: 'relay_deliveries_total{outcome="retry"}' in client.http.get("/metrics").text)
    assert not private.connections
