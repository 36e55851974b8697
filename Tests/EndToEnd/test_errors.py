"""Bad input: the Anthropic envelope with a stable code, on every route."""

import re

import httpx
import pytest

from world import ROOT, VERSION, message_body

CODES = set(re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE))
MESSAGES = [  # body, code
    (b"not json", "body_not_json"),
    (b"", "body_not_json"),
    (b"[]", "body_not_json"),
    (b'{"model":"m","max_tokens":1', "body_not_json"),
    (b'{"max_tokens":1,"messages":[]}', "field_missing"),
    (b'{"model":"m","messages":[]}', "field_missing"),
    (b'{"model":"m","max_tokens":1}', "field_missing"),
    (b'{"model":7,"max_tokens":1,"messages":[]}', "field_invalid"),
]
JOBS = [(b'{"request":' + body + b"}", code) for body, code in MESSAGES[4:]] + [
    (b"{}", "field_missing"),
    (b'{"request":[]}', "field_invalid"),
    (b'{"request":' + message_body() + b',"priority":10}', "field_invalid"),
    (b'{"request":' + message_body() + b',"run_at":"tomorrow"}', "field_invalid"),
    (b'{"request":' + message_body() + b',"colour":"red"}', "field_invalid"),
    (b'{"request":' + message_body(stream=True) + b"}", "field_invalid"),
    (b'{"request":' + message_body() + b',"webhook":"whe_unknown"}', "webhook_unknown"),
]
ROUTES = [  # method, path, status, code
    ("GET", "/v1/jobs/job_unknown", 404, "job_unknown"),
    ("GET", "/v1/jobs/job_00000000000000000000000000/result", 404, "job_unknown"),
    ("POST", "/v1/jobs/nonsense/cancel", 404, "job_unknown"),
    ("GET", "/v1/nothing", 404, "route_unknown"),
    ("GET", "/v1/messages", 405, "method_not_allowed"),
    ("DELETE", "/v1/jobs", 405, "method_not_allowed"),
    ("GET", "/v1/jobs?limit=0", 400, "query_invalid"),
    ("GET", "/v1/jobs?status=lost", 400, "query_invalid"),
]


def check(answer, status, code):
    assert (answer.status_code, answer.headers.get("x-relay-error")) == (status, code), answer.text
    document = answer.json()
    assert document["type"] == "error" and document["error"]["details"]["error_code"] == code
    assert document["error"]["type"].endswith("error") or document["error"]["type"] == "request_too_large"
    assert document["error"]["message"] and document["request_id"] == answer.headers["request-id"]
    assert document["request_id"].startswith("req_relay_") and code in CODES


@pytest.fixture
def client(world):
    world.add_key()
    return world.client(world.relay("api"))


def test_bad_bodies(client):
    for path, table in [("/v1/messages", MESSAGES), ("/v1/jobs", JOBS)]:
        for body, code in table:
            answer = client.http.post(path, content=body, headers=VERSION)
            print(path, body[:80], answer.status_code)
            check(answer, 404 if code == "webhook_unknown" else 400, code)


def test_bad_routes(client):
    for method, path, status, code in ROUTES:
        answer = client.http.request(method, path)
        print(method, path, answer.status_code)
        check(answer, status, code)
        assert status != 405 or answer.headers["allow"]


def test_bad_credentials(world, client):
    for headers, code in [({}, "token_missing"), ({"x-api-key": "sk-ant-x"}, "token_invalid"),
                          ({"authorization": "Bearer a.b.c"}, "token_invalid")]:
        check(httpx.get(client.base + "/v1/jobs", headers=headers), 401, code)
    tampered = client.token[:-3] + ("AAA" if client.token[-3:] != "AAA" else "BBB")
    check(httpx.get(client.base + "/v1/jobs", headers={"x-api-key": tampered}), 401, "token_invalid")
    narrow = world.token(scopes="messages")
    check(httpx.get(client.base + "/v1/jobs", headers={"x-api-key": narrow}), 403, "scope_missing")


def test_a_body_of_33_mb_is_refused_and_the_relay_lives_on(client):
    body = message_body("x" * 33 * 1024 * 1024)
    for path, content in [("/v1/jobs", b'{"request":' + body + b"}"), ("/v1/messages", body)]:
        check(client.http.post(path, content=content, headers=VERSION), 413, "body_too_large")

    def chunks():
        for start in range(0, len(body), 1 << 20):
            yield body[start:start + (1 << 20)]

    check(client.http.post("/v1/messages", content=chunks(), headers=VERSION), 413, "body_too_large")
    assert client.http.get("/healthz").status_code == 200


def test_no_key_is_said_plainly(world):
    client = world.client(world.relay("api"))
    check(client.http.post("/v1/messages", content=message_body(), headers=VERSION), 503, "no_upstream_key")


def test_an_upstream_that_is_away_is_said_plainly(world):
    world.config.write_text("sync: {max_attempts: 2}\n")
    world.add_key()
    client = world.client(world.relay("api"))
    check(client.http.post("/v1/messages", content=message_body(), headers=VERSION), 502, "upstream_unreachable")
