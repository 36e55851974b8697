"""Every kind of way out, over TLS to the upstream, by IPv4 and IPv6, met by every fault while calls run: nothing is lost or done
twice without need, the guilty way alone is put out, and it comes back. Each way leaves by an address of its own into a network
where faults can be laid on it."""

import json
from collections.abc import Callable

import httpx
import pytest

from test_egress import Proxy, account, add_keys, dante, drain, states, tinyproxy  # noqa: F401 (account is a fixture)
from test_egress_faults import Namespace, answered, comes_back, forwarder, forwarding, place
from tls_front import Authority, Front
from world import CONFIG, World, eventually, fnv1a, job_line, message_body

TIMEOUTS = "upstream_timeouts: {connect: 3s, first_byte: 3s, unacknowledged: 5s}\n"
# More than any time-out, and less than all of them.
STALL, SLOW = 10, 0.05
KINDS = {4: ("http", "socks", "source", "entry", "spare"), 6: ("source", "entry", "spare")}
WAYS = [(4, "http"), (4, "socks"), (4, "source"), (4, "entry"), (6, "source"), (6, "entry")]


class Ways:
    """A relay before an upstream with TLS, with two source addresses and an entry; by IPv4 also with an HTTP proxy and a SOCKS5
    proxy with a password."""

    def __init__(self, world: World, request: pytest.FixtureRequest, version: int):
        self.world, self.network = world, Namespace(world, version)
        self.addresses = {name: self.network.address(11 + index) for index, name in enumerate(KINDS[version])}
        self.addresses["entry"] = self.network.here
        self.delays = world.folder / "delays.json"
        self.delay({})
        authority = Authority(world.folder / "authority", f"IP:{self.network.there}")
        self.sim = world.sim("--latency", "20ms")
        # No fault is laid on this one.
        inner = self.network.address(31)
        front = Front(world, authority, self.sim.base, also=f"[{inner}]" if version == 6 else inner)
        self.gate = (self.network.there, place(inner, front.port), 0, "--delays", self.delays)
        world.upstream = f"https://{forwarder(world, *self.gate, inside=self.network.command)}"
        self.entry = forwarding(world, *self.gate, inside=self.network.command)
        entry = self.entry.url().removeprefix("http://")
        self.entry_port = entry.rsplit(":", 1)[1]
        self.proxies, routes = {}, {name: {"source": address} for name, address in self.addresses.items()}
        routes["entry"] = {"entry": entry}
        if version == 4:
            for name, proxy, url in (("http", *tinyproxy(world, self.addresses["http"])),
                                     ("socks", *dante(world, self.addresses["socks"], request.getfixturevalue("account")))):
                self.proxies[name], routes[name] = proxy, {"proxy": url}
        paths = [{"id": name, **route} for name, route in routes.items()]
        # dante asks the system for a password at each new connection, some 20 times a second.
        world.config.write_text(CONFIG.replace("concurrency: 64", "concurrency: 16") + TIMEOUTS + f"upstream_tls: {{ca_file: {authority.file}}}\n"
                                + "egress: " + json.dumps(paths) + "\n")
        add_keys(world, 16)
        self.client = world.client(world.relay())

    def answered(self, name: str) -> float:
        return answered(self.client.base, name)

    def kill(self, name: str) -> Callable[[], object]:
        """Returns what undoes it, as the others do."""
        if proxy := self.proxies.get(name):
            proxy.stop()
            return lambda: Proxy(self.world, proxy.port, *proxy.command)
        if name == "entry":
            self.entry.kill()
            return lambda: forwarder(self.world, *self.gate, "--port", self.entry_port, inside=self.network.command)
        self.network.have(self.addresses[name], "delete")
        return lambda: self.network.have(self.addresses[name])

    def block(self, name: str) -> Callable[[], object]:
        self.network.swallow(self.addresses[name])
        return lambda: self.network.swallow(self.addresses[name], "delete")

    def stall(self, name: str, seconds: float = STALL) -> Callable[[], object]:
        self.delay({self.addresses[name]: seconds})
        return lambda: self.delay({})

    def delay(self, seconds: dict[str, float]) -> None:
        """The forwarders read the file at any time: it is never half written."""
        new = self.delays.with_suffix(".new")
        new.write_text(json.dumps(seconds))
        new.replace(self.delays)

    def failed(self, job: str) -> list[dict]:
        """The attempts of a job that ended well that did not."""
        attempts = self.client.http.get(f"/v1/jobs/{job}/attempts").raise_for_status().json()["data"]
        assert attempts[-1]["status"] == 200 and attempts[-1]["verdict"] == "success", attempts
        return attempts[:-1]

    def executions(self, body: bytes) -> int:
        return httpx.get(self.sim.base + "/sim/executions", params={"fingerprint": fnv1a(body)}).json()["executions"]


@pytest.fixture
def ways(world, request) -> Ways:
    return Ways(world, request, request.node.callspec.params["version"])


@pytest.mark.parametrize("fault", ["kill", "block", "stall"])
@pytest.mark.parametrize("version, guilty", WAYS)
def test_a_fault_puts_out_the_guilty_way_alone_and_loses_nothing(ways, version, guilty, fault):
    client = ways.client
    drain(client, 100, "all are well")
    assert all(ways.answered(name) > 0 for name in ways.addresses)
    bodies = [message_body(f"during {number}") for number in range(300)]
    jobs = [answer["id"] for answer in client.submit_many(list(map(job_line, bodies)))]
    undo = getattr(ways, fault)(guilty)
    put_out = {name: "2" if name == guilty else "0" for name in ways.addresses}
    eventually("all of the run have succeeded", lambda: client.count("succeeded") == 400, seconds=60, every=0.2)
    eventually("it alone is put out", lambda: drain(client, 20, "one is not") or states(client.base) == put_out, seconds=60)

    failed = [ways.failed(job) for job in jobs]
    assert {attempt["egress"] for attempts in failed for attempt in attempts} == {guilty}
    # Only what may have been sent may have been done again.
    for body, attempts in zip(bodies, failed):
        assert 1 <= ways.executions(body) <= 1 + sum(attempt["maybe_billed"] for attempt in attempts), (body, attempts)
    print(f"{sum(map(len, failed))} attempts failed, {sum(a['maybe_billed'] for one in failed for a in one)} perhaps sent")

    undo()
    before = ways.answered(guilty)
    comes_back(client.base, guilty)
    eventually("it carries calls again", lambda: drain(client, 50, "well again") or ways.answered(guilty) > before + 5,
               seconds=80)
    assert client.count("errored") == 0


@pytest.mark.parametrize("version, slow", WAYS)
def test_a_slow_way_is_no_guilty_one(ways, version, slow):
    ways.stall(slow, SLOW)
    drain(ways.client, 200, "slow")
    assert ways.answered(slow) > 0
    assert set(states(ways.client.base).values()) == {"0"} and ways.client.count("errored") == 0
    done = ways.sim.stats()["executions"]
    assert (done["bodies"], done["max"]) == (200, 1)
