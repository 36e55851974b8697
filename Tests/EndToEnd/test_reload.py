"""SIGHUP: the configuration is taken over as a whole or not at all, and the log says what it cannot take over."""

import json
import re
import signal
import time

import httpx
import jwt

from world import CONFIG, QUIET, VERSION, Client, eventually, job_line, message_body

ISSUER = """
tokens:
  issuers:
    - {issuer: partner, algorithm: HS256, secret_file: SECRET}
"""


def reloaded(relay, words="configuration read anew"):
    seen = relay.output.count(words)
    relay.process.send_signal(signal.SIGHUP)
    eventually(f"the log says {words}", lambda: relay.output.count(words) > seen)


def partner(world, relay, secret):
    claims = {"iss": "partner", "sub": "acme", "scope": "jobs", "iat": time.time(), "exp": time.time() + 600}
    client = Client(relay.url(), jwt.encode(claims, secret, "HS256"))
    world.closers.append(client.http.close)
    return client


def test_issuers_limits_and_the_log_level_change_without_a_restart(world):
    sim, relay, client = world.serving()
    secret = world.folder / "partner.secret"
    secret.write_text("s" * 40)
    secret.chmod(0o600)
    outside = partner(world, relay, "s" * 40)
    assert outside.http.get("/v1/jobs").status_code == 401
    plain = world.config.read_text()
    changed = plain.replace("concurrency: 64", "concurrency: 9")
    world.config.write_text(
        changed + ISSUER.replace("SECRET", str(secret)) + "limits: {body: 2KiB}\nlog: {level: debug}\n")
    reloaded(relay)
    assert "needs a restart: worker.concurrency" in relay.output
    assert outside.http.get("/v1/jobs").status_code == 200
    large = client.http.post("/v1/jobs", content=b'{"request":' + message_body("x" * 3000) + b"}")
    assert large.status_code == 413 and "2" in large.json()["error"]["message"]
    assert partner(world, relay, "t" * 40).http.get("/v1/jobs").status_code == 401
    assert "a credential does not hold" in relay.output, "the level is debug now"

    world.config.write_text(plain)
    reloaded(relay)
    assert outside.http.get("/v1/jobs").status_code == 401, "what was verified before does not outlive its issuer"
    assert client.submit(message_body("x" * 3000))


def test_what_cannot_be_used_changes_nothing_at_all(world):
    sim, relay, client = world.serving()
    plain = world.config.read_text()
    broken = world.folder / "short.secret"
    broken.write_text("short")
    broken.chmod(0o600)
    for bad in (ISSUER.replace("SECRET", str(broken)), "tls: {certificate: nowhere.pem, key: nowhere.key}\n",
                "log: {level: shout}\n"):
        world.config.write_text(plain + "limits: {body: 2KiB}\n" + bad)
        reloaded(relay, "the configuration is refused; the old one stays")
        assert client.submit(message_body("x" * 3000)), "the limit that stood beside it is not in force either"


def test_gauges_of_ways_that_are_taken_out_go_and_what_was_counted_stays(world):
    sim = world.sim()
    paths = [{"id": "gone", "source": "127.0.0.31"}, {"id": "left", "entry": sim.base.removeprefix("http://")},
             {"id": "stays", "source": "127.0.0.32"}]

    def text(*paths) -> str:
        return CONFIG + f"egress: {json.dumps(paths)}\n"

    world.upstream = sim.base
    world.config.write_text(text(*paths))
    for number in range(16):
        world.add_key(name=f"k{number}", secret=f"sk-{number}")
    relay = world.relay()
    client = world.client(relay)

    def told(kind: str) -> set[str]:
        body = httpx.get(client.base + "/metrics").text
        return set(re.findall(rf'^{kind}{{.*path="([^"]+)"', body, re.MULTILINE))

    client.submit_many([job_line(message_body(f"{number}")) for number in range(100)])
    eventually("all have succeeded", lambda: client.count("succeeded") == 100)
    gauges = ("relay_upstream_(?:idle_|connecting_)?sockets", "relay_egress_(?:state|calls_in_flight)")
    assert [told(kind) for kind in gauges] == [{"gone", "left", "stays"}] * 2
    world.config.write_text(text(paths[2]))
    reloaded(relay)
    assert client.http.post("/v1/messages", content=message_body(), headers=VERSION).status_code == 200
    assert [told(kind) for kind in gauges] == [{"stays"}] * 2
    assert told("relay_upstream_connections_total") == {"gone", "left", "stays"}
