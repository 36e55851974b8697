"""Encrypted configuration: what the real ansible-vault makes, the relay reads, and the other way round."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from world import BIN, Program, eventually, message_body

ANSIBLE_VAULT = Path(sys.executable).parent / "ansible-vault"
PLAIN = "listen: 127.0.0.1:0\nworker: {concurrency: 17}\n# Grüße\n"


class Safe:
    """A password file and the two tools that use it."""

    def __init__(self, world):
        self.world, self.password, self.file = world, world.folder / "password", world.folder / "sealed.yaml"
        self.password.write_text("correct horse\n")
        self.password.chmod(0o600)

    def ansible(self, *arguments):
        done = subprocess.run([str(ANSIBLE_VAULT), *map(str, arguments)], capture_output=True, timeout=60, text=True,
                              env={"HOME": str(self.world.folder), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})
        assert done.returncode == 0, done.stderr
        return done.stdout

    def seal(self, text=PLAIN, label=None):
        self.file.write_text(text)
        password = ["--vault-id", f"{label}@{self.password}"] if label else ["--vault-password-file", self.password]
        self.ansible("encrypt", *password, self.file)

    def relay(self, *arguments, password=None, **more):
        option = ["--vault-password-file", str(password or self.password)]
        command = [str(part) for part in arguments]
        done = subprocess.run([str(BIN / "relay"), *command, *option], capture_output=True, timeout=60,
                              text=True, **more)
        return done

    def check(self, **more):
        return self.relay("config", "check", "--config", self.file, **more)


@pytest.fixture
def safe(world):
    return Safe(world)


@pytest.mark.parametrize("label", [None, "prod"])
def test_what_ansible_encrypts_the_relay_reads(safe, label):
    safe.seal(label=label)
    assert safe.file.read_text().startswith(f"$ANSIBLE_VAULT;1.2;AES256;{label}" if label else "$ANSIBLE_VAULT;1.1;")
    done = safe.check()
    assert done.returncode == 0 and "worker.concurrency" in done.stdout, done.stderr
    assert [line.split() for line in done.stdout.splitlines() if "worker.concurrency" in line][0][1] == "17"
    by_environment = safe.world.cli(
        "config", "check", "--config", str(safe.file), environment={"RELAY_VAULT_PASSWORD_FILE": str(safe.password)})
    assert "17" in by_environment.stdout
    assert safe.relay("config", "decrypt", safe.file, "--output", "-").stdout == PLAIN


@pytest.mark.parametrize("label", [None, "prod"])
def test_what_the_relay_encrypts_ansible_reads(safe, label):
    safe.file.write_text(PLAIN)
    options = ["--vault-id", label] if label else []
    assert safe.relay("config", "encrypt", safe.file, *options).returncode == 0
    assert "17" not in safe.file.read_text() and safe.file.stat().st_mode & 0o777 == 0o600
    assert safe.ansible("view", "--vault-password-file", safe.password, safe.file) == PLAIN
    again = safe.relay("config", "encrypt", safe.file)
    assert again.returncode != 0 and "encrypted already" in again.stderr
    copy = safe.world.folder / "copy.yaml"
    assert safe.relay("config", "decrypt", safe.file, "--output", copy).returncode == 0
    assert copy.read_text() == PLAIN and copy.stat().st_mode & 0o777 == 0o600
    assert safe.relay("config", "decrypt", safe.file).returncode == 0 and safe.file.read_text() == PLAIN
    assert not [path for path in safe.world.folder.iterdir() if path.name.endswith(".new")]


def test_whatever_does_not_open_says_why(safe):
    safe.seal()
    other = safe.world.folder / "other"
    other.write_text("battery staple")
    other.chmod(0o600)
    wrong = safe.check(password=other)
    assert wrong.returncode != 0 and "does not open with the password" in wrong.stderr
    assert "configuration_locked" in wrong.stderr
    missing = safe.check(password=safe.world.folder / "none")
    assert missing.returncode != 0 and "is missing" in missing.stderr
    for mode, words in [(0o644, "chmod 600"), (0o660, "chmod 600"), (0o700, "runs no programs")]:
        safe.password.chmod(mode)
        refused = safe.check()
        assert refused.returncode != 0 and words in refused.stderr, refused.stderr
    safe.password.chmod(0o600)
    none = safe.world.cli("config", "check", "--config", str(safe.file), check=False)
    assert none.returncode != 0 and "RELAY_VAULT_PASSWORD_FILE" in none.stderr
    whole = safe.file.read_text()
    for cut, words in [(len(whole) // 2, "damaged"), (len(whole) - 2, "damaged"), (15, "damaged")]:
        safe.file.write_text(whole[:cut])
        damaged = safe.check()
        assert damaged.returncode != 0 and words in damaged.stderr, damaged.stderr
    for done in [wrong, missing, refused, none, damaged]:
        assert "correct horse" not in done.stderr + done.stdout and "battery" not in done.stderr


def test_an_unknown_key_in_an_encrypted_file_is_refused_with_a_suggestion(safe):
    for text, words in [("wroker: {concurrency: 3}\n", "did you mean worker?"),
                        ("worker: {concurency: 3}\n", "did you mean worker.concurrency?"),
                        ("egress: [{id: a, porxy: http://x}]\n", "did you mean proxy?"),
                        ("pacing: {limits: [{key: a, concurency: 1}]}\n", "did you mean concurrency?")]:
        safe.seal(text)
        done = safe.check()
        assert done.returncode != 0 and words in done.stderr and ":1:" in done.stderr, done.stderr


def test_a_running_relay_reads_the_encrypted_file_anew_all_or_nothing(safe):
    world = safe.world
    sim = world.sim()
    world.add_key()
    base = world.config.read_text() + "egress_probe: {keep_warm: 0s}\n"
    world.config = safe.file

    def seal(text):
        safe.seal(base + text)

    seal("egress: [{id: old, source: 127.0.0.61}]\n")
    relay = world.started(Program(
        world.logs, BIN / "relay", "serve", "--data", world.data, "--config", safe.file, "--vault-password-file",
        safe.password, "--upstream", sim.base, "--listen", "127.0.0.1:0"))
    client = world.client(relay)

    def sources():
        return {name: count["requests"] for name, count in sim.stats()["sources"].items()}

    client.ended(client.submit(message_body("old")))
    assert set(sources()) == {"127.0.0.61"}
    # The new path is good, but what stands beside it is not: neither is taken over.
    for broken in ["egress: [{id: new, source: 127.0.0.62}]\npacing: {limits: [{key: default, rps: 1}]}\n",
                   "egress: [{id: new, source: 127.0.0.62}]\nlog: {level: shout}\n"]:
        seal(broken)
        seen = relay.output.count("the configuration is refused")
        relay.process.send_signal(signal.SIGHUP)
        eventually("it is refused", lambda: relay.output.count("the configuration is refused") > seen)
    safe.file.write_text(safe.file.read_text()[:200])
    seen = relay.output.count("the configuration is refused")
    relay.process.send_signal(signal.SIGHUP)
    eventually("a damaged file is refused", lambda: relay.output.count("the configuration is refused") > seen)
    client.ended(client.submit(message_body("still old")))
    assert set(sources()) == {"127.0.0.61"}
    seal("egress: [{id: new, source: 127.0.0.62}]\n")
    relay.process.send_signal(signal.SIGHUP)
    eventually("the new file is read", lambda: "configuration read anew" in relay.output)
    client.ended(client.submit(message_body("new")))
    assert set(sources()) == {"127.0.0.61", "127.0.0.62"}
    assert "correct horse" not in relay.output


@pytest.mark.parametrize("command", [("config", "check"), ("serve",)])
def test_what_is_not_yaml_is_refused_without_a_word_of_what_stands_there(safe, command):
    safe.seal('listen: 127.0.0.1:0\negress:\n  - {id: office, proxy: "http://user:canary-77"ss@canary-78"}\n')
    done = safe.relay(*command, "--config", safe.file)
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "not YAML" in said and "line 3" in said, said
    assert "canary" not in said
