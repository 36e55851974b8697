"""The commands, and that no secret leaves through them."""

import re
from pathlib import Path

import pytest

from world import BIN, Program, UPSTREAM_SECRET, message_body


def test_help_names_every_command(world):
    text = world.cli("--help").stdout
    for command in ["serve", "api", "worker", "keys", "tokens", "jobs", "batch", "status", "doctor", "config"]:
        assert re.search(rf"^\s+{command}\s", text, re.MULTILINE), command
        assert world.cli(command, "--help").stdout


def test_the_first_start_needs_nothing_and_says_what_is_next(world):
    world.config.unlink()
    program = world.started(Program(
        world.logs, BIN / "relay", "serve", "--data", world.data, "--listen", "127.0.0.1:0"))
    program.url()
    assert "relay keys add" in program.output and "relay tokens issue" in program.output
    assert program.stop() == 0


def test_keys_are_added_listed_and_removed_without_being_shown(world):
    assert UPSTREAM_SECRET not in world.add_key("--rps", "5").stdout
    listed = world.cli("keys", "list")
    assert "default" in listed.stdout and UPSTREAM_SECRET not in listed.stdout + listed.stderr
    world.cli("keys", "remove", "default")
    assert "default" not in world.cli("keys", "list").stdout.split("relay keys add")[0]
    missing = world.cli("keys", "remove", "default", check=False)
    assert missing.returncode != 0 and "There is no key" in missing.stderr
    for arguments in [("keys", "add", "no spaces allowed"), ("keys", "add", "x", "--rps", "0")]:
        assert world.cli(*arguments, stdin=b"secret", check=False).returncode != 0
    assert world.cli("keys", "add", "empty", check=False).returncode != 0


def test_jobs_status_and_doctor_show_what_is_there(world):
    sim, relay, client = world.serving()
    identifier = client.submit(message_body("look at me"))
    client.ended(identifier)
    assert identifier in world.cli("jobs", "list").stdout
    shown = world.cli("jobs", "show", identifier).stdout
    assert "succeeded" in shown and "success" in shown
    body = world.cli("jobs", "show", identifier, "--result").stdout.encode()
    assert body == client.result(identifier).content
    assert world.cli("jobs", "show", "job_unknown", check=False).returncode != 0
    listen = relay.url().removeprefix("http://")
    status = world.cli("status", "--listen", listen).stdout
    assert re.search(r"jobs\s+succeeded\s+1\b", status) and "is ready" in status
    doctor = world.cli("doctor", "--upstream", sim.base, "--config", str(world.config), check=False)
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    broken = world.cli("doctor", "--upstream", "http://127.0.0.1:9", check=False)
    assert broken.returncode == 1 and "FAIL" in broken.stdout


def test_a_batch_file_is_submitted_and_its_results_are_written(world, tmp_path):
    sim, relay, client = world.serving()
    examples = Path(__file__).resolve().parents[2] / "examples/batch.jsonl"
    out = tmp_path / "results.jsonl"
    done = world.cli("batch", "submit", str(examples), "--wait", "--out", str(out), "--relay", client.base,
                     environment={"RELAY_TOKEN": client.token})
    lines = examples.read_bytes().count(b"\n")
    assert f"{lines} of {lines} jobs succeeded" in done.stdout, done.stdout + done.stderr
    assert out.read_bytes().count(b"\n") == lines


@pytest.mark.parametrize("text,word", [
    ("worker: {lees: 3s}", "lease"), ("retry: {base: soon}", "soon"), ("worker: [", "YAML")])
def test_a_mistake_in_the_configuration_is_named(world, text, word):
    world.config.write_text(text)
    done = world.cli("config", "check", "--config", str(world.config), check=False)
    assert done.returncode != 0 and word in done.stderr, done.stderr


def test_no_secret_is_in_files_logs_or_arguments(world):
    sim, relay, client = world.serving()
    client.ended(client.submit(message_body()))
    client.http.post("/v1/messages", content=message_body(), headers={"anthropic-version": "2023-06-01"})
    client.http.post("/v1/messages", content=message_body(), headers={
        "anthropic-version": "2023-06-01", "x-sim-fault": "401"})
    arguments = Path(f"/proc/{relay.process.pid}/cmdline").read_bytes()
    kept = {path: path.read_bytes() for path in [*world.data.rglob("*"), *world.logs.iterdir()] if path.is_file()}
    assert any(path.name == "relay.sqlite" for path in kept)
    for secret in [UPSTREAM_SECRET.encode(), client.token.encode()]:
        assert secret not in arguments
        assert [path.name for path, content in kept.items() if secret in content] == []
    assert (world.data / "master.key").stat().st_mode & 0o077 == 0
    assert relay.stop() == 0
