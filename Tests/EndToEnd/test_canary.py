"""Secrets that look like nothing else are sent down every path, the failing ones first of all; then everything that was
written is searched for them: logs, metrics, answers to others, files, what the kernel shows of the processes."""

import base64
import json
import os
import resource
import signal
import sqlite3
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

import rawsocket
from recorder import EVENTS, Recorder, Reply, events
from world import BIN, VERSION, Client, Program, eventually, job_line, message_body

KEY = "sk-ant-canary-key-4f1d"
BODY, ANSWER, METADATA, IDEMPOTENCY, PROXY, HEADER, QUERY = (
    f"canary-{name}-9c3e" for name in ("body", "answer", "metadata", "idempotency", "proxy", "header", "query"))
# What the store is there for; and a client's idempotency key, by which it is found again.
STORED = {BODY, ANSWER, METADATA, IDEMPOTENCY, HEADER}


def forms(secret):
    """As it is, and as it would be in hexadecimal or base64, wherever it began."""
    raw = secret.encode()
    found = {raw, raw.hex().encode()}
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + raw)
        found.add(encoded[4 if shift else 0:-4])
    return found


class Places:
    """Texts in which secrets were looked for, and what was found."""

    def __init__(self):
        self.found = []

    def search(self, name, content, secrets, allowed=()):
        for secret in secrets:
            if secret not in allowed and any(form in content for form in forms(secret)):
                at = next(content.index(form) for form in forms(secret) if form in content)
                self.found.append((name, secret, content[max(0, at - 200):at + 100]))


def rejecting_proxy():
    """Refuses every proxy user, and says in its answer what the user has sent."""
    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self):
            sent = str(self.headers).encode()
            self.send_response(407)
            self.send_header("proxy-authenticate", 'Basic realm="x"')
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_POST = do_GET = do_CONNECT

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


@pytest.fixture
def scene(world):
    """A relay that logs all it can, an upstream that keeps failing, and three callers."""
    upstream = Recorder()
    world.closers.append(upstream.close)
    world.upstream = upstream.base
    world.cli("keys", "add", "default", stdin=KEY.encode())
    world.config.write_text(world.config.read_text().replace("max_attempts: 20", "max_attempts: 3").replace(
        "cap: 1s", "cap: 100ms, max_elapsed: 5s") + """\
log: {level: trace}
sync: {max_attempts: 2, patience: 2s, retry_grace: 0s}
upstream_timeouts: {first_byte: 1s, idle: 1s}
limits: {body: 64KiB}
""")
    return upstream


def start(world, *, environment=None, command="serve"):
    # Core files would be allowed if the relay did not forbid them, and the crash report of the language asked for.
    folder = world.folder / "cores"
    folder.mkdir(exist_ok=True)
    wanted = {"SWIFT_BACKTRACE": "enable=yes,color=no,cache=no,registers=all", **(environment or {})}
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2) if os.geteuid() == 0 else None
    previous = os.getcwd()
    os.chdir(folder)
    try:
        if "egress_probe" not in (text := world.config.read_text()):
            world.config.write_text(text + "egress_probe: {keep_warm: 0s}\n")
        return world.started(Program(
            world.logs, BIN / "relay", command, "--data", world.data, "--config", world.config, "--upstream",
            world.upstream, *(() if command == "worker" else ("--listen", "127.0.0.1:0")), environment=wanted))
    finally:
        os.chdir(previous)


def failing(upstream):
    """Answers that show what was asked: each in turn."""
    leak = json.dumps({"type": "error", "error": {"type": "authentication_error", "message": f"{KEY} {ANSWER}"}}).encode()
    json_type = [("content-type", "application/json")]

    def broken():
        yield EVENTS[0] + EVENTS[1]
        raise ConnectionError

    def slow(_):
        time.sleep(2)
        return Reply(ANSWER.encode())

    return [
        lambda _: Reply(ANSWER.encode(), headers=json_type),
        lambda _: Reply(ANSWER.encode(), 429, [*json_type, ("retry-after", "0")]),
        lambda _: Reply(ANSWER.encode(), 500, json_type), lambda _: Reply(ANSWER.encode(), 529, json_type),
        lambda _: Reply(ANSWER.encode(), 400, json_type), lambda _: Reply(ANSWER.encode(), 413, json_type),
        lambda _: events(broken()), slow,
        lambda _: Reply(leak, 403, json_type), lambda _: Reply(leak, 401, json_type),
    ]


