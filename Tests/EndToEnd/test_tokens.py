"""Who gets in: tokens of other issuers (made by PyJWT), API keys, revocation, failed attempts."""

import base64
import hashlib
import hmac
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from world import VERSION, eventually, message_body

MAKERS = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
SECRET = "a shared secret of more than 32 bytes: canary-c01d"


def pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(key, algorithm, kid):
    made = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key()))
    return {**made, "kid": kid, "use": "sig", "alg": algorithm}


def token(key, algorithm, kid=None, headers=None, **claims):
    now = int(time.time())
    body = {"iss": "idp", "aud": "relay", "tenant": "acme", "scope": "messages jobs", "iat": now, "exp": now + 600,
            **claims}
    body = {name: value for name, value in body.items() if value is not None}
    return jwt.encode(body, key, algorithm, headers={**({"kid": kid} if kid else {}), **(headers or {})})


class KeyServer:
    """Publishes a JWK set under a URL on loopback."""

    def __init__(self):
        self.keys, self.status, self.fetches = [], 200, 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                owner.fetches += 1
                body = json.dumps({"keys": owner.keys}).encode()
                self.send_response(owner.status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def configure(world, algorithm, source, place, more="", tokens=""):
    issuer = f'{{issuer: idp, audience: relay, algorithm: {algorithm}, {source}: "{place}"{more}}}'
    world.config.write_text(
        world.config.read_text() + f"log: {{level: debug}}\ntokens: {{{tokens}issuers: [{issuer}]}}\n")


def status(base, credential, path="/v1/jobs", header="x-api-key"):
    return httpx.get(base + path, headers={header: credential}).status_code


@pytest.mark.parametrize("algorithm", ["HS256", *MAKERS])
def test_a_token_of_each_algorithm_opens_and_each_flaw_closes(world, algorithm):
    if algorithm == "HS256":
        key, source = SECRET, "secret_file"
        public = SECRET.encode() + b"\n"
    else:
        key, source = MAKERS[algorithm](), "public_key_file"
        public = pem(key)
    place = world.folder / "key"
    place.write_bytes(public)
    place.chmod(0o640 if algorithm == "HS256" else 0o644)
    configure(world, algorithm, source, place, tokens="failed_attempts: 1000, ",
              more=', allowed_scopes: [messages, jobs, "admin:read"], tenants: [acme, beta]')
    sim = world.sim()
    world.add_key()
    base = world.relay().url()
    good = token(key, algorithm, jti="t1")
    assert status(base, good) == 200
    assert status(base, f"Bearer {good}", header="authorization") == 200
    with anthropic.Anthropic(api_key=good, base_url=base, max_retries=0) as client:
        answer = client.messages.create(
            model="claude-sonnet-5", max_tokens=16, messages=[{"role": "user", "content": "Hello"}])
        assert answer.content
    now = int(time.time())
    none = jwt.encode({"iss": "idp", "aud": "relay", "tenant": "acme", "exp": now + 600}, None, "none")
    flaws = {
        "expired": token(key, algorithm, exp=now - 61), "not yet": token(key, algorithm, nbf=now + 90),
        "audience": token(key, algorithm, aud="other"), "issuer": token(key, algorithm, iss="other"),
        "no expiry": token(key, algorithm, exp=None), "none": none, "crit": token(key, algorithm, headers={
            "crit": ["x"], "x": 1}),
        "admin": token(key, algorithm, scope="jobs admin"), "foreign tenant": token(key, algorithm, tenant="gamma"),
        "tenant": token(key, algorithm, tenant="no tenant"), "own": token(key, algorithm, iss="claude-relay"),
        "large": token(key, algorithm, note="x" * 8000), "header": token(key, algorithm, headers={"x": "y" * 1100}),
        "trailing": good + "A", "stranger": token(
            "another secret of more than 32 bytes ........" if algorithm == "HS256" else MAKERS[algorithm](), algorithm),
    }
    if algorithm != "HS256":  # the public key as a secret: PyJWT itself refuses to sign so
        part = lambda document: base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=")
        signed = part({"alg": "HS256"}) + b"." + part({"iss": "idp", "aud": "relay", "tenant": "acme", "exp": now + 60})
        code = base64.urlsafe_b64encode(hmac.digest(public, signed, hashlib.sha256)).rstrip(b"=")
        flaws["confusion"] = (signed + b"." + code).decode()
    bodies = set()
    for name, flawed in flaws.items():
        answer = httpx.get(base + "/v1/jobs", headers={"x-api-key": flawed})
        assert answer.status_code == 401, f"{name}: {answer.text}"
        bodies.add(answer.text.replace(answer.headers["request-id"], ""))
    assert len(bodies) == 1, bodies  # no answer says which check failed
    said = world.report()
    assert "a credential does not hold" in said and "not for this audience" in said
    assert "a scope that its issuer may not give" in said and "a tenant for whom its issuer may not speak" in said
    assert good not in said and "canary" not in said
    assert status(base, token(key, algorithm, scope="messages"), "/v1/jobs") == 403
    listed = token(key, algorithm, scope=None, scopes=["admin:read"], aud=["a", "relay"])
    assert status(base, listed, "/admin/v1/tokens") == 200
    assert sim.stats()


def test_a_jwks_file_is_read_again_when_it_changes(world):
    old, new = MAKERS["ES256"](), MAKERS["ES256"]()
    place = world.folder / "keys.json"
    place.write_text(json.dumps({"keys": [jwk(old, "ES256", "old")]}))
    configure(world, "ES256", "jwks_file", place)
    base = world.relay("api").url()
    by_old, by_new = token(old, "ES256", "old"), token(new, "ES256", "new")
    assert (status(base, by_old), status(base, by_new)) == (200, 401)
    both = world.folder / "keys.next"
    both.write_text(json.dumps({"keys": [jwk(old, "ES256", "old"), jwk(new, "ES256", "new")]}))
    both.rename(place)
    eventually("the new key is in force", lambda: status(base, by_new) == 200, every=0.5)
    assert status(base, by_old) == 200
    place.write_text("{ not JSON")
    time.sleep(2.5)
    assert (status(base, by_old), status(base, by_new)) == (200, 200)
    place.write_text(json.dumps({"keys": [jwk(new, "ES256", "new")]}))
    eventually("the old key is out of force", lambda: status(base, by_old) == 401, every=0.5)
    assert status(base, by_new) == 200


def test_a_jwks_url_is_followed_and_what_is_known_outlives_its_server(world):
    server = KeyServer()
    world.closers.append(server.close)
    old, new = MAKERS["RS256"](), MAKERS["RS256"]()
    server.keys = [jwk(old, "RS256", "old")]
    configure(world, "RS256", "jwks_url", server.url, tokens="key_lifetime: 2s, failed_attempts: 1000, ")
    base = world.relay("api").url()
    by_old, by_new = token(old, "RS256", "old"), token(new, "RS256", "new")
    assert (status(base, by_old), status(base, by_new)) == (200, 401)
    server.keys = [jwk(new, "RS256", "new")]
    eventually("the new key is in force", lambda: status(base, by_new) == 200, every=0.2)
    eventually("the old key is out of force", lambda: status(base, by_old) == 401, every=0.2)
    server.status = 503
    time.sleep(3)
    assert status(base, by_new) == 200
    assert status(base, by_old) == 401


def test_tokens_of_unknown_keys_do_not_make_the_relay_ask_again_and_again(world):
    server = KeyServer()
    world.closers.append(server.close)
    known, unknown = MAKERS["RS256"](), MAKERS["RS256"]()
    server.keys = [jwk(known, "RS256", "known")]
    configure(world, "RS256", "jwks_url", server.url, tokens="failed_attempts: 1000, ")
    base = world.relay("api").url()
    assert status(base, token(known, "RS256", "known")) == 200
    began, before = time.monotonic(), server.fetches
    assert {status(base, token(unknown, "RS256", f"unknown-{number}")) for number in range(40)} == {401}
    most = 1 + (time.monotonic() - began) / 30
    assert server.fetches - before <= most, "a new kid is looked for at most every 30 s"


def test_an_unusable_file_of_keys_is_refused_at_the_start_and_by_config_check(world):
    place = world.folder / "key"
    place.write_bytes(pem(MAKERS["EdDSA"]()))
    configure(world, "ES256", "public_key_file", place)
    done = world.cli("config", "check", "--config", str(world.config), check=False)
    assert done.returncode != 0 and str(place) in done.stderr and "P-256" in done.stderr


def test_an_api_key_works_with_the_sdk_until_it_is_revoked(world):
    sim, relay, _ = world.serving()
    key = world.cli("tokens", "create-key", "--tenant", "acme", "--scopes", "messages,jobs", "--name", "ci",
                    "--ttl", "1h").stdout.strip()
    assert key.startswith("sk-relay-") and len(key) == 57

    def ask():
        with anthropic.Anthropic(api_key=key, base_url=relay.url(), max_retries=0) as client:
            return client.messages.create(
                model="claude-sonnet-5", max_tokens=16, messages=[{"role": "user", "content": "Hello"}])

    def accepted():
        return status(relay.url(), key) == 200

    eventually("the key of another process is in force", accepted, seconds=3)
    assert ask().content
    assert status(relay.url(), f"Bearer {key}", header="authorization") == 200
    assert status(relay.url(), key[:-1] + ("a" if key[-1] != "a" else "b")) == 401
    listed = world.cli("tokens", "list", "--tenant", "acme").stdout
    assert key[:17] in listed and "ci" in listed and key not in listed
    assert key[:17] not in world.cli("tokens", "list", "--prefix", "sk-relay-!").stdout
    eventually("its use shows", lambda: "–" not in world.cli("tokens", "list").stdout, seconds=20, every=1)
    kept = b"".join(path.read_bytes() for path in [*world.data.rglob("*"), *world.logs.iterdir()] if path.is_file())
    assert key[:17].encode() in kept and key.encode() not in kept and key[17:].encode() not in kept
    assert "revoked" in world.cli("tokens", "revoke", key[:17]).stdout
    eventually("the revocation is in force", lambda: not accepted(), seconds=3)
    with pytest.raises(anthropic.AuthenticationError):
        ask()
    assert "revoked" in world.cli("tokens", "list").stdout
    assert world.cli("tokens", "revoke", "key_unknown", check=False).returncode != 0
    for arguments in [(), ("key_a", "--jti", "b"), ("--tenant", "no tenant")]:
        assert world.cli("tokens", "revoke", *arguments, check=False).returncode != 0


def test_operators_make_and_revoke_over_http_and_it_is_in_force_at_once_in_every_process(world):
    world.sim()
    world.add_key()
    first, second = world.relay("api").url(), world.relay("api").url()
    admin = httpx.Client(base_url=first, headers={"x-api-key": world.token(tenant="root", scopes="admin")})
    world.closers.append(admin.close)
    made = admin.post("/admin/v1/tokens", json={"tenant": "acme", "scopes": ["jobs"], "name": "n"}).json()
    assert status(first, made["key"]) == 200
    eventually("the other process knows the key", lambda: status(second, made["key"]) == 200, seconds=3)
    assert admin.delete(f"/admin/v1/tokens/{made['id']}").status_code == 200
    assert status(first, made["key"]) == 401
    eventually("the other process has revoked it", lambda: status(second, made["key"]) == 401, seconds=3)

    tokens = [world.token() for _ in range(3)]
    for base in (first, second):
        assert [status(base, one) for one in tokens] == [200] * 3
    jti = jwt.decode(tokens[0], options={"verify_signature": False})["jti"]
    assert admin.post("/admin/v1/tokens/revoke", json={"jti": jti}).status_code == 200
    assert [status(first, one) for one in tokens] == [401, 200, 200]
    eventually("the other process has heard", lambda: status(second, tokens[0]) == 401, seconds=3)
    world.cli("tokens", "revoke", "--tenant", "acme")
    later = world.token()
    for base in (first, second):
        eventually("all are out of force", lambda: {status(base, one) for one in tokens} == {401}, seconds=3)
        assert status(base, later) == 200
    shown = admin.get("/admin/v1/tokens").json()
    assert {"jti": jti}.items() <= [one for one in shown["revocations"] if "jti" in one][0].items()
    assert "key" not in shown["data"][0] and shown["data"][0]["revoked_at"]
    assert "acme" in world.cli("tokens", "list").stdout


def test_api_keys_and_revocations_are_listed_in_pages(world):
    for number in range(3):
        world.cli("tokens", "create-key", "--tenant", f"t{number}")
        world.cli("tokens", "revoke", "--jti", f"j{number}")
    first = world.cli("tokens", "list", "--limit", "2").stdout
    assert [tenant in first for tenant in ("t0", "t1", "t2", "jti j0", "jti j1", "jti j2")] == [True, True, False] * 2
    after = re.search(r"More: add --after (key_\S+)", first)[1]
    revoked = re.search(r"More: add --revoked-after '(\S+)'", first)[1]
    second = world.cli("tokens", "list", "--limit", "2", "--after", after, "--revoked-after", revoked).stdout
    assert [tenant in second for tenant in ("t0", "t1", "t2", "jti j0", "jti j1", "jti j2")] == [False, False, True] * 2
    assert "More:" not in second
    assert world.cli("tokens", "list", "--limit", "0", check=False).returncode != 0


def test_failed_attempts_are_slowed_down_and_never_lock_out_a_good_token(world):
    world.config.write_text(world.config.read_text() + "tokens: {failed_attempts: 5}\n")
    client = world.client(world.relay("api"))
    answers = [httpx.get(client.base + "/v1/jobs", headers={"x-api-key": f"sk-relay-guess{n}"}) for n in range(8)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    assert answers[-1].headers["x-relay-error"] == "auth_throttled" and int(answers[-1].headers["retry-after"]) <= 60
    assert client.http.get("/v1/jobs").status_code == 200
    assert client.http.post("/v1/messages", content=message_body(), headers=VERSION).status_code != 429


def test_two_different_credentials_in_one_header_are_refused(world):
    client = world.client(world.relay("api"))
    twice = [("x-api-key", client.token), ("x-api-key", "sk-ant-x")]
    assert httpx.get(client.base + "/v1/jobs", headers=twice).status_code == 400
    both = [("x-api-key", "sk-ant-x"), ("authorization", f"Bearer {client.token}")]
    assert httpx.get(client.base + "/v1/jobs", headers=both).status_code == 200
