"""Webhook endpoints over HTTP and by command: made, changed, rotated, tested, paused; and what was delivered."""

import json
import re
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from world import BIN, Program, eventually, job_of, message_body


def endpoint(client, receiver, **more):
    answer = client.http.post("/v1/webhooks", json={"url": receiver.url, **more})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["location"] == f"/v1/webhooks/{made['id']}"
    return made


def verified(secret, delivery):
    headers, body = delivery
    return Webhook(secret).verify(body, headers)


def test_an_endpoint_is_shown_and_changed(world):
    sim, relay, client = world.serving()
    receiver, other = world.receiver(), world.receiver()
    made = endpoint(client, receiver, events=["job.succeeded"], description="billing", payload="thin")
    shown = client.http.get(f"/v1/webhooks/{made['id']}").json()
    assert (shown["description"], shown["payload"], shown["status"]) == ("billing", "thin", "active")
    assert "secret" not in shown
    changed = client.http.patch(f"/v1/webhooks/{made['id']}", json={"url": other.url, "description": "b2"}).json()
    assert (changed["url"], changed["description"], changed["events"]) == (other.url, "b2", ["job.succeeded"])
    client.ended(client.submit(message_body()))
    eventually("the new URL is called", lambda: other.deliveries)
    event = verified(made["secret"], other.deliveries[0])
    assert event["data"]["result"]["body"] is None and event["data"]["result_url"], "thin: no result, a link"
    assert not receiver.deliveries


@pytest.mark.parametrize("body,word", [
    ({}, "url"), ({"url": "http://127.0.0.1/x", "events": []}, "events"),
    ({"url": "http://127.0.0.1/x", "events": ["webhook.test"]}, "events"),
    ({"url": "http://127.0.0.1/x", "payload": "fat"}, "full or thin"),
    ({"url": "http://127.0.0.1/x", "egress": "nowhere"}, "direct"),
    ({"url": "http://127.0.0.1/x", "description": "x" * 201}, "200"),
    ({"url": "http://me:pw@127.0.0.1/x"}, "credentials"), ({"url": "ftp://127.0.0.1/x"}, "ftp"),
    ({"url": "http://127.0.0.1/x", "secret": "mine"}, "unknown")])
def test_a_wrong_endpoint_is_refused_with_what_is_allowed(world, body, word):
    world.add_key()
    client = world.client(world.relay("api"))
    answer = client.http.post("/v1/webhooks", json=body)
    assert answer.status_code == 400 and word in answer.json()["error"]["message"], answer.text


def test_rotation_signs_with_both_secrets_until_the_old_one_expires(world):
    sim, relay, client = world.serving()
    receiver = world.receiver()
    made = endpoint(client, receiver)
    turned = client.http.post(f"/v1/webhooks/{made['id']}/rotate", json={"overlap_seconds": 3600}).json()
    assert turned["secret"] != made["secret"] and turned["previous_secret_expires_at"]
    client.ended(client.submit(message_body()))
    eventually("the callback came", lambda: receiver.deliveries)
    for secret in (made["secret"], turned["secret"]):
        verified(secret, receiver.deliveries[0])
    last = client.http.post(f"/v1/webhooks/{made['id']}/rotate", json={"overlap_seconds": 0}).json()
    client.ended(client.submit(message_body()))
    eventually("the second callback came", lambda: len(receiver.deliveries) > 1)
    verified(last["secret"], receiver.deliveries[1])
    with pytest.raises(WebhookVerificationError):
        verified(turned["secret"], receiver.deliveries[1])


def test_a_test_event_reaches_the_endpoint_and_its_delivery_tells_what_was_answered(world):
    sim, relay, client = world.serving()
    receiver = world.receiver()
    receiver.failing = 1
    made = endpoint(client, receiver, events=["job.errored"])
    tested = client.http.post(f"/v1/webhooks/{made['id']}/test")
    assert tested.status_code == 202
    eventually("it was tried", lambda: receiver.deliveries)
    assert verified(made["secret"], receiver.deliveries[0])["type"] == "webhook.test"
    where = tested.headers["location"]
    shown = eventually("the failure is logged", lambda: (d := client.http.get(where).json())["log"] and d)
    assert (shown["log"][0]["response_status"], shown["status"]) == (500, "pending")
    assert client.http.post(where + "/redeliver").status_code == 202
    eventually("it came again", lambda: client.http.get(where).json()["status"] == "delivered")
    assert len(receiver.ids()) == 1


