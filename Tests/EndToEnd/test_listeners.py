"""TLS with certificates that are replaced while the relay runs, and operators' routes on a listener of their own."""

import os
import re
import signal
import socket
import ssl
import subprocess

import httpx
import pytest

import rawsocket
from world import VERSION, Client, eventually, message_body


class Authority:
    """A certificate authority of a test's own, made by openssl."""

    def __init__(self, folder):
        self.folder, self.serial = folder, 0
        self.certificate, self.key = folder / "ca.pem", folder / "ca.key"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                     "-subj", "/CN=Test authority", "-keyout", self.key, "-out", self.certificate)

    def openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=self.folder)

    def issue(self, certificate, key):
        """Puts a new certificate and its key in place, each at once."""
        self.serial += 1
        (self.folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                     f"/CN=relay {self.serial}", "-keyout", "new.key", "-out", "new.csr")
        self.openssl("x509", "-req", "-in", "new.csr", "-CA", self.certificate, "-CAkey", self.key, "-days", "2",
                     "-set_serial", self.serial, "-extfile", "names", "-out", "new.pem")
        (self.folder / "new.key").chmod(0o600)
        os.replace(self.folder / "new.key", key)
        os.replace(self.folder / "new.pem", certificate)


@pytest.fixture
def encrypted(world):
    authority = Authority(world.folder)
    world.certificate, world.key = world.folder / "relay.pem", world.folder / "relay.key"
    authority.issue(world.certificate, world.key)
    world.config.write_text(
        world.config.read_text() + f"tls: {{certificate: {world.certificate}, key: {world.key}}}\n")
    world.sim()
    world.add_key()
    relay = world.relay()
    client = Client(relay.url(), world.token())
    client.http = httpx.Client(
        base_url=client.base, headers={"x-api-key": client.token}, timeout=60,
        verify=ssl.create_default_context(cafile=str(authority.certificate)))
    world.closers.append(client.http.close)
    return authority, relay, client


def handshake(client, authority, version=None):
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.set_alpn_protocols(["h2", "http/1.1"])
    if version:
        context.minimum_version = context.maximum_version = version
    return context.wrap_socket(rawsocket.connect(client.base), server_hostname="localhost")


def serial(client, authority):
    with handshake(client, authority) as connection:
        return int(connection.getpeercert()["serialNumber"], 16)


def test_calls_streams_and_jobs_go_over_tls(encrypted):
    authority, relay, client = encrypted
    assert relay.url().startswith("https://")
    assert client.http.post("/v1/messages", content=message_body(), headers=VERSION).status_code == 200
    with client.http.stream("POST", "/v1/messages", content=message_body(stream=True), headers=VERSION) as answer:
        assert b"message_stop" in answer.read()
    big = message_body("x" * 3_000_000)
    job = client.submit(big)
    assert client.ended(job)["status"] == "succeeded" and client.result_matches(job, big)
    with handshake(client, authority) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1" and connection.version() == "TLSv1.3"
    with handshake(client, authority, ssl.TLSVersion.TLSv1_2) as connection:
        assert connection.version() == "TLSv1.2"