def bad_requests(client):
    """Requests that are refused, and say something that must not be repeated to anybody else or to a log."""
    key = {"x-api-key": client.token}
    yield "POST", "/v1/messages", {"content": b'{"model": ' + BODY.encode()}
    yield "POST", "/v1/messages", {"content": message_body(BODY).replace(b'"model": "claude-sonnet-5"', b'"model": 7')}
    yield "POST", "/v1/messages", {"content": message_body(BODY * 5000)}
    yield "POST", "/v1/messages", {"content": message_body(BODY), "headers": {"x-api-key": KEY}}
    yield "POST", "/v1/messages", {"content": message_body(BODY), "headers": {"authorization": f"Bearer {KEY}"}}
    yield "POST", "/v1/messages", {"content": message_body(BODY), "headers": {"x-api-key": client.token + "x"}}
    yield "POST", "/v1/messages", {"content": message_body(BODY), "headers": {"x-api-key": client.token, "cookie": HEADER}}
    yield "POST", "/v1/jobs", {"content": b'{"request":{}, "' + METADATA.encode() + b'": 1}', "headers": key}
    yield "POST", "/v1/jobs", {"content": job_line(message_body(BODY), priority=BODY), "headers": key}
    yield "POST", "/v1/jobs", {"content": job_line(message_body(BODY), webhook=f"http://{BODY}:1/{QUERY}"), "headers": key}
    yield "POST", "/v1/jobs", {"content": b"{}\n" + BODY.encode() + b"\n", "headers": {
        **key, "content-type": "application/x-ndjson"}}
    yield "POST", "/v1/messages/batches", {"content": b'{"requests": [' + BODY.encode(), "headers": key}
    yield "POST", "/v1/webhooks", {"content": b'{"url": "' + BODY.encode() + b'"}', "headers": key}
    yield "POST", f"/v1/jobs/{QUERY}/cancel", {"headers": key}
    yield "GET", f"/v1/jobs?status={QUERY}", {"headers": key}
    yield "GET", f"/v1/{QUERY}", {"headers": key}
    yield "GET", f"/admin/v1/egress?{QUERY}", {"headers": key}
    yield "GET", "/v1/models", {"headers": {"x-api-key": client.token, "x-other": HEADER}}


def raw_failures(client):
    """Framing that breaks with a secret inside."""
    head = f"POST /v1/messages?{QUERY} HTTP/1.1\r\nHost: relay\r\nx-api-key: {client.token}\r\nx-a: {HEADER}\r\n".encode()
    yield head + b"transfer-encoding: chunked\r\n\r\n+5\r\n" + BODY.encode() + b"\r\n"
    yield head + b"content-length: " + BODY.encode() + b"\r\n\r\n"
    yield head + b"content-length: 5000\r\n\r\n" + BODY.encode()
    yield head + b"Host: " + HEADER.encode() + b"\r\n\r\n"
    yield b"GET /" + QUERY.encode() * 1000 + b" HTTP/1.1\r\nHost: relay\r\n\r\n"
    yield b"GET / HTTP/1.1\r\nHost: relay\r\nx-a: " + HEADER.encode() * 8000 + b"\r\n\r\n"
    yield BODY.encode() + b"\r\n\r\n"


