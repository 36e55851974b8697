"""deploy/relay.service: what it says is enough to run a relay, and no more than it says is needed."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from world import BIN, QUIET, UPSTREAM_SECRET, Client, Program, message_body

UNIT = Path(__file__).parents[2] / "deploy" / "relay.service"
SANDBOX = Path(__file__).parent / "service_sandbox.py"
USER, STATE = 64123, "/var/lib/claude-relay"


class Unit:
    """The unit's text, with the commented lines about `wanted` credentials taken in use."""

    def __init__(self, *wanted):
        text = UNIT.read_text()
        for name in wanted:
            text, count = re.subn(rf"^#(?=(LoadCredential={name}:|Environment=.*%d/{name}$))", "", text, flags=re.M)
            assert count, f"the unit has no line for {name}"
        self.text = text

    def values(self, name):
        return re.findall(rf"^{name}=(.*)$", self.text, flags=re.M)

    def expanded(self, text):
        return text.replace("%d", "/run/credentials/relay.service")


class Service:
    """The unit's command in a sandbox like systemd's."""

    def __init__(self, world, unit, files):
        self.world, self.unit = world, unit
        self.state, self.etc = world.folder / "state", world.folder / "etc"
        self.state.mkdir(mode=0o700)
        os.chown(self.state, USER, USER)
        self.etc.mkdir(mode=0o700)
        for name, text in files.items():
            (self.etc / name).write_text(text)
            (self.etc / name).chmod(0o600)

    def command(self, *words):
        pairs = []
        for value in self.unit.values("LoadCredential"):
            name, path = value.split(":", 1)
            pairs.append(f"{name}={self.etc / Path(path).name}")
        return ["unshare", "--mount", sys.executable, str(SANDBOX), str(USER), str(self.state), STATE, *pairs, "--", *words]

    @property
    def environment(self):
        pairs = [pair for line in self.unit.values("Environment") for pair in self.unit.expanded(line).split()]
        return {**dict(pair.split("=", 1) for pair in pairs), "RELAY_LISTEN": "127.0.0.1:0",
                "RELAY_UPSTREAM": self.world.upstream}

    def relay(self):
        """The unit's own command; only where it listens is the tests' (and by the environment)."""
        words = shlex.split(self.unit.expanded(self.unit.values("ExecStart")[0]))
        assert words[0] == "/usr/local/bin/relay"
        command = self.command(str(BIN / "relay"), *words[1:])
        return self.world.started(Program(self.world.logs, *command, environment=self.environment))

    def cli(self, *words, stdin=b""):
        config = ["--data", STATE, "--config", "/run/credentials/relay.service/relay.yaml"]
        done = subprocess.run(
            self.command(str(BIN / "relay"), *words, *config), input=stdin, capture_output=True, timeout=60,
            env={**os.environ, **self.environment})
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()


def works(world, service):
    world.sim()
    service.cli("keys", "add", "default", stdin=UPSTREAM_SECRET.encode())
    relay = service.relay()
    client = Client(relay.url(), service.cli("tokens", "issue", "--tenant", "acme"))
    world.closers.append(client.http.close)
    assert client.ended(client.submit(message_body("as a service")))["status"] == "succeeded"
    assert service.cli("vault", "status")
    assert {path.stat().st_uid for path in service.state.rglob("*")} == {USER}
    return relay


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make such a sandbox")


@needs_root
def test_the_unit_runs_with_a_configuration_that_root_alone_may_read(world):
    service = Service(world, Unit(), {"relay.yaml": QUIET})
    relay = works(world, service)
    assert (service.state / "master.key").stat().st_mode & 0o777 == 0o600
    assert relay.stop() == 0


@needs_root
def test_the_units_lines_for_a_password_and_a_master_key_work(world):
    (world.folder / "password").write_text("correct horse\n")
    (world.folder / "password").chmod(0o600)
    plain = world.folder / "plain.yaml"
    plain.write_text('vault: {master_key: "credential:master.key"}\n' + QUIET)
    subprocess.run([BIN / "relay", "config", "encrypt", plain, "--vault-password-file", world.folder / "password"],
                   check=True, capture_output=True)
    assert plain.read_text().startswith("$ANSIBLE_VAULT")
    service = Service(world, Unit("vault-password", "master.key"), {
        "relay.yaml": plain.read_text(), "vault-password": "correct horse\n", "master.key": "0123456789abcdef" * 4 + "\n"})
    works(world, service)
    assert not (service.state / "master.key").exists()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_understands_the_unit_and_finds_little_to_say_against_it(world):
    unit = world.folder / "relay.service"
    unit.write_text(Unit("vault-password", "master.key", "aws").text.replace("/usr/local/bin/relay", str(BIN / "relay")))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert done.returncode == 0 and "relay.service" not in done.stderr, done.stderr
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=15", str(unit)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
