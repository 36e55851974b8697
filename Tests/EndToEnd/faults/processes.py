"""What tests of several processes on one folder do with them."""

import os
import signal

from world import Client, Program, World, eventually


def another_client(world: World, program: Program, token: str) -> Client:
    """A client of another relay on the same folder, which knows the same token."""
    client = Client(program.url(), token)
    world.closers.append(client.http.close)
    return client


def freeze(world: World, program: Program) -> None:
    """SIGSTOP at an instant at which nobody writes to the queue: the program holds nothing that others need."""
    turn = (world.data / "relay.sqlite.turn").stat().st_ino

    def attempt() -> bool:
        os.kill(program.process.pid, signal.SIGSTOP)
        with open("/proc/locks") as table:  # locks of an open file, such as those of the turn, name no process
            locks = [line for line in table if f" {program.process.pid} " in line or f":{turn} " in line]
        is_free = not any(" WRITE " in line for line in locks)
        if not is_free:
            os.kill(program.process.pid, signal.SIGCONT)
        return is_free

    eventually("it holds nothing", attempt, seconds=10)


def thaw(program: Program) -> None:
    os.kill(program.process.pid, signal.SIGCONT)
