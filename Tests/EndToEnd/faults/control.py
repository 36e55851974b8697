"""The preloaded shim that makes system calls of a relay fail, and the file by which a test steers it."""

import errno
import mmap
import shutil
import struct
import subprocess
from pathlib import Path

from world import BIN, Program, World

SOURCE = Path(__file__).with_name("shim.c")
FIELDS = {"clock_seconds": 0, "sync_errno": 8, "write_errno": 16, "refused": 24, "files": 32}  # as in `struct control`


def compiler() -> str | None:
    """The machine's C compiler; Swift's toolchain brings one."""
    return shutil.which("cc") or shutil.which("clang")


def build_shim(folder: Path) -> Path:
    """Compiles the shim into `folder`."""
    shim = folder / "faults.so"
    options = ["-O2", "-Wall", "-Werror", "-shared", "-fPIC"]
    subprocess.run([str(compiler()), *options, "-o", str(shim), str(SOURCE), "-ldl"], check=True)
    return shim


BOTH, FILE, LOG = 0, 1, 2  # whose calls fail: relay.sqlite's, its log's


class Faults:
    """What is in force in the processes that were started with it; changes take effect at once."""

    def __init__(self, shim: Path, folder: Path) -> None:
        self.shim, self.path = shim, folder / "faults.control"
        self.path.write_bytes(bytes(8 * len(FIELDS)))
        with open(self.path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)

    def _set(self, field: str, value: int) -> None:
        struct.pack_into("=q", self.memory, FIELDS[field], value)

    @property
    def refused(self) -> int:
        """How many calls were made to fail."""
        return struct.unpack_from("=q", self.memory, FIELDS["refused"])[0]

    def syncs_fail(self, fail: bool = True, files: int = BOTH) -> None:
        self._set("files", files)
        self._set("sync_errno", errno.EIO if fail else 0)

    def writes_fail(self, fail: bool = True, files: int = BOTH) -> None:
        """As on a file system that the kernel has made read-only under an open file."""
        self._set("files", files)
        self._set("write_errno", errno.EROFS if fail else 0)

    def shift_clock(self, seconds: int) -> None:
        """Sets the wall clock to the true time and `seconds`."""
        self._set("clock_seconds", seconds)

    def relay(self, world: World, command: str = "serve") -> Program:
        """A relay of `world` under these faults."""
        listen = [] if command == "worker" else ["--listen", "127.0.0.1:0"]
        return world.started(Program(
            world.logs, BIN / "relay", command, "--data", world.data, "--config", world.config, "--upstream",
            world.upstream, *listen, environment={"LD_PRELOAD": str(self.shim), "FAULT_CONTROL": str(self.path)}))
