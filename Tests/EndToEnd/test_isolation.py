"""No tenant sees or changes what another one has: every route of the relay, by a table that must name them all."""

import json

import httpx
import pytest

from world import VERSION, eventually, job_line, message_body

OPEN = "open to everybody, says nothing of any tenant"
OWN = "acts for the caller's own tenant alone, and takes no id"
LISTS = "lists the caller's own alone"
FOREIGN = "takes an id: another tenant's is answered as one that does not exist"
OPERATORS = "refused without an operator's scope"
UPSTREAM = "goes to the upstream; nothing is kept"

TABLE = {
    "POST /v1/messages": UPSTREAM,
    "POST /v1/messages/count_tokens": UPSTREAM,
    "GET /v1/models": UPSTREAM,
    "GET /v1/models/{model}": UPSTREAM,
    "GET /api/hello": OPEN,
    "GET /healthz": OPEN,
    "GET /readyz": OPEN,
    "GET /metrics": OPEN,
    "GET /openapi.json": OPEN,
    "POST /v1/jobs": OWN,
    "GET /v1/jobs": LISTS,
    "GET /v1/jobs/{id}": FOREIGN,
    "GET /v1/jobs/{id}/result": FOREIGN,
    "GET /v1/jobs/{id}/attempts": FOREIGN,
    "POST /v1/jobs/{id}/cancel": FOREIGN,
    "POST /v1/jobs/{id}/retry": FOREIGN,
    "POST /v1/messages/batches": OWN,
    "GET /v1/messages/batches": LISTS,
    "GET /v1/messages/batches/{id}": FOREIGN,
    "GET /v1/messages/batches/{id}/results": FOREIGN,
    "POST /v1/messages/batches/{id}/cancel": FOREIGN,
    "DELETE /v1/messages/batches/{id}": FOREIGN,
    "POST /v1/webhooks": OWN,
    "GET /v1/webhooks": LISTS,
    "GET /v1/webhooks/{id}": FOREIGN,
    "PATCH /v1/webhooks/{id}": FOREIGN,
    "DELETE /v1/webhooks/{id}": FOREIGN,
    "POST /v1/webhooks/{id}/rotate": FOREIGN,
    "POST /v1/webhooks/{id}/test": FOREIGN,
    "POST /v1/webhooks/{id}/pause": FOREIGN,
    "POST /v1/webhooks/{id}/resume": FOREIGN,
    "GET /v1/webhooks/{id}/deliveries": FOREIGN,
    "POST /v1/webhooks/{id}/redeliver": OWN,
    "GET /v1/deliveries": LISTS,
    "GET /v1/deliveries/{id}": FOREIGN,
    "POST /v1/deliveries/{id}/redeliver": FOREIGN,
    "POST /v1/deliveries/redeliver": OWN,
    "GET /v1/usage": LISTS,
    "GET /admin/v1/audit": OPERATORS,
    "GET /admin/v1/egress": OPERATORS,
    "POST /admin/v1/egress/{id}/disable": OPERATORS,
    "POST /admin/v1/egress/{id}/enable": OPERATORS,
    "GET /admin/v1/tokens": OPERATORS,
    "POST /admin/v1/tokens": OPERATORS,
    "DELETE /admin/v1/tokens/{id}": OPERATORS,
    "POST /admin/v1/tokens/revoke": OPERATORS,
    "GET /admin/v1/tenants": OPERATORS,
    "GET /admin/v1/tenants/{name}": OPERATORS,
    "PATCH /admin/v1/tenants/{name}": OPERATORS,
    "DELETE /admin/v1/tenants/{name}/data": OPERATORS,
    "GET /admin/v1/usage": OPERATORS,
}

BODIES = {"PATCH": {"description": "mine"}, "POST": {}}


