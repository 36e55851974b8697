"""A process that may hold secrets shows its memory to no other program, and leaves no core file."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from world import BIN, eventually

USER = 64123


def owner(process):
    """Whose /proc/PID is: of a process that may not be dumped, root's, whoever runs it."""
    return Path(f"/proc/{process.pid}/mem").stat().st_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a process as another user and see the difference")
@pytest.mark.parametrize("words", [["keys", "add", "main"], ["serve", "--listen", "127.0.0.1:0"]])
def test_commands_that_hold_secrets_are_closed_to_other_programs_of_their_user(world, words):
    # Not in the world's folder: those above it are closed to this user.
    folder = Path(tempfile.mkdtemp())
    world.closers.append(lambda: shutil.rmtree(folder))
    os.chown(folder, USER, USER)
    as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--"]

    def start(*command):
        process = subprocess.Popen(
            [*as_user, *map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
        world.closers.append(lambda: (process.kill(), process.communicate()))
        return process

    other = start("cat")
    eventually("another program is its user's", lambda: owner(other) == USER)
    relay = start(BIN / "relay", *words, "--data", folder, "--upstream", "http://127.0.0.1:9")
    eventually("the relay is root's", lambda: Path(f"/proc/{relay.pid}/comm").read_text() == "relay\n" and owner(relay) == 0)
    assert relay.poll() is None
    limits = Path(f"/proc/{relay.pid}/limits").read_text()
    assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size")] == [["0", "0"]]
