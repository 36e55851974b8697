"""Ways out that are killed, blocked, slowed and cut off while calls run: only the guilty one is put out, and comes back."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from test_egress import Proxy, add_keys, drain, sources, states, tinyproxy
from world import CONFIG, Program, World, eventually, job_line, message_body

# A blocked way shows by its silence: the usual 15 minutes for an answer are more than a test can wait.
TIMEOUTS = "upstream_timeouts: {connect: 1s, first_byte: 2s}\n"
FORWARDER = Path(__file__).with_name("forwarder.py")


def forwarder(world: World, *arguments: object, inside: tuple[str, ...] = ()) -> str:
    """Starts one, perhaps inside a network namespace; returns its address, HOST:PORT."""
    return forwarding(world, *arguments, inside=inside).url().removeprefix("http://")


def forwarding(world: World, *arguments: object, inside: tuple[str, ...] = ()) -> Program:
    return world.started(Program(world.logs, *inside, sys.executable, FORWARDER, *arguments))


def configure(world: World, *paths: dict[str, object]) -> None:
    world.config.write_text(CONFIG + TIMEOUTS + "egress: " + json.dumps(list(paths)) + "\n")


def comes_back(base: str, path: str) -> None:
    """Its rest is 30 s at most; a probe ends it when half of it is over."""
    eventually(f"{path} is let in again", lambda: states(base)[path] in ("0", "1"), seconds=45, every=0.2)


def answered(base: str, path: str) -> float:
    """How many calls over the path were answered."""
    return sum(map(float, re.findall(
        rf'^relay_upstream_exchanges_total{{.*outcome="complete",path="{path}"}} (\S+)$', httpx.get(base + "/metrics").text, re.M)))


def usable_keys(base: str) -> str:
    return next(line for line in httpx.get(base + "/metrics").text.splitlines()
                if line.startswith('relay_upstream_keys{state="usable"}'))


def test_paths_that_are_killed_blocked_and_slowed_during_a_run(world):
    sim = world.sim("--latency", "20ms")
    killed, killed_url = tinyproxy(world, "127.0.0.61")
    blocked, blocked_url = tinyproxy(world, "127.0.0.62")
    target = sim.base.removeprefix("http://")
    slow = forwarder(world, "127.0.0.1", target, 0.2, "--source", "127.0.0.63")
    configure(world, {"id": "killed", "proxy": killed_url}, {"id": "blocked", "proxy": blocked_url},
              {"id": "slow", "entry": slow}, {"id": "good", "source": "127.0.0.64"})
    add_keys(world, 16)
    client = world.client(world.relay())
    drain(client, 200, "all are well")
    before = sources(sim)
    assert before.keys() >= {f"127.0.0.{number}" for number in (61, 62, 63, 64)}, before

    killed.stop()
    os.kill(blocked.process.pid, signal.SIGSTOP)
    put_out = {"killed": "2", "blocked": "2", "slow": "0", "good": "0"}
    eventually("both are put out", lambda: drain(client, 50, "two are not") or states(client.base) == put_out)
    assert sources(sim)["127.0.0.63"] > before["127.0.0.63"], "slow is no fault"
    assert usable_keys(client.base).endswith(" 16")

    os.kill(blocked.process.pid, signal.SIGCONT)
    Proxy(world, killed.port, *killed.command)
    between = sources(sim)
    comes_back(client.base, "killed")
    comes_back(client.base, "blocked")
    # Little by little: at first a tenth of their keys come back.
    eventually("both carry calls again", lambda: drain(client, 50, "well again") or all(
        sources(sim)[address] > between[address] for address in ("127.0.0.61", "127.0.0.62")), seconds=80)


def test_a_source_and_an_entry_at_ipv6_addresses(world):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as missing:
        pytest.skip(f"this machine has no IPv6 on loopback: {missing}")
    sim = world.sim("--latency", "20ms", "--listen", "[::1]:0")
    entry = forwarding(world, "::1", sim.base.removeprefix("http://"), 0)
    configure(world, {"id": "source", "source": "::1"}, {"id": "entry", "entry": entry.url().removeprefix("http://")})
    add_keys(world, 16)
    client = world.client(world.relay())
    drain(client, 100, "all are well")
    assert all(answered(client.base, path) > 0 for path in ("source", "entry"))
    entry.kill()
    put_out = {"source": "0", "entry": "2"}
    eventually("it alone is put out", lambda: drain(client, 50, "one is not") or states(client.base) == put_out)
    assert usable_keys(client.base).endswith(" 16")
    assert sources(sim).keys() == {"::1"}


def place(host: str, port: int | str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Namespace:
    """A network of its own behind a pair of virtual Ethernet devices, of IPv4 or of IPv6."""

    def __init__(self, world: World, version: int = 4):
        number = os.getpid() % 250
        self.prefix, self.mask, self.host = (f"fd00:213:{number}::", 64, 128) if version == 6 else (f"10.213.{number}.", 24, 32)
        self.name, self.near, self.far = f"relay-{os.getpid()}", f"rly{os.getpid()}a", f"rly{os.getpid()}b"
        self.here, self.there = f"{self.prefix}1", f"{self.prefix}2"
        if not shutil.which("ip"):
            pytest.skip("ip (of iproute2) is not installed")
        if subprocess.run(["ip", "netns", "add", self.name], capture_output=True).returncode != 0:
            pytest.skip("this machine does not let us make network namespaces")
        world.closers.append(self.remove)
        made = subprocess.run(["ip", "link", "add", self.near, "type", "veth", "peer", "name", self.far],
                              capture_output=True)
        if made.returncode != 0:
            pytest.skip("this kernel has no virtual Ethernet devices")
        self.ip("link", "set", self.far, "netns", self.name)
        at_once = ["nodad"] if version == 6 else []
        self.ip("addr", "add", f"{self.here}/{self.mask}", "dev", self.near, *at_once)
        self.ip("link", "set", self.near, "up")
        self.inside("addr", "add", f"{self.there}/{self.mask}", "dev", self.far, *at_once)
        self.switch("up")

    @property
    def command(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    def ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    def inside(self, *arguments: str) -> None:
        self.ip("-n", self.name, *arguments)

    def address(self, last: int) -> str:
        """One more of ours in this network. It is left by only if it is named."""
        address = f"{self.prefix}{last}"
        self.have(address)
        return address

    def have(self, address: str, action: str = "add") -> None:
        # IPv6 would choose any of them where none is named.
        second = ["nodad", "preferred_lft", "0"] if action == "add" and ":" in address else []
        self.ip("addr", action, f"{address}/{self.mask}", "dev", self.near, *second)

    def swallow(self, address: str, action: str = "add") -> None:
        """Packets for one of our addresses vanish on the other side."""
        self.inside("route", action, "blackhole", f"{address}/{self.host}")

    def switch(self, state: str) -> None:
        """While it is down, packets vanish: nobody is told."""
        self.inside("link", "set", self.far, state)

    def remove(self) -> None:
        subprocess.run(["ip", "link", "delete", self.near], capture_output=True)
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True)


def test_a_cable_that_is_pulled_out_and_put_in_again(world):
    namespace = Namespace(world)
    sim = world.sim("--latency", "20ms", "--listen", "0.0.0.0:0")
    port = sim.base.rsplit(":", 1)[1]
    world.upstream = f"http://127.0.0.1:{port}"
    entry = forwarder(world, namespace.there, f"{namespace.here}:{port}", 0, inside=namespace.command)
    configure(world, {"id": "cable", "entry": entry}, {"id": "good", "source": "127.0.0.71"})
    add_keys(world, 16)
    client = world.client(world.relay())
    drain(client, 100, "connected")
    before = sources(sim)
    assert before.keys() >= {namespace.there, "127.0.0.71"}, before

    namespace.switch("down")
    put_out = {"cable": "2", "good": "0"}
    eventually("it alone is put out", lambda: drain(client, 50, "cut off") or states(client.base) == put_out)
    namespace.switch("up")
    comes_back(client.base, "cable")
    eventually("it carries calls again", lambda: drain(client, 50, "connected again") or
               sources(sim)[namespace.there] > before[namespace.there], seconds=80)


def test_a_cable_that_is_pulled_out_while_calls_wait_is_noticed_long_before_an_answer_would_be_missed(world):
    """The request has arrived, the answer takes long, the network is gone and nobody says so."""
    namespace = Namespace(world)
    sim = world.sim("--latency", "20ms", "--listen", "0.0.0.0:0")
    port = sim.base.rsplit(":", 1)[1]
    world.upstream = f"http://127.0.0.1:{port}"
    # What goes in comes out after an hour.
    entry = forwarder(world, namespace.there, f"{namespace.here}:{port}", 3600, inside=namespace.command)
    world.config.write_text(CONFIG + "upstream_timeouts: {connect: 1s, unacknowledged: 5s}\negress: " + json.dumps(
        [{"id": "cable", "entry": entry}, {"id": "good", "source": "127.0.0.71"}]) + "\n")
    add_keys(world, 16)
    client = world.client(world.relay())
    client.submit_many([job_line(message_body(f"{number}")) for number in range(60)])

    def metric(pattern: str) -> float:
        return sum(map(float, re.findall(rf"^{pattern}.* (\S+)$", httpx.get(client.base + "/metrics").text, re.M)))

    eventually("calls wait at the other end of the cable", lambda: (
        (waiting := metric('relay_egress_calls_in_flight{path="cable"}')) > 0
        and client.count("succeeded") + waiting == 60))
    namespace.switch("down")
    eventually("they have gone the other way", lambda: client.count("succeeded") == 60)
    assert metric('relay_upstream_exchanges_total{.*outcome="broken",path="cable"') > 0
    # Calls that begin after the cut time out while they connect.
    assert metric('relay_upstream_exchanges_total{connection="(?:new|reused)",outcome="timeout"') == 0
