"""The official SDK, from before and after October 2026, works unchanged; each generation has its own Python."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from world import ROOT, World

SCRIPT = Path(__file__).with_name("sdk_scenarios.py")
PREVIOUS = Path(os.environ.get("RELAY_PREVIOUS_PYTHON", ROOT / ".venv-previous/bin/python"))
PYTHONS = {"current": Path(sys.executable), "previous": PREVIOUS}
# Read, not imported: the script belongs to another process.
FUNCTIONS = [node for node in ast.parse(SCRIPT.read_text()).body if isinstance(node, ast.FunctionDef)]
NAMES = [node.name for node in FUNCTIONS if any(ast.unparse(mark) == "scenario" for mark in node.decorator_list)]


@pytest.fixture(scope="module", params=PYTHONS)
def reports(request, tmp_path_factory):
    """What became of each scenario, by name; one relay and one process of the SDK for all of them."""
    python = PYTHONS[request.param]
    assert python.exists(), f"{python} is missing: scripts/setup --tests installs it"
    world = World(tmp_path_factory.mktemp(f"sdk-{request.param}"))
    world.config.write_text("sync: {max_attempts: 1}\n")
    try:
        _, _, client = world.serving()
        for number in range(4):  # refused keys, which one scenario makes, rest for minutes
            world.add_key(name=f"spare{number}", secret=f"sk-spare-{number}")
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("RELAY_", "ANTHROPIC_"))}
        done = subprocess.run([python, SCRIPT, client.base, client.token], capture_output=True, timeout=120, env=clean)
        lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
        yield {line["name"]: line["error"] for line in lines} | {"stderr": done.stderr.decode()}
    finally:
        world.close()


@pytest.mark.parametrize("name", NAMES)
def test_scenario(reports, name):
    assert name in reports, reports["stderr"]
    assert reports[name] is None, reports[name]


def test_the_generations_differ():
    ask = "import anthropic; print(anthropic.__version__.split('.')[0])"
    versions = {name: subprocess.check_output([python, "-c", ask]).decode().strip() for name, python in PYTHONS.items()}
    assert int(versions["current"]) >= 2 > int(versions["previous"])
