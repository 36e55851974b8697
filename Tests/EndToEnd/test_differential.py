"""The same calls to claude-sim, directly and through a relay: status, bytes, headers that must survive, events."""

import json
import re

import anthropic
import httpx
import pytest

from world import UPSTREAM_SECRET, VERSION, World, message_body

STRICT = {**VERSION, "anthropic-version": "2026-10-21"}
TOOL = [{"name": "f", "input_schema": {"type": "object"}}]
ASK = message_body("Hi ✓ 🙂")


def stream(body: bytes) -> bytes:
    return body.rstrip().removesuffix(b"}") + b',"stream":true}'


POSTS = [message_body("one"), message_body("é\u2028\\\"" * 2000), message_body("tools", tools=TOOL),
         message_body("thinks", thinking={"type": "enabled", "budget_tokens": 1024}),
         message_body("little", max_tokens=3), message_body("nothing", max_tokens=0), message_body("x" * 5_000_000)]
CALLS: list[tuple[str, str, bytes | None, dict[str, str]]] = [
    *[("POST", "/v1/messages", form(body), VERSION) for body in POSTS for form in (bytes, stream)],
    *[("POST", "/v1/messages?beta=true", form(ASK), {**VERSION, "x-sim-fault": fault})
      for fault in ("400", "403", "404", "409", "413", "429", "500", "502-html", "504", "529", "529-retry-after")
      for form in (bytes, stream)],
    ("POST", "/v1/messages", stream(message_body("breaks")), {**VERSION, "x-sim-fault": "error-stream"}),
    ("POST", "/v1/messages", stream(message_body("drips")), {**VERSION, "x-sim-fault": "drip"}),
    ("POST", "/v1/messages", message_body("sampling", temperature=1.0), STRICT),
    ("POST", "/v1/messages", message_body("no version"), {"content-type": "application/json"}),
    ("POST", "/v1/messages", message_body("no type"), {**VERSION, "content-type": "text/plain"}),
    ("POST", "/v1/messages/count_tokens", ASK, VERSION),
    ("POST", "/v1/messages/count_tokens", b"{}", VERSION),
    ("GET", "/v1/models?limit=2", None, VERSION), ("GET", "/v1/models?limit=1&after_id=claude-sim-4", None, VERSION),
    ("GET", "/v1/models?limit=1&before_id=claude-sim-1", None, VERSION), ("GET", "/v1/models?limit=0", None, VERSION),
    ("GET", "/v1/models/claude-sim-3", None, VERSION), ("GET", "/v1/models/none", None, VERSION),
]
# The relay's own in the answer; what may differ between two requests; what belongs to one connection.
OWN = {"x-relay-request-id", "x-should-retry"}
VARYING = {"date", "connection", "transfer-encoding"}
REQUEST_ID = re.compile(rb"req_sim[0-9a-f]{16}")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A sim to call directly, and another one with a relay before it."""
    world = World(tmp_path_factory.mktemp("differential"))
    # One attempt a call, so that both sims are asked equally often.
    world.config.write_text("sync: {max_attempts: 1}\n")
    try:
        spares = [f"sk-spare-{number}" for number in range(8)]  # a 429 rests the key that met it
        # One organization for all of them, so that its id in the answers is the same.
        options = ("--rps", "10000", "--org", "one=" + ",".join([UPSTREAM_SECRET, *spares]))
        direct = world.sim(*options)
        _, _, client = world.serving(*options)
        for number, secret in enumerate(spares):
            world.add_key(name=f"spare{number}", secret=secret)
        with httpx.Client(base_url=direct.base, headers={"x-api-key": UPSTREAM_SECRET}, timeout=30) as source:
            yield source, client
    finally:
        world.close()


def shown(headers: httpx.Headers) -> dict[str, str]:
    """The headers that must survive, with what differs by nature made equal."""
    framed = {"content-length"} if headers["content-type"].startswith("text/event-stream") else set()
    kept = {name: value for name, value in headers.items() if name not in OWN | VARYING | framed}
    for name in kept:
        if name.endswith(("-reset", "-remaining")):  # the clock's, and each key's own
            kept[name] = "…"
    return {**kept, "request-id": REQUEST_ID.sub(b"req", kept["request-id"].encode()).decode()}


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_through_the_relay_is_as_at_the_source(pair, number):
    source, client = pair
    method, target, body, headers = CALLS[number]
    direct = source.request(method, target, content=body, headers=headers)
    through = client.http.request(method, target, content=body, headers=headers)
    print(method, target, (body or b"")[:80], direct.status_code)
    assert through.status_code == direct.status_code, through.text
    assert REQUEST_ID.sub(b"req", through.content) == REQUEST_ID.sub(b"req", direct.content)
    # What is private must not be stored on the way; the upstream's own word on it would stand.
    assert shown(through.headers) == {"cache-control": "no-store", **shown(direct.headers)}


@pytest.mark.parametrize("body", [message_body("a"), message_body("b", tools=TOOL),
                                  message_body("c", thinking={"type": "adaptive"})])
def test_the_sdk_sees_the_same_events(pair, body):
    source, client = pair
    seen = []
    for base, key in [(str(source.base_url), UPSTREAM_SECRET), (client.base, client.token)]:
        api = anthropic.Anthropic(base_url=base, api_key=key, max_retries=0)
        with api.messages.stream(**json.loads(body)) as events:
            seen.append([event.model_dump() for event in events])
    assert seen[0] == seen[1] and len(seen[0]) > 40