def flood(world, upstream, client, admin):
    """Drives every path. Returns the webhook's secret."""
    receiver = world.receiver()
    receiver.failing = 2
    made = client.http.post("/v1/webhooks", json={"url": receiver.url + f"?{QUERY}", "events": ["job.succeeded"]})
    secret = made.json().get("secret", "whsec_none")
    for answer in failing(upstream):
        upstream.answer = answer
        for stream in (False, True):
            with suppress(httpx.HTTPError):
                client.http.post(f"/v1/messages?{QUERY}", content=message_body(BODY, stream=stream), headers={
                    **VERSION, "x-a": HEADER})
        job = client.submit(message_body(BODY), metadata={"a": METADATA}, webhook=receiver.url + f"?{QUERY}")
        with suppress(AssertionError):
            client.ended(job, seconds=8)
    for _ in range(2):
        client.http.post("/v1/jobs", content=job_line(message_body(BODY + str(_))), headers={
            **VERSION, "idempotency-key": IDEMPOTENCY})
    for method, path, more in bad_requests(client):
        with suppress(httpx.HTTPError):
            httpx.request(method, client.base + path, timeout=20, **more)
    for raw in raw_failures(client):
        with rawsocket.connect(client.base, timeout=2) as connection, suppress(OSError):
            connection.sendall(raw)
            connection.recv(65536)
    for path in ("/v1/jobs", "/v1/webhooks", "/admin/v1/egress"):
        admin.http.get(path)
    for command in (["jobs", "list"], ["keys", "list"], ["status"], ["queue", "stats"], ["config", "check"]):
        world.cli(*command, "--config", str(world.config), check=False)
    return secret


def strangers_answers(client, stranger):
    """What another tenant gets to see, whatever it asks for."""
    jobs = [job["id"] for job in client.http.get("/v1/jobs?limit=20").json()["data"]]
    paths = ["/v1/jobs", "/v1/webhooks", "/healthz", "/readyz", "/metrics", "/nothing", "/v1/messages/batches"]
    paths += [f"/v1/jobs/{job}{rest}" for job in jobs for rest in ("", "/result", "/attempts")]
    for path in paths:
        reply = stranger.http.get(path)
        yield path, str(reply.headers).encode() + reply.content
    reply = stranger.http.post("/v1/messages", content=message_body("mine"), headers=VERSION)
    yield "/v1/messages", str(reply.headers).encode() + (reply.content if reply.status_code >= 500 else b"")


def files(folder):
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path, path.read_bytes()


def test_secrets_are_in_nothing_that_is_written(world, scene):
    upstream, places = scene, Places()
    relay = start(world)
    client, stranger = world.client(relay), world.client(relay, tenant="other")
    admin = world.client(relay, tenant="ops", scopes="admin")
    secret = flood(world, upstream, client, admin)
    tokens = [client.token, stranger.token, admin.token]
    secrets = [KEY, secret, secret.removeprefix("whsec_"), *tokens, BODY, ANSWER, METADATA, IDEMPOTENCY, HEADER, QUERY]

    for path, content in strangers_answers(client, stranger):
        places.search(f"an answer to another tenant: {path}", content, secrets)
    places.search("metrics", httpx.get(client.base + "/metrics").content, secrets)
    for name in ("cmdline", "environ"):
        content = Path(f"/proc/{relay.process.pid}/{name}").read_bytes()
        places.search(name, content, secrets)
    limits = Path(f"/proc/{relay.process.pid}/limits").read_text()
    assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size")] == [["0", "0"]]

    # A crash in the middle of a call, with everything in memory.
    arrived = threading.Event()
    upstream.answer = lambda _: Reply()
    world.cli("keys", "add", "default", stdin=f"{KEY}-next".encode())  # the upstream has refused the one before
    eventually("calls pass again", lambda: client.http.post(
        "/v1/messages", content=message_body(BODY), headers=VERSION).status_code == 200)

    def hang(_):
        arrived.set()
        time.sleep(3)
        return Reply()

    upstream.answer = hang
    for fault in (signal.SIGSEGV, signal.SIGABRT):
        arrived.clear()
        caller = threading.Thread(target=_call, args=(client,))
        caller.start()
        assert arrived.wait(20)
        os.kill(relay.process.pid, fault)
        assert relay.process.wait(30) == -fault
        caller.join()
        if fault == signal.SIGSEGV:
            relay = start(world)
            client = Client(relay.url(), client.token)
            world.closers.append(client.http.close)
    worker = start(world, command="worker", environment={"ANTHROPIC_API_KEY": ""})
    eventually("the worker runs", lambda: "draining" in worker.output)
    worker.kill()

    for path, content in files(world.logs):
        places.search(f"log {path.name}", content, secrets)
    for path, content in files(world.data):
        places.search(f"data {path.name}", content, secrets, STORED | {QUERY} if "relay.sqlite" in path.name else ())
    assert not list(files(world.folder / "cores")), "a core file was written"
    assert not places.found, "\n".join(f"{name}: {secret}: {around!r}" for name, secret, around in places.found)