@pytest.fixture
def two(world):
    """A relay with what tenant acme has of everything, and clients of acme and of another tenant."""
    sim, relay, owner = world.serving()
    receiver = world.receiver()
    identifier = owner.submit(message_body("the owner's"), metadata={"whose": "acme"})
    owner.ended(identifier)
    webhook = owner.http.post("/v1/webhooks", json={"url": receiver.url}).raise_for_status().json()["id"]
    delivery = owner.http.post(f"/v1/webhooks/{webhook}/test").raise_for_status().json()["delivery"]
    eventually("the test came", lambda: receiver.deliveries)
    requests = [{"custom_id": "one", "params": json.loads(message_body("a batch"))}]
    batch = owner.http.post("/v1/messages/batches", json={"requests": requests},
                            headers={"anthropic-version": "2023-06-01"}).raise_for_status().json()["id"]
    eventually("the batch has ended", lambda: owner.http.get(
        f"/v1/messages/batches/{batch}").json()["processing_status"] == "ended")
    ids = {"jobs": identifier, "webhooks": webhook, "deliveries": delivery, "batches": batch}
    return owner, world.client(relay, tenant="other", scopes="messages,jobs,webhooks"), ids


def routes(base):
    paths = httpx.get(base + "/openapi.json").raise_for_status().json()["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def filled(route, ids):
    method, path = route.split(" ")
    for collection, identifier in ids.items():
        path = path.replace(f"/{collection}/{{id}}", f"/{collection}/{identifier}")
    return method, path.replace("{id}", "direct").replace("{name}", "acme")


def test_the_table_names_every_route(two):
    owner, _, _ = two
    assert routes(owner.base) == set(TABLE), "say of each new route how tenants are kept apart in it"


def test_what_another_tenant_has_does_not_exist(two):
    owner, stranger, ids = two
    foreign = [route for route, kind in TABLE.items() if kind == FOREIGN]
    before = {route: owner.http.request(*filled(route, ids)).text for route in foreign if route.startswith("GET")}
    for route in foreign:
        method, path = filled(route, ids)
        answer = stranger.http.request(method, path, json=BODIES.get(method))
        assert answer.status_code == 404, f"{route}: {answer.status_code} {answer.text[:300]}"
        made_up = path.replace(next(i for i in ids.values() if i in path), next(
            i for i in ids.values() if i in path)[:-4] + "0000")
        missing = stranger.http.request(method, made_up, json=BODIES.get(method))
        told = [{k: v for k, v in a.json()["error"].items() if k != "message"} for a in (answer, missing)]
        assert told[0] == told[1], f"{route} tells whether it exists"
    for route, text in before.items():
        assert owner.http.request(*filled(route, ids)).text == text, f"{route}: the owner's has changed"


def test_lists_hold_the_callers_own_alone(two):
    owner, stranger, ids = two
    for route in [route for route, kind in TABLE.items() if kind == LISTS]:
        answer = stranger.http.get(filled(route, ids)[1])
        assert answer.status_code == 200 and answer.json()["data"] == [], f"{route}: {answer.text[:300]}"
        named = stranger.http.get(filled(route, ids)[1], params={"tenant": "acme"})
        assert named.status_code in (200, 403) and "acme" not in json.dumps(named.json().get("data", [])), route
    assert owner.http.get("/v1/jobs").json()["data"], "the owner's are there"


def test_a_redelivery_reaches_no_other_tenants_events(two):
    owner, stranger, ids = two
    for path in ("/v1/deliveries/redeliver", f"/v1/webhooks/{ids['webhooks']}/redeliver"):
        answer = stranger.http.post(path, json={"since": "2020-01-01T00:00:00Z"})
        assert answer.status_code in (202, 404) and answer.json().get("count", 0) == 0, answer.text


def test_operators_routes_are_refused_to_tenants(two):
    owner, stranger, ids = two
    for route in [route for route, kind in TABLE.items() if kind == OPERATORS]:
        for client in (owner, stranger):
            answer = client.http.request(*filled(route, ids), json=BODIES.get(route.split(" ")[0]))
            assert (answer.status_code, answer.headers["x-relay-error"]) == (403, "scope_missing"), route


def test_nothing_but_the_open_routes_answers_without_a_credential(two):
    owner, _, ids = two
    for route, kind in TABLE.items():
        method, path = filled(route, ids)
        answer = httpx.request(method, owner.base + path.replace("{model}", "m"), json=BODIES.get(method), timeout=30)
        assert (answer.status_code == 401) == (kind != OPEN), f"{route}: {answer.status_code}"


def test_an_equal_idempotency_key_of_another_tenant_is_another_key(two):
    owner, stranger, _ = two
    jobs = {client.http.post("/v1/jobs", content=job_line(message_body("same")), headers={
        **VERSION, "idempotency-key": "same"}).raise_for_status().json()["id"] for client in (owner, stranger)}
    assert len(jobs) == 2
