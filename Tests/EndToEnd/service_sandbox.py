"""Runs a command as systemd would run the service: an unprivileged user without capabilities, a root that nobody can write to
but for one folder, a process list of its own, and the unit's credentials with systemd's owner, mode and access list.

Usage, as root, in a mount namespace of its own: service_sandbox.py USER STATE_SOURCE STATE [NAME=FILE]... -- COMMAND...
"""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

CREDENTIALS = Path("/run/credentials/relay.service")
NOBODY = 0xFFFFFFFF


def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)


def grant(path, mode, user):
    """What systemd does to a credential: root's, with an entry for the service's user."""
    path.chmod(mode)
    rights = mode >> 6
    entries = [(1, rights, NOBODY), (2, rights, user), (4, 0, NOBODY), (16, rights, NOBODY), (32, 0, NOBODY)]
    os.setxattr(path, "system.posix_acl_access",
                struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries))


def prepare(user, source, state, credentials):
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "tmpfs", "/run")
    CREDENTIALS.mkdir(parents=True)
    for name, file in credentials.items():
        shutil.copyfile(file, CREDENTIALS / name)
        grant(CREDENTIALS / name, 0o400, user)
    grant(CREDENTIALS, 0o500, user)
    held = os.open(source, os.O_PATH | os.O_DIRECTORY)
    mount("-t", "tmpfs", "tmpfs", Path(state).parent)
    Path(state).mkdir()
    mount("--bind", f"/proc/{os.getpid()}/fd/{held}", state)
    mount("-t", "tmpfs", "tmpfs", "/tmp")
    os.chmod("/tmp", 0o1777)
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in points:
        if point not in (state, "/tmp") and not point.startswith(("/proc", "/dev", "/sys", "/run/", "/tmp/")):
            mount("-o", "remount,bind,ro", point)
    for folder in ("/", "/var/lib", "/etc", "/run"):
        assert os.statvfs(folder).f_flag & os.ST_RDONLY, f"{folder} can be written"
    mount("-t", "proc", "-o", "hidepid=invisible,subset=pid", "proc", "/proc")


def main():
    user, source, state = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    split = sys.argv.index("--")
    prepare(user, source, state, dict(pair.split("=", 1) for pair in sys.argv[4:split]))
    os.chdir(state)
    os.umask(0o077)
    os.environ.update(CREDENTIALS_DIRECTORY=str(CREDENTIALS), STATE_DIRECTORY=state)
    os.execvp("setpriv", [
        "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs", "--inh-caps=-all",
        "--bounding-set=-all", "--", *sys.argv[split + 1:]])


main()
