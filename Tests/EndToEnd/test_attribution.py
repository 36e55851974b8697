"""A key that fails with one model, a way out that is dead and a model that hangs, all at once: each is found by its name, and
nothing else suffers."""

import re

import httpx
import pytest

from test_egress import add_keys, states, tinyproxy
from test_egress_faults import configure, forwarding, usable_keys
from world import World, eventually, job_line, message_body

SONNET, HAIKU, OPUS = "claude-sonnet-5", "claude-haiku-4-5", "claude-opus-4-5"
KEYS = 6


class Stage:
    def __init__(self, world: World, guilty: str):
        self.sim = world.sim("--latency", "20ms")
        self.guilty = guilty
        proxy, url = tinyproxy(world, "127.0.0.91")
        entry = forwarding(world, "127.0.0.1", self.sim.base.removeprefix("http://"), 0, "--source", "127.0.0.92")
        self.stop = {"proxied": proxy.stop, "entry": entry.kill}[guilty]
        self.paths = {"proxied": {"proxy": url}, "entry": {"entry": entry.url().removeprefix("http://")},
                      "one": {"source": "127.0.0.93"}, "other": {"source": "127.0.0.94"}}
        configure(world, *({"id": name, **route} for name, route in self.paths.items()))
        # A call to a model that hangs is tried again every three seconds or so.
        world.config.write_text(world.config.read_text().replace("max_attempts: 20", "max_attempts: 200"))
        add_keys(world, KEYS)
        self.relay = world.relay()
        self.client = world.client(self.relay)
        self.attempts: list[tuple[str, dict]] = []

    def submit(self, model: str, count: int) -> list[str]:
        return [answer["id"] for answer in self.client.submit_many(
            [job_line(message_body(f"{number}", model=model)) for number in range(count)])]

    def run(self) -> None:
        """Jobs for the two models that do not hang, all of which succeed; keeps their attempts."""
        # A key takes all jobs of a class that are due together, so they come in small groups.
        jobs = [(model, job) for _ in range(5) for model in (SONNET, HAIKU) for job in self.submit(model, 8)]
        for model, job in jobs:
            assert self.client.ended(job)["status"] == "succeeded"
            self.note(model, job)

    def note(self, model: str, job: str) -> None:
        answer = self.client.http.get(f"/v1/jobs/{job}/attempts").raise_for_status()
        self.attempts += [(model, attempt) for attempt in answer.json()["data"]]

    @property
    def carried(self) -> set[tuple[str, str]]:
        """The keys, each with a model, by which calls have gone well."""
        return {(attempt["key"], model) for model, attempt in self.attempts if attempt["verdict"] == "success"}

    def fault(self, **order: str) -> None:
        httpx.post(self.sim.base + "/sim/keys", json=order).raise_for_status()

    @property
    def set_aside(self) -> set[tuple[str, str]]:
        """The keys, each with a class of models, of which the log says so."""
        lines = [line for line in self.relay.output.splitlines() if "the upstream fails or refuses a key's calls" in line]
        return {re.search(r"key=(\S+) model=(\S+)", line).groups() for line in lines}

    def is_guilty(self, model: str, attempt: dict) -> bool:
        return (attempt["key"], model) == ("k1", HAIKU) or attempt["egress"] == self.guilty or model == OPUS


@pytest.mark.parametrize("guilty", ["proxied", "entry"])
def test_a_key_a_way_and_a_model_that_fail_at_once_are_told_apart(world, guilty):
    stage = Stage(world, guilty)
    stage.run()
    assert all(attempt["verdict"] == "success" for _, attempt in stage.attempts)
    stage.attempts.clear()

    stage.fault(key="sk-1", model=HAIKU, fault="500")
    stage.fault(model=OPUS, fault="hang")
    stage.stop()
    hanging = stage.submit(OPUS, 6)
    found = {name: "2" if name == guilty else "0" for name in stage.paths}
    eventually("they are found", lambda: stage.run() or (stage.set_aside and states(stage.client.base) == found), seconds=60)
    innocent = {(f"k{key}", model) for key in range(KEYS) for model in (SONNET, HAIKU)} - {("k1", HAIKU)}
    eventually("every other key carries both models", lambda: stage.run() or innocent <= stage.carried, seconds=60)
    now = states(stage.client.base)
    assert now.pop(guilty) != "0" and set(now.values()) == {"0"}
    assert stage.set_aside == {("k1", "haiku-4")}
    assert usable_keys(stage.client.base).endswith(f" {KEYS}")

    stage.fault(model=OPUS, fault="ok")
    for job in hanging:
        assert stage.client.ended(job)["status"] == "succeeded"
        stage.note(OPUS, job)
    # Whatever failed was guilty, and all other ways have carried calls meanwhile.
    failed = [(model, attempt) for model, attempt in stage.attempts if attempt["verdict"] != "success"]
    assert failed and all(stage.is_guilty(model, attempt) for model, attempt in failed), failed
    assert any((attempt["key"], model) == ("k1", HAIKU) for model, attempt in failed)
    assert ("k1", HAIKU) not in stage.carried
    well = {attempt["egress"] for _, attempt in stage.attempts if attempt["verdict"] == "success"}
    assert well == stage.paths.keys() - {guilty}