def test_old_versions_plain_text_and_silence_get_nothing(world, encrypted):
    authority, _, client = encrypted
    with pytest.raises((ssl.SSLError, OSError)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.wrap_socket(rawsocket.connect(client.base))
    plain = rawsocket.exchange(client.base, b"GET /healthz HTTP/1.1\r\n" + rawsocket.HOST + b"\r\n")
    assert b"HTTP/1.1 200" not in plain
    assert client.http.get("/healthz").status_code == 200


@pytest.mark.parametrize("how", ["signal", "file"])
def test_a_new_certificate_is_taken_over_and_open_connections_go_on(world, encrypted, how):
    authority, relay, client = encrypted
    assert serial(client, authority) == 1
    with handshake(client, authority) as kept:
        authority.issue(world.certificate, world.key)
        if how == "signal":
            os.kill(relay.process.pid, signal.SIGHUP)
        eventually("the new certificate is shown", lambda: serial(client, authority) == 2)
        kept.sendall(b"GET /healthz HTTP/1.1\r\n" + rawsocket.HOST + b"\r\n")
        assert b"HTTP/1.1 200" in kept.recv(65536)


def test_a_broken_certificate_changes_nothing_and_is_logged(world, encrypted):
    authority, relay, client = encrypted
    old = world.certificate.read_text(), world.key.read_text()
    for break_it in (lambda: world.certificate.write_text("no certificate"), lambda: world.key.chmod(0o644),
                     lambda: world.certificate.unlink()):
        count = relay.output.count("the certificate is refused; the old one stays")
        break_it()
        os.kill(relay.process.pid, signal.SIGHUP)
        eventually("it is logged", lambda: relay.output.count("the certificate is refused; the old one stays") > count)
        assert serial(client, authority) == 1
        world.certificate.write_text(old[0])
        world.key.chmod(0o600)
    assert "PRIVATE KEY" not in relay.output
    # Of two files that do not belong together, neither is used.
    authority.issue(world.certificate, world.folder / "other.key")
    os.kill(relay.process.pid, signal.SIGHUP)
    eventually("it is logged", lambda: "cannot be used together" in relay.output)
    assert serial(client, authority) == 1


@pytest.mark.parametrize("settings,words", [
    ("tls: {certificate: nowhere.pem, key: nowhere.key}", "tls.key 'nowhere.key' cannot be read"),
    ("tls: {certificate: nowhere.pem}", "only one is set"),
    ("admin: {listen: here}", "allowed is HOST:PORT"),
    ("{listen: 127.0.0.1:1234, admin: {listen: 127.0.0.1:1234}}", "allowed are two addresses"),
    ("limits: {header_bytes: 1KiB}", "limits.header_bytes is '1KiB'"),
    ("server: {header_timeout: 0s}", "server.header_timeout is '0s'")])
def test_what_cannot_be_is_refused_before_the_start(world, settings, words):
    world.config.write_text(settings + "\n")
    for command in [("config", "check"), ("serve",)]:
        done = world.cli(*command, "--config", str(world.config), check=False)
        assert done.returncode != 0 and words in done.stderr and "configuration_invalid" in done.stderr


def test_operators_routes_have_a_listener_of_their_own(world):
    world.config.write_text(world.config.read_text() + 'admin: {listen: "127.0.0.1:0"}\n')
    _, relay, client = world.serving()
    found = eventually("it says where", lambda: re.search(r"admin routes on (http://\S+)", relay.out.read_text()))
    operator = httpx.Client(base_url=found[1], headers={"x-api-key": world.token(scopes="admin")})
    world.closers.append(operator.close)
    public = {"x-api-key": world.token(scopes="admin,messages,jobs")}
    for path in ["/admin/v1/egress", "/metrics"]:
        assert operator.get(path).status_code == 200
        refused = client.http.get(path, headers=public)
        assert (refused.status_code, refused.headers["x-relay-error"]) == (404, "route_unknown")
    for path in ["/healthz", "/readyz"]:
        assert operator.get(path).status_code == 200 and client.http.get(path).status_code == 200
    for method, path in [("POST", "/v1/messages"), ("GET", "/v1/jobs"), ("GET", "/v1/models")]:
        refused = operator.request(method, path, content=message_body(), headers=public)
        assert (refused.status_code, refused.headers["x-relay-error"]) == (404, "route_unknown")
    assert client.http.post("/v1/messages", content=message_body(), headers=VERSION).status_code == 200
    assert httpx.get(found[1] + "/admin/v1/egress").status_code == 401
    assert relay.stop() == 0
    with pytest.raises(OSError):
        socket.create_connection(rawsocket.address(found[1]), timeout=2)
