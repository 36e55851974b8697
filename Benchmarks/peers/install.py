"""Brings in what the peers need: Debian packages, and Python packages in a virtual environment of this benchmark."""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".bench"
"""Holds the virtual environment, the compiled load generator and, while a run lasts, the peers' data."""
POLICY = Path("/usr/sbin/policy-rc.d")


class InstallFailed(Exception):
    """What could not be installed, and the end of what the installer said."""


def enter_environment() -> None:
    """Continues this program inside the virtual environment, which is made first if there is none."""
    environment = FOLDER / "venv"
    if Path(sys.prefix) == environment:
        return
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
    python = environment / "bin/python"
    if not (environment / "bin/pip").exists():  # the last thing that is made
        if not importlib.util.find_spec("ensurepip"):  # Debian keeps it apart
            add_packages(["python3-venv"])
        venv.create(environment, with_pip=True, clear=True)
    os.execv(python, [python, *sys.argv])


def add_packages(names: Sequence[str]) -> None:
    """Installs Debian packages that are missing. Their services are not started: each run starts its own."""
    missing = [name for name in names if not installed(name)]
    if not missing:
        return
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    quiet = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    with services_held_back(sudo):
        run([*quiet, "update"])
        run([*quiet, "install", "-y", "--no-install-recommends", *missing])


def installed(package: str) -> bool:
    query = ["dpkg-query", "-W", "-f=${Status}", package]
    return subprocess.run(query, capture_output=True).stdout.startswith(b"install ok installed")


@contextlib.contextmanager
def services_held_back(sudo: Sequence[str]) -> Iterator[None]:
    """Debian starts a server as it is installed, unless this file says no. One that is already there stays."""
    ours = not POLICY.exists()
    if ours:
        text = "printf '#!/bin/sh\\nexit 101\\n' >{0} && chmod 755 {0}".format(POLICY)
        run([*sudo, "sh", "-c", text])
    try:
        yield
    finally:
        if ours:
            run([*sudo, "rm", "-f", str(POLICY)])


def add_requirements(requirements: Sequence[str]) -> None:
    if requirements:
        run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirements])


def load_generator() -> Path:
    """The compiled closed_loop.c; compiled again when its source is newer."""
    source, program = Path(__file__).with_name("closed_loop.c"), FOLDER / "closed_loop"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        compiler = shutil.which("cc") or shutil.which("clang")
        if not compiler:
            raise InstallFailed("no C compiler; apt-get install gcc libc6-dev, or put Swift's clang on the PATH")
        run([compiler, "-O2", "-o", str(program), str(source)])
    return program


def run(command: Sequence[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise InstallFailed(f"{' '.join(command)}: {done.stdout.decode(errors='replace')[-600:].strip()}")
