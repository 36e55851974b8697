"""Ways out: real proxies, source addresses, operators' decisions. The simulator tells by which address a call came."""

import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from world import CONFIG, VERSION, World, eventually, job_line, message_body

SECRET = "tests-only"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def accepts(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class Proxy:
    """A proxy program that leaves by an address of its own."""

    def __init__(self, world: World, port: int, *command: str | Path):
        self.port, self.command = port, command
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        world.closers.append(self.stop)
        eventually(f"{command[0]} listens", lambda: accepts(port))

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)  # its workers would serve the connections that they have
        self.process.wait(10)


def tinyproxy(world: World, leaving: str) -> tuple[Proxy, str]:
    if not shutil.which("tinyproxy"):
        pytest.skip("tinyproxy is not installed")
    port, file = free_port(), world.folder / f"tinyproxy-{leaving}.conf"
    file.write_text(f"Port {port}\nListen 127.0.0.1\nBind {leaving}\nTimeout 60\nMaxClients 100\n"
                    f"BasicAuth relay {SECRET}\nPidFile \"{file}.pid\"\n")
    return Proxy(world, port, "tinyproxy", "-d", "-c", file), f"http://relay:{SECRET}@127.0.0.1:{port}"


@pytest.fixture
def account():
    """A system user for dante, which asks the system for passwords."""
    name = f"relay-socks-{os.getpid()}"
    if not shutil.which("useradd") or not shutil.which("chpasswd"):
        pytest.skip("dante needs a system user, and useradd or chpasswd is not installed")
    if subprocess.run(["useradd", "-M", "-s", "/usr/sbin/nologin", name], capture_output=True).returncode not in (0, 9):
        pytest.skip("dante needs a system user, and this user may not make one")
    subprocess.run(["chpasswd"], input=f"{name}:{SECRET}".encode(), check=True)
    yield name
    subprocess.run(["userdel", name], capture_output=True, check=True)


def dante(world: World, leaving: str, account: str) -> tuple[Proxy, str]:
    if not shutil.which("danted"):
        pytest.skip("dante is not installed")
    port, file = free_port(), world.folder / f"danted-{leaving}.conf"
    file.write_text(f"""\
logoutput: {file}.log
internal: 127.0.0.1 port = {port}
external: {leaving}
clientmethod: none
socksmethod: username
user.privileged: root
user.unprivileged: nobody
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
""")
    proxy = Proxy(world, port, "danted", "-f", file, "-p", f"{file}.pid")
    return proxy, f"socks5h://{account}:{SECRET}@127.0.0.1:{port}"


def sources(sim) -> dict[str, int]:
    """How many calls have come from each address."""
    return {address: entry["requests"] for address, entry in sim.stats()["sources"].items()}


def configure(world: World, *paths: dict[str, object], more: str = "") -> None:
    world.config.write_text(CONFIG + "egress: " + json.dumps(list(paths)) + "\n" + more)


def states(base: str) -> dict[str, str]:
    text = httpx.get(base + "/metrics").text
    return dict(re.findall(r'relay_egress_state\{path="([^"]+)"\} (\d)', text))


def add_keys(world: World, count: int) -> None:
    for number in range(count):
        world.add_key(name=f"k{number}", secret=f"sk-{number}")


def drain(client, count: int, mark: str) -> None:
    before = client.count("succeeded")
    client.submit_many([job_line(message_body(f"{mark} {number}")) for number in range(count)])
    eventually("all jobs have succeeded", lambda: client.count("succeeded") == before + count, every=0.2, seconds=90)


def test_calls_leave_by_every_kind_of_path_and_a_killed_one_alone_is_put_out(world, account):
    sim = world.sim()
    proxy, tiny_url = tinyproxy(world, "127.0.0.11")
    _, socks_url = dante(world, "127.0.0.12", account)
    entry = sim.base.removeprefix("http://")
    configure(world, {"id": "tiny", "proxy": tiny_url}, {"id": "socks", "proxy": socks_url},
              {"id": "source", "source": "127.0.0.21"}, {"id": "entry", "entry": entry})
    add_keys(world, 16)
    relay = world.relay()
    client = world.client(relay)
    drain(client, 200, "all")
    seen = sources(sim)
    assert {"127.0.0.11", "127.0.0.12", "127.0.0.21", "127.0.0.1"} <= seen.keys(), seen
    assert set(states(client.base).values()) == {"0"}
    proxy.stop()
    drain(client, 200, "without one")
    assert states(client.base) == {"tiny": "2", "socks": "0", "source": "0", "entry": "0"}
    assert 'relay_upstream_keys{state="usable"} 16' in httpx.get(client.base + "/metrics").text
    # Credentials of proxies stay where they are.
    assert SECRET not in relay.output and SECRET not in httpx.get(client.base + "/metrics").text