def test_a_paused_endpoint_gets_its_events_once_it_is_resumed(world):
    sim, relay, client = world.serving()
    receiver = world.receiver()
    made = endpoint(client, receiver)
    assert client.http.post(f"/v1/webhooks/{made['id']}/pause").json()["status"] == "paused"
    identifier = client.submit(message_body())
    client.ended(identifier)
    time.sleep(1)
    assert not receiver.deliveries
    waiting = client.http.get(f"/v1/webhooks/{made['id']}/deliveries").json()["data"]
    assert [(entry["job"], entry["status"]) for entry in waiting] == [(identifier, "pending")]
    client.http.post(f"/v1/webhooks/{made['id']}/resume").raise_for_status()
    eventually("it came", lambda: receiver.deliveries)
    assert job_of(verified(made["secret"], receiver.deliveries[0])) == identifier


def test_a_410_disables_the_endpoint_and_what_it_missed_can_be_sent_again(world):
    sim, relay, client = world.serving()
    receiver, watcher = world.receiver(), world.receiver()
    receiver.status = 410
    made = endpoint(client, receiver)
    watching = endpoint(client, watcher, events=["webhook.disabled"])
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 5))
    client.ended(client.submit(message_body("one")))
    gone = eventually("it is disabled", lambda: (
        e := client.http.get(f"/v1/webhooks/{made['id']}").json())["status"] == "disabled" and e)
    assert "410" in gone["status_reason"]
    eventually("others hear of it", lambda: watcher.deliveries)
    notice = verified(watching["secret"], watcher.deliveries[0])
    assert notice["type"] == "webhook.disabled" and notice["data"]["id"] == made["id"]
    client.ended(client.submit(message_body("two")))
    eventually("nothing waits for it", lambda: {
        entry["status"] for entry in client.http.get(f"/v1/webhooks/{made['id']}/deliveries").json()["data"]
    } == {"failed"})
    missed = client.http.get(f"/v1/webhooks/{made['id']}/deliveries").json()["data"][0]["id"]
    refused = client.http.post(f"/v1/deliveries/{missed}/redeliver")
    assert (refused.status_code, refused.headers["x-relay-error"]) == (409, "delivery_not_sendable")
    command = world.cli("webhooks", "redeliver", missed, check=False)
    assert command.returncode != 0 and "disabled" in command.stderr
    receiver.status = 204
    client.http.post(f"/v1/webhooks/{made['id']}/resume").raise_for_status()
    before = len(receiver.deliveries)
    again = client.http.post(f"/v1/webhooks/{made['id']}/redeliver", json={"since": began}).json()
    assert (again["count"], again["has_more"]) == (2, False)
    eventually("both came", lambda: len(receiver.deliveries) == before + 2)


def test_a_tenant_has_no_more_endpoints_than_allowed_and_sees_all_of_them(world):
    with world.config.open("a") as config:
        config.write("\nwebhooks.endpoints_per_tenant: 3\n")
    sim, relay, client = world.serving()
    receiver = world.receiver()
    made = [endpoint(client, receiver)["id"] for _ in range(3)]
    refused = client.http.post("/v1/webhooks", json={"url": receiver.url})
    assert (refused.status_code, refused.headers["x-relay-error"]) == (409, "webhook_limit_reached")
    assert "3 webhook endpoints" in refused.json()["error"]["message"]
    command = world.cli("webhooks", "add", receiver.url, "--tenant", "acme", "--config", str(world.config), check=False)
    assert command.returncode != 0 and "3 webhook endpoints" in command.stderr
    first = client.http.get("/v1/webhooks?limit=2").json()
    assert ([entry["id"] for entry in first["data"]], first["has_more"]) == (made[:2], True)
    second = client.http.get(f"/v1/webhooks?limit=2&after={first['last_id']}").json()
    assert ([entry["id"] for entry in second["data"]], second["has_more"]) == (made[2:], False)
    assert second["data"][0]["delivery_state"] == "passing"
    other = world.client(relay, tenant="other")
    assert other.http.post("/v1/webhooks", json={"url": receiver.url}).status_code == 201
    client.http.delete(f"/v1/webhooks/{made[0]}").raise_for_status()
    assert client.http.post("/v1/webhooks", json={"url": receiver.url}).status_code == 201


def test_an_unknown_endpoint_is_a_404_wherever_it_is_named(world):
    client = world.client(world.relay("api"))
    for method, path in (("GET", "deliveries"), ("POST", "redeliver")):
        body = {"since": "2026-01-01T00:00:00Z"} if method == "POST" else None
        answer = client.http.request(method, f"/v1/webhooks/whe_none/{path}", json=body)
        assert (answer.status_code, answer.headers["x-relay-error"]) == (404, "webhook_unknown"), path


