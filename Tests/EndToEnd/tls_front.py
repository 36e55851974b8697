"""A real nginx that speaks TLS and HTTP/2 before a plain upstream, with certificates of an authority made for the test."""

import re
import shutil
import socket
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from world import World, eventually

TLS = "ssl_protocols TLSv1.2 TLSv1.3;"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """Signs for the names that its server goes by. Each has a key of its own: two of them do not trust each other."""

    def __init__(self, folder: Path, names: str = "DNS:localhost,IP:127.0.0.1,IP:::1"):
        folder.mkdir()
        self.file, self.certificate, self.key = folder / "ca.pem", folder / "server.pem", folder / "server.key"
        request, extensions = folder / "server.csr", folder / "extensions"
        extensions.write_text(f"subjectAltName={names}\n")
        openssl("req", "-x509", *CURVE, "-keyout", folder / "ca.key", "-out", self.file, "-days", "2",
                "-subj", "/CN=Tests of Claude Relay")
        openssl("req", *CURVE, "-keyout", self.key, "-out", request, "-subj", "/CN=server")
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", folder / "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", extensions, "-out", self.certificate)


@dataclass
class Exchange:
    """A line of nginx's log."""

    protocol: str
    is_session_reused: bool
    connection: str
    status: str
    address: str


class Front:
    """nginx on a free port of 127.0.0.1 and ::1, and of one more address if wanted. Restarting it ends every connection."""

    def __init__(self, world: World, authority: Authority, upstream: str, *settings: str, also: str | None = None,
                 speaks_http2: bool = True):
        if not shutil.which("nginx"):
            pytest.skip("nginx is not installed")
        self.folder = world.folder / f"nginx-{len(world.closers)}"
        self.folder.mkdir()
        self.log = self.folder / "access.log"
        self.also = also
        self.kind = "ssl http2" if speaks_http2 else "ssl"
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.configuration = self.folder / "nginx.conf"
        self.configuration.write_text(self.text(authority, upstream.removeprefix("http://"), settings))
        self.start()
        world.closers.append(self.stop)

    def text(self, authority: Authority, upstream: str, settings: tuple[str, ...]) -> str:
        places = "\n".join(
            f"    {kind}_temp_path {self.folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""\
daemon off; master_process off; pid {self.folder}/pid; error_log {self.folder}/error.log;
events {{ worker_connections 4096; }}
http {{
{places}
    log_format told '$server_protocol $ssl_session_reused $connection $status $remote_addr';
    access_log {self.log} told;
    server {{
        listen 127.0.0.1:{self.port} {self.kind};
        listen [::1]:{self.port} {self.kind};
        {f"listen {self.also}:{self.port} {self.kind};" if self.also else ""}
        ssl_certificate {authority.certificate};
        ssl_certificate_key {authority.key};
        ssl_session_cache shared:tests:1m;
        client_max_body_size 64m;
        {" ".join(settings if any("ssl_protocols" in line for line in settings) else (TLS, *settings))}
        location / {{
            proxy_pass http://{upstream};
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_read_timeout 60s;
        }}
    }}
}}
"""

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["nginx", "-p", str(self.folder), "-c", str(self.configuration)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually("nginx listens", self.accepts)

    def accepts(self) -> bool:
        assert self.process.poll() is None, (self.folder / "error.log").read_text()
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    @property
    def exchanges(self) -> list[Exchange]:
        """The calls so far; nginx logs a call at its end."""
        lines = re.findall(r"^(\S+) (\S) (\d+) (\d+) (\S+)$", self.log.read_text(), re.MULTILINE)
        return [Exchange(protocol, reused == "r", *rest) for protocol, reused, *rest in lines]

    def calls_per_connection(self) -> list[int]:
        """Most first."""
        return sorted(Counter(exchange.connection for exchange in self.exchanges).values(), reverse=True)
