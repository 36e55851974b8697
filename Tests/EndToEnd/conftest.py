"""Each test gets a world of its own, which ends with it; a failed one shows what its programs printed."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from world import BIN, World  # noqa: E402


def pytest_configure():
    for name in ("relay", "claude-sim"):
        if not (BIN / name).exists():
            raise pytest.UsageError(f"{BIN / name} is missing: build it, or set RELAY_BIN_DIR")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    world = item.funcargs.get("world") if hasattr(item, "funcargs") else None
    if report.when == "call" and report.failed and world:
        report.sections.append(("programs", world.report()))
    return report


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    try:
        yield world
    finally:
        world.close()
