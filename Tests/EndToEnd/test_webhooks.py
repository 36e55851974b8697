"""Callbacks: signed, repeated with the same id, and never to where they must not go."""

import base64
import re
import time

import pytest
import svix.webhooks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from world import eventually, job_line, job_of, message_body


def test_a_registered_endpoint_gets_events_that_its_secret_verifies(world):
    sim, relay, client = world.serving()
    receiver = world.receiver()
    endpoint = client.http.post("/v1/webhooks", json={"url": receiver.url, "events": ["job.succeeded"]}).json()
    listed = client.http.get("/v1/webhooks").json()["data"]
    assert [entry["id"] for entry in listed] == [endpoint["id"]]
    assert "secret" not in listed[0], "the secret is shown once"
    body = message_body("call me")
    identifier = client.submit(body)
    eventually("the callback came", lambda: receiver.deliveries)
    headers, delivered = receiver.deliveries[0]
    event = Webhook(endpoint["secret"]).verify(delivered, headers)
    assert event["type"] == "job.succeeded" and job_of(event) == identifier
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint["secret"]).verify(delivered + b" ", headers)
    assert svix.webhooks.Webhook(endpoint["secret"]).verify(delivered, headers) == event
    with pytest.raises(svix.webhooks.WebhookVerificationError):
        svix.webhooks.Webhook(endpoint["secret"]).verify(delivered + b" ", headers)


def test_whoever_knows_the_public_key_alone_can_check_who_signed(world):
    sim, relay, client = world.serving()
    receiver = world.receiver()
    endpoint = client.http.post("/v1/webhooks", json={"url": receiver.url}).json()
    client.submit(message_body())
    eventually("the callback came", lambda: receiver.deliveries)
    headers, body = receiver.deliveries[0]
    check_with_public_key(endpoint["public_key"], headers, body)


def check_with_public_key(public_key: str, headers, body: bytes) -> None:
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    signature, = [base64.b64decode(part[4:]) for part in headers["webhook-signature"].split() if part.startswith("v1a,")]
    key.verify(signature, signed)
    with pytest.raises(InvalidSignature):
        key.verify(signature, signed + b" ")


def test_a_failed_delivery_is_repeated_with_the_same_id(world):
    sim, relay, client = world.serving()
    receiver = world.receiver()
    receiver.failing = 1
    client.http.post("/v1/webhooks", json={"url": receiver.url}).raise_for_status()
    client.submit(message_body())
    eventually("it came twice", lambda: len(receiver.deliveries) >= 2, seconds=40)
    assert len(receiver.ids()) == 1


def test_a_job_names_its_own_receiver_and_the_tenants_secret_verifies(world):
    sim, relay, client = world.serving()
    receiver = world.receiver()
    identifier = client.submit(message_body(), webhook=receiver.url)
    secret = world.cli("webhooks", "secret", "--tenant", "acme").stdout.strip()
    eventually("the callback came", lambda: receiver.deliveries)
    headers, delivered = receiver.deliveries[0]
    assert job_of(Webhook(secret).verify(delivered, headers)) == identifier
    key = re.search(r"whpk_\S+", world.cli("webhooks", "secret", "--tenant", "acme").stderr)[0]
    check_with_public_key(key, headers, delivered)


def test_a_removed_endpoint_hears_no_more(world):
    sim, relay, client = world.serving()
    receiver = world.receiver()
    endpoint = client.http.post("/v1/webhooks", json={"url": receiver.url}).json()["id"]
    assert client.http.delete(f"/v1/webhooks/{endpoint}").status_code == 200
    assert client.http.delete(f"/v1/webhooks/{endpoint}").headers["x-relay-error"] == "webhook_unknown"
    assert client.ended(client.submit(message_body()))["status"] == "succeeded"
    time.sleep(0.5)
    assert not receiver.deliveries


def test_plain_http_is_refused_by_default(world):
    world.config.write_text("")
    world.add_key()
    client = world.client(world.relay("api"))
    for answer in [
        client.http.post("/v1/webhooks", json={"url": "http://example.com/hook"}),
        client.http.post("/v1/jobs", content=job_line(message_body(), webhook="http://example.com/hook")),
    ]:
        assert (answer.status_code, answer.headers["x-relay-error"]) == (400, "webhook_refused"), answer.text


def test_a_private_address_is_not_called_by_default(world):
    world.config.write_text('webhooks: {allow_http: true, allow_ports: ["1-65535"]}\n')
    sim, relay, client = world.serving()
    receiver = world.receiver()
    registered = client.http.post("/v1/webhooks", json={"url": receiver.url})
    assert registered.status_code in (201, 400)
    assert client.ended(client.submit(message_body()))["status"] == "succeeded"
    time.sleep(1.5)
    assert not receiver.deliveries, "loopback was called without allow_networks"