def test_a_disabled_path_carries_no_new_call_and_its_stream_goes_on(world):
    sim = world.sim("--token-interval", "100ms")
    configure(world, {"id": "left", "source": "127.0.0.31"}, {"id": "right", "source": "127.0.0.32"})
    world.add_key()
    relay = world.relay()
    client = world.client(relay)
    with client.http.stream("POST", "/v1/messages", content=message_body("long", stream=True), headers=VERSION) as answer:
        lines = answer.iter_lines()
        first = next(lines)
        (address,) = sources(sim)
        path = {"127.0.0.31": "left", "127.0.0.32": "right"}[address]
        assert "out of use" in world.cli("egress", "disable", path, "--config", str(world.config), "--reason", "test").stdout
        eventually("the relay knows", lambda: states(client.base)[path] == "3")
        rest = "\n".join([first, *lines])
    assert "message_stop" in rest and "event: error" not in rest
    before = sources(sim)[address]
    for number in range(5):
        answer = client.http.post("/v1/messages", content=message_body(f"call {number}", max_tokens=1), headers=VERSION)
        assert answer.status_code == 200
    assert sources(sim)[address] == before
    listed = world.cli("egress", "list", "--config", str(world.config)).stdout
    assert re.search(rf"^{path}\s+source {address}\s.*disabled.*test$", listed, re.M), listed
    admin = client.http.post(f"/admin/v1/egress/{path}/enable", headers={"x-api-key": world.token(scopes="admin")})
    assert admin.status_code == 200, admin.text
    eventually("it is back", lambda: states(client.base)[path] == "0")
    unknown = client.http.post("/admin/v1/egress/none/disable", headers={"x-api-key": world.token(scopes="admin")})
    assert (unknown.status_code, unknown.headers["x-relay-error"]) == (404, "egress_unknown")
    assert client.http.get("/admin/v1/egress").status_code == 403  # not with a tenant's token


def test_a_refused_region_is_remembered_over_a_restart_until_an_operator_looks(world):
    sim = world.sim("--refuse-source", "127.0.0.41")
    configure(world, {"id": "refused", "source": "127.0.0.41", "region": "xx"}, {"id": "good", "source": "127.0.0.42"},
              more="egress_regions: [xx]\n")
    world.add_key()
    relay = world.relay()
    client = world.client(relay)
    drain(client, 20, "first")
    assert states(client.base) == {"refused": "3", "good": "0"}
    assert "refuses the region" in relay.output
    asked = sources(sim)["127.0.0.41"]
    relay.stop()
    again = world.client(world.relay())
    drain(again, 20, "second")
    assert sources(sim)["127.0.0.41"] == asked
    probe = world.cli(
        "egress", "probe", "--config", str(world.config), "--upstream", sim.base, check=False)
    assert probe.returncode == 1 and re.search(r"^refused\s+region refused", probe.stdout, re.M), probe.stdout
    assert re.search(r"^good\s+reached \(status 401\)", probe.stdout, re.M), probe.stdout
    httpx.post(sim.base + "/sim/sources", json={"refuse": []}).raise_for_status()
    world.cli("egress", "enable", "refused", "--config", str(world.config))
    eventually("the relay knows", lambda: states(again.base)["refused"] == "0")
    drain(again, 20, "third")
    assert sources(sim)["127.0.0.41"] > asked


def test_a_hangup_signal_takes_over_new_paths_and_limits_all_or_nothing(world):
    sim = world.sim()
    configure(world, {"id": "old", "source": "127.0.0.51"})
    world.add_key()
    relay = world.relay()
    client = world.client(relay)
    drain(client, 5, "old")
    configure(world, {"id": "new", "source": "127.0.0.52"},
              more="pacing: {limits: [{key: default, requests_per_second: 20}]}\n")
    relay.process.send_signal(signal.SIGHUP)
    eventually("the new path is known", lambda: states(client.base).get("new") == "0")
    started = time.monotonic()
    drain(client, 40, "new")
    assert sources(sim) == {"127.0.0.51": 5, "127.0.0.52": 40}
    elapsed = time.monotonic() - started
    print(f"40 jobs at 20/s took {elapsed:.1f} s")
    (key,) = sim.stats()["keys"].values()
    assert key["peak_1s"] <= 40
    world.config.write_text("egress: [{id: broken}]\n")
    relay.process.send_signal(signal.SIGHUP)
    eventually("it is refused", lambda: "the configuration is refused" in relay.output)
    drain(client, 5, "still")
    assert sources(sim)["127.0.0.52"] == 45 and relay.running


class Front:
    """What stands at an entry and has lost what is behind it."""

    def __init__(self, world: World, status: int):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                page = b"<html><h1>nothing is here</h1></html>"
                self.send_response(status)
                self.send_header("content-length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        world.closers += [server.shutdown, server.server_close]


@pytest.mark.parametrize("status", [502, 429])
def test_an_entry_that_answers_by_itself_is_put_out_and_neither_keys_nor_limits_are_blamed(world, status):
    sim = world.sim()
    front = Front(world, status)
    configure(world, {"id": "lost", "entry": front.address},
              {"id": "good", "entry": sim.base.removeprefix("http://")})
    add_keys(world, 16)
    relay = world.relay()
    client = world.client(relay)
    for number in range(8):
        answer = client.http.post("/v1/messages", content=message_body(f"call {number}"), headers=VERSION)
        assert answer.status_code == 200, answer.text
    drain(client, 100, "jobs")
    assert states(client.base) == {"lost": "2", "good": "0"}
    metrics = httpx.get(client.base + "/metrics").text
    assert 'relay_upstream_keys{state="usable"} 16' in metrics and "a key's calls" not in relay.output
    assert sim.stats()["executions"]["max"] == 1


def test_without_sockets_the_answer_is_503_and_nobody_is_blamed(world):
    sim, relay, client = world.serving()
    client.http.get("/healthz").raise_for_status()  # the client's own connection is open
    pid = relay.process.pid
    usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    taken = max(int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()) + 1
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (taken, usual[1]))
    answer = client.http.post("/v1/messages", content=message_body("no socket"), headers=VERSION)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
    assert (answer.status_code, answer.headers.get("x-relay-error")) == (503, "local_exhaustion"), answer.text
    assert answer.headers["retry-after"] == "1"
    assert sim.stats()["requests"] == 0
    assert set(states(client.base).values()) == {"0"}
    assert client.http.post("/v1/messages", content=message_body("now"), headers=VERSION).status_code == 200
