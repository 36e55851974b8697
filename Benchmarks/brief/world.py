"""What is measured: a simulator behind wide-area paths, and a relay with ten keys that uses all of them."""

import asyncio
import json
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

from rig import BIN, Rig, clean_environment

KEYS = [f"key{number}" for number in range(10)]
HOST = "api.sim.test"
FAULTS = {"500": 0.02, "502-html": 0.01, "504": 0.01, "529": 0.02, "529-retry-after": 0.005, "429": 0.02,
          "reset": 0.015, "reset-body": 0.005, "truncated-json": 0.005, "drip": 0.005, "slow-first-byte": 0.005}
"""12 % of all kinds that are not the caller's own mistakes; drip and slow-first-byte are late, not wrong."""


class Certificates:
    """A test authority and a certificate of the simulated API's name, made by openssl."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.certificate, self.key = (folder / name for name in ("ca.pem", "api.pem", "api.key"))
        request, extensions = folder / "api.csr", folder / "api.ext"
        extensions.write_text(f"subjectAltName=DNS:{HOST}\n")
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        self.openssl("req", "-x509", *curve, "-keyout", folder / "ca.key", "-out", self.authority, "-days", "2",
                     "-subj", "/CN=Test authority")
        self.openssl("req", *curve, "-keyout", self.key, "-out", request, "-subj", f"/CN={HOST}")
        self.openssl("x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", folder / "ca.key", "-days", "2",
                     "-CAcreateserial", "-extfile", extensions, "-out", self.certificate)

    def openssl(self, *arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def context(self, version: ssl.TLSVersion) -> ssl.SSLContext:
        """A client's that speaks this version of TLS."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.minimum_version = context.maximum_version = version
        return context


class World:
    """A simulator and paths to it; `start_relay` adds a relay. Use as a context: it ends all its programs."""

    def __init__(self, *sim: str, rtt: float, paths: int, certificates: Certificates | None, seed: int) -> None:
        self.rig, self.rtt, self.certificates = Rig(), rtt, certificates
        self.sim_options, self.path_count, self.seed = sim, paths, seed

    def __enter__(self) -> "World":
        self.rig.__enter__()
        try:
            _, self.sim = self.rig.start(
                "claude-sim", "--listen", "127.0.0.1:0", "--quiet", "--seed", str(self.seed), "--slow", "2s",
                *self.sim_options)
            self.start_paths()
        except BaseException:
            self.rig.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.rig.__exit__()

    def start_paths(self) -> None:
        tls = []
        if self.certificates:
            tls = ["--certificate", str(self.certificates.certificate), "--key", str(self.certificates.key)]
        self.wan = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("wan.py"), self.sim.removeprefix("http://"), "--rtt",
             str(self.rtt), "--paths", str(self.path_count), *tls],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_environment())
        self.rig.programs.append(self.wan)
        self.paths = json.loads(self.wan.stdout.readline())["paths"]

    def set_path(self, path: int, state: str) -> None:
        self.wan.stdin.write(json.dumps({"path": path, "state": state}).encode() + b"\n")
        self.wan.stdin.flush()

    def start_relay(self, rps: float, relay_tls: bool) -> None:
        """Ten keys of `rps` each; every path of the network is an egress path."""
        scheme = "https" if relay_tls else "http"
        config = {
            "upstream": f"{scheme}://{HOST}",
            "egress": [{"id": f"path{number}", "entry": entry} for number, entry in enumerate(self.paths)],
            "upstream_timeouts": {"connect": "3s", "first_byte": "10s"},
            "retry": {"base": "100ms", "cap": "2s", "max_attempts": 30},
            "sync": {"max_attempts": 8},
        }
        if relay_tls:
            config["upstream_tls"] = {"ca_file": str(self.certificates.authority)}
        file = self.rig.folder / "relay.yaml"
        file.write_text(json.dumps(config))  # JSON is YAML
        for key in KEYS:
            self.rig.cli("keys", "add", key, "--rps", str(rps), stdin=key.encode())
        self.token = self.rig.cli("tokens", "issue", "--tenant", "bench")
        self.relay, self.base = self.rig.start(
            "relay", "serve", "--data", self.rig.data, "--config", file, "--listen", "127.0.0.1:0")

    def control(self, route: str, body: object = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.sim}/sim/{route}", data=data, timeout=30) as answer:
            return json.load(answer)

    async def stats(self) -> dict:
        return await asyncio.to_thread(self.control, "stats")


def relay_takes_authority(folder: Path, authority: Path) -> bool:
    """Whether this build of the relay knows `upstream_tls.ca_file`; libcurl itself obeys no environment variable."""
    file = folder / "probe.yaml"
    file.write_text(json.dumps({"upstream_tls": {"ca_file": str(authority)}}))
    command = [BIN / "relay", "config", "check", "--config", file, "--data", folder / "probe"]
    return subprocess.run(command, capture_output=True, env=clean_environment()).returncode == 0


def program_fault_options() -> list[str]:
    return [option for kind, share in FAULTS.items() for option in ("--fault", f"{kind}={share}")]


