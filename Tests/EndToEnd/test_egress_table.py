"""Every kind of way out, over TLS to the upstream, met by every fault while calls run: nothing is lost, the guilty way alone is
put out, and it comes back. Each way leaves by an address of its own into a network where faults can be laid on it."""

import json
import re
from collections.abc import Callable

import httpx
import pytest

from test_egress import Proxy, account, add_keys, dante, drain, states, tinyproxy  # noqa: F401 (account is a fixture)
from test_egress_faults import Namespace, comes_back, forwarder
from tls_front import Authority, Front
from world import CONFIG, World, eventually, job_line, message_body

TIMEOUTS = "upstream_timeouts: {connect: 3s, first_byte: 3s, unacknowledged: 5s}\n"
# More than any time-out, and less than all of them.
STALL, SLOW = 10, 0.05


class Ways:
    """A relay with an HTTP proxy, a SOCKS5 proxy with a password and two source addresses, before an upstream with TLS."""

    def __init__(self, world: World, account: str):
        self.world, self.network = world, Namespace(world)
        self.addresses = {name: self.network.address(11 + index)
                          for index, name in enumerate(("http", "socks", "source", "spare"))}
        self.delays = world.folder / "delays.json"
        self.delays.write_text("{}")
        authority = Authority(world.folder / "authority", f"IP:{self.network.there}")
        self.sim = world.sim("--latency", "20ms")
        front = Front(world, authority, self.sim.base, also=self.network.here)
        gate = forwarder(world, self.network.there, f"{self.network.here}:{front.port}", 0, "--delays", self.delays,
                         inside=self.network.command)
        world.upstream = f"https://{gate}"
        self.proxies, urls = {}, {}
        self.proxies["http"], urls["http"] = tinyproxy(world, self.addresses["http"])
        self.proxies["socks"], urls["socks"] = dante(world, self.addresses["socks"], account)
        paths = [{"id": name, "proxy": urls[name]} if name in urls else {"id": name, "source": address}
                 for name, address in self.addresses.items()]
        # dante asks the system for a password at each new connection, some 20 times a second.
        world.config.write_text(CONFIG.replace("concurrency: 64", "concurrency: 16") + TIMEOUTS + f"upstream_tls: {{ca_file: {authority.file}}}\n"
                                + "egress: " + json.dumps(paths) + "\n")
        add_keys(world, 16)
        self.client = world.client(world.relay())

    def answered(self, name: str) -> float:
        text = httpx.get(self.client.base + "/metrics").text
        return sum(map(float, re.findall(
            rf'^relay_upstream_exchanges_total{{.*outcome="complete",path="{name}"}} (\S+)$', text, re.M)))

    def kill(self, name: str) -> Callable[[], object]:
        """Returns what undoes it, as the others do."""
        if proxy := self.proxies.get(name):
            proxy.stop()
            return lambda: Proxy(self.world, proxy.port, *proxy.command)
        self.network.have(self.addresses[name], "delete")
        return lambda: self.network.have(self.addresses[name])

    def block(self, name: str) -> Callable[[], object]:
        self.network.swallow(self.addresses[name])
        return lambda: self.network.swallow(self.addresses[name], "delete")

    def stall(self, name: str, seconds: float = STALL) -> Callable[[], object]:
        self.delays.write_text(json.dumps({self.addresses[name]: seconds}))
        return lambda: self.delays.write_text("{}")


@pytest.fixture
def ways(world, account) -> Ways:
    return Ways(world, account)


@pytest.mark.parametrize("fault", ["kill", "block", "stall"])
@pytest.mark.parametrize("guilty", ["http", "socks", "source"])
def test_a_fault_puts_out_the_guilty_way_alone_and_loses_nothing(ways, guilty, fault):
    client = ways.client
    drain(client, 100, "all are well")
    assert all(ways.answered(name) > 0 for name in ways.addresses)
    client.submit_many([job_line(message_body(f"during {number}")) for number in range(300)])
    undo = getattr(ways, fault)(guilty)
    put_out = {name: "2" if name == guilty else "0" for name in ways.addresses}
    eventually("all of the run have succeeded", lambda: client.count("succeeded") == 400, seconds=60, every=0.2)
    eventually("it alone is put out", lambda: drain(client, 20, "one is not") or states(client.base) == put_out, seconds=60)

    undo()
    before = ways.answered(guilty)
    comes_back(client.base, guilty)
    eventually("it carries calls again", lambda: drain(client, 50, "well again") or ways.answered(guilty) > before + 5,
               seconds=80)
    assert client.count("errored") == 0


@pytest.mark.parametrize("slow", ["http", "socks", "source"])
def test_a_slow_way_is_no_guilty_one(ways, slow):
    ways.stall(slow, SLOW)
    drain(ways.client, 200, "slow")
    assert ways.answered(slow) > 0
    assert set(states(ways.client.base).values()) == {"0"} and ways.client.count("errored") == 0
    assert ways.sim.stats()["executions"]["max"] == 1