def _call(client):
    with suppress(httpx.HTTPError):
        httpx.post(client.base + "/v1/messages", content=message_body(BODY), timeout=10, headers={
            **VERSION, "x-api-key": client.token})


def test_a_proxys_password_is_in_nothing_that_is_written(world, scene):
    places, proxy = Places(), rejecting_proxy()
    world.closers += [proxy.shutdown, proxy.server_close]
    address = f"127.0.0.1:{proxy.server_port}"
    world.upstream = "https://127.0.0.1:9"
    world.config.write_text(
        world.config.read_text() + f'egress: [{{id: office, proxy: "http://user:{PROXY}@{address}"}}]\n')
    relay = start(world)
    client = world.client(relay)
    admin = world.client(relay, tenant="ops", scopes="admin")
    answers = [client.http.post("/v1/messages", content=message_body(), headers=VERSION)]
    client.submit(message_body())
    time.sleep(1)
    answers += [admin.http.get("/admin/v1/egress"), httpx.get(client.base + "/metrics"), client.http.get("/v1/jobs")]
    for reply in answers:
        places.search(str(reply.url), str(reply.headers).encode() + reply.content, [PROXY])
    for command in (["egress", "list"], ["config", "check"], ["doctor"], ["jobs", "list"]):
        done = world.cli(*command, "--config", str(world.config), check=False)
        places.search(" ".join(command), (done.stdout + done.stderr).encode(), [PROXY])
    places.search("cmdline", Path(f"/proc/{relay.process.pid}/cmdline").read_bytes(), [PROXY])
    relay.kill()
    for folder in (world.logs, world.data):
        for path, content in files(folder):
            places.search(path.name, content, [PROXY])
    assert not places.found, "\n".join(f"{name}: {secret}: {around!r}" for name, secret, around in places.found)


def test_the_search_finds_what_is_there():
    places = Places()
    for content in (KEY.encode(), KEY.encode().hex().encode(), base64.b64encode(b"user:" + KEY.encode() + b"@")):
        places.search("here", b"before " + content + b" after", [KEY])
    assert len(places.found) == 3


def test_a_leak_on_purpose_is_found_in_each_place(world, scene):
    """The same search in the same places, for a word that the relay does write there."""
    word, places = "canary-on-purpose", Places()
    world.cli("keys", "add", word, stdin=KEY.encode())
    with sqlite3.connect(world.data / "relay.sqlite") as store:  # a key that does not open is named in the log
        store.execute("UPDATE keys SET secret = x'0201' WHERE id = ?", [word])
    relay = start(world, environment={"ANTHROPIC_API_KEY": KEY})
    client = world.client(relay, tenant=word)
    client.submit(message_body(word, model=word))
    httpx.post(client.base + "/v1/messages", content=message_body(), headers={**VERSION, "x-api-key": client.token})
    places.search("metrics", httpx.get(client.base + "/metrics").content, ["relay_upstream_keys"])
    places.search("environ", Path(f"/proc/{relay.process.pid}/environ").read_bytes(), [KEY])
    places.search("cmdline", Path(f"/proc/{relay.process.pid}/cmdline").read_bytes(), [str(world.data)])
    places.search("answer", client.http.get("/v1/jobs", params={"status": word}).content, [word])
    relay.kill()
    for folder, name in ((world.logs, "log"), (world.data, "data")):
        for _, content in files(folder):
            places.search(name, content, [word])
    assert {name for name, _, _ in places.found} == {"metrics", "environ", "cmdline", "answer", "log", "data"}
