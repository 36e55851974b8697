"""Small and read-only file systems for a test, which need the right to mount (root)."""

import errno
import os
import subprocess
from pathlib import Path

import pytest


class Mounts:
    """What a test has mounted; all of it goes with the test."""

    def __init__(self) -> None:
        self.points: list[Path] = []

    def _mount(self, point: Path, *arguments: object) -> None:
        done = subprocess.run(["mount", *map(str, arguments), str(point)], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"cannot mount here: {done.stderr.strip()}")
        self.points.append(point)

    def small(self, point: Path, size: str) -> Path:
        """An empty file system in memory."""
        point.mkdir(exist_ok=True)
        self._mount(point, "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs")
        return point

    def read_only(self, point: Path) -> None:
        """Lays a read-only view of the folder or file over itself."""
        self._mount(point, "--bind", point)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(point)], check=True)

    def unmount(self, point: Path) -> None:
        subprocess.run(["umount", str(point)], check=True)
        self.points.remove(point)

    def close(self) -> None:
        for point in reversed(self.points):
            subprocess.run(["umount", "--lazy", str(point)], check=False)


class Ballast:
    """A file that takes all the room there is."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ballast"

    def fill(self) -> None:
        """Grows until nothing is left; who else writes may take the last bytes."""
        with open(self.path, "ab", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError as full:
                assert full.errno == errno.ENOSPC, full

    def give_back(self, size: int) -> None:
        os.truncate(self.path, self.path.stat().st_size - size)

    def remove(self) -> None:
        self.path.unlink()
