"""The server that contenders are measured against: nginx where it is installed, Python where it is not.

nginx runs as whoever runs the bench, in a temporary directory, with one worker, TLS 1.3 and connections that are
kept alive without limit. Every path below `/repos/` is an answer of its own, of 6 kB of JSON and good for a
minute; `/large` is one of 10 MiB.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trustme

from tests.bench._serving import BODY, Endpoint, serving

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from tests.bench._serving import HTTP

PATIENCE: Final = 10.0
"""Seconds that nginx may take to listen."""

LARGE: Final = 10 * 1024 * 1024 - 1024
"""Bytes; a little less than an API reads at most by default."""

CONFIGURATION: Final = """
worker_processes 1;
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    types {{ application/json json; }}
    open_file_cache max=10 inactive=1h;
    open_file_cache_valid 1h;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    ssl_certificate {folder}/chain.pem;
    ssl_certificate_key {folder}/key.pem;
    ssl_protocols TLSv1.3;
    server {{
        listen 127.0.0.1:{port1} ssl backlog=4096;
        listen 127.0.0.1:{port2} ssl http2 backlog=4096;
        root {folder};
        add_header Cache-Control "private, max-age=60";
        location /repos/ {{ try_files /repository.json =404; }}
        location /large {{ try_files /large.json =404; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """One server, by HTTP version; `server` says what it is."""

    server: str
    endpoints: Mapping[HTTP, Endpoint]


@contextlib.contextmanager
def site() -> Generator[Site]:
    """Serves until it is left."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        with serving("1.1") as first, serving("2") as second:
            yield Site("a server in Python, for nginx is not installed", {"1.1": first, "2": second})
        return
    with (
        tempfile.TemporaryDirectory(prefix="tux-http-bench-") as folder,
        _nginx(nginx, Path(folder)) as served,
    ):
        yield served


@contextlib.contextmanager
def _nginx(program: str, folder: Path) -> Generator[Site]:
    authority = _furnish(folder)
    ports = _free_ports()
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port1=ports[0], port2=ports[1]))
    command = [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(file)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603  # our own
    try:
        _await(process, ports, folder / "error.log")
        first, second = (f"https://localhost:{port}" for port in ports)
        endpoints: dict[HTTP, Endpoint] = {
            "1.1": Endpoint(first, "1.1", authority),
            "2": Endpoint(second, "2", authority),
        }
        yield Site(_version(program), endpoints)
    finally:
        process.terminate()
        process.wait()


def _furnish(folder: Path) -> str:
    """Writes what is served, and with what key; gives the certificate by which that is trusted."""
    authority = trustme.CA()
    leaf: Any = authority.issue_cert("localhost")  # pyright: ignore[reportUnknownMemberType]  # untyped
    (folder / "key.pem").write_bytes(leaf.private_key_pem.bytes())
    (folder / "chain.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    (folder / "repository.json").write_bytes(BODY)
    (folder / "large.json").write_bytes(large())
    return authority.cert_pem.bytes().decode("ascii")


def large() -> bytes:
    """A list of repositories as long as may be."""
    one = json.loads(BODY)
    return json.dumps([one] * (LARGE // (len(json.dumps(one)) + 2))).encode()


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _await(process: subprocess.Popen[bytes], ports: tuple[int, int], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    for port in ports:
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"nginx does not listen: {log.read_text() if log.exists() else ''}")
            time.sleep(0.01)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _version(program: str) -> str:
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr  # noqa: S603  # our own
    return said.rpartition(": ")[2].strip().replace("/", " ")