def test_a_batch_tells_of_its_end_once(world):
    sim, relay, client = world.serving()
    receiver = world.receiver()
    made = endpoint(client, receiver, events=["batch.ended"])
    requests = [{"custom_id": f"r{number}", "params": json.loads(message_body(str(number)))} for number in range(5)]
    batch = client.http.post("/v1/messages/batches", json={"requests": requests},
                             headers={"anthropic-version": "2023-06-01"}).raise_for_status().json()
    eventually("the event came", lambda: receiver.deliveries)
    time.sleep(1)
    assert len(receiver.deliveries) == 1
    event = verified(made["secret"], receiver.deliveries[0])
    assert event["type"] == "batch.ended" and event["data"]["id"] == batch["id"]
    assert event["data"]["request_counts"]["succeeded"] == 5


def test_another_tenants_endpoints_and_deliveries_do_not_exist(world):
    sim, relay, client = world.serving()
    receiver = world.receiver()
    made = endpoint(client, receiver)
    tested = client.http.post(f"/v1/webhooks/{made['id']}/test").json()["delivery"]
    stranger = world.client(relay, tenant="other")
    for method, path in [
        ("GET", f"/v1/webhooks/{made['id']}"), ("PATCH", f"/v1/webhooks/{made['id']}"),
        ("DELETE", f"/v1/webhooks/{made['id']}"), ("POST", f"/v1/webhooks/{made['id']}/rotate"),
        ("POST", f"/v1/webhooks/{made['id']}/test"), ("POST", f"/v1/webhooks/{made['id']}/pause"),
        ("GET", f"/v1/deliveries/{tested}"), ("POST", f"/v1/deliveries/{tested}/redeliver"),
    ]:
        content = b"{}" if method in ("PATCH", "POST") else None
        answer = stranger.http.request(method, path, content=content)
        assert answer.status_code == 404, f"{method} {path}: {answer.status_code} {answer.text}"
    assert stranger.http.get("/v1/webhooks").json()["data"] == []
    assert stranger.http.get("/v1/deliveries").json()["data"] == []


def test_the_commands_do_what_the_routes_do(world):
    sim, relay, client = world.serving()
    receiver = world.receiver()
    config = ("--config", str(world.config))
    added = world.cli("webhooks", "add", receiver.url, "--tenant", "acme", "--events", "job.succeeded", *config).stdout
    identifier, secret = re.search(r"whe_\w+", added)[0], re.search(r"whsec_\S+", added)[0]
    client.ended(client.submit(message_body()))
    eventually("the callback came", lambda: receiver.deliveries)
    verified(secret, receiver.deliveries[0])
    listed = world.cli("webhooks", "list").stdout
    assert identifier in listed and secret not in listed
    assert receiver.url in world.cli("webhooks", "show", identifier).stdout
    delivery = eventually("it is logged", lambda: re.search(
        r"evt_\w+(?=.*delivered)", world.cli("webhooks", "deliveries", "--tenant", "acme").stdout))[0]
    assert "204" in world.cli("webhooks", "delivery", delivery).stdout
    world.cli("webhooks", "redeliver", delivery)
    eventually("it came again", lambda: len(receiver.deliveries) == 2)
    new = re.search(r"whsec_\S+", world.cli("webhooks", "rotate", identifier, *config).stdout)[0]
    world.cli("webhooks", "test", identifier)
    eventually("the test came", lambda: len(receiver.deliveries) == 3)
    for one in (secret, new):
        assert verified(one, receiver.deliveries[2])["type"] == "webhook.test"
    world.cli("webhooks", "pause", identifier)
    assert "paused" in world.cli("webhooks", "list").stdout
    world.cli("webhooks", "remove", identifier)
    assert world.cli("webhooks", "show", identifier, check=False).returncode != 0


def test_listen_registers_verifies_prints_and_leaves_nothing(world):
    sim, relay, client = world.serving()
    listener = world.started(Program(
        world.logs, BIN / "relay", "webhooks", "listen", "--tenant", "acme", "--port", "0", "--data", world.data,
        "--config", world.config))
    eventually("it is registered", lambda: "is registered" in listener.output)
    identifier = client.submit(message_body())
    client.ended(identifier)
    line = eventually("it is printed", lambda: re.search(r".*job\.succeeded.*", listener.out.read_text()))[0]
    assert "verified" in line
    assert listener.stop() == 0
    assert client.http.get("/v1/webhooks").json()["data"] == []
