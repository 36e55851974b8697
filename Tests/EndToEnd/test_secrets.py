"""Secrets at rest: the master key in a file, in systemd's credentials and in AWS KMS (moto), and what happens without it."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import boto3
import httpx
import pytest

from world import BIN, QUIET, UPSTREAM_SECRET, Client, Program, eventually, message_body

MOTO = Path(sys.executable).parent / "moto_server"
ACCOUNT = {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "canary/secret+1"}


class KMS:
    """moto, listening on loopback, with one key."""

    def __init__(self, world):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.world = world
        self.start()
        self.client = boto3.client("kms", endpoint_url=self.url, region_name=ACCOUNT["AWS_REGION"],
                                   aws_access_key_id="setup", aws_secret_access_key="setup")
        self.key = self.client.create_key()["KeyMetadata"]["KeyId"]

    def start(self):
        log = open(self.world.logs / "moto.err", "ab")
        self.process = subprocess.Popen([str(MOTO), "-H", "127.0.0.1", "-p", str(self.port)], stdout=log, stderr=log)
        self.world.closers.append(self.stop)

        def up():
            try:
                return httpx.get(self.url + "/moto-api/data.json", timeout=2).status_code == 200
            except httpx.HTTPError:
                return False

        eventually("moto listens", up, seconds=60)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)

    def checks_signatures(self):
        """From now on moto verifies signatures, as AWS does. Returns the environment of a user who may do everything."""
        iam = boto3.client("iam", endpoint_url=self.url, region_name=ACCOUNT["AWS_REGION"],
                           aws_access_key_id="setup", aws_secret_access_key="setup")
        iam.create_user(UserName="relay")
        iam.put_user_policy(UserName="relay", PolicyName="all", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
        key = iam.create_access_key(UserName="relay")["AccessKey"]
        httpx.post(self.url + "/moto-api/reset-auth", content=b"0").raise_for_status()
        return {**ACCOUNT, "AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


@pytest.fixture
def kms(world):
    return KMS(world)


def configured(world, text):
    world.config.write_text(re.sub(r"vault:.*\n", "", world.config.read_text()) + text)
    return ["--config", str(world.config)]


def serve(world, environment=None):
    if "egress_probe" not in (text := world.config.read_text()):
        world.config.write_text(text + QUIET)
    return world.started(Program(
        world.logs, BIN / "relay", "serve", "--data", world.data, "--config", world.config, "--upstream",
        world.upstream, "--listen", "127.0.0.1:0", environment=environment))


def refused(world, words, environment=None):
    """A start that must fail at once, with `words`."""
    relay = serve(world, environment)
    assert relay.process.wait(30) != 0
    assert words in relay.output, relay.output
    assert UPSTREAM_SECRET not in relay.output
    return relay.output


def works(client, text):
    assert client.ended(client.submit(message_body(text)))["status"] == "succeeded"


def status(world, *options, environment=None):
    return world.cli("vault", "status", *options, environment=environment).stdout


def test_a_lost_or_foreign_master_key_is_a_clear_error_and_changes_nothing(world):
    world.sim()
    world.add_key()
    key = world.data / "master.key"
    right = key.read_bytes()
    key.unlink()
    text = refused(world, "master.key is missing")
    assert "Restore it" in text and "master_key_unusable" in text and not key.exists()
    for command in [("keys", "add", "other"), ("tokens", "issue", "--tenant", "acme"), ("doctor",)]:
        done = world.cli(*command, stdin=b"secret", check=False)
        assert done.returncode != 0 and "is missing" in done.stdout + done.stderr and not key.exists()
    key.write_text("ab" * 32 + "\n")
    key.chmod(0o600)
    assert "master_key_mismatch" in refused(world, "is not the one that this store's secrets are sealed for")
    key.write_bytes(right)
    key.chmod(0o644)
    assert "chmod 600" in refused(world, "has mode 644")
    key.chmod(0o600)
    works(world.client(serve(world)), "again")


def test_keys_rotate_while_a_relay_runs_and_tokens_stay_good(world):
    world.sim()
    world.add_key()
    relay = serve(world)
    client = world.client(relay)
    receiver = world.receiver()
    client.http.post("/v1/webhooks", json={"url": receiver.url, "events": ["job.succeeded"]}).raise_for_status()
    works(client, "before")
    old = (world.data / "master.key").read_bytes()
    shared = world.cli("webhooks", "secret", "--tenant", "acme").stdout
    for turn in range(2):
        rotation = world.started(Program(
            world.logs, BIN / "relay", "vault", "rotate", "--data", world.data, "--config", world.config))
        count = 0
        while rotation.running:
            works(client, f"during {turn} {count}")
            count += 1
        assert rotation.process.wait() == 0, rotation.output
        assert "2 secrets wrapped anew" in rotation.output
        works(client, f"after {turn}")
        assert "Secrets: 2 under the current key, 0 under older ones" in status(world)
    new = (world.data / "master.key").read_bytes()
    assert new != old and not (world.data / "master.key.next").exists()
    assert world.cli("webhooks", "secret", "--tenant", "acme").stdout == shared
    assert "does not open" not in relay.output
    world.add_key(name="second")
    assert relay.stop() == 0
    again = serve(world)
    client.http.base_url = again.url()  # with the token from before
    works(client, "restarted")
    eventually("every callback is delivered", lambda: len(receiver.ids()) == sum(
        1 for _ in client.http.get("/v1/jobs", params={"limit": 1000}).json()["data"]))
    again.stop()
    (world.data / "master.key").write_bytes(old)
    refused(world, "is not the one that this store's secrets are sealed for")


def test_a_relay_that_stalls_over_a_rotation_stores_nothing_under_the_old_key(world):
    world.sim()
    world.add_key()
    relay = serve(world)
    client = world.client(relay)
    receiver = world.receiver()
    works(client, "before")
    os.kill(relay.process.pid, signal.SIGSTOP)
    try:
        world.cli("vault", "rotate", "--config", str(world.config))
    finally:
        os.kill(relay.process.pid, signal.SIGCONT)
    made = client.http.post("/v1/webhooks", json={"url": receiver.url, "events": ["job.succeeded"]})
    made.raise_for_status()
    assert "Secrets: 2 under the current key, 0 under older ones" in status(world)
    works(client, "after")
    eventually("the callback is delivered", lambda: len(receiver.ids()) == 1)
    relay.stop()
    works(world.client(serve(world)), "restarted")


def test_what_no_key_opens_keeps_the_old_keys_and_is_named(world):
    world.sim()
    world.add_key()
    world.add_key(name="broken")
    with sqlite3.connect(world.data / "relay.sqlite") as store:
        store.execute("UPDATE keys SET secret = x'0201' WHERE id = 'broken'")
    done = world.cli("vault", "rotate", "--config", str(world.config), check=False)
    assert done.returncode != 0 and "key broken" in done.stderr and "relay keys add" in done.stderr
    assert not (world.data / "master.key.next").exists()
    works(world.client(serve(world)), "with both keys")
    world.cli("keys", "remove", "broken")
    world.cli("vault", "rotate", "--config", str(world.config))
    assert "Secrets: 1 under the current key, 0 under older ones" in status(world)


def test_a_systemd_credential_holds_the_master_key(world):
    world.sim()
    credentials = world.folder / "credentials"
    credentials.mkdir()
    (credentials / "relay").write_text("0123456789abcdef" * 4 + "\n")
    (credentials / "relay").chmod(0o400)
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    options = configured(world, 'vault: {master_key: "credential:relay"}\n')
    world.cli("keys", "add", "default", *options, stdin=UPSTREAM_SECRET.encode(), environment=environment)
    assert not (world.data / "master.key").exists()
    assert "CREDENTIALS_DIRECTORY is not set" in refused(world, "master_key_unusable")
    relay = serve(world, environment)
    relay.url()
    world.cli("vault", "rotate", *options, environment=environment)
    assert "0 under older ones" in status(world, *options, environment=environment)


def test_aws_kms_holds_the_master_key(world, kms):
    world.sim()
    environment = kms.checks_signatures()
    options = configured(world, f'vault: {{master_key: "kms:{kms.key}", kms_endpoint: "{kms.url}"}}\n')
    world.cli("keys", "add", "default", *options, stdin=UPSTREAM_SECRET.encode(), environment=environment)
    assert not (world.data / "master.key").exists() and (world.data / "master.kms").stat().st_mode & 0o077 == 0
    token = world.cli("tokens", "issue", "--tenant", "acme", *options, environment=environment).stdout.strip()

    def client_of(relay):
        client = Client(relay.url(), token)
        world.closers.append(client.http.close)
        return client

    relay = serve(world, environment)
    client = client_of(relay)
    works(client, "before")
    before = (world.data / "master.kms").read_text()
    world.cli("vault", "rotate", *options, environment=environment)
    assert (world.data / "master.kms").read_text() != before
    assert len(json.loads((world.data / "master.kms").read_text())) == 1
    works(client, "rotated")
    relay.stop()
    relay = serve(world, environment)
    works(client_of(relay), "restarted")
    relay.stop()
    wrong = {**environment, "AWS_SECRET_ACCESS_KEY": "wrong"}
    text = refused(world, "answered HTTP 403", environment=wrong)
    assert "key_service_unavailable" in text and "AWS_REGION" in text
    refused(world, "the environment does not say how to get there")
    kms.stop()
    text = refused(world, "did not answer", environment=environment)
    assert environment["AWS_SECRET_ACCESS_KEY"] not in text


def test_a_store_moves_from_a_file_to_kms_and_back(world, kms):
    world.sim()
    world.add_key()
    token = world.token()
    setting = f'vault: {{kms_endpoint: "{kms.url}"}}\n'
    options = configured(world, setting)
    done = world.cli("vault", "rewrap", "--to", f"kms:{kms.key}", *options, environment=ACCOUNT)
    assert f"Set vault.master_key: kms:{kms.key}" in done.stdout
    assert "file:" in status(world, *options)  # both open it
    options = configured(world, f'vault: {{master_key: "kms:{kms.key}", kms_endpoint: "{kms.url}"}}\n')
    world.cli("vault", "rewrap", *options, environment=ACCOUNT)
    (world.data / "master.key").rename(world.folder / "old.key")
    relay = serve(world, ACCOUNT)
    client = Client(relay.url(), token)
    world.closers.append(client.http.close)
    works(client, "by kms")
    relay.stop()
    safe = world.folder / "safe.key"
    world.cli("vault", "rewrap", "--to", f"file:{safe}", *options, environment=ACCOUNT)
    configured(world, f'vault: {{master_key: "file:{safe}"}}\n')
    works(Client(serve(world).url(), token), "by file")


def test_an_endpoint_of_kms_in_the_clear_is_refused(world):
    options = configured(world, 'vault: {kms_endpoint: "http://kms.example.com"}\n')
    done = world.cli("config", "check", *options, check=False)
    assert done.returncode != 0 and "vault.kms_endpoint" in done.stderr
    options = configured(world, 'vault: {master_key: "vault:x"}\n')
    done = world.cli("config", "check", *options, check=False)
    assert done.returncode != 0 and "file:PATH, credential:NAME and kms:KEY-ID" in done.stderr
